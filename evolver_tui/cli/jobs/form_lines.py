"""A question's form as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evolver_tui.cli.output import short
from evolver_tui.core.form import FormField
from evolver_tui.core.form_words import limits
from evolver_tui.core.safe_text import safe_block, safe_text


def form_lines(fields: Sequence[FormField]) -> Iterator[str]:
    """A form's fields: name, what it has to be, title and description."""
    for field in fields:
        needed = ", needed" if field.required else ""
        yield f"  {safe_text(field.name, 100)} ({_wanted(field)}{needed}): {safe_text(field.title, 200)}"
        if field.description:
            yield from (f"      {line}" for line in safe_block(field.description, 2_000).split("\n"))
        for choice in field.choices:
            title = f"  {safe_text(choice.title, 200)}" if choice.title != choice.text else ""
            yield f"      {safe_text(choice.text, 200)}{title}"
        if field.has_default:
            yield f"      usually: {short(field.default)}"


def _wanted(field: FormField) -> str:
    said = safe_text(limits(field), 300)
    match field.kind:
        case "one_of":
            return "one of"
        case "many_of":
            return "some of, with commas between" + (f", {said}" if said else "")
        case "text":
            return "text" + (f", {said}" if said else "")
        case "boolean":
            return "yes or no"
        case _:
            return said
