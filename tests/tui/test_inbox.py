"""The inbox: what waits for a person, gone through by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from evolver_tui.core.job import QuestionKind
from evolver_tui.core.question import OpenQuestion, Question
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.modals import InboxModal, QuestionModal
from evolver_tui.tui.modals.inbox_list import STEP, InboxList, InboxRow
from evolver_tui.tui.screens.desk.actions.questions import ANSWER_OLDEST, INBOX, NEXT
from evolver_tui.tui.themes import DEFAULT_THEME, choose_theme, register_themes, variable_defaults
from tests.support.desk_fixtures import SMALL, WIDE, Console, HandClock, console
from tests.support.hostile import (
    HUGE_LINE,
    MANY_LINES,
    assert_only_words,
    numbered,
    question_of,
    review_of,
    squeezed,
    trace,
)
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import (
    ASKS,
    SORT,
    elsewhere,
    question_about,
    until_back,
    until_needs,
    until_open,
)

pytestmark = pytest.mark.anyio


async def open_inbox(desk: Console, wanted: str) -> None:
    await desk.press("i")
    await until_open(desk, InboxModal)
    await desk.until(lambda: wanted in desk.text(), wanted)


def inbox_rows(desk: Console) -> list[str]:
    """The table's rows."""
    table = desk.app.screen.query_one(InboxList)
    rows = [" ".join(table.render_line(y).text.split()) for y in range(table.size.height)]
    return [row for row in rows if row.startswith(("◆ task-", "? task-"))]


# --- the list


async def test_everything_that_waits_stands_in_it_oldest_first(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await desk.receive(SUMMARIZE)
        await desk.receive(SORT)
        await until_needs(desk, 3)
        await open_inbox(desk, "Needs you · 1 of 3")
        rows = inbox_rows(desk)
        assert [row.rpartition(" ")[0] for row in rows] == [
            "? task-9 Translate Release Notes The task does not say which languages … question",
            "◆ task-1 LLM Summarization for Blo… summarize_blog_post v1 review",
            "? task-10 Sort Incoming Forms The task does not say what kind of tas… question",
        ]
        assert all(row.rpartition(" ")[2].endswith("s") for row in rows), "no age"
        assert "The task does not say which languages to translate between." in desk.text()
        await desk.press("j")
        assert "risk low · asked at " in desk.text()
        await desk.press("escape")
        await until_back(desk)


async def test_a_question_is_answered_over_it_and_a_review_is_gone_to(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await desk.receive(SORT)
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 3)
        await desk.press("slash", *"forms", "enter", "plus")  # whatever the desk shows
        await open_inbox(desk, "1 of 3")
        await desk.press("enter")
        await until_open(desk, QuestionModal)
        assert "task-9 asks · 1 of 3" in desk.text()
        await desk.answer(*"de-", "greater_than_sign", *"en")
        await until_open(desk, InboxModal)
        await desk.until(
            lambda: [row.split()[1] for row in inbox_rows(desk)] == ["task-10", "task-1", "task-9"], "a next one"
        )
        await desk.until(lambda: "Needs you · 1 of 3" in desk.text(), "the cursor on the first one")
        assert "The task does not say what kind of task this is." in desk.text()
        await desk.press("j", "enter")
        await until_back(desk)
        assert desk.desk.pane_in_focus == "card"
        assert desk.desk.card.display
        assert desk.desk.queue.selected is not None
        assert desk.desk.queue.selected.task_id == "task-1"
        await desk.look_at_draft()
        assert not desk.desk.context.review_to_decide()[1]


async def test_o_in_it_opens_the_oldest_and_i_leaves_it(tmp_path: Path) -> None:
    async with console(tmp_path, key_overrides={"move.down": "J", "attention.inbox": "I"}) as desk:
        await desk.receive(ASKS)
        await desk.receive(SORT)
        await until_needs(desk, 2)
        await desk.press("I")
        await desk.until(lambda: "1 of 2" in desk.text())
        await until_open(desk, InboxModal)
        await desk.press("J")
        assert "2 of 2" in desk.text()
        await desk.press("o")
        await until_open(desk, QuestionModal)
        assert "task-9 asks · 1 of 2" in desk.text()
        await desk.press("escape")
        await until_open(desk, InboxModal)
        await desk.press("I")
        await until_back(desk)


async def test_with_nothing_to_do_it_says_so_and_fills_by_itself(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await open_inbox(desk, "Nothing needs you.")
        await desk.press("j", "G", "n", "o", "enter")
        assert isinstance(desk.app.screen, InboxModal)
        await desk.receive(ASKS)
        await desk.until(lambda: "? task-9" in desk.text() and "1 of 1" in desk.text())


async def test_what_is_answered_elsewhere_leaves_it_and_the_cursor_stays(tmp_path: Path) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        await desk.receive(ASKS)
        await desk.receive(SORT)
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 3)
        await open_inbox(desk, "1 of 3")
        await desk.press("j", "j")
        assert "3 of 3" in desk.text()
        await other.cancel((await question_about(desk, "task-10")).job, "s")
        await desk.until(lambda: "2 of 2" in desk.text(), "one less")
        assert "summarize_blog_post: approve, edit or reject?" in desk.text()
        await other.cancel((await question_about(desk, "task-1")).job, "s")
        await desk.until(lambda: "1 of 1" in desk.text(), "the one before")
        assert [row.split()[1] for row in inbox_rows(desk)] == ["task-9"]


class Host(App[None]):
    """Something to open the inbox on, with as many rows as are asked for."""

    CSS = "Screen { background: $background; }"

    def __init__(self, count: int, *, plain: bool = False) -> None:
        super().__init__()
        register_themes(self, None)
        choose_theme(self, DEFAULT_THEME)
        self.clock = HandClock()
        self.rows = [row(number) for number in range(1, count + 1)]
        self.opened: list[int] = []
        self.reads: list[int] = []
        self.inbox = InboxModal(
            Keymap(ACTIONS), (NEXT, ANSWER_OLDEST, INBOX), lambda chosen: self.opened.append(chosen.job), self.fill,
            count,
            plain=plain, now=self.clock, wall_now=lambda: 20_000.0,
        )  # fmt: skip

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield Static("the desk behind", markup=False)

    def fill(self) -> None:
        """Show as many rows as the inbox wants."""
        self.reads.append(self.inbox.rows_wanted)
        self.inbox.show(self.rows[: self.inbox.rows_wanted], len(self.rows))

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())


