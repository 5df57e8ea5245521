"""One connection to one SSH server: opened in a thread of its own, watched, opened again when lost."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import paramiko
from paramiko.ssh_exception import ChannelException, SSHException

from etcdtui.errors import SiteError
from etcdtui.sites.ssh.auth import login
from etcdtui.sites.ssh.faults import SILENT, in_words, refused
from etcdtui.sites.ssh.hop import Hop
from etcdtui.sites.ssh.known_hosts import known_kinds, verify
from etcdtui.sites.ssh.proxy import Piped
from etcdtui.sites.ssh.secrets import Secrets
from etcdtui.sites.ssh.transport import Transport

BACK_OFF = (0.3, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before the next attempt, the last for ever."""
REFUSED_PAUSE = 60.0
"""Seconds before the next attempt at a server that refused the login or whose key was not accepted."""
CHANNEL_TIMEOUT = 5.0
"""Seconds a server may take to open a channel; behind it lies its own attempt to connect."""

# paramiko tells its troubles on stderr otherwise, which is the console's terminal.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
logging.getLogger("paramiko").propagate = False


class Status(StrEnum):
    """What a link is."""

    IDLE = "idle"
    CONNECTING = "connecting"
    UP = "up"
    LOST = "lost"
    REFUSED = "refused"
    CLOSED = "closed"


