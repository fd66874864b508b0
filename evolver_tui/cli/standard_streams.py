"""The three standard streams: always open, taking any character, and honest about what did not arrive.

Nothing but the standard library is imported here: the console's first frame waits for it.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STAND_INS = "evolver-tui.stand-ins"
"""The name by which standard streams know `core.stand_ins`."""


class _Remembering(io.FileIO):
    """Keeps what was said against writing to it: whoever wrote may not have known what for."""

    problem: OSError | None = None
    before: TextIO | None = None
    """What had the file before, and would close it once nobody holds it."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.problem = error
            raise


def mend() -> None:
    """Make them so. In the place of a character that an encoding lacks stands another of the same width.

    The number of a stream that was closed would be taken by the next file that is opened. Standard output then refuses
    what is written to it, since whoever asked for something is to know that it did not arrive.
    """
    codecs.register_error(STAND_INS, _stand_in_for)
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDWR), "r")
    if sys.stdout is None:
        sys.stdout = _remembering(os.open(os.devnull, os.O_RDONLY), "utf-8")
    elif isinstance(sys.stdout, io.TextIOWrapper) and _is_of_a_file(sys.stdout.buffer):
        sys.stdout.flush()
        sys.stdout = _remembering(sys.stdout.fileno(), sys.stdout.encoding, sys.stdout)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_RDWR), "w")
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors=STAND_INS)


def touch_output() -> None:
    """Write nothing on standard output. Raises OSError where something would not arrive."""
    raw = _raw(sys.stdout)
    if raw is not None:
        raw.write(b"")


def refusal() -> OSError | None:
    """Write out what is still held; returns why standard output took not everything."""
    error = flush(sys.stdout)
    raw = _raw(sys.stdout)
    return error or (raw.problem if raw is not None else None)


def forget_refusal() -> None:
    """Let `refusal` say nothing of what was refused so far: whoever calls this tells it in a better sentence."""
    flush(sys.stdout)
    raw = _raw(sys.stdout)
    if raw is not None:
        raw.problem = None


def flush(stream: TextIO) -> OSError | None:
    """Write out what is still held; why nobody takes it. Python itself would complain about that at its end."""
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None


def refusal_text(error: OSError) -> str:
    """Why, as a sentence for standard error; empty where a reader has had enough, as `head` has."""
    if isinstance(error, BrokenPipeError):
        return ""
    why = "it is closed" if error.errno == errno.EBADF else error.strerror
    return f"Standard output could not be written: {why}."


def _is_of_a_file(stream: object) -> bool:
    """Whether it writes to a file of the system's, with a buffer or, under PYTHONUNBUFFERED, without."""
    return isinstance(getattr(stream, "raw", stream), io.FileIO)


def _remembering(number: int, encoding: str, before: TextIO | None = None) -> TextIO:
    raw = _Remembering(number, "w", closefd=False)
    raw.before = before
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=STAND_INS, line_buffering=raw.isatty(), newline="\n"
    )


def _raw(stream: TextIO) -> _Remembering | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Remembering) else None


def _stand_in_for(error: UnicodeError) -> tuple[str | bytes, int]:
    from evolver_tui.core.stand_ins import stand_in_for

    return stand_in_for(error)
