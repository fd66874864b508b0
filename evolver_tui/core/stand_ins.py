"""Signs in the place of those that an encoding does not have: as wide as those, so that columns stay columns."""

from __future__ import annotations

import unicodedata
from typing import Final

UNKNOWN: Final = "?"
"""For whatever has no sign of its own here: strangers' text, mostly."""

_SIGNS: Final = dict(
    zip(
        "·•“”„‘’‚‹›«»–—−≠…⋯→←↑↓↪↷⊘␤▸▾▲▼◆○●■□★✓✗×▌▐█▀▄▔▁▂▃▅▆▇",
        '-*"""\'\'`<><>---|~~><^v\\~/|>v^v*o*#o*+xx||#-=-_.:=+*',
        strict=True,
    )
)


def width(character: str) -> int:
    """How many cells a terminal gives to a character: 0, 1 or 2."""
    if character.isascii():
        return 1
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1


def cells(text: str) -> int:
    """How many cells a terminal gives to a text."""
    return len(text) if text.isascii() else sum(map(width, text))


def stand_in(character: str) -> str:
    """What is drawn where a character cannot be, in as many cells."""
    found = _SIGNS.get(character)
    if found is not None:
        return found
    if "\u2801" <= character <= "\u28ff":  # dots, as many as there may be
        return "#"
    if "\u2500" <= character <= "\u257f":
        return _line(unicodedata.name(character))
    return UNKNOWN * width(character)


def stand_in_for(error: UnicodeError) -> tuple[str, int]:
    """Handles what an encoding does not have, for `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(stand_in, error.object[error.start : error.end])), error.end


def can_carry(encoding: str, signs: str) -> bool:
    """Whether an encoding has all of these signs."""
    try:
        signs.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _line(name: str) -> str:
    """A drawn line, corner or crossing, by its name in Unicode."""
    if " AND " in name:
        return "+"
    return "|" if {"VERTICAL", "UP", "DOWN"} & {*name.split()} else "-"
