"""Snapshots of a real cluster, saved and checked by the command."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import Cli, one_line


def test_save_verify_and_retention(demo: Cli, tmp_path: Path) -> None:
    where = tmp_path / "snapshots"
    revisions = set()
    for _ in range(3):
        done = demo("snapshot", "save", "demo", "--directory", str(where), "--keep", "2")
        assert done.returncode == 0, done.stderr
        assert "sha256 right" in done.stdout and "revision" in done.stdout
        revisions.add(done.stdout.split(":")[0])
        # Names carry the second and the revision: a write makes the next one differ at once.
        demo("move-leader", "n1", "demo", "--yes")
        demo("move-leader", "n2", "demo", "--yes")
    files = sorted(where.glob("*.db"))
    assert len(files) == min(2, len(revisions))
    assert all(f.stat().st_mode & 0o777 == 0o600 for f in where.iterdir())
    good = demo("snapshot", "verify", str(files[-1]))
    assert good.returncode == 0
    assert "sha256 right" in good.stdout
    raw = bytearray(files[-1].read_bytes())
    raw[5000] ^= 1
    broken = tmp_path / "broken.db"
    broken.write_bytes(raw)
    bad = demo("snapshot", "verify", str(broken))
    assert bad.returncode == 1
    assert "damaged: its checksum is wrong" in one_line(bad)
    assert "is no snapshot of etcd" in one_line(demo("snapshot", "verify", str(Path(__file__))))


def test_nothing_is_left_of_a_snapshot_that_cannot_be_written(demo: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = demo("snapshot", "save", "demo", "--directory", str(tmp_path / "file"))
    assert done.returncode == 1
    assert str(tmp_path / "file") in one_line(done)
