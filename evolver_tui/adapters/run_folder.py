"""Run files of folders as they grow: a line of JSON for each record (`core.training.record`)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evolver_tui.core.training.record import LONGEST_LINE, BadRecord, RunHeader, read_line
from evolver_tui.engine.training.run_files import NewLines
from evolver_tui.track.following import Follower

SUFFIX: Final = ".jsonl"
_MOST_BYTES: Final = 512 * 1024
"""That are read of one file at a look."""
_MOST_FILES: Final = 100
"""That are read at a look."""
_OLD_SECONDS: Final = 24 * 3600.0
"""Files that did not change for so long are not served."""
_QUIET_SECONDS: Final = 60.0
"""Files that did not change for so long are followed no longer."""
_MOST_FOLLOWED: Final = 100


@dataclass(slots=True)
class _File:
    session_id: str = ""
    """Empty while nothing is known of it, or where it is none of ours."""
    offset: int = 0
    line: int = 0
    seen: tuple[int, int, int] = (0, 0, 0)
    """Inode, size and time of change at the last look."""
    is_strange: bool = False
    """Whether it does not begin as a run file does."""


class RunFolders:
    """Implements the engine's `RunFiles`.

    Args:
        folders: those that are not there yet are waited for.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._files: dict[str, _File] = {}
        self._followers: dict[str, Follower] = {}
        """Of files that grow: whoever writes them is to write often."""

    def look(self) -> Sequence[NewLines]:
        """What came since the last look."""
        found: list[NewLines] = []
        self._let_go(time.monotonic() - _QUIET_SECONDS)
        for path, standing in self._changed():
            if len(found) >= _MOST_FILES:
                break
            file = self._files.setdefault(path, _File())
            if standing[0] != file.seen[0] or standing[1] < file.offset:
                file = self._files[path] = _File()  # another file took its place
            news = self._read(path, file)
            if news is None or file.offset >= standing[1]:
                file.seen = standing
            if news is not None:
                found.append(news)
                self._follow(path)
        return found

    def close(self) -> None:
        """Follow nothing any more."""
        self._let_go(math.inf)

    def _follow(self, path: str) -> None:
        if path in self._followers or len(self._followers) < _MOST_FOLLOWED:
            self._followers.setdefault(path, Follower()).follow(path)

    def _let_go(self, before: float) -> None:
        for path, follower in list(self._followers.items()):
            if follower.followed_at < before:
                follower.let_go()
                del self._followers[path]

    def again(self, news: NewLines) -> None:
        """Read a file from its beginning: what was taken of it is known by its lines' numbers."""
        for path, file in self._files.items():
            if file.session_id == news.session_id:
                self._files[path] = _File()

    def _changed(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        oldest = time.time() - _OLD_SECONDS
        for folder in self._folders:
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if not entry.name.endswith(SUFFIX) or not entry.is_file():
                            continue
                        at = entry.stat()
                        standing = at.st_ino, at.st_size, at.st_mtime_ns
                        known = self._files.get(entry.path)
                        if known is None and at.st_mtime < oldest:
                            continue
                        if known is None or known.seen != standing:
                            yield entry.path, standing
            except OSError:
                continue

    def _read(self, path: str, file: _File) -> NewLines | None:
        if file.is_strange:
            return None
        try:
            with open(path, "rb") as opened:
                opened.seek(file.offset)
                data = opened.read(_MOST_BYTES)
        except OSError:
            return None
        whole, end, _ = data.rpartition(b"\n")
        if not end:
            file.is_strange = len(data) > LONGEST_LINE
            return None
        lines = whole.split(b"\n")
        if not file.session_id:
            file.session_id = _session_of(lines[0])
            if not file.session_id:
                file.is_strange = True
                return None
        news = NewLines(file.session_id, file.line, lines)
        file.offset += len(whole) + 1
        file.line += len(lines)
        return news


def _session_of(line: bytes) -> str:
    """The id of the run that a file's first line tells of; empty where it tells of none."""
    try:
        record = read_line(line)
    except BadRecord:
        return ""
    return record.run_id if isinstance(record, RunHeader) else ""
