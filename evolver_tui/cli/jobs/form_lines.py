"""A question's form as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evolver_tui.cli.output import short
from evolver_tui.core.form import FormField
from evolver_tui.core.safe_text import safe_block, safe_text

_KINDS = {"text": "text", "number": "a number", "integer": "a whole number", "boolean": "yes or no"}


def form_lines(fields: Sequence[FormField]) -> Iterator[str]:
    """A form's fields: name, what it has to be, title and description."""
    for field in fields:
        needed = ", needed" if field.required else ""
        yield f"  {safe_text(field.name, 100)} ({_wanted(field)}{needed}): {safe_text(field.title, 200)}"
        if field.description:
            yield from (f"      {line}" for line in safe_block(field.description, 2_000).split("\n"))
        for choice in field.choices:
            title = f"  {safe_text(choice.title, 200)}" if choice.title != choice.value else ""
            yield f"      {safe_text(choice.value, 200)}{title}"
        if field.default is not None:
            yield f"      usually: {short(field.default)}"


def _wanted(field: FormField) -> str:
    if field.kind in ("one_of", "many_of"):
        return "one of" if field.kind == "one_of" else "some of, with commas between"
    words = f"{_KINDS[field.kind]}, {safe_text(field.format, 40)}" if field.format else _KINDS[field.kind]
    unit = " characters" if field.kind == "text" else ""
    low = f", at least {field.minimum:g}{unit}" if field.minimum is not None else ""
    high = f", at most {field.maximum:g}{unit}" if field.maximum is not None else ""
    return f"{words}{low}{high}"
