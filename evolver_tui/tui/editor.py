"""Text in a person's own editor, with the console out of the way and the session going on."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.app import App

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.lending import run_in_terminal

LARGEST = 1_000_000
"""Bytes that are read back."""


async def edit_text(app: App[Any], command: Sequence[str], text: str, file_name: str) -> str:
    """Let a person edit `text` in a file that only they can read.

    Args:
        command: the editor's program and arguments, to which the file's path is added.
        file_name: what the file is called while it is edited.

    Raises:
        EvolverError: the editor failed, or what it left is not text.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="evolver-"))
    path = folder / file_name
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        await run_in_terminal(app, [*command, str(path)], "The editor")
        return _read(path)
    except OSError as error:
        raise EvolverError(f"The text could not be handed to the editor: {error.strerror}.") from None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _read(path: Path) -> str:
    if not path.is_file():
        raise EvolverError("The editor left no file.", "Nothing was changed.")
    if path.stat().st_size > LARGEST:
        raise EvolverError(f"The edited file is larger than {LARGEST:,} bytes.", "Nothing was changed.")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise EvolverError("The edited file is not UTF-8.", "Nothing was changed.") from None
