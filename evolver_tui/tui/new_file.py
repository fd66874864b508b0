"""Writing what a view exports into a file of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from evolver_tui.core.errors import UsageError

_MOST: Final = 1_000
"""Files of one name."""
_OTHER: Final = re.compile(r"[^A-Za-z0-9._-]+")


def write_new(folder: Path, name: str, suffix: str, text: str, what: str) -> Path:
    """Write a text to a file that was not there, which its owner alone can read; returns its path.

    Args:
        folder: made where it is not there.
        name: a number is put behind it where it is taken.
        what: what is written, for the sentence: `The plot cannot be written ...`.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, _MOST + 1):
            path = folder / f"{name}{'' if number == 1 else f'-{number}'}{suffix}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                continue
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            return path
    except OSError as error:
        way_out = "Make room there, or allow writing, and try again."
        raise UsageError(f"{what} cannot be written to {folder}: {error.strerror}.", way_out) from None
    raise UsageError(f"There are {_MOST:,} files of this name in {folder} already.", "Move some of them away.")


def plain_name(name: str) -> str:
    """What of a name may stand in a file's."""
    return _OTHER.sub("-", name)[:60].strip("-.")
