"""A task as a hub sends it, and how any message a hub may send becomes tasks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PRIORITIES = ("high", "medium", "low")
"""Known priorities, most urgent first; anything else counts as medium."""

TASK_TYPES = ("summarize", "generate", "translate")
"""Task types that the built-in author knows how to route."""


LONGEST_ID = 600
"""Characters of an id: four bytes each at most, and PostgreSQL's indexes hold 2,704."""


@dataclass(frozen=True, slots=True)
class LanguagePair:
    """One translation that a task asks for, as language codes."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `raw` is the hub's object as it came; every other field was read from it."""

    id: str
    name: str
    type: str
    priority: str
    status: str
    raw: Mapping[str, Any]

    @property
    def given_id(self) -> str:
        """The id the hub gave, or "unknown": the name spec 000's events use."""
        return self.id if _id_of(self.raw) else "unknown"

    @property
    def routine(self) -> str:
        """The routine that the task asks for by name; empty for the built-in author."""
        return _text(self.raw.get("routine"))

    @property
    def priority_rank(self) -> int:
        """0 for high, 1 for medium and anything unknown, 2 for low."""
        return {"high": 0, "low": 2}.get(self.priority, 1)

    @property
    def is_completed(self) -> bool:
        """Whether the hub says that somebody finished this task already."""
        return self.status == "completed"

    @property
    def languages(self) -> tuple[LanguagePair, ...]:
        """The language pairs that are well formed, in the hub's order."""
        pairs = self.raw.get("translationLanguages")
        return tuple(_language_pairs(pairs)) if isinstance(pairs, list) else ()

    def to_json(self) -> str:
        """`raw` as one line of ASCII JSON: any string a hub can send survives any database."""
        return json.dumps(self.raw, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Task:
        """Read one task object. A task without an id gets one made of its content, so that a repeat is noticed."""
        field = raw.get
        priority = _text(field("priority")).lower()
        return cls(
            _id_of(raw) or "unknown-" + _digest(raw),
            _text(field("taskName")) or "Unnamed Task",
            _text(field("llmTaskType")).lower() or "unknown",
            priority if priority in PRIORITIES else "medium",
            _text(field("status")).lower() or "pending",
            raw,
        )

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The inverse of `to_json`."""
        return cls.from_raw(json.loads(text))


@dataclass(frozen=True, slots=True)
class Received:
    """What one hub message held: its tasks, and a sentence for each part of it that is not a task."""

    tasks: tuple[Task, ...]
    problems: tuple[str, ...] = ()


def read_message(*arguments: object) -> Received:
    """Read a hub message's arguments, each a batch, one task, a list of either, or a JSON string of any.

    Never raises: a part that is none of these becomes a problem, and the tasks beside it are kept.
    """
    tasks: list[Task] = []
    problems: list[str] = []
    for argument in arguments or (None,):
        if isinstance(argument, str):
            argument = _unwrapped(argument, problems)
        if argument is not _NOTHING:
            _collect(argument, tasks, problems, 0)
    return Received(tuple(tasks), tuple(problems))


def _unwrapped(text: str, problems: list[str]) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(f"The hub sent text that is not JSON: {error}.")
        return _NOTHING
    if isinstance(value, str):
        problems.append("The hub sent a JSON string inside a JSON string.")
        return _NOTHING
    return value


_NOTHING = object()


def _collect(value: object, tasks: list[Task], problems: list[str], depth: int) -> None:
    if isinstance(value, dict):
        batch = value.get("tasks")
        if isinstance(batch, list) and depth < _DEEPEST:
            _collect(batch, tasks, problems, depth + 1)
        elif "id" in value or "taskName" in value or "llmTaskType" in value:
            try:
                tasks.append(Task.from_raw(value))
            except RecursionError:
                problems.append("The hub sent a task that is nested too deeply to be kept.")
        else:
            problems.append("The hub sent an object that is not a task: it has no id, taskName or llmTaskType.")
    elif isinstance(value, list) and depth < _DEEPEST:
        for item in value:
            _collect(item, tasks, problems, depth + 1)
    else:
        problems.append(f"The hub sent {_KINDS.get(type(value), 'a value')} where a task was expected.")


_DEEPEST = 3
_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "nested lists",
}


def _language_pairs(pairs: Sequence[object]) -> Iterator[LanguagePair]:
    for pair in pairs:
        if isinstance(pair, dict) and isinstance(pair.get("from"), str) and isinstance(pair.get("to"), str):
            yield LanguagePair(pair["from"], pair["to"])


def _id_of(raw: Mapping[str, Any]) -> str:
    value = raw.get("id")
    return kept_id(str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value))


def kept_id(given: str) -> str:
    """A task's id as it is kept: one that is longer than an index takes ends in a hash of the whole."""
    if len(given) <= LONGEST_ID:
        return given
    return f"{given[: LONGEST_ID - 80]}… sha256:{hashlib.sha256(given.encode()).hexdigest()}"


def _text(value: object) -> str:
    """A field as text that every database accepts: NUL and lone surrogates are replaced, the rest stays."""
    if not isinstance(value, str):
        return ""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _digest(raw: Mapping[str, Any]) -> str:
    canonical = json.dumps(raw, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
