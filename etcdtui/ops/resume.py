"""Plans that were left unfinished: recognised, and turned into a plan that finishes or undoes them.

Both are ordinary plans: they go through review, guards, the runner and the audit log, and name the
plan they come from in `Plan.origin`. A step that was begun when its console died is judged by its
verification; where that does not hold it is carried out again, which is safe because every executor
looks before it acts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot, RunState
from etcdtui.model.text import clean, plural
from etcdtui.ops import guards, verify
from etcdtui.ops.plan import Args, Plan, Step
from etcdtui.ops.store import Entry, Mark, PlanStore

_ONLY_LOOKS = ("wait", "found.look", "snapshot.check", "restore.rehearse", "hash.compare", "keys.count")
"""Steps that change nothing."""
_ON_STOPPED = ("data.shelve", "node.set-aside", "node.restore", "release.switch")
"""Steps on a stopped node; what is prepared is stopped and emptied once more anyhow."""
_RUNS = (RunState.RUNNING, RunState.STARTING, RunState.FROZEN)
_ABOUT_THE_NODE = ("node-running", "node-stopped", "no-member")
"""Guards about what a step is to change: a step that may have happened already must not fail on them."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One plan that was left, and why."""

    entry: Entry
    why: str
    """One sentence: in which step, and what ended it."""

    @property
    def id(self) -> str:
        """The plan's ID."""
        return self.entry.id

    @property
    def title(self) -> str:
        """What it was to do."""
        return self.entry.plan.title

    @property
    def begun(self) -> str:
        """When it began, RFC 3339 in UTC."""
        return self.entry.saved

    @property
    def progress(self) -> tuple[tuple[str, str], ...]:
        """Title and state of each step."""
        pairs = zip(self.entry.plan.steps, self.entry.states, strict=True)
        return tuple((step.title, str(state.mark)) for step, state in pairs)

    @property
    def done(self) -> tuple[Step, ...]:
        """The steps that were carried out and verified, those of the plans before it included."""
        pairs = zip(self.entry.plan.steps, self.entry.states, strict=True)
        return (*self.entry.before, *(step for step, state in pairs if state.mark is Mark.DONE))

    @property
    def open(self) -> tuple[tuple[Step, Mark], ...]:
        """The steps that were not, with how far each came."""
        pairs = zip(self.entry.plan.steps, self.entry.states, strict=True)
        return tuple((step, state.mark) for step, state in pairs if state.mark is not Mark.DONE)


def done_before(store: PlanStore, plan: Plan) -> tuple[Step, ...]:
    """What the plan that this one finishes had done. Raises StoreError."""
    if not plan.origin or plan.title.startswith("undo: "):
        return ()
    entry = store.get(plan.origin)
    return Unfinished(entry, "").done if entry is not None else ()


def unfinished(store: PlanStore, snapshot: ClusterSnapshot) -> tuple[Unfinished, ...]:
    """The plans that were left on this cluster, oldest first; `store.problems` tells of damaged files.

    One whose every step was done, and whose console ended before it could say so, is put away.
    """
    found = []
    for entry in store.entries():
        if entry.running or not _same_cluster(entry.plan, snapshot):
            continue
        if all(state.mark is Mark.DONE for state in entry.states):
            store.retire(entry.id)
        else:
            found.append(Unfinished(entry, _why(entry)))
    return tuple(found)


def _same_cluster(plan: Plan, snapshot: ClusterSnapshot) -> bool:
    if plan.cluster_id is None or snapshot.cluster_id is None:
        return plan.cluster_name == snapshot.name
    return snapshot.cluster_id in (plan.cluster_id, plan.founds)


def _why(entry: Entry) -> str:
    steps = entry.plan.steps
    number, mark = next((i, s.mark) for i, s in enumerate(entry.states) if s.mark is not Mark.DONE)
    place = f"step {number + 1} of {len(steps)} ({clean(steps[number].title)})"
    if entry.outcome is not None:
        return f"{entry.outcome} at {place}: {clean(entry.message, 300)}"
    when = "in" if mark is Mark.BEGUN else "before"
    return f"its console ended {when} {place}"


def finish_plan(left: Unfinished, snapshot: ClusterSnapshot, plan_id: str) -> Plan:
    """What remains of a plan. Raises UsageError when nothing does."""
    plan, steps = left.entry.plan, []
    happened: list[Step] = []
    for step, mark in left.open:
        if mark is Mark.PENDING:
            steps += [*_emptied_again(left, step), step]
        elif step.verify is not None and not step.again and verify.look(step.verify, snapshot).done:
            happened.append(step)
            steps.append(_watch(step))
        else:
            steps += [*_emptied_again(left, step), _again(step)]
    if steps:
        steps = [*_started_again(left, snapshot), *_stopped_again(left, snapshot), *steps]
    if not steps:
        raise UsageError(f"nothing remains of {clean(plan.title)!r}", f"etcdtui forget {left.id}")
    gone = guards.removed_by((*left.done, *happened))
    return replace(
        plan,
        id=plan_id,
        title=f"finish: {plan.title.removeprefix('finish: ')}",
        steps=tuple(steps),
        consequences=(*_so_far(left), *plan.consequences),
        member_ids=tuple(mid for mid in plan.member_ids if mid not in gone),
        origin=left.id,
    )


