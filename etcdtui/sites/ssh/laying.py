"""Account, directories, certificates and files laid on a host for a member; what is there already stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from etcdtui.errors import NodeError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import Discovery, HostsBootstrap, MemberPlan, Runner, Tls
from etcdtui.sites import standing
from etcdtui.sites.pki import Names
from etcdtui.sites.pki_store import PkiStore
from etcdtui.sites.ssh import brought, paper, receipt
from etcdtui.sites.ssh.paper import HostFile
from etcdtui.sites.ssh.shell import Done, checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Run = Callable[..., Done]

_PLACES = r"""
set -e
account=$1 data=$2 config=$3 own=$4
if [ "$own" = yes ] && ! id -u "$account" >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir "$data" --shell /usr/sbin/nologin "$account"
    echo "made account $account"
fi
# etcd makes directories of its own only below what belongs to it.
if [ ! -d "$data" ]; then
    folders "$(dirname "$data")"
    note data "$data"
    mkdir -p "$data"
    echo "made $data"
elif ! noted data "$data" && [ -z "$(ls -A "$data" | head -n 1)" ]; then
    note held "$data"
fi
chmod 700 "$data"
[ "$own" = no ] || chown "$account:" "$data"
if [ ! -d "$config" ]; then folders "$config"; echo "made $config"; fi
"""
# The text comes on standard input, so that no key is ever in a command line. A new file appears as a whole.
_WRITE = r"""
set -e
path=$1 mode=$2 owner=$3
folders "$(dirname "$path")"
[ -e "$path" ] || note file "$path"
umask 077
cat > "$path.part"
if [ -e "$path" ] && cmp -s "$path" "$path.part"; then rm -f "$path.part"; echo same; exit 0; fi
if [ -n "$receipt" ] && [ -e "$path" ] && ! noted file "$path" && ! noted was "$path"; then
    cp -p -- "$path" "$path.before"
    note was "$path"
