"""A signal in words, for notices and messages to people."""

from __future__ import annotations

from typing import Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal

_MOST_CHARACTERS: Final = 200
_SAYING: Final = ("message", "error", "notice", "reason", "outcome", "text")
"""Fields of payloads that hold a sentence, the best first."""


def words_of(signal: Signal) -> str:
    """What a signal says in one line, safe to draw: `review.requested, task-17: A draft waits for your decision.`"""
    task = signal.context.get("task_id")
    about = f"{signal.name}, {task}" if task else signal.name
    said = next((value for field in _SAYING if isinstance(value := signal.payload.get(field), str) and value), "")
    return safe_text(f"{about}: {said}" if said else about, _MOST_CHARACTERS)


def and_more(text: str, more: int) -> str:
    """A line, and how many like it are not shown."""
    return f"{text} (and {more:,} more)" if more else text


def filled(template: str, signal: Signal, text: str) -> str:
    """A text of the config with what a signal says in place of {name}, {level}, {task} and {text}."""
    task = str(signal.context.get("task_id", ""))
    values = {"name": signal.name, "level": signal.level, "task": task, "text": text}
    parts = template.split("{")
    result = parts[0]
    for part in parts[1:]:  # in one pass: what stands in a value is not read as a place
        name, brace, rest = part.partition("}")
        result += f"{values[name]}{rest}" if brace and name in values else f"{{{part}"
    return safe_text(result, 2 * _MOST_CHARACTERS)
