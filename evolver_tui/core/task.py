"""A task as a hub sends it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.json_text import json_content
from evolver_tui.core.task_fields import (
    PRIORITIES,
    TASK_TYPES,
    WORDS,
    fields_of,
    listed,
)

__all__ = ["LONGEST_ID", "PRIORITIES", "TASK_TYPES", "LanguagePair", "Task", "kept_id", "priority_rank"]

LONGEST_ID = 600
"""Characters of an id: four bytes each at most, and PostgreSQL's indexes hold 2,704."""

_TYPES, _PRIORITIES, _STATUSES = WORDS["llmTaskType"], WORDS["priority"], WORDS["status"]
_EMPTY_GUID = "0" * 32
"""What .NET writes for an id that nobody set, without what may stand around and between its digits."""


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
    routine: str = ""
    """The routine that the task asks for by name; empty for the built-in author."""

    @property
    def given_id(self) -> str:
        """The id the hub gave, or "unknown": the name spec 000's events use."""
        return self.id if task_id(fields_of(self.raw).get("id")) else "unknown"

    @property
    def is_completed(self) -> bool:
        """Whether the hub says that somebody finished this task already."""
        return self.status == "completed"

    @property
    def languages(self) -> tuple[LanguagePair, ...]:
        """The language pairs that are well formed, in the hub's order."""
        return tuple(language_pairs(fields_of(self.raw).get("translationLanguages")))

    def to_json(self) -> str:
        """`raw` as one line of ASCII JSON: any string a hub can send survives any database."""
        return json.dumps(self.raw, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> Task:
        """Read one task object. A task without an id gets one made of its content, so that a repeat is noticed.

        Args:
            fields: what `fields_of` makes of it, where that is known.
        """
        field = (fields_of(raw) if fields is None else fields).get
        task_type, priority, status = field("llmTaskType"), field("priority"), field("status")
        return cls(
            task_id(field("id")) or "unknown-" + _digest(raw),
            _text(field("taskName")) or "Unnamed Task",
            (_TYPES[task_type] or _text(task_type).lower() or "unknown") if isinstance(task_type, str) else "unknown",
            (_PRIORITIES[priority] or "medium") if isinstance(priority, str) else "medium",
            (_STATUSES[status] or _text(status).lower() or "pending") if isinstance(status, str) else "pending",
            raw,
            _text(field("routine")),
        )

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The inverse of `to_json`."""
        return cls.from_raw(json.loads(text))


_CHANGING: Final = frozenset(("status", "state"))
"""What a hub says of a task's way, which is no other content."""


def content_of(raw: Mapping[str, Any]) -> str:
    """What two messages about the same task have in common where they ask for the same; JSON, whatever the order."""
    content = {key: value for key, value in raw.items() if str(key).casefold() not in _CHANGING}
    return json.dumps(content, sort_keys=True)


def language_pairs(value: object) -> Iterator[LanguagePair]:
    """The pairs of a list, or the only one."""
    value = json_content(value)
    pairs = listed(value)
    for pair in [value] if pairs is None else pairs:
        fields = fields_of(pair) if isinstance(pair, dict) else {}
        source, target = fields.get("from"), fields.get("to")
        if isinstance(source, str) and isinstance(target, str):
            yield LanguagePair(source, target)


def task_id(value: object) -> str:
    """A task's id as text; empty for none. JavaScript's 7.0 is 7."""
    if isinstance(value, str):
        text = _text(value)
        if text.isspace() or ("00000000" in text and text.strip("{()}").replace("-", "") == _EMPTY_GUID):
            return ""
        return kept_id(text if text == value else f"{text} {_hash(value)}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return kept_id(str(value))
    return task_id(bare_value(value)) if isinstance(value, dict) else ""


def bare_value(value: object) -> object:
    """What Newtonsoft's TypeNameHandling may have put a type around; None for another object."""
    return value.get("$value") if isinstance(value, dict) else value


def priority_rank(priority: str) -> int:
    """0 for high, 1 for medium and anything unknown, 2 for low."""
    return {"high": 0, "low": 2}.get(priority, 1)


def kept_id(given: str) -> str:
    """A task's id as it is kept: one that is longer than an index takes ends in a hash of the whole."""
    if len(given) <= LONGEST_ID:
        return given
    return f"{given[: LONGEST_ID - 80]}… {_hash(given)}"


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _text(value: object) -> str:
    """A field as text that every database accepts: NUL and lone surrogates are replaced, the rest stays."""
    if not isinstance(value, str):
        return _text(bare_value(value)) if isinstance(value, dict) else ""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _digest(raw: Mapping[str, Any]) -> str:
    canonical = json.dumps(raw, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
