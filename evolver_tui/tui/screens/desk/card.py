"""What lies on the card, as values: made elsewhere and drawn by the card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from evolver_tui.core.safe_text import LIMIT, safe_text
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.phrases import Phrase
from evolver_tui.tui.drawing.text_page import TextPage

if TYPE_CHECKING:
    from evolver_tui.core.job import JobState
    from evolver_tui.core.node import CheckReport, NodeDraft
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.core.question_kinds.review import ReviewSubject
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.diff_view import DiffDocument


RUN_PAGE = "Run"
"""The title of the page on what came of running a draft."""


DIFF_PAGE = "Diff"
"""The title of the page on what a draft is held against."""


class Review(NamedTuple):
    """A draft that waits for a decision, and the question whose answer that is."""

    question: OpenQuestion
    subject: ReviewSubject

    @property
    def question_id(self) -> int:
        """The question's number."""
        return self.question.id

    @property
    def draft(self) -> NodeDraft:
        """The draft."""
        return self.subject.draft

    @property
    def report(self) -> CheckReport:
        """What the checks say about it."""
        return self.subject.report

    @property
    def reason_against_approval(self) -> str:
        """Why it cannot be approved; empty when it can."""
        if not self.report.can_be_approved:
            return "A check forbids to approve this draft. Edit it, or send it back with a reason."
        if any(len(line) > LIMIT for line in self.draft.code.split("\n")):
            return "A line of this draft is longer than the card shows. Reject it, or edit it."
        return ""

    @property
    def reason_against_running(self) -> str:
        """Why it cannot be run; empty when it can, which what the checks forbid can be as well: the box holds it."""
        if any(each.check in ("syntax", "size") and each.level == "fail" for each in self.report.findings):
            return "This draft is no program that could be run. Edit it, or send it back with a reason."
        return ""


class MessageIdentity(NamedTuple):
    """No job, but words."""

    title: str
    paragraphs: tuple[tuple[str, str], ...]


class LiveIdentity(NamedTuple):
    """The code that is being written for a job; never equal to a question of the same number."""

    job: int
    is_live: Literal[True] = True


class JobIdentity(NamedTuple):
    """How a job stands, in this run of it."""

    job: int
    state: JobState
    attempt: int


class QuestionIdentity(NamedTuple):
    """A question with a form."""

    question: int


class ReviewIdentity(NamedTuple):
    """A draft, and what it would take the place of."""

    question: int
    sha256: str
    replaced_sha256: str
    edited_sha256: str = ""


Identity = MessageIdentity | LiveIdentity | JobIdentity | QuestionIdentity | ReviewIdentity
"""What a card shows."""


class EdgePart(NamedTuple):
    """Something that the card's edge says of a draft."""

    name: str
    says: str
    weight: int
    """Where there is too little room, what weighs least is left out first."""
    style: str = ""
    """Empty for the border's own."""


WAIT_PART = "wait"
"""The name of the part that says how long a person was waited for."""


class CardContent(NamedTuple):
    """Everything the card shows of one job."""

    identity: Identity
    """Equal for contents that show the same thing: the reader's place is kept then."""
    title: str
    subtitle: str
    """The words in the lower border."""
    pages: tuple[Page, ...]
    summary: tuple[Phrase, ...] = ()
    """What is set out under the pages, in a few rows."""
    weighty: int = 0
    """How many of its first phrases are to be said in full before the rest gets room."""
    job: int = 0
    review: Review | None = None
    is_failed: bool = False
    diffs: Sequence[DiffDocument] = ()
    """What a draft is held against, one of which is on the page of that."""
    front: int = 0
    """The page that it opens with."""
    edge: tuple[EdgePart, ...] = ()
    """The subtitle in parts, of which as many are shown as there is room for; empty where it is shown as it is."""


def message_content(title: str, paragraphs: Sequence[tuple[str, str]]) -> CardContent:
    """A card that shows no job but says something."""
    return CardContent(MessageIdentity(title, tuple(paragraphs)), title, "", (Page("", TextPage(tuple(paragraphs))),))


def live_content(job: int, task_id: str, document: CodeDocument, subtitle: str) -> CardContent:
    """The card of a job whose code is being written at this moment."""
    title = f"{safe_text(task_id, 64)} is being written"
    return CardContent(LiveIdentity(job), title, subtitle, (Page("Code", document),), job=job)
