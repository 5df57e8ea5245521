"""The IDs that etcd computes for bootstrapped members and clusters, so that a plan can name them beforehand.

Source: ``server/etcdserver/api/membership``, computeMemberId and genID; the same from 3.3 to 3.6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def member_id(peer_urls: Iterable[str], token: str) -> int:
    """ID of a member of a static bootstrap or a restore; members that were added later have others."""
    return _first_eight(("".join(sorted(peer_urls)) + token).encode())


def cluster_id(members: Iterable[int]) -> int:
    """ID of the cluster that was bootstrapped with these members."""
    return _first_eight(b"".join(member.to_bytes(8, "big") for member in sorted(members)))


def _first_eight(text: bytes) -> int:
    return int.from_bytes(hashlib.sha1(text, usedforsecurity=False).digest()[:8], "big")
