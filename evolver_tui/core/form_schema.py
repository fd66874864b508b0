"""The JSON Schema of one field, made flat: references followed, alternatives joined, every keyword known or refused.

What is flat has the same valid values as the schema that it came from, so a form shows what the schema means.
Keywords that JSON Schema does not know are annotations, as the standard has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import unquote

from evolver_tui.core.errors import QuestionError

TYPES: Final = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
PLAIN: Final = TYPES - {"array", "object"}
DEPTH: Final = 20
"""References, alternatives and items within each other."""

MOST_SCHEMAS: Final = 20_000
"""Of one form; references may lead to the same one again and again."""

LONGEST_PATTERN: Final = 2_000
"""Characters of a regular expression; a longer one takes seconds to be understood."""


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value >= 0 and value == int(value)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_PATTERN


def _is_step(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value > 0


_ASSERTIONS: Final[Mapping[str, tuple[str, str, Callable[[object], bool]]]] = {
    **dict.fromkeys(("minLength", "maxLength"), ("string", "a count", _is_count)),
    "pattern": ("string", f"a text of at most {LONGEST_PATTERN} characters", _is_pattern),
    "format": ("string", "a text", lambda value: isinstance(value, str)),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        ("integer", "a number within a double's range", _is_number),
    ),
    "multipleOf": ("integer", "a number above 0", _is_step),
    **dict.fromkeys(("minItems", "maxItems", "minContains", "maxContains"), ("array", "a count", _is_count)),
    "uniqueItems": ("array", "true or false", lambda value: isinstance(value, bool)),
}
"""What is handed to the validator: of which type it speaks, and what its value has to be."""

_STRICTER: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(("minLength", "minimum", "exclusiveMinimum", "minItems", "uniqueItems"), max),
    **dict.fromkeys(("maxLength", "maximum", "exclusiveMaximum", "maxItems"), min),
}
"""What two of these come to where both count."""

_ANNOTATIONS: Final = ("title", "description", "default", "contentMediaType")
"""Of these the outer one counts where a schema and what it refers to both have one."""

REFUSED: Final = (
    "not", "if", "then", "else", "properties", "required", "patternProperties", "propertyNames", "minProperties",
    "maxProperties", "dependencies", "dependentRequired", "dependentSchemas", "prefixItems", "additionalItems",
    "unevaluatedItems", "$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy",
)  # fmt: skip
"""Keywords that say something about a value which no single input can show."""


@dataclass(frozen=True, slots=True)
class Flat:
    """A schema without alternatives and references."""

    types: frozenset[str] = TYPES
    choices: tuple[tuple[Any, str], ...] | None = None
    """Value and title of each value that is allowed; None where no keyword lists them. An empty title is none."""
    assertions: Mapping[str, Any] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    items: Flat | None = None
    contains: Flat | None = None
    further: tuple[Mapping[str, Any], ...] = ()
    """What holds as well and cannot be said above: a second pattern, or alternatives of the same type."""

    @property
    def schema(self) -> dict[str, Any]:
        """The same in JSON Schema, for the validator."""
        schema: dict[str, Any] = {"type": sorted(self.types), **self.assertions}
        if self.values is not None:
            schema["enum"] = [value for value, _ in self.values]
        if self.items is not None:
            schema["items"] = self.items.schema
        if self.contains is not None:
            schema["contains"] = self.contains.schema
        if self.further:
            schema["allOf"] = list(self.further)
        return schema

    @property
    def values(self) -> tuple[tuple[Any, str], ...] | None:
        """All that is allowed, where that is a list."""
        if self.choices is not None:
            return self.choices
        if self.types <= {"boolean", "null"}:
            booleans = ((True, "yes"), (False, "no")) if "boolean" in self.types else ()
            return (*booleans, *(((None, ""),) if "null" in self.types else ()))
        return None


def type_of(value: object) -> str:
    """The JSON type of a value; a float without a fraction is an integer, as to JSON Schema. Empty for no JSON."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return ""
        return "integer" if value == int(value) else "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else ""


