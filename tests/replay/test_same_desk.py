"""A replayed session shows the same desk as the session: row for row, card for card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.job import JobDetail, QueueRow
from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.replay_session import ReplaySession
from evolver_tui.engine.store import ReadStore
from tests.replay.recorded import Desk, eventful_session, recording_of

pytestmark = pytest.mark.anyio


def timeless(row: QueueRow) -> QueueRow:
    """A row without what the database's own clock has measured, some milliseconds from a signal's."""
    return replace(row, rank=0, since=0.0)


def without_place(detail: JobDetail) -> JobDetail:
    """A job's facts without those of the place that a log does not keep."""
    return replace(detail, row=timeless(detail.row), received_at=0.0)


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
