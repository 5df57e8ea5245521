"""Logging in as ssh does: agent, keys and certificates, then what the server asks for, then a password."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
from paramiko.agent import AgentSSH
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    PasswordRequiredException,
    SSHException,
)

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.ssh.hop import Hop
from etcdtui.sites.ssh.secrets import Secrets

AGENT_TIMEOUT = 5.0
"""Seconds an agent may take to list its keys."""
TRIES = 3
"""Passwords a person may try on one connection, ssh's NumberOfPasswordPrompts."""


def login(transport: paramiko.Transport, hop: Hop, secrets: Secrets) -> None:
    """Authenticate; returns when the server is content.

    Raises:
        SiteError: it refuses everything there is; the message says what was tried.
        SSHException: the connection broke.
    """
    tried: list[str] = []
    try:
        transport.auth_none(hop.user)
        return
    except BadAuthenticationType as answer:
        allowed = list(answer.allowed_types)
    for _ in range(4):  # a server may want several kinds, one after the other
        further = _publickey(transport, hop, secrets, tried) if hop.keys and "publickey" in allowed else None
        if further is None and {"keyboard-interactive", "password"} & set(allowed):
            further = _password(transport, hop, secrets, allowed, tried)
        if further is None:
            break
        if not further:
            return
        allowed = further
    raise SiteError(
        f"{hop.label}: login refused: {', '.join(dict.fromkeys(tried)) or 'there is no key to try'}; "
        f"the server accepts {clean(', '.join(allowed))}",
        "check user and key, or load the key into an agent",
    )


def _publickey(
    transport: paramiko.Transport, hop: Hop, secrets: Secrets, tried: list[str]
) -> list[str] | None:
    """What the server wants beyond the accepted key, nothing when content; None when it took no key."""
    for name, key in _keys(hop, secrets, tried):
        tried.append(name)
        try:
            return list(transport.auth_publickey(hop.user, key) or [])
        except SSHException as error:
            # Refused, or a key this server's algorithms do not go with; the next one may do.
            _still_there(transport, hop, tried, error)
    return None


def _still_there(transport: paramiko.Transport, hop: Hop, tried: list[str], error: Exception) -> None:
    """Raises SiteError where the connection, and not the key, is what is wrong."""
    if transport.is_active() and "timeout" not in str(error).lower():
        return
    if len(tried) > 1 and not transport.is_active():
        raise SiteError(f"{hop.label}: the server hung up after {len(tried)} keys: too many for it?",
                        "set identities_only with the right identity_file") from error  # fmt: skip
    raise SiteError(f"{hop.label}: the connection broke while logging in") from error


def _keys(hop: Hop, secrets: Secrets, tried: list[str]) -> Iterator[tuple[str, Any]]:
    """The keys to offer: the agent's, files without a passphrase, files whose passphrase is asked."""
    wanted = _public(hop)
    if hop.agent.lower() != "none":
        for key in _agent_keys(hop):
            if not hop.identities_only or key.get_base64() in wanted:
                yield f"agent key {clean(getattr(key, 'comment', '') or key.get_name(), 40)}", key
    locked: list[Path] = []
    for file in (Path(name) for name in hop.identity_files):
        try:
            key = paramiko.PKey.from_path(file)
        except FileNotFoundError:
            continue
        except (PasswordRequiredException, TypeError):
            locked.append(file)
            continue
        except (OSError, ValueError, SSHException, UnknownKeyType) as error:
            tried.append(f"{file} (cannot be used: {clean(str(error), 60) or type(error).__name__})")
            continue
        yield from _with_certificates(str(file), key, hop)
    for file in locked:
        if (key := _unlock(file, hop, secrets)) is not None:
            yield from _with_certificates(str(file), key, hop)
        else:
            tried.append(f"{file} (its passphrase was not given)")


def _with_certificates(name: str, key: Any, hop: Hop) -> Iterator[tuple[str, Any]]:
    """The key with each of its certificates, then by itself: a certificate may have run out."""
    beside = key.public_blob
    for certificate in hop.certificate_files:
        try:
            key.load_certificate(certificate)
        except (OSError, ValueError, SSHException):
            continue
        yield f"{certificate}", key
    if beside is not None:
        key.public_blob = beside
        yield f"{name}-cert.pub", key
    key.public_blob = None
    yield name, key


def _unlock(file: Path, hop: Hop, secrets: Secrets) -> Any:
    wrong: str | None = None
    for _ in range(TRIES):
        again = "wrong passphrase; " if wrong is not None else ""
        wrong = secrets.get(f"key {file}", f"{again}passphrase of {file} for {hop.label}: ", wrong)
        if wrong is None:
            return None
        try:
            return paramiko.PKey.from_path(file, wrong.encode())
        except (ValueError, SSHException):
            continue
    return None


def _agent_keys(hop: Hop) -> list[Any]:
    import os

    try:
        if hop.agent and hop.agent not in ("SSH_AUTH_SOCK", os.environ.get("SSH_AUTH_SOCK", "")):
            return list(_AgentAt(hop.agent).get_keys())
        return list(paramiko.Agent().get_keys())
    except (SSHException, OSError):
        return []


class _AgentAt(AgentSSH):  # type: ignore[misc]  # paramiko has no types
    """An agent on a socket of its own (ssh's IdentityAgent): paramiko asks the environment's alone.

    Raises:
        OSError, SSHException: nothing answers there.
    """

    def __init__(self, socket_path: str) -> None:
        super().__init__()
        conn = socket.socket(socket.AF_UNIX)
        try:
            conn.settimeout(AGENT_TIMEOUT)
            conn.connect(socket_path)
            self._connect(conn)
        except BaseException:
            conn.close()
            raise
        # A signature may wait for a person's touch.
        conn.settimeout(None)


def _public(hop: Hop) -> set[str]:
    """The public keys and certificates that belong to the files of a hop, in base64."""
    names = [f"{file}{ending}" for file in hop.identity_files for ending in (".pub", "-cert.pub")]
    found = set()
    for name in (*names, *hop.certificate_files):
        with contextlib.suppress(OSError):
            words = Path(name).read_text(encoding="utf-8", errors="replace").split()
            found.update(words[1:2])
    return found


def _password(
    transport: paramiko.Transport, hop: Hop, secrets: Secrets, allowed: list[str], tried: list[str]
) -> list[str] | None:
    wrong: str | None = None
    for _ in range(TRIES):
        again = "wrong password; " if wrong is not None else ""
        wrong = secrets.get(f"login {hop.label}", f"{again}password of {hop.label}: ", wrong)
        if wrong is None:
            tried.append("no password was given")
            return None
        tried.append("password")
        try:
            if "password" in allowed:
                return list(transport.auth_password(hop.user, wrong, fallback=False) or [])
            return list(transport.auth_interactive(hop.user, _Answers(wrong, hop, secrets)) or [])
        except AuthenticationException:
            if not transport.is_active():
                return None
    return None


class _Answers:
    """Answers a keyboard-interactive server: the password to the first hidden question, others are asked."""

    def __init__(self, password: str, hop: Hop, secrets: Secrets) -> None:
        self._password, self._hop, self._secrets = password, hop, secrets
        self._used = False

    def __call__(self, title: str, text: str, questions: list[tuple[str, bool]]) -> list[str]:
        del title, text
        answers = []
        for question, echo in questions:
            if not echo and not self._used:
                self._used = True
                answers.append(self._password)
            else:
                # Such as a one-time code: never kept.
                prompt = f"{clean(question, 80)} ({self._hop.label}) "
                answers.append(self._secrets.asker.ask_secret(prompt) or "")
        return answers
