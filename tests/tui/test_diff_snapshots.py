"""How the Diff page looks: in both sizes, light, in ASCII, and with both sides beside each other."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from evolver_tui.core.code_diff import DiffLine, compare
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.safe_text import LIMIT
from evolver_tui.engine.comparisons import Base, Comparison
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.symbols import ASCII_SYMBOLS, Symbols
from evolver_tui.tui.screens.desk.card import DIFF_PAGE, CardContent, Review, ReviewIdentity
from evolver_tui.tui.screens.desk.panes.diff_page import Compared, diff_documents
from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard
from evolver_tui.tui.themes import choose_theme, register_themes, variable_defaults
from tests.support.hostile import HOSTILE, assert_only_words
from tests.support.tried_drafts import SUMMARIZES, tried

WIDE, SMALL = (120, 40), (80, 24)
SECOND = SUMMARIZES.replace(
    '    summary = call_tool("summarizer", input_data["content"], temperature=0.2)\n',
    '    content = str(input_data.get("content", ""))\n'
    '    if not content.strip():\n        print(json.dumps({"summary": "", "words": 0}))\n        return\n'
    '    summary = call_tool("summarizer", content, temperature=0.1)\n',
)
ANSWERED = Comparison(
    Base.SENT_BACK, "draft 1", SUMMARIZES, "ada", "Without content it crashes.\nAnd keep it cooler, please.",
    ("An empty content gives an empty summary.", "The temperature is 0.1."),
)  # fmt: skip


def content(comparison: Comparison, code: str, symbols: Symbols) -> CardContent:
    subject = tried(code=code)
    review = Review(cast(OpenQuestion, None), subject)
    compared = [Compared(comparison, compare(comparison.code, code)), Compared(comparison, compare("", code))]
    diffs = diff_documents(compared, review, symbols, "V")
    pages = (Page("Code", CodeDocument(code)), Page(DIFF_PAGE, diffs[0]))
    identity = ReviewIdentity(1, subject.draft.sha256, "")
    return CardContent(identity, "summarize  v1", "risk low", pages, review=review, diffs=diffs, front=1)


class CardAlone(App[None]):
    """The card, with a draft that is held against another one."""

    def __init__(self, comparison: Comparison = ANSWERED, code: str = SECOND, *, theme: str = "", plain: bool = False):
        super().__init__()
        register_themes(self, None)
        choose_theme(self, theme or "evolver-dark")
        self.card = ReviewCard(lambda: 0.0, plain=plain)
        self._shown = content(comparison, code, ASCII_SYMBOLS if plain else Symbols())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield self.card

    def on_mount(self) -> None:
        self.card.show(self._shown)


def beside(app: CardAlone) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.card.cycle_diff()
        await pilot.pause()

    return steps


pictures = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)


@pictures
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("theme", ["evolver-dark", "evolver-light"])
def test_what_changed(snap_compare: Any, theme: str, size: tuple[int, int]) -> None:
    assert snap_compare(CardAlone(theme=theme), terminal_size=size)


@pictures
@pytest.mark.parametrize("theme", ["evolver-dark", "sixteen"])
def test_both_sides_beside_each_other(snap_compare: Any, theme: str) -> None:
    app = CardAlone(theme=theme)
    assert snap_compare(app, terminal_size=WIDE, run_before=beside(app))


@pictures
def test_in_ascii(snap_compare: Any) -> None:
    assert snap_compare(CardAlone(plain=True), terminal_size=SMALL)


@pytest.mark.anyio
@pytest.mark.parametrize("name", HOSTILE)
async def test_what_strangers_wrote_is_words_on_both_sides_and_above_them(name: str) -> None:
    words = HOSTILE[name]
    comparison = dataclasses.replace(
        ANSWERED, code=f"a = 1\n{words}\n", reason=words, by=words, name=words, addressed=(words,)
    )
    app = CardAlone(comparison, f"b = 2\n{words} {words}\n")
    async with app.run_test(size=WIDE) as pilot:
        for _ in range(2):
            await pilot.pause()
            assert_only_words(app)
            app.card.cycle_diff()


@pytest.mark.anyio
async def test_lines_that_were_shown_were_read_and_those_passed_by_as_far_as_they_were_before() -> None:
    app = CardAlone()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        reading = app.card.reading
        assert reading is not None
        assert not reading.is_whole, "nobody saw what both have in common"
        shown = [number for number in range(1, reading.line_count + 1) if reading.has(number)]
        assert set(range(12, 20)) <= set(shown)
        app.card.readings.of(NodeDraft("a", "A", SUMMARIZES, (), "simple", "m").sha256, 30).add(range(1, 31))
        app.card.refresh()
        await pilot.pause()
        assert reading.is_whole, "the draft before was read to its end"


def test_a_line_is_never_longer_than_can_be_shown() -> None:
    diff = compare("x" * 100_000, "y" * 100_000)
    lines = [row for row in diff.rows if isinstance(row, DiffLine)]
    assert lines
    assert all(len(line.text) <= LIMIT + 1 for line in lines)
