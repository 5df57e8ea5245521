"""What goes wrong with sockets and SSH, in words."""

from __future__ import annotations

import socket

from paramiko.ssh_exception import ChannelException

from etcdtui.model.text import clean

SILENT = "it accepts the connection and says nothing: no SSH server there, or an overloaded one"


def refused(error: ChannelException, server: str) -> str:
    """Why a server opened no channel, in words."""
    words = {
        1: f"{server} does not allow forwarding (AllowTcpForwarding or PermitOpen of its sshd)",
        2: f"{server} reaches nothing there: connection refused or no route",
        4: f"{server} has no resources left for a channel",
    }
    return words.get(error.code, f"{server} refused the channel: {clean(error.text, 80)}")


def in_words(error: BaseException) -> str:
    """An exception of socket or paramiko in words."""
    if isinstance(error, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer to the attempt to connect"
    if isinstance(error, EOFError):
        return "the server hung up"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = clean(str(error), 160)
    if "Timeout opening" in text:
        return "no answer in time"
    if "banner" in text.lower():
        return SILENT
    return text or type(error).__name__
