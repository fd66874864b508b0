"""What an editor leaves: whatever is no text changes nothing, and holds nothing up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.editor import edit_text
from tests.support.modal_host import Host


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('rm "$1"', "left no file"),
        ('rm "$1"; mkdir "$1"', "left no file"),
        ('rm "$1"; mkfifo "$1"', "left no file"),
        ('printf "\\377" > "$1"', "not UTF-8"),
        ("exit 3", "ended with code 3"),
        ("kill -9 $$", "stopped by signal 9"),
    ],
)
def test_what_is_no_text_changes_nothing(tmp_path: Path, script: str, said: str) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o700)

    async def edit() -> str:
        async with Host().run_test() as pilot:
            return await edit_text(pilot.app, [str(editor)], "x = 1\n", "node.py")

    with pytest.raises(EvolverError, match=rf"{said}.*Nothing was changed\."):
        asyncio.run(edit())
