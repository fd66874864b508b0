"""Remembered answers as pure rules: what each scope covers, until when, and that nothing but a form is answered."""

from __future__ import annotations

from typing import Any

import pytest

from evolver_tui.core.answer_rule import AnswerRule, AnswerScope, Asking, Breadth, in_order, told_of
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.job_marks import JobMarks, MarkChange
from evolver_tui.core.journal import UNSURE
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question
from evolver_tui.core.rule import fold
from evolver_tui.core.signal import Signal

FORM = {"type": "object", "properties": {"unit": {"type": "string"}}, "required": ["unit"]}
METRES = Answer(AnswerAction.ACCEPT, {"unit": "m"})
ASKED = Question("unit", "Which unit?", FORM)


def rule(breadth: Breadth, number: int = 1, **more: Any) -> AnswerRule:
    asking = Asking.of(ASKED, "measure", "convert")
    scope = AnswerScope(breadth, asking.asks, asking.form, "measure", "convert", "here", ASKED.message)
    return AnswerRule(number, scope, METRES, "ada", 100.0, **more)


def signal(
    question: Question = ASKED, routine: str = "measure", task_type: str = "convert", session: str = "here"
) -> Signal:
    return Signal("question.asked", dict(told_of(question, routine, task_type)), {"job": 7, "session_id": session})


def fires(given: AnswerRule, heard: Signal) -> bool:
    return bool(fold([given.as_rule()], {}, heard, 200.0).firings)


OTHER_WORDS = Question("unit", "Which unit, please?", FORM)
OTHER_FORM = Question("unit", "Which unit?", {**FORM, "required": []})
SAME_BY_ANOTHER_NAME = Question("unit 2", "Which unit?", dict(reversed(FORM.items())))


@pytest.mark.parametrize(
    ("heard", "covering"),
    [
        (signal(), {"session", "task_type", "always", "field"}),
        (signal(SAME_BY_ANOTHER_NAME), {"session", "task_type", "always", "field"}),
        (signal(session="there"), {"task_type", "always", "field"}),
        (signal(task_type="weigh"), {"session", "always", "field"}),
        (signal(OTHER_WORDS), {"field"}),
        (signal(OTHER_FORM), set()),
        (signal(routine="another"), set()),
        (Signal("question.asked", {"question": "unit", "message": "Which unit?"}, {"job": 7}), set()),
        (Signal("review.requested", dict(signal().payload), {"job": 7, "session_id": "here"}), set()),
        (Signal("question.asked", dict(signal().payload), {"rule": "x", "session_id": "here"}), set()),
    ],
)
def test_each_scope_covers_what_it_says(heard: Signal, covering: set[str]) -> None:
    assert {breadth.value for breadth in Breadth if fires(rule(breadth), heard)} == covering


def test_a_rule_is_in_force_until_it_expires_or_is_revoked() -> None:
    assert rule(Breadth.ALWAYS).is_in_force(1e12)
    assert [rule(Breadth.ALWAYS, expires_at=150.0).is_in_force(now) for now in (149.9, 150.0)] == [True, False]
    assert not rule(Breadth.ALWAYS, revoked_at=120.0).is_in_force(110.0)


def test_no_review_nor_what_the_runtime_asks_is_covered() -> None:
    def covers(question: Question) -> bool:
        asking = Asking.of(question, "measure", "convert")
        scope = AnswerScope(Breadth.ALWAYS, asking.asks, asking.form, "measure", "convert", "here")
        asked = OpenQuestion(1, 7, "t", "T", "convert", question, 0.0)
        return AnswerRule(1, scope, METRES, "ada", 0.0).covers(asked, "measure", "here")

    assert covers(ASKED)
    assert not covers(Question("unit", "Which unit?", FORM, kind=QuestionKind.REVIEW))
    assert not covers(Question("unit", "Which unit?", FORM, kind="choice"))
    assert not covers(Question(f"{UNSURE}unit 0", "Which unit?", FORM))
    assert "asks" not in told_of(Question("unit", "?", FORM, kind=QuestionKind.REVIEW), "measure", "convert")


def test_a_rule_that_remembers_no_answer_gives_none() -> None:
    asked = OpenQuestion(1, 7, "t", "T", "convert", ASKED, 0.0)
    declining = AnswerRule(1, rule(Breadth.ALWAYS).scope, Answer(AnswerAction.DECLINE), "ada", 0.0)
    assert rule(Breadth.ALWAYS).covers(asked, "measure", "here")
    assert not declining.covers(asked, "measure", "here")


def test_what_reaches_least_far_answers_first_and_the_latest_of_these() -> None:
    breadths = (Breadth.FIELD, Breadth.ALWAYS, Breadth.SESSION, Breadth.TASK_TYPE, Breadth.ALWAYS)
    rules = in_order([rule(breadth, number) for number, breadth in enumerate(breadths)])
    assert [(each.scope.breadth.value, each.id) for each in rules] == [
        ("session", 2), ("task_type", 3), ("always", 4), ("always", 1), ("field", 0),
    ]  # fmt: skip


def test_a_scope_is_read_back_as_it_was_kept() -> None:
    scope = rule(Breadth.TASK_TYPE).scope
    assert AnswerScope.from_json_value(scope.to_json_value()) == scope


def test_what_is_no_json_is_covered_by_nothing() -> None:
    odd = Question("unit", "Which unit?", {"properties": {"unit": object()}})
    assert Asking.of(odd, "measure", "convert")[:2] == ("", "")
    assert not any(fires(rule(breadth), signal(odd)) for breadth in Breadth)


def test_a_note_alone_is_kept_once() -> None:
    said = MarkChange(note="Remembered answer 1 of ada answered 'unit'.")
    once = said.of(JobMarks(), "medium")
    assert once.notes == (said.note,)
    assert said.of(once, "medium") == once
    tagged = JobMarks(tags=("x",))
    assert MarkChange(tags=("x",), note="Rule y: tag x.").of(tagged, "medium") == tagged, "nothing changed by it"
