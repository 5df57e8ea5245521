"""Another release by its image: pod after pod in health order; one that cannot be pulled costs one pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.model.bootstrap import Tls
from etcdtui.ops.plan import Outcome
from tests.sites.kube.support import console_on, leader_of, prepared
from tests.sites.kube.test_founding import plan_for, session_on
from tests.support.consoles import bring_up
from tests.support.kube import Place

pytestmark = [
    pytest.mark.kube,
    pytest.mark.long,
    pytest.mark.timeout(500),
    pytest.mark.usefixtures("in_the_lab", "data_home"),
]


def images(place: Place) -> list[str]:
    pods = place.pods()
    return [pods[name]["spec"]["containers"][0]["image"] for name in sorted(pods)]


def test_upgraded_by_image_pod_after_pod_and_back_from_one_that_is_not_there(
    place: Place, tmp_path: Path
) -> None:
    old, new = "localhost/etcd:v3.4.23", "localhost/etcd:v3.5.1"
    place.config_files(3, image=old)
    place.wait_ready(3)
    with console_on(place, tmp_path) as console:
        console.ready(3)
        led, plan = leader_of(console.session), console.prepare("upgrade", version="3.5.1")
        order = [s.args["node"] for s in plan.steps if s.verb == "node.renew"]
        assert len(order) == 3 and order[-1] in (led, leader_of(console.session))
        result = console.session.execute(plan)
        assert result.outcome is Outcome.DONE, result.message
        assert images(place) == [new] * 3
        assert {
            row.reading.status.version for row in console.session.fresh(5).rows if row.reading.status
        } == {"3.5.1"}
        # A release that cannot be pulled takes one follower, and the way back brings it again.
        failed = console.session.execute(console.prepare("upgrade", version="3.5.99"))
        assert (
            failed.outcome is Outcome.FAILED and "etcd:v3.5.99" in failed.message.rpartition("has failed")[2]
        )
        (left,) = console.session.unfinished()
        back = console.session.execute(console.session.settle(left.id, "undo"))
        assert back.outcome is Outcome.DONE, back.message
        assert images(place) == [new] * 3
        console.from_now()
        console.ready(3)


def test_what_the_console_brought_up_is_restarted_and_upgraded_pod_by_pod(
    place: Place, tmp_path: Path
) -> None:
    """Our own manifests, TLS included: followers first, the leader last, each pod once and none by itself."""
    plan = plan_for(place, Tls.MADE, "localhost/etcd:v3.4.23")
    with session_on(place, tmp_path, plan) as session:
        assert bring_up(session).outcome is Outcome.DONE
        shapes = [("rolling-restart", {}, "node.restart"), ("upgrade", {"version": "3.5.1"}, "node.renew")]
        for action, options, verb in shapes:
            before = {name: pod["metadata"]["uid"] for name, pod in place.pods().items()}
            session.fresh(5)
            led, steps = leader_of(session), prepared(session, action, **options)
            order = [s.args["node"] for s in steps.steps if s.verb == verb]
            assert len(order) == 3 and order[-1] in (led, leader_of(session))
            result = session.execute(steps)
            assert result.outcome is Outcome.DONE, result.message
            made = {name: pod["metadata"]["creationTimestamp"] for name, pod in place.pods().items()}
            assert sorted(made, key=made.__getitem__) == order
            assert not set(before.values()) & {pod["metadata"]["uid"] for pod in place.pods().values()}
        assert images(place) == ["localhost/etcd:v3.5.1"] * 3
        assert {row.reading.status.version for row in session.fresh(5).rows if row.reading.status} == {
            "3.5.1"
        }
        # The profile names the older one still: that is said, and nothing is rolled back.
        again = bring_up(session)
        assert again.outcome is Outcome.FAILED and "image" in again.message, again.message
        assert images(place) == ["localhost/etcd:v3.5.1"] * 3