def row(number: int, **changes: Any) -> InboxRow:
    facts = dict.fromkeys(("task_name", "task_type", "node", "risk", "message", "reason"), f"word {number}")
    kind = QuestionKind.REVIEW if number % 2 else QuestionKind.QUESTION
    return InboxRow(
        **{
            "id": number,
            "job": number,
            "kind": kind,
            "task_id": f"task-{number}",
            "asked_at": number,
            **facts,
            **changes,
        }
    )


@asynccontextmanager
async def hosted(host: Host, size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot[None]]:
    """The inbox on the screen, seen long enough for its keys to count."""
    async with host.run_test(size=size) as pilot:
        host.push_screen(host.inbox)
        await pilot.pause()
        host.fill()
        await pilot.pause()
        host.clock.seconds += 1
        yield pilot


async def test_thousands_are_walked_and_only_what_is_near_is_read() -> None:
    host = Host(5_000)
    async with hosted(host) as pilot:
        assert "Needs you · 1 of 5,000" in host.text
        assert "task-1 " in host.text
        assert host.reads == [STEP]
        await pilot.press(*["pagedown"] * 9)
        assert "word 2 " not in host.text
        assert max(host.reads) <= 2 * STEP
        await pilot.press("G")
        await pilot.pause()
        assert "Needs you · 5,000 of 5,000" in host.text
        assert "task-5000" in host.text
        await pilot.press("n")
        await pilot.pause()
        assert "Needs you · 1 of 5,000" in host.text
        await pilot.press("enter")
        assert host.opened == [1]
        host.fill()
        assert host.reads[-1] == STEP


async def test_the_cursor_stays_on_its_question_and_line_whatever_comes_and_goes() -> None:
    host = Host(60)
    async with hosted(host) as pilot:
        await pilot.press(*["j"] * 29)
        before = host.text.splitlines()
        (line,) = [y for y, text in enumerate(before) if " task-30 " in text]
        host.rows = [row(-1, asked_at=-1), *host.rows[5:]]
        host.fill()
        await pilot.pause()
        assert " task-30 " in host.text.splitlines()[line]
        assert "26 of 56" in host.text
        host.rows = [each for each in host.rows if each.job != 30]
        host.fill()
        await pilot.pause()
        assert " task-31 " in host.text.splitlines()[line]
        host.rows = []
        host.fill()
        await pilot.pause()
        assert "Nothing needs you." in host.text


