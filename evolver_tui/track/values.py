"""What a training gives, as numbers and JSON. Whatever it is, it raises nothing but what is said here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from evolver_tui.core.training.record import LONGEST_NAME, MOST_MODELS

_DEEPEST: Final = 8
_MOST_SECONDS: Final = 86_400.0
_LONGEST_TEXT: Final = 10_000
_MOST_JSON: Final = 200_000
"""Characters of a config or a payload as JSON; below what a record may have with all that is around it."""


class Refused(ValueError):
    """A value is no number, a step is none, and why."""


def taken(value: object) -> object:
    """What is kept of a value until it is written: nothing that changes by then, without a wait for a device.

    A tensor in this machine's memory is read at once, which costs less than to keep it safely. One on a device is
    kept, without the graph that led to it, and read when it is written.
    """
    kind = type(value)
    if kind is float or kind is int or kind is bool or value is None or kind is str:
        return value
    try:
        library = kind.__module__.partition(".")[0]
        if library == "numpy":
            return value.item()  # type: ignore[attr-defined]
        detach = getattr(value, "detach", None)
        if not callable(detach):
            return value
        if library == "torch" and value.device.type == "cpu":  # type: ignore[attr-defined]
            return value.item()  # type: ignore[attr-defined]
        return detach()
    except Exception:  # noqa: BLE001 - it is told why when it is written
        return value


def number(value: object) -> float:
    """A value as a float, infinite where it is larger than one can be. Raises Refused for what is no number."""
    if type(value) is float:
        return value
    if value is None or isinstance(value, (str, bytes, bytearray)):
        raise Refused("it is a text" if value is not None else "it is None")
    try:
        item = getattr(value, "item", None)
        found = item() if callable(item) else value
        if isinstance(found, (str, bytes)):
            raise Refused("it is a text")
        return float(found)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf if _is_positive(value) else -math.inf
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a stranger's object does
        raise Refused(reason(error)) from None


def _is_positive(value: object) -> bool:
    try:
        return bool(value > 0)  # type: ignore[operator]
    except Exception:  # noqa: BLE001 - whatever a stranger's object does
        return True


def whole(value: object) -> int:
    """A step or a model as a whole number from 0 on. Raises Refused for what is none."""
    if type(value) is int:
        found = value
    else:
        exact = number(value)
        if not math.isfinite(exact):
            raise Refused("it is not finite")
        found = int(exact)
    if not 0 <= found < 2**53:
        raise Refused("it is no whole number from 0 on")
    return found


def model_number(value: object) -> int:
    """Which of several models it is, from 0. Raises Refused for what is none."""
    found = whole(value)
    if found >= MOST_MODELS:
        raise Refused(f"it is beyond {MOST_MODELS:,}")
    return found


def totals_of(values: Mapping[str, object]) -> tuple[dict[str, int], list[str]]:
    """How much there is to do, by a header's names, and which of these say what cannot be."""
    found: dict[str, int] = {}
    refused: list[str] = []
    for field, value in values.items():
        try:
            number = 0 if value is None else whole(value)
            if field == "total_models" and number > MOST_MODELS:
                raise Refused("there are too many")
        except Refused:
            refused.append(field)
        else:
            found |= {field: number} if number else {}
    return found, refused


def seconds_of(value: object, otherwise: float) -> float:
    """A time to wait, bounded; `otherwise` for what is none."""
    try:
        found = number(value)
    except Refused:
        return otherwise
    return min(found, _MOST_SECONDS) if found >= 0 else otherwise


def reason(error: BaseException) -> str:
    """What an exception says, in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - whatever a stranger's exception does
        text = ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def metric_name(name: object) -> str:
    """A metric's name as it is written."""
    return (name if name.__class__ is str else _text(name))[:LONGEST_NAME] or "(no name)"


def flat(metrics: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Names and values, those of nested objects with a dot between the names."""
    for name, value in list(metrics.items()):
        whole_name = f"{prefix}{_text(name)}"
        if isinstance(value, Mapping) and depth < _DEEPEST:
            try:
                inner = list(flat(value, f"{whole_name}.", depth + 1))
            except Exception:  # noqa: BLE001 - it is told why when it is written
                inner = [(whole_name, value)]
            yield from inner
        else:
            yield whole_name, value


def as_mapping(value: object) -> dict[str, Any]:
    """A config, however it is given: an object, the result of an argument parser, any object with attributes."""
    try:
        if isinstance(value, Mapping):
            return {_text(name): each for name, each in value.items()}
        if value is None:
            return {}
        for way in ("to_dict", "model_dump", "_asdict"):
            make = getattr(value, way, None)
            if callable(make) and isinstance(made := make(), Mapping):
                return {_text(name): each for name, each in made.items()}
        return {name: each for name, each in vars(value).items() if not name.startswith("_")}
    except Exception:  # noqa: BLE001 - whatever a stranger's object does
        return {}


def as_json(values: Mapping[Any, Any]) -> dict[str, Any]:
    """An object that JSON has: what it has not becomes a text, and what is beyond the bound is left out."""
    found: dict[str, Any] = {}
    left = _MOST_JSON
    for name, value in list(values.items()):
        short, plain = _text(name)[:LONGEST_NAME], _plain(value, 0)
        left -= len(json.dumps(short)) + len(json.dumps(plain)) + 2
        if left < 0:
            found["..."] = "more than is kept"
            break
        found[short] = plain
    return found


def _plain(value: object, depth: int) -> Any:
    try:
        return _plain_of(value, depth)
    except Exception:  # noqa: BLE001 - whatever a stranger's object does
        return _text(value)[:_LONGEST_TEXT]


def _plain_of(value: object, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (str, int, float)):
        return _plain_scalar(value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        pairs = list(value.items())[:1000]
        return {_text(name)[:LONGEST_NAME]: _plain(each, depth + 1) for name, each in pairs}
    if depth < _DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, depth + 1) for each in list(value)[:1000]]
    if type(value).__module__.partition(".")[0] in ("numpy", "torch"):
        try:
            return _plain_scalar(value.item())  # type: ignore[attr-defined]
        except Exception:  # noqa: BLE001 - an array, which becomes a text
            pass
    return _text(value)[:_LONGEST_TEXT]


def _plain_scalar(value: object) -> Any:
    if isinstance(value, int):
        return int(value) if value.bit_length() < 1_000 else f"a number of {value.bit_length()} bits"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return _text(value)[:_LONGEST_TEXT]


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever a stranger's object does
        return f"<{type(value).__name__}>"
