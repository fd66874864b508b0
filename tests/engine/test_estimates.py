"""Estimates keep up with the decisions of a database, whoever makes them, and count each once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from evolver_tui.core.estimate.estimate import FEWEST_DECISIONS
from evolver_tui.core.estimate.estimator import ApprovalEstimator
from evolver_tui.engine.estimates import NAME, Estimates
from tests.support.databases import opened, sql
from tests.support.decisions import OPENS, PLAIN, decide, decided, deciding, history, program
from tests.support.sessions import send

pytestmark = pytest.mark.anyio


def learned_of(decisions: Sequence[tuple[str, bool]]) -> ApprovalEstimator:
    estimator = ApprovalEstimator()
    for code, is_approved in decisions:
        estimator.learn(code, is_approved)
    return estimator


async def test_nothing_is_told_before_there_were_enough_decisions_and_then_it_follows_them(url: str) -> None:
    decisions = history(FEWEST_DECISIONS + 10)
    async with opened(url) as store:
        estimates = Estimates(store)
        await decided(store, decisions[: FEWEST_DECISIONS - 1])
        assert await estimates.of("print(1)") is None
        await decided(store, decisions[FEWEST_DECISIONS - 1 :], FEWEST_DECISIONS - 1)
        estimates.decisions_changed()
        await estimates.catch_up()
        opens, plain = await estimates.of(OPENS), await estimates.of(PLAIN)
        assert opens is not None
        assert plain is not None
        assert opens.estimate.probability < 0.4 < 0.6 < plain.estimate.probability
        assert "opens files" in {reason.words for reason in opens.estimate.reasons if reason.weight < 0}
        assert opens.record == learned_of(decisions).record
        assert opens.record.is_better_than_the_share


async def test_what_was_learned_is_kept_and_several_sessions_count_each_decision_once(url: str) -> None:
    decisions = history(60)
    async with opened(url) as store, opened(url) as other:
        first, second = Estimates(store), Estimates(other)
        await decided(store, decisions[:40])
        await asyncio.gather(first.catch_up(), second.catch_up())
        await decided(other, decisions[40:], 40)
        for estimates in (first, second):
            estimates.decisions_changed()
        await asyncio.gather(first.catch_up(), second.catch_up())
        kept = await store.learned(NAME)
        told = [await estimates.of(PLAIN) for estimates in (first, second, Estimates(store))]
    expected = learned_of(decisions)
    assert (kept["count"], kept["estimator"]) == (60, expected.to_json_value())
    assert {each.record for each in told if each} == {expected.record}
    assert {each.estimate.probability for each in told if each} == {expected.estimate(PLAIN).probability}


REUSED = '{"kind": "reuse", "by": "ada", "node": "node v1", "sha256": "0"}'


@pytest.mark.parametrize("reused", [(), (7, 8)], ids=["all judged", "some took another node"])
async def test_what_is_kept_is_gone_on_from_and_not_learned_again(
    url: str, monkeypatch: pytest.MonkeyPatch, reused: Sequence[int]
) -> None:
    decisions, learned = history(45), list[str]()
    async with opened(url) as store:
        await decided(store, decisions[:40])
        for number in reused:
            sql(url, f"UPDATE question SET answer_json = '{REUSED}' WHERE id = {number}")
        await Estimates(store).catch_up()
        await decided(store, decisions[40:], 40)
        learn = ApprovalEstimator.learn

        def counted(self: ApprovalEstimator, code: str, approved: bool) -> None:
            learned.append(code)
            learn(self, code, approved)

        monkeypatch.setattr(ApprovalEstimator, "learn", counted)
        told = await Estimates(store).of(PLAIN)
    assert learned == [code for code, _ in decisions[40:]]
    assert told is not None
    assert told.record.decisions == 45 - len(reused)


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE question SET answered_at = NULL, answer_json = NULL WHERE id = 3",
        "UPDATE question SET answered_at = answered_at - 1000 WHERE id = 50",
        "DELETE FROM learned",
        "UPDATE learned SET value_json = '{'",
        'UPDATE learned SET value_json = \'{"last": [1, 2], "count": 3}\'',
        "UPDATE learned SET value_json = replace(value_json, '\"count\":49', '\"count\":48')",
        f'UPDATE learned SET value_json = \'{{"last": [{"9" * 400}, 1, "review 1"], "count": 3, "estimator": {{}}}}\'',
        'UPDATE learned SET value_json = \'{"last": [1, 2, "review 1"], "count": 1e999, "estimator": {}}\'',
        "UPDATE learned SET value_json = replace(value_json, '\"last\":[', '\"last\":[1,9e99,\"\"],\"x\":[')",
        "UPDATE learned SET value_json = replace(value_json, 'review 1', 'review \\ud800')",
        "UPDATE learned SET value_json = replace(value_json, '\"decisions\":49', '\"decisions\":5000')",
    ],
    ids=[
        "taken back", "came from elsewhere", "lost", "torn", "another shape", "miscounted", "a time that is none",
        "a count that is none", "a job that is none", "a name that is none", "more learned than decided",
    ],
)  # fmt: skip
async def test_what_does_not_follow_from_the_decisions_any_more_is_learned_anew(url: str, spoilt: str) -> None:
    async with opened(url) as store:
        await decided(store, history(49))
        await Estimates(store).catch_up()
        await decided(store, history(50)[49:], 49)
        sql(url, spoilt)
        told = await Estimates(store).of(PLAIN)
        order = [row[0] for row in sql(url, "SELECT id FROM question WHERE answered_at > 0 ORDER BY answered_at, job")]
    expected = learned_of([history(50)[number - 1] for number in order])
    assert told is not None
    assert told.record == expected.record


async def test_decisions_that_cannot_be_read_are_counted_and_nothing_is_learned_twice_for_them(url: str) -> None:
    async with opened(url) as store:
        await decided(store, history(44))
        sql(url, "UPDATE question SET subject_json = '{}' WHERE id IN (1, 20, 44)")
        await Estimates(store).catch_up()
        before = await store.learned(NAME)
        await decided(store, history(46)[44:], 44)
        told = await Estimates(store).of(PLAIN)
        after = await store.learned(NAME)
    assert (before["count"], after["count"]) == (43, 46)
    assert told is not None
    assert told.record.decisions == 43


async def test_a_database_that_is_closed_or_broken_tells_nothing_and_raises_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "evolver.db") as store:
        estimates = Estimates(store)
    assert await estimates.of(PLAIN) is None
    estimates.decisions_changed()
    await estimates.close()


async def test_a_session_learns_of_a_decision_beside_everything_else(tmp_path: Path) -> None:
    async with deciding(tmp_path, None, [program("one"), program("two")]) as (session, watch, _):
        await send(session, task_raw(1))
        await session.estimates.catch_up()
        assert await session.store.learned(NAME) is None
        await decide(session, watch, "task-1", "approve")
        await session.estimates.catch_up()
        kept = await session.store.learned(NAME)
    assert kept["count"] == 1


def task_raw(number: int) -> dict[str, str]:
    return {"id": f"task-{number}", "taskName": "Do it", "llmTaskType": "summarize"}
