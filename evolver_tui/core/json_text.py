"""JSON text of others: read strictly where it is exchanged or judged, and as hubs send it that encode it twice."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from evolver_tui.core.safe_text import safe_text

MOST_TEXTS: Final = 4
"""JSON texts within each other."""


class Equivocal(ValueError):
    """JSON that readers do not agree on; the message ends a sentence about it and is safe to draw."""


def strict_json(text: str | bytes, *, any_number: bool = False) -> Any:
    """What JSON text says, where all readers agree on it: no key twice in an object, no number that JSON does not know.

    Args:
        any_number: NaN, and what becomes infinite, are read as well, for whoever judges them or keeps them.

    Raises:
        Equivocal: readers do not agree on it.
        ValueError: it is no JSON, no text, or has a number of too many digits.
        RecursionError: it is nested too deeply.
    """
    if any_number:
        return json.loads(text, object_pairs_hook=unique_members)
    return json.loads(text, object_pairs_hook=unique_members, parse_constant=no_constant, parse_float=finite_number)


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `object_pairs_hook`: an object whose keys all differ. Raises Equivocal."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = set()
        for name, _ in pairs:
            if name in names:
                raise Equivocal(f"has the key '{safe_text(name, 60)}' twice in one object")
            names.add(name)
    return members


def no_constant(name: str) -> NoReturn:
    """For `parse_constant`: NaN and the infinities are no JSON. Raises Equivocal."""
    raise Equivocal(f"holds {name}, which is no JSON value")


def finite_number(text: str) -> float:
    """For `parse_float`: a number, unless none is so large. Raises Equivocal."""
    value = float(text)
    if math.isinf(value):
        raise Equivocal(f"holds the number {safe_text(text, 20)}, which is too large")
    return value


def parsed(value: object) -> object:
    """JSON text as what it says, and JSON within it; anything else, and what is no JSON, as it is."""
    for _ in range(MOST_TEXTS):
        if not isinstance(value, str):
            break
        try:
            value = strict_json(unframed(value), any_number=True)
        except (ValueError, RecursionError):
            break
    return value


def unframed(text: str) -> str:
    """Text without the mark of its encoding, and without the rest of a buffer that it did not fill."""
    return text.lstrip("\ufeff").rstrip("\0")


def looks_like_json(text: str) -> bool:
    """Whether a text begins as an object or a list."""
    return text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def json_content(value: object) -> dict[str, Any] | list[Any] | None:
    """What may hold tasks, also as JSON text; None for anything else."""
    if isinstance(value, str):
        value = parsed(value) if looks_like_json(value) else None
    return value if isinstance(value, dict | list) else None
