"""A profile put into a configuration file that a person keeps: nothing else in it changes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from etcdtui.config import SshProfile, load
from etcdtui.config.writer import save, see_writable, with_profile
from etcdtui.errors import ConfigError

NEW = {
    "kind": "ssh",
    "hosts": ["a", "b"],
    "description": "it's: new",
    "bootstrap": {
        "members": [{"host": "a", "name": "a1"}, {"host": "b", "name": "on"}],
        "release": {"version": "3.5", "there": "/usr/bin/etcd"},
        "settings": {"quota-backend-bytes": 1, "auto-compaction-retention": "1h"},
    },
}
KEPT = """\
# mine
default: one   # the first

profiles:
    # about one
    one:
        kind: local  # here
        # binary: /x

    two: {kind: endpoints, endpoints: ["h:1"]}
        # behind two

# the rest
ui: {theme: dark}
"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "ui:\n  theme: dark",
        "profiles:\n",
        "profiles: ~\n",
        "profiles:   # none yet\nui: {theme: dark}\n",
        "profiles: {}\n",
        "profiles: {one: {kind: local}}  # all of them\n",
        "profiles: {\n  one: {kind: local},\n}\nui: {theme: dark}\n",
        "profiles:\n  one:\n    kind: local\n    description: |\n      two\n      lines\n",
        "profiles:\n  one:\n    kind: local\n    keep:\n# end\n",
        "profiles:\n  one: {kind: local}",
        "profiles:\n  one:\n    kind: endpoints\n    endpoints:\n    - h:1\n    - h:2\ndefault: one\n",
        KEPT,
    ],
)
def test_whatever_is_there_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    file.chmod(0o640)
    before = load(file)
    kept = save(with_profile(file, "new", NEW))
    after = load(file)
    profile = after.profiles["new"]
    assert isinstance(profile, SshProfile) and profile.bootstrap is not None
    assert [m.name for m in profile.bootstrap.members] == ["a1", "on"]
    assert profile.bootstrap.settings == NEW["bootstrap"]["settings"]  # type: ignore[index]
    assert {k: v for k, v in after.profiles.items() if k != "new"} == dict(before.profiles)
    assert (after.ui, after.default) == (before.ui, before.default)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in file.read_text().splitlines() if "#" in line] == comments
    assert (kept.read_text() if kept else "") == text


def test_a_comment_stays_with_its_profile(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(KEPT)
    save(with_profile(file, "new", NEW))
    head, tail = file.read_text().split("    new:\n")
    assert head.endswith("# behind two\n\n") and "\n# the rest\nui: {theme: dark}\n" in tail
    save(with_profile(file, "one", NEW, replace=True))
    text = file.read_text()
    assert text.index("# about one") < text.index("    one:\n      kind: ssh")
    assert "# binary" not in text and load(file).profiles["two"].kind == "endpoints"


def test_no_profile_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(KEPT)
    with pytest.raises(ConfigError, match=r":6: profiles.one: there is such a profile already"):
        with_profile(file, "one", NEW)
    with pytest.raises(ConfigError, match=r"hosts"):
        with_profile(file, "new", {"kind": "ssh"})
    written = with_profile(file, "new", NEW)
    file.write_text(KEPT + "# more\n")
    with pytest.raises(ConfigError, match="somebody changed it meanwhile"):
        save(written)
    assert file.read_text() == KEPT + "# more\n"


def test_a_file_that_cannot_be_written_is_told_beforehand(tmp_path: Path) -> None:
    see_writable(tmp_path / "new" / "config.yaml")
    for file, words in (
        (tmp_path, "is a directory"),
        (tmp_path / "file" / "config.yaml", "cannot be written"),
    ):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match=words):
            see_writable(file)


def test_a_file_that_is_not_there_and_one_that_is_linked(tmp_path: Path) -> None:
    file = tmp_path / "fresh" / "config.yaml"
    assert save(with_profile(file, "new", NEW)) is None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    save(with_profile(link, "more", NEW))
    assert link.is_symlink() and set(load(file).profiles) == {"new", "more"}
