"""Forms mean what their JSON Schema says: every keyword is enforced, or refused by its name."""

from __future__ import annotations

import enum
import random
import time
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from pydantic import BaseModel, Field

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form import check_content, check_form, default_values, from_text, read_form
from evolver_tui.core.form_words import limits
from evolver_tui.core.question import Question
from evolver_tui.core.question_kinds import check_question

DEFINITIONS = {
    "Colour": {"type": "string", "enum": ["red", "blue"], "title": "Colour"},
    "Level": {"type": "integer", "enum": [1, 2]},
    "Loop": {"$ref": "#/$defs/Loop"},
    "Tree": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
    "a/b~c d": {"type": "boolean"},
}


def form(schema: Any, *, required: bool = True) -> dict[str, Any]:
    names = ["x"] if required else []
    return {"type": "object", "properties": {"x": schema}, "required": names, "$defs": DEFINITIONS}


# --- what is shown, as which kind; a value that fits, as it comes back; one that does not ---------------------------

SHOWN: dict[str, tuple[Any, str, list[Any], list[Any]]] = {
    "integer enum": ({"type": "integer", "enum": [10, 20]}, "one_of", [10, 20], [30, "x", True]),
    "number enum": ({"type": "number", "enum": [0.5, 1]}, "one_of", [0.5, 1], [2, "0,5"]),
    "boolean enum": ({"type": "boolean", "enum": [True]}, "one_of", [True], [False, 1]),
    "mixed enum": ({"enum": [1, "1", True, None, "", 1.5]}, "one_of", [1, "1", True, None, "", 1.5], [False, 0]),
    "enum of another type": ({"type": "string", "enum": ["a", 1]}, "one_of", ["a"], [1]),
    "const": ({"const": 3}, "one_of", [3], [4]),
    "const among enum": ({"enum": ["a", "b"], "const": "b"}, "one_of", ["b"], ["a"]),
    "numbers with titles": (
        {"type": "integer", "oneOf": [{"const": 1, "title": "low"}, {"const": 9, "title": "high"}]},
        "one_of", [1, 9], [2],
    ),
    "untyped oneOf": ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, "one_of", ["a", "b"], ["A"]),
    "anyOf of enums": ({"anyOf": [{"enum": ["a"]}, {"$ref": "#/$defs/Level"}, {"type": "null"}]},
                       "one_of", ["a", 2, None], ["b"]),
    "boolean or a word": ({"anyOf": [{"type": "boolean"}, {"const": "auto"}]}, "one_of", [True, "auto"], ["yes"]),
    "legacy enumNames": ({"type": "string", "enum": ["r"], "enumNames": ["red"]}, "one_of", ["r"], ["red"]),
    "reference": ({"$ref": "#/$defs/Colour"}, "one_of", ["red"], ["green"]),
    "reference with siblings": ({"$ref": "#/$defs/Colour", "enum": ["red", "pink"]}, "one_of", ["red"], ["pink"]),
    "escaped reference": ({"$ref": "#/$defs/a~1b~0c%20d"}, "boolean", [True], [1]),
    "reference to another field": ({"allOf": [{"$ref": "#/$defs/Level"}], "default": 1}, "one_of", [1], ["x"]),
    "array of integers": ({"type": "array", "items": {"type": "integer", "enum": [1, 2, 3]}},
                          "many_of", [[1], [3, 1], []], [[4], ["x"], "1", [True]]),
    "array of anyOf": ({"type": "array", "items": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "minItems": 1},
                       "many_of", [["a"], ["b", "a"]], [[], ["c"]]),
    "unique items": ({"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
                     "many_of", [["b", "a"]], [["a", "a"]]),
    "contains": ({"type": "array", "items": {"enum": [1, 2, 3]}, "contains": {"enum": [2, 3]}, "minContains": 2},
                 "many_of", [[2, 3]], [[1], [1, 2]]),
    "two lower limits": ({"allOf": [{"minLength": 2}], "type": "string", "minLength": 3}, "text", ["abc"], ["ab"]),
    "two patterns": ({"type": "string", "pattern": "^a", "allOf": [{"pattern": "z$"}, {"pattern": "m"}]},
                     "text", ["amz"], ["az", "amx", "mz"]),
    "two steps": ({"allOf": [{"type": "integer", "multipleOf": 2}, {"multipleOf": 3}]}, "integer", [6], [2, 3]),
    "address or nothing": ({"anyOf": [{"type": "string", "format": "email"}, {"type": "string", "const": ""}]},
                           "text", ["a@b.c", ""], ["a"]),
    "a day or a time": ({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]},
                        "text", ["2024-02-29", "2024-02-29T00:00:00Z"], ["2023-02-29", "x"]),
    "one of two formats": ({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
                           "text", ["1.2.3.4", "::1"], ["1.2.3", 5]),
    "a number or a word": ({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}, {"type": "null"}]},
                           "text_or_number", [1, "auto", None], [0, "x", 1.5]),
    "a known name or another": ({"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "string", "maxLength": 2}]},
                                "text", ["red", "x"], ["green", 1]),
    "a day, a time or nothing": (
        {"anyOf": [{"anyOf": [{"type": "string", "format": each} for each in ("date", "time")]}, {"type": "null"}]},
        "text", ["2024-02-29", None], ["x"],
    ),
    "one of two ranges": ({"type": "integer", "oneOf": [{"minimum": 10}, {"maximum": 20}]},
                          "integer", [1, 30], [15]),
    ".NET's named numbers": ({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity"]}]},
                             "text_or_number", [1.5, "NaN"], ["-"]),
    "nullable text": ({"type": ["string", "null"]}, "text", ["a", None], [1]),
    "nullable by anyOf": ({"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
                          "text", ["ab", None], ["a"]),
    "nullable array": ({"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Colour"}}, {"type": "null"}]},
                       "many_of", [["red"], None], [["x"]]),
    "pattern": ({"type": "string", "pattern": "^[A-Z]{3}$"}, "text", ["ABC"], ["abc", "ABCD", "ABC\n"]),
    "pattern anywhere": ({"type": "string", "pattern": "b+"}, "text", ["abbc"], ["ac"]),
    "lookahead": ({"type": "string", "pattern": r"^(?=.*\d)\S+$"}, "text", ["a1"], ["ab"]),
    "length in characters": ({"type": "string", "minLength": 2, "maxLength": 2}, "text", ["é😀"], ["a", "abc"]),
    "limits": ({"type": "integer", "minimum": 1, "maximum": 3}, "integer", [1, 3], [0, 4, 1.5]),
    "open limits": ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "number", [0.5], [0, 1]),
    "open limits of draft 4": ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, "number", [1], [0]),
    "decimal steps": ({"type": "number", "multipleOf": 0.1}, "number", [0.3, 0.7, 1.1, 19.9], [0.35]),
    "cents": ({"type": "number", "multipleOf": 0.01}, "number", [4.35, 19.99, 1.1], [0.001]),
    "big integers": ({"type": "integer", "minimum": 10**20}, "integer", [10**20 + 1], [10**20 - 1]),
    "text or number": ({"type": ["string", "integer"], "pattern": r"^-?\d+$"}, "text_or_number", [5, "5"], ["x", 1.5]),
    "number of two types": ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number", [1, 1.5], ["x"]),
    "unknown keywords": ({"type": "string", "x-order": 1, "widget": {"deep": []}, "format": "colour"},
                         "text", ["a"], []),
    "keywords of other types": ({"type": "integer", "minLength": 9, "pattern": "a"}, "integer", [1], []),
    "date": ({"type": "string", "format": "date"}, "text",
             ["2024-02-29"], ["2023-02-29", "2024-2-9", "２０２４-02-29"]),
    "date-time": ({"type": "string", "format": "date-time"}, "text",
                  ["2026-01-31T12:30:00Z", "2026-01-31T12:30:00.5+01:00"],
                  ["2026-01-31T12:30Z", "2026-01-31 12:30:00", "2026-01-31T25:00:00Z"]),
    "email": ({"type": "string", "format": "email"}, "text",
              ["a@b.org", '"a b"@c.de'], ["a", "a@@b.c", ".a@b.c", "a b@c"]),
    "uri": ({"type": "string", "format": "uri"}, "text", ["urn:a:b", "http://[::1]/"], ["http://a b", "/x", "http://[x]"]),
    "uuid": ({"type": "string", "format": "uuid"}, "text", ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08"]),
    "time": ({"type": "string", "format": "time"}, "text", ["12:30:00Z"], ["12:30", "25:00:00Z"]),
    "ipv4": ({"type": "string", "format": "ipv4"}, "text", ["10.0.0.1"], ["10.0.0.256", "1"]),
    ".NET's number that may be a text": (
        {"type": ["string", "integer", "null"], "pattern": r"^-?(?:0|[1-9]\d*)$"}, "text_or_number", [7, None], ["x"],
    ),
    ".NET's enum that may be null": ({"enum": ["Low", "High", None]}, "one_of", ["Low", None], ["low"]),
    ".NET's character": ({"type": "string", "minLength": 1, "maxLength": 1}, "text", ["ä"], ["ab"]),
    ".NET's time span": (
        {"type": "string", "pattern": r"^-?(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?$"}, "text", ["1.00:00:00"], ["1 h"],
    ),
    "zod's integer": ({"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}, "integer", [5], [2**53]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_a_value_fits_where_json_schema_says_so_and_keeps_its_type(name: str) -> None:
    schema, kind, fitting, unfit = SHOWN[name]
    (field,) = fields = check_form(form(schema))
    assert field.kind == kind
    draft = "draft-04/schema#" if "draft 4" in name else "draft/2020-12/schema"
    dated = {"$schema": f"http{'' if 'draft 4' in name else 's'}://json-schema.org/{draft}", **form(schema)}
    judge = jsonschema_rs.validator_for(dated, validate_formats=True)
    for value in fitting:
        content, problems = check_content(fields, {"x": value})
        assert (problems, repr(content)) == ({}, repr({"x": value}))
        assert judge.is_valid(content)
        assert check_content(fields, content) == (content, {})
    for value in unfit:
        assert check_content(fields, {"x": value})[1].keys() == {"x"}, value
        assert not judge.is_valid({"x": value})


REFUSED: dict[str, tuple[Any, str]] = {
    "nested": ({"type": "object", "properties": {"y": {"type": "string"}}}, "properties"),
    "object": ({"type": "object"}, "the type object"),
    "no type": ({"title": "Anything"}, "no type"),
    "always": (True, "no schema"),
    "not": ({"type": "string", "not": {"const": "root"}}, "keyword not"),
    "if": ({"type": "string", "if": {"const": "a"}, "then": {"minLength": 2}}, "keyword if"),
    "tuple": ({"type": "array", "prefixItems": [{"type": "string"}]}, "keyword prefixItems"),
    "old tuple": ({"type": "array", "items": [{"enum": [1]}]}, "the keyword items with a list of schemas"),
    "free texts": ({"type": "array", "items": {"type": "string"}}, "items"),
    "array without items": ({"type": "array"}, "items"),
    "draft 3": ({"type": "string", "required": True}, "keyword required"),
    "endless reference": ({"$ref": "#/$defs/Loop"}, r"a \$ref that leads back to itself"),
    "endless alternative": ({"$ref": "#/$defs/Tree"}, r"a \$ref that leads back to itself"),
    "reference to itself": ({"$ref": "#/properties/x"}, r"a \$ref that leads back to itself"),
    "reference to the net": ({"$ref": "https://example.org/x.json"}, r"a \$ref that leads out of the schema"),
    "reference to nothing": ({"$ref": "#/$defs/None"}, r"a \$ref that leads to nothing"),
    "no regular expression": ({"type": "string", "pattern": "(a"}, "pattern that is no regular expression"),
    "Python's own syntax": ({"type": "string", "pattern": r"a\Z"}, "pattern that is no regular expression"),
    "no number": ({"type": "string", "minLength": "3"}, "minLength"),
    "negative count": ({"type": "string", "maxLength": -1}, "maxLength"),
    "step of nothing": ({"type": "number", "multipleOf": 0}, "multipleOf"),
    "no such type": ({"type": "text"}, "keyword type"),
    "two types": ({"type": ["string", "array"]}, "array or string"),
    "nothing between": ({"type": "integer", "minimum": 3, "maximum": 2}, "minimum and maximum"),
    "nothing between open limits": (
        {"type": "number", "exclusiveMinimum": 2, "maximum": 2},
        "exclusiveMinimum and",
    ),
    "nothing so long": ({"type": "string", "minLength": 3, "maxLength": 2}, "minLength and maxLength"),
    "more than there are": ({"type": "array", "items": {"enum": [1]}, "minItems": 2}, "minItems"),
    "choices that other keywords refuse": ({"type": "string", "enum": ["abc"], "maxLength": 2}, "enum"),
    "same choice twice": ({"oneOf": [{"const": 1}, {"const": 1.0}]}, "oneOf"),
    "two lists of choices": (
        {"anyOf": [{"type": "array", "items": {"enum": [1]}}, {"type": "array", "items": {"enum": [2]}}]},
        "anyOf",
    ),
    "name of a schema": ({"$ref": "#level"}, r"a \$ref to an \$anchor"),
    "a text or a list": ({"anyOf": [{"const": "a"}, {"type": "array", "items": {"enum": ["a"]}}]}, "anyOf"),
    "a word or a switch": ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, "boolean or string"),
    "choice that is a list": ({"enum": [[1]]}, "enum"),
    "no number at all": ({"type": "number", "minimum": float("nan")}, "minimum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_person_could_answer_is_refused_by_its_name(name: str) -> None:
    schema, said = REFUSED[name]
    with pytest.raises(QuestionError, match=rf"Field 'x'.*{said}"):
        check_form(form(schema))
    with pytest.raises(QuestionError, match="Question 'q' cannot be asked: Field 'x'"):
        check_question(Question("q", "m", form(schema)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"minProperties": 1}, "minProperties"),
        ({"dependentRequired": {"x": ["y"]}}, "dependentRequired"),
        ({"allOf": [{"required": ["x"]}]}, "allOf"),
        ({"if": {}, "then": {}}, "keyword if"),
        ({"patternProperties": {"^y": {}}}, "patternProperties"),
        ({"required": ["y"]}, "'y' under required"),
        ({"type": "array"}, "has to be an object"),
    ],
)
def test_what_is_said_of_all_fields_at_once_is_refused_by_its_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        check_form({**form({"type": "string"}), **change})


def test_a_form_may_be_a_reference() -> None:
    """As Pydantic writes a model that holds itself, and zod one with a name."""
    schema = {**form({"$ref": "#/$defs/Level"}), "title": "Order"}
    named = {
        "$ref": "#/definitions/A",
        "definitions": {"A": {"$ref": "#/definitions/B"}, "B": schema},
        **schema["$defs"],
    }
    (field,) = check_form({**named, "$defs": DEFINITIONS})
    assert (field.name, field.kind, field.required) == ("x", "one_of", True)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "#"}, r"schema has a \$ref that leads back to itself"),
        ({"$ref": "#/$defs/None"}, r"schema has a \$ref that leads to nothing"),
        ({"$ref": "https://example.org/a"}, r"schema has a \$ref that leads out of the schema"),
        ({"$ref": "#/$defs/a", "$defs": {"a": True}}, r"schema has a \$ref that leads to no schema"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "has to be an object"),
        ({**form({}), "$ref": "#/$defs/a", "$defs": {"a": form({})}}, r"has properties beside a \$ref"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"minProperties": 1}}}, "minProperties"),
    ],
)
def test_a_form_that_refers_to_none_is_refused_in_words(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(QuestionError, match=rf"^A question's {said}|{said}"):
        check_form(schema)


@pytest.mark.parametrize(
    ("schema", "titles", "texts"),
    [
        ({"enum": [1, "1"]}, ["1", '"1"'], ["1", '"1"']),
        ({"enum": [True, "yes", None]}, ["true", '"yes"', "(none)"], ["true", "yes", "null"]),
        ({"enum": ["a", "a ", " a"]}, ['"a"', '"a "', '" a"'], ["a", "a ", " a"]),
        ({"enum": ["a\u200b", "a\u200c"]}, [r'"a\u200b"', r'"a\u200c"'], ["a\u200b", "a\u200c"]),
        ({"oneOf": [{"const": 1, "title": "A"}, {"const": 2, "title": "A"}]}, ["A (1)", "A (2)"], ["1", "2"]),
        ({"enum": ["", "(empty)"]}, ['""', '"(empty)"'], ["", "(empty)"]),
    ],
)  # fmt: skip
def test_choices_that_read_alike_are_told_apart(schema: dict[str, Any], titles: list[str], texts: list[str]) -> None:
    (field,) = check_form(form(schema))
    assert [choice.title for choice in field.choices] == titles
    assert [choice.text for choice in field.choices] == texts
    assert [from_text(field, text) for text in texts] == [choice.value for choice in field.choices]


def test_a_choice_that_is_a_number_is_typed_as_json_writes_it() -> None:
    (field,) = check_form(form({"enum": [1.0, 2.5, 1000, "1e2"]}))
    typed = ["1", "2.50", "1e3", "1e2", "x"]
    assert repr([from_text(field, text) for text in typed]) == repr([1.0, 2.5, 1000, "1e2", "x"])


def test_what_may_be_null_in_openapi_may_be_null() -> None:
    schema = {"type": "integer", "nullable": True, "minimum": 1, "maximum": 9, "exclusiveMaximum": True}
    fields = check_form(form(schema))
    assert check_content(fields, {}) == ({"x": None}, {})
    assert check_content(fields, {"x": "9"})[1] == {"x": "has to be less than 9"}
    (choice,) = check_form(form({"type": "string", "nullable": True, "enum": ["a", None]}))
    assert [each.value for each in choice.choices] == ["a", None]


def test_an_empty_text_is_an_answer_where_it_is_named_as_one() -> None:
    schema = {"anyOf": [{"type": "string", "format": "uri"}, {"const": ""}]}
    assert check_content(check_form(form(schema)), {"x": ""}) == ({"x": ""}, {})
    assert check_content(check_form(form(schema, required=False)), {"x": ""}) == ({}, {})
    assert check_content(check_form(form({"type": "string"})), {"x": ""}) == ({}, {"x": "is needed"})


def test_a_form_may_say_that_there_is_nothing_else_and_what_it_is() -> None:
    about = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "a", "$comment": "b", "title": "c"}
    (field,) = check_form(
        {**form({"type": "string"}), **about, "additionalProperties": False, "type": ["object", "null"]}
    )
    assert field.kind == "text"


