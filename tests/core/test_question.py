"""A question's flat form is read, and what a person typed is held against it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form import Choice, FormField, check_content, read_form
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.question_kinds import check_question

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "minLength": 2, "maxLength": 5},
        "mail": {"type": "string", "format": "email"},
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
        "share": {"type": "number", "default": 0.5},
        "keep": {"type": "boolean"},
        "language": {
            "type": "string",
            "oneOf": [{"const": "de", "title": "German"}, {"const": "fr", "title": "French"}],
        },
        "colour": {"type": "string", "enum": ["r", "g"], "enumNames": ["red", "green"]},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "maxItems": 2},
    },
    "required": ["name", "language"],
}


def test_every_kind_of_field_is_read_in_order() -> None:
    fields = read_form(SCHEMA)
    assert [(field.name, field.kind) for field in fields] == [
        ("name", "text"), ("mail", "text"), ("age", "integer"), ("share", "number"), ("keep", "boolean"),
        ("language", "one_of"), ("colour", "one_of"), ("tags", "many_of"),
    ]  # fmt: skip
    assert [field.name for field in fields if field.required] == ["name", "language"]
    assert fields[5].choices == (Choice("de", "German", "de"), Choice("fr", "French", "fr"))
    assert fields[6].choices == (Choice("r", "red", "r"), Choice("g", "green", "g"))
    assert fields[3].default == 0.5


def test_what_fits_comes_back_in_the_types_of_the_schema() -> None:
    typed = {"name": "Ada", "mail": "", "age": "36", "share": "1.5", "keep": False, "language": "de", "tags": ["a"]}
    content, problems = check_content(read_form(SCHEMA), typed)
    assert problems == {}
    assert content == {"name": "Ada", "age": 36, "share": 1.5, "keep": False, "language": "de", "tags": ["a"]}


def test_a_whole_number_may_be_written_with_a_point_as_json_may() -> None:
    content, _ = check_content(read_form(SCHEMA), {"age": 2.0})
    assert repr(content["age"]) == "2"


@pytest.mark.parametrize(
    ("typed", "field", "problem"),
    [
        ({"name": ""}, "name", "is needed"),
        ({"name": "A"}, "name", "length has to be at least 2"),
        ({"name": "Adelaide"}, "name", "length has to be at most 5"),
        ({"name": True}, "name", "has to be a text"),
        ({"name": 12}, "name", "has to be a text"),
        ({"name": ["Ada"]}, "name", "has to be a text"),
        ({"mail": "nobody"}, "mail", "has to be an e-mail address"),
        ({"age": "old"}, "age", "has to be a whole number"),
        ({"age": 2.5}, "age", "has to be a whole number"),
        ({"age": True}, "age", "has to be a whole number"),
        ({"age": float("inf")}, "age", "has to be a whole number"),
        ({"age": "100"}, "age", "has to be at most 99"),
        ({"share": "nan"}, "share", "has to be a number"),
        ({"keep": "yes"}, "keep", "has to be yes or no"),
        ({"language": "en"}, "language", "is not one of the choices"),
        ({"tags": ["a", "b", "c"]}, "tags", "number of choices has to be at most 2"),
        ({"tags": ["z"]}, "tags", "is not among the choices"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(typed: dict[str, Any], field: str, problem: str) -> None:
    _, problems = check_content(read_form(SCHEMA), {"name": "Ada", "language": "de", **typed})
    assert problems == {field: problem}


@pytest.mark.parametrize(
    "schema",
    [
        "nonsense",
        "",
        None,
        [],
        7,
        {"type": "array"},
        {"type": "object", "properties": []},
        {"properties": {"x": {"type": "object"}}},
        {"properties": {"x": 5}},
        {"properties": {"x": {"type": "array", "items": {"type": "string"}}}},
        {"properties": {"x": {"type": "number", "minimum": 10**400}}},
        {"properties": {5: {"type": "string"}}},
        {"properties": {"x": {"type": "string", "enum": [{}]}}},
        {"properties": {"x": {"type": "string", "oneOf": [{"const": 10**5000}]}}},
        {"properties": {"x": {"type": "string", "enum": []}}, "required": ["x"]},
    ],
)
def test_a_form_that_cannot_be_shown_is_refused(schema: Any) -> None:
    with pytest.raises(QuestionError):
        read_form(schema)
    with pytest.raises(QuestionError, match=r"Question 'q' cannot be asked: .* Mend the routine: a question is a"):
        check_question(Question("q", "", schema))


ODD: Any = {5: None}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which one?", "A routine asks with a value of type str. Mend the routine"),
        (Question("", "m"), "needs a name that is a text"),
        (Question(ODD, "m"), "needs a name that is a text"),
        (Question("q", ODD), "The message of question 'q' has to be a text, not a dict"),
        (Question("q", "m", kind=ODD), "The kind of question 'q' has to be a QuestionKind, not a dict"),
        (Question("q", "m", subject=(ODD,)), "The subject of question 'q' has to be a mapping, not a tuple"),  # type: ignore[arg-type]
    ],
)
def test_what_nobody_can_be_asked_is_refused_in_words(question: object, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        check_question(question)


def test_what_can_be_asked_is_let_through() -> None:
    for question in (Question("q", ""), Question("q", "m", SCHEMA), Question("r", "m", kind=QuestionKind.REVIEW)):
        check_question(question)


keys = st.sampled_from(
    ["type", "enum", "oneOf", "anyOf", "const", "items", "title", "minimum", "enumNames", "default", "x"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
schemas = st.dictionaries(keys, json_values | st.sampled_from(["string", "array", "number", "boolean"]), max_size=5)


@given(st.dictionaries(st.text(max_size=3), schemas | json_values, max_size=3), json_values)
def test_any_schema_is_a_form_or_refused_in_words(properties: dict[str, Any], required: Any) -> None:
    schema = {"type": "object", "properties": properties, "required": required}
    fields: tuple[FormField, ...] = ()
    with contextlib.suppress(QuestionError):
        fields = read_form(schema)
    content, problems = check_content(fields, {field.name: "1" for field in fields})
    assert {*content, *problems} == {field.name for field in fields}


def test_nonsense_among_the_required_names_is_left_out() -> None:
    (field,) = read_form({"properties": {"x": {"type": "string"}}, "required": [{}, "x", 5]})
    assert field.required


def test_no_schema_is_a_question_without_fields() -> None:
    assert read_form({}) == ()
