"""Python's garbage collector, told what this program is like: much that stays, and much that soon goes by itself."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_YOUNG, _MIDDLE, _OLD = 20_000, 20, 20
"""Tasks and signals are freed by their reference counts; Python's own 700 looks for cycles among them all the time."""


def spare_what_stays() -> None:
    """Never look again through what was loaded until now, and less often through what comes.

    The vendors' packages leave some hundred thousand objects behind. A full collection over them holds every thread
    up for 50 to 80 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def hand_back_memory() -> None:
    """Let the system have what loading took and nothing uses any more: some ten megabytes of the vendors' packages."""
    with contextlib.suppress(OSError, AttributeError):  # where the C library is none of GNU's
        ctypes.CDLL(None).malloc_trim(0)
