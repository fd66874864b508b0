"""A form made of a question's fields: each with title, description, input and, when it does not fit, the problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input, Static

from evolver_tui.core.form import FormField, check_content
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.modals.inputs import ChoiceList, ChoiceRow, Chooser, TextInput

_YES, _NO = 0, 1


class FieldBox(Vertical):
    """One field of a form."""

    DEFAULT_CSS = """
    FieldBox {
        height: auto;
        margin: 1 0 0 0;
        padding: 0 1 0 1;
        border-left: blank;
        &:focus-within {
            border-left: heavy $border;
        }
    }
    FieldBox > .title {
        text-style: bold;
    }
    FieldBox > .input {
        margin: 0 0 0 1;
    }
    """

    def __init__(self, form_field: FormField) -> None:
        super().__init__()
        self.form_field = form_field
        self._problem = Static(classes="problem", markup=False)

    def compose(self) -> ComposeResult:
        """Title, description, input and a place for the problem."""
        form_field = self.form_field
        star = " *" if form_field.required else ""
        yield Static(Content.assemble(safe_text(form_field.title, 200), (star, "$mark-error")), classes="title")
        if form_field.description:
            yield Static(Content(safe_block(form_field.description, 2000)), classes="dim")
        self._input = _input_for(form_field)
        self._input.add_class("input")
        yield self._input
        yield self._problem

    @property
    def input(self) -> Widget:
        """What takes the focus."""
        return self._input

    @property
    def value(self) -> Any:
        """What was put in so far, as `check_content` takes it; None for nothing."""
        match self._input:
            case TextInput() as text_input:
                return text_input.value
            case ChoiceRow() as row:
                return row.chosen[0] == _YES if row.chosen else None
            case ChoiceList() as choices:
                values = [self.form_field.choices[index].value for index in choices.chosen]
                return values if choices.multiple else next(iter(values), None)
        return None

    def show_problem(self, problem: str) -> None:
        """Say below the input what is wrong with it; an empty text says nothing."""
        text = f"! {safe_text(self.form_field.title, 60)} {problem}." if problem else ""
        self._problem.update(Content(text))
        self._problem.set_class(bool(problem), "-shown")

    def on_input_changed(self, event: Input.Changed) -> None:
        """A changed value is not judged until the next enter."""
        self.show_problem("")

    def on_chooser_changed(self, event: Chooser.Changed) -> None:
        """As above."""
        self.show_problem("")


class Form(VerticalScroll, can_focus=False):
    """The fields of a question, below each other, scrolling when there are many."""

    def __init__(self, fields: Sequence[FormField], id: str | None = None) -> None:
        super().__init__(id=id)
        self.fields = tuple(fields)
        self._boxes = [FieldBox(form_field) for form_field in fields]

    def compose(self) -> ComposeResult:
        """One box a field."""
        yield from self._boxes

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Bring the whole field into sight, its title too."""
        box = next((box for box in self._boxes if event.widget in box.children), None)
        if box is not None:
            self.scroll_to_widget(box, animate=False)

    def read(self) -> dict[str, Any] | None:
        """The checked content, or None when a field does not fit: then it says so and has the focus."""
        content, problems = check_content(self.fields, {box.form_field.name: box.value for box in self._boxes})
        for box in self._boxes:
            box.show_problem(problems.get(box.form_field.name, ""))
        wrong = next((box for box in self._boxes if box.form_field.name in problems), None)
        if wrong is None:
            return content
        wrong.input.focus()
        return None


def _input_for(form_field: FormField) -> Widget:
    default = form_field.default
    match form_field.kind:
        case "boolean":
            chosen = (_YES if default else _NO) if isinstance(default, bool) else None
            return ChoiceRow((("y", "yes"), ("n", "no")), chosen, clearable=not form_field.required)
        case "one_of" | "many_of":
            defaults = default if isinstance(default, list | tuple) else [default]
            chosen_values = {str(value) for value in defaults if isinstance(value, str | int | float)}
            indices = [index for index, choice in enumerate(form_field.choices) if choice.value in chosen_values]
            is_multiple = form_field.kind == "many_of"
            labels = [choice.title for choice in form_field.choices]
            return ChoiceList(labels, indices if is_multiple else indices[:1], multiple=is_multiple)
        case _:
            is_shown = isinstance(default, str | int | float) and not isinstance(default, bool)
            return TextInput(str(default) if is_shown else "", _hint(form_field))


def _hint(form_field: FormField) -> str:
    """What an empty input says."""
    if form_field.kind == "text":
        formats = {
            "date": "2026-11-20",
            "date-time": "2026-11-20T15:45:00Z",
            "email": "name@example.org",
            "uri": "https://",
        }
        return formats.get(form_field.format, "")
    words = "whole number" if form_field.kind == "integer" else "number"
    low, high = form_field.minimum, form_field.maximum
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high:g}"
    if low is not None:
        return f"{words}, at least {low:g}"
    return words if high is None else f"{words}, at most {high:g}"
