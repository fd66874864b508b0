"""Signals that a model writes beside its answer, in `<signals>` blocks: read leniently and without trust.

A model observes and claims nothing: it may use any name but those of domains that are the program's own, so that what
is told under these was done. What cannot be read is left out without a word; a model is invited, and not forced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from evolver_tui.core.json_text import strict_json
from evolver_tui.core.signal import is_signal_name
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE
from evolver_tui.core.signal_name import SignalName

MOST_SIGNALS: Final = 20
"""Of one answer."""
MOST_BLOCK_CHARACTERS: Final = 20_000
DEEPEST: Final = 8
"""Objects and lists within each other in a payload, itself included."""
_MOST_BLOCKS: Final = 64

_OWN_DOMAINS: Final = frozenset(
    (
        *(name.partition(".")[0] for name in CATALOGUE),
        *("signal", "rule", "listener", "webhook", "replay", "analytics", "conversation"),
    )
)
_OPEN_TO_MODELS: Final = frozenset((str(SignalName.CONVERSATION_USER_CONFUSED), "intake.user_data_collected"))
"""Names in those domains under which the program claims nothing: the specification gives them to models."""
_COMMA_TOO_MANY: Final = re.compile(r'("(?:[^"\\]++|\\.)*+(?:"|\Z))|,(?=\s*+[}\]])', re.DOTALL)


def may_a_model_say(name: object) -> bool:
    """Whether it is a signal's name, and none under which only the program itself tells what it did."""
    if not isinstance(name, str) or not is_signal_name(name):
        return False
    return name in _OPEN_TO_MODELS or name.partition(".")[0].lower() not in _OWN_DOMAINS


def signals_in(blocks: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """Name to payload of what the blocks of one answer tell; of one name, what was written last.

    Args:
        blocks: what stands between the tags of each, in order.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for block in islice(blocks, _MOST_BLOCKS):
        for name, payload in _object_in(block).items():
            if may_a_model_say(name) and isinstance(payload, dict) and _is_shallow(payload):
                found[name] = payload
    return dict(islice(found.items(), MOST_SIGNALS))


def _object_in(block: str) -> Mapping[str, Any]:
    """The object that a block holds; an empty one where none can be read."""
    if len(block) > MOST_BLOCK_CHARACTERS:
        return {}
    inner = block[max(block.find("{"), 0) : block.rfind("}") + 1]  # a fence may stand around it
    for reading in (block, inner, _COMMA_TOO_MANY.sub(lambda match: match[1] or "", inner)):
        try:
            value = strict_json(reading)
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else {}
    return {}


def _is_shallow(payload: object) -> bool:
    level: list[object] = [payload]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(inner, dict | list)
        ]
    return not level


def first_object(text: str) -> tuple[str, str] | None:
    """The object that a block without an end begins with, and what follows it; None where none can be read."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return text[start:end], text[end:]
