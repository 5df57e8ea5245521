"""Keys and themes that users give, good ones and broken ones."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui import paths
from etcdtui.errors import ConfigError, UsageError
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.keymap import KEYMAP_IDS, KEYS, keymap_problems, shown
from etcdtui.ui.themes import DARK, available_themes, find_theme, load
from tests.ui.pilot import console, shows, until
from tests.ui.scripted import ACTIONS, ScriptedSession, healthy


def test_the_default_keys_do_not_clash() -> None:
    actions = {f"action.{a.id}": a.key for a in ACTIONS}
    assert keymap_problems(actions) == []
    assert len(KEYMAP_IDS) == len(KEYS)


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ({"helth": "f5"}, "helth: no such key id"),
        ({"health": " "}, "health: expected a key"),
        ({"health": "q"}, "the key 'q' is taken"),
        ({"action.fly": "f5"}, "action.fly: no such key id"),
    ],
)
def test_a_wrong_keymap_is_explained(keymap: dict[str, str], words: str) -> None:
    assert words in " ".join(keymap_problems(keymap, ["stop-node"]))


def test_an_unknown_key_id_stops_the_console() -> None:
    with pytest.raises(UsageError, match="helth: no such key id"):
        EtcdtuiApp(ScriptedSession(healthy()), keymap={"helth": "f5"})


def test_keys_are_shown_as_people_write_them() -> None:
    assert [shown(k) for k in ("ctrl+p", "question_mark", "plus,equals", "G")] == ["^p", "?", "+", "G"]


def test_the_keymap_and_the_theme_list_need_no_textual() -> None:
    code = (
        "import sys, etcdtui.ui.keymap, etcdtui.ui.themes as t; t.available_themes();"
        "assert not {'textual', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_the_shipped_themes_are_fine() -> None:
    loaded, failed = available_themes(paths.theme_dirs()[:1])
    assert failed == []
    assert {"dark", "light", "high-contrast", "ansi"} <= loaded.keys()


def test_the_built_in_default_is_the_shipped_file() -> None:
    spec = load(paths.theme_dirs()[0] / "dark.yaml")
    assert replace(spec, file=DARK.file) == DARK


@pytest.mark.parametrize("name", ["dark", "light", "high-contrast", "ansi"])
async def test_every_shipped_theme_draws(name: str) -> None:
    async with console(ScriptedSession(healthy()), theme=name) as (app, pilot):
        assert app.theme == name
        await pilot.press("c")
        await shows(app, pilot, "HEALTHY")


BROKEN = [
    ("primary: [", None, "not YAML"),
    ("- a\n", "", "expected keys"),
    ("dark: true\n", "primary", "is missing"),
    ('primary: "#12"\n', "primary", "expected a colour"),
    ('primary: "#123456"\ndark: dunno\n', "dark", "expected true or false"),
    ('primary: "#123456"\nprimray: x\n', "primray", "no such key"),
    ('primary: "#123456"\nname: "a b"\n', "name", "expected a word"),
    ('primary: "#123456"\nvariables: 3\n', "variables", "expected keys"),
    ('primary: "#123456"\nvariables:\n  cursor: blurb\n', "variables.cursor", "expected a colour"),
    ('primary: "#123456"\nvariables:\n  cursor-style: loud\n', "variables.cursor-style", "expected words"),
    ('primary: "#123456"\nvariables:\n  border: "red; }"\n', "variables.border", "expected a colour"),
]


@pytest.mark.parametrize(("text", "key", "expected"), BROKEN)
def test_a_broken_theme_is_explained(tmp_path: Path, text: str, key: str | None, expected: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.file == str(file)
    assert expected in str(caught.value)
    if key is not None:
        assert caught.value.key == key


async def test_a_broken_theme_is_reported_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "etcdtui" / "themes"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("primary: 3\n")
    (folder / "dark.yaml").write_text('name: dark\nprimary: "#ff00ff"\n')
    loaded, failed = available_themes()
    assert [e.file for e in failed] == [str(folder / "broken.yaml")]
    assert loaded["dark"].colours["primary"] == "#ff00ff"
    spec, _ = find_theme("dark")
    assert spec is not None and spec.file == folder / "dark.yaml"
    async with console(ScriptedSession(healthy()), theme="broken") as (app, pilot):

        def notes() -> list[str]:
            return [n.message for n in app._notifications if "left out" in n.message]

        await until(pilot, lambda: app.theme_names and notes())
        assert len(notes()) == 1 and "broken.yaml:1: primary: expected a colour" in notes()[0]
        assert app.theme == "dark"
        await pilot.press("t")
        assert app.theme == "high-contrast"
