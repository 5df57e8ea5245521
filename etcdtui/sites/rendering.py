"""What bringing up a profile's cluster would write, as text to read or to keep in git; nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from etcdtui.config import KubeProfile, Profile, SshProfile
from etcdtui.errors import UsageError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import Discovery, Tls
from etcdtui.model.text import clean
from etcdtui.sites.build import SET_NAME

if TYPE_CHECKING:
    from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan

NAMESPACE = "default"
"""The namespace that a profile leaves open, and its context too."""


def render(profile: Profile, *, founded: bool = False, only: str = "") -> str:
    """Files for hosts, or manifests for Kubernetes. Keys of certificates are never among them.

    Args:
        founded: as they are once the cluster stands.
        only: one of the manifests, such as ``service/etcd-client``; empty for all.

    Raises:
        UsageError: the profile does not say what its cluster is to be, or there is no such manifest.
    """
    if isinstance(profile, KubeProfile) and profile.bootstrap is not None:
        return _manifests(profile, founded, only)
    if isinstance(profile, SshProfile) and profile.bootstrap is not None:
        if only:
            raise UsageError("--only: the files of hosts are printed as a whole", "leave it out")
        return "\n".join(_hosts(profile.name, profile.bootstrap, founded))
    raise no_plan(profile)


def no_plan(profile: Profile) -> UsageError:
    """The error of a profile that does not say how its cluster is brought up."""
    if isinstance(profile, KubeProfile | SshProfile):
        hint = "add a mapping `bootstrap` to it; config.example.yaml shows its keys"
        return UsageError(f"profile {profile.name} does not say what its cluster is to be", hint)
    text = f"profile {profile.name}: a cluster of kind {profile.kind} is not brought up by a plan"
    return UsageError(text, "profiles of kind ssh and kube are")


def _manifests(profile: KubeProfile, founded: bool, only: str) -> str:
    import yaml

    from etcdtui.sites.kube.access import namespace_of
    from etcdtui.sites.kube.manifests import Manifests

    assert profile.bootstrap is not None  # noqa: S101  # the caller looked
    namespace = profile.namespace or namespace_of(profile.context, profile.kubeconfig) or NAMESPACE
    made = Manifests(profile.bootstrap, profile.statefulset or SET_NAME, namespace)

    class Dumper(yaml.SafeDumper):
        """Texts of several lines as blocks, and no anchors."""

        def ignore_aliases(self, data: object) -> bool:
            del data
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    objects = {f"{o['kind']}/{o['metadata']['name']}".lower(): o for o in made.all(founded=founded)}
    if only and only.lower() not in objects:
        raise UsageError(
            f"--only: {clean(only, 60)!r} is none of the objects", f"there is {', '.join(objects)}"
        )
    wanted = [objects[only.lower()]] if only else list(objects.values())
    documents = yaml.dump_all(wanted, Dumper=Dumper, sort_keys=False, width=100)
    if profile.bootstrap.tls is Tls.NONE or only:
        return documents
    names = " and ".join(made.secrets)
    return f"# The Secrets {names} (ca.crt, tls.crt, tls.key) must be there first.\n{documents}"


def _hosts(name: str, plan: HostsBootstrap, founded: bool) -> Iterator[str]:
    from etcdtui.sites.ssh import paper

    for member in plan.members:
        yield f"### {member.host}: member {member.name}"
        yield from _certificates(plan, member)
        for file in paper.files(plan, member, name, founded=founded):
            yield f"\n# {file.path} (mode {file.mode:04o}, root:{file.group})"
            yield file.text.rstrip()
        yield "\n# The same as one command:"
        yield "# " + paper.classic(plan, member, name).replace("\n", "\n# ") + "\n"
    if plan.meeting.by is Discovery.SRV:
        yield "### DNS"
        yield "\n".join(settings.srv_records(plan))


def _certificates(plan: HostsBootstrap, member: MemberPlan) -> Iterator[str]:
    if plan.tls in (Tls.MADE, Tls.GIVEN):
        folder = settings.tls_dir(plan, member)
        yield f"# {folder}: CA, certificate and key, for clients (server*.pem) and for peers (peer*.pem)"