def is_of(value: object, types: frozenset[str]) -> bool:
    """Whether a value is of one of these types."""
    kind = type_of(value)
    return kind in types or (kind == "integer" and "number" in types)


def key_of(value: Any) -> tuple[bool, Any]:
    """What two plain values have in common that are equal to JSON: 1 and 1.0 are, 1 and true are not."""
    return isinstance(value, bool), value


def alternatives(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What of `Flat.further` one has to fit; empty for one that says a single thing."""
    return schema.get("anyOf") or schema.get("oneOf") or ()


def same(one: object, other: object) -> bool:
    """Whether two plain values are equal to JSON."""
    return key_of(one) == key_of(other)


class Flattener:
    """Makes the schemas of one form's fields flat."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MOST_SCHEMAS

    def whole(self) -> Mapping[str, Any]:
        """The form's own schema; where that is a reference, what it leads to with what stands beside it.

        Raises:
            QuestionError: it leads to no object, back to itself, or to fields beside which others stand.
        """
        schema, place = self._root, _Place(None)
        while "$ref" in schema:
            target = self._target(schema["$ref"], place)
            place = place.following(schema["$ref"])
            beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
            if not isinstance(target, Mapping):
                raise place.refusal("has a {} that leads to no schema", "$ref")
            for keyword in ("properties", "required"):
                if keyword in beside and keyword in target:
                    raise place.refusal(f"has {keyword} beside a {{}} that has them too", "$ref")
            schema = {**target, **beside}
        return schema

    def flat(self, schema: object, name: str) -> Flat:
        """The schema of the field `name` made flat.

        Raises:
            QuestionError: it has a keyword that no input can show, or one that means nothing, or contradicts itself.
        """
        return self._flat(schema, _Place(name))

    def _flat(self, schema: object, place: _Place) -> Flat:
        if not isinstance(schema, Mapping):
            raise place.refusal("has no schema, or one that is no object")
        place = place.deeper()
        self._left -= 1
        if self._left < 0:
            raise place.refusal("comes after more schemas than a form can have")
        for keyword in REFUSED:
            if keyword in schema:
                raise place.refusal("has the keyword {}, which a form cannot show", keyword)
        flat = _own(schema, place)
        if isinstance(schema.get("items"), list):
            raise place.refusal("has the keyword {} with a list of schemas, which a form cannot show", "items")
        if "items" in schema:
            flat = replace(flat, items=self._flat(schema["items"], place.at("items")))
        if "contains" in schema:
            flat = replace(flat, contains=self._flat(schema["contains"], place.at("contains")))
        for part in self._parts(schema, place):
            flat = _join(flat, part, place)
        return flat

    def _parts(self, schema: Mapping[str, Any], place: _Place) -> Iterator[Flat]:
        if "$ref" in schema:
            yield self._flat(self._target(schema["$ref"], place), place.following(schema["$ref"]))
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword not in schema:
                continue
            parts = schema[keyword]
            if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
                raise place.refusal("has the keyword {} without a list of schemas", keyword)
            flats = [self._flat(part, place.at(keyword)) for part in parts]
            if keyword == "allOf":
                yield from flats
            else:
                yield _either(flats, place, keyword)

    def _target(self, reference: object, place: _Place) -> object:
        """What a reference within this schema leads to."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise place.refusal("has a {} that leads out of the schema, and nothing is fetched", "$ref")
        if not (reference == "#" or reference.startswith("#/")):
            raise place.refusal("has a {} to an $anchor, and only paths such as #/$defs/a are followed", "$ref")
        target: object = self._root
        for part in reference[2:].split("/") if reference != "#" else ():
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(target, Mapping) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdecimal() and int(key[:9]) < len(target):
                target = target[int(key[:9])]
            else:
                raise place.refusal("has a {} that leads to nothing", "$ref")
        return target


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a form something stands."""

    name: str | None
    """The field's; None for the form itself."""
    path: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    depth: int = 0

    def at(self, keyword: str) -> _Place:
        return _Place(self.name, (*self.path, keyword), self.followed, self.depth)

    def following(self, reference: str) -> _Place:
        if reference in self.followed:
            raise self.refusal("has a {} that leads back to itself", "$ref")
        return _Place(self.name, self.path, (*self.followed, reference), self.depth)

    def deeper(self) -> _Place:
        if self.depth >= DEPTH:
            raise self.refusal("is nested too deeply")
        return _Place(self.name, self.path, self.followed, self.depth + 1)

    def refusal(self, words: str, keyword: str = "") -> QuestionError:
        where = f" (in {', '.join(self.path)})" if self.path else ""
        subject = "A question's schema" if self.name is None else f"Field {self.name!a}"
        return QuestionError(f"{subject} {words.format(keyword)}{where}.")


# --- a schema's own keywords


def _own(schema: Mapping[str, Any], place: _Place) -> Flat:
    assertions = {keyword: schema[keyword] for keyword in _ASSERTIONS if keyword in schema}
    if "contains" not in schema:
        assertions = {key: value for key, value in assertions.items() if not key.endswith("Contains")}
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(assertions.get(exclusive), bool):  # JSON Schema's draft 4, and OpenAPI 3.0
            is_open = assertions.pop(exclusive)
            if is_open and limit in assertions:
                assertions[exclusive] = assertions.pop(limit)
    for keyword, value in assertions.items():
        _, expected, fits = _ASSERTIONS[keyword]
        if not fits(value):
            raise place.refusal(f"has the keyword {{}} with a value that is not {expected}", keyword)
    annotations = {keyword: schema[keyword] for keyword in _ANNOTATIONS if keyword in schema}
    return _consistent(Flat(_types(schema, place), _choices(schema, place), assertions, annotations))


def _consistent(flat: Flat) -> Flat:
    """With choices of the types alone, of no type that no choice has, and without what speaks of other types."""
    if flat.choices is not None:
        choices = tuple(each for each in flat.choices if is_of(each[0], flat.types))
        flat = replace(flat, choices=choices, types=frozenset(type_of(value) for value, _ in choices))
    types = flat.types | ({"integer"} if "number" in flat.types else set())
    return replace(
        flat, assertions={key: value for key, value in flat.assertions.items() if _ASSERTIONS[key][0] in types}
    )


def _types(schema: Mapping[str, Any], place: _Place) -> frozenset[str]:
    if "type" not in schema:
        return TYPES
    types = schema["type"]
    names = [types] if isinstance(types, str) else types
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in TYPES for name in names):
        raise place.refusal("has the keyword {} with a value that names no type of JSON", "type")
    return frozenset(names) | ({"null"} if schema.get("nullable") is True else set())  # as OpenAPI 3.0 has it


