"""What a reviewer copies is what was read: by keys and by mouse, to the terminal's clipboard or to a file."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import Selection

from evolver_tui.tui.clipboard import MOST_BYTES
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.selected_text import selected_text, whole_text
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.desk.card import CardContent, MessageIdentity
from evolver_tui.tui.screens.desk.panes.review_card import ReviewCard
from evolver_tui.tui.themes import DEFAULT_THEME, choose_theme, register_themes, variable_defaults
from tests.support.desk_fixtures import Console, HandClock, console
from tests.support.sessions import SUMMARIZE

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _known_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that takes what programs copy."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TMUX", "STY", "TERM_PROGRAM", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)


async def review_on_card(desk: Console) -> str:
    """A draft on the card, which has the focus; returns its code."""
    await desk.receive(SUMMARIZE)
    await desk.until(lambda: desk.desk.card.content.review is not None, "a review on the card")
    await desk.press("enter")
    review = desk.desk.card.content.review
    assert review is not None
    return review.draft.code


async def until_said(desk: Console, words: str) -> None:
    await desk.until(lambda: any(words in notice for notice in desk.notices), words)


# --- by keys


async def test_the_whole_page_is_copied_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as desk:
        code = await review_on_card(desk)
        sent: list[str] = []
        assert desk.app._driver is not None
        monkeypatch.setattr(desk.app._driver, "write", sent.append)
        await desk.press("Y")
        await until_said(desk, f"{len(code.splitlines())} lines copied to the terminal's clipboard.")
        assert desk.app.clipboard == code
        (sequence,) = [each for each in sent if each.startswith("\x1b]52;")]
        assert base64.b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\a")).decode() == code


async def test_lines_are_selected_by_keys(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = await review_on_card(desk)
        await desk.press("z", "v", "j", "j")
        assert "3 lines selected: Y copies" in desk.text()
        await desk.press("Y")
        await until_said(desk, "3 lines copied to the terminal's clipboard.")
        assert desk.app.clipboard == "\n".join(code.split("\n")[:3])
        assert "lines selected" not in desk.text()
        await desk.press("g", "v", "G", "Y")
        await until_said(desk, f"{len(code.splitlines())} lines copied")


async def test_escape_ends_the_selection_and_then_leaves_the_card(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await review_on_card(desk)
        await desk.press("v", "escape")
        assert desk.desk.pane_in_focus == "card"
        assert "selected" not in desk.text()
        await desk.press("escape")
        assert desk.desk.pane_in_focus == "queue"


async def test_another_page_or_job_has_no_selection(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await review_on_card(desk)
        await desk.press("v", "l")
        assert "selected" not in desk.text()
        await desk.press("l", "Y")
        await until_said(desk, "copied to the terminal's clipboard.")
        assert SUMMARIZE["taskName"] in desk.app.clipboard


async def test_y_is_still_retry_and_copies_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await review_on_card(desk)
        await desk.decide("y")
        assert "Only a failed task can be retried." in desk.notices
        assert desk.app.clipboard == ""


# --- by mouse


async def test_what_the_mouse_drags_over_is_copied_by_the_key_alone(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = await review_on_card(desk)
        await desk.press("z")
        card = desk.desk.card
        start = card._body_start
        first = card.row_at(start)
        assert first is not None
        left = 1 + first[1]  # the frame's padding, then mark and number
        await desk.pilot.mouse_down(card, offset=(left + 1 + 3, 1 + start))
        await desk.pilot.hover(card, offset=(left + 1 + 1, 1 + start + 2))
        await desk.pilot.mouse_up(card, offset=(left + 1 + 1, 1 + start + 2))
        await desk.pilot.pause()
        assert desk.app.clipboard == ""
        lines = code.split("\n")
        await desk.press("Y")
        await until_said(desk, "3 lines copied")
        assert desk.app.clipboard == "\n".join([lines[0][3:], lines[1], lines[2][:2]])


# --- where the clipboard does not take it


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"TERM": "linux"}, "not known to let programs copy"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "not known to let programs copy"),
        ({"TERM": "screen", "STY": "1.tty"}, "not known to let programs copy"),
    ],
)
async def test_a_terminal_that_takes_no_copies_gets_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, str], words: str
) -> None:
    file = tmp_path / "copied.txt"
    async with console(tmp_path, copy_file=file) as desk:
        code = await review_on_card(desk)
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        await desk.press("Y")
        await until_said(desk, words)
        assert file.name in desk.notices[-1]
        assert (file.read_text(), file.stat().st_mode & 0o777) == (code, 0o600)
        assert desk.app.clipboard == ""


async def test_what_terminals_would_cut_gets_a_file(tmp_path: Path) -> None:
    file = tmp_path / "copied.txt"
    long = "\n".join(["x" * 100] * (MOST_BYTES * 3 // 4 // 100))
    async with console(tmp_path, copy_file=file) as desk:
        await review_on_card(desk)
        desk.desk.card.show(
            CardContent(MessageIdentity("long", ()), "t", "", (Page("Code", CodeDocument(long)),), job=99)
        )
        await desk.press("Y")
        await until_said(desk, "It is too long for a terminal's clipboard.")
        assert file.read_text() == long


# --- what is copied


HIDDEN = 'a = "\u202e"\nb = 1\n'


def test_what_is_hidden_is_copied_as_it_was_read() -> None:
    document = CodeDocument(HIDDEN)
    whole = whole_text(document)
    assert (whole.text, whole.line_count, whole.shows_hidden) == ('a = "\N{REPLACEMENT CHARACTER}"\nb = 1\n', 2, True)
    second = selected_text(document, 40, Selection(Offset(0, 1), Offset(40, 1)))
    assert second is not None
    assert (second.text, second.shows_hidden) == ("b = 1", False)


@pytest.mark.parametrize("code", ["\tif x:\r\n\t\tpass\r\n", "one", "", "a\n\n\nb\n"])
def test_tabs_and_line_ends_are_copied_as_they_were_written(code: str) -> None:
    assert whole_text(CodeDocument(code)).text == code


@pytest.mark.parametrize("width", [7, 11, 40])
@pytest.mark.parametrize(
    "make",
    [lambda text: CodeDocument(text), lambda text: TextPage(tuple((line, "text") for line in text.split("\n")))],
    ids=["code", "text"],
)
def test_wrapped_rows_are_put_together_again(make: Callable[[str], Any], width: int) -> None:
    text = "one two  three four\n    indented a b c dddddddddddddddddd e\n\nlast line of it"
    document = make(text)
    last = document.row_count(width) - 1
    for first in range(last + 1):
        chosen = selected_text(document, width, Selection(Offset(0, first), Offset(width, last)))
        assert chosen is not None
        assert text.endswith(chosen.text)
        assert text.strip() not in chosen.text or first == 0
    everything = selected_text(document, width, Selection(None, None))
    assert everything is not None
    assert everything.text == text


class CardApp(App[None]):
    """One card and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        register_themes(self, None)
        choose_theme(self, DEFAULT_THEME)
        self.card = ReviewCard(HandClock())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield self.card


async def test_what_is_selected_can_be_seen() -> None:
    app = CardApp()
    async with app.run_test(size=(40, 10)) as pilot:
        page = TextPage((("first words", "text"), ("second words", "text")))
        app.card.show(CardContent(MessageIdentity("t", ()), "t", "", (Page("Task", page),), job=1))
        await pilot.pause()
        app.screen.selections = {app.card: Selection(Offset(6, 0), Offset(6, 1))}
        await pilot.pause()

        def marked(y: int) -> str:
            over = app.card.theme_styles["selected"].bgcolor
            return "".join(text for text, style, _ in app.card.render_line(y) if (style or Style()).bgcolor == over)

        assert (marked(0), marked(1)) == ("words", "second")
