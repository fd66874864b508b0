"""What commands write: tables, JSON, sentences. Nothing that they quote steers the terminal."""

from __future__ import annotations

import contextlib
import io
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.standard_streams import STAND_INS, touch_output
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.stand_ins import cells

_DEEPEST = 100
LONGEST_VALUE = 4_000
"""Characters of one JSON value that people are shown; scripts are given all of it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found or did."""

    value: Any
    """For --json; None where nothing belongs on standard output."""
    text: str = ""
    """The same for people, in as far as they asked for it."""
    message: str = ""
    """A sentence for standard error."""
    exit_code: ExitCode = ExitCode.DONE
    is_answer: bool = False
    """Whether standard output is what was asked for, even where nothing stands there for people."""


def show(result: Result, *, as_json: bool) -> ExitCode:
    """Write a result on the standard streams; returns its exit code."""
    if result.message:
        say(result.message, sys.stderr)
    if as_json and result.value is not None:
        print(json_text(result.value, indent=2))
    elif result.text or not result.message:
        say(result.text, sys.stdout)
    elif result.is_answer:
        touch_output()
    return result.exit_code


def say(text: str, stream: TextIO) -> None:
    """Write text for people. Where nobody takes sentences about the work, the work still counts."""
    with contextlib.suppress(*((OSError,) if stream is sys.stderr else ())):
        print(safe_block(text, limit=len(text)), file=stream)


def write_a_file() -> None:
    """What is written on standard output from here on is read as a file, in UTF-8, unless a terminal shows it."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors=STAND_INS)


def tell(line: str) -> None:
    """Write a line on standard error at once. Whoever read it may be gone: the work goes on."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the head among them."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    filled = ((cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in filled)


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON, whatever a hub or a routine put into it: what JSON does not know is null, what is nested
    beyond sense is cut."""
    import json

    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except (ValueError, RecursionError):
        return json.dumps(_plain(value, _DEEPEST), indent=indent)


def short(value: object) -> str:
    """A JSON value as one line for people."""
    return safe_text(value if isinstance(value, str) else json_text(value), LONGEST_VALUE)


def _plain(value: object, depth: int) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping | list | tuple) and not depth:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    return value
