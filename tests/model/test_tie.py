"""Joining members, nodes and readings."""

from etcdtui.model.cluster import RunState, State
from etcdtui.model.tie import tie
from etcdtui.runtime.readings import unsettled, wanted_urls
from tests.model.build import down, member, node, snapshot, up, url


def test_each_member_has_one_row_with_its_node() -> None:
    shot = snapshot([up(1), up(2), down(3)], nodes=[node(3, RunState.STOPPED), node(1), node(2)])
    assert [(r.name, r.node.name if r.node else "", r.state) for r in shot.rows] == [
        ("n1", "n1", State.LEADER),
        ("n2", "n2", State.FOLLOWER),
        ("n3", "n3", State.DOWN),
    ]


def test_a_member_reached_under_another_name_is_one_row() -> None:
    members = [member(1, client_urls=("http://10.0.0.1:2379",)), member(2)]
    rows = tie(members, [], {"http://lb:2379": up(1), url(2): up(2)})
    assert [(r.name, r.endpoint) for r in rows] == [("n1", "http://lb:2379"), ("n2", url(2))]


def test_an_unstarted_member_has_a_row_and_a_reason() -> None:
    rows = tie([member(1), member(9, name="", client_urls=())], [], {url(1): up(1)})
    assert rows[1].state is State.UNKNOWN
    assert "never started" in rows[1].reading.reason
    assert rows[1].is_voter


def test_endpoints_and_nodes_without_a_member_stay() -> None:
    rows = tie([member(1)], [node(7)], {url(1): up(1), "http://elsewhere:1": down()})
    assert [r.name for r in rows] == ["n1", "http://elsewhere:1", "n7"]
    assert rows[2].reading.reason == "no member of this cluster runs on this node"


def test_find_takes_node_member_id_or_endpoint() -> None:
    shot = snapshot([up(1), up(2), up(3)], nodes=[node(2, member_name="n2")])
    for word in ("n2", "2", "0x2", url(2), url(2).removeprefix("http://")):
        found = shot.find(word)
        assert found is not None
        assert found.member_id == 2
    assert shot.find("nobody") is None


def test_wanted_urls_follow_the_member_list() -> None:
    seeds = [url(1)]
    assert wanted_urls(seeds, [], {url(1): up(1)}) == (url(1),)
    members = [member(1), member(2), member(3, name="", client_urls=())]
    assert wanted_urls(seeds, members, {url(1): up(1)}) == (url(1), url(2))


def test_a_dead_member_is_tried_under_all_its_urls_and_a_live_one_under_one() -> None:
    both = ("http://10.0.0.2:2379", "http://192.168.0.2:2379")
    members = [member(1), member(2, client_urls=both)]
    assert wanted_urls([url(1)], members, {url(1): up(1)}) == (url(1), *both)
    alive = {url(1): up(1), both[0]: down(2), both[1]: up(2)}
    assert wanted_urls([url(1)], members, alive) == (url(1), both[1])


def test_a_second_name_of_a_member_is_dropped_and_a_dead_seed_stays() -> None:
    seeds = ["http://lb:1", "http://other:1", "http://dead:1"]
    readings = {"http://lb:1": up(1), "http://other:1": up(1), "http://dead:1": down()}
    assert wanted_urls(seeds, [member(1)], readings) == ("http://lb:1", "http://dead:1")


def test_unsettled() -> None:
    assert not unsettled([up(1), up(2), down(3)])
    assert unsettled([down(1), up(2), up(3)])
    assert unsettled([up(1), up(2, 3), up(3, 3)])
    assert unsettled([up(1, 0)])
    assert not unsettled([down(1), down(2)])
