"""The card's pages as values: titled text or code, made elsewhere and drawn by the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.tui.drawing.styles import Line, wrap_words

if TYPE_CHECKING:
    from evolver_tui.core.job import JobState
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.review import Review


class TextPage(NamedTuple):
    """Paragraphs, each a line of pieces or words in one ink."""

    paragraphs: tuple[tuple[str, str], ...]

    def rows(self, width: int) -> list[Line]:
        """The paragraphs wrapped to a width. One that starts with spaces keeps them on every row."""
        return _rows(self.paragraphs, width)


class Page(NamedTuple):
    """One tab of the card."""

    title: str
    content: CodeDocument | TextPage
    tally: Line = ()
    """Shown beside the title, e.g. how many checks passed."""
    notes: Mapping[int, str] | None = None
    """Line number to the ink of the mark beside it (code only)."""


class Identity:
    """What a card shows."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MessageIdentity(Identity):
    """No job, but words."""

    title: str
    paragraphs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LiveIdentity(Identity):
    """The code that is being written for a job."""

    job: int


@dataclass(frozen=True, slots=True)
class JobIdentity(Identity):
    """How a job stands, in this run of it."""

    job: int
    state: JobState
    attempt: int


@dataclass(frozen=True, slots=True)
class QuestionIdentity(Identity):
    """A question with a form."""

    question: int


@dataclass(frozen=True, slots=True)
class ReviewIdentity(Identity):
    """A draft, and what it would take the place of."""

    question: int
    sha256: str
    replaced_sha256: str


class CardContent(NamedTuple):
    """Everything the card shows of one job."""

    identity: Identity
    """Equal for contents that show the same thing: the reader's place is kept then."""
    title: str
    subtitle: str
    pages: tuple[Page, ...]
    summary: tuple[Line, ...] = ()
    """Phrases that are set out under the pages, as many as fit two rows."""
    job: int = 0
    review: Review | None = None
    is_failed: bool = False


def message_content(title: str, paragraphs: Sequence[tuple[str, str]]) -> CardContent:
    """A card that shows no job but says something."""
    return CardContent(MessageIdentity(title, tuple(paragraphs)), title, "", (Page("", TextPage(tuple(paragraphs))),))


@lru_cache(maxsize=8)  # asked for again with every line that is drawn
def _rows(paragraphs: tuple[tuple[str, str], ...], width: int) -> list[Line]:
    rows: list[Line] = []
    for text, ink in paragraphs:
        indent = " " * (len(text) - len(text.lstrip(" "))) if len(text) < width else ""
        for row in wrap_words(text[len(indent) :], max(1, width - len(indent))):
            rows.append([(indent + row, ink)])
    return rows
