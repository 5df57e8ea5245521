"""What other threads tell the console: snapshots, events, and results of work done in a thread."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.events import Event


class SnapshotReady(Message, bubble=False):
    """A newer picture of the cluster; one that was not drawn yet is replaced by its successor."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Only the newest picture is worth drawing."""
        return isinstance(message, SnapshotReady)


class EventHappened(Message, bubble=False):
    """A new line for the timeline."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class FromThread(Message, bubble=False):
    """Something a thread wants done in the console's own thread."""

    def __init__(self, callback: Callable[[], object]) -> None:
        super().__init__()
        self.callback = callback
