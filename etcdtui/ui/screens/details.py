"""Every value of one row, to read and to copy."""

from __future__ import annotations

from textual.binding import Binding

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.columns import STATUS_COLUMNS
from etcdtui.model.quorum import loss_sentence
from etcdtui.model.space import space_of
from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.spans import Line, Span


def details(snapshot: ClusterSnapshot, row: EndpointRow) -> list[tuple[str, str]]:
    """(title, value) of everything known, harmless text."""
    member, node, status = row.member, row.node, row.reading.status
    out = [(c.title, c.text(snapshot, row)) for c in STATUS_COLUMNS]
    out.append(("reason", clean(row.reading.reason)))
    if status is not None and row.reading.answered:
        out += [("revision", str(status.revision)), ("leader", f"{status.leader:x}")]
        out.append(("cluster ID", f"{status.cluster_id:x}"))
        out.append(("database", space_of(status).sentence()))
    raised = [alarm.kind for alarm in snapshot.alarms or () if alarm.member_id == row.member_id]
    out.append(("alarms", clean(", ".join(raised))))
    if member is not None:
        out += [("member status", member.status), ("peer addrs", clean(", ".join(member.peer_urls)))]
        out.append(("client addrs", clean(", ".join(member.client_urls))))
    if node is not None:
        out += [("node", clean(node.name)), ("run state", node.run_state.value)]
        out += [("pid", str(node.pid or "")), ("node detail", clean(node.detail))]
        out += [(clean(title), clean(value)) for title, value in node.facts]
        out += [("data dir", clean(node.data_dir)), ("etcd of the node", clean(node.etcd_version))]
    out.append(("its loss", clean(loss_sentence(snapshot, row))))
    return [(title, value) for title, value in out if value not in ("", "-")]


class DetailsScreen(Panel[None]):
    """All values of a row, kept up to date while it is open; `y` copies them."""

    BINDINGS = [  # noqa: RUF012
        Binding("y", "copy", "copy", show=False),
        Binding("enter,q", "close", "close", show=False),
    ]

    def __init__(self, snapshot: ClusterSnapshot, row: EndpointRow) -> None:
        super().__init__(clean(row.name, 40), "y copy · Esc close")
        self.key = row.key
        self._first = snapshot
        self._pairs: list[tuple[str, str]] = []

    def on_mount(self) -> None:
        """Show what was given."""
        self.update_snapshot(self._first)

    def update_snapshot(self, snapshot: ClusterSnapshot) -> None:
        """Show a newer snapshot's values."""
        row = snapshot.row_by_key(self.key)
        if row is None:
            self.hint("this row is gone; the last values are shown · y copy · Esc close")
            return
        self._pairs = details(snapshot, row)
        wide = max(len(title) for title, _ in self._pairs)
        lines: list[Line] = [(Span(f"{t:<{wide}}  ", "dim"), Span(v)) for t, v in self._pairs]
        self.show(lines)

    def action_copy(self) -> None:
        """Copy through the terminal (OSC 52)."""
        self.app.copy_to_clipboard("\n".join(f"{title}: {value}" for title, value in self._pairs))
        self.hint("copied to the terminal's clipboard · Esc close")
