"""Strangers' JSON values as they can be kept and told again: finite, shallow and small."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 8
_MOST_BYTES: Final = 16 * 1024
_CUT: Final = "…"


def plain_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy that every JSON reader takes; members that make it larger than 16 KB are left out, the last ones first.

    Numbers that are not finite are texts there, what lies deeper than eight levels is cut.
    """
    kept: dict[str, Any] = {}
    room = _MOST_BYTES
    for name, member in value.items():
        plain = _plain(member, _DEEPEST)
        room -= len(json.dumps(plain)) + len(name)
        if room < 0:
            break
        kept[name] = plain
    return kept


def _plain(value: object, depth: int) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each, depth - 1) for name, each in value.items()} if depth else _CUT
    if isinstance(value, list | tuple):
        return [_plain(each, depth - 1) for each in value] if depth else _CUT
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
