"""What makes a terminal show a notice of its own, beside the console and when nobody looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evolver_tui.core.safe_text import safe_text

_RINGS_ALONE: Final = ("", "dumb", "linux", "unknown")
"""Terminals (`TERM`) that know no notices, or print what would be one."""
_MOST_CHARACTERS: Final = 250
_BELL: Final = "\a"
_END: Final = "\x1b\\"


def notice_sequence(how: str, text: str, environ: Mapping[str, str]) -> str:
    """The sequence for a notice.

    Args:
        how: "bell", "osc9" or "osc777".
        text: one line.
        environ: the environment, for the terminal's kind; within tmux a notice passes where `allow-passthrough` is on.
    """
    if how == "bell" or environ.get("TERM", "") in _RINGS_ALONE:
        return _BELL
    words = safe_text(text, _MOST_CHARACTERS)
    # A text that began with a digit would be another command of some terminals.
    sequence = f"\x1b]777;notify;evolver;{words}{_END}" if how == "osc777" else f"\x1b]9;evolver: {words}{_END}"
    if environ.get("TMUX"):
        escaped = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{escaped}{_END}"
    return sequence
