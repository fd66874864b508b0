"""What JSON from elsewhere has to look like, so that whatever passes can be stored and shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeAlias

Rule: TypeAlias = Callable[[object], bool]
Shape: TypeAlias = "Rule | dict[str, Shape] | list[Shape]"
"""A rule for one value; or an object's keys with their shapes, where a key that ends in `?` may be absent; or the one
shape of every item of a list."""

DEEPEST: Final = 200
"""Levels of nesting: what is deeper could not be read back wherever the program stands when it does."""
_LATEST: Final = 32_503_680_000.0
"""The year 3000 in seconds since 1970: a time beyond is a mistake, and few calendars can write it."""
_LONGEST_NAME: Final = 600


def misfit(value: object, shape: Shape, path: str) -> str:
    """Where a value is not of a shape: a path below `path`, such as `journal[2].at`; empty where it is.

    Args:
        value: not nested so deeply that a recursion could not follow.
    """
    if callable(shape):
        return "" if shape(value) else path
    if isinstance(shape, list):
        if not isinstance(value, list):
            return path
        found = (misfit(item, shape[0], f"{path}[{index}]") for index, item in enumerate(value))
        return next(filter(None, found), "")
    if not isinstance(value, dict):
        return path
    for name, part in shape.items():
        key = name.removesuffix("?")
        place = f"{path}.{key}".lstrip(".")
        if key not in value:
            if name == key:
                return place
            continue
        problem = misfit(value[key], part, place)
        if problem:
            return problem
    return ""


def is_deeper(value: object, most: int) -> bool:
    """Whether objects and lists lie in each other more than `most` levels deep."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


# --- rules -----------------------------------------------------------------------------------------------------------


def is_text(value: object) -> bool:
    """Any text."""
    return isinstance(value, str)


def is_plain(value: object) -> bool:
    """Text that every database takes as it is."""
    return isinstance(value, str) and "\0" not in value and not re.search("[\ud800-\udfff]", value)


def is_name(value: object) -> bool:
    """Text that every database's index takes as it is."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and is_plain(value)


def is_id(value: object) -> bool:
    """What can name a file or an object anywhere."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", value) is not None


def is_object(value: object) -> bool:
    """Any JSON object."""
    return isinstance(value, dict)


def is_anything(value: object) -> bool:
    """Any value."""
    return True


def is_truth(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def is_number(value: object) -> bool:
    """A number that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def is_time(value: object) -> bool:
    """Seconds since 1970 that a calendar can write."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def integer(lowest: int, highest: int) -> Rule:
    """Whole numbers within these limits."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def one_of(words: type[StrEnum]) -> Rule:
    """The members of an enumeration."""
    known = {member.value for member in words}
    return lambda value: isinstance(value, str) and value in known


def or_null(rule: Rule) -> Rule:
    """What a rule allows, or null."""
    return lambda value: value is None or rule(value)
