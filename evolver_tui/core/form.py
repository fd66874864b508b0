"""Forms: whether what was filled in fits what a question's JSON Schema asks for.

jsonschema-rs judges each value, so limits mean what JSON Schema says; its patterns end in bounded time. It is loaded
when the first value is judged.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form_fields import Choice, FormField, read_form
from evolver_tui.core.form_schema import PLAIN, is_of, key_of, same
from evolver_tui.core.form_words import problem

if TYPE_CHECKING:
    from jsonschema_rs import FancyRegexOptions, RegexOptions, Validator

__all__ = ("Choice", "FormField", "check_content", "check_form", "default_values", "from_text", "read_form")

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER: Final = 400
"""Digits of a number; a double has room for 309 before its point."""

LONGEST_MATCHED: Final = 100_000
"""Characters of a text that is held against a pattern: the time grows with both."""

LONGEST_BACKTRACKED: Final = 100
"""The same for a pattern that looks around or back: there the time may grow with a power of both."""

_MOST_STEPS_BACK: Final = 20_000

_NOUNS: Final = {
    "integer": "a whole number",
    "number": "a number",
    "text": "a text",
    "text_or_number": "a text or number",
}


def check_form(requested_schema: Mapping[str, Any]) -> tuple[FormField, ...]:
    """The fields of a form that a person can answer: as `read_form`, and every pattern and choice can be used.

    Raises:
        QuestionError: no person could answer it; the sentence names field and keyword.
    """
    fields = read_form(requested_schema)
    for form_field in fields:
        validator = _judge(form_field).validator
        values = [choice.value for choice in form_field.choices] if form_field.kind == "one_of" else []
        if values and not any(validator.is_valid(_judged(value)) for value in values):
            name = form_field.name
            raise QuestionError(f"Field {name!a} of a question has choices (enum, const) that other keywords refuse.")
    return fields


def check_content(fields: Sequence[FormField], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Hold what a person typed against a form.

    A name that is missing was left out, and so was an empty text, unless it takes a default back. What may be null and
    has to be there, or had a default that was taken back, is null then.

    Args:
        values: field name to text, number, boolean, None, choice value or list of choice values; text for a number or
            for a choice is read.

    Returns:
        The content in the types the schema wants, and a problem in words for each field that does not fit.

    Raises:
        QuestionError: a field has a pattern that is none.
    """
    content: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for form_field in fields:
        value = values.get(form_field.name)
        is_given = form_field.name in values
        if not is_given or _is_nothing(form_field, value):
            is_taken_back = is_given and form_field.is_nullable and form_field.has_default
            if not form_field.required and not is_taken_back:
                continue
            if not form_field.is_nullable or (form_field.kind == "one_of" and not is_taken_back):
                problems[form_field.name] = "is needed"
                continue
            value = None
        try:
            content[form_field.name] = _checked(form_field, value)
        except ValueError as error:
            problems[form_field.name] = str(error)
    return content, problems


def default_values(fields: Sequence[FormField]) -> dict[str, Any]:
    """What stands in a form that nobody touched."""
    return {form_field.name: form_field.default for form_field in fields if form_field.has_default}


def from_text(form_field: FormField, text: str) -> Any:
    """What a person means who typed this, one of the choices where there are some.

    What is none of them, or no number, is left to be judged as the text that it is.
    """
    if form_field.choices:
        return _choice_from_text(form_field, text)
    if form_field.kind in ("number", "integer", "text_or_number"):
        number = _read_number(text, is_whole="number" not in form_field.types)
        if number is not None and is_of(number, form_field.types):
            return number
    return text


def _choice_from_text(form_field: FormField, text: str) -> Any:
    number = _read_number(text, is_whole=False)
    for choice in form_field.choices:
        if choice.text == text:
            return choice.value
    for choice in form_field.choices:
        if number is not None and same(choice.value, number):
            return choice.value
    return text


def _is_nothing(form_field: FormField, value: Any) -> bool:
    if value is None:
        return not form_field.is_nullable
    is_wanted = form_field.required and form_field.takes_empty
    if value != "" or is_wanted or any(choice.value == "" for choice in form_field.choices):
        return False
    is_taken_back = form_field.has_default and not form_field.required and form_field.default is not None
    return not (form_field.kind == "text" and (form_field.default == "" or is_taken_back))


def _checked(form_field: FormField, value: Any) -> Any:
    value = _typed(form_field, value)
    judge = _judge(form_field)
    if isinstance(value, str) and len(value) > judge.most_characters:
        raise ValueError(f"has to have at most {judge.most_characters:,} characters to be held against its pattern")
    wrong = next(judge.validator.iter_errors(_judged(value)), None)
    if wrong is None:
        return value
    if "backtracking" in wrong.message and wrong.kind.name == "pattern":
        raise ValueError("takes too long to be held against its pattern")
    raise ValueError(problem(form_field, wrong.schema_path))


