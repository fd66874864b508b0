"""The folder of a library: the lock that writers hold, what is mended before a write, and index.json that follows."""

from __future__ import annotations

import atexit
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from evolver_tui.adapters.nodes import node_index, node_marks
from evolver_tui.adapters.nodes.faults import LOCK, SAVING, speaking_plainly, wait_for_turn
from evolver_tui.adapters.nodes.folder import NodeFolder
from evolver_tui.adapters.nodes.placing import ids, node_names, recover
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeRecord, check_node_id

_REST_SECONDS = 2.0
"""How long the index of a large library may be behind while a program that saved goes on."""
_REST_FACTOR = 50
"""Times what it took: so much of the time at most goes into the index."""


class LibraryFolder:
    """One library's root. Several processes may use one folder: whoever writes holds a file lock."""

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        """`root` is made by the first save; `now` gives seconds since 1970."""
        self.root = root
        self._now = now
        self._renewal: threading.Timer | None = None
        self._rest_seconds = _REST_SECONDS

    @property
    def place(self) -> str:
        """Host and folder: what tells this library from others."""
        return f"{platform.node()}:{self.root.absolute()}"

    def mark(self) -> object:
        """Equal as long as no node came, changed or went."""
        found: list[tuple[int, int, int] | None] = []
        for name in ("", node_index.INDEX, node_index.BEHIND):
            try:
                place = os.stat(self.root / name)
            except OSError:
                found.append(None)
            else:
                found.append((place.st_mtime_ns, place.st_ino, place.st_size))
        return tuple(found)

    def digests(self) -> Mapping[str, tuple[int, str]]:
        """Every node's current version and its code's digest, by id; those that the index knows are not read."""
        with speaking_plainly(self.root, "read"):
            try:
                root = SafeFolder.open(self.root)
            except FileNotFoundError:
                return {}
            with root:
                there = set(node_names(root))
                known = {node_id: each for node_id, each in node_index.known(root).items() if node_id in there}
                for node_id in there - known.keys():
                    with suppress(OSError, NodeError), root.folder(node_id) as folder:
                        record = NodeFolder(node_id, folder).current()
                        if record is not None:
                            known[node_id] = record.version, record.sha256
                return known

    def index(self) -> Sequence[Mapping[str, Any]]:
        """The rows of index.json, which is made to follow first where it is behind, missing or torn."""
        with speaking_plainly(self.root, "read"):
            try:
                with SafeFolder.open(self.root) as root:
                    rows = node_index.rows(root)
            except FileNotFoundError:
                return ()
        if rows is None:
            with self._writing() as root:
                _renew_index(root)
                rows = node_index.rows(root)
        return rows or ()

    def renew_index(self) -> None:
        """Make index.json follow, whether or not it is known to be behind. Raises NodeError."""
        with self._writing() as root:
            _renew_index(root)

    def catch_up(self) -> None:
        """Make index.json follow, if it is behind. What cannot be written is left to the next one."""
        self._renewal = None
        began = time.monotonic()
        with suppress(NodeError), speaking_plainly(self.root, "read"):
            with SafeFolder.open(self.root) as root:
                if node_index.noted(root) is None:
                    return
            with self._writing() as root:
                _renew_index(root)
        self._rest_seconds = max(_REST_SECONDS, _REST_FACTOR * (time.monotonic() - began))

    def follow_soon(self) -> None:
        """Have index.json follow beside other work, if a process that was killed left it behind."""
        with suppress(OSError), SafeFolder.open(self.root) as root:
            if node_index.noted(root) is not None:
                self._begin_to_follow()

    def _let_index_follow(self, root: SafeFolder) -> None:
        """After a save: at once where that takes no time, else soon, or when this process ends."""
        if node_index.is_small(root):
            with suppress(OSError):
                _renew_index(root)
        else:
            self._begin_to_follow()

    def _begin_to_follow(self) -> None:
        if self._renewal is None:
            self._renewal = threading.Timer(self._rest_seconds, self.catch_up)
            self._renewal.daemon = True
            self._renewal.start()
            atexit.unregister(self.catch_up)
            atexit.register(self.catch_up)

    @contextmanager
    def _reading(self, node_id: str) -> Iterator[NodeFolder | None]:
        """The node's folder, or None where there is none."""
        check_node_id(node_id)
        with speaking_plainly(self.root, "read"):
            try:
                with SafeFolder.open(self.root) as root:
                    folder = root.folder(node_id)
            except FileNotFoundError:
                yield None
                return
            with NodeFolder(node_id, folder) as node:
                yield node

    @contextmanager
    def _writing(self) -> Iterator[SafeFolder]:
        """The root under the writers' lock, with everything mended that an interrupted save left."""
        with speaking_plainly(self.root, "written"), SafeFolder.open(self.root, create=True) as root:
            lock = root.lock_file(LOCK)
            try:
                wait_for_turn(lock)
                recover(root)
                try:
                    yield root
                except OSError:
                    with suppress(OSError):
                        recover(root)
                    raise
                if root.has(SAVING):
                    root.remove_tree(SAVING)
                if node_index.noted(root) is not None:
                    self._let_index_follow(root)
            finally:
                os.close(lock)


def unknown(node_id: str) -> NodeError:
    return NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")


@contextmanager
def existing(root: SafeFolder, node_id: str) -> Iterator[NodeFolder | None]:
    """The node's folder for a write, or None where there is none yet."""
    # On a file system that ignores case a neighbour in other letters is the very same folder.
    for name in root.names() if root.has(node_id.upper()) else ():
        if name != node_id and name.casefold() == node_id:
            raise NodeError(f"{name!a} lies in the library beside {node_id}.", "Rename one of them.")
    if not root.has(node_id):
        yield None
        return
    with NodeFolder(node_id, root.folder(node_id)) as node:
        yield node


def _renew_index(root: SafeFolder) -> None:
    def record_of(node_id: str) -> NodeRecord | None:
        with suppress(OSError, NodeError), root.folder(node_id) as folder:
            node = NodeFolder(node_id, folder)
            record = node.current()
            return record if record is None or node_marks.retirement(node, record.version) is None else None
        return None

    node_index.renew(root, frozenset(ids(root)), record_of)
