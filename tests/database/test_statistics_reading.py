"""What people decided is read a page at a time, from both databases alike."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.spending import Spent
from evolver_tui.core.statistics import Statistics
from evolver_tui.engine import statistics as made_of
from evolver_tui.engine.statistics import Period, statistics
from tests.support.databases import add, claim, opened, pause, sql, tasks
from tests.support.hostile import HOSTILE

pytestmark = pytest.mark.anyio


async def review(store: Database, author: str, decision: dict[str, Any] | None, by: str = "ada") -> int:
    """A draft of the next task, and what somebody decided about it."""
    held = await claim(store)
    question = Question("review 1", "Approve?", kind=QuestionKind.REVIEW, subject={"draft": {"author": author}})
    number = await store.pause(held.job, held.fence, question, "s")
    if decision is not None:
        await store.seen(number)
        await store.answer(number, decision, by, "s")
        outcome = Outcome.REJECTED if decision["kind"] == "reject" else Outcome.APPROVED
        await over(store, outcome)
    return held.job


async def over(store: Database, outcome: Outcome) -> None:
    """The job that was answered goes on, and ends."""
    held = await claim(store)
    await store.finish(held.job, held.fence, JobState.COMPLETED, "s", outcome=outcome)


async def of(store: Database, by: Any = "type", until: float = math.inf) -> Statistics:
    return await statistics(store, Period(until=until), by)


async def test_reviews_and_questions_are_read_page_by_page(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_of, "PAGE", 2)
    async with opened(url) as store:
        await add(store, *tasks(*"abcdefgh"))
        for _ in range(3):
            await review(store, "openai/m", {"kind": "approve"})
        await review(store, "edited by Ada", {"kind": "reject", "reason": "Too long."}, by="bo")
        await review(store, "offline", None)
        for answer in ({"action": "accept", "content": {}}, {"action": "decline"}, {"action": "accept"}):
            _, number = await pause(store)
            await store.answer(number, answer, "ada", "s")
            await over(store, Outcome.DONE)
        total = (await of(store)).total
        assert (total.approved, total.sent_back, total.answered, total.declined) == (3, 1, 3, 1)
        assert total.until_decided is not None
        assert total.until_seen is not None
        assert (total.until_decided.known, total.until_seen.known) == (7, 4)
        models = {each.name: each.reviews for each in (await of(store, "model")).groups}
        assert models == {"openai/m": 3, "edited by hand": 1, "no draft": 0}
        people = {each.name: each.decisions for each in (await of(store, "person")).groups}
        assert people == {"ada": 6, "bo": 1}
        assert (await of(store, until=1.0)).total.decisions == 0


async def test_what_was_taken_back_counts_no_longer(url: str) -> None:
    async with opened(url) as store:
        await add(store, *tasks("a"))
        job = await review(store, "offline", {"kind": "reject"})
        assert (await of(store)).total.rejected == 1
        await store.restore(job, "s")
        assert (await of(store)).total.reviews == 0


async def test_what_was_spent_stands_beside_what_was_decided(url: str) -> None:
    async with opened(url) as store:
        await add(store, *tasks("a", "b"))
        for cost in (1.0, None):
            job = await review(store, "openai/m", {"kind": "approve"})
            spent = Spent(100, 50, cost is None, cost, "EUR" if cost else "")
            await store.record_spending(job, 1, 1, "s", "openai/m", spent)
        for by in ("type", "model", "routine", "day"):
            made = await of(store, by)
            (group,) = made.groups
            assert group.spent == made.total.spent
            assert group.spent is not None
            assert (group.spent.costs, group.spent.unpriced_tokens) == ((("EUR", 1.0),), 150)
            assert group.costs_per_approved == (("EUR", 0.5),)
        assert (await of(store, "person")).groups[0].spent is None


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_strangers_words_hide_nothing(tmp_path: Any, text: str) -> None:
    url = f"sqlite:///{tmp_path}/evolver.db"
    async with opened(url) as store:
        await add(store, *tasks("a", "b"))
        await review(store, text, {"kind": "reject", "reason": text}, by=text)
        await review(store, "offline", {"kind": "approve"})
        sql(url, "UPDATE question SET subject_json = '[not json', answer_json = '7' WHERE job = 2")
        assert (await of(store, "person")).total.decisions >= 1
        total = (await of(store, "model")).total
        assert total.sent_back + total.rejected == 1


async def test_many_decisions_are_never_all_in_memory(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/evolver.db"
    async with opened(url) as store:
        await add(store, *tasks("a"))
        await review(store, "offline", {"kind": "approve"})
        columns = "kind, message, form_json, asked_at, answered_at, answered_by, answer_json, seen_at"
        sql(
            url,
            "INSERT INTO question (job, name, subject_json, " + columns + ") WITH RECURSIVE n(i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            ' SELECT job, \'review x\' || i, \'{"draft": {"author": "offline", "code": "\' || hex(zeroblob(1000))'
            f" || '\"}}}}', {columns} FROM question, n WHERE id = 1",
        )
        tracemalloc.start()
        try:
            assert (await of(store)).total.approved == 20_001
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 12_000_000  # their drafts alone are 40 MB
