"""Conditions of rules in the Common Expression Language (CEL), judged by its authors' own library.

An expression is somebody's own, what it is held against a stranger's. The language has no loop but over what is there;
the library stops after 10,000 rounds and takes no longer over a regular expression than its text is long; what a
signal may bring is bounded here, and an expression that all the same takes long is not asked again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from evolver_tui.core.errors import ConditionError, UsageError
from evolver_tui.core.rule import Condition
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal
from evolver_tui.core.suggest import did_you_mean

LONGEST: Final = 2_000
"""Characters of an expression."""
MOST_SECONDS: Final = 0.25
"""Of the processor, for one signal; the library holds everything up meanwhile."""
MOST_VALUES: Final = 10_000
"""Values in a signal's payload and context together."""
MOST_CHARACTERS: Final = 50_000
"""Of all their texts."""
DEEPEST: Final = 30
_INSTALL: Final = "Install it with: pip install 'evolver-tui[rules]'. Equality needs none: if = { key = \"value\" }."
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^'.]*)")
_TEXT_IN_IT: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_GOES_THROUGH: Final = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(")
_NAMES: Final = ("name", "level", "payload", "context")


class Expression:
    """Implements `Condition`."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    def holds(self, signal: Signal) -> bool:
        """Whether it is true of a signal. Raises ConditionError."""
        room = _Room()
        values = {
            "name": signal.name,
            "level": signal.level,
            "payload": room.plain(signal.payload),
            "context": room.plain(signal.context),
        }
        began = time.thread_time()
        try:
            result = _truth(self._program.eval(data=values))
        except (RuntimeError, ValueError, TypeError) as error:
            result = str(error)
        if time.thread_time() - began > MOST_SECONDS:
            raise ConditionError(
                f"Its expression takes longer than {MOST_SECONDS:g} s.", "Make it simpler.", is_final=True
            )
        if isinstance(result, bool):
            return result
        told = _sentence(result)
        missing = told.startswith("Key not found")
        raise ConditionError(told, "Ask first where that may be: has(payload.x) && payload.x > 1." if missing else "")


def compile_expression(text: str) -> Condition:
    """The condition that an expression says.

    Raises:
        UsageError: it is none, it can never be true or false, or the library is not installed.
    """
    try:
        from cel_expr_python import cel
    except ImportError:
        raise UsageError("Expressions need a library that is not installed.", _INSTALL) from None
    if len(text) > LONGEST:
        raise UsageError(f"the expression is longer than {LONGEST:,} characters.", "Make it shorter.")
    try:
        program = _environment(cel).compile(text.encode("utf-8", "replace").decode())
    except (RuntimeError, ValueError, TypeError) as error:
        told = str(error)
        unknown = _UNDECLARED.search(told)
        way_out = did_you_mean(unknown[1], _NAMES, "names") if unknown else ""
        raise UsageError(f"the expression cannot be used: {_sentence(told)}", way_out) from None
    bare = _TEXT_IN_IT.sub("", text)
    if "+" in bare and _GOES_THROUGH.search(bare):  # each round could make a text that is larger than the one before
        raise UsageError("the expression puts things together while it goes through a list.", "Compare them instead.")
    if program.return_type().name() not in ("BOOL", "DYN"):
        raise UsageError("the expression has to be true or false.", 'Example: payload.tries > 3 && level == "error".')
    return Expression(text, program)


@cache
def _environment(cel: Any) -> Any:
    object_type = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    types = {"name": cel.Type.STRING, "level": cel.Type.STRING, "payload": object_type, "context": object_type}
    return cel.NewEnv(variables=types)


def _truth(value: Any) -> object:
    """What came of an expression: true, false, or what is wrong in words; None for anything else.

    Nothing else is asked for: the library gives None away without counting that, and the process ends by it one day.
    """
    return value.plain_value() if value.type().name() in ("BOOL", "ERROR") else None


def _sentence(told: object) -> str:
    """What the library says, on one line and without its codes."""
    if not isinstance(told, str):
        return "Its expression is neither true nor false."
    line = told.split("\n")[0].removesuffix(" [INVALID_ARGUMENT]")
    for word in ("INVALID_ARGUMENT: ", "NOT_FOUND: ", "UNKNOWN: ", "INTERNAL: ", "ERROR: ", "<input>:"):
        line = line.removeprefix(word)
    line = re.sub(r"^(\d+):(\d+): ", lambda match: f"at character {int(match[2])}: ", line)
    if line.startswith("Iteration budget exceeded"):
        line = "Its expression goes through too many values"
    return f"{safe_text(line.replace(' in map : ', ': ').replace(chr(34), chr(39)), 200).rstrip('.')}."


class _Room:
    """Makes of a signal what the library takes, as long as there is room."""

    def __init__(self) -> None:
        self._values = MOST_VALUES
        self._characters = MOST_CHARACTERS

    def plain(self, value: object, depth: int = DEEPEST) -> Any:
        """The same value, with numbers that CEL knows and texts that are any. Raises ConditionError."""
        self._values -= 1
        if self._values < 0 or not depth:
            raise ConditionError("The signal is too large or too deep for an expression.", is_too_much=True)
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return int(value) if _SMALLEST <= value <= _LARGEST else _as_float(value)
        if isinstance(value, Mapping):
            return {self._text(str(key)): self.plain(each, depth - 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(each, depth - 1) for each in value]
        return self._text(repr(value))

    def _text(self, text: str) -> str:
        self._characters -= len(text)
        if self._characters < 0:
            raise ConditionError("The signal is too long for an expression.", is_too_much=True)
        return _SURROGATES.sub("\ufffd", text)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
