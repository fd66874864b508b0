"""What goes wrong is said on standard error, once, in a sentence, and never in the training's way."""

from __future__ import annotations

import os
import sys

_MOST = 50
"""Sentences of one process."""
_said: set[str] = set()


def say_once(about: str, sentence: str) -> None:
    """Say a sentence, unless one about the same was said before."""
    if about in _said or len(_said) >= _MOST:
        return
    _said.add(about)
    line = f"evolver-tui: {_printable(sentence)}"
    try:
        stream = sys.stderr
        if stream is sys.__stderr__ and stream is not None:
            os.write(stream.fileno(), f"{line}\n".encode())  # a lock of a thread's would abort an interpreter that ends
        else:
            print(line, file=stream, flush=True)
    except Exception:  # noqa: BLE001 - there may be no standard error, or a closed one
        pass


def _printable(sentence: str) -> str:
    plain = sentence.encode("ascii", "backslashreplace").decode()
    return "".join(mark if mark.isprintable() else " " for mark in plain)
