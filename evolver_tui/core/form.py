"""Forms: what a question's flat JSON Schema asks to be filled in, and whether what was filled in fits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from evolver_tui.core.errors import QuestionError

FieldKind = Literal["text", "number", "integer", "boolean", "one_of", "many_of"]
_FORMATS = {
    "email": "an e-mail address",
    "uri": "a URL",
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T12:30Z",
    "language-pairs": "language codes such as de->en, fr->es",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a one-of or many-of field, and how it is shown."""

    value: str
    title: str


@dataclass(frozen=True, slots=True)
class FormField:
    """One input of a form."""

    name: str
    kind: FieldKind
    title: str
    description: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    format: str = ""


def read_form(requested_schema: Mapping[str, Any]) -> tuple[FormField, ...]:
    """The inputs that a flat JSON Schema asks for, in its order; none for an empty schema.

    Raises:
        QuestionError: it is no schema of an object of primitive properties, whatever else it is, or asks for a choice
            where there is none.
    """
    schema: object = requested_schema  # a plug-in's, which no type checker has seen
    is_object = isinstance(schema, Mapping) and schema.get("type", "object") == "object"
    properties = requested_schema.get("properties", {}) if is_object else None
    if not isinstance(properties, Mapping):
        raise QuestionError("A question's schema has to be an object with properties.")
    required = requested_schema.get("required", ())
    names = {name for name in required if isinstance(name, str)} if isinstance(required, list | tuple) else set()
    return tuple(_field(name, schema, name in names) for name, schema in properties.items())


def _field(name: object, schema: object, required: bool) -> FormField:
    if not isinstance(name, str) or not isinstance(schema, Mapping):
        raise QuestionError(f"Field {name!a} of a question has no schema, or a name that is no text.")
    kind, choices = _kind_and_choices(name, schema)
    if kind == "one_of" and required and not choices:
        raise QuestionError(f"Field {name!a} of a question needs a choice and has none.")
    lowest, highest = ("minimum", "maximum")
    if kind == "text":
        lowest, highest = ("minLength", "maxLength")
    elif kind == "many_of":
        lowest, highest = ("minItems", "maxItems")
    return FormField(
        name=name,
        kind=kind,
        title=_text(schema.get("title")) or name,
        description=_text(schema.get("description")),
        required=required,
        choices=choices,
        default=schema.get("default"),
        minimum=_number(schema.get(lowest)),
        maximum=_number(schema.get(highest)),
        format=_text(schema.get("format")),
    )


def _kind_and_choices(name: str, schema: Mapping[str, Any]) -> tuple[FieldKind, tuple[Choice, ...]]:
    match schema.get("type"):
        case "string" if "enum" in schema or "oneOf" in schema:
            return "one_of", _choices(schema)
        case "string":
            return "text", ()
        case "number":
            return "number", ()
        case "integer":
            return "integer", ()
        case "boolean":
            return "boolean", ()
        case "array" if isinstance(schema.get("items"), Mapping):
            choices = _choices(schema["items"])
            if choices:
                return "many_of", choices
    raise QuestionError(f"Field {name!a} of a question is of a kind that a form cannot show.")


def _text(value: object) -> str:
    """What is to be shown; nothing where a schema has something else in the place of a text."""
    return value if isinstance(value, str) else ""


def _choices(schema: Mapping[str, Any]) -> tuple[Choice, ...]:
    options = schema.get("oneOf") or schema.get("anyOf")
    if isinstance(options, list):
        return tuple(
            Choice(_value(option["const"]), _text(option.get("title")) or _value(option["const"]))
            for option in options
            if isinstance(option, Mapping) and "const" in option
        )
    values = schema.get("enum")
    if not isinstance(values, list):
        return ()
    titles = schema.get("enumNames")
    if not isinstance(titles, list) or len(titles) != len(values):
        titles = values
    return tuple(
        Choice(_value(value), _text(title) or _value(value)) for value, title in zip(values, titles, strict=True)
    )


def _value(value: object) -> str:
    try:
        return str(value) if value is None or isinstance(value, str | int | float) else _refuse_choice()
    except ValueError:  # a number of thousands of digits
        return _refuse_choice()


def _refuse_choice() -> NoReturn:
    raise QuestionError("A choice in a question's schema is no plain value.")


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        raise QuestionError("A limit in a question's schema is beyond every number.") from None


def check_content(fields: Sequence[FormField], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Hold what a person typed against a form.

    Args:
        values: field name to text, number, boolean, choice value or list of choice values; text for a number is read.

    Returns:
        The content in the types the schema wants, and a problem in words for each field that does not fit.
    """
    content: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for form_field in fields:
        value = values.get(form_field.name)
        if value is None or value == "" or value == []:
            if form_field.required:
                problems[form_field.name] = "is needed"
            continue
        try:
            content[form_field.name] = _checked(form_field, value)
        except ValueError as error:
            problems[form_field.name] = str(error)
    return content, problems


def _checked(form_field: FormField, value: Any) -> Any:
    match form_field.kind:
        case "boolean":
            if not isinstance(value, bool):
                raise ValueError("has to be yes or no")
        case "number" | "integer":
            value = _read_number(form_field.kind, value)
            _within(form_field, value, "has to be")
        case "one_of":
            if value not in [choice.value for choice in form_field.choices]:
                raise ValueError("is not one of the choices")
        case "many_of":
            known = [choice.value for choice in form_field.choices]
            if not isinstance(value, list) or not all(chosen in known for chosen in value):
                raise ValueError("is not among the choices")
            _within(form_field, len(value), "number of choices has to be")
        case "text":
            if not isinstance(value, str):
                raise ValueError("has to be a text")
            _within(form_field, len(value), "length has to be")
            if form_field.format in _FORMATS and not _PATTERNS[form_field.format].fullmatch(value):
                raise ValueError(f"has to be {_FORMATS[form_field.format]}")
    return value


def _read_number(kind: str, value: Any) -> int | float:
    is_whole = isinstance(value, float) and value.is_integer()  # to JSON, 2.0 is an integer
    try:
        number = int(value if is_whole else str(value)) if kind == "integer" else float(str(value))
    except ValueError:
        raise ValueError("has to be a whole number" if kind == "integer" else "has to be a number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("has to be a number")
    return number


def _within(form_field: FormField, number: float, words: str) -> None:
    if form_field.minimum is not None and number < form_field.minimum:
        raise ValueError(f"{words} at least {form_field.minimum:g}")
    if form_field.maximum is not None and number > form_field.maximum:
        raise ValueError(f"{words} at most {form_field.maximum:g}")


_CODE = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}"
_PAIR = rf"\s*{_CODE}(?:\s*(?:->|→|=>|>|:)\s*{_CODE}|\s+to\s+{_CODE})?\s*"
_PATTERNS = {
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"),
    "language-pairs": re.compile(rf"{_PAIR}(?:[,;\n]{_PAIR})*"),
}
