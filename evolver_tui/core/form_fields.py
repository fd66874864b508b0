"""The inputs that a question's flat JSON Schema asks for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form_schema import PLAIN, REFUSED, Flat, Flattener, alternatives, is_of, key_of, same
from evolver_tui.core.safe_text import safe_text

FieldKind = Literal["text", "text_or_number", "number", "integer", "boolean", "one_of", "many_of"]

LONG_TEXT: Final = 1_000
"""From this `maxLength` on a text has several lines."""

_MULTILINE_FORMATS = ("textarea", "multiline", "multi-line", "markdown")
_REFUSED_OUTSIDE = (
    *(keyword for keyword in REFUSED if keyword not in ("properties", "required")),
    *("allOf", "anyOf", "oneOf", "enum", "const"),
)
"""Keywords that say something about all fields at once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a one-of or many-of field, and how it is shown."""

    value: Any
    """Text, number, boolean or None."""
    title: str
    text: str
    """As it is typed on a command line."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One input of a form."""

    name: str
    kind: FieldKind
    title: str
    description: str = ""
    required: bool = False
    takes_empty: bool = False
    """Whether an empty text is named among what a text may be."""
    choices: tuple[Choice, ...] = ()
    has_default: bool = False
    default: Any = None
    """Of a type that the field takes."""
    is_nullable: bool = False
    """Whether null says that there is no value."""
    is_multiline: bool = False
    types: frozenset[str] = frozenset()
    """The types of JSON that a value may have, null left out."""
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What a value is held against: JSON Schema without references and alternatives."""

    def limit(self, keyword: str) -> Any:
        """What the schema says under this keyword; None for nothing."""
        return self.schema.get(keyword)


def read_form(requested_schema: Mapping[str, Any]) -> tuple[FormField, ...]:
    """The inputs that a flat JSON Schema asks for, in its order; none for an empty schema.

    Raises:
        QuestionError: it is no schema of an object of plain properties, or has a keyword that a form cannot show, or
            one that contradicts another; the sentence names field and keyword.
    """
    given: object = requested_schema  # a plug-in's, which no type checker has seen
    if not isinstance(given, Mapping):
        raise QuestionError("A question's schema has to be an object with properties.")
    flattener = Flattener(given)
    schema = flattener.whole()
    if not _is_object(schema):
        raise QuestionError("A question's schema has to be an object with properties.")
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        raise QuestionError("A question's schema has to be an object with properties.")
    for keyword in _REFUSED_OUTSIDE:
        if keyword in schema:
            raise QuestionError(f"A question's schema has the keyword {keyword}, which a form cannot show.")
    names = _required(schema.get("required", ()))
    for name in names - properties.keys():
        raise QuestionError(f"A question's schema has {name!a} under required, and no such property.")
    return tuple(_field(flattener, name, each, name in names) for name, each in properties.items())


def _is_object(schema: Mapping[str, Any]) -> bool:
    types = schema.get("type", "object")
    return types == "object" or (isinstance(types, list) and "object" in types)


def _required(names: object) -> set[str]:
    return {name for name in names if isinstance(name, str)} if isinstance(names, list | tuple) else set()


def _field(flattener: Flattener, name: object, schema: object, required: bool) -> FormField:
    if not isinstance(name, str):
        raise QuestionError(f"Field {name!a} of a question has a name that is no text.")
    flat = flattener.flat(schema, name)
    types = flat.types - {"null"}
    kind, listed = _kind(name, flat, types)
    choices = _choices(listed)
    if kind in ("one_of", "many_of") and not choices:
        raise QuestionError(f"Field {name!a} of a question is a choice (enum, const), and there is none.")
    if flat.contains is not None and flat.contains.values is None:
        raise QuestionError(f"Field {name!a} of a question has a contains that is no list of choices.")
    value_schema = flat.schema
    _refuse_contradictions(name, kind, value_schema, len(choices))
    default = flat.annotations.get("default")
    has_default = "default" in flat.annotations and _can_be_default(kind, default, flat.types, choices)
    return FormField(
        name=name,
        kind=kind,
        title=_text(flat.annotations.get("title")) or name or "(no name)",
        description=_text(flat.annotations.get("description")),
        required=required,
        takes_empty=any("" in each.get("enum", ()) for part in flat.further for each in alternatives(part)),
        choices=choices,
        has_default=has_default,
        default=default if has_default else None,
        is_nullable="null" in flat.types,
        is_multiline=kind == "text" and _is_multiline(flat, default if has_default else ""),
        types=types,
        schema=value_schema,
    )


def _kind(name: str, flat: Flat, types: frozenset[str]) -> tuple[FieldKind, tuple[tuple[Any, str], ...]]:
    if flat.choices is not None:
        return "one_of", flat.choices
    match sorted(types):
        case ["string"]:
            return "text", ()
        case ["boolean"]:
            return "boolean", ()
        case ["integer"]:
            return "integer", ()
        case ["number"] | ["integer", "number"]:
            return "number", ()
        case ["number", "string"] | ["integer", "string"] | ["integer", "number", "string"]:
            return "text_or_number", ()
        case ["array"]:
            items = flat.items
            if items is None or items.values is None:
                raise QuestionError(
                    f"Field {name!a} of a question is an array whose items are no list of choices (enum, const, oneOf "
                    "or anyOf)."
                )
            return "many_of", items.values
    said = "no type" if len(types) > 5 else f"the type {' or '.join(sorted(types)) or 'null'}"
    raise QuestionError(f"Field {name!a} of a question has {said}, which a form cannot show.")


def _refuse_contradictions(name: str, kind: FieldKind, schema: Mapping[str, Any], choices: int) -> None:
    pairs = [("minLength", "maxLength"), ("minItems", "maxItems"), ("minContains", "maxContains")]
    pairs += [(low, high) for low in ("minimum", "exclusiveMinimum") for high in ("maximum", "exclusiveMaximum")]
    for low, high in pairs:
        if low in schema and high in schema:
            is_open = low.startswith("exclusive") or high.startswith("exclusive")
            if schema[low] > schema[high] or (is_open and schema[low] == schema[high]):
                raise QuestionError(f"Field {name!a} of a question has {low} and {high}, between which nothing lies.")
    if kind == "many_of" and schema.get("minItems", 0) > choices:
        raise QuestionError(f"Field {name!a} of a question has minItems {schema['minItems']}, and {choices} choices.")


def _can_be_default(kind: FieldKind, default: object, types: frozenset[str], choices: tuple[Choice, ...]) -> bool:
    """Whether a default can stand in the field; JSON Schema does not ask that one fits."""
    if kind == "one_of":
        return any(same(default, choice.value) for choice in choices)
    if kind == "many_of" and default is not None:
        known = {key_of(choice.value) for choice in choices}
        return isinstance(default, list) and all(is_of(each, PLAIN) and key_of(each) in known for each in default)
    return is_of(default, types)


def _is_multiline(flat: Flat, default: object) -> bool:
    said = flat.assertions.get("format", "")
    if said:
        return said in _MULTILINE_FORMATS
    media = _text(flat.annotations.get("contentMediaType"))
    has_lines = isinstance(default, str) and ("\n" in default or "\r" in default)
    return has_lines or media.startswith("text/") or flat.assertions.get("maxLength", 0) >= LONG_TEXT


def _choices(listed: tuple[tuple[Any, str], ...]) -> tuple[Choice, ...]:
    """The choices, told apart: what reads or is typed as another one does has its value in JSON."""
    titles = [title or value_title(value) for value, title in listed]
    texts = [value if isinstance(value, str) else json.dumps(value) for value, _ in listed]
    looks = [" ".join(safe_text(title).split()) for title in titles]
    readers, typists = Counter(looks), Counter(texts)
    choices = []
    for (value, own_title), title, look, text in zip(listed, titles, looks, texts, strict=True):
        in_json = json.dumps(value)
        told_apart = f"{own_title} ({in_json})" if own_title else in_json
        choices.append(
            Choice(
                value,
                title if readers[look] == 1 else told_apart,
                text if typists[text] == 1 else in_json,
            )
        )
    return tuple(choices)


def value_title(value: object) -> str:
    """What a choice without a title is called."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (value or "(empty)") if isinstance(value, str) else json.dumps(value)


def _text(value: object) -> str:
    """What is to be shown; nothing where a schema has something else in the place of a text."""
    return value if isinstance(value, str) else ""
