"""The one gate for strangers' strings: what passes here can be drawn on a terminal.

Control characters, escape sequences, bidirectional and zero-width marks reach the terminal from any widget and can
write the clipboard, retitle the window or reorder a line. They are not removed silently: each becomes a visible
stand-in, so that a reader sees that something was there.
"""

from __future__ import annotations

import re
import unicodedata

LIMIT = 20_000
"""Characters that are looked at: one line of a megabyte stalls a terminal for seconds."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSAFE = (
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\ud800-\udfff\ue000-\uf8ff"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
    "]"
)
_STACKED_MARKS = (
    "([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]{2})"
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]+"
)
_PILED_MARKS = "[^\\w\\s\x00-\u02ff]{5,}"
"""Marks of any script are neither letters nor blanks, and so is little else."""
_EMOJI_SELECTORS = "\ufe0e\ufe0f"
"""They only choose between two drawings of the sign before them, with a width that terminals disagree on."""
_LINE_ENDS = "\r\n|[\n\t]"


def _stand_in(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if character in _EMOJI_SELECTORS:
        return ""
    return _REPLACEMENT


def _lowered(match: re.Match[str], stand_in: str = "") -> str:
    """Without the fifth and every further mark in a row: no script needs so many on one letter."""
    kept, height = "", 0
    for character in match.group():
        height = height + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        kept += character if height <= 4 else stand_in
    return kept


def safe_block(value: object, limit: int = LIMIT) -> str:
    """Text of several lines, safe to draw; tabs become four spaces, a cut is marked with `…`."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        text = text[:limit] + "…"
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\t" in text:
        text = text.replace("\t", "    ")
    if text.isascii() and text.replace("\n", " ").isprintable():
        return text
    # `re` keeps what it compiled: the first frame does not wait for patterns that plain text never meets.
    text = re.sub(_UNSAFE, _stand_in, text)
    return re.sub(_PILED_MARKS, _lowered, re.sub(_STACKED_MARKS, r"\1", text))


def safe_text(value: object, limit: int = LIMIT) -> str:
    """One line, safe to draw: as `safe_block`, with line ends shown as `␤`."""
    block = safe_block(value, limit)
    return re.sub(_LINE_ENDS, "␤", block) if "\n" in block else block


def stand_ins(line: str) -> str:
    """`line` to be drawn character by character: what is unsafe has one visible stand-in each, and none is left out.

    So that a place in what is drawn is the same place in what was written. Tabs stay.
    """
    if line.isascii() and line.replace("\t", " ").isprintable():
        return line
    text = re.sub(_UNSAFE, lambda found: _stand_in(found) or _REPLACEMENT, line)
    text = re.sub(_STACKED_MARKS, lambda found: found[1] + _REPLACEMENT * (len(found[0]) - 2), text)
    return re.sub(_PILED_MARKS, lambda found: _lowered(found, _REPLACEMENT), text)


def safe_json(text: str) -> str:
    """JSON text that says the same and is safe to draw: what steers a terminal stands in it as an escape.

    Args:
        text: valid JSON. Between its values it may have line ends, and nothing else that is unsafe.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and "\x7f" not in text:
        return text

    import json  # the console's first frame goes without it

    for unsafe in (_UNSAFE.replace("\x00-\x08\x0b-\x1f", ""), _STACKED_MARKS, _PILED_MARKS):
        text = re.sub(unsafe, lambda found: json.dumps(found.group())[1:-1], text)
    return text


def without_hidden(value: str) -> str:
    """`value` without characters that a reader cannot see: what a model may read of a stranger's text.

    Line ends and tabs stay. Unlike `safe_text` nothing stands in their place: a model is no reader to be warned.
    """
    return "".join(
        character
        for character in value
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