@pytest.mark.parametrize("size", [WIDE, SMALL, (60, 12), (30, 8)])
async def test_it_fits_every_terminal(size: tuple[int, int]) -> None:
    host = Host(60)
    async with hosted(host, size) as pilot:
        window = host.inbox.query_one("#window")
        assert host.screen.region.contains_region(window.region)
        await pilot.press(*["j"] * 20)
        assert "21 of 60" in host.text
        assert "task-21" in host.text
        ages = [text.rstrip(" │") for text in host.text.splitlines() if "task-2" in text]
        assert len({len(text) for text in ages}) == 1, "ages end in one column"
        assert ages
        assert all(text.endswith(" 5h") for text in ages)


async def test_keys_typed_ahead_open_nothing() -> None:
    host = Host(3)
    async with host.run_test(size=WIDE) as pilot:
        host.push_screen(host.inbox)
        await pilot.pause()
        host.fill()
        await pilot.press("enter", "o", "i", "escape")
        assert host.screen is host.inbox
        assert host.opened == []


# --- strangers' strings, colours and characters


async def test_strangers_words_are_words_in_it() -> None:
    host = Host(200)
    said = [f"{tag}{text}" for tag, text in numbered()]
    host.rows = [
        InboxRow.of(OpenQuestion(number, number, words, words, words, ask(words), 0.0, words))
        for ask in (question_of, review_of)
        for number, words in enumerate([*said, HUGE_LINE, MANY_LINES], 1)
    ]
    async with hosted(host, (180, 120)) as pilot:
        table = host.inbox.query_one(InboxList)
        for _ in range(2):
            shown = [squeezed(table.render_line(y).text) for y in range(table.size.height)]
            for words in said:
                rows = [row for row in shown if row.startswith((f"◆{words[:4]}", f"?{words[:4]}"))]
                assert rows
                for row in rows:
                    assert row.count(words[:4]) == 4, "as task, name, what is wanted, and why"
                    assert row.count(trace(words)) >= 2, "where there is room for it"
            await pilot.press("G")
        for _ in said:
            table.move_up()
            assert_only_words(host)
        for y in range(0, 120, 9):
            await pilot.click(offset=(60, y))
        assert host.screen is host.inbox
        await pilot.press("enter")
        assert len(host.opened) == 1


async def test_what_a_strangers_review_is_about_may_be_anything() -> None:
    subjects: list[Any] = [
        {}, {"draft": 7}, {"draft": {"node_id": ["x"]}}, {"draft": {"node_id": "x"}, "report": None, "version": "1"}
    ]  # fmt: skip
    for subject in subjects:
        question = Question("q", "Well?", {}, QuestionKind.REVIEW, subject)
        read = kind_of(question.kind).read_subject(subject)
        asked = OpenQuestion(1, 1, "t", "n", "k", question, 0.0, subject=read)
        assert (InboxRow.of(asked).node, InboxRow.of(asked).risk) == ("", "")


async def test_ascii_alone_is_enough() -> None:
    host = Host(3, plain=True)
    async with host.run_test(size=WIDE) as pilot:
        host.screen.add_class("-plain")
        host.push_screen(host.inbox)
        await pilot.pause()
        host.fill()
        await pilot.pause()
        assert "* task-1" in host.text
        assert "? task-2" in host.text
        assert "Needs you - 1 of 3" in host.text
        assert host.text.isascii(), {character for character in host.text if not character.isascii()}


async def test_without_colour_the_cursor_is_reversed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await desk.receive(SORT)
        await until_needs(desk, 2)
        await open_inbox(desk, "1 of 2")
        drawn = Text()
        for strip in desk.app.screen._compositor.render_strips():
            for segment in strip:
                drawn.append(segment.text, segment.style)
                for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert color is None or color.is_default
        rows = {name: drawn.plain.index(f"? {name} ", drawn.plain.index("wants")) + 2 for name in ("task-9", "task-10")}
        looks = {name: drawn.get_style_at_offset(desk.app.console, place) for name, place in rows.items()}
        assert (looks["task-9"].reverse, looks["task-10"].reverse) == (True, None)