# --- what Pydantic writes ---------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    S = 1
    L = 3


class Order(BaseModel):
    """What a shop needs."""

    colour: Colour
    second: Colour = Colour.BLUE
    third: Colour | None = None
    size: Size = Size.S
    sizes: Annotated[list[Size], Field(min_length=1)]
    ways: set[Literal["air", "sea"]] = set()
    note: str | None = None
    count: int | None
    state: Literal["open", 1, None]
    code: Literal["k"]
    price: Annotated[float, Field(gt=0, multiple_of=0.5)]
    either: int | str
    mode: bool | Literal["auto"] = "auto"
    plate: Annotated[str, Field(pattern="^[A-Z]+$", description="Letters")]


def test_what_pydantic_writes_is_shown_and_pydantic_reads_the_answer() -> None:
    fields = check_form(Order.model_json_schema())
    kinds = {field.name: field.kind for field in fields}
    assert kinds == {
        "colour": "one_of", "second": "one_of", "third": "one_of", "size": "one_of", "sizes": "many_of",
        "ways": "many_of", "note": "text", "count": "integer", "state": "one_of", "code": "one_of", "price": "number",
        "either": "text_or_number", "mode": "one_of", "plate": "text",
    }  # fmt: skip
    typed = {"colour": "red", "sizes": ["3"], "state": "1", "code": "k", "price": "1.5", "either": 7, "plate": "AB"}
    content, problems = check_content(fields, default_values(fields) | typed)
    assert problems == {}
    assert content["count"] is None, "what has to be there and may be null is null when it is left empty"
    assert (content["state"], content["sizes"], content["second"], content["mode"]) == (1, [3], "blue", "auto")
    order = Order.model_validate(content)
    assert (order.size, order.sizes, order.either) == (Size.S, [Size.L], 7)


