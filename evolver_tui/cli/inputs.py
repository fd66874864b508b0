"""What a person hands to a command, from a file, an argument or standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolver_tui.core.errors import UsageError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.router_answer import MOST_CODE_BYTES
from evolver_tui.core.safe_text import safe_block, safe_text

STANDARD_INPUT = "-"
_MOST_ANSWER_BYTES = 1024 * 1024


def read_standard_input() -> bytes:
    """All of standard input, for a command that takes one JSON object there."""
    if sys.stdin.isatty():
        print("Type one JSON object, then Ctrl+D.", file=sys.stderr)
    return sys.stdin.buffer.read()


def ask_at_terminal(question: str) -> str:
    """What a person types at the terminal of this process, whatever its standard input is; empty where none is."""
    try:
        with open("/dev/tty", "w", encoding="utf-8") as screen, open("/dev/tty", encoding="utf-8") as keyboard:
            print(safe_block(question), end=" ", file=screen, flush=True)
            return keyboard.readline().strip()
    except (OSError, UnicodeError):
        return ""


def read_python_file(file: Path) -> str:
    """A file's text; of one that is too long for a node, a byte more than a node may have. Raises UsageError."""
    try:
        if not file.is_file():
            raise UsageError(f"{safe_text(file, 200)} is no file.", "Name a Python file.")
        with file.open("rb") as stream:
            content = stream.read(MOST_CODE_BYTES + 1)
        return content.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{safe_text(file, 200)} cannot be read: {error.strerror}.", "Allow reading it.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{safe_text(file, 200)} is no UTF-8 text.", "Save it as UTF-8.") from None


def read_code(name: str) -> str:
    """A file's text; `-` is standard input. Raises UsageError."""
    return _text(name, MOST_CODE_BYTES)


def read_words(words: str) -> str:
    """The words themselves; `-` is standard input. Raises UsageError where there are none."""
    said = _text(words, _MOST_ANSWER_BYTES) if words == STANDARD_INPUT else words
    if not said.strip():
        raise UsageError("There are no words for the author.", "Nothing was changed.")
    return said.strip()


def read_answer(pairs: Sequence[str], json_content: str | None) -> Sequence[tuple[str, str]] | dict[str, Any]:
    """An answer's content as it was typed.

    Args:
        pairs: each `key=value`; or one `-`, for a JSON object on standard input.
        json_content: a JSON object, in the place of pairs.

    Returns:
        The pairs, or the JSON object.

    Raises:
        UsageError: it is neither.
    """
    if json_content is not None and pairs:
        raise UsageError("The answer was given twice.", "Give key=value, or --json-content, or -.")
    if list(pairs) == [STANDARD_INPUT]:
        json_content = _text(STANDARD_INPUT, _MOST_ANSWER_BYTES)
    if json_content is not None:
        return _object(json_content)
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"{safe_text(pair, 80)!r} is no key=value.", "E.g. language=de, or - for JSON on stdin.")
    return [(key, value) for key, _, value in (pair.partition("=") for pair in pairs)]


def _object(text: str) -> dict[str, Any]:
    try:
        value = strict_json(text, any_number=True)
    except Equivocal as error:
        raise UsageError(f"The answer {error}.", "Give each key once.") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError("The answer has to be one JSON object.", """E.g. '{"language": "de"}'.""")
    return value


def _text(name: str, limit: int) -> str:
    shown = "Standard input" if name == STANDARD_INPUT else safe_text(name, 200)
    try:
        if name == STANDARD_INPUT:
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(limit + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{shown} is no UTF-8 text.", "Save it as UTF-8.") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no name of a file"
        raise UsageError(f"{shown} cannot be read: {why}.", "Name a file that can be read.") from None
    if len(content) > limit:
        raise UsageError(f"{shown} is longer than {limit:,} bytes.", "Shorten it.")
    return text
