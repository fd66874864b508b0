"""What a form's field takes, in the words that stand under it and that say what does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evolver_tui.core.form_fields import FormField, value_title
from evolver_tui.core.form_schema import alternatives, key_of

SAFE_INTEGER: Final = 2**53 - 1
"""A limit from here on says only what a computer can count to."""

FORMATS: Final[Mapping[str, str]] = {
    "email": "an e-mail address",
    "idn-email": "an e-mail address",
    "uri": "a URL",
    "iri": "a URL",
    "uri-reference": "a URL or a part of one",
    "iri-reference": "a URL or a part of one",
    "uri-template": "a template of a URL",
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T12:30:00Z",
    "time": "a time of day such as 12:30:00Z",
    "duration": "a duration such as P1DT2H30M",
    "uuid": "a UUID",
    "hostname": "a host name",
    "idn-hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "regex": "a regular expression",
    "json-pointer": "a JSON pointer such as /a/0",
    "relative-json-pointer": "a relative JSON pointer such as 1/a",
    "language-pairs": "language codes such as de->en, fr->es",
}
"""Formats that are enforced; others are annotations."""

_LONGEST_PATTERN = 60
_MOST_LISTED = 5
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def limits(form_field: FormField) -> str:
    """What a field takes beyond its choices, e.g. `3 to 10 characters`; empty where anything goes."""
    schema = form_field.schema
    further = [_further(part) for part in schema.get("allOf", ())]
    is_told_there = schema.keys() == {"type", "allOf"} and any(alternatives(part) for part in schema["allOf"])
    return ", ".join(filter(None, ["" if is_told_there else _own_limits(form_field), *further]))


def _own_limits(form_field: FormField) -> str:
    match form_field.kind:
        case "text":
            return _text_limits(form_field.schema)
        case "number" | "integer":
            return _number_limits(form_field.schema)
        case "text_or_number":
            text = _text_limits(form_field.schema)
            return f"{_number_limits(form_field.schema)}, or a text" + (f" ({text})" if text else "")
        case "many_of":
            return ", ".join(filter(None, _count_limits(form_field)))
        case _:
            return ""


def _further(schema: Mapping[str, Any]) -> str:
    """What a schema asks that holds beside a field's own."""
    said = [_alternative(each) for each in alternatives(schema) if each["type"] != ["null"]]
    between = ", or " if any("," in each for each in said) else " or "
    return between.join(dict.fromkeys(said)) or _step(schema) or _text_limits(schema)


def _alternative(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        titles = [value_title(value) for value in schema["enum"]]
        return " or ".join(titles[:_MOST_LISTED]) + (" or …" if len(titles) > _MOST_LISTED else "")
    is_number = {*schema["type"]} <= {"integer", "number", "null"} or any(each in schema for each in _OF_NUMBERS)
    own = _number_limits(schema) if is_number else _text_limits(schema)
    return ", ".join(filter(None, [own, *map(_further, schema.get("allOf", ()))])) or "a text"


def _text_limits(schema: Mapping[str, Any]) -> str:
    named = FORMATS.get(schema.get("format") or "", "")
    pattern = schema.get("pattern")
    parts = (
        named,
        _range(schema.get("minLength"), schema.get("maxLength"), "character"),
        "" if named or pattern is None else f"matching {_short(pattern)}",
    )
    return ", ".join(filter(None, parts))


def _number_limits(schema: Mapping[str, Any]) -> str:
    noun = "a number" if "number" in schema["type"] else "a whole number"
    low, high = _limit(schema, "minimum"), _limit(schema, "maximum")
    above, below = _limit(schema, "exclusiveMinimum"), _limit(schema, "exclusiveMaximum")
    if low and high and not above and not below:
        bounds = f" from {low} to {high}"
    else:
        parts = (
            (f"at least {low}", low), (f"more than {above}", above), (f"at most {high}", high),
            (f"less than {below}", below),
        )  # fmt: skip
        said = " and ".join(words for words, is_said in parts if is_said)
        bounds = f", {said}" if said else ""
    step = _step(schema)
    return f"{noun}{bounds}" + (f", {step}" if step else "")


def _step(schema: Mapping[str, Any]) -> str:
    step = _limit(schema, "multipleOf")
    return f"a multiple of {step}" if step else ""


def _limit(schema: Mapping[str, Any], keyword: str) -> str:
    value = schema.get(keyword)
    return "" if value is None or abs(value) >= SAFE_INTEGER else number_text(value)


def _count_limits(form_field: FormField) -> tuple[str, str]:
    counted = _range(form_field.limit("minItems"), form_field.limit("maxItems"), "choice")
    contained = form_field.limit("contains")
    if contained is None:
        return counted, ""
    low, high = form_field.limit("minContains"), form_field.limit("maxContains")
    counting = {key_of(value) for value in contained["enum"]}
    titles = [choice.title for choice in form_field.choices if key_of(choice.value) in counting]
    words = _range(1 if low is None else low, high, "").strip()
    return counted, f"{words} of {', '.join(titles)}" if words else ""


def _range(low: float | None, high: float | None, noun: str) -> str:
    """`3 to 10 characters`"""
    if high is not None and high >= SAFE_INTEGER:
        high = None
    if not low and high is None:
        return ""
    last = high if high is not None else low
    nouns = f" {noun}" + ("" if last == 1 or not noun else "s") if noun else ""
    if not low:
        return f"at most {number_text(last)}{nouns}"
    if high is None:
        return f"at least {number_text(low)}{nouns}"
    return f"{number_text(low)} to {number_text(high)}{nouns}" if low != high else f"exactly {number_text(low)}{nouns}"


def number_text(number: Any) -> str:
    """A number as JSON writes it; a whole one without a point."""
    is_whole = isinstance(number, float) and number.is_integer() and abs(number) < SAFE_INTEGER
    return json.dumps(int(number) if is_whole else number)


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= _LONGEST_PATTERN else f"{pattern[:_LONGEST_PATTERN]}…"


_PROBLEMS: Final[Mapping[str, str]] = {
    "minLength": "length has to be at least {}",
    "maxLength": "length has to be at most {}",
    "minimum": "has to be at least {}",
    "maximum": "has to be at most {}",
    "exclusiveMinimum": "has to be more than {}",
    "exclusiveMaximum": "has to be less than {}",
    "multipleOf": "has to be a multiple of {}",
    "minItems": "number of choices has to be at least {}",
    "maxItems": "number of choices has to be at most {}",
}


def problem(form_field: FormField, path: Sequence[str | int]) -> str:
    """What is wrong with a value that the keyword at this path within the field's schema refuses."""
    schema: Any = form_field.schema
    for part in path[:-1]:
        schema = schema[part]
    keyword = str(path[-1]) if path else ""
    limit: Any = schema.get(keyword)
    if keyword in _PROBLEMS and limit is not None:
        return _PROBLEMS[keyword].format(number_text(limit))
    if keyword == "format":
        return f"has to be {FORMATS.get(limit, f'of the format {limit}')}"
    if keyword == "pattern" and limit is not None:
        return f"has to match {_short(limit)}"
    if keyword == "uniqueItems":
        return "has a choice twice"
    if keyword in ("contains", "minContains", "maxContains"):
        return f"has to have {_count_limits(form_field)[1] or 'other choices'}"
    if keyword in ("anyOf", "oneOf"):
        return f"has to be {_further(schema)}"
    return f"does not fit the {keyword} of its schema"