class Address(BaseModel):
    """A model within a model."""

    street: str


class Letter(BaseModel):
    """Not flat."""

    to: Address


def test_a_model_in_a_model_is_refused_by_its_name() -> None:
    with pytest.raises(QuestionError, match=r"Field 'to' has the keyword properties"):
        check_form(Letter.model_json_schema())


# --- numbers, patterns, empty values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("5", 5), ("5.0", 5), ("5e0", 5), ("1e3", 1000), ("-0", 0), (" 7 ", 7), ("12345678901234567890.0",
        12345678901234567890), ("0x10", None), ("1_000", None), ("٣", None), ("+5", None), ("05", None), ("5.", None),
        (".5", None), ("5.5", None), ("NaN", None), ("Infinity", None), ("1e999999999", None), ("9" * 5000, None),
        ("true", None), ("", None), ("1 000", None),
    ],
)  # fmt: skip
def test_a_number_is_what_json_writes(typed: str, read: int | None) -> None:
    content, problems = check_content(read_form(form({"type": "integer"})), {"x": typed})
    assert (content.get("x"), bool(problems)) == (read, read is None)
    assert read is None or type(content["x"]) is int


def test_a_text_is_read_as_a_number_only_where_the_field_takes_one() -> None:
    (text,) = read_form(form({"type": "string"}))
    (either,) = read_form(form({"type": ["string", "number"]}))
    (choice,) = read_form(form({"enum": [1, "2"]}))
    assert [from_text(field, "1") for field in (text, either, choice)] == ["1", 1, 1]
    assert [from_text(either, typed) for typed in ("007", "1e2", "1.50", "x")] == ["007", 100.0, 1.5, "x"]


