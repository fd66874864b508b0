"""What is due, as a pure function of signals and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.rule import (
    MOST_OPEN,
    ActionKind,
    Firing,
    PayloadEquals,
    Rule,
    RuleAction,
    States,
    fold,
    kept_states,
    next_due,
    rehearse,
)
from evolver_tui.core.signal import Signal

SAY = RuleAction(ActionKind.NOTIFY, "look")
TAG = RuleAction(ActionKind.TAG, "seen")


def rule(
    when: str = "custom.asked",
    *actions: RuleAction,
    wanted: dict[str, Any] | None = None,
    cooldown: float = 0.0,
    holds_for: float = 0.0,
    until: Sequence[str] = (),
    name: str = "a rule",
) -> Rule:
    """A rule that says something."""
    return Rule(name, (when,), PayloadEquals(wanted or {}), actions or (SAY,), cooldown, holds_for, tuple(until))


def told(name: str, at: float, task: str = "", **payload: Any) -> Signal:
    """A signal at a time."""
    return Signal(name, payload, {"timestamp": at, **({"task_id": task} if task else {})})


def fired(rules: Sequence[Rule], *log: Signal) -> list[tuple[float, str, str]]:
    """When which rule fired, and about which task."""
    found = rehearse(rules, enumerate(log, 1))
    return [(e.at, e.rule.name, str(e.signal.context.get("task_id", ""))) for e in found if isinstance(e, Firing)]


def test_a_payload_has_to_have_these_values_and_may_have_others() -> None:
    wanted = {"end_reason": "limit_exceeded", "deep": {"list": [1, {"a": None}]}}
    rules = [rule(wanted=wanted)]
    good: dict[str, Any] = {"end_reason": "limit_exceeded", "deep": {"list": [1.0, {"a": None, "b": 2}], "more": 1}}
    assert fired(rules, told("custom.asked", 1, **good)) == [(1, "a rule", "")]
    for bad in ({}, {**good, "end_reason": "other"}, {**good, "deep": {"list": [True, {"a": None}]}}, {"deep": 1}):
        assert not fired(rules, told("custom.asked", 1, **bad))
    assert not fired([rule(wanted={"a": None})], told("custom.asked", 1))  # what is missing is not null


def test_a_pattern_hears_its_domain_and_a_rule_never_hears_a_rule() -> None:
    everything = [rule("*"), rule("custom.*", name="domain")]
    assert [name for _, name, _ in fired(everything, told("customs.x", 1), told("custom.x", 2))] == [
        "a rule", "a rule", "domain",
    ]  # fmt: skip
    of_a_rule = Signal("intake.paused", {}, {"rule": "another"})
    assert not fired(everything, told("rule.fired", 1), told("rule.failed", 1), of_a_rule)


def test_a_cooldown_holds_back_what_is_told_and_nothing_that_is_done_to_a_job() -> None:
    both = rule("custom.asked", SAY, TAG, cooldown=10)
    log = [told("custom.asked", at, f"t{at}") for at in (0, 5, 9, 10, 30)]
    found = [each for each in rehearse([both], enumerate(log)) if isinstance(each, Firing)]
    assert [each.actions for each in found] == [(SAY, TAG), (TAG,), (TAG,), (SAY, TAG), (SAY, TAG)]
    assert [each.held_back for each in found] == [0, 0, 0, 2, 0]


def test_what_has_to_hold_is_watched_for_each_task_and_fires_once() -> None:
    rules = [rule(holds_for=10, until=("custom.answered",))]
    log = (
        told("custom.asked", 0, "a"), told("custom.asked", 1, "b"), told("custom.asked", 5, "a"),
        told("custom.answered", 9, "a"), told("custom.other", 20, "b"), told("custom.asked", 30, "b"),
        told("custom.other", 99, "b"), told("custom.answered", 100, "b"), told("custom.asked", 101, "b"),
        told("custom.other", 111),
    )  # fmt: skip
    assert fired(rules, *log) == [(11, "a rule", "b"), (111, "a rule", "b")]


def test_without_until_a_signal_that_does_not_fit_ends_it_and_one_without_a_task_ends_all() -> None:
    rules = [rule(holds_for=10, wanted={"is_down": True})]
    down: dict[str, Any] = {"is_down": True}
    up: dict[str, Any] = {"is_down": False}
    assert not fired(rules, told("custom.asked", 0, **down), told("custom.asked", 9, **up), told("custom.x", 50))
    assert fired(rules, told("custom.asked", 0, **down), told("custom.x", 10)) == [(10, "a rule", "")]
    of_tasks = (told("custom.asked", 0, "a", **down), told("custom.asked", 0, "b", **down))
    assert not fired(rules, *of_tasks, told("custom.asked", 9, **up), told("custom.x", 50))


def test_what_still_has_to_hold_when_the_log_ends_does_not_fire() -> None:
    assert not fired([rule(holds_for=10)], told("custom.asked", 0), told("custom.x", 9.9))


def test_memory_is_bounded_and_what_was_told_makes_room() -> None:
    slow = rule(holds_for=10)
    states: States = {}
    for number in range(MOST_OPEN):
        states = fold([slow], states, told("custom.asked", 0, f"t{number}"), 0.0).states
    step = fold([slow], states, told("custom.asked", 1, "one more"), 1.0)
    assert len(step.states["a rule"].held) == MOST_OPEN
    assert "1,000" in str(step.troubles[0].error)
    step = fold([slow], states, told("custom.asked", 20, "one more"), 20.0)
    assert (len(step.firings), len(step.troubles), len(step.states["a rule"].held)) == (MOST_OPEN, 0, MOST_OPEN)


def test_a_reload_keeps_what_a_rule_remembers_if_it_says_the_same() -> None:
    old = Rule("a", ("custom.asked",), PayloadEquals({}), (SAY,), 0, 10, (), source="same")
    states = fold([old], {}, told("custom.asked", 0), 0.0).states
    assert next_due([old], states) == 10
    again = Rule("a", ("custom.asked",), PayloadEquals({}), (SAY,), 0, 10, (), line=7, source="same")
    other = Rule("a", ("custom.asked",), PayloadEquals({}), (TAG,), 0, 10, (), source="other")
    assert kept_states([old], [again], states) == states
    assert kept_states([old], [other], states) == {}
    assert next_due([old], {}) is None


NAMES = st.sampled_from(["custom.asked", "custom.answered", "custom.x", "rule.fired"])
LOGS = st.lists(
    st.tuples(st.integers(0, 20), NAMES, st.sampled_from(["", "a", "b"]), st.booleans()), max_size=30
)  # fmt: skip
LOOKS = st.lists(st.integers(0, 600), max_size=30)
RULES = (
    rule(holds_for=7, until=("custom.answered",), name="until"),
    rule("custom.*", SAY, TAG, wanted={"n": True}, holds_for=5, cooldown=11, name="fits"),
    rule("custom.x", SAY, cooldown=13, name="cool"),
    rule("*", TAG, name="all"),
)


@given(LOGS, LOOKS)
def test_looks_at_the_time_in_between_change_nothing(steps: list[tuple[int, str, str, bool]], looks: list[int]) -> None:
    """A session looks when something is due, a rehearsal with the next signal: both come to the same."""
    log, at = [], 0
    for wait, name, task, value in steps:
        at += wait
        log.append(told(name, float(at), task, n=value))
    plain = [(each.at, each.rule.name, each.actions, each.number) for each in everything(log, [], at)]
    looked = [(each.at, each.rule.name, each.actions, each.number) for each in everything(log, looks, at)]
    assert sorted(plain, key=repr) == sorted(looked, key=repr)


def everything(log: Sequence[Signal], looks: Sequence[int], end: int) -> list[Firing]:
    """All firings up to the end, with further looks at the time."""
    steps: list[tuple[float, int, Signal | None]] = [(each.timestamp, 1, each) for each in log]
    steps += [(float(at), 0, None) for at in looks if at <= end]
    steps.sort(key=lambda step: step[:2])
    states: States = {}
    found: list[Firing] = []
    for now, _, signal in [*steps, (float(end), 1, None)]:
        states, firings, _ = fold(RULES, states, signal, now, 0 if signal is None else log.index(signal) + 1)
        found += firings
    return found