def _typed(form_field: FormField, value: Any) -> Any:
    """The value in a type of the field's, where it has one. Raises ValueError with what it has to be."""
    if value is None and form_field.is_nullable:
        return None
    match form_field.kind:
        case "boolean":
            if not isinstance(value, bool):
                raise ValueError("has to be yes or no")
        case "one_of":
            return _chosen(form_field, [value], "is not one of the choices")[0]
        case "many_of":
            if not isinstance(value, list):
                raise ValueError("is not among the choices")
            return _chosen(form_field, value, "is not among the choices")
        case "number" | "integer":
            number = from_text(form_field, value) if isinstance(value, str) else value
            if not is_of(number, form_field.types):
                raise ValueError(f"has to be {_NOUNS[form_field.kind]}")
            return _plain_number(form_field, number)
        case kind:
            if not is_of(value, form_field.types):
                raise ValueError(f"has to be {_NOUNS[kind]}")
            return value if isinstance(value, str) else _plain_number(form_field, value)
    return value


def _chosen(form_field: FormField, values: list[Any], refusal: str) -> list[Any]:
    """The choices' own values; a text may be one, or be how one is typed."""
    known = {key_of(choice.value): choice.value for choice in form_field.choices}
    typed = {choice.text: choice.value for choice in form_field.choices}
    chosen = []
    for value in values:
        is_plain = is_of(value, PLAIN)
        if is_plain and key_of(value) in known:
            chosen.append(known[key_of(value)])
        elif isinstance(value, str) and value in typed:
            chosen.append(typed[value])
        else:
            raise ValueError(refusal)
    return chosen


def _plain_number(form_field: FormField, number: Any) -> Any:
    """Where whole numbers are wanted, 5.0 is 5."""
    return int(number) if isinstance(number, float) and "number" not in form_field.types else number


def _read_number(text: str, *, is_whole: bool) -> int | float | None:
    """A number as JSON writes it; None for anything else, and for what is beyond every number.

    Args:
        is_whole: 5.0 and 5e0 are 5, however many digits they have.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None or len(match.group()) > _LONGEST_NUMBER:
        return None
    if not any(match.groups()):
        return int(match.group())
    number = float(match.group())
    if not math.isfinite(number):
        return None
    exact = Decimal(match.group())
    return int(exact) if is_whole and exact == exact.to_integral_value() else number


class _Judge(NamedTuple):
    """What says whether a value fits a field's schema, and the longest text that it is asked about."""

    validator: Validator
    most_characters: float


@lru_cache(maxsize=512)
def _compiled(name: str, schema: str, has_pattern: bool) -> _Judge:
    from jsonschema_rs import Draft202012Validator, FancyRegexOptions, RegexOptions, ValidationError

    engines: tuple[tuple[RegexOptions | FancyRegexOptions, float], ...] = (
        (RegexOptions(), LONGEST_MATCHED if has_pattern else math.inf),
        (FancyRegexOptions(backtrack_limit=_MOST_STEPS_BACK), LONGEST_BACKTRACKED),
    )
    for engine, most_characters in engines:
        with suppress(ValidationError, ValueError):  # the first one takes no pattern that looks around or back
            validator = Draft202012Validator(
                json.loads(schema),
                validate_formats=True,
                formats={"language-pairs": _are_language_pairs},
                pattern_options=engine,
            )
            return _Judge(validator, most_characters)
    raise QuestionError(
        f"Field {name!a} of a question has a pattern that is no regular expression of JSON Schema (ECMA-262)."
    )


def _judge(form_field: FormField) -> _Judge:
    schema = _whole(json.dumps(form_field.schema, ensure_ascii=False))
    return _compiled(form_field.name, schema, form_field.limit("pattern") is not None)


def _whole(text: str) -> str:
    """The text with a sign in the place of half a character, which the validator does not take."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _judged(value: Any) -> Any:
    return json.loads(_whole(json.dumps(value, ensure_ascii=False)))


_CODE = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}"
_PAIR = rf"\s*{_CODE}(?:\s*(?:->|→|=>|>|:)\s*{_CODE}|\s+to\s+{_CODE})?\s*"
_LANGUAGE_PAIRS = re.compile(rf"{_PAIR}(?:[,;\n]{_PAIR})*")


def _are_language_pairs(text: str) -> bool:
    return _LANGUAGE_PAIRS.fullmatch(text) is not None