HOSTILE_PATTERNS = (
    "(a+)+$", "^(a|aa)+$", "(.*)*=(.*)*y", r"^(a+)+\1$", r"^(?=(a|a?)+$)(a|aa)+\1!$", "(?=(.*){200})z",
    r"(?=(\p{L}+\s?){100}x)z", "(?=a)(a+a+)+y", r"(?=(\p{L}+\s?){100}x|)" * 80 + "z",
)  # fmt: skip


@pytest.mark.parametrize("length", [99, 2_000, 99_000])
@pytest.mark.parametrize("pattern", HOSTILE_PATTERNS, ids=lambda pattern: pattern[:20])
def test_a_hostile_pattern_ends(pattern: str, length: int) -> None:
    fields = check_form(form({"type": "string", "pattern": pattern}))
    begin = time.process_time()
    _, problems = check_content(fields, {"x": "a" * length + "!"})
    assert time.process_time() - begin < 5
    assert problems["x"].startswith(
        ("has to match ", "takes too long to be held", "has to have at most 100 characters")
    )


def test_a_pattern_that_only_looks_forward_takes_a_long_text() -> None:
    plain, looking = (form({"type": "string", "pattern": each}) for each in ("^a+$", "^(?!b)a+$"))
    assert check_content(check_form(plain), {"x": "a" * 90_000})[1] == {}
    assert check_content(check_form(looking), {"x": "a" * 100})[1] == {}
    said = {"x": "has to have at most 100 characters to be held against its pattern"}
    assert check_content(check_form(looking), {"x": "a" * 101})[1] == said


