"""What a person types to find signals: words that all have to match, each of a few kinds."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import LEVELS, Signal

WORDS: Final = "text, llm.*, level:warning, task:ID, -word"
"""The kinds, as a person is told of them."""

Kind = Literal["text", "name", "level", "task"]
_TERM: Final = re.compile(r'(-?)(?:(name|level|task):)?("[^"]*"?|\S+|(?<=:))', re.IGNORECASE)


class _Term(NamedTuple):
    """One word; `value` is casefolded."""

    kind: Kind
    value: str
    is_negated: bool

    def matches(self, signal: Signal, words: Callable[[Signal], str]) -> bool:
        return self._holds(signal, words) is not self.is_negated

    def _holds(self, signal: Signal, words: Callable[[Signal], str]) -> bool:
        if self.kind == "level":
            return any(level.startswith(self.value) for level in LEVELS[: LEVELS.index(_level_of(signal)) + 1])
        if self.kind == "task":
            return safe_text(str(signal.context.get("task_id", ""))).casefold() == self.value  # as it can be typed
        name = signal.name.casefold()
        if "*" in self.value and (self.kind == "name" or "." in self.value or self.value == "*"):
            return fnmatchcase(name, self.value)
        return self.value in name or (self.kind == "text" and self.value in words(signal).casefold())


class SignalFilter(NamedTuple):
    """Matches a signal that all its words match; without a word it matches every one.

    A word is looked for in the name and in what the signal says. `llm.*` is a pattern of names, `name:node` looks in
    the name alone, `level:warning` finds that level and graver ones, `task:ID` one task's, `-word` what does not match,
    and quotes keep words together. Upper and lower case are the same.
    """

    terms: tuple[_Term, ...]

    @classmethod
    def of(cls, text: str) -> SignalFilter:
        """The filter that a text says. Any text is one."""
        return cls(tuple(_read(text)))

    def matches(self, signal: Signal, words: Callable[[Signal], str]) -> bool:
        """Whether a signal is one of those that are looked for.

        Args:
            words: what a signal says, as the person sees it.
        """
        return all(term.matches(signal, words) for term in self.terms)


def _read(text: str) -> list[_Term]:
    terms = []
    for sign, key, value in _TERM.findall(text.casefold()):
        value = value.strip('"')
        if value.strip("-"):  # else it is still being typed
            kind: Kind = key or "text"
            terms.append(_Term(kind, value, bool(sign)))
    return terms


def _level_of(signal: Signal) -> Literal["info", "warning", "error"]:
    return next((level for level in LEVELS if level == signal.level), "info")
