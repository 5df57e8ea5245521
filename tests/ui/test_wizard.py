"""The wizard by its keys alone; its backstage is a script that looks at no host and writes no file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot

from etcdtui.config.draft import KUBE, Draft
from etcdtui.config.draft_fields import FIELDS
from etcdtui.errors import SiteError
from etcdtui.sites.founding import Sight
from etcdtui.ui.modals.form import Choice
from etcdtui.ui.wizard.app import WizardApp
from etcdtui.ui.wizard.fields import HELP, Cell
from tests.ui.pilot import SIZES, screen_text, until


class Script:
    """Answers for hosts of certain names."""

    file = "/home/op/.config/etcdtui/config.yaml"

    def __init__(self) -> None:
        self.looked: list[dict[str, Any]] = []
        self.fails = ""

    def taken(self, name: str) -> bool:
        return name == "prod"

    def look(self, draft: Draft) -> Sequence[Sight]:
        self.looked.append(draft.mapping())
        if self.fails:
            raise SiteError(self.fails)
        if draft.kind == KUBE:
            return (Sight("", facts="namespace etcd is there"),)
        ports = {draft.cell(row, "host"): draft.cell(row, "client_port") for row in range(len(draft.rows))}
        busy = ("port 2379 is taken: something listens there",)
        return [Sight(h, busy if p == "2379" else (), facts="amd64, 9 GB free") for h, p in ports.items()]

    def preview(self, draft: Draft) -> Sequence[tuple[str, str]]:
        return (("Written into the file", f"{draft.name}: [/x]"), ("Steps", "1. look\n2. start"))


@asynccontextmanager
async def wizard(
    size: tuple[int, int] = (80, 24), draft: Draft | None = None
) -> AsyncIterator[tuple[WizardApp, Pilot[Any], Script]]:
    script = Script()
    app = WizardApp(draft or Draft(), script)
    async with app.run_test(size=size) as pilot:
        yield app, pilot, script


def text(app: WizardApp) -> str:
    return screen_text(app)  # type: ignore[arg-type]


def test_every_help_stands_in_one_line_of_the_smallest_terminal() -> None:
    helps = {each.key: each.help for each in FIELDS} | HELP
    assert [key for key, text in helps.items() if len(text) > 80 - 2] == []


@pytest.mark.parametrize("size", SIZES)
async def test_three_hosts_by_the_keyboard(size: tuple[int, int]) -> None:
    async with wizard(size) as (app, pilot, _script):
        await pilot.press(*"new", "pagedown")
        await until(pilot, lambda: "node name" in text(app) and "2380" in text(app))
        await pilot.press(*"h1", "down", *"h2", "down", *"h2")
        await until(pilot, lambda: "h2 stands here 2 times" in text(app))
        await pilot.press("backspace", "3", "tab", *"1237")
        await until(pilot, lambda: "✔ h3: amd64, 9 GB free" in text(app))
        # What forbids it on a host that is not under the cursor is not out of sight.
        assert "✖ h1: port 2379 is taken" in text(app)
        await pilot.press("ctrl+n", *"h4")
        await until(pilot, lambda: "4 voters" in text(app))
        await pilot.press("ctrl+x", "pagedown")
        await until(pilot, lambda: "Where etcd comes from" in text(app) and "4 voters" not in text(app))
        await pilot.press("right", "tab", *"/no/where", "pagedown")
        await until(pilot, lambda: "there is no file /no/where" in text(app))
        await pilot.press("y", "escape", "left", "pagedown")
        await until(pilot, lambda: "new: [/x]" in text(app) and "y write the profile" in text(app))
        await pilot.press("y")
    assert app.return_value is not None
    member = {"client_port": 2379, "peer_port": 2380}
    assert app.return_value.mapping() == {
        "kind": "ssh",
        "hosts": ["h1", "h2", "h3"],
        "bootstrap": {
            "members": [
                {"host": "h1", "name": "h1", **member},
                {"host": "h2", "name": "h2", **member},
                {"host": "h3", "name": "h3", **member, "client_port": 1237},
            ]
        },
    }


async def test_a_key_typed_fast_finds_the_field_that_a_choice_has_brought() -> None:
    async with wizard(draft=Draft(rows=[{"host": "h1"}])) as (app, pilot, _script):
        # A name that is taken keeps nobody from looking at the hosts.
        await pilot.press(*"prod", "pagedown")
        await until(pilot, lambda: "h1" in app.sights)
        await pilot.press("pagedown")
        await until(pilot, lambda: "Where etcd comes from" in text(app))
        app.query_one("#value-source", Choice).action_turn(1)
        app.action_move(1)
        assert app.focused is app.query_one("#value-where")


async def test_keys_that_come_at_once_are_taken_in_their_order() -> None:
    async with wizard() as (app, pilot, _script):
        await pilot.press("pagedown")
        cell = app.query_one("#cell-0-host", Cell)
        for key in ("a", "b", "backspace", "c", "home", "d", "end", "e"):
            cell.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: len(cell.value) == 4)
        assert cell.value == "dace"


async def test_kubernetes_and_a_name_that_is_taken() -> None:
    async with wizard() as (app, pilot, script):
        await pilot.press(*"prod")
        await until(pilot, lambda: "has a profile of that name" in text(app))
        script.fails = "the API server [/x] is not reached"
        await pilot.press("2", "tab", "right", "pagedown")
        await until(pilot, lambda: "Members" in text(app) and "StorageClass" in text(app))
        await until(pilot, lambda: "the API server [/x] is not reached" in text(app))
        script.fails = ""
        await pilot.press("4", "ctrl+l")
        await until(pilot, lambda: "4 voters" in text(app) and "✔ namespace etcd is there" in text(app))
        await pilot.press("backspace", "x")
        await until(pilot, lambda: "expected a whole number" in text(app))
        await pilot.press("escape", "escape")
    assert app.return_value is None
