"""A session on the lab's cluster as a console has it, and waiting for what it shows."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from etcdtui.config import SshProfile
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome, Result
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.asking import Asker
from etcdtui.sites.build import open_site
from etcdtui.sites.ssh.site import SshSite
from tests.labs.hosts.lab import Lab


class Answers:
    """Answers what is asked, by what the prompt says, and remembers the prompts."""

    def __init__(self, accept: bool = False, **secrets: str) -> None:
        self.prompts: list[str] = []
        self._accept = accept
        self._secrets = secrets

    def ask_secret(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return next((answer for word, answer in self._secrets.items() if word in prompt), None)

    def confirm_host_key(self, host: str, fingerprint: str) -> bool:
        self.prompts.append(f"{host} {fingerprint}")
        return self._accept


class Seen:
    """A session and every snapshot it has published."""

    def __init__(self, session: Session, site: SshSite) -> None:
        self.session = session
        self.site = site
        self._cv = threading.Condition()
        session.subscribe(self._arrived)

    def _arrived(self, snapshot: ClusterSnapshot) -> None:
        del snapshot
        with self._cv:
            self._cv.notify_all()

    def until(self, true: Callable[[ClusterSnapshot], Any], timeout: float = 20) -> float:
        """Wait for a snapshot of which something is true; the seconds it took."""
        began = time.monotonic()
        with self._cv:
            while not true(self.session.snapshot()):
                left = began + timeout - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"not in {timeout:g} s: {self.told()}")
                self._cv.wait(left)
        return time.monotonic() - began

    def told(self) -> str:
        """The rows in words."""
        snapshot = self.session.snapshot()
        rows = [
            f"{row.name}: {row.state} ({row.reading.reason}); "
            + (f"{row.node.run_state}: {row.node.detail}" if row.node else "no node")
            for row in snapshot.rows
        ]
        return " | ".join([*rows, snapshot.site_error])

    def settled(self, answering: int = 3, timeout: float = 30) -> float:
        """Until so many members answer and agree, and their nodes are known to run."""
        return self.until(
            lambda s: (
                sum(r.reading.answered for r in s.rows) == answering
                and s.members_known
                and s.leader_id
                and sum(n.run_state == "running" for n in s.nodes) >= answering
            ),
            timeout,
        )

    def row(self, name: str) -> Any:
        """The row of a node or member."""
        return self.session.snapshot().find(name)

    def act(self, action: str, node: str = "", override: str | None = None, **options: Any) -> Result:
        """Plan an action on a node or the cluster and carry it out."""
        row = self.row(node) if node else None
        return self.session.execute(self.session.prepare(action, row, options), override=override)

    def done(self, action: str, node: str = "", override: str | None = None, **options: Any) -> str:
        """The same, and it must succeed."""
        result = self.act(action, node, override, **options)
        assert result.outcome is Outcome.DONE, result.message
        return result.message


@contextlib.contextmanager
def opened(
    lab: Lab, tmp: Path, *, asker: Asker | None = None, connect: float = 15, **profile: Any
) -> Iterator[Seen]:
    """A session on the three nodes, closed without waiting for anybody whatever happened."""
    settings = {"hosts": ("n1", "n2", "n3"), "ssh_config": lab.ssh_config, **profile}
    site = open_site(SshProfile(name="lab", **settings), asker=asker)
    assert isinstance(site, SshSite)
    session = Session(
        site, profile="lab", audit=AuditLog(tmp / "audit.jsonl"), store=PlanStore(tmp / "plans"), refresh=0.5
    )
    seen = Seen(session, site)
    try:
        if connect:
            site.connect(connect)
        session.start()
        yield seen
    finally:
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 5, "closing took too long"