def test_half_of_a_character_is_no_accident() -> None:
    fields = check_form(form({"type": "string", "enum": ["\ud800", "b"]}))
    assert check_content(fields, {"x": "\ud800"}) == ({"x": "\ud800"}, {})
    assert check_content(check_form(form({"type": "string", "maxLength": 1})), {"x": "\ud83d"})[1] == {}


@pytest.mark.parametrize(
    ("schema", "given", "kept", "problem"),
    [
        ({"type": "string"}, {}, {}, "is needed"),
        ({"type": "string"}, {"x": ""}, {}, "is needed"),
        ({"type": "string", "default": ""}, {"x": ""}, {"x": ""}, None),
        ({"type": ["string", "null"]}, {}, {"x": None}, None),
        ({"type": ["integer", "null"]}, {"x": ""}, {"x": None}, None),
        ({"enum": ["", "a"]}, {"x": ""}, {"x": ""}, None),
        ({"enum": ["a", None]}, {}, {}, "is needed"),
        ({"enum": ["a", None]}, {"x": None}, {"x": None}, None),
        ({"enum": ["a", None]}, {"x": "null"}, {"x": None}, None),
        ({"enum": ["a", None], "default": "a"}, {"x": ""}, {"x": None}, None),
        ({"type": ["integer", "null"], "default": 5}, {"x": ""}, {"x": None}, None),
        ({"type": "array", "items": {"enum": [1]}}, {"x": []}, {"x": []}, None),
        ({"type": "array", "items": {"enum": [1]}}, {}, {}, "is needed"),
    ],
)
def test_empty_is_not_missing(
    schema: dict[str, Any], given: dict[str, Any], kept: dict[str, Any], problem: str | None
) -> None:
    content, problems = check_content(check_form(form(schema)), given)
    assert (content, problems.get("x")) == (kept, problem)


