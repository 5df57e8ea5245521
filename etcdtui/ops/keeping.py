"""How many nodes others must leave, as a drain does: kept at the quorum while a plan changes the voters.

Whoever takes nodes away looks at the number that stays and not at who votes. While a cluster goes from n
voters to n + 1, or back, one more node may run than votes: then quorum(n) + 1 must stay. That is set before
the node comes, or before its member goes, so that what may be taken away is never more than etcd stands;
for as long as the change takes it is one less. After it the quorum of the new size stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from etcdtui.errors import NotOffered
from etcdtui.model.quorum import quorum_of
from etcdtui.model.text import plural
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.plan import Args, Step
from etcdtui.sites.base import Site
from etcdtui.sites.manager import Keeping

KEEP = "nodes.keep"


@dataclass
class Keeper:
    """The number as a plan leaves it, step by step; no steps where it is not the console's to set."""

    site: Site
    now: int | None = field(init=False)
    """None where it is not ours."""

    def __post_init__(self) -> None:
        self.now = self.site.kept_nodes() if isinstance(self.site, Keeping) else None

    def joining(self, voters: int, steps: Sequence[Step]) -> list[Step]:
        """The steps by which a further voter joins so many, between those that set the number."""
        before = self._to(quorum_of(voters) + 1)
        return [*before, *steps, *self._to(quorum_of(voters + 1))]

    def leaving(self, voters: int, steps: Sequence[Step]) -> list[Step]:
        """The steps by which one of so many voters leaves, between those that set the number."""
        before = self._to(quorum_of(voters - 1) + 1)
        # Its member comes back by no undo: then the number that was is right no more.
        return [*before, *steps, *self._to(quorum_of(voters - 1), back=False)]

    def fitting(self, voters: int) -> list[Step]:
        """The step that sets the number for so many voters; none where it is that already."""
        return self._to(quorum_of(voters))

    def remarks(self, voters: int) -> tuple[str, ...]:
        """What is wrong with so many voters about a number that is not ours."""
        return self.site.remarks_on(voters) if isinstance(self.site, Keeping) else ()

    def _to(self, nodes: int, *, back: bool = True) -> list[Step]:
        if self.now in (None, nodes) or not isinstance(self.site, Keeping):
            return []
        undo = _step(self.site, self.now) if back and self.now is not None else None
        self.now = nodes
        return [_step(self.site, nodes, undo)]


def _step(site: Keeping, nodes: int, undo: Step | None = None) -> Step:
    title = f"have drains leave {plural(nodes, 'node')} running"
    return Step(KEEP, {"keep": nodes}, title, site.describe_keep(nodes), undo=undo)


@executor(KEEP)
def _keep(args: Args, context: Context) -> str:
    """Args: ``keep``."""
    if not isinstance(context.site, Keeping):
        raise NotOffered(f"{context.site.name}: nobody is told here how many nodes must stay")
    return context.site.keep_nodes(args["keep"])
