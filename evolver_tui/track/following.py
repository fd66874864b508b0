"""Whether somebody follows a run file while it is written: a lock of the reader's says so, and ends with the reader.

It belongs to an open file description (Linux), so it holds nobody up, lies in no file, and outlives no process.
"""

from __future__ import annotations

import os
import struct

_FLOCK = "hhqqi4x"
"""`struct flock`: kind, whence, start, length (0: to the end) and process."""


def follow(descriptor: int) -> None:
    """Say that this open file is followed, until it is closed. Nothing comes of it where a system has no such locks."""
    try:
        import fcntl

        lock = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except (ImportError, AttributeError, OSError):
        pass


def is_followed(descriptor: int) -> bool:
    """Whether somebody follows this file, by another open file. True where that cannot be known."""
    try:
        import fcntl

        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, lock)
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
    except (ImportError, AttributeError, OSError, ValueError):
        return True