def _started_again(left: Unfinished, snapshot: ClusterSnapshot) -> list[Step]:
    """The nodes that steps had started and that have ended since: what remains builds on them."""
    last: dict[str, Step] = {}
    for step in left.done:
        if step.verb.startswith("node."):
            last[step.args["node"]] = step
    ended = {n.name for n in snapshot.nodes if n.run_state in (RunState.STOPPED, RunState.FAILED)}
    return [_again(step) for name, step in last.items() if step.verb == "node.start" and name in ended]


def _stopped_again(left: Unfinished, snapshot: ClusterSnapshot) -> list[Step]:
    """Stops of nodes that run again, as after a boot, where what remains needs them stopped."""
    last = {step.args["node"]: step for step in left.done if step.verb in ("node.stop", "node.start")}
    needed = {step.args["node"] for step, _ in left.open if step.verb in _ON_STOPPED}
    running = {n.name for n in snapshot.nodes if n.run_state in _RUNS}
    return [_again(s) for name, s in last.items() if s.verb == "node.stop" and name in needed & running]


def _emptied_again(left: Unfinished, step: Step) -> list[Step]:
    """What had stopped a node and moved its data aside: since then it may have started, as at its boot."""
    if step.verb != "node.prepare":
        return []
    own = [done for done in left.done if done.args.get("node") == step.args["node"]]
    emptied = any(done.verb == "node.set-aside" for done in own)
    return [_again(done) for done in own if emptied and done.verb in ("node.stop", "node.set-aside")]


def undo_plan(left: Unfinished, snapshot: ClusterSnapshot, plan_id: str) -> Plan:
    """What takes back the steps that were, or may have been, carried out; the last one first.

    Raises UsageError when none of them can be taken back.
    """
    begun = [step for step, mark in left.open if mark is not Mark.PENDING]
    did = _once([*left.done, *begun])
    if final := next((step for step in did if step.final), None):
        raise UsageError(f"there is no way back after: {clean(final.title)}", f"etcdtui finish {left.id}")
    steps: tuple[Step, ...] = ()
    for step in reversed(did):
        # One step may take back several, as removing a member does: once, and at its first place.
        if step.undo is not None and all(_sent(step.undo) != _sent(other) for other in steps):
            steps += (_again(step.undo),)
    kept = [clean(step.title) for step in did if step.undo is None and step.verb not in _ONLY_LOOKS]
    plan = left.entry.plan
    if not steps:
        if all(step.verb in _ONLY_LOOKS for step in did):
            raise UsageError("nothing was changed yet", f"etcdtui forget {left.id}, or finish it")
        raise UsageError(
            f"nothing of {clean(plan.title)!r} can be taken back",
            f"etcdtui finish {left.id}, or etcdtui forget {left.id}",
        )
    consequences = [f"takes back: {', '.join(clean(s.title) for s in steps)}"]
    if kept:
        consequences.append(f"cannot be taken back: {', '.join(kept)}")
    return replace(
        plan,
        id=plan_id,
        title=f"undo: {plan.title.removeprefix('finish: ').removeprefix('undo: ')}",
        steps=steps,
        consequences=(*_so_far(left), *consequences),
        cluster_id=plan.cluster_id if plan.cluster_id is not None else snapshot.cluster_id,
        member_ids=(),
        origin=left.id,
    )


def _once(steps: list[Step]) -> list[Step]:
    """Without those that a plan which was begun anew had done before: what came first is taken back last."""
    out: list[Step] = []
    for step in steps:
        same = (_sent(step), step.undo and _sent(step.undo))
        if all(same != (_sent(other), other.undo and _sent(other.undo)) for other in out):
            out.append(step)
    return out


def _sent(step: Step) -> tuple[str, Args]:
    return step.verb, step.args


def _so_far(left: Unfinished) -> tuple[str, ...]:
    done = len(left.done)
    return (f"{plural(done, 'step')} {'was' if done == 1 else 'were'} done before; {left.why}",)


def _watch(step: Step) -> Step:
    """A step that has had its effect already: only its verification is awaited once more."""
    return replace(
        step,
        verb="wait",
        args={},
        title=f"check: {step.title}",
        call="nothing is sent",
        guards=(),
        undo=step.undo,
    )


def _again(step: Step) -> Step:
    return replace(step, guards=tuple(g for g in step.guards if g.name not in _ABOUT_THE_NODE))
