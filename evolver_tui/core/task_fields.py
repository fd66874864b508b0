"""The names and words of a task, by whatever they may be spelled as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from evolver_tui.core.folded import folded

PRIORITIES = ("high", "medium", "low")
"""Known priorities, most urgent first; anything else counts as medium."""

STATUSES = ("pending", "in progress", "completed")
"""Known statuses; a task with any other is worked on."""

TASK_TYPES = ("summarize", "generate", "translate")
"""Task types that the built-in author knows how to route."""

FIELDS: Final = (
    "id", "taskName", "llmTaskType", "priority", "status", "translationLanguages", "routine", "tasks", "from", "to",
)  # fmt: skip
"""What is read of a task, of a batch and of a language pair, in the contract's own spelling."""

_MOST_KEPT: Final = 10_000
_LONGEST_KEPT: Final = 100


class _Spellings(dict[str, str]):
    """Each of some words by whatever it may be spelled as; empty for what is none of them. Found out when it is met."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__({word: word for word in words})
        self._by_fold = {folded(word): word for word in words}

    def __missing__(self, spelled: str) -> str:
        word = self._by_fold.get(folded(spelled), "")
        if len(self) < _MOST_KEPT and len(spelled) < _LONGEST_KEPT:
            self[spelled] = word
        return word


_NAMES = _Spellings(FIELDS)
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "priority": _Spellings(PRIORITIES),
    "status": _Spellings(STATUSES),
    "llmTaskType": _Spellings(TASK_TYPES),
}
"""The words that a field may hold, by any spelling of them."""


_TAKEN_AS_THEY_ARE: set[str] = set()
"""Names that were met and are the contract's own, or none of it: an object with these alone is its own fields."""


def fields_of(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The known fields of an object by the contract's names.

    Where two names are one field, null is no value, and the contract's own spelling comes first.
    """
    if raw.keys() <= _TAKEN_AS_THEY_ARE:
        return raw
    found: dict[str, Any] = {}
    for key, value in raw.items():
        name = _NAMES[key]
        if name in ("", key) and len(_TAKEN_AS_THEY_ARE) < _MOST_KEPT and len(key) < _LONGEST_KEPT:
            _TAKEN_AS_THEY_ARE.add(key)
        if name and (found.get(name) is None or (key == name and value is not None)):
            found[name] = value
    return found


def clashing_names(raw: Mapping[str, Any]) -> tuple[str, str] | None:
    """Two names of one field with different values, neither of which is the contract's own."""
    found: dict[str, str] = {}
    for key, value in raw.items():
        name = _NAMES[key]
        if name and value is not None and raw.get(name) is None and raw[found.setdefault(name, key)] != value:
            return found[name], key
    return None


def batches_of(raw: Mapping[str, Any]) -> list[Any]:
    """What an object holds as its tasks, however often and however that is spelled."""
    return [value for key, value in raw.items() if _NAMES[key] == "tasks"]


def listed(value: object) -> list[Any] | None:
    """A list, also as .NET writes it where it keeps references: `{"$id": "2", "$values": [...]}`."""
    if isinstance(value, dict):
        value = value.get("$values")
    return value if isinstance(value, list) else None
