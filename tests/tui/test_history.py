"""The history: past sessions with their figures, two beside each other, exports, and deleting what is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.address import Address
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import StoreError
from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.engine.past_sessions import PastSession, Standing
from evolver_tui.engine.signal_log import SessionRecord
from evolver_tui.tui.modals import ConfirmModal, HelpModal
from evolver_tui.tui.screens.history.panes.session_card import SessionCard
from evolver_tui.tui.screens.history.screen import History
from tests.support.databases import opened
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.hostile import HOSTILE, assert_harmless
from tests.support.sessions import GENERATE, SUMMARIZE, approval, review_of, running, send, workspace_in

pytestmark = pytest.mark.anyio


async def past_session(folder: Path, number: int) -> str:
    """A session that approved one draft and rejected as many as its number says."""
    async with running(workspace_in(folder)) as (session, watch):
        tasks = [dict(SUMMARIZE, id=f"t-{number}"), *(dict(GENERATE, id=f"t-{number}-{n}") for n in range(number))]
        await send(session, tasks)
        question, subject = await review_of(session, watch, f"t-{number}")
        await session.inbox.decide(question.id, approval(subject))
        for n in range(number):
            question, _ = await review_of(session, watch, f"t-{number}-{n}")
            await session.inbox.decide(question.id, Decision(DecisionKind.REJECT))
        await watch.until("task.completed", 1 + number)
    return session.id


@asynccontextmanager
async def history(folder: Path, sessions: int = 2, size: tuple[int, int] = WIDE) -> AsyncIterator[tuple[Console, Any]]:
    """The history in front, after some sessions."""
    ids = [await past_session(folder, number) for number in range(sessions)]
    async with console(folder, size=size) as desk:
        assert "history" not in desk.app._screens
        await desk.press("2")
        await desk.until(lambda: isinstance(desk.app.screen, History), "the history")
        await desk.until(lambda: len(table(desk)._known) == sessions + 1, "all figures")
        await desk.pilot.pause()
        yield desk, ids


def table(desk: Console) -> Any:
    screen = desk.app.screen
    assert isinstance(screen, History)
    return screen.table


def rows(desk: Console) -> list[str]:
    pane = table(desk)
    lines = [pane.render_line(y).text for y in range(1, pane.list_height)]
    return [line for line in lines if line.strip()]


async def test_past_sessions_stand_there_with_their_figures(tmp_path: Path) -> None:
    async with history(tmp_path) as (desk, ids):
        own, second, first = rows(desk)
        assert own.startswith(" ▸")
        assert " 0     -" in own
        assert " ■" in second
        assert "1/2 50%" in second
        assert "1/1 100%" in first
        assert table(desk).selected.id == desk.session.id
        await desk.press("j")
        await desk.until(lambda: ids[1] in desk.text(), "the card")
        for words in ("approved  1, rejected 1: 50%", "asked     2 questions and reviews", "cost      unknown"):
            assert words in desk.text()
        await desk.press("question_mark")
        await desk.until_open(HelpModal)
        assert "Mark the session" in desk.text()
        await desk.press("escape", "1")
        await desk.until(lambda: desk.app.screen is desk.desk, "the desk")


async def test_two_sessions_stand_beside_each_other(tmp_path: Path) -> None:
    async with history(tmp_path, size=SMALL) as (desk, _):
        await desk.press("G", "c", "k")
        await desk.until(lambda: "Two sessions" in desk.text(), "both")
        lines = {line.split()[1]: line.split()[2:-1] for line in desk.text().splitlines() if line.startswith("│ ")}
        assert lines["tasks"] == ["1", "2", "+1"]
        assert lines["rejected"] == ["0", "1", "+1"]
        assert lines["rate"] == ["100%", "50%", "-50", "points"]
        assert "compare no more" in desk.text()
        await desk.press("escape")
        assert "Two sessions" not in desk.text()


async def test_what_a_session_told_is_exported_and_it_is_said_how_to_replay_it(tmp_path: Path) -> None:
    async with history(tmp_path) as (desk, ids):
        await desk.press("j")
        await desk.decide("x")
        await desk.until(lambda: any("exported to" in notice for notice in desk.notices), "a notice")
        exported = desk.place.paths.exports / f"{ids[1]}.jsonl"
        assert f'"id": "{ids[1]}"' in exported.read_text().splitlines()[0]
        await desk.press("enter")
        assert f"evolver-tui replay {ids[1]}" in desk.notices[-1]


async def test_a_session_is_deleted_once_a_person_agreed_and_never_an_open_one(tmp_path: Path) -> None:
    async with history(tmp_path) as (desk, ids):
        await desk.decide("D")
        assert desk.notices[-1] == "It is open: end it first."
        await desk.press("j")
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        assert "Its jobs stay in the queue" in " ".join(desk.text().replace("│", " ").split())
        await desk.press("n")
        await desk.until(lambda: isinstance(desk.app.screen, History))
        assert len(await desk.session.store.sessions()) == 3
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: any(f"{ids[1]} is deleted, with" in notice for notice in desk.notices), "a notice")
        await desk.until(lambda: len(rows(desk)) == 2, "one row less")
        assert [record.id for record in await desk.session.store.sessions()] == [ids[0], desk.session.id]
        assert (await desk.session.store.counts()).total == 3


async def test_one_whose_process_cannot_be_seen_is_deleted_on_a_persons_word(tmp_path: Path) -> None:
    async with history(tmp_path, 0) as (desk, _):
        await desk.session.store.start_session("unseen", Address(), "far-away")
        table(desk).look_again()
        await desk.until(lambda: len(rows(desk)) == 2, "the other session")
        await desk.press("g")
        await desk.until(lambda: table(desk).selected_past is not None and table(desk).selected.id == "unseen")
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        assert "its process on far-away cannot be seen" in " ".join(desk.text().replace("│", " ").split())
        await desk.decide("y")
        await desk.until(lambda: len(rows(desk)) == 1, "it is gone")


async def test_the_filter_finds_by_what_is_seen(tmp_path: Path) -> None:
    async with history(tmp_path) as (desk, ids):
        await desk.press("slash", *"open", "enter")
        assert len(rows(desk)) == 1
        await desk.press("escape")
        await desk.press("slash", *ids[0][-6:], "enter")
        assert table(desk).selected.id == ids[0]
        assert len(rows(desk)) == 1
        await desk.press("slash", *"nothing")
        assert "nothing contains" in desk.text()
        await desk.press("escape")
        assert len(rows(desk)) == 3


async def test_what_others_begin_meanwhile_comes_by_itself_and_the_cursor_stays(tmp_path: Path) -> None:
    async with history(tmp_path) as (desk, ids):
        await desk.press("j")
        async with opened(f"sqlite:///{desk.place.database_file}") as other:
            await other.start_session("later", Address(), "elsewhere")
        await desk.until(lambda: len(rows(desk)) == 4, "the other one")
        assert table(desk).selected.id == ids[1]


async def test_a_database_that_cannot_be_read_says_so_and_is_read_again(tmp_path: Path) -> None:
    async with history(tmp_path) as (desk, _):
        records = desk.session.past.records

        async def fail() -> Any:
            raise StoreError("The database is away.", "Wait.")

        desk.session.past.records = fail  # type: ignore[method-assign]
        table(desk).look_again()
        await desk.until(lambda: "The database is away. Wait." in desk.notices, "a notice")
        desk.session.past.records = records  # type: ignore[method-assign]
        await desk.press("j", "k")
        table(desk).look_again()
        await desk.until(lambda: not table(desk)._has_failed, "it is read")


async def test_figures_are_read_for_the_rows_in_sight_alone(tmp_path: Path) -> None:
    async with history(tmp_path, 0) as (desk, _):
        for number in range(200):
            await desk.session.store.start_session(f"s-{number}", Address(), "elsewhere")
        table(desk).look_again()
        await desk.until(lambda: len(table(desk)._rows) == 201, "all rows")
        await desk.until(lambda: not list(table(desk)._missing()), "their figures")
        assert len(table(desk)._known) < 100
        await desk.press("G")
        assert table(desk).selected.id == desk.session.id
        await desk.until(lambda: table(desk).selected_past is not None, "the oldest one's")


async def test_no_stranger_reaches_the_terminal(tmp_path: Path) -> None:
    async with history(tmp_path, 0) as (desk, _):
        for number, text in enumerate(HOSTILE.values()):
            await desk.session.store.start_session(f"s{number}", Address(), text)
        table(desk).look_again()
        await desk.until(lambda: len(table(desk)._rows) == 1 + len(HOSTILE), "all rows")
        await desk.press("g")
        for _ in range(len(HOSTILE)):
            await desk.press("j")
            await desk.until(lambda: table(desk).selected_past is not None, "the figures")
            assert_harmless(desk.text())


def test_two_sessions_in_different_currencies_have_no_difference_in_cost() -> None:
    record = SessionRecord("s", 0.0, 60.0, "", "host")
    ones = [
        PastSession(record, Standing.ENDED, 60.0, SessionFigures(cost=cost, currency=currency, tokens=10))
        for cost, currency in ((1.0, "EUR"), (2.0, "USD"))
    ]
    card = SessionCard()
    card._record, card._past, card._marked = record, ones[1], ones[0]
    lines = ["".join(text for text, _ in line) for line in card._lines(60)]
    assert [line.split() for line in lines if line.startswith("cost")] == [["cost", "1.00", "EUR", "2.00", "USD"]]
