"""paramiko's transport, which says nothing on a channel after its close and keeps a server's last words."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.common import MSG_CHANNEL_CLOSE

from etcdtui.model.text import clean


class Transport(paramiko.Transport):  # type: ignore[misc]  # paramiko has no types
    """The connection of a link, with channels that end in order.

    paramiko makes a message under its channel's lock and sends it after that. Where the channel is closed in
    between, by another thread or because the server has closed it, the message follows the close, which has
    to be the last (RFC 4254, 5.3). For such a message OpenSSH ends the whole connection, with all that its
    other channels carry: "packet referred to nonexistent channel" (paramiko's issues 1115 and 1705).
    """

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.farewell = ""
        """Why the server has ended the connection, as far as it said so; untrusted text, made harmless."""

    def open_channel(self, *args: Any, **more: Any) -> Any:
        """As paramiko's."""
        channel = super().open_channel(*args, **more)
        channel._set_transport(_Line(self))
        return channel

    def _send_message(self, data: Any) -> None:
        # Those of channels come one at a time: `_send_user_message` holds a lock.
        line = getattr(data, "line", None)
        if line is None or line.passes(data.asbytes()[0]):
            super()._send_message(data)

    def _parse_disconnect(self, message: Any) -> None:
        message.get_int()
        self.farewell = clean(message.get_text(), 120)


class _Line:
    """The transport as one channel has it."""

    def __init__(self, whole: Transport) -> None:
        self._whole = whole
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def _send_user_message(self, message: Any) -> None:
        message.line = self
        self._whole._send_user_message(message)

    def passes(self, kind: int) -> bool:
        """Whether a message of the channel may still go out; asked in the order in which they would."""
        passes = not self._closed
        self._closed |= kind == MSG_CHANNEL_CLOSE
        return passes
