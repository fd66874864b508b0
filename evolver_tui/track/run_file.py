"""A run's file: lines of records that are added at its end, by one process at a time."""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Final, NamedTuple

from evolver_tui.core.training.record import (
    COMPLETED,
    LONGEST_LINE,
    BadRecord,
    Point,
    Record,
    RunEnd,
    RunHeader,
    read_line,
)

SUFFIX: Final = ".jsonl"
LONGEST_ID: Final = 100
_TAIL: Final = 2 * LONGEST_LINE
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_MOST_TRIES: Final = 1_000


class Past(NamedTuple):
    """What a file that is gone on with says already."""

    header: RunHeader | None
    last_step: int | None
    is_completed: bool


class RunFile:
    """An open file of this process's own."""

    def __init__(self, path: str, descriptor: int, past: Past | None) -> None:
        self.path = path
        self.descriptor = descriptor
        self.past = past
        """None where nothing was in it."""

    @property
    def run_id(self) -> str:
        """The id that the file has its name from."""
        return os.path.basename(self.path).removesuffix(SUFFIX)

    def append(self, data: bytes) -> bytes:
        """Hand lines to the system, all in one call where it takes them.

        Returns:
            What it did not take: empty, or a part that has to come first the next time.

        Raises:
            OSError: it took nothing.
        """
        if self.descriptor < 0:  # in a process that was forked, whose parent keeps the claim to the file
            self.descriptor = os.open(self.path, _FLAGS, 0o600)
        return data[os.write(self.descriptor, data) :]

    def close(self) -> None:
        """Let go of it."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def safe_id(text: str) -> str:
    """An id as the name of a file can have it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:LONGEST_ID].lstrip(".-")


def open_run_file(folder: str, run_id: str, *, is_new: bool) -> RunFile:
    """Open the file of a run and claim it.

    Args:
        is_new: nothing of a run that is there already is gone on with.

    Returns:
        The file; of the run `run_id-2`, -3, ... where another process writes that one, or has to be left alone.

    Raises:
        OSError: it cannot be made or written.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for number in range(1, _MOST_TRIES):
        path = os.path.join(folder, (run_id if number == 1 else f"{run_id}-{number}") + SUFFIX)
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if _claim(descriptor) and not (size and is_new):
                return RunFile(path, descriptor, _go_on(descriptor) if size else None)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise OSError(errno.EEXIST, "too many runs have this id")


def _claim(descriptor: int) -> bool:
    """Whether no other process has it; where a file system knows no claims, nobody has."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _go_on(descriptor: int) -> Past | None:
    """Cut off what a process that was killed left of a line, and see how far the run came."""
    size = os.fstat(descriptor).st_size
    end = _end_of_lines(descriptor, size)
    if end < size:
        os.ftruncate(descriptor, end)
    if end == 0:
        return None
    head = _records(_read(descriptor, 0, min(end, _TAIL)))
    tail = _records(_read(descriptor, max(0, end - _TAIL), end))
    header = next((each for each in head if isinstance(each, RunHeader)), None)
    steps = [each.step for each in tail if isinstance(each, Point)]
    is_completed = bool(tail) and isinstance(tail[-1], RunEnd) and tail[-1].status == COMPLETED
    return Past(header, steps[-1] if steps else None, is_completed)


def _end_of_lines(descriptor: int, size: int) -> int:
    """The position after the last end of a line."""
    end = size
    while end > 0:
        start = max(0, end - _TAIL)
        found = _read(descriptor, start, end).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read(descriptor: int, start: int, end: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)  # what is written goes to the end in any case
    pieces = []
    while start < end and (piece := os.read(descriptor, end - start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _records(data: bytes) -> list[Record]:
    found: list[Record] = []
    for line in data.splitlines():
        try:
            found.append(read_line(line))
        except BadRecord:
            continue
    return found


def latest_unfinished(folder: str, project: str, name: str) -> str | None:
    """The id of the run of this project and name that was written last, unless that one came to its end."""
    try:
        with os.scandir(folder) as entries:
            files = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.name.endswith(SUFFIX)]
    except OSError:
        return None
    for _, path in sorted(files, reverse=True)[:_MOST_TRIES]:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            size = os.fstat(descriptor).st_size
            head = _records(_read(descriptor, 0, min(size, LONGEST_LINE)).partition(b"\n")[0])
            header = head[0] if head else None
            if isinstance(header, RunHeader) and (header.project, header.name) == (project, name):
                tail = _records(_read(descriptor, max(0, size - LONGEST_LINE), size))
                is_completed = bool(tail) and isinstance(tail[-1], RunEnd) and tail[-1].status == COMPLETED
                return None if is_completed else os.path.basename(path).removesuffix(SUFFIX)
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return None
