"""A replayed session shows the same desk as the session: row for row, card for card."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.job import JobDetail, QueueRow
from evolver_tui.core.signal import Signal
from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.replay_session import ReplaySession
from evolver_tui.engine.store import ReadStore
from tests.replay.recorded import Desk, eventful_session, recording_of
from tests.support.sessions import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


def timeless(row: QueueRow) -> QueueRow:
    """A row without what the database's own clock has measured, some milliseconds from a signal's."""
    return row._replace(rank=0, since=0.0)


def without_place(detail: JobDetail) -> JobDetail:
    """A job's facts without those of the place that a log does not keep."""
    return detail._replace(row=timeless(detail.row), received_at=0.0)


async def test_the_end_of_a_replay_is_the_end_of_the_session(tmp_path: Path) -> None:
    real, path = await eventful_session(tmp_path)
    player = Player(recording_of(path), SystemClock())
    replay = ReplaySession(player)
    await player.go_to(len(player.recording))
    shown = await Desk.of(cast(ReadStore, replay.store))
    assert [timeless(row) for row in shown.rows] == [timeless(row) for row in real.rows]
    assert shown.counts == real.counts
    assert all(abs(a.since - b.since) < 1.0 for a, b in zip(shown.rows, real.rows, strict=True))
    for job, detail in real.details.items():
        assert without_place(shown.details[job]) == without_place(detail)
        assert abs(shown.details[job].received_at - detail.received_at) < 0.01  # an export has milliseconds
        asked, shown_question = real.questions[job], shown.questions[job]
        assert (asked is None) == (shown_question is None)
        if asked is not None and shown_question is not None:
            assert replace(shown_question, asked_at=0.0) == replace(asked, asked_at=0.0)
        assert dict(shown.journals[job]) == dict(real.journals[job])
    assert (replay.hub.is_paused, replay.hub.paused_by) == (True, "enough")
    assert sum(bool(detail.marks.tags) for detail in real.details.values()) == 2


@pytest.mark.parametrize("moves", ["to the end", "by steps", "as it plays"])
async def test_listeners_hear_the_same_signals_in_the_same_order(tmp_path: Path, moves: str) -> None:
    real, path = await eventful_session(tmp_path)
    player = Player(recording_of(path), SystemClock(), speed=math.inf)
    replay = ReplaySession(player)
    heard: list[Signal] = []
    has_heard_all = asyncio.Event()

    def hear(signal: Signal) -> None:
        heard.append(signal)
        if len(heard) == len(player.recording):
            has_heard_all.set()

    replay.bus.registry.register_all(hear, stays=True)
    if moves == "to the end":
        await player.go_to(len(player.recording))
    elif moves == "by steps":
        while not player.is_over:
            await player.step()
    else:
        await replay.open()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await has_heard_all.wait()
        await replay.close()
    assert heard == real.signals
