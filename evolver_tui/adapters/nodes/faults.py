"""What can be wrong with a library's folder, in words, and whether it concerns one node or every save."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evolver_tui.adapters.nodes.node_index import BEHIND
from evolver_tui.core.errors import LIBRARY, NodeError

LOCK = ".lock"
"""Who writes holds this file's lock."""
SAVING = ".saving"
"""What a save prepares."""
_LOCK_SECONDS = 10.0
"""How long another process may write; a save takes some milliseconds."""
_LOOK_SECONDS = 0.01
_WAYS_OUT = {
    errno.ENOSPC: "Make room on that disk, then retry.",
    errno.EDQUOT: "Make room on that disk, then retry.",
    errno.EFBIG: "Files may not grow here: lift that limit, then retry.",
    errno.EACCES: "Choose another folder with --nodes, or allow writing to it.",
    errno.EPERM: "Choose another folder with --nodes, or allow writing to it.",
    errno.EROFS: "Choose another folder with --nodes.",
    errno.ENOTDIR: "A link or a file lies where a folder belongs: remove it.",
    errno.ELOOP: "A link lies where a file belongs: remove it.",
    errno.EEXIST: "A file lies where a folder belongs: remove it, or choose another folder with --nodes.",
    errno.EISDIR: "A folder lies where a file belongs: remove it.",
    errno.EWOULDBLOCK: "Look for a stopped evolver-tui and let it go on, or end it.",
}
_OF_ONE_NODE = {errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
"""Said of what lies in the place of one node, where the library is in order; all else concerns every save."""


@contextmanager
def speaking_plainly(root: Path, verb: str) -> Iterator[None]:
    """Make a NodeError of an OSError: what cannot be done with this library, as "read" or "written", and why."""
    try:
        yield
    except OSError as error:
        way_out = _WAYS_OUT.get(error.errno or 0, "See what is wrong with that folder, then retry.")
        reason = error.strerror or str(error)
        if isinstance(error.filename, str) and not os.path.isabs(error.filename):  # a part of it, by `SafeFolder`
            reason = f"{reason} ({error.filename})"
        is_of_one_node = error.errno is None or error.errno in _OF_ONE_NODE  # None: `SafeFolder` itself refused
        shared = "" if is_of_one_node and _is_in_order(root) else LIBRARY
        raise NodeError(
            f"The node library {root} cannot be {verb}: {reason}.", way_out, shared=shared,
            brief=f"cannot be {verb}: {reason}",
        ) from None  # fmt: skip


def wait_for_turn(lock: int) -> None:
    """Hold the writers' lock; a process that was stopped in a save may hold it for ever. Raises OSError."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OSError(errno.EWOULDBLOCK, "Another process is in the middle of a save") from None
            time.sleep(_LOOK_SECONDS)


def _is_in_order(root: Path) -> bool:
    """Whether it is a folder, and what it has beside the nodes is of the right kind."""
    kinds = {LOCK: stat.S_ISREG, BEHIND: stat.S_ISREG, SAVING: stat.S_ISDIR}
    for name, is_right in kinds.items():
        with suppress(FileNotFoundError, NotADirectoryError):
            if not is_right(os.lstat(root / name).st_mode):
                return False
    return root.is_dir()
