"""One run of the product, with or without a screen: the hub link, intake, worker and everything a person may do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolver_tui.core.decision import Decision
from evolver_tui.core.node import CheckReport, NodeDraft
from evolver_tui.core.question import Answer, OpenQuestion
from evolver_tui.engine.ports import BackendInfo, LinkState, Store
from evolver_tui.engine.signals import SignalBus


@dataclass(frozen=True, slots=True)
class LiveDraft:
    """What the author is writing at this moment."""

    job: int
    task_id: str
    code: str
    """The code so far, read out of the unfinished answer."""
    pieces: int
    """Pieces of text that came so far."""
    started_at: float


@dataclass(frozen=True, slots=True)
class ReviewSubject:
    """What lies on the review card."""

    draft: NodeDraft
    report: CheckReport
    version: int
    """The version it would become."""
    attempt: int
    """1 for the first draft, one more for each time it was sent back."""

    @classmethod
    def of(cls, question: OpenQuestion) -> ReviewSubject:
        """Read a review question's subject."""
        subject = question.question.subject
        return cls(
            NodeDraft.from_json_value(subject["draft"]),
            CheckReport.from_json_value(subject["report"]),
            int(subject["version"]),
            int(subject["attempt"]),
        )


class Session:
    """The facade that the console and the headless run share.

    Reads go through `store`; everything that changes something goes through a method here.
    """

    id: str
    bus: SignalBus
    store: Store
    backend: BackendInfo

    async def open(self) -> None:
        """Open the store and begin; nothing is connected yet."""

    async def connect(self, url: str) -> None:
        """Subscribe to a hub (and leave the one before)."""

    async def close(self, *, finish_current: bool = True) -> None:
        """Stop intake, let the current step end or give its job back, commit everything."""

    @property
    def link_state(self) -> LinkState | None:
        """The hub link's state; None before the first `connect`."""

    @property
    def live_draft(self) -> LiveDraft | None:
        """What is being written now."""

    @property
    def intake_paused(self) -> bool:
        """Whether new tasks are kept from being worked on."""

    def retry_link(self) -> None:
        """Connect now instead of waiting."""

    def pause_intake(self, paused: bool) -> None:
        """Stop or resume taking tasks from the hub; the hub's flow control holds them back meanwhile."""

    async def decide(self, question_id: int, decision: Decision) -> None:
        """Decide a review. Raises AlreadyAnswered, NotWaiting, NodeError (approve of a draft that fails a check)."""

    async def answer(self, question_id: int, answer: Answer) -> None:
        """Answer a question; `cancel` leaves it open. Raises AlreadyAnswered, NotWaiting, QuestionError."""

    async def retry(self, job: int) -> None:
        """Queue a failed job again. Raises NotWaiting."""

    async def export(self, format: str, path: Path | None = None, session_id: str | None = None) -> Path:
        """Write a session's log; returns where. Raises EvolverError."""


SessionFactory = Callable[[], Session]
"""Makes the session with its adapters; may take a while, since vendors are imported here and not before."""

__all__: Sequence[str] = ("LiveDraft", "ReviewSubject", "Session", "SessionFactory")