class Link:
    """A connection to one hop, through the link before it.

    Args:
        via: the hop before; None when it is reached directly.
        changed: told of another status, in this link's own thread: the one before and the new one.
    """

    def __init__(
        self,
        hop: Hop,
        via: Link | None,
        secrets: Secrets,
        changed: Callable[[Link, Status, Status], None] = lambda _link, _old, _new: None,
    ) -> None:
        self.hop = hop
        self.via = via
        self.status = Status.IDLE
        self.reason = f"connecting to {hop.label}"
        self._stood = 0
        self._secrets = secrets
        self._changed = changed
        self._transport: Transport | None = None
        self._cv = threading.Condition()
        self._pinging = threading.Lock()
        self._heard = 0.0

    # -- for its users -----------------------------------------------------------------------

    def open(self) -> None:
        """Begin to connect, once; does not wait."""
        with self._cv:
            if self.status is not Status.IDLE:
                return
            self.status = Status.CONNECTING
        if self.via is not None:
            self.via.open()
        threading.Thread(target=self._live, name=f"etcdtui-ssh-{self.hop.name}", daemon=True).start()

    def transport(self, timeout: float) -> Transport:
        """The connection, when it stands within `timeout` seconds.

        Raises:
            SiteError: it does not; the message says why, or what is being waited for.
        """
        self.open()
        deadline = time.monotonic() + timeout
        with self._cv:
            while True:
                if self._transport is not None and self._transport.is_active():
                    return self._transport
                left = deadline - time.monotonic()
                if self.status in (Status.LOST, Status.REFUSED, Status.CLOSED) or left <= 0:
                    raise SiteError(self.why())
                self._cv.wait(left)

    @property
    def reconnects(self) -> int:
        """How many times it came back."""
        return max(0, self._stood - 1)

    def again(self, before: int, timeout: float) -> bool:
        """Wait for a connection that was lost to come back; whether it was, and did within `timeout` seconds.

        Args:
            before: what `reconnects` was before it was lost.
        """
        # What runs over a connection breaks off a moment before it is known to be lost: who answers, stands.
        if not self._stood or (self.reconnects == before and self.answers(self.hop.alive_interval)):
            return False
        with self._cv:
            self._cv.wait_for(
                lambda: self.reconnects > before or self.status in (Status.REFUSED, Status.CLOSED), timeout
            )
            return self.reconnects > before and self.status is Status.UP

    def channel(self, host: str, port: int, timeout: float = CHANNEL_TIMEOUT) -> paramiko.Channel:
        """A TCP connection that the server makes for us.

        Raises:
            SiteError: the link is down, or the server does not answer.
            ChannelException: the server refused it: code 1 is forbidden, 2 is connection failed.
        """
        transport = self.transport(timeout)
        try:
            return transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout)
        except ChannelException:
            raise
        except (SSHException, EOFError, OSError) as error:
            raise SiteError(f"{host}:{port} does not answer {self.hop.label}: {in_words(error)}") from None

    def session(self, timeout: float) -> paramiko.Channel:
        """A channel to run a command in. Raises SiteError."""
        transport = self.transport(timeout)
        try:
            return transport.open_session(timeout=timeout)
        except (SSHException, EOFError, OSError) as error:
            raise SiteError(f"{self.hop.label}: no session: {in_words(error)}") from None

    def answers(self, timeout: float) -> bool:
        """Whether the server gives a sign of life within `timeout` seconds; callers share one question."""
        asked = time.monotonic()
        transport = self._transport
        if transport is None or not transport.is_active():
            return False
        threading.Thread(target=self._ping, args=(transport, asked), daemon=True).start()
        with self._cv:
            while self._heard < asked and transport.is_active():
                left = asked + timeout - time.monotonic()
                if left <= 0:
                    return False
                self._cv.wait(left)
        return bool(transport.is_active())

    def chain(self) -> tuple[Link, ...]:
        """All links of the way, outermost first, this one last."""
        return (*(self.via.chain() if self.via else ()), self)

    def why(self) -> str:
        """Why there is no connection, named after the first hop that lacks one."""
        for link in self.chain():
            if link.status is not Status.UP:
                return link.reason
        return self.reason

    def close(self) -> None:
        """End it; does not wait."""
        with self._cv:
            self.status, transport = Status.CLOSED, self._transport
            self.reason = f"{self.hop.label}: closed"
            self._transport = None
            self._cv.notify_all()
        if transport is not None:
            # Not transport.close(), which waits for a thread that may hang in the network.
            transport.active = False
            transport.packetizer.close()
            transport.sock.close()

    # -- its own thread ------------------------------------------------------------------------

    def _live(self) -> None:
        attempt = 0
        while self.status is not Status.CLOSED:
            pause = BACK_OFF[min(attempt, len(BACK_OFF) - 1)]
            try:
                transport = self._connect()
            except _Refused as error:
                pause = REFUSED_PAUSE
                self._set(Status.REFUSED, str(error))
            except SiteError as error:
                self._set(Status.LOST, str(error))
            else:
                attempt = 0
                pause = BACK_OFF[0]
                self._stand(transport)
            attempt += 1
            self._rest(pause)

    def _rest(self, pause: float) -> None:
        """Wait before the next attempt, but no longer than until the way to it stands again."""
        deadline = time.monotonic() + pause
        broken = self.via is not None and self.via.status is not Status.UP
        while self.status is not Status.CLOSED and (left := deadline - time.monotonic()) > 0:
            if broken and self.via is not None and self.via.status is Status.UP:
                return
            with self._cv:
                self._cv.wait(min(left, 0.2))

    def _set(self, status: Status, reason: str, transport: Transport | None = None) -> None:
        with self._cv:
            if self.status is Status.CLOSED:
                if transport is not None:
                    transport.close()
                return
            old = self.status
            self.status, self.reason, self._transport = status, reason, transport
            self._stood += status is Status.UP
            self._cv.notify_all()
        if old is not status:
            self._changed(self, old, status)

    def _stand(self, transport: Transport) -> None:
        """Watch the connection until it is lost, asking for signs of life."""
        self._heard = time.monotonic()
        self._set(Status.UP, "", transport)
        silent = 0
        why = ""
        while transport.is_active() and self.status is not Status.CLOSED:
            transport.join(self.hop.alive_interval)
            if not transport.is_active():
                break
            silent = 0 if self.answers(self.hop.alive_interval) else silent + 1
            if silent >= self.hop.alive_count:
                why = f"no sign of life for {silent * 2 * self.hop.alive_interval:g} s"
                break
        why = why or _ended(transport)
        transport.close()
        self._set(Status.LOST, f"connection to {self.hop.label} lost: {why}; connecting again")

    def _ping(self, transport: Transport, asked: float) -> None:
        with self._pinging:
            if self._heard >= asked or not transport.is_active():
                return
            sent = time.monotonic()
            # Any answer is a sign of life, a refusal too; None when the connection is gone.
            with contextlib.suppress(SSHException, EOFError, OSError):
                transport.global_request("keepalive@openssh.com", wait=True)
        if transport.is_active():
            with self._cv:
                self._heard = max(self._heard, sent)
                self._cv.notify_all()

    # -- connecting ----------------------------------------------------------------------------

    def _connect(self) -> Transport:
        hop = self.hop
        sock = self._socket()
        transport = None
        try:
            transport = Transport(sock)
            transport.daemon = True
            transport.banner_timeout = transport.handshake_timeout = hop.connect_timeout
            # A person may have to look for a passphrase, but a server has no reason to think long.
            transport.auth_timeout = max(hop.connect_timeout, 15.0)
            _prefer(transport, known_kinds(hop.known_hosts, hop.key_name))
            transport.start_client(timeout=hop.connect_timeout)
            if not transport.initial_kex_done:
                raise SiteError(f"{hop.label}: {SILENT}")
            key = transport.get_remote_server_key()
            try:
                verify(hop, key.get_name(), key.asbytes(), self._secrets.asker)
                login(transport, hop, self._secrets)
            except SiteError as error:
                raise _Refused(error.message, error.hint) from None
        except SiteError:
            _shut(transport, sock)
            raise
        except (SSHException, EOFError, OSError) as error:
            why = _of_command(sock) or in_words(error)
            _shut(transport, sock)
            raise SiteError(f"{hop.label}: {why}") from None
        return transport

    def _socket(self) -> Any:
        hop = self.hop
        if self.via is not None:
            self.via.open()
            wait = hop.connect_timeout * (len(self.chain()) + 1)
            with self.via._cv:
                self.via._cv.wait_for(
                    lambda: self.via is None or self.via.status is not Status.CONNECTING, wait
                )
            try:
                return self.via.channel(hop.host, hop.port, min(hop.connect_timeout, CHANNEL_TIMEOUT))
            except ChannelException as refusal:
                raise SiteError(f"{hop.label}: {refused(refusal, self.via.hop.label)}") from None
        if hop.proxy_command:
            try:
                return Piped(hop.proxy_command)
            except OSError as error:
                raise SiteError(f"{hop.label}: its ProxyCommand cannot be run: {in_words(error)}") from None
        try:
            sock = socket.create_connection((hop.host, hop.port), hop.connect_timeout)
        except OSError as error:
            raise SiteError(f"{hop.label}: {hop.host}:{hop.port}: {in_words(error)}") from None
        # Small packets go out at once: through two servers a call takes 2 ms with this and 44 ms without.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class _Refused(SiteError):
    """The server was reached and will not be, however often one tries."""


def _ended(transport: Transport) -> str:
    """Why a connection that stood is no more, as far as paramiko saw it."""
    error = transport.get_exception()
    if why := _of_command(transport.sock):
        return why
    if transport.farewell:
        return f"the server ended it: {transport.farewell}"
    if error is None or isinstance(error, EOFError):
        return "connection closed by the server"
    return in_words(error)


def _of_command(sock: Any) -> str:
    """How the command ended that makes the connection; empty where it runs or there is none."""
    return sock.ended() if isinstance(sock, Piped) else ""


def _prefer(transport: Transport, kinds: list[str]) -> None:
    """Ask the server for a key of a known kind first, as ssh does."""
    options = transport.get_security_options()
    known = [t for k in kinds for t in (("rsa-sha2-512", "rsa-sha2-256") if k == "ssh-rsa" else (k,))]
    first = [t for t in dict.fromkeys(known) if t in options.key_types]
    options.key_types = (*first, *(t for t in options.key_types if t not in first))


def _shut(transport: Transport | None, sock: Any) -> None:
    with contextlib.suppress(SSHException, EOFError, OSError):
        if transport is not None:
            transport.close()
        sock.close()
