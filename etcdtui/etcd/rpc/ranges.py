"""Ranges of keys as etcd's requests have them."""

from __future__ import annotations

from etcd3.utils import increment_last_byte


def prefix_range(prefix: bytes) -> tuple[bytes, bytes]:
    """The range of keys with a prefix; etcd takes the one from \\0 to \\0 for the whole key space."""
    return (prefix, prefix_end(prefix)) if prefix else (b"\0", b"\0")


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of keys with a prefix; ``\\0`` (to the last key) when it is all 0xff."""
    stripped = prefix.rstrip(b"\xff")
    return increment_last_byte(stripped) if stripped else b"\0"
