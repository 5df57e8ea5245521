"""TLS to an etcd that made its certificate for itself, spoken here and not by gRPC's library.

Such a certificate is signed by itself, for the address that etcd listens on, with a P-521 key. gRPC's
library offers no signature of that curve, so that etcd breaks the handshake off, and it checks names and
issuer whatever it is told. OpenSSL takes the curve. Nobody is checked: the tunnel ends on the etcd's own
host, which SSH has verified.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any

from etcdtui.errors import Unreachable

HANDSHAKE = 5.0
"""Seconds."""
_CHUNK = 65536


class Sealed:
    """A connection with TLS over another one; read by one thread and written to by another.

    Args:
        inner: a channel or socket.
        where: the other end, for messages.

    Raises:
        Unreachable: nobody speaks TLS there, or not in time.
    """

    def __init__(self, inner: Any, where: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        self._state = threading.Lock()
        self._sending = threading.Lock()
        inner.settimeout(HANDSHAKE)
        try:
            self._shake_hands()
        except (OSError, EOFError) as error:
            inner.close()
            why = getattr(error, "reason", None) or str(error) or "no answer in time"
            raise Unreachable(f"TLS failed: {where}: {why}") from None

    def settimeout(self, seconds: float | None) -> None:
        """Of the connection below."""
        self._inner.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        """What comes next; empty at the end. Raises OSError."""
        while True:
            try:
                with self._state:
                    return self._tls.read(size)
            except ssl.SSLWantReadError:
                pass
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            # Another key may have been asked for, and that is answered.
            self._flush()
            if not (data := self._inner.recv(_CHUNK)):
                return b""
            with self._state:
                self._incoming.write(data)

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        with self._sending:
            with self._state:
                self._tls.write(data)
                out = self._outgoing.read()
            self._inner.sendall(out)

    def close(self) -> None:
        """Close the connection below."""
        self._inner.close()

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                if not (data := self._inner.recv(_CHUNK)):
                    raise EOFError("it closed the connection") from None
                self._incoming.write(data)
        self._flush()

    def _flush(self) -> None:
        with self._sending:
            with self._state:
                out = self._outgoing.read()
            if out:
                self._inner.sendall(out)
