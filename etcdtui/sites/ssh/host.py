"""One host: its connection, its shell, and what is known of the etcd it runs."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from etcdtui.errors import NodeError, OutcomeUnknown, SiteError
from etcdtui.model.cluster import Node, RunState
from etcdtui.model.text import clean
from etcdtui.sites.ssh import facts as found
from etcdtui.sites.ssh import probe
from etcdtui.sites.ssh.facts import MANIFEST, Facts, Runs, Stated
from etcdtui.sites.ssh.link import Link
from etcdtui.sites.ssh.probe import Look
from etcdtui.sites.ssh.shell import Shell, checked
from etcdtui.sites.ssh.sudo import Root
from etcdtui.sites.ssh.watch import Watch
from etcdtui.sites.ssh.words import describe

DEEP_EVERY = 120.0
"""Seconds between two looks that find out anew how etcd is run, as root where possible: sudo logs each."""
DEEP_SOON = 5.0
"""The same once its process came or went, as another console may be at work; then twice as long each time."""
LOOK_TIMEOUT = 4.0
DEEP_TIMEOUT = 15.0
"""Seconds the finding out may take: an overloaded host is slow, and there it is needed most."""
LASTING = 5.0
"""Seconds a running etcd may be silent before that is said of its node: it may be starting."""
RETIRED = "retired"
"""What is remembered of how etcd was run on a host that was given up, should it come back."""
RECORDS = ".local/state/etcdtui"
"""Directory in the account's home on the host for the command lines of processes that were stopped."""


