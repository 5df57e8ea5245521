from etcdtui.model.space import Rule, Space, defrag_order, successor, summary
from tests.model.build import down, snapshot, up


def test_figures_of_a_database() -> None:
    space = Space(1000, 250, 2000)
    assert (space.free, space.share, space.over_quota) == (750, 75, False)
    assert Space(2000, 250, 2000).over_quota
    assert Space(1000).free is None
    assert not Space(1000, 250).over_quota
    assert space.sentence() == "1.0 kB, 250 B in use, 75 % free, quota 2.0 kB (50 % used)"
    assert "quota unknown" in Space(1000, 250).sentence()


def test_the_rule_wants_share_and_size() -> None:
    rule = Rule(45, 100)
    assert Space(1000, 250).worth(rule)
    assert not Space(1000, 600).worth(rule)
    assert not Space(150, 60).worth(rule)
    assert Space(10).worth(Rule(0, 0))
    assert not Space(10).worth(rule)


def test_the_leader_is_defragmented_last_and_a_done_voter_takes_over() -> None:
    shot = snapshot([up(1, 2), up(2, 2), up(3, 2), down(4)])
    assert [row.name for row in defrag_order(shot)] == ["n1", "n3", "n2"]
    taker = successor(shot, (3,))
    assert taker is not None
    assert taker.name == "n3"
    assert "largest database (n1): 20 kB" in summary(shot)
