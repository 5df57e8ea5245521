"""Configuration: YAML to typed profiles; an error names file, line and key."""

from etcdtui.config.load import find_file, load
from etcdtui.config.profiles import (
    ChangeLock,
    ClientProfile,
    Config,
    EndpointsProfile,
    HostTls,
    KubeProfile,
    LocalProfile,
    Profile,
    SshHost,
    SshProfile,
    TlsPaths,
    UiSettings,
)

__all__ = [
    "ChangeLock",
    "ClientProfile",
    "Config",
    "EndpointsProfile",
    "HostTls",
    "KubeProfile",
    "LocalProfile",
    "Profile",
    "SshHost",
    "SshProfile",
    "TlsPaths",
    "UiSettings",
    "find_file",
    "load",
]
