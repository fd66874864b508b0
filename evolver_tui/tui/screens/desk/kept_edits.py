"""Code that a person wrote into a draft and that is not handed in: kept until it is, also when the console ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.card import Review

_MOST_FILES: Final = 50
"""Of drafts that were decided about meanwhile, nobody asks for the oldest any more."""


class KeptEdits:
    """One text for each draft, in memory and in a file that only its writer can read."""

    def __init__(self, folder: Path | None) -> None:
        """Args:
        folder: where the files lie; None keeps texts only as long as the console runs.
        """
        self._folder = folder
        self._texts: dict[str, str] = {}
        self._writing = threading.Lock()

    async def of(self, review: Review) -> str:
        """What was kept for a draft; empty for nothing."""
        name = _name(review)
        if name not in self._texts and self._folder is not None:
            return await asyncio.to_thread(_read, self._folder / name)
        return self._texts.get(name, "")

    async def keep(self, review: Review, text: str) -> None:
        """Keep a text for a draft in the place of what was kept; an empty one keeps nothing.

        A disk that does not take it is no reason to disturb who writes: it is kept in memory then.
        """
        name = _name(review)
        if self._texts.get(name) == text:
            return
        self._texts[name] = text
        if self._folder is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._write, self._folder / name)

    def _write(self, file: Path) -> None:
        """Write what is kept at this moment: a write outlives who waited for it, and the last counts."""
        with self._writing:
            _write(file, self._texts[file.name])


def _name(review: Review) -> str:
    """Of the file: question ids begin anew in another database."""
    return f"{review.question_id}-{review.draft.sha256[:16]}.py"


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "surrogatepass")
    except (OSError, UnicodeDecodeError):
        return ""


def _write(file: Path, text: str) -> None:
    from evolver_tui.settings.private_file import write_private

    if not text:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, text.encode("utf-8", "surrogatepass"))
    for forgotten in _oldest(file.parent):
        forgotten.unlink(missing_ok=True)


def _oldest(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.py"), key=lambda file: file.stat().st_mtime)
    return files[:-_MOST_FILES]
