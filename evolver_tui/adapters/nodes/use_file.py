"""The file of a library's uses.

    <root>/.uses        a line for each run in earnest, see `core/node_use`; it is folded when it has grown large

No node's approved bytes change by it. A line goes to its end by one write under the file's own lock, so that several
processes may run nodes of one library, and a line that a kill cut is left out by itself. Where it cannot be written the
node runs all the same.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from evolver_tui.adapters.nodes.faults import speaking_plainly
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.node import NodeRecord
from evolver_tui.core.node_use import NodeUse, UseCounts, UsedBy, failure_line, use_line
from evolver_tui.core.times import utc_text

USES: Final = ".uses"
_NEXT: Final = ".uses-next"
_SMALL: Final = 1 << 20
"""Bytes up to which the file is never folded."""
_HEAD: Final = b'{"folded_bytes": %d}\n'
_HEAD_READ: Final = re.compile(rb'\{"folded_bytes": ([0-9]{1,15})\}\n')
"""The first line of a file that was folded: how large it was then. It is folded again at twice that."""
_LOCK_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.01
_PIECE: Final = 1 << 20


class NodeUseFile:
    """Implements the engine's `NodeUses`, and notes uses. May be called from any thread.

    `root` is the library's folder; `now` gives seconds since 1970.
    """

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        self._root = root
        self._now = now
        self._turn = threading.Lock()
        self._counts = UseCounts()
        self._read_to: tuple[int, int] = (0, 0)
        """The file's inode, and up to which byte it is counted."""
        self._rest = b""

    def of(self, node_id: str) -> NodeUse:
        with self._turn:
            self._follow()
            return self._counts.of(node_id)

    def all(self) -> Mapping[str, NodeUse]:
        with self._turn:
            self._follow()
            return self._counts.all()

    def note(self, record: NodeRecord, by: UsedBy) -> None:
        """A run in earnest begins."""
        self._append(use_line(record.node_version, record.sha256, by, utc_text(self._now())))

    def note_failure(self, record: NodeRecord) -> None:
        """A run that was noted failed."""
        self._append(failure_line(record.node_version, record.sha256, utc_text(self._now())))

    def _append(self, line: bytes) -> None:
        with suppress(OSError), SafeFolder.open(self._root) as root, _locked(root) as file:
            size = os.fstat(file).st_size
            # What a kill cut short ends here, and is not made a part of this line.
            os.write(file, line if size == 0 or os.pread(file, 1, size - 1) == b"\n" else b"\n" + line)
            if size > _SMALL and size > _SMALL + 2 * _folded_bytes(file):
                _fold(root, file)

    def _follow(self) -> None:
        """Count what came since."""
        with speaking_plainly(self._root, "read"):
            try:
                with SafeFolder.open(self._root) as root:
                    file = root.open_file(USES)
            except FileNotFoundError:
                return
            try:
                found = os.fstat(file)
                inode, offset = self._read_to
                if inode != found.st_ino or offset > found.st_size:
                    self._counts, self._rest, offset = UseCounts(), b"", 0
                os.lseek(file, offset, os.SEEK_SET)
                while piece := os.read(file, _PIECE):
                    offset += len(piece)
                    *lines, self._rest = (self._rest + piece).split(b"\n")
                    self._counts.add(lines)
                    self._rest = self._rest[:_PIECE]
                self._read_to = found.st_ino, offset
            finally:
                os.close(file)


def _fold(root: SafeFolder, file: int) -> None:
    """Put as few lines in the file's place as come to the same. Needs its lock."""
    counts = UseCounts()
    os.lseek(file, 0, os.SEEK_SET)
    rest = b""
    while piece := os.read(file, _PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        counts.add(lines)
    content = b"".join(counts.folded())
    root.remove(_NEXT)
    root.write(_NEXT, _HEAD % len(content) + content)
    root.move(_NEXT, root, USES)
    root.sync()


def _folded_bytes(file: int) -> int:
    head = _HEAD_READ.match(os.pread(file, 64, 0))
    return int(head[1]) if head else 0


@contextmanager
def _locked(root: SafeFolder) -> Iterator[int]:
    """The file, locked, while it is still the one of that name. Raises OSError."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        file = root.open_file(USES, for_appending=True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if root.inode(USES) == os.fstat(file).st_ino:
                yield file
                return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        finally:
            os.close(file)
