"""An API server silent, gone or cut off for a while: nobody is called dead for it, all comes back itself."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from etcdtui.errors import SiteError
from etcdtui.model.cluster import ClusterSnapshot, State
from etcdtui.sites.kube.link import FRESH
from etcdtui.sites.kube.picture import Picture
from etcdtui.sites.kube.site import KubeSite
from tests.runtime.watch import settled
from tests.sites.kube.support import (
    Console,
    as_somebody,
    console_on,
    documented_rules,
    site_on,
    token_of,
)
from tests.support.gate import Gate, gated
from tests.support.kube import Place, wait_until

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]


def all_are(*states: State) -> Callable[[ClusterSnapshot], bool]:
    return lambda shot: len(shot.rows) == 3 and all(row.state in states for row in shot.rows)


def well(shot: ClusterSnapshot) -> bool:
    return settled(3)(shot) and not shot.site_error


@contextlib.contextmanager
def behind_a_gate(three: Place, root: Path) -> Iterator[tuple[Console, Gate]]:
    file = root / "kubeconfig"
    with gated(three.kube, file) as gate, console_on(three, root, kubeconfig=file) as console:
        console.ready(3)
        console.from_now()
        yield console, gate


def nobody_died(console: Console) -> None:
    """Since the last `from_now` no snapshot called a member down."""
    seen = [shot for at, shot in console.watch.seen if at >= console.since]
    assert not any(row.state is State.DOWN for shot in seen for row in shot.rows)


def test_a_silent_api_server_makes_nobody_dead(three: Place, tmp_path: Path) -> None:
    with behind_a_gate(three, tmp_path) as (console, gate):
        with gate.silent():
            shot = console.until(lambda s: all_are(State.UNKNOWN)(s) and "no answer in time" in s.site_error)
            assert "API server" in shot.site_error
            plan = console.session.prepare("restart-node", shot.find("etcd-1"))
            refused = console.session.execute(plan)
            assert refused.outcome.value == "refused", refused.message
        nobody_died(console)
        console.from_now()
        console.until(well)


def rests(site: KubeSite, before: Picture) -> bool:
    """Whether a younger picture is known without asking: the watch stands, and nothing has changed since."""
    site.link().look()
    known = site.link()._known(FRESH)
    return known is not None and known is not before


def test_no_look_waits_for_the_api_server_while_all_rests(three: Place, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    with gated(three.kube, file) as gate, site_on(three, kubeconfig=file) as site:
        first = site.nodes()
        before = site.picture()
        # A picture this young is shown as it is: another one was read by nobody who looks.
        wait_until(lambda: rests(site, before), "it is read again by itself", 30, 0.2)
        with gate.silent():
            # Whoever asks the server now waits for some seconds, and is told so.
            assert [node.name for node in site.nodes()] == [node.name for node in first]
            with pytest.raises(SiteError, match="no answer in time"):
                wait_until(lambda: not site.nodes(), "the silence is told", 30, 0.2)


def test_an_api_server_that_is_gone_makes_nobody_dead(three: Place, tmp_path: Path) -> None:
    with behind_a_gate(three, tmp_path) as (console, gate):
        with gate.shut():
            # What was under way when it went is told as cut off first.
            shot = console.until(lambda s: all_are(State.UNKNOWN)(s) and "refused" in s.site_error)
            assert "API server" in shot.site_error
        nobody_died(console)
        console.from_now()
        console.until(well)


def test_a_port_forward_that_is_cut_is_made_again_by_itself(three: Place, tmp_path: Path) -> None:
    with behind_a_gate(three, tmp_path) as (console, gate):
        for _ in range(3):
            console.from_now()
            gate.cut()
            console.until(well)
            nobody_died(console)


def logged_in(place: Place, file: Path) -> None:
    """A kubeconfig with the token of a service account that may do all, made anew."""
    place.run("create", "serviceaccount", "operator")
    token = token_of(place, "operator")
    config = json.loads(place.kube.run("config", "view", "--minify", "--flatten", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    file.write_text(yaml.safe_dump(config))
    file.chmod(0o600)


def test_a_token_that_has_expired_leaves_etcd_in_sight_and_a_new_login_is_taken(
    three: Place, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    logged_in(three, file)
    three.run(
        "create", "rolebinding", "operator", "--clusterrole=admin", f"--serviceaccount={three.name}:operator"
    )
    with console_on(three, tmp_path, kubeconfig=file) as console:
        console.ready(3)
        three.run("delete", "serviceaccount", "operator")
        console.until(lambda s: "not authenticated" in s.site_error and len(s.answers) == 3)
        logged_in(three, file)
        console.from_now()
        console.until(well)


def test_rights_that_are_taken_away_stop_the_change_and_not_the_picture(three: Place, tmp_path: Path) -> None:
    reading, acting = documented_rules()
    file = as_somebody(three, tmp_path / "kubeconfig", [*reading, *acting])
    with console_on(three, tmp_path, kubeconfig=file) as console:
        console.ready(3)
        plan = console.prepare("restart-node", "etcd-1")
        as_somebody(three, file, reading)
        failed = console.session.execute(plan)
        assert failed.outcome.value == "failed" and "not permitted" in failed.message, failed.message
        as_somebody(three, file, [r for r in reading if "statefulsets" not in str(r["resources"])])
        console.from_now()
        console.until(lambda s: "not permitted" in s.site_error and len(s.answers) == 3)
        as_somebody(three, file, [*reading, *acting])
        console.from_now()
        console.until(well)
        console.do("restart-node", "etcd-1")
