"""The folder of one run: made for a program, and removed whatever the program did in it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from evolver_tui.engine.sandbox import SCRATCH


def make_folder(files: Mapping[str, bytes]) -> Path:
    """Make a folder with these files, by relative path, and with an empty scratch folder.

    Raises:
        OSError: it cannot be made; nothing is left of it.
    """
    folder = Path(tempfile.mkdtemp(prefix="evolver-node-"))
    try:
        (folder / SCRATCH).mkdir(0o700)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError:
        remove_folder(folder)
        raise
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that lies in it, however deep; follows no link. What cannot be removed stays.

    A folder within a folder is moved to the top before its own content is looked at: no path gets long, no stack deep.
    """
    with contextlib.suppress(OSError):
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            numbers = count()
            while _empty_once(top, numbers):
                pass
        finally:
            os.close(top)
        os.rmdir(folder)


def _empty_once(top: int, numbers: count[int]) -> bool:
    """Remove the files and empty the folders of a folder; returns whether anything could be removed."""
    has_changed = False
    for name in os.listdir(top):
        with contextlib.suppress(OSError):
            if not _opened_folder(name, top):
                os.unlink(name, dir_fd=top)
                has_changed = True
                continue
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
            try:
                for each in os.listdir(inner):
                    if _opened_folder(each, inner):
                        os.rename(each, _free_name(top, numbers), src_dir_fd=inner, dst_dir_fd=top)
                    else:
                        os.unlink(each, dir_fd=inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)
            has_changed = True
    return has_changed


def _opened_folder(name: str, parent: int) -> bool:
    """Whether this is a folder, which then lets its owner in: one can be made that lets nobody in."""
    is_folder = stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    if is_folder:
        os.chmod(name, 0o700, dir_fd=parent)
    return is_folder


def _free_name(top: int, numbers: count[int]) -> str:
    for number in numbers:
        name = f".evolver-remove-{number}"
        try:
            os.stat(name, dir_fd=top, follow_symlinks=False)
        except FileNotFoundError:
            return name
    raise AssertionError("numbers do not end")
