"""How files are read that others write: in bounded pieces, as they grow, whatever becomes of them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from evolver_tui.core.training.record import Record

PIECE: Final = 1024 * 1024
"""Bytes that are read at a time."""
_PREFIX: Final = 256
"""Bytes at a file's beginning that tell whether it is still the same one; its first line belongs to them."""
_LONGEST_PREFIX: Final = 64 * 1024


class Reading(NamedTuple):
    """What one look at a run's files brought."""

    records: Sequence[Record] = ()
    is_anew: bool = False
    """What was read before counts no longer: the run begins with these records."""
    is_behind: bool = False
    """There is more to be read already."""


class RunReader(Protocol):
    """Reads one run, wherever it lies. Called in a thread, never twice at once."""

    way: str
    """What it reads, for people: `run file`, `CSV`, `TensorBoard`, ..."""
    problem: str
    """What is amiss with what was read, as a sentence; empty where all is well."""

    def read(self, most_bytes: int) -> Reading:
        """What came since the last time. Raises OSError where it cannot be read at present."""

    def touched_at(self) -> float:
        """When it was written to last, in seconds since 1970; 0 where that is not known."""

    def close(self) -> None:
        """Let go of what is open. It may be read again, from its beginning."""


def open_regular(path: Path) -> IO[bytes]:
    """Open a file to be read. Raises OSError for what is none: a pipe would be waited for, a device never ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is no file")
    return open(descriptor, "rb", buffering=0)


def touched_at(path: Path) -> float:
    """When a file was written to last; 0 where that is not known."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class GrowingFile:
    """The bytes of a file that somebody else appends to; it notices that it was replaced, cut or rewritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_anew = False
        """Whether the latest look found another file than the one before: `data` is its beginning."""
        self.size = 0
        """As of the latest look."""
        self._known: tuple[int, int, int, int] = (0, 0, 0, 0)
        self._prefix = b""
        self.offset = 0
        """What lies before it is used up."""

    def look(self, most_bytes: int) -> bytes | None:
        """Up to so many bytes from the offset on; None where nothing changed since they were read last."""
        self.is_anew = False
        found = os.stat(self.path)
        known = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if known == self._known and self.offset >= found.st_size:
            return None
        with open_regular(self.path) as file:
            found = os.fstat(file.fileno())
            self._compare(file, found)
            self._known = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            self.size = found.st_size
            data = os.pread(file.fileno(), most_bytes, self.offset)
        if not self.offset:  # a table's head that gets longer may differ at its end alone
            self._prefix = data[: max(_PREFIX, min(data.find(b"\n") + 1, _LONGEST_PREFIX))]
        return data

    def _compare(self, file: IO[bytes], found: os.stat_result) -> None:
        prefix = os.pread(file.fileno(), max(_PREFIX, len(self._prefix)), 0)
        is_other = self._known[:2] not in ((0, 0), (found.st_dev, found.st_ino))
        if is_other or found.st_size < self.offset or not prefix.startswith(self._prefix):
            self.offset = 0
            self.is_anew = True
        self._prefix = prefix

    def go_on_from(self, offset: int) -> None:
        """Take what lies before as used up. Raises OSError where the file cannot be read."""
        with open_regular(self.path) as file:
            found = os.fstat(file.fileno())
            self._prefix = os.pread(file.fileno(), _PREFIX, 0)
        self._known = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        self.offset = self.size = offset

    def begin_again(self) -> None:
        """Read it from its beginning."""
        self.offset, self._known, self._prefix = 0, (0, 0, 0, 0), b""


class GrowingLines:
    """The lines of a file that somebody else appends to. One without an end waits until it has one, or is whole; where
    that one goes on all the same, the file is read anew. One that is too long is skipped and counted."""

    def __init__(self, path: Path, longest_line: int, is_whole: Callable[[bytes], bool]) -> None:
        """Args:
        is_whole: tells of a line without an end whether it lacks nothing.
        """
        self.file = GrowingFile(path)
        self.too_long = 0
        self.is_anew = False
        self.is_behind = False
        self._longest = longest_line
        self._is_whole = is_whole
        self._is_skipping = False
        self._is_open = False
        """Whether the last line was taken without its end."""

    def read(self, most_bytes: int) -> list[bytes]:
        """The lines that came."""
        most = max(most_bytes, self._longest + 1)
        data = self.file.look(most)
        self.is_anew = self.file.is_anew
        if data and self._is_open and not self.is_anew and data.lstrip(b" \t\r")[:1] not in (b"\n", b""):
            self.file.begin_again()
            data, self.is_anew = self.file.look(most), True
        self.is_behind = False
        if self.is_anew:
            self.too_long, self._is_skipping, self._is_open = 0, False, False
        if not data:
            return []
        whole, end, rest = data.rpartition(b"\n")
        self.file.offset += len(whole) + len(end)
        lines = whole.split(b"\n") if end else []
        self._is_open = self._is_open and not end
        if self._is_skipping and end:
            lines, self._is_skipping = lines[1:], False
        if self.file.offset + len(rest) < self.file.size:
            self.is_behind = True
            if len(rest) > self._longest:
                self._skip(rest)
        elif rest:
            lines += self._last_one(rest)
        kept = [line for line in lines if len(line) <= self._longest]
        self.too_long += len(lines) - len(kept)
        return kept

    def _skip(self, rest: bytes) -> None:
        self.file.offset += len(rest)
        self.too_long += not self._is_skipping
        self._is_skipping = True

    def _last_one(self, rest: bytes) -> list[bytes]:
        if len(rest) > self._longest:
            self._skip(rest)
            return []
        if self._is_skipping or not self._is_whole(rest):
            return []
        self.file.offset += len(rest)
        self._is_open = True
        return [rest]

    def begin_again(self) -> None:
        """Read it from its beginning."""
        self.file.begin_again()
        self.too_long, self._is_skipping, self._is_open = 0, False, False


def is_json(line: bytes) -> bool:
    """Whether this is a JSON object: the beginning of a longer one is none."""
    if not line.rstrip().endswith(b"}"):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
