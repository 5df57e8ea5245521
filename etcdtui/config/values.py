"""Spans of time and endpoints as people write them, in the configuration file and on the command line."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SPAN = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
MIN_SPAN, MAX_SPAN = 0.1, 3600.0
MAX_NODES = 9
"""Nodes a local cluster may be made with: etcd advises seven at most; two more are for the curious."""
SPAN_EXPECTED = "expected a time of 100ms or more, such as 500ms, 1s or 2.5"
ENDPOINT_EXPECTED = "expected host:port, http://host:port, https://host:port or unix:///path"


def seconds(text: str) -> float:
    """``500ms``, ``1s``, ``1m`` or a plain number of seconds.

    Raises:
        ValueError: with what was expected, when it is none of these, under 0.1 s or over an hour.
    """
    found = _SPAN.fullmatch(text.strip())
    span = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if span < MIN_SPAN:
        raise ValueError(SPAN_EXPECTED)
    if span > MAX_SPAN:
        raise ValueError("expected a time of an hour or less")
    return span


def endpoint(text: str) -> str:
    """One endpoint, without spaces around it and without a slash at its end.

    Raises:
        ValueError: with what was expected.
    """
    word = text.strip().rstrip("/")
    if not re.fullmatch(r"[^\s@]+", word):
        raise ValueError(ENDPOINT_EXPECTED)
    if re.match(r"unixs?:/", word):
        return word
    parts = urlsplit(word if "://" in word else f"http://{word}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise ValueError(ENDPOINT_EXPECTED)
    if parts.path or parts.query or parts.fragment:
        raise ValueError(ENDPOINT_EXPECTED)
    return word


def endpoints(text: str) -> tuple[str, ...]:
    """A comma-separated list of endpoints, as etcdctl takes it.

    Raises:
        ValueError: naming the one that is wrong.
    """
    words = [word for word in text.split(",") if word.strip()]
    if not words:
        raise ValueError(ENDPOINT_EXPECTED)
    out = []
    for word in words:
        try:
            out.append(endpoint(word))
        except ValueError as error:
            raise ValueError(f"{error}, got {word.strip()!r}") from None
    return tuple(out)
