"""What a graph may interrupt with, as the form a person sees, and the answer as the graph gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from evolver_tui.adapters.routines.langgraph.interrupts import LONGEST_MESSAGE, UnfitAnswer, form_of
from evolver_tui.core.errors import RoutineError
from evolver_tui.core.form import check_content, read_form
from evolver_tui.core.question import Answer, AnswerAction

ONE = {"name": "pay", "args": {"sum": 3}}
TWO = {"name": "mail", "args": {}}


def accepted(value: Any, schema: Mapping[str, Any] | None = None, **typed: Any) -> Any:
    """The resume value when a person fills in these fields; they have to fit the form."""
    form = form_of(value, schema)
    content, problems = check_content(read_form(form.schema), typed)
    assert not problems
    return form.resume(Answer(AnswerAction.ACCEPT, content), None)


def form(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Maybe"}
NESTED = {"type": "object", "properties": {"where": {"type": "object"}}, "required": ["where"]}


@pytest.mark.parametrize(
    ("value", "schema", "typed", "resumed"),
    [
        ("Which?", None, {"answer": "red"}, "red"),
        ({"a": 1}, None, {"answer": "red"}, "red"),
        (None, None, {"answer": "red"}, "red"),
        ({"message": "Sure?", "requestedSchema": form({})}, None, {}, True),
        ({"message": "Sure?", "requestedSchema": form({"yes": {"type": "boolean"}})}, None, {"yes": False}, False),
        ({"message": "Sure?", "requestedSchema": form({"note": TEXT})}, None, {}, None),
        (
            {"requestedSchema": form({"a": TEXT, "b": NUMBER}, "a")}, None, {"a": "x", "b": "3"}, {"a": "x", "b": 3},
        ),
        ("Which?", {"type": "integer", "minimum": 2}, {"answer": "2"}, 2),
        ("Which?", {"enum": ["a", "b"], "type": "string"}, {"answer": "b"}, "b"),
        ("Which?", form({"a": TEXT}, "a"), {"a": "x"}, {"a": "x"}),
        ("Which?", form({"a": MAYBE}), {}, {}),
        ("Which?", form({"a": MAYBE}), {"a": "x"}, {"a": "x"}),
        ("Which?", NESTED, {"answer": '{"where": {}}'}, {"where": {}}),
        ("Which?", {"type": "array", "items": TEXT}, {"answer": '["x"]'}, ["x"]),
        ({"action_requests": [ONE]}, None, {"decision": "approve"}, {"decisions": [{"type": "approve"}]}),
        ({"action_requests": [ONE]}, None, {"decision": "reject"}, {"decisions": [{"type": "reject"}]}),
        (
            {"action_requests": [{"name": "pay", "arguments": {"sum": 3}}]},
            None,
            {"decision": "edit", "text": '{"sum": 2}'},
            {"decisions": [{"type": "edit", "edited_action": {"name": "pay", "arguments": {"sum": 2}}}]},
        ),
        (
            {"action_requests": [ONE], "review_configs": [{"action_name": "pay", "allowed_decisions": ["respond"]}]},
            None,
            {"decision": "respond", "text": "paid"},
            {"decisions": [{"type": "respond", "message": "paid"}]},
        ),
        (
            {"action_requests": [ONE, TWO]},
            None,
            {"decision_1": "approve", "decision_2": "reject", "text_2": "no"},
            {"decisions": [{"type": "approve"}, {"type": "reject", "message": "no"}]},
        ),
    ],
)  # fmt: skip
def test_accepted_answer_becomes_what_the_graph_expects(
    value: Any, schema: Mapping[str, Any] | None, typed: Mapping[str, Any], resumed: Any
) -> None:
    assert accepted(value, schema, **typed) == resumed


@pytest.mark.parametrize(
    ("value", "schema", "typed", "problem"),
    [
        ("Which?", NESTED, {"answer": "{"}, "no JSON"),
        ({"action_requests": [ONE]}, None, {"decision": "edit", "text": "[]"}, "JSON object"),
        ({"action_requests": [ONE]}, None, {"decision": "edit"}, "no JSON"),
        (
            {"action_requests": [ONE], "review_configs": [{"action_name": "pay", "allowed_decisions": ["respond"]}]},
            None, {"decision": "respond"}, "needs a text",
        ),
    ],
)  # fmt: skip
def test_answer_that_does_not_fit_is_refused_with_a_sentence(
    value: Any, schema: Mapping[str, Any] | None, typed: Mapping[str, Any], problem: str
) -> None:
    with pytest.raises(UnfitAnswer, match=problem):
        accepted(value, schema, **typed)


def test_decline_is_a_rejection_where_the_graph_asks_for_decisions() -> None:
    decline = Answer(AnswerAction.DECLINE)
    assert form_of("Which?").resume(decline, "nobody") == "nobody"
    rejections = {"decisions": [{"type": "reject"}, {"type": "reject"}]}
    assert form_of({"action_requests": [ONE, TWO]}).resume(decline, "nobody") == rejections
    config = {"action_name": "pay", "allowed_decisions": ["approve"]}
    only_approve = form_of({"action_requests": [ONE], "review_configs": [config]})
    with pytest.raises(UnfitAnswer, match="cannot be declined"):
        only_approve.resume(decline, None)


def test_person_reads_what_the_agent_wants_to_do() -> None:
    shown = form_of({"action_requests": [ONE, {**TWO, "description": "To Bob"}]})
    assert shown.message.splitlines() == ["1. pay {", '  "sum": 3', "}", "", "2. To Bob", "mail {}"]


def test_whole_state_is_cut_to_what_a_person_can_read() -> None:
    assert len(form_of({"all": "x" * 100_000}).message) == LONGEST_MESSAGE + 1


@pytest.mark.parametrize(
    "value",
    [
        {"message": "m", "requestedSchema": NESTED},
        {"action_requests": [ONE], "review_configs": [{"action_name": "pay", "allowed_decisions": ["sing"]}]},
    ],
)
def test_broken_form_is_the_graphs_mistake_and_said_so(value: Any) -> None:
    with pytest.raises(RoutineError):
        form_of(value)