def test_a_text_that_was_taken_back_is_empty_and_not_the_default_again() -> None:
    fields = check_form(form({"type": "string", "default": "a"}, required=False))
    assert check_content(fields, {"x": ""}) == ({"x": ""}, {})
    assert check_content(fields, {}) == ({}, {})


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({"type": "integer", "default": 5}, {"x": 5}),
        ({"type": "string", "default": " two\nlines\t\r\n"}, {"x": " two\nlines\t\r\n"}),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "default": ["b", "a"]}, {"x": ["b", "a"]}),
        ({"enum": [1, "1"], "default": "1"}, {"x": "1"}),
        ({"type": ["string", "null"], "default": None}, {"x": None}),
        ({"type": "integer", "default": "five"}, {}),
        ({"type": "string", "default": None}, {}),
        ({"enum": ["a"], "default": "b"}, {}),
    ],
)
def test_a_default_that_can_be_one_answers_for_its_field(schema: dict[str, Any], default: dict[str, Any]) -> None:
    fields = check_form(form(schema))
    assert repr(default_values(fields)) == repr(default)
    assert check_content(fields, default_values(fields))[0] == default


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "minLength": 3, "maxLength": 10}, "3 to 10 characters"),
        ({"type": "string", "minLength": 1}, "at least 1 character"),
        ({"type": "string", "minLength": 2, "maxLength": 2}, "exactly 2 characters"),
        ({"type": "string", "pattern": "^[A-Z]{3}$"}, "matching ^[A-Z]{3}$"),
        ({"type": "string", "format": "email", "pattern": "^(?!x).*$"}, "an e-mail address"),
        ({"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5}, "a number, more than 0, a multiple of 0.5"),
        ({"type": "integer", "minimum": 1, "maximum": 1234567}, "a whole number from 1 to 1234567"),
        ({"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}, "a whole number"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "a number, at least 0 and less than 1"),
        ({"type": "array", "items": {"enum": [1, 2]}, "minItems": 1, "maxItems": 2}, "1 to 2 choices"),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "contains": {"const": "b"}}, "at least 1 of b"),
        ({"type": ["string", "integer"], "minLength": 2}, "a whole number, or a text (at least 2 characters)"),
        ({"type": "string"}, ""),
        (SHOWN["two patterns"][0], "matching ^a, matching z$, matching m"),
        (SHOWN["two steps"][0], "a whole number, a multiple of 2, a multiple of 3"),
        (SHOWN["address or nothing"][0], "an e-mail address or (empty)"),
        (SHOWN["one of two formats"][0], "an IPv4 address or an IPv6 address"),
        (SHOWN["a number or a word"][0], "a whole number, at least 1, or auto"),
        (SHOWN["a known name or another"][0], "red or blue or at most 2 characters"),
        (
            {"anyOf": [{"enum": list("abcdef")}, {"type": "string", "pattern": "x"}], "maxLength": 3, "type": "string"},
            "at most 3 characters, a or b or c or d or e or … or matching x",
        ),
        (SHOWN["one of two ranges"][0], "a number, at least 10, or a number, at most 20"),
    ],
)
def test_limits_are_said_in_a_few_words(schema: dict[str, Any], said: str) -> None:
    (field,) = read_form(form(schema))
    assert limits(field) == said


