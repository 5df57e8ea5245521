"""Hosts whose profile says what their cluster is to be: brought up piece by piece, all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from etcdtui.errors import SiteError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import Discovery, HostsBootstrap, MemberPlan, Runner, Source, Tls
from etcdtui.model.bootstrap_checks import problems, sentence
from etcdtui.sites.founding import Piece, Sight, Tell
from etcdtui.sites.pki_store import utc_now
from etcdtui.sites.ssh import brought, calls, further, installing, laying, paper, razing, receipt, undoing
from etcdtui.sites.ssh.hop import spot
from etcdtui.sites.ssh.meeting import announce, check_records, old_service, pieces_of, retract
from etcdtui.sites.ssh.planned import SshPlanned
from etcdtui.sites.ssh.survey import survey
from etcdtui.sites.ssh.together import PATIENT_LOOK, STOP_TIMEOUT, together

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Work = Callable[["Host", MemberPlan], str]


class SshFounding(SshPlanned):
    """The capability Founding."""

    # -- Founding ----------------------------------------------------------------------------------

    def member_names(self) -> tuple[str, ...]:
        """Those of the plan table."""
        return tuple(member.name for member in self.boot.members)

    def peer_urls(self) -> tuple[str, ...]:
        """Those of the plan table."""
        return tuple(settings.peer_url(self.boot, member) for member in self.boot.members)

    def grown_urls(self) -> tuple[str, ...]:
        """Those of the further hosts, and they stay so once these are given up."""
        self._grown |= dict.fromkeys(url for host in self._further() for url in host.facts.peer_urls)
        return tuple(self._grown)

    def further_nodes(self) -> tuple[str, ...]:
        """The hosts beside the plan table's that were set up to join its members."""
        return tuple(host.name for host in self._further())

    def _further(self) -> tuple[Host, ...]:
        return further.hosts(self._hosts, self._members, self.peer_urls())

    def advice(self) -> tuple[str, ...]:
        """What could be better about the plan table, and what has to be there in DNS."""
        out = [sentence(problem) for problem in problems(self.boot)]
        if self.boot.meeting.by is Discovery.SRV:
            out += [f"DNS must have: {record}" for record in settings.srv_records(self.boot)]
        return tuple(out)

    def pieces(self) -> tuple[Piece, ...]:
        """Look, release, account and directories, certificates, files, start, settle."""
        boot, names = self.boot, ", ".join(self._members)
        out = [
            Piece(
                "check",
                f"look whether {names} can take it",
                "ports, data directory, machine, clock, disk space, 100 forced writes; nothing stays behind",
                only_looks=True,
            )
        ]
        if boot.release.source is not Source.THERE:
            out.append(Piece("release", f"install etcd {boot.release.version}", calls.release(boot)))
        out.append(Piece("places", "make account and directories", calls.places(boot, self._each)))
        if boot.tls in (Tls.MADE, Tls.GIVEN):
            whose = "made by a CA of its own" if boot.tls is Tls.MADE else "as you brought them"
            owner = f"root:{boot.account} " if boot.runner is Runner.SYSTEMD else ""
            keys = f"{owner}{laying.key_mode(boot):04o}"
            call = self._each(lambda m: f"{settings.tls_dir(boot, m)}/*.pem (keys {keys})")
            call = f"{self._store.describe()}; {call}" if boot.tls is Tls.MADE else call
            out.append(Piece("tls", f"write certificates {whose}", call))
        out.append(Piece("files", "write the configuration", calls.files(boot, self.name, self._each)))
        out += pieces_of(boot, self.name, next(iter(self._members)))
        out.append(Piece("start", "start all members", calls.start(boot, self._each), starts=True))
        call = self._each(lambda m: f"{settings.config_file(boot, m)}: initial-cluster-state: existing")
        out.append(Piece("settle", "let no member found a second cluster", call, final=True))
        return tuple(undoing.with_way_back(piece, boot, self._each) for piece in out)

    def survey(self) -> tuple[Sight, ...]:
        """Ports, data directory, machine, clock, disk, certificates: every host, all at once."""
        pairs = [(self._host(name), member) for name, member in self._members.items()]
        sights = survey(pairs, self.boot, self.name, self._run_of)
        client = self._plan.tls.cert if self._plan.tls is not None else b""
        wrong = brought.client_faults(self.boot, client, utc_now())
        if not wrong:
            return sights
        of_all = next((sight for sight in sights if not sight.place), Sight(""))
        return (*(s for s in sights if s.place), replace(of_all, wrong=(*of_all.wrong, *wrong)))

    def _meet(self, piece: str) -> str:
        """Do one of them; not any more once the configuration says that the cluster exists."""
        host = self._host(next(iter(self._members)))
        noted, run = receipt.path(self.boot, self._members[host.name]), self._run_of(host)
        if piece == "undo announce":
            if not receipt.has(host, noted, "announced", run):
                return "nothing was announced by this bring-up"
            said = retract(self.dial, self.boot, self.name)
            receipt.dropped(host, noted, "announced", run)
            return said
        if self._settled(host):
            return "the members know each other already"
        if piece == "records":
            return self._all(lambda h, _: check_records(h, self.boot))
        if piece == "service":
            return old_service(host, self.boot)
        return announce(self.dial, self.boot, self.name, lambda: receipt.note(host, noted, "announced", run))

    def _settled(self, host: Host) -> bool:
        return laying.is_settled(host, self.boot, self._members[host.name], self._run_of(host))

    def wants_users(self) -> bool:
        """As the plan says."""
        return self.boot.auth

    def replan(self, boot: HostsBootstrap) -> None:
        """The same hosts, and another plan for them: for who still makes up his mind."""
        self.boot = boot
        self._members = {spot(member.host).host: member for member in boot.members}

    def ruins(self, *, delete: bool) -> tuple[Piece, ...]:
        """Stop, data, files; the releases stay."""
        boot, later = self.boot, self._further()
        if boot.runner is Runner.SYSTEMD:
            stop = self._each(lambda m: f"systemctl disable --now {paper.unit_name(boot, m)}")
        else:
            stop = self._each(lambda m: f"kill -TERM the etcd of {settings.data_dir(boot, m)}.pid")
        data = self._each(lambda m: settings.data_dir(boot, m))
        files = self._each(lambda m: f"{settings.config_file(boot, m)}, unit and certificates")
        how = Piece("data delete", "delete the data", f"rm -rf: {data}")
        if not delete:
            how = Piece("data aside", "move the data aside", f"mv to NAME.destroyed.TIME: {data}")
        pieces = (
            Piece("stop", "stop all members for good", stop, ends=True),
            how,
            Piece("files away", "remove what the bring-up wrote", f"rm, where etcdtui wrote it: {files}"),
        )
        return further.along(pieces, later, self.describe_stop)

    def _each(self, words: Callable[[MemberPlan], str]) -> str:
        return "; ".join(f"{name}: {words(member)}" for name, member in self._members.items())

    def carry_out(self, piece: str, tell: Tell) -> str:
        """Do one of `pieces`. Raises SiteError naming the host."""
        piece, also = further.split(piece)
        later = [self._host(name) for name in also]
        match piece:
            case "check":
                return self._check()
            case "release":
                return self._install(tell)
            case "places":
                return self._all(lambda h, m: laying.make_places(h, self.boot, m, self._run_of(h)))
            case "tls":
                return self._lay_certificates()
            case "files":
                return self._all(self._lay_files)
            case "records" | "service" | "announce" | "undo announce":
                return self._meet(piece)
            case "start":
                return self._all(lambda h, _: self.start_node(h.name))
            case "settle":
                return self._all(lambda h, m: laying.settle_file(h, self.boot, m, self.name, self._run_of(h)))
            case "stop":
                # Nobody is stopped while one of them could not be: what is left would have no quorum.
                self._all(lambda h, _: further.reached(h), later, further.reached)
                return self._all(self._stop, later, partial(further.stop, stop=self.stop_node))
            case "data aside" | "data delete":
                delete = piece == "data delete"
                return self._all(
                    lambda h, m: razing.data_away(
                        h, settings.data_dir(self.boot, m), self._run_of(h), delete=delete
                    ),
                    later,
                    partial(further.data_away, delete=delete),
                )
            case "files away":
                return self._all(
                    lambda h, m: razing.files_away(h, self.boot, m, self._run_of(h)),
                    later,
                    lambda h: further.give_up(h, self.boot, self._run_of(h)),
                )
            case _ if piece.startswith(undoing.UNDO):
                return self._all(
                    lambda h, m: undoing.undo(h, self.boot, m, piece, self._run_of(h), self._stop)
                )
        raise SiteError(f"{self.name}: there is nothing to do that is called {piece}")

    # -- one piece on all hosts ----------------------------------------------------------------------

    def _all(
        self, work: Work, later: Sequence[Host] = (), also: Callable[[Host], str] = further.reached
    ) -> str:
        """Do it on every host of the plan, and something like it on hosts that came later."""
        jobs = [partial(work, self._host(name), member) for name, member in self._members.items()]
        return together([*jobs, *(partial(also, host) for host in later)])

    def _lay_certificates(self) -> str:
        said = self._all(lambda h, m: laying.lay_certificates(h, self.boot, m, self._store, self._run_of(h)))
        if self.boot.tls is not Tls.MADE:
            return said
        self._store.client()
        return f"{said}; for you: {', '.join(map(str, self._store.bundle))}"

    def _lay_files(self, host: Host, member: MemberPlan) -> str:
        said = laying.lay_files(host, self.boot, member, self.name, self._run_of(host))
        # What was found out before there was a configuration does not hold any more.
        host.look(PATIENT_LOOK, deep=True)
        return said

    def _stop(self, host: Host, member: MemberPlan) -> str:
        if self.boot.runner is Runner.SYSTEMD:
            return razing.disable(host, self.boot, member, self._run_of(host))
        return self.stop_node(host.name, STOP_TIMEOUT)

    def _check(self) -> str:
        sights = self.survey()
        if wrong := [text for sight in sights for text in sight.sentences(sight.wrong)]:
            raise SiteError("; ".join(wrong))
        facts = [f"{sight.place}: {sight.facts}" for sight in sights if sight.facts]
        advice = [text for sight in sights for text in sight.sentences(sight.advice)]
        return "; ".join([*facts, *(f"advice: {text}" for text in advice)])

    def _install(self, tell: Tell) -> str:
        tarball = self._tarball(tell)

        def install(host: Host, member: MemberPlan) -> str:
            noted = receipt.path(self.boot, member)
            return installing.install(host, self.boot, self._run_of(host), tarball, tell, noted)

        return self._all(install)
