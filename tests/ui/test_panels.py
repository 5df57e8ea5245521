"""Review, progress, health check, help, palette, details and the audit log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcdtui.errors import GuardRefused
from etcdtui.model.cluster import Alarm
from etcdtui.model.health import EndpointHealth, Finding, HealthReport, Severity
from etcdtui.ops.plan import Outcome
from etcdtui.ui.modals.progress import ProgressPanel
from etcdtui.ui.modals.review import Review
from etcdtui.ui.screens.details import details
from etcdtui.ui.screens.health import report_lines
from etcdtui.ui.screens.main import MainScreen
from tests.ui.pilot import console, feed, focused, screen_text, shows, until
from tests.ui.scripted import ACTIONS, IDS, NOW, FakeVerdict, ScriptedSession, healthy, leader_killed

NO = FakeVerdict(False, "stopping n1 COSTS QUORUM: 1 of 3 would remain, 2 needed", True)


def on_main(app: Any) -> bool:
    return isinstance(app.screen, MainScreen)


async def test_an_action_is_reviewed_run_and_told() -> None:
    session = ScriptedSession(healthy())
    async with console(session, (80, 30)) as (app, pilot):
        await pilot.press("j", "x")
        text = await shows(app, pilot, "Stop n2?", "Cancel", "Run")
        assert session.prepared == [("stop-node", IDS[1])]
        assert "kill -TERM 4711" in text and "an election follows" in text and "✔ quorum holds" in text
        assert session.executed == []
        await focused(app, pilot, "cancel")
        await pilot.press("y")
        await shows(app, pilot, "DONE", "so it ended")
        assert session.executed == [("stop-node", None)]
        await pilot.press("escape")
        await until(pilot, lambda: on_main(app))
        await shows(app, pilot, "Stop n2: done")


@pytest.mark.parametrize("keys", [["escape"], ["enter"]])
async def test_the_careful_answer_is_the_default(keys: list[str]) -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, pilot):
        await pilot.press("x")
        await shows(app, pilot, "Stop n1?")
        await focused(app, pilot, "cancel")
        await pilot.press(*keys)
        await until(pilot, lambda: on_main(app))
        assert session.executed == []
        await pilot.press("x")
        await shows(app, pilot, "Stop n1?")


async def test_a_refused_plan_needs_the_clusters_name_typed() -> None:
    session = ScriptedSession(healthy(), verdict=(NO,))
    async with console(session) as (app, pilot):
        await pilot.press("x")
        await shows(app, pilot, "✖ refused", "COSTS QUORUM", "type the cluster's name (demo)")
        await focused(app, pilot, "override")
        await pilot.press("y", "enter")
        await pilot.press("backspace", *"dem", "enter")
        assert isinstance(app.screen, Review) and session.executed == []
        await pilot.press("o", "enter")
        await until(pilot, lambda: session.executed)
        assert session.executed == [("stop-node", "demo")]


async def test_what_cannot_be_overridden_can_only_be_closed() -> None:
    session = ScriptedSession(healthy(), verdict=(FakeVerdict(False, "another change is in flight"),))
    async with console(session) as (app, pilot):
        await pilot.press("x")
        text = await shows(app, pilot, "another change is in flight", "cannot be overridden")
        assert "Run" not in text
        await pilot.press("y")
        assert isinstance(app.screen, Review)
        await pilot.press("escape")
        await until(pilot, lambda: on_main(app))
        assert session.executed == []


async def test_an_open_review_follows_the_cluster() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, pilot):
        await pilot.press("x")
        await shows(app, pilot, "✔ quorum holds")
        session.verdict = (NO,)
        await feed(pilot, session, leader_killed())
        await shows(app, pilot, "✖ refused")
        await pilot.press("y")
        assert session.executed == []


async def test_a_refusal_to_plan_is_a_notice() -> None:
    session = ScriptedSession(healthy(), refuse=GuardRefused("n1 [red]runs[/] already"))
    async with console(session) as (app, pilot):
        await pilot.press("s")
        await shows(app, pilot, "n1 [red]runs[/] already")
        assert on_main(app)
        session.refuse = None
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Review))


async def test_a_running_plan_shows_its_step_and_can_be_cancelled() -> None:
    session = ScriptedSession(healthy())
    session.run_gate.clear()
    async with console(session) as (app, pilot):
        await pilot.press("x")
        await shows(app, pilot, "Stop n1?")
        await pilot.press("y")
        await shows(app, pilot, "▶ stop etcd on n1", "running")
        await pilot.press("escape")
        assert isinstance(app.screen, ProgressPanel)
        await feed(pilot, session, leader_killed())
        await shows(app, pilot, "NONE MORE MAY FAIL")
        await pilot.press("c")
        await shows(app, pilot, "cancelled: the step under way")
        session.run_gate.set()
        await shows(app, pilot, "CANCELLED")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN, Outcome.REFUSED])
async def test_every_outcome_has_its_word(outcome: Outcome) -> None:
    session = ScriptedSession(healthy(), outcome=outcome)
    async with console(session) as (app, pilot):
        await pilot.press("x")
        await shows(app, pilot, "Stop n1?")
        await pilot.press("y")
        await shows(app, pilot, outcome.value.upper())


async def test_the_health_check_keeps_the_old_result_while_it_runs_again() -> None:
    session = ScriptedSession(healthy())
    session.health_gate.clear()
    async with console(session) as (app, pilot):
        await pilot.press("c")
        await shows(app, pilot, "health check", "running")
        await pilot.press("c", "r")
        await feed(pilot, session, leader_killed())
        await shows(app, pilot, "NONE MORE MAY FAIL")
        bad = EndpointHealth("http://127.0.0.1:1", "n1", False, 5.0, "context deadline exceeded")
        learner = EndpointHealth("http://127.0.0.1:2", "n4", None, None, "", "learner")
        finding = Finding("alarms", Severity.CRITICAL, "NOSPACE on n1")
        session.report = HealthReport((bad, learner), (finding,), NOW)
        session.health_gate.set()
        await shows(app, pilot, "UNHEALTHY", "✖ false", "context deadline exceeded", "5000.0ms")
        await shows(app, pilot, "◐ learner", "✖ critical", "NOSPACE on n1")
        session.health_gate.clear()
        session.report = None
        await pilot.press("r")
        text = await shows(app, pilot, "running")
        assert "context deadline exceeded" in text
        session.health_gate.set()
        await shows(app, pilot, "HEALTHY", "▲ warning", "index lag")
        assert session.health_runs == 2
        await pilot.press("escape")
        await until(pilot, lambda: on_main(app))


def test_a_finding_names_the_action_and_the_key_that_mend_it() -> None:
    found = (
        Finding("alarms", Severity.CRITICAL, "NOSPACE on n1", "free-space"),
        Finding("fragmentation", Severity.WARNING, "n1 has free space", "defrag"),
    )
    lines = report_lines(HealthReport((), found, NOW), {"free-space": "Free space (N)"})
    text = ["".join(span.text for span in line) for line in lines]
    assert text[-2].endswith("NOSPACE on n1  → Free space (N)")
    assert text[-1].endswith("n1 has free space")


def test_details_tell_the_space_and_the_alarms() -> None:
    shot = healthy()
    row = shot.rows[0]
    pairs = dict(details(replace(shot, alarms=(Alarm(row.member_id or 0, "NOSPACE"),)), row))
    assert "in use" in pairs["database"] and "% free" in pairs["database"]
    assert pairs["alarms"] == "NOSPACE"


async def test_help_lists_the_live_keys() -> None:
    session = ScriptedSession(healthy())
    async with console(session, (80, 60), keymap={"health": "f5", "action.stop-node": "f9"}) as (app, pilot):
        text = screen_text(app)
        assert "f5 health" in text and "f9 stop" in text
        await pilot.press("question_mark")
        text = await shows(app, pilot, "keys", "first row")
        for action in ACTIONS:
            assert action.title in text
        assert "f9" in text and "f5" in text
        await pilot.press("escape", "f9")
        await shows(app, pilot, "Stop n1?")


async def test_the_palette_holds_every_action() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, _):
        titles = " ".join(c.title for c in app.get_system_commands(app.screen))
        for word in (
            "Stop (x)",
            "Kill -9 (K)",
            "Health check (c)",
            "Audit log (e)",
            "Theme: light",
            "Quit (q)",
        ):
            assert word in titles


async def test_details_follow_the_snapshot_and_can_be_copied() -> None:
    session = ScriptedSession(healthy())
    async with console(session, (100, 50)) as (app, pilot):
        await pilot.press("enter")
        await shows(app, pilot, "raft applied index", "/var/lib/etcd/n1", "cdf818194e3a8c32")
        await feed(pilot, session, leader_killed())
        await shows(app, pilot, "exited: killed by SIGKILL")
        await pilot.press("y")
        await until(pilot, lambda: "data dir: /var/lib/etcd/n1" in app.clipboard)


async def test_the_audit_log_can_be_filtered() -> None:
    session = ScriptedSession(healthy())
    session.audit.records = [
        {"time": "2026-01-01T00:00:00", "action": "stop-node", "phase": "begin"},
        {"time": "2026-01-02T00:00:00", "action": "kill-node", "phase": "end", "outcome": "done"},
    ]
    async with console(session, (120, 36)) as (app, pilot):
        await pilot.press("e")
        await shows(app, pilot, "stop-node", "kill-node", "2 records")
        await pilot.press(*"kill")
        text = await shows(app, pilot, "1 records")
        assert "stop-node" not in text


async def test_pause_and_refresh_keys() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (_, pilot):
        states = []
        for _n in range(2):
            await pilot.press("p")
            states.append(session.paused)
        assert states == [True, False]
        await pilot.press("plus")
        assert session.refresh == 0.5
        await pilot.press("minus", "minus")
        assert session.refresh == 2.0
        await pilot.press("ctrl+r")
        assert session.poked == 1
        for _ in range(20):
            await pilot.press("minus")
        assert session.refresh == 60.0


async def test_the_prepared_line_lands_in_the_timeline() -> None:
    session = ScriptedSession(healthy())
    async with console(session, prepare=lambda: "3 nodes started") as (app, pilot):
        await shows(app, pilot, "3 nodes started")