class Host:
    """A host of the profile; thread-safe.

    Args:
        name: the node's name in the console.
        stated: what the profile says of its etcd.
    """

    def __init__(self, name: str, link: Link, shell: Shell, stated: Stated) -> None:
        self.name = name
        self.link = link
        self.shell = shell
        self.stated = stated
        self.facts = Facts()
        self.detected = False
        """Whether a deep look has succeeded."""
        self.spare = False
        """Whether it is known to run no member and to be set up for none."""
        self._trouble = ("", 0.0)
        self._look: Look | None = None
        self._watch: Watch | None = None
        self._failure = ("", "")
        self._deep = float("-inf")
        self._turned = float("-inf")
        """When its process was last seen to come or go."""
        self._lock = threading.Lock()

    def answered(self, trouble: str = "") -> None:
        """Its etcd answered, or did not although the way to it stood: then `trouble` says why."""
        words, since = self._trouble
        self._trouble = (trouble, since if words and trouble else time.monotonic())

    @property
    def trouble(self) -> str:
        """Why its etcd does not answer, once that has lasted; empty while it does."""
        words, since = self._trouble
        return words if words and time.monotonic() - since > LASTING else ""

    # -- looking -----------------------------------------------------------------------------------

    def look(self, timeout: float = LOOK_TIMEOUT, *, deep: bool = False) -> Look:
        """Look at the host now.

        Raises:
            SiteError: it is not reached.
        """
        with self._lock:
            try:
                now = time.monotonic()
                if deep or not self.detected or now - self._deep > self._deep_every():
                    self._look = self._look_deep(timeout)
                    self._deep, self.detected = now, True
                else:
                    before = self._look
                    self._look = self._once(self.facts, timeout, deep=False)
                    if before is not None:
                        _keep_hidden(before, self._look)
                        if bool(before.processes) != bool(self._look.processes):
                            self._turned = now
                    if self._moved(self._look):
                        self._look = self._look_deep(timeout)
            except OutcomeUnknown as error:
                ending = error.message.rpartition("`")[2]
                raise SiteError(f"{self.name}: a look at it{ending}") from None
            return self._look

    def _deep_every(self) -> float:
        """Seconds: short when something has just happened there, twice as long each time from there on."""
        return min(DEEP_EVERY, max(DEEP_SOON, self._deep - self._turned))

    def _moved(self, look: Look) -> bool:
        """Whether a process is there that was not there when the settings were read."""
        process = found.of_unit(look) if self.facts.unit else found.the_process(look, self.stated)
        return process is not None and process.argv != self.facts.argv

    def _once(self, facts: Facts, timeout: float, *, deep: bool) -> Look:
        manifest = (
            facts.manifest or self.stated.manifest or (MANIFEST if deep and not self.stated.unit else "")
        )
        unit = facts.unit or self.stated.unit
        words = probe.arguments(unit, manifest, self.stated.pid_file, facts.data_dir, deep=deep)
        if deep:
            done = self.shell.elevated(["sh", "-c", probe.LOOK, "sh", *words], timeout=timeout)
            return probe.parse(done.text)
        if self._watch is None or self._watch.words != tuple(words):
            if self._watch is not None:
                self._watch.close()
            self._watch = Watch(self.name, self.link, probe.LOOK, words)
        return probe.parse(self._watch.ask(timeout))

    def _look_deep(self, timeout: float) -> Look:
        timeout, asked = max(timeout, DEEP_TIMEOUT), self.facts.unit or self.stated.unit
        look = self._once(self.facts, timeout, deep=True)
        facts = found.find(look, self.stated, self.facts, self._read)
        if facts.runs is Runs.SYSTEMD:
            if facts.unit != asked:
                look = self._once(facts, timeout, deep=True)
            if not found.owns(look, facts, self.stated) and look.processes:
                facts = found.as_process(look, self.stated, self.facts, self._read)
            else:
                facts = found.with_unit(facts, look, self._read)
        stated = replace(self.stated, pid_file="").states()
        if not self._runs(look) and not stated and facts.runs is not Runs.STATIC_POD:
            # What was stopped from here is known better than what a unit that never ran would be.
            facts = self._recorded(facts)
        self.facts = Facts() if self._given_up(look, facts) else facts
        self.spare = self._is_spare(look)
        return look

    def _runs(self, look: Look) -> bool:
        """Whether an etcd runs there; where a pid file is stated, whether the one runs that it names."""
        return bool(found.the_process(look, self.stated) if self.stated.pid_file else look.processes)

    def _is_spare(self, look: Look) -> bool:
        """Whether nothing here is, was or is to be a member, as far as root can see."""
        facts = self.facts
        if self._runs(look) or (len(look.candidates) > 1 and facts.runs is Runs.UNKNOWN):
            return False
        if facts.settings.get("initial-cluster") or facts.settings.get("discovery-srv"):
            return False
        starts = facts.argv and not (self.stated.config_file and self._is_gone(self.stated.config_file))
        if facts.runs in (Runs.STATIC_POD, Runs.PROCESS) and (starts or look.manifest in _THERE):
            return False
        return not facts.data_dir or self._without_member(facts.data_dir)

    def _given_up(self, look: Look, facts: Facts) -> bool:
        """Whether another console gave it up: that is written down, and nothing there could start it."""
        if look.processes or self.stated.states():
            return False
        if facts.runs is Runs.STATIC_POD:
            gone = look.manifest == "absent"
        else:
            gone = facts.runs is Runs.PROCESS and not self.kept()
        return gone and bool(self.kept(RETIRED)) and self._without_member(facts.data_dir)

    def _without_member(self, data_dir: str) -> bool:
        return self.shell.can_be_root_silently() and self._is_gone(f"{data_dir}/member", data_dir)

    def _is_gone(self, path: str, within: str = "") -> bool:
        # What cannot be looked into may be there.
        test = ["sh", "-c", '[ -x "$(dirname "$1")" ] && [ ! -e "$2" ]', "sh", within or path, path]
        return self.shell.elevated(test).code == 0

    def forget(self, facts: Facts | None = None) -> None:
        """Look anew, from the root up: its files were changed.

        Args:
            facts: what is known of it from now on.
        """
        with self._lock:
            self.facts, self.detected = facts or Facts(), False

    def text(self, path: str) -> str:
        """A file of the host as text, empty when it is not there; sudo's password may be asked for."""
        if not path:
            return ""
        done = self.shell.elevated(["cat", "--", path])
        if done.code and self.shell.root is Root.PASSWORD:
            done = self.shell.sudo(["cat", "--", path])
        return "" if done.code else done.text

    def _read(self, path: str) -> str:
        try:
            return self.shell.read(path).decode("utf-8", "replace")
        except NodeError:
            return ""

    # -- what is said of it --------------------------------------------------------------------------

    def node(self, timeout: float = LOOK_TIMEOUT) -> Node:
        """The node as it is now; a host that is not reached is a node of which nothing is known."""
        try:
            look = self.look(timeout)
        except SiteError as error:
            return self._node(RunState.UNKNOWN, clean(error.message), None)
        state, detail, pid = describe(look, self.facts, self.stated, self.trouble)
        if state is RunState.FAILED and (why := self._why_failed(look)):
            detail = f"{detail}: {why}"
        return self._node(state, detail, pid)

    def _why_failed(self, look: Look) -> str:
        """What its log says of a failure, read once for each."""
        from etcdtui.sites.ssh.logs import last_words

        seen = look.unit.get("StateChangeTimestamp", "")
        if self._failure[0] != seen:
            with contextlib.suppress(OutcomeUnknown):
                self._failure = (seen, last_words(self))
        return self._failure[1]

    def _node(self, state: RunState, detail: str, pid: int | None) -> Node:
        facts = self.facts
        return Node(
            name=self.name, run_state=state, detail=detail, pid=pid, member_name=facts.member_name,
            peer_urls=facts.peer_urls, client_urls=facts.client_urls, data_dir=facts.data_dir,
        )  # fmt: skip

    @property
    def uid(self) -> int:
        """The number of our account there, -1 before it is known."""
        return self.shell.uid

    def unit_property(self, name: str) -> str:
        """A property of the unit as of the last look."""
        return self._look.unit.get(name, "") if self._look else ""

    # -- command lines that are remembered -------------------------------------------------------------

    def record(self) -> None:
        """Write down on the host how its process was started, so that it can be started again."""
        self.keep_command(self.facts.argv, self.facts.log_file, self.facts.uid)

    def keep_command(self, argv: Sequence[str], log_file: str, uid: int) -> None:
        """Write down on the host how its process is to be started. Raises NodeError."""
        self.keep("", {"argv": list(argv), "log": log_file, "uid": uid})

    def keep(self, what: str, values: Mapping[str, Any]) -> None:
        """Write something down on the host, in the account's home. Raises NodeError."""
        script = 'cd && mkdir -p "$1" && cat > "$1/$2.json.part" && mv "$1/$2.json.part" "$1/$2.json"'
        argv = ["sh", "-c", script, "sh", RECORDS, self._record + (f".{what}" if what else "")]
        done = self.shell.run(argv, stdin=json.dumps(values).encode())
        if done.code:
            raise NodeError(
                f"{self.name}: how its etcd is run cannot be kept in ~/{RECORDS}: {clean(done.err, 120)}",
                "make room there, or state its command line as `command` in the profile",
            )

    def kept(self, what: str = "") -> dict[str, Any]:
        """What was written down so; empty for nothing."""
        name = self._record + (f".{what}" if what else "")
        done = self.shell.run(["sh", "-c", 'cat "$HOME/$1/$2.json" 2>/dev/null', "sh", RECORDS, name])
        with contextlib.suppress(ValueError):
            held = json.loads(done.text)
            return held if isinstance(held, dict) else {}
        return {}

    def drop_command(self, tag: str) -> None:
        """Forget how its process was started; the file is kept under another name."""
        script = 'cd && [ ! -e "$1/$2.json" ] || mv -- "$1/$2.json" "$1/$2.json.retired-$3"'
        checked(self.shell.run(["sh", "-c", script, "sh", RECORDS, self._record, tag]), self.name)

    @property
    def _record(self) -> str:
        return "".join(ch if ch.isalnum() or ch in "._-" else "_" for ch in self.name)

    def _recorded(self, facts: Facts) -> Facts:
        raw = self.kept()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            argv = tuple(str(word) for word in raw["argv"])
            log = self.stated.log_file or str(raw["log"])
            return Facts(
                runs=Runs.PROCESS, pid_file=self.stated.pid_file, argv=argv, uid=int(raw["uid"]),
                log_file=log, settings=found.settings_of(argv, {}, self._read),
            )  # fmt: skip
        return facts


_THERE = ("present", "aside", "hidden")


def _keep_hidden(before: Look, now: Look) -> None:
    """What only root sees is as it was when root looked last."""
    if now.data == "hidden":
        now.data = before.data
    if now.manifest == "hidden":
        now.manifest = before.manifest
