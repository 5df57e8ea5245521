"""How the API server is reached: a kubeconfig as kubectl reads it, or the account of the pod we run in."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.kube import oidc
from etcdtui.sites.kube.plugin import run_plugin
from etcdtui.sites.kube.proxies import settle

IN_CLUSTER = "in-cluster"
_NONSENSE = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What the library raises for a file that is missing or whose mappings are none."""
_ONE_AT_A_TIME = threading.Lock()
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Access:
    """One way to one API server."""

    configuration: Any
    """`kubernetes.client.Configuration`: server, certificates, token and proxy."""
    context: str
    """Name of the context, or ``in-cluster``."""
    namespace: str
    """The context's namespace; empty when it names none."""
    impersonation: tuple[tuple[str, str], ...] = ()
    """Headers that ask to be somebody else, from the kubeconfig's ``as``."""
    reread: Callable[[], Access] | None = None
    """Reads the kubeconfig again; None where the account of a pod is used."""

    def headers(self) -> list[tuple[str, str]]:
        """What every request carries; a token that has expired is fetched anew. Raises SiteError."""
        with in_words(self.context):
            settings = self.configuration.auth_settings()
        out = [(v["key"], v["value"]) for v in settings.values() if v["in"] == "header" and v["value"]]
        return [*out, *self.impersonation]

    def renew(self) -> bool:
        """Take what the kubeconfig says now, after a refusal; whether that is anything new.

        Somebody may have logged in again meanwhile, and a plug-in may give another token.
        """
        if self.reread is None:
            return False
        before = _identity(self.configuration)
        try:
            fresh = self.reread().configuration
        except SiteError:
            return False
        for name in ("api_key", "refresh_api_key_hook", "cert_file", "key_file"):
            setattr(self.configuration, name, getattr(fresh, name))
        return _identity(self.configuration) != before


def _identity(configuration: Any) -> tuple[Any, ...]:
    """Who we say we are: the token, and the certificate by its content."""
    certificate = b""
    if configuration.cert_file:
        with contextlib.suppress(OSError):
            certificate = Path(configuration.cert_file).read_bytes()
    return (*sorted(configuration.api_key.items()), certificate)


def open_access(
    context: str = "", kubeconfig: Path | None = None, *, keys: Path, environ: Mapping[str, str] = os.environ
) -> Access:
    """Read the kubeconfig; an exec plug-in may run, nothing else is asked.

    Args:
        context: name of the context; empty for the current one.
        kubeconfig: a file; None for ``KUBECONFIG`` (several files, joined by colons), then
            ``~/.kube/config``, then the service account of the pod we run in.
        keys: directory of mode 0700 for keys that the kubeconfig holds inline.

    Raises:
        SiteError: a file, context, cluster or user is missing or wrong, or the plug-in failed.
    """
    files = _files(kubeconfig, environ)
    there = [f for f in files if f.is_file()]
    if not there and not context and kubeconfig is None and environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster()
    if not there:
        names = ", ".join(str(f) for f in files)
        raise SiteError(f"there is no kubeconfig: {names}", "set KUBECONFIG, or kubeconfig in the profile")
    return _from_files(there, context, keys)


