"""Copying for a person: to the terminal's clipboard (OSC 52) where that takes it, else to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

MOST_BYTES = 74_994
"""Bytes of base64 that terminals take; most of them cut off what is longer, in silence."""

_WITHOUT_CLIPBOARD = ("", "dumb", "linux", "unknown")
"""Terminals (`TERM`) that know no OSC 52."""

_TMUX_SECONDS = 1.0


async def reason_against_clipboard(text: str, environ: Mapping[str, str]) -> str:
    """Why a text cannot be handed to the terminal's clipboard, as far as that is known; empty when it can."""
    if 4 * -(-len(text.encode()) // 3) > MOST_BYTES:
        return "It is too long for a terminal's clipboard."
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    is_without = term in _WITHOUT_CLIPBOARD or program == "Apple_Terminal" or "VTE_VERSION" in environ
    if "TMUX" in environ:
        is_without = not await _tmux_takes_it()
    elif term.startswith("screen") or "STY" in environ:
        is_without = True
    return "This terminal is not known to let programs copy." if is_without else ""


async def _tmux_takes_it() -> bool:
    """Whether the tmux around this console passes on what a program copies."""
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux", "show-options", "-sv", "set-clipboard",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(_TMUX_SECONDS):
            output, _ = await process.communicate()
    except (OSError, TimeoutError):
        return False
    return output.strip() == b"on"


async def write_copy(text: str, file: Path) -> None:
    """Put a text into the file that stands for the clipboard; only its owner can read it. Raises OSError."""
    from evolver_tui.settings.private_file import write_private

    await asyncio.to_thread(write_private, file, text.encode())
