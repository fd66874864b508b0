"""Files that a person names for a result: what would go wrong at the end is said at the start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from evolver_tui.core.errors import UsageError

_STREAMS: Final = ("standard input", "standard output", "standard error")
"""By their number; the shell may lead each of them to a file, which would be gone when another took its place."""


def output_file(name: str | Path) -> Path:
    """The file that a result can be written to: `name`, or what it leads to where it is a link.

    The file takes its place by a rename, so its folder has to be there and writable. Nothing is created.

    Raises:
        UsageError: it could not be written, or something else than a file lies there.
    """
    try:
        path = Path(os.path.realpath(name))
        reason = _obstacle(path)
    except (OSError, ValueError) as error:  # a name too long, a loop of links
        reason = getattr(error, "strerror", None) or "it is no file's name"
    if reason:
        raise UsageError(f"{name} cannot be written: {reason}.", "Name another file.")
    return path


def _obstacle(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist"
    if path.is_dir():
        return "it is a folder"
    if path.exists() and not path.is_file():
        return "it is no regular file"
    for stream, name in enumerate(_STREAMS):
        if _is_open_as(path, stream):
            return f"{name} is that file"
    # Asks the system instead of comparing modes, so that a disk mounted read-only is found as well.
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} cannot be written"


def _is_open_as(path: Path, stream: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(stream))
    except OSError:  # one of them is not there
        return False
