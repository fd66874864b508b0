"""Whether a payload is what the catalogue says of its signal."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE


def misfits(signal: Signal) -> list[str]:
    """What of a signal's payload is not as the catalogue has it; nothing for one that fits."""
    kind = CATALOGUE[signal.name].payload
    types = get_type_hints(kind)
    found = [f"{signal.name} lacks {name}" for name in kind.__required_keys__ - signal.payload.keys()]
    found += [f"{signal.name} has {name}" for name in signal.payload.keys() - types.keys()]
    return found + [
        f"{signal.name} {name} is {value!r}"
        for name, value in signal.payload.items()
        if name in types and not _is_of(value, types[name])
    ]


def _is_of(value: object, kind: Any) -> bool:
    if kind is Any:
        return True
    if get_origin(kind) is UnionType:
        return any(_is_of(value, each) for each in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_of(each, get_args(kind)[0]) for each in value)
    if get_origin(kind) is Mapping:
        return isinstance(value, dict)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind
