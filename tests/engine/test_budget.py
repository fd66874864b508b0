"""What models cost is kept, bounded by a budget, and what is used up drops nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from evolver_tui import wiring
from evolver_tui.adapters.database.database import Database
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.spending import NOTHING, Total
from evolver_tui.engine.headless import _left_in_queue
from evolver_tui.engine.session import Session
from tests.support.databases import sql
from tests.support.processes import Model, node_answer
from tests.support.provider_server import SSE_HEAD, openai_chunk, openai_events, status
from tests.support.sessions import Watch, review_of, row_of, running, send, workspace_in
from tests.support.worker_bench import Clock

pytestmark = pytest.mark.anyio

PRICES = '[prices."m"]\nper_million_input = 1000\nper_million_output = 3000\ncurrency = "EUR"\nentered = 2026-11-29\n'
"""A generation of 500 and 500 tokens costs two euros."""


def two_euros(task_id: str) -> Iterator[bytes]:
    yield SSE_HEAD + openai_events(node_answer(task_id), usage=(500, 500))


def task(number: int, task_type: str = "summarize") -> dict[str, str]:
    return {"id": f"task-{number}", "taskName": f"Task {number}", "llmTaskType": task_type}


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Eight o'clock on a day, for the session and for its database alike."""
    clock = Clock()
    clock._seconds = datetime(2027, 1, 15, 8).timestamp()
    shift = clock.now() - time.time()
    monkeypatch.setattr(wiring, "make_store", lambda place: Database(place.database, clock_shift=shift))
    return clock


async def spent(session: Session, **narrowed: Any) -> Total:
    found = await session.store.spending(**narrowed)
    return found[0][1] if found else NOTHING


async def states(session: Session) -> set[str]:
    return {row.state.value for row in await session.store.rows_after(None, 100)}


async def asked_reviews(watch: Watch, count: int) -> None:
    await watch.until("review.requested", count)


# --- what is kept


async def test_each_generation_is_a_row_with_its_price(tmp_path: Path, url: str) -> None:
    with Model(two_euros) as model:
        async with running(workspace_in(tmp_path, model.config + PRICES, database=url)) as (session, watch):
            await send(session, task(1))
            question, subject = await review_of(session, watch, "task-1")
            took = subject.draft.spent
            assert took is not None
            assert (took.prompt_tokens, took.completion_tokens, took.cost, took.currency) == (500, 500, 2.0, "EUR")
            await session.inbox.decide(question.id, Decision(DecisionKind.REJECT, reason="Shorter."))
            await asked_reviews(watch, 2)
            for by, name in (("task", "task-1"), ("session", session.id), ("model", "openai/m")):
                assert await session.store.spending(by) == [(name, Total(2, 1_000, 1_000, costs=(("EUR", 4.0),)))]  # type: ignore[arg-type]
            assert await spent(session, until=1.0) == NOTHING


async def test_a_repeated_answer_is_paid_for_and_part_of_its_draft(tmp_path: Path) -> None:
    asked = iter(("not a node at all", None))

    def play(task_id: str) -> Iterator[bytes]:
        yield SSE_HEAD + openai_events(next(asked) or node_answer(task_id), usage=(500, 500))

    with Model(play) as model:
        async with running(workspace_in(tmp_path, model.config + PRICES)) as (session, watch):
            await send(session, task(1))
            _, subject = await review_of(session, watch, "task-1")
            assert subject.draft.spent is not None
            assert subject.draft.spent.cost == 4.0
            assert (await spent(session)).costs == (("EUR", 4.0),)


async def test_what_breaks_off_is_estimated_and_a_refusal_costs_nothing(tmp_path: Path) -> None:
    plays = iter(("broken", "refused", "whole"))

    def play(task_id: str) -> Iterator[bytes]:
        match next(plays):
            case "broken":
                yield SSE_HEAD + openai_chunk({"content": "x" * 4_000})
            case "refused":
                yield status(500)
            case _:
                yield from two_euros(task_id)

    with Model(play) as model:
        clock = Clock(passes_at_once=True)
        async with running(workspace_in(tmp_path, model.config + PRICES), clock=clock) as (session, watch):
            await send(session, task(1))
            await asked_reviews(watch, 1)
            total = await spent(session)
            told = session.conversation.figures
            assert (told.tokens, told.estimated_tokens, told.cost) == (
                total.tokens,
                total.estimated_tokens,
                total.cost_in("EUR"),
            )
            assert total.generations == 2
            assert 1_000 < total.estimated_tokens < 5_000
            assert total.tokens == total.estimated_tokens + 1_000


async def test_the_same_generation_is_kept_once_however_often_it_is_written(tmp_path: Path, url: str) -> None:
    with Model(two_euros) as model:
        async with running(workspace_in(tmp_path, model.config, database=url)) as (session, watch):
            await send(session, task(1))
            _, subject = await review_of(session, watch, "task-1")
            assert subject.draft.spent is not None
            fence = sql(url, "SELECT fence FROM job")[0][0]
            for _ in range(2):
                await session.store.record_spending(1, fence, 1, session.id, "m", subject.draft.spent)
            total = await spent(session)
            assert (total.generations, total.unpriced_tokens, total.costs) == (1, 1_000, ())


# --- the budget


async def test_a_day_is_told_of_before_it_is_used_up_and_the_next_one_goes_on(tmp_path: Path, morning: Clock) -> None:
    with Model(two_euros) as model:
        config = model.config + PRICES + "[budget]\nper_day = 5\nwarn_at = 0.8\n"
        async with running(workspace_in(tmp_path, config), clock=morning) as (session, watch):
            await send(session, [task(number) for number in range(1, 5)])
            near = await watch.until("budget.near")
            assert (near.payload["spent"], near.payload["limit"], near.payload["unit"]) == (4.0, 5.0, "EUR")
            paused = await watch.until("worker.paused")
            assert paused.payload["error"].startswith("Today's budget is used up: 6.00 of 5.00 EUR. Tasks wait.")
            assert len(model.asked) == 3  # the worst is one call beyond
            await asked_reviews(watch, 3)
            (outage,) = session.outages
            assert outage.when(morning.now()) == "goes on at 00:00"
            question, subject = await review_of(session, watch, "task-1")
            await session.inbox.decide(
                question.id, Decision(DecisionKind.APPROVE, sha256=subject.draft.sha256, replaces="")
            )
            await watch.until("node.saved")  # what asks no model goes on
            assert (await row_of(session, "task-4")).state == "pending"
            await session.workers.drained()
            assert "task.failed" not in watch.names()
            morning.advance(16 * 3600)  # what was spent is of the day before then
            await watch.until("worker.resumed", shared="budget")
            await asked_reviews(watch, 4)
            assert session.outages == []


async def test_a_person_allows_more_for_all_sessions_of_the_day(tmp_path: Path, url: str) -> None:
    with Model(two_euros) as model:
        config = model.config + PRICES + "[budget]\nper_day = 2\n"
        here, there = (workspace_in(tmp_path / name, config, database=url) for name in ("here", "there"))
        async with running(here) as (one, heard_here):
            await send(one, task(1), task(2))
            await heard_here.until("worker.paused", shared="budget")
            async with running(there) as (other, heard_there):
                await heard_there.until("worker.paused", shared="budget")
                assert len(model.asked) == 1
                await other.allow_more()
                await heard_there.until("budget.allowed", by="ada")
                await heard_there.until("review.requested", task_id="task-2")
                assert len(model.asked) == 2
                await heard_there.until("worker.paused", 2, shared="budget")


async def test_one_session_is_bounded_in_tokens(tmp_path: Path) -> None:
    with Model(two_euros) as model:
        config = model.config + "[budget]\ntokens_per_session = 1000\n"
        async with running(workspace_in(tmp_path, config)) as (session, watch):
            await send(session, task(1), task(2))
            told = (await watch.until("worker.paused", shared="budget")).payload["error"]
            assert told.startswith("This session's budget is used up: 1,000 of 1,000 tokens.")
            assert "at 00:00" not in told
            await session.allow_more()
            await asked_reviews(watch, 2)
        async with running(workspace_in(tmp_path, config)) as (later, watch):
            await send(later, task(3))
            await watch.until("review.requested", task_id="task-3")


async def test_connect_ends_with_what_is_left_in_the_queue(tmp_path: Path) -> None:
    with Model(two_euros) as model:
        place = workspace_in(tmp_path, model.config + PRICES + "[budget]\nper_day = 2\n")
        async with running(place, auto_review=lambda report: True) as (session, watch):
            await send(session, [task(number) for number in range(1, 4)])
            await watch.until("worker.paused", shared="budget")
            await watch.until("task.completed")
            await session.workers.drained()
            left = await _left_in_queue(session)
            assert left.startswith(
                "2 tasks stay in the queue for the next start: Today's budget is used up: 2.00 of 2.00"
            )