@pytest.mark.parametrize(
    ("schema", "is_multiline"),
    [
        ({"type": "string"}, False),
        ({"type": "string", "maxLength": 255}, False),
        ({"type": "string", "maxLength": 1000}, True),
        ({"type": "string", "format": "textarea"}, True),
        ({"type": "string", "contentMediaType": "text/markdown"}, True),
        ({"type": "string", "default": "two\nlines"}, True),
        ({"type": "string", "format": "uri", "maxLength": 2083}, False),
        ({"enum": ["a\nb"]}, False),
    ],
)
def test_what_makes_a_text_one_of_several_lines(schema: dict[str, Any], is_multiline: bool) -> None:
    (field,) = read_form(form(schema))
    assert field.is_multiline is is_multiline


# --- schemas that nobody wrote ----------------------------------------------------------------------------------------

TYPES = ["string", "integer", "number", "boolean", "null", ["string", "null"], ["integer", "string"], ["array", "null"]]
LIMITS: dict[str, list[Any]] = {
    "minLength": [0, 1, 2], "maxLength": [0, 3], "minimum": [0, 1.5], "maximum": [1, 3], "exclusiveMinimum": [0],
    "multipleOf": [0.5, 2], "pattern": ["^a", "b"], "format": ["date", "email", "colour"],
    "minItems": [0, 1], "maxItems": [1, 2], "uniqueItems": [True, False],
}  # fmt: skip
PLAIN: list[Any] = ["a", "b", "ab", "1", 1, 2, 1.5, True, False, None]
VALUES = [*PLAIN, 0, -1, 1.0, "2020-01-01", "x@y.z", [], ["a"], ["b", "a"], ["a", "a"], [1], [None], [True, 1]]


