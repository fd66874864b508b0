"""Files that a person names for a result: what would go wrong at the end is said at the start."""

from __future__ import annotations

import os
from pathlib import Path

from evolver_tui.core.errors import UsageError


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
    # Asks the system instead of comparing modes, so that a disk mounted read-only is found as well.
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} cannot be written"
