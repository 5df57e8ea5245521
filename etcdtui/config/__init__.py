"""Configuration: YAML to typed profiles; an error names file, line and key."""

from etcdtui.config.load import find_file, load
from etcdtui.config.profiles import (
    ChangeLock,
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