def made_up(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    """A schema of a field, sensible or not."""
    schema: dict[str, Any] = {key: chance.choice(each) for key, each in LIMITS.items() if chance.random() < 0.1}
    if chance.random() < 0.7:
        schema["type"] = chance.choice(TYPES)
    kind = chance.random()
    if kind < 0.3:
        schema["enum"] = [chance.choice(PLAIN) for _ in range(chance.randint(1, 4))]
    elif kind < 0.4:
        schema["const"] = chance.choice(PLAIN)
    elif kind < 0.7 and depth < 3:
        parts = [made_up(chance, depth + 1) for _ in range(chance.randint(1, 3))]
        schema |= chance.choice([{"anyOf": parts}, {"oneOf": parts}, {"allOf": parts[:2]}, {"items": parts[0]}])
    elif kind < 0.8:
        schema["$ref"] = f"#/$defs/{chance.choice('ABC')}"
    return schema


@pytest.mark.parametrize("seed", range(4))
def test_what_a_form_takes_is_what_its_schema_takes(seed: int) -> None:
    chance = random.Random(seed)
    shown = 0
    for _ in range(1_500):
        schema = {**form(made_up(chance)), "$defs": {name: made_up(chance, 1) for name in "ABC"}}
        try:
            fields = check_form(schema)
        except QuestionError:
            continue
        shown += 1
        judge = jsonschema_rs.validator_for(schema, validate_formats=True)
        for value in VALUES:
            content, problems = check_content(fields, {"x": value})
            fits = judge.is_valid({"x": value})
            assert not (fits and problems), (value, problems, schema)
            assert problems or judge.is_valid(content), (value, content, schema)
    assert shown > 400


def test_a_schema_without_end_is_refused_in_time() -> None:
    doubled = {f"A{step}": {"anyOf": [{"$ref": f"#/$defs/A{step + 1}"}] * 2} for step in range(30)}
    many = [{"$ref": "#/$defs/B"}] * 200
    for definitions in (doubled, {"A0": {"anyOf": many}, "B": {"anyOf": [{"const": number} for number in range(200)]}}):
        begin = time.process_time()
        with pytest.raises(QuestionError, match=r"nested too deeply|more schemas than"):
            check_form({**form({"$ref": "#/$defs/A0"}), "$defs": definitions})
        assert time.process_time() - begin < 10
    with pytest.raises(QuestionError, match="pattern with a value that is not a text of at most 2000 characters"):
        check_form(form({"type": "string", "pattern": "x" * 2001}))


def test_many_choices_take_no_longer_each() -> None:
    begin = time.process_time()
    fields = check_form(form({"type": "array", "items": {"enum": list(range(50_000))}}))
    assert check_content(fields, {"x": list(range(49_999, -1, -1))})[1] == {}
    assert time.process_time() - begin < 10
