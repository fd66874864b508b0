"""The objects of an answer out of its events, and what a server or a proxy said instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from evolver_tui.adapters.llm.failures import Provider
from evolver_tui.adapters.llm.problem import Problem, visible_text, words_in
from evolver_tui.adapters.llm.sse import Event

_MOST_STRAY: Final = 16 * 1024
"""Characters that are kept of what is no event."""

_DOUBLED: Final = re.compile(r"^(?:data:\s*)+(?=[{\[])")
"""What a proxy puts before data that it takes for text."""


class Refused(Exception):
    """A provider said no, to the request or within its answer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class EventReader:
    """Reads events until the stream says that it is over."""

    def __init__(self, provider: Provider) -> None:
        self.has_ended = False
        """Whether the stream said so."""
        self.has_begun = False
        """Whether any byte came but white space."""
        self.said = ""
        """The last words that were no answer: of no use unless none comes."""
        self.odd: Mapping[str, Any] = {}
        """The object that held them, where it was one."""
        self._provider = provider
        self._stray = ""

    @property
    def is_page(self) -> bool:
        """Whether a web page stands where an answer was expected."""
        return self._stray.startswith("<")

    @property
    def page(self) -> str:
        """What the page says."""
        return visible_text(self._stray)

    @property
    def shows_page(self) -> bool:
        """Whether enough of a page came to say what it is."""
        start = self._stray.lower() if self.is_page else ""
        return len(start) >= _MOST_STRAY or "</title" in start or "</html" in start

    def read(self, event: Event) -> Iterator[Mapping[str, Any]]:
        """The objects of an event: mostly one, and none where it only keeps the connection alive.

        Raises:
            Refused: it is an error.
            BackendError: it is a part of an object.
        """
        if self.has_ended:
            return
        text = self._whole_stray(event.data) if event.is_stray else _DOUBLED.sub("", event.data.strip(), 1)
        if _is_done(text):
            self.has_ended = True
        elif text[:1] in ("{", "["):
            value = _parsed(text)
            if value is None and text[0] == "{" and not event.is_stray:
                raise self._provider.unreadable()
            objects = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
            self._hear(event, text, not objects)
            for each in objects:
                self._refuse_error(each, event.name)
                yield each
        elif text:
            self._hear(event, text, True)

    def end(self) -> None:
        """Take what is left of the lines outside of events for words, unless it is a piece of JSON."""
        if self._stray and not self.is_page and not re.match(r'[\[{\s]*"', self._stray):
            self.said = words_in({"message": self._stray}) or self.said

    def _hear(self, event: Event, text: str, is_words: bool) -> None:
        if is_words and event.name == "error":
            raise Refused(Problem.from_event({"message": text}))
        if is_words and text != "null":
            self.said = text

    def _whole_stray(self, line: str) -> str:
        """Lines outside of events as one JSON value, as soon as they are one; a page is only kept."""
        if len(self._stray) >= _MOST_STRAY:
            return ""
        text = self._stray = f"{self._stray}\n{line}".lstrip()
        is_json = text.startswith(("{", "[")) and not _is_done(text)
        is_whole = line.rstrip().endswith(("}", "]")) and _parsed(text) is not None
        if text.startswith("<") or (is_json and not is_whole):
            return ""
        self._stray = ""
        return text.strip()

    def _refuse_error(self, value: Mapping[str, Any], name: str) -> None:
        choices = value.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
        is_called_so = "error" in (name, value.get("type"), value.get("object"))
        if is_called_so or _is_said(value.get("error")) or (value.get("errors") and not choices):
            raise Refused(Problem.from_event(value))
        if _is_said(choice.get("error")):
            raise Refused(Problem.from_event(choice))
        if not choices and "delta" not in value and (words := words_in(value)):
            self.said, self.odd = words, value


def _is_said(error: object) -> bool:
    """Whether it is an error: some servers send the object in each chunk, with nothing in it."""
    return any(error.values()) if isinstance(error, Mapping) else bool(error)


def _is_done(text: str) -> bool:
    return text.strip().strip('"') in ("[DONE]", "DONE")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
