"""The file of rules as a session follows it: read again when it is another one than before."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from evolver_tui.core.rule import RuleSet


class FollowedRules:
    """Implements the engine's `RuleFile`.

    Args:
        path: the file, which need not be there.
        read: reads it.
    """

    def __init__(self, path: Path, read: Callable[[], RuleSet]) -> None:
        self._path = path
        self._read = read
        self._seen: tuple[int, ...] | None = None

    def look(self) -> RuleSet | None:
        """What it holds, where it was replaced, changed or removed since the last look; else None."""
        seen: tuple[int, ...]
        try:
            status = os.stat(self._path)
            seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        except OSError as error:
            seen = (error.errno or 0,)
        if seen == self._seen:
            return None
        self._seen = seen
        return self._read()
