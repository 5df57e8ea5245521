"""The disruption budget of a StatefulSet that was brought up here follows its voters at every step."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcdtui.errors import GuardRefused
from etcdtui.model.bootstrap import Tls
from etcdtui.model.quorum import quorum_of
from etcdtui.ops.keeping import KEEP
from etcdtui.ops.plan import Outcome, Plan
from etcdtui.ops.runner import Progress
from etcdtui.runtime.session import Session
from tests.sites.kube.support import cli_on, prepared, specs
from tests.sites.kube.test_founding import place_policy, plan_for, session_on
from tests.support.consoles import bring_up, cut_off
from tests.support.kube import Place

pytestmark = [pytest.mark.kube, pytest.mark.timeout(400)]


def kept(place: Place) -> int:
    """What the budget says, by kubectl."""
    found: int = place.get("pdb", "etcd")["spec"]["minAvailable"]
    return found


def said_by(plan: Plan) -> list[int]:
    return [step.args["keep"] for step in plan.steps if step.verb == KEEP]


def carried_out(session: Session, plan: Plan, place: Place) -> None:
    """After no step could a drain that the budget allows leave fewer voters than a quorum."""

    def watch(report: Progress) -> None:
        if report.phase != "done":
            return
        shot = session.fresh(5)
        voters = {m.name for m in shot.members if not m.is_learner}
        ready = set(place.ready())
        # The worst that may be left: everybody who does not vote, and no more than must stay.
        assert kept(place) - len(ready - voters) >= quorum_of(len(voters)), report

    result = session.execute(plan, progress=watch)
    assert result.outcome is Outcome.DONE, result.message


def test_it_follows_one_voter_more_and_one_of_somebody_else_is_left_alone(
    place: Place, tmp_path: Path
) -> None:
    with session_on(place, tmp_path, plan_for(place, Tls.NONE)) as session:
        assert bring_up(session).outcome is Outcome.DONE
        assert kept(place) == 2
        plan = prepared(session, "scale", voters=4)
        assert Plan.from_json(plan.to_json()) == plan and said_by(plan) == [3]
        assert any("say `members: 4` in its `bootstrap`" in text for text in plan.consequences)
        carried_out(session, plan, place)
        assert kept(place) == quorum_of(4)
        # Somebody has set it by hand, and it is set right again without a node coming or going.
        place.run("patch", "pdb", "etcd", "--type=merge", "-p", '{"spec": {"minAvailable": 1}}')
        plan = prepared(session, "scale", voters=4)
        assert [step.verb for step in plan.steps] == [KEEP]
        carried_out(session, plan, place)
        # The profile still says three: that is no way to go back to three.
        with pytest.raises(GuardRefused, match="with etcd-3 that this plan does not know"):
            bring_up(session)
        # One that bears another's name: the review tells what to do, and that does it.
        place.run("label", "pdb", "etcd", "app.kubernetes.io/managed-by=Helm", "--overwrite")
        plan = prepared(session, "scale", voters=3)
        assert said_by(plan) == []
        (remark,) = [text for text in plan.consequences if "PodDisruptionBudget" in text]
        assert "would keep 3 of 3 pods, and it is not etcdtui's" in remark
        kubectl, *words = shlex.split(remark.partition(": kubectl")[2])
        place.kube.run(kubectl, *words)
        assert kept(place) == quorum_of(3)


@pytest.mark.long
def test_from_three_to_five_and_back_cut_off_undone_and_finished(place: Place, tmp_path: Path) -> None:
    """What `render` prints for the new size, of the profile as the review asks for it, is what is there."""
    boot = plan_for(place, Tls.NONE)
    with session_on(place, tmp_path, boot) as session:
        assert bring_up(session).outcome is Outcome.DONE
        grow = prepared(session, "scale", voters=5)
        assert said_by(grow) == [3, 4, 3]
        # The second one comes already: undone, it is as it was.
        second = [i for i, step in enumerate(grow.steps) if step.verb == "member.add"][1]
        cut_off(session, grow, second)
        assert kept(place) == 4
    with session_on(place, tmp_path, boot) as session:
        session.fresh(5)
        (left,) = session.unfinished()
        carried_out(session, session.settle(left.id, "undo"), place)
        assert kept(place) == 2 and len(session.fresh(5).voters) == 3
        grow = prepared(session, "scale", voters=5, discard=True)
        cut_off(session, grow, 2)
        (left,) = session.unfinished()
        carried_out(session, session.settle(left.id, "finish"), place)
        assert kept(place) == quorum_of(5) == 3 and len(session.fresh(5).voters) == 5
    rendered(place, tmp_path, replace(boot, members=5))
    with session_on(place, tmp_path, replace(boot, members=5)) as session:
        again = bring_up(session)
        assert again.outcome is Outcome.DONE, again.message
        shrink = prepared(session, "scale", voters=3)
        assert said_by(shrink) == [4, 3, 2]
        carried_out(session, shrink, place)
        assert kept(place) == 2
        # Nor is a profile that still says five a way to five.
        again = bring_up(session)
        assert again.outcome is Outcome.FAILED and again.steps_done == 0
        assert "the cluster stands without etcd-3, etcd-4: a bring-up adds nobody to it" in again.message
        assert len(place.pods()) == 3
    rendered(place, tmp_path, boot)


def rendered(place: Place, root: Path, boot: Any) -> None:
    """What `render` prints is what is there, and may be applied under the same name."""
    cli = cli_on(place, root, boot)
    done = cli("render", "new", "--founded")
    assert done.returncode == 0, done.stderr
    before = specs(place)
    for each in yaml.safe_load_all(done.stdout):
        there = before[f"{each['kind']} {each['metadata']['name']}"]
        if each["kind"] == "ConfigMap":
            assert there == each["data"]
    text = done.stdout.replace("policy/v1", place_policy(place))
    place.run("apply", "--server-side", "--field-manager=etcdtui", "-f", "-", stdin=text)
    assert specs(place) == before
