"""``ssh_config`` read as ssh reads it: paramiko's parser, plus Include and the tokens it leaves out."""

from __future__ import annotations

import getpass
import glob
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from etcdtui.errors import ConfigError

SYSTEM = Path("/etc/ssh/ssh_config")
DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
_DEPTH = 16
"""ssh's own limit for nested includes (``readconf.c``, READCONF_MAX_DEPTH)."""
_LINE = re.compile(r"^\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*$")
HARMLESS = re.compile(r"[\w.:%@+][\w.:%@+-]*", re.ASCII)
"""Names of hosts and users that are one word to any shell, and no option to a command."""
_CERTIFICATE = "\0"
"""Before the name of a certificate's file among those of keys."""

Options = dict[str, str | list[str] | None]
"""Lower-case keyword to its value; identity files are a list."""


class SshConfig:
    """The configuration of one user.

    Args:
        file: the file to read instead of the user's and the system's.

    Raises:
        ConfigError: a file cannot be parsed; it names the file.
    """

    def __init__(self, file: Path | None = None) -> None:
        if file is not None and not file.exists():
            raise ConfigError(str(file), None, "", "there is no such file")
        files = (file,) if file is not None else (Path.home() / ".ssh" / "config", SYSTEM)
        # One parser a file: in the system's file a setting counts only where the user's says nothing.
        self._parsed = [(path, _parse(path)) for path in files if path.exists()]

    def options(self, host: str, user: str = "", port: int | None = None) -> Options:
        """What the files say about a host.

        Args:
            user: given on the command line: it counts for ``Match user`` and ``%r``.

        Raises:
            ConfigError: a Match that paramiko cannot evaluate.
        """
        from paramiko.ssh_exception import ConfigParseError, CouldNotCanonicalize

        from etcdtui.sites.ssh.matching import Parser

        given: Options = {}
        if user:
            given["user"] = user
        if port:
            given["port"] = str(port)
        found: Options = dict(given)
        for path, parsed in self._parsed:
            whole = Parser()
            whole._config = [{"host": ["*"], "config": dict(given)}, *parsed]
            try:
                options = whole.lookup(host)
            except (ConfigParseError, CouldNotCanonicalize, OSError, ValueError, KeyError) as error:
                raise ConfigError(str(path), None, "", f"cannot be applied to {host}: {error}") from None
            for key, value in options.items():
                if key == "identityfile":
                    _sort(found, _list(value))
                elif key != "hostname" or path is self._parsed[0][0] or value != host:
                    found.setdefault(key, value)
        return found


def _sort(found: Options, files: list[str]) -> None:
    """Add files to those of keys and to those of certificates, the first named first."""
    for file in files:
        key = "certificatefile" if file.startswith(_CERTIFICATE) else "identityfile"
        known = found.setdefault(key, [])
        if isinstance(known, list) and (name := file.removeprefix(_CERTIFICATE)) not in known:
            known.append(name)


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _parse(path: Path) -> list[Mapping[str, object]]:
    from paramiko import SSHConfig
    from paramiko.ssh_exception import ConfigParseError

    config = SSHConfig()
    try:
        config.parse(list(_lines(path, 0)))
    except ConfigParseError as error:
        raise ConfigError(str(path), None, "", str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), None, "", f"cannot be read: {error}") from None
    parsed: list[Mapping[str, object]] = config._config
    return parsed


def _lines(path: Path, depth: int) -> Iterator[str]:
    """The lines of a file with every Include replaced by what it names.

    An Include within a block belongs to that block, so the block is opened again behind it.
    """
    block = "Host *"
    if depth > _DEPTH:
        raise ConfigError(str(path), None, "", "includes itself")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = _LINE.match(line)
        keyword = found[1].lower() if found else ""
        if line.lstrip().startswith("#"):
            continue
        if found is None or keyword != "include":
            if line.strip() and found is None:
                raise ConfigError(str(path), number, "", "expected a keyword and its value")
            if keyword in ("host", "match"):
                block = line
            if found is not None and keyword == "certificatefile":
                # Of these paramiko keeps the first alone, of identity files all.
                yield f'IdentityFile "{_CERTIFICATE}{found[2].strip(chr(34))}"'
                continue
            yield line
            continue
        for pattern in shlex.split(found[2]):
            for name in sorted(glob.glob(_included(pattern, path))):  # noqa: PTH207 - as ssh has it
                yield from _lines(Path(name), depth + 1)
                yield block


def _included(pattern: str, path: Path) -> str:
    whole = Path(pattern).expanduser()
    if whole.is_absolute():
        return str(whole)
    # Relative to ~/.ssh in a user's file, to /etc/ssh in the system's.
    return str((SYSTEM.parent if path.is_relative_to(SYSTEM.parent) else Path.home() / ".ssh") / pattern)


def in_shell(command: str) -> list[str]:
    """The argv that has the user's shell run a command, as ssh does."""
    return [os.environ.get("SHELL") or "/bin/sh", "-c", command]


def expand(text: str, *, host: str, name: str, port: int, user: str) -> str:
    """Replace ssh's %-tokens, ``~`` and ``${VARIABLES}`` in a path or command."""
    home = str(Path.home())
    table = {
        "%": "%", "d": home, "h": host, "n": name, "p": str(port), "r": user, "u": getpass.getuser(),
        "i": str(os.getuid()), "l": os.uname().nodename, "L": os.uname().nodename.split(".")[0], "k": name,
    }  # fmt: skip
    out = re.sub(r"%(.)", lambda m: table.get(m[1], m[0]), text)
    out = re.sub(r"\$\{(\w+)\}", lambda m: os.environ.get(m[1], m[0]), out)
    return home + out[1:] if out.startswith("~/") else out