def namespace_of(context: str, kubeconfig: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """The namespace that a context names, read from the files alone; empty when nothing tells it.

    Args are those of `open_access`.
    """
    import yaml

    found: list[dict[str, Any]] = []
    for file in _files(kubeconfig, environ):
        with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
            text = yaml.safe_load(file.read_text(encoding="utf-8"))
            found += [text] if isinstance(text, dict) else []
    current = [each["current-context"] for each in found if each.get("current-context")]
    wanted = context or (current[0] if current else "")
    for each in found:
        for named in each.get("contexts") or ():
            with contextlib.suppress(*_NONSENSE):
                if named["name"] == wanted:
                    return str(named["context"].get("namespace") or "")
    return ""


def _files(kubeconfig: Path | None, environ: Mapping[str, str]) -> list[Path]:
    if kubeconfig is not None:
        return [kubeconfig.expanduser()]
    words = [word for word in environ.get("KUBECONFIG", "").split(os.pathsep) if word]
    return [Path(word).expanduser() for word in words or ["~/.kube/config"]]


def _in_cluster() -> Access:
    from kubernetes.client import Configuration
    from kubernetes.config import load_incluster_config

    configuration = Configuration()
    with in_words(IN_CLUSTER):
        load_incluster_config(configuration)
        namespace = (ACCOUNT / "namespace").read_text().strip() if (ACCOUNT / "namespace").exists() else ""
    settle(configuration, named=False)
    return Access(configuration, IN_CLUSTER, namespace)


def _from_files(files: Sequence[Path], context: str, keys: Path) -> Access:
    import yaml
    from kubernetes.client import Configuration
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.kube_config import KubeConfigMerger

    names = os.pathsep.join(str(f) for f in files)
    try:
        merged = KubeConfigMerger(names)
        # kubectl takes the first file that names one, the library the last.
        current = [c for c in (f.get("current-context") for f in merged.config_files.values()) if c]
        contexts = [c["name"] for c in merged.config.value.get("contexts") or []]
    except (ConfigException, yaml.YAMLError, *_NONSENSE) as error:
        raise SiteError(f"kubeconfig {names}: {_one_line(error)}") from None
    wanted = context or (current[0] if current else "")
    if not wanted:
        raise SiteError(
            f"kubeconfig {names}: no context is the current one", f"give --context {_or(contexts)}"
        )
    if wanted not in contexts:
        raise SiteError(
            f"kubeconfig {names}: there is no context {clean(wanted)!r}", f"there is {_or(contexts)}"
        )
    configuration = Configuration()
    with in_words(f"kubeconfig {names}: context {clean(wanted)}"), _keys_in(keys):
        loader = _loader(merged, wanted, keys)
        loader.load_and_set(configuration)
        inner = loader.current_context["context"]
        user = loader._user.value if loader._user else {}
    settle(configuration, named="proxy-url" in loader._cluster)
    if "proxy" in loader.__dict__:
        # It sets its own again whenever a token is asked for.
        loader.proxy = configuration.proxy
    impersonation = tuple(_impersonation(user))
    namespace = inner.get("namespace") or ""
    return Access(configuration, wanted, namespace, impersonation, lambda: _from_files(files, wanted, keys))


@contextlib.contextmanager
def _keys_in(directory: Path) -> Iterator[None]:
    """Whatever key the library writes meanwhile is written there.

    It remembers what it has written anywhere, which goes with whoever has opened that.
    """
    from kubernetes.config import kube_config

    with _ONE_AT_A_TIME:
        known = kube_config._temp_files
        for content in [c for c, path in known.items() if Path(path).parent != directory]:
            del known[content]
        yield


def _loader(merged: Any, context: str, keys: Path) -> Any:
    from kubernetes.config.dateutil import parse_rfc3339
    from kubernetes.config.kube_config import KubeConfigLoader

    class Loader(KubeConfigLoader):  # type: ignore[misc]
        """The library's loader, whose plug-ins would use our terminal and raise anything."""

        def _load_oid_token(self, provider: Any) -> Any:
            with oidc.in_words():
                return super()._load_oid_token(provider)

        def _load_from_exec_plugin(self) -> bool:
            if "exec" not in self._user:
                return False
            found = run_plugin(
                self._user["exec"].value, self._get_base_path(self._cluster.path), self._cluster.value
            )
            if found.token:
                self.token = f"Bearer {found.token}"
            if found.certificate:
                self.cert_file, self.key_file = found.write(keys)
            if found.expires:
                self.expiry = parse_rfc3339(found.expires)
            return True

    return Loader(
        merged.config,
        active_context=context,
        config_base_path=None,
        config_persister=lambda: oidc.keep(merged),
        temp_file_path=str(keys),
    )


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The headers of a user's ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``."""
    if user.get("as"):
        yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{key}", str(value)


@contextlib.contextmanager
def in_words(what: str) -> Iterator[None]:
    """Whatever the library says about its configuration, as a SiteError of one line."""
    from kubernetes.config.config_exception import ConfigException

    try:
        yield
    except (ConfigException, *_NONSENSE) as error:
        raise SiteError(f"{what}: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return clean(text.removeprefix("Invalid kube-config. "), 300) or type(error).__name__


def _or(words: Sequence[str]) -> str:
    return ", ".join(clean(word, 80) for word in words) or "none"
