"""Routines whose process ends in the middle, for tests of who takes them over."""

from __future__ import annotations

import asyncio
import ctypes
import os
from pathlib import Path
from typing import Any

from evolver_tui.routines import Run, Task


async def ends_its_process(run: Run, task: Task) -> str:
    """Ends its process in its second step, in the way that the task names, until there is a file `mended`."""
    folder = Path(task.raw["folder"])
    await run.step("look", write_line, folder / "looked")
    await run.step("resize", die, folder, task.raw["way"])
    return "alive"


async def die(folder: Path, way: str) -> None:
    """Leave without a word."""
    await write_line(folder / "began")
    if (folder / "mended").exists():
        return
    if way == "exit":
        os._exit(3)
    if way == "abort":
        os.abort()
    ctypes.string_at(0)


async def charges(run: Run, task: Task) -> dict[str, Any]:
    """Charges an account, which must not be done twice: it hangs or fails there while there is no file `open`."""
    folder = Path(task.raw["folder"])
    await run.step("look", write_line, folder / "looked")
    receipt = await run.step("charge", charge, folder, task.raw.get("fails", ""), repeat=False)
    await run.step("tell", write_line, folder / "told")
    return {"receipt": receipt}


async def charge(folder: Path, fails: str) -> dict[str, int]:
    """Count in a file how often this was begun."""
    await write_line(folder / "began")
    if not (folder / "open").exists():
        if fails:
            raise OSError(fails)
        await asyncio.Event().wait()
    return {"number": 17}


async def write_line(file: Path) -> None:
    """Append a line."""
    with file.open("a") as lines:
        lines.write("x\n")
