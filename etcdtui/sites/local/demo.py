"""Opening the demo cluster: made the first time, adopted when it runs, stopped whatever ends the console."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from etcdtui import paths
from etcdtui.errors import SiteError, UsageError
from etcdtui.sites.local.binaries import Binary, probe
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.ports import free_ports
from etcdtui.sites.local.site import SETTLE, LocalSite
from etcdtui.sites.local.spec import ClusterSpec, SpecFile, bootstrap_spec, save_spec

DEFAULT_NODES = 3
MAX_NODES = 9
Handler = Callable[[int, FrameType | None], None] | signal.Handlers
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def open_demo(
    directory: Path | None = None,
    *,
    nodes: int | None = None,
    name: str = "demo",
    launch: bool = True,
    binary: Path | None = None,
    options: Sequence[str] = (),
    settle: float = SETTLE,
) -> LocalSite:
    """The demo cluster: created the first time, adopted when it runs.

    Args:
        directory: where it is kept; `etcdtui.paths.demo_dir` when None.
        nodes: how many; when None, what there is, or three.
        name: its name, used when it is created.
        launch: start what does not run.
        binary: the etcd to start; None for the newest one found.
        options: further flags of every node (``--heartbeat-interval=50``), kept when it is created.
        settle: see `LocalSite.launch`; 0 when somebody watches the nodes anyway.

    Raises:
        UsageError: `nodes` is out of range or differs from what there is, or ``ETCDTUI_PORTS`` is no range.
        SiteError: see `LocalSite.launch`; or the directory or its files cannot be used.
    """
    site = _prepare(directory, nodes, name, binary, options)
    if launch:
        site.launch(settle)
    return site


def attach_demo(directory: Path | None = None) -> LocalSite:
    """An existing demo cluster, with nothing started: for a command beside a running console.

    Raises:
        SiteError: there is none, or its files are damaged.
    """
    where = directory or paths.demo_dir()
    if SpecFile(where).read() is None:
        raise SiteError(f"no demo cluster here: {where}", "run etcdtui demo")
    return LocalSite(where)


@contextlib.contextmanager
def running_demo(
    directory: Path | None = None,
    *,
    keep: bool = False,
    nodes: int | None = None,
    name: str = "demo",
    binary: Path | None = None,
    options: Sequence[str] = (),
    settle: float = SETTLE,
) -> Iterator[LocalSite]:
    """`open_demo` for the length of a block, after which what it started is gone, unless `keep`.

    That holds for every way out: the end of the block, an exception, Ctrl+C, SIGTERM and SIGHUP
    (see `ending_signals_raise`). Only SIGKILL leaves processes; the next opening adopts them.
    """
    with ending_signals_raise():
        site = _prepare(directory, nodes, name, binary, options)
        try:
            site.launch(settle)
            yield site
        finally:
            with _signals_ignored():
                site.close(stop=not keep)


@contextlib.contextmanager
def ending_signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `SystemExit` (128 + number) in the main thread, so that `finally` runs.

    A second one is ignored until the block is left. A signal that is ignored already (nohup) stays so.
    Elsewhere than in the main thread, where Python sets no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    heeded = [number for number in _ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def leave(number: int, _frame: FrameType | None) -> None:
        for other in heeded:
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    with _handled(heeded, leave):
        yield


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """A second signal, or an impatient Ctrl+C, must not cut the clean-up short; it is bounded anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled((*_ENDING_SIGNALS, signal.SIGINT), signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handled(numbers: Sequence[signal.Signals], handler: Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            # None: it was set by something else than Python and cannot be set back.
            signal.signal(number, old if old is not None else signal.SIG_DFL)


def _prepare(
    directory: Path | None, nodes: int | None, name: str, binary: Path | None, options: Sequence[str]
) -> LocalSite:
    """The site with nothing started; ``cluster.json`` is written when there is none."""
    if nodes is not None and not 1 <= nodes <= MAX_NODES:
        raise UsageError(f"--nodes {nodes}: a demo has 1 to {MAX_NODES} nodes")
    where = directory or paths.demo_dir()
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SiteError(f"{where}: cannot be made: {error.strerror}") from None
    where = where.resolve()
    with locked(where, 10.0):
        spec = SpecFile(where).read()
        if spec is None:
            spec = _create(where, nodes or DEFAULT_NODES, name, options)
    if nodes is not None and nodes != len(spec.nodes):
        raise UsageError(
            f"--nodes {nodes}: the demo in {where} has {len(spec.nodes)} nodes",
            f"leave --nodes out, or move {where} aside for a new one",
        )
    site = LocalSite(where, binary=Binary(str(binary), probe(binary)) if binary else None)
    site.notes = _size_note(len(spec.nodes))
    return site


def _create(where: Path, count: int, name: str, options: Sequence[str]) -> ClusterSpec:
    # Data without cluster.json belongs to a cluster we know nothing about: neither use nor delete it.
    for index in range(MAX_NODES):
        if (where / f"n{index + 1}").exists():
            raise SiteError(
                f"{where}: holds the data of n{index + 1} and no cluster.json", f"move {where} aside"
            )
    ports = free_ports(2 * count)
    if len(ports) < 2 * count:
        raise SiteError(f"{name}: this machine has no {2 * count} free ports for {count} nodes")
    spec = bootstrap_spec(name, f"{name}-{os.urandom(4).hex()}", ports, tuple(options))
    save_spec(where, spec)
    return spec


def _size_note(count: int) -> tuple[str, ...]:
    if count % 2:
        return ()
    return (
        f"{count} voters survive the loss of {(count - 1) // 2}, no more than {count - 1} do: "
        "an odd number is the better choice",
    )
