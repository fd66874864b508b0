"""From what was typed on a command line to the content of an answer, held against the question's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolver_tui.cli.jobs.form_lines import form_lines
from evolver_tui.core.errors import QuestionError, UsageError
from evolver_tui.core.form import FormField, check_content, check_form, default_values, from_text
from evolver_tui.core.question import Question
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.suggest import nearest

FormInput = Sequence[tuple[str, str]] | Mapping[str, Any]
"""Fields and texts, where a field of several choices may stand several times; or a JSON object."""

_BOOLEANS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}


def answer_content(question: Question, given: FormInput) -> dict[str, Any]:
    """The content in the types that the question's form wants. A field that is not named has its default.

    Raises:
        UsageError: something is missing, unknown or does not fit; says what, field by field, and shows the form.
        QuestionError: the question has a form that cannot be read.
    """
    try:
        fields = check_form(question.requested_schema)
    except QuestionError as error:
        raise QuestionError(error.message, "Such a question can only be declined, with --decline.") from None
    by_name = {field.name: field for field in fields}
    values = default_values(fields) | _gathered(by_name, given)
    problems = {name: _unknown(name, by_name) for name in values if name not in by_name}
    problems |= {
        name: "has to be one plain value" for name, field in by_name.items() if _is_several(field, values.get(name))
    }
    content, misfits = check_content(fields, {name: values[name] for name in values if name not in problems})
    problems = {**misfits, **problems}
    if problems:
        said = "; ".join(f"{safe_text(name, 80)} {problem}" for name, problem in problems.items())
        form = "\n".join(form_lines(fields)) or "  It has no fields."
        raise UsageError(f"This does not answer {safe_text(question.name, 100)!r}: {said}.", f"Its form:\n{form}")
    return content


def _gathered(fields: Mapping[str, FormField], given: FormInput) -> dict[str, Any]:
    """One value for each name. What stands more than once, or has commas, is a list where the form has choices."""
    if isinstance(given, Mapping):
        return dict(given)
    texts: dict[str, list[str]] = {}
    for name, text in given:
        texts.setdefault(name, []).append(text)
    return {name: _read(fields.get(name), values) for name, values in texts.items()}


def _read(field: FormField | None, given: list[str]) -> Any:
    if field is not None and field.kind == "many_of":
        texts = {choice.text for choice in field.choices}
        parts = [part for text in given for part in ([text] if text in texts else text.split(","))]
        named = [part if part in texts else part.strip() for part in parts]
        return [from_text(field, part) for part in named if part or part in texts]
    if len(given) > 1:
        return given
    text = given[0]
    if field is None:
        return text
    return _BOOLEANS.get(text.lower(), text) if field.kind == "boolean" else from_text(field, text)


def _is_several(field: FormField, value: object) -> bool:
    if field.kind == "many_of" and isinstance(value, list):
        return any(isinstance(item, list | dict) for item in value)
    return isinstance(value, list | dict)


def _unknown(name: str, known: Mapping[str, FormField]) -> str:
    match = nearest(name, known)
    meant = f" (did you mean {safe_text(match, 80)}?)" if match else ""
    fields = ", ".join(safe_text(each, 80) for each in known)
    return f"is no field of the form{meant}, which has {fields or 'none'}"
