"""The desk of a past session, in the terminal and by its keys."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.replay_session import ReplaySession
from evolver_tui.engine.session import Session
from evolver_tui.tui.views import replay_views
from tests.replay.recorded import recording_of
from tests.support.desk_fixtures import Console, console
from tests.support.links import ManualClock
from tests.support.sessions import GENERATE, SUMMARIZE, TRANSLATE

pytestmark = pytest.mark.anyio

SECONDS_OF_A_RECEIPT = 60.0
_AGE = re.compile(r" *\b\d+[smh]\b| \d+ ms")


@asynccontextmanager
async def replay_of(folder: Path, log: Path) -> AsyncIterator[tuple[Console, Player, ManualClock]]:
    """A replay that stands at its beginning, since its clock does."""
    clock = ManualClock()
    player = Player(recording_of(log), clock)
    session = cast(Session, ReplaySession(player))
    views, now = replay_views(), lambda: player.now
    async with console(folder, make=lambda: session, views=views, player=player, now=now) as desk:
        await desk.until(lambda: desk.app.session is not None, "the replay")
        yield desk, player, clock


async def cards_of(desk: Console) -> list[tuple[str, str]]:
    """What the queue says and what the card of each job says, without ages."""
    found = []
    await desk.press("g")
    count = (await desk.session.store.counts()).total
    for _ in range(count):
        selected = desk.desk.queue.selected
        assert selected is not None
        await desk.until(lambda: desk.desk.card.content.job == desk.desk.queue.selected.job, "its card")  # type: ignore[union-attr]
        if desk.desk.card.content.review is not None:
            await desk.look_at_draft(SECONDS_OF_A_RECEIPT)
        await desk.until(lambda: "another draft" not in desk.text_of(desk.desk.card), "a draft that was looked at")
        card, queue = desk.text_of(desk.desk.card), desk.text_of(desk.desk.queue)
        found.append((_AGE.sub("", queue), _AGE.sub("", card)))
        await desk.press("j")
    return found


async def recorded_console(folder: Path) -> tuple[list[tuple[str, str]], Path]:
    """A session at the console in which two tasks are decided; its desk at the end, and its log."""
    log = folder / "log.jsonl"
    async with console(folder) as desk:
        await desk.receive(SUMMARIZE, GENERATE, TRANSLATE)
        await desk.until(lambda: "needs you 3" in desk.text(), "the reviews")
        await desk.press("enter")
        await desk.look_at_draft()
        await desk.decide("a")
        await desk.until(lambda: "needs you 2" in desk.text(), "the approval")
        await desk.session.workers.drained()
        await desk.press("escape")
        await desk.until(lambda: "1 approved" in desk.text(), "the saved node")
        desk.clock.seconds += SECONDS_OF_A_RECEIPT
        await desk.until(lambda: "saved as" not in desk.text_of(desk.desk.queue), "the end of what the key did")
        cards = await cards_of(desk)
        await desk.session.store.flush_log()
        await desk.session.export("jsonl", log)
    return cards, log


async def test_a_replayed_session_shows_the_same_desk_card_for_card(tmp_path: Path) -> None:
    real, log = await recorded_console(tmp_path)
    async with replay_of(tmp_path / "elsewhere", log) as (desk, player, _):
        await desk.press("e")
        await desk.until(lambda: player.is_over, "the end")
        await desk.until(lambda: "1 approved" in desk.text(), "the queue")
        shown = await cards_of(desk)
        assert [queue for queue, _ in shown] == [queue for queue, _ in real]
        for (_, card), (_, real_card) in zip(shown, real, strict=True):
            assert card == real_card
        assert not (tmp_path / "elsewhere" / "data" / "evolver.db").exists()


async def test_keys_hold_it_step_and_go_to_the_next_that_needed_a_person(tmp_path: Path) -> None:
    _, log = await recorded_console(tmp_path)
    async with replay_of(tmp_path / "elsewhere", log) as (desk, player, clock):
        await desk.until(lambda: "replay 1x" in desk.text(), "where it is")
        await desk.press("n")
        await desk.until(lambda: "needs you 1" in desk.text(), "the first review")
        await desk.until(lambda: "review" in desk.text_of(desk.desk.queue), "its row")
        assert (player.is_paused, desk.desk.pane_in_focus) == (True, "card")
        at = player.position
        await desk.press("comma")
        await desk.until(lambda: "needs you" not in desk.text(), "the moment before")
        assert player.position == at - 1
        await desk.press("full_stop")
        await desk.until(lambda: "needs you 1" in desk.text(), "the moment again")
        for _ in range(2):
            await desk.press("n")
        await desk.until(lambda: "needs you 3" in desk.text(), "all reviews")
        await desk.press("n")
        await desk.until(lambda: any("end of the session" in notice for notice in desk.notices), "the end")
        await desk.press("0")
        await desk.until(lambda: player.position == 0, "the beginning")
        await desk.until(lambda: "nothing here yet" in desk.text(), "an empty queue")
        await desk.press("p")
        await clock.wake()
        await desk.until(lambda: player.position > 0, "the replay going on")


async def test_what_would_change_something_is_not_there(tmp_path: Path) -> None:
    _, log = await recorded_console(tmp_path)
    async with replay_of(tmp_path / "elsewhere", log) as (desk, player, _):
        await desk.press("n")
        await desk.until(lambda: "needs you 1" in desk.text(), "the first review")
        ids = {action.id for action in desk.app.actions}
        assert not any(id.startswith(("review.", "job.", "hub.", "intake.", "question.")) for id in ids)
        at = player.position
        for key in ("a", "R", "D", "c", "U"):
            await desk.decide(key)
        assert (player.position, desk.app.screen) == (at, desk.desk)