fi
[ -z "$owner" ] || chown "$owner" "$path.part"
chmod "$mode" "$path.part"
sync "$path.part" 2>/dev/null || sync
mv -f "$path.part" "$path"
echo written
"""


def make_places(host: Host, plan: HostsBootstrap, member: MemberPlan, run: Run) -> str:
    """The account and the directories. Raises NodeError."""
    own = "yes" if plan.runner is Runner.SYSTEMD else "no"
    words = [plan.account, settings.data_dir(plan, member), plan.config_dir, own]
    done = checked(run(receipt.script(_PLACES, receipt.path(plan, member), *words)), host.name)
    return f"{host.name}: {', '.join(done.text.split(chr(10))).strip(', ') or 'all there already'}"


def write(host: Host, file: HostFile, run: Run, *, owner: str, noted: str = "") -> bool:
    """Write a file unless it is there with the same text; whether that was needed. Raises NodeError.

    Args:
        noted: the receipt in which it is noted, so that it can be taken back; empty for none.
    """
    script = receipt.script(_WRITE, noted, file.path, f"{file.mode:o}", owner)
    done = checked(run(script, stdin=file.text.encode(), timeout=30), f"{host.name}: {file.path}")
    return done.text.strip() == "written"


def owner_of(plan: HostsBootstrap, file: HostFile) -> str:
    """Whom a file belongs to; empty for whoever writes it."""
    return f"root:{file.group}" if plan.runner is Runner.SYSTEMD else ""


# -- certificates ------------------------------------------------------------------------------


def certificates(plan: HostsBootstrap, member: MemberPlan, store: PkiStore) -> tuple[HostFile, ...]:
    """A member's certificates and keys, made or as the operator brings them.

    Raises:
        SiteError: a file that the operator brings cannot be read, or the CA cannot be used.
    """
    found = _made(plan, member, store) if plan.tls is Tls.MADE else brought.texts_of(plan.given, member)
    folder, key = settings.tls_dir(plan, member), key_mode(plan)
    return tuple(
        HostFile(f"{folder}/{name}", text, key if name.endswith("-key.pem") else 0o644, plan.account)
        for name, text in found.items()
    )


def key_mode(plan: HostsBootstrap) -> int:
    """Root's and for etcd to be read; or, where etcd is run by the account that logs in, that one's alone."""
    return 0o640 if plan.runner is Runner.SYSTEMD else 0o600


def certificate_paths(plan: HostsBootstrap, member: MemberPlan) -> tuple[str, ...]:
    """Where `certificates` lie on the host."""
    names = [f"{kind}{end}.pem" for kind in ("server", "peer") for end in ("", "-key", "-ca")]
    return tuple(f"{settings.tls_dir(plan, member)}/{name}" for name in names)


def _made(plan: HostsBootstrap, member: MemberPlan, store: PkiStore) -> dict[str, str]:
    # Members that found each other by SRV records want the records' domain in each other's certificates.
    domain = (plan.meeting.domain.rstrip("."),) if plan.meeting.by is Discovery.SRV else ()
    hosts = (member.dialled.strip("[]"), member.name, *domain, "localhost", "127.0.0.1", "::1")
    out: dict[str, str] = {}
    for kind in ("server", "peer"):
        pair = store.pair(f"{member.name}-{kind}", Names(member.name, hosts, server=True))
        out |= {f"{kind}.pem": pair.cert.decode(), f"{kind}-key.pem": pair.key.decode()}
        out[f"{kind}-ca.pem"] = store.ca().cert.decode()
    return out


# -- files -------------------------------------------------------------------------------------


def lay_certificates(host: Host, plan: HostsBootstrap, member: MemberPlan, store: PkiStore, run: Run) -> str:
    """Write them. Raises SiteError."""
    wrote = [
        file
        for file in certificates(plan, member, store)
        if write(host, file, run, owner=owner_of(plan, file), noted=receipt.path(plan, member))
    ]
    folder = settings.tls_dir(plan, member)
    return f"{host.name}: " + (f"wrote {len(wrote)} files into {folder}" if wrote else "all there already")


def lay_files(host: Host, plan: HostsBootstrap, member: MemberPlan, cluster: str, run: Run) -> str:
    """Write configuration file and unit, and have systemd know them. Raises NodeError.

    A file that says already that the cluster exists goes on saying so.
    """
    wrote, noted = [], receipt.path(plan, member)
    there = _settings_of(host, plan, member, run)
    stands = standing.is_founded(there)
    config, *units = paper.files(plan, member, cluster, founded=stands)
    if not standing.is_same(there, settings.host_settings(plan, member, cluster, founded=True)) and write(
        host, config, run, owner=owner_of(plan, config), noted="" if stands else noted
    ):
        wrote.append(f"{config.path}{' for the next start of its member' if stands else ''}")
    wrote += [unit.path for unit in units if write(host, unit, run, owner="root:root", noted=noted)]
    if units:
        name = paper.unit_name(plan, member)
        checked(run(["systemctl", "daemon-reload"], timeout=60), host.name)
        checked(run(["systemctl", "enable", "--quiet", name], timeout=60), host.name)
    return f"{host.name}: " + (f"wrote {', '.join(wrote)}" if wrote else "all there already")


def is_settled(host: Host, plan: HostsBootstrap, member: MemberPlan, run: Run) -> bool:
    """Whether the configuration file says already that the cluster exists. Raises NodeError."""
    return standing.is_founded(_settings_of(host, plan, member, run))


def settle_file(host: Host, plan: HostsBootstrap, member: MemberPlan, cluster: str, run: Run) -> str:
    """Have the configuration file say that the cluster exists; then nothing is undone. Raises NodeError."""
    config = paper.files(plan, member, cluster, founded=True)[0]
    planned = settings.host_settings(plan, member, cluster, founded=True)
    said = standing.is_same(_settings_of(host, plan, member, run), planned)
    written = not said and write(host, config, run, owner=owner_of(plan, config))
    receipt.done_with(host, receipt.path(plan, member), run)
    return f"{host.name}: {config.path} " + ("says `existing`" if written else "says so already")


def _settings_of(host: Host, plan: HostsBootstrap, member: MemberPlan, run: Run) -> dict[str, Any]:
    """What its configuration file says; nothing where there is none."""
    path = settings.config_file(plan, member)
    done = run(["cat", "--", path])
    if done.code and "No such file" not in done.err:
        raise NodeError(f"{host.name}: {path} cannot be read: {done.err.strip()[-120:]}")
    return {} if done.code else standing.settings_in(done.text)
