"""The audit log: one JSON line before and after every step, fsynced, never a secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class AuditLog:
    """An append-only file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record and force it to disk before returning."""
        raise NotImplementedError

    def read(self) -> Iterator[dict[str, Any]]:
        """The records, oldest first; a torn last line is skipped."""
        raise NotImplementedError
