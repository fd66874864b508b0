"""How cards of drafts look: what speaks for and against them, code that is folded, and how much was read."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any, ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from evolver_tui.core.estimate.estimate import Estimate, EstimateRecord
from evolver_tui.core.job import JobDetail, JobState, QueueRow
from evolver_tui.core.question import OpenQuestion, Question, QuestionKind
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from evolver_tui.core.task import Task
from evolver_tui.engine.estimates import Told
from evolver_tui.tui import app as console_app
from evolver_tui.tui.modals import NameModal
from evolver_tui.tui.screens.desk.card import Review
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, ReviewHints
from evolver_tui.tui.screens.desk.panes.draft_card import draft_content
from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard
from evolver_tui.tui.screens.desk.reading import Reading, unread_words
from evolver_tui.tui.themes import choose_theme, register_themes, variable_defaults
from tests.support.card_drafts import DRAFTS, MEDIUM
from tests.support.modal_host import Host, show

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

NOON = 1_767_268_800.0
WIDE, SMALL, ZOOMED = (83, 26), (80, 21), (120, 37)
"""The card on a desk of 120 cells by 40, on one of 80 by 24, and alone on the larger one."""
REPLACED = Replaced(2, "ab" * 32, "task-7", "ada", "cd" * 32, "2025-12-29T12:00:00.000Z")
NEXT = dataclasses.replace(DRAFTS["changed"], version=3, attempt=2, replaces=REPLACED)
TOLD = ReviewHints(Told(Estimate(0.82, ()), EstimateRecord(54, 37, 0.14, 0.21)), frozenset((16, 18)))


class OneCard(App[None]):
    """A card and nothing else."""

    CSS_PATH: ClassVar[Any] = os.path.join(os.path.dirname(console_app.__file__), "styles.tcss")

    def __init__(
        self, subject: ReviewSubject, theme: str = "evolver-dark", *, plain: bool = False,
        hints: ReviewHints | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        register_themes(self, None)
        choose_theme(self, theme)
        self.card = ReviewCard(lambda: 0.0, plain=plain)
        question = Question("review 1", "Well?", kind=QuestionKind.REVIEW, subject=subject.to_json_value())
        asked = OpenQuestion(1, 1, "task-1", "Count words", "summarize", question, NOON - 300, "review")
        row = QueueRow(
            1, 1, "task-1", "Count words", "summarize", "medium", JobState.PAUSED, None, "review", NOON - 300, ""
        )
        detail = JobDetail(row, Task.from_raw({"id": "task-1"}), NOON - 400, "", 1)
        facts = CardFacts(detail, asked, {}, hints=hints)
        self._content = draft_content(facts, Review(asked, subject), NOON, self.card.symbols)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield self.card

    def on_mount(self) -> None:
        self.screen.set_class(self.card._is_plain, "-plain")
        self.card.styles.height = "1fr"
        self.card.show(self._content)
        self.card.focus()


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("name", DRAFTS)
def test_card(snap_compare: Any, name: str, size: tuple[int, int]) -> None:
    assert snap_compare(OneCard(DRAFTS[name]), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("theme", ["evolver-light", "high-contrast"])
def test_card_in_another_theme(snap_compare: Any, theme: str, size: tuple[int, int]) -> None:
    assert snap_compare(OneCard(DRAFTS["high"], theme), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, SMALL, ZOOMED], ids=["wide", "small", "zoomed"])
def test_card_of_a_second_draft_that_replaces_what_was_mended(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(OneCard(NEXT), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_card_with_an_estimate_and_lines_unlike_others(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(OneCard(DRAFTS["medium"], hints=TOLD), terminal_size=size)


def test_plain_card(snap_compare: Any) -> None:
    assert snap_compare(OneCard(DRAFTS["high"], plain=True), terminal_size=SMALL)


@pytest.mark.parametrize("pressed", ["unfolded", "at the end"])
def test_card_that_was_gone_about(snap_compare: Any, pressed: str) -> None:
    stage = OneCard(DRAFTS["medium"])

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.pause()
        if pressed == "unfolded":
            stage.card.toggle_folds()
        else:
            for _ in range(4):
                stage.card.move_by(stage.card.page_height)
                await pilot.pause()

    assert snap_compare(stage, terminal_size=SMALL, run_before=steps)


def test_dialog_for_high_risk_that_was_not_read(snap_compare: Any) -> None:
    reading = Reading(len(MEDIUM.splitlines()))
    reading.add(range(1, 20))
    host = Host()

    async def steps(pilot: Pilot[None]) -> None:
        modal = NameModal("count_words", [("writes files", "line 46")], unread_words(reading, MEDIUM))
        await show(pilot, host, modal)

    assert snap_compare(host, terminal_size=(80, 24), run_before=steps)
