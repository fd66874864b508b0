"""A person stops the author while it writes, and asks how the session stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.tui.screens.desk.actions.conversation import STOP, SUMMARIZE, summary_words
from evolver_tui.tui.screens.desk.actions.jobs import RETRY
from tests.support.desk_fixtures import console
from tests.support.processes import Model, whole_answer
from tests.support.sessions import PATIENCE_SECONDS, send

pytestmark = pytest.mark.anyio


async def test_a_key_stops_what_is_being_written_and_the_task_can_be_retried(tmp_path: Path) -> None:
    may_answer = threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        may_answer.wait(PATIENCE_SECONDS)
        yield from whole_answer(task_id)

    with Model(play) as model:
        model.configure(tmp_path)
        async with console(tmp_path) as desk:
            assert desk.app.reason_against(STOP) == "Nothing is being written at this moment."
            await send(desk.session, {"id": "one", "taskName": "One", "llmTaskType": "summarize"})
            await desk.until(lambda: desk.session.live_drafts, "a generation")
            await desk.decide(STOP.key)
            await desk.until(lambda: not desk.app.reason_against(RETRY), "the failed task")
            (notice,) = [notice for notice in desk.notices if "stopped" in notice and "one failed" in notice]
            assert "retry" in notice
            may_answer.set()
            await desk.decide("y")
            await desk.until(lambda: "needs you 1" in desk.text(), "the review")
            desk.app.perform(SUMMARIZE)
            await desk.until(lambda: any("1 task came, 0 approved" in notice for notice in desk.notices), "the summary")


def test_the_summary_says_what_it_cost_where_that_is_known() -> None:
    words = summary_words(
        {
            "session_id": "s", "total_turns": 1, "session_duration_sec": 90.0, "avg_total_latency_ms": 1500.0,
            "interrupt_acceptance_rate": None, "tasks": 2, "approved": 1, "rejected": 0, "answers": 1,
            "waited_sec": 3.5, "tokens": 12_345, "estimated_tokens": 0,
            "cost": 0.25, "currency": "EUR",
        }
    )  # fmt: skip
    assert words == (
        "In 1m 2 tasks came, 1 approved, 0 rejected, 1 question answered. 12,345 tokens were read and written for "
        "0.2500 EUR. A question took 1.5s to come, on average."
    )