def _choices(schema: Mapping[str, Any], place: _Place) -> tuple[tuple[Any, str], ...] | None:
    listed: dict[tuple[bool, Any], tuple[Any, str]] = {}
    if "enum" in schema:
        values = schema["enum"]
        if not isinstance(values, list | tuple):
            raise place.refusal("has the keyword {} without a list of values", "enum")
        names = schema.get("enumNames")
        titles = names if isinstance(names, list) and len(names) == len(values) else [""] * len(values)
        for value, title in zip(values, titles, strict=True):
            _require_plain(value, "enum", place)
            listed.setdefault(key_of(value), (value, title if isinstance(title, str) else ""))
    if "const" in schema:
        _require_plain(schema["const"], "const", place)
        if "enum" not in schema:
            return ((schema["const"], ""),)
        return tuple(each for each in listed.values() if same(each[0], schema["const"]))
    return tuple(listed.values()) if "enum" in schema else None


def _require_plain(value: object, keyword: str, place: _Place) -> None:
    try:
        is_plain = is_of(value, PLAIN)
        str(value)
    except ValueError:  # a number of thousands of digits
        is_plain = False
    if not is_plain:
        raise place.refusal("has a choice in {} that is no plain value", keyword)


# --- schemas that all count, and schemas of which one counts


