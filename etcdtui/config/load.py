"""Reads a configuration file into `Config`, or says in one line what is wrong with it and where."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from etcdtui import paths
from etcdtui.config.profiles import ClientProfile, Config
from etcdtui.errors import ConfigError
from etcdtui.model.text import clean

MAX_BYTES = 1_000_000
"""More than any configuration; a device or a log named by mistake stops here."""


def find_file(named: str | None, environ: Mapping[str, str] = os.environ) -> tuple[Path, bool]:
    """The file to read, and whether somebody named it: ``--config``, ``ETCDTUI_CONFIG``, the XDG path."""
    if word := named or environ.get("ETCDTUI_CONFIG", ""):
        return Path(word).expanduser(), True
    return paths.config_file(), False


def load(
    file: Path, *, required: bool = True, actions: Callable[[], Collection[str]] | None = None
) -> Config:
    """Read and check a configuration file. An empty one sets nothing.

    Args:
        required: whether its absence is an error; otherwise it gives the defaults.
        actions: gives the action IDs that a keymap may name; asked only when there is a keymap.
            None leaves the IDs unchecked.

    Raises:
        ConfigError: naming the file and, inside it, the line and the key.
    """
    try:
        text = read_text(file)
    except FileNotFoundError:
        if required:
            raise ConfigError(str(file), None, "", "there is no such file") from None
        return Config()
    # Only a launch with a configuration file pays for the YAML parser.
    from etcdtui.config.parse import parse
    from etcdtui.config.syntax import compose
    from etcdtui.config.tree import Tree

    root = compose(str(file), text)
    if root is None:
        return Config(file=file)
    config = parse(Tree(str(file), root), file, actions)
    return _with_warnings(config, file)


def read_text(file: Path) -> str:
    """The file's text. Raises FileNotFoundError, and ConfigError for what is none."""
    try:
        if file.is_dir():
            raise ConfigError(str(file), None, "", "expected a file, found a directory")
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(str(file), None, "", f"cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(str(file), None, "", f"expected at most {MAX_BYTES} bytes of YAML")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(file), line, "", "expected UTF-8 text") from None


def _with_warnings(config: Config, file: Path) -> Config:
    secret = [p.name for p in config.profiles.values() if isinstance(p, ClientProfile) and p.password]
    mode = stat.S_IMODE(file.stat().st_mode)
    if not secret or not mode & 0o044:
        return config
    warning = (
        f"{file}: profiles.{clean(secret[0])}.password can be read by other users of this machine "
        f"(mode {mode:04o}): chmod 600 it, or use password_file or password_command"
    )
    return Config(config.ui, config.profiles, config.default, config.file, (warning,))
