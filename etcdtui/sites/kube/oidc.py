"""A kubeconfig's ``auth-provider: oidc``: a token that has expired is renewed, and what is new is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from etcdtui.errors import SiteError
from etcdtui.files import replace_file
from etcdtui.model.text import clean


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Whatever is raised while a token is renewed, as a SiteError of one line."""
    import urllib3
    from kubernetes.client.exceptions import OpenApiException
    from oauthlib.oauth2 import OAuth2Error

    try:
        yield
    except (urllib3.exceptions.HTTPError, OpenApiException, OAuth2Error, OSError) as error:
        said = clean(" ".join(str(error).split()), 200) or type(error).__name__
        raise SiteError(
            f"the OIDC token has expired and could not be renewed: {said}", "log in again"
        ) from None


def keep(merged: Any) -> None:
    """Write the kubeconfigs whose tokens are new, as kubectl does: the old one may be good no more.

    Args:
        merged: the library's `KubeConfigMerger`.

    Raises:
        OSError: a file cannot be written.
    """
    for path, content in merged.config_files.items():
        if content != merged.config_saved[path]:
            replace_file(Path(path).resolve(), yaml.safe_dump(content, sort_keys=False))
