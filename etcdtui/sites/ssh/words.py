"""A look in words: the run state of a node, and where unit, process and data do not go together."""

from __future__ import annotations

from etcdtui.model.cluster import RunState
from etcdtui.model.text import clean, plural
from etcdtui.sites.ssh import facts as found
from etcdtui.sites.ssh.facts import Facts, Runs, Stated
from etcdtui.sites.ssh.probe import Look, Process

_STATES = {
    "active": RunState.RUNNING,
    "reloading": RunState.RUNNING,
    "activating": RunState.STARTING,
    "deactivating": RunState.RUNNING,
    "inactive": RunState.STOPPED,
    "failed": RunState.FAILED,
}
_EXIT = {
    "203": "its binary cannot be executed (203/EXEC)",
    "200": "its working directory is missing (200/CHDIR)",
    "217": "its user does not exist (217/USER)",
    "209": "its output file cannot be opened (209/STDOUT)",
}


def describe(look: Look, facts: Facts, stated: Stated, trouble: str) -> tuple[RunState, str, int | None]:
    """Run state, words and process ID.

    Args:
        trouble: why the member did not answer, if it did not.
    """
    if facts.runs is Runs.UNKNOWN:
        return RunState.UNKNOWN, facts.why, None
    state, words, process = _WAYS[facts.runs](look, facts, stated)
    if process is not None and process.frozen:
        state = RunState.FROZEN
        words = [
            f"pid {process.pid} is stopped by a signal; kill -CONT {process.pid} lets it go on",
            *words[1:],
        ]
    if look.data == "absent" and facts.data_dir:
        # A member without its data must not come back: it would be another one.
        words.append(f"DRIFT: its data directory {facts.data_dir} is missing")
    if state is RunState.RUNNING and trouble:
        words.append(f"DRIFT: it runs and does not answer: {trouble}")
    return state, clean("; ".join(word for word in words if word)), process.pid if process else None


def _systemd(look: Look, facts: Facts, stated: Stated) -> tuple[RunState, list[str], Process | None]:
    del stated
    unit = look.unit
    active, sub = unit.get("ActiveState", ""), unit.get("SubState", "")
    process = found.of_unit(look)
    if unit.get("LoadState") == "not-found" or not active:
        return _strayed(look, facts, RunState.UNKNOWN, [f"there is no unit {facts.unit}"])
    state = _STATES.get(active, RunState.UNKNOWN)
    if sub == "auto-restart":
        state = RunState.FAILED
    elif state is RunState.STARTING and process is not None:
        # A unit of type notify is activating until the cluster has a quorum; its process runs.
        state = RunState.RUNNING
    elif state in (RunState.STOPPED, RunState.FAILED) and unit.get("Job", "0") not in ("", "0"):
        # It waits for what it is ordered after, or systemd is busy.
        return RunState.STARTING, [f"{facts.unit} {active} ({sub}): systemd has yet to start it"], None
    since = unit.get("StateChangeTimestamp", "")
    words = [f"pid {process.pid}" if process and state is RunState.RUNNING else ""]
    words.append(f"{facts.unit} {active} ({sub})" + (f" since {since}" if since else ""))
    if state is RunState.FAILED:
        code = unit.get("ExecMainStatus", "")
        words.append(_EXIT.get(code, f"{unit.get('Result', '')}, exit status {code}"))
    if (restarts := unit.get("NRestarts", "0")) not in ("", "0"):
        words.append(f"restarted {plural(int(restarts), 'time')} by systemd" if restarts.isdecimal() else "")
    if state is RunState.RUNNING and process is None:
        words.append("DRIFT: the unit is active and no etcd process belongs to it")
    if unit.get("UnitFileState") in ("disabled", "masked"):
        words.append(f"the unit is {unit['UnitFileState']}: it does not start at boot")
    if state in (RunState.STOPPED, RunState.FAILED):
        return _strayed(look, facts, state, words)
    return state, words, process


def _strayed(
    look: Look, facts: Facts, state: RunState, words: list[str]
) -> tuple[RunState, list[str], Process | None]:
    """A unit that does not run, with an etcd on the same data beside it that does."""
    strays = [p for p in look.processes if p.data_dir in ("", facts.data_dir) and not p.in_pod]
    if strays:
        words.append(f"DRIFT: an etcd runs on its data outside of the unit, pid {strays[0].pid}")
        return RunState.RUNNING, words, strays[0]
    return state, words, None


def _static(look: Look, facts: Facts, stated: Stated) -> tuple[RunState, list[str], Process | None]:
    process = found.the_process(look, stated)
    words = [f"pid {process.pid}" if process else "", f"static pod {facts.manifest}"]
    if look.manifest == "hidden":
        words.append("the manifests folder cannot be seen without root")
    if process is not None:
        if look.manifest in ("absent", "aside"):
            words.append("its manifest is moved out: the kubelet is ending it")
        return RunState.RUNNING, words, process
    if look.manifest == "present":
        return RunState.STARTING, [*words, "the manifest is there and no etcd runs: see the kubelet"], None
    return RunState.STOPPED, [*words, _MANIFEST.get(look.manifest, "")], None


def _process(look: Look, facts: Facts, stated: Stated) -> tuple[RunState, list[str], Process | None]:
    process = found.the_process(look, stated)
    if process is not None:
        words = [
            f"pid {process.pid}",
            "started by hand" if not stated.pid_file else f"pid file {stated.pid_file}",
        ]
        return RunState.RUNNING, words, process
    others = [p for p in look.processes if facts.data_dir and p.data_dir == facts.data_dir]
    if others:
        words = [f"pid {others[0].pid}", f"DRIFT: the pid file {stated.pid_file} names another process"]
        return RunState.RUNNING, words, others[0]
    if look.pidfile is not None:
        return RunState.STOPPED, [f"pid {look.pidfile} of {stated.pid_file} is gone"], None
    return (
        RunState.STOPPED,
        ["no etcd runs" if facts.argv else "no etcd runs and no command line is known"],
        None,
    )


_MANIFEST = {"aside": "its manifest is moved out", "absent": "DRIFT: its manifest is gone"}
_WAYS = {Runs.SYSTEMD: _systemd, Runs.STATIC_POD: _static, Runs.PROCESS: _process}