def _join(outer: Flat, inner: Flat, place: _Place) -> Flat:
    """What fits both. The annotations of the outer one stand."""
    if (outer.items and inner.items) or (outer.contains and inner.contains):
        raise place.refusal("has the keyword {} twice", "items" if outer.items and inner.items else "contains")
    assertions, further = dict(outer.assertions), [*outer.further, *inner.further]
    for keyword, value in inner.assertions.items():
        if keyword not in assertions:
            assertions[keyword] = value
        elif keyword in _STRICTER:
            assertions[keyword] = _STRICTER[keyword](assertions[keyword], value)
        elif not same(assertions[keyword], value):
            further.append({keyword: value})
    choices = outer.choices if inner.choices is None else inner.choices
    if outer.choices is not None and inner.choices is not None:
        both = {key_of(value) for value, _ in outer.choices}
        choices = tuple(each for each in inner.choices if key_of(each[0]) in both)
    types = _both(outer.types, inner.types)
    if not types and choices is None:
        raise place.refusal("has keywords {} that contradict each other", "type")
    return _consistent(
        Flat(
            types,
            choices,
            assertions,
            {**inner.annotations, **outer.annotations},
            outer.items or inner.items,
            outer.contains or inner.contains,
            tuple(further),
        )
    )


def _both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    wide = [types | {"integer"} if "number" in types else types for types in (one, other)]
    return wide[0] & wide[1]


def _either(flats: list[Flat], place: _Place, keyword: str) -> Flat:
    """What fits one of several: null and something, a list of values, or what is judged later."""
    possible = [flat for flat in flats if flat.types]
    nulls = [flat for flat in possible if flat.types == {"null"}]
    others = [flat for flat in possible if flat.types != {"null"}]
    if keyword == "oneOf" and nulls and (len(nulls) > 1 or any("null" in flat.types for flat in others)):
        raise place.refusal("has the same value twice in {}", keyword)
    if not others:
        return nulls[0] if nulls else flats[0]
    if len(others) == 1:
        joined = others[0]
    elif all(flat.values is not None for flat in others):
        joined = _one_list(others, place, keyword)
    else:
        return _judged_later(possible, place, keyword)
    if not nulls:
        return joined
    choices = joined.choices
    if choices is not None and not any(value is None for value, _ in choices):
        title = nulls[0].annotations.get("title")
        choices = (*choices, (None, title if isinstance(title, str) else ""))
    further = tuple(_or_null(part) for part in joined.further)
    return replace(joined, types=joined.types | {"null"}, choices=choices, further=further)


def _or_null(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """One of `Flat.further` where null fits as well; what speaks of other types alone lets it through."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in part and not any("null" in each["type"] for each in part[keyword]):
            return {keyword: [*part[keyword], {"type": ["null"]}]}
    return part


def _one_list(flats: list[Flat], place: _Place, keyword: str) -> Flat:
    listed: dict[tuple[bool, Any], tuple[Any, str]] = {}
    for flat in flats:
        values = flat.values or ()
        if flat.assertions or flat.further:
            raise place.refusal("has limits for single choices in {}, which a form cannot show", keyword)
        own_title = flat.annotations.get("title") if len(values) == 1 else None
        for value, title in values:
            if key_of(value) not in listed:
                listed[key_of(value)] = (value, own_title if isinstance(own_title, str) else title)
            elif keyword == "oneOf":
                raise place.refusal("has the same value twice in {}", keyword)
    return Flat(frozenset().union(*(flat.types for flat in flats)), tuple(listed.values()))


def _judged_later(flats: list[Flat], place: _Place, keyword: str) -> Flat:
    """Alternatives among which the validator decides, value by value; where types are all they say, nothing is left."""
    if any(flat.items or flat.contains for flat in flats):
        raise place.refusal("has alternatives in {} which a form cannot show", keyword)
    types: frozenset[str] = frozenset().union(*(flat.types for flat in flats))
    says_types = keyword == "anyOf" and all(flat == Flat(flat.types, annotations=flat.annotations) for flat in flats)
    return Flat(types, further=() if says_types else ({keyword: [flat.schema for flat in flats]},))
