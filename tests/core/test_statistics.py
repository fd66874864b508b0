"""Figures of decisions: what counts as what, and how long things took."""

from __future__ import annotations

import random

import pytest

from evolver_tui.core.spending import NOTHING, Spent, Total, total_of
from evolver_tui.core.statistics import (
    DecidedQuestion,
    Durations,
    Figures,
    Grouping,
    Statistics,
    StatisticsFold,
    normal_reason,
)
from tests.support.hostile import HOSTILE


def decided(decision: str, reason: str = "", **more: object) -> DecidedQuestion:
    facts = {
        "kind": "review", "task_type": "summarize", "routine": "", "model": "openai/m", "person": "ada",
        "asked_at": 100.0, "seen_at": 110.0, "decided_at": 125.0,
    }  # fmt: skip
    return DecidedQuestion(**{**facts, **more}, decision=decision, reason=reason)  # type: ignore[arg-type]


def folded(by: Grouping, *some: DecidedQuestion, spent: dict[str, Total] | None = None) -> Statistics:
    fold = StatisticsFold(by)
    for each in some:
        fold.add(each)
    return fold.result(spent, NOTHING)


def test_each_decision_counts_as_what_it_came_to() -> None:
    made = folded(
        "type", decided("approve"), decided("edit"), decided("reject", "Too long."), decided("reject"),
        decided("respond", "Why?"), decided("reuse"),
        decided("accept", kind="question", model=""), decided("decline", kind="question", model=""),
    )  # fmt: skip
    total = made.total
    assert (total.approved, total.edited, total.sent_back, total.rejected, total.responded) == (1, 1, 1, 1, 1)
    assert (total.reused, total.answered, total.declined, total.reviews, total.decisions) == (1, 2, 1, 6, 8)
    assert total.approve_rate == pytest.approx(1 / 6)
    assert folded("type").total.approve_rate is None


def test_what_nobody_saw_is_left_out_of_what_needs_that() -> None:
    made = folded("person", decided("approve"), decided("approve", seen_at=None, decided_at=400.0))
    assert made.total.until_seen == (10.0, 10.0, 1)
    assert made.total.deciding == (15.0, 15.0, 1)
    assert made.total.until_decided == (25.0, 300.0, 2)


def test_quantiles_are_values_that_were_there() -> None:
    hundred = [float(number) for number in range(1, 101)]
    random.Random(15).shuffle(hundred)
    durations = Durations()
    for seconds in hundred:
        durations.add(seconds)
    assert durations.quantiles == (50.0, 95.0, 100)
    durations.add(-5.0)  # a clock was set back
    assert durations.quantiles is not None
    assert durations.quantiles.known == 101
    assert Durations().quantiles is None


def test_groups_come_by_size_and_days_in_their_order() -> None:
    some = [decided("approve", person=name, decided_at=at) for name, at in (("bo", 3e5), ("ada", 1e5), ("ada", 2e5))]
    assert [(each.name, each.approved) for each in folded("person", *some).groups] == [("ada", 2), ("bo", 1)]
    days = [each.name for each in folded("day", *some).groups]
    assert days == sorted(days)
    assert len(days) == 3


def test_one_reason_in_many_spellings_is_one() -> None:
    spellings = ("Too long.", "too  long", " TOO LONG!\n")
    made = folded("type", *(decided("reject", each) for each in spellings), decided("reject", "No tests"))
    assert made.reasons == [("Too long.", 3), ("No tests", 1)]


def test_reasons_stay_bounded_and_the_frequent_ones_stay() -> None:
    fold = StatisticsFold("type")
    for number in range(12_000):
        fold.add(decided("reject", f"reason {number}"))
        if number % 100 == 0:
            fold.add(decided("reject", "again"))
    assert len(fold._reasons) <= 5_000
    assert fold.result(None, NOTHING).reasons[0] == ("again", 120)


def test_cost_of_an_approved_node_is_all_that_was_spent_over_those_approved() -> None:
    spent = {"openai/m": total_of(Spent(10, 10, cost=3.0, currency="EUR"), 3), "other": total_of(Spent(5, 5))}
    made = folded("model", decided("approve"), decided("approve"), decided("reject"), spent=spent)
    first, second = made.groups
    assert (first.name, first.costs_per_approved) == ("openai/m", (("EUR", 1.5),))
    assert (second.name, second.decisions, second.costs_per_approved) == ("other", 0, ())
    assert Figures("all", approved=1).costs_per_approved == ()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_strangers_text_is_counted_whatever_it_is(text: str) -> None:
    made = folded("person", decided("reject", text, person=text, task_type=text))
    assert made.total.reviews == 1
    assert len(normal_reason(text * 1000)) <= 300
