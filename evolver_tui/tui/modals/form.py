"""A form made of a question's fields: each with title, description, input and, when it does not fit, the problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from evolver_tui.core.form import FormField, check_content, from_text
from evolver_tui.core.form_schema import same
from evolver_tui.core.form_words import limits
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.modals.inputs import ChoiceList, ChoiceRow, Chooser, TextInput
from evolver_tui.tui.modals.text_block import LONGEST_SHOWN, TextBlock, safe_lines

State = str | tuple[int, ...]
"""What stands in an input: a text, or the indices of what is chosen."""

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
    FieldBox > .note {
        margin: 0 0 0 1;
        color: $dim;
        &.-problem {
            margin: 0;
            color: $mark-error;
        }
    }
    """

    def __init__(self, form_field: FormField, state: State | None = None) -> None:
        """Args:
        form_field: what is asked.
        state: what was put in before, as `state` gave it; None for the default.
        """
        super().__init__()
        self.form_field = form_field
        self._initial = _initial_state(form_field)
        self._input = _input_for(form_field, self._initial if state is None else state, self._take_lines)
        self._input.add_class("input")
        self._limits = _limits(form_field)
        self._note = Static(Content(self._limits), classes="note")
        self._note.display = bool(self._limits)

    def compose(self) -> ComposeResult:
        """Title, description, input, and what it takes or what is wrong with it; that before a list, which is long."""
        form_field = self.form_field
        star = " *" if form_field.required else ""
        yield Static(Content.assemble(safe_text(form_field.title, 200), (star, "$mark-error")), classes="title")
        if form_field.description:
            yield Static(Content(safe_block(form_field.description, 2000)), classes="dim")
        yield from (self._note, self._input) if self._is_list else (self._input, self._note)

    @property
    def input(self) -> Widget:
        """What takes the focus."""
        return self._input

    def _take_lines(self, text: str) -> None:
        """Several lines were pasted into one: it becomes a text of several lines with them."""
        line = self._input
        assert isinstance(line, TextInput)
        start, end = sorted(line.selection)
        self._input = TextBlock(line.value[:start] + text + line.value[end:])
        self._input.add_class("input")
        self.mount(self._input, before=line)
        self._input.focus()
        line.remove()
        self.show_problem("")

    @property
    def _is_list(self) -> bool:
        return isinstance(self._input, ChoiceList)

    def scroll_into(self, form: VerticalScroll) -> None:
        """Bring the whole field into sight where there is room, else what is wrong with it and what it is about."""
        form.scroll_to_widget(self, animate=False, force=True)
        if self.outer_size.height > form.scrollable_content_region.height:
            form.scroll_to_widget(self._note if self._is_list else self._input, animate=False, force=True, top=True)

    @property
    def state(self) -> State:
        """What stands in the input: its text, or the indices of what is chosen."""
        match self._input:
            case TextInput() as line:
                return line.value
            case TextBlock() as block:
                return block.text
            case Chooser() as chooser:
                return chooser.chosen
        return ""

    @property
    def is_touched(self) -> bool:
        """Whether something else stands there than at first."""
        return self.state != self._initial

    @property
    def values(self) -> dict[str, Any]:
        """What was put in so far under the field's name, as `check_content` takes it; nothing for what was left out."""
        form_field, state = self.form_field, self.state
        if form_field.has_default and not self.is_touched:
            return {form_field.name: form_field.default}
        if not state and form_field.has_default and form_field.is_nullable:
            return {form_field.name: None}
        if isinstance(state, str):
            return {form_field.name: from_text(form_field, state)}
        if form_field.kind == "many_of":
            is_said = bool(state) or form_field.required or form_field.has_default
            return {form_field.name: [form_field.choices[index].value for index in state]} if is_said else {}
        if not state:
            return {}
        if form_field.kind == "boolean":
            return {form_field.name: state[0] == _YES}
        return {form_field.name: form_field.choices[state[0]].value}

    def show_problem(self, problem: str) -> None:
        """Say below the input what is wrong with it; an empty text says what it takes."""
        text = f"! {safe_text(self.form_field.title, 60)} {safe_text(problem, 300)}." if problem else self._limits
        self._note.update(Content(text))
        self._note.display = bool(text)
        self._note.set_class(bool(problem), "-problem")

    def on_input_changed(self, event: Input.Changed) -> None:
        """A changed value is not judged until the next enter."""
        self.show_problem("")

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """As above."""
        self.show_problem("")

    def on_chooser_changed(self, event: Chooser.Changed) -> None:
        """As above."""
        self.show_problem("")


class QuestionForm(VerticalScroll, can_focus=False):
    """The fields of a question, below each other, scrolling when there are many."""

    def __init__(
        self, fields: Sequence[FormField], typed: Mapping[str, State] | None = None, id: str | None = None
    ) -> None:
        """Args:
        fields: what is asked.
        typed: what was put in before, as `typed` gave it.
        """
        super().__init__(id=id)
        self.fields = tuple(fields)
        typed = typed or {}
        self._boxes = [FieldBox(form_field, typed.get(form_field.name)) for form_field in fields]

    def compose(self) -> ComposeResult:
        """One box a field."""
        yield from self._boxes

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Bring the whole field into sight, its title too."""
        box = next((box for box in self._boxes if event.widget in box.children), None)
        if box is not None:
            self.scroll_to_widget(box, animate=False)

    @property
    def typed(self) -> dict[str, State]:
        """What was put in and not sent, by the name of its field."""
        return {box.form_field.name: box.state for box in self._boxes if box.is_touched}

    def focus_first(self) -> None:
        """Give the focus to the first field that is empty; to the first of all where each required one is filled in."""
        is_whole = not any(box.form_field.required and not box.state for box in self._boxes)
        boxes = self._boxes if is_whole else [box for box in self._boxes if not box.state]
        boxes[0].input.focus()

    def read(self) -> dict[str, Any] | None:
        """The checked content, or None when a field does not fit: then it says so, is in sight and has the focus."""
        values = {name: value for box in self._boxes for name, value in box.values.items()}
        content, problems = check_content(self.fields, values)
        for box in self._boxes:
            box.show_problem(problems.get(box.form_field.name, ""))
        wrong = next((box for box in self._boxes if box.form_field.name in problems), None)
        if wrong is None:
            return content
        wrong.input.focus()
        self.call_after_refresh(wrong.scroll_into, self)
        return None


def states_of(fields: Sequence[FormField], content: Mapping[str, Any]) -> dict[str, State]:
    """What stands in the inputs of a form that was filled in like that; nothing where that does not fit it."""
    _, problems = check_content(fields, dict(content))
    if problems or not fields:
        return {}
    states = {each.name: _state_of(each, content[each.name]) for each in fields if each.name in content}
    return {name: state for name, state in states.items() if state}


def _initial_state(form_field: FormField) -> State:
    """What stands in an input that nobody touched."""
    if form_field.kind in ("one_of", "many_of") and not form_field.has_default:
        return ()
    return _state_of(form_field, form_field.default)


def _state_of(form_field: FormField, value: Any) -> State:
    """What stands in an input for a value."""
    match form_field.kind:
        case "boolean":
            return (_YES if value else _NO,) if isinstance(value, bool) else ()
        case "one_of" | "many_of":
            values = value if isinstance(value, list) else [value]
            return tuple(
                index
                for index, choice in enumerate(form_field.choices)
                if any(same(choice.value, each) for each in values)
            )
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return safe_lines(text) if form_field.is_multiline else safe_text(text, LONGEST_SHOWN)


def _input_for(form_field: FormField, state: State, take_lines: Callable[[str], None]) -> Widget:
    if isinstance(state, str):
        if form_field.is_multiline or "\n" in state:
            return TextBlock(state)
        may_have_lines = form_field.kind == "text" and form_field.limit("format") is None
        hint = _HINTS.get(_example(form_field), "")
        return TextInput(state, hint, take_lines=take_lines if may_have_lines else None)
    if form_field.kind == "boolean":
        is_clearable = form_field.is_nullable or not form_field.required
        return ChoiceRow((("y", "yes"), ("n", "no")), state[0] if state else None, clearable=is_clearable)
    labels = [choice.title for choice in form_field.choices]
    return ChoiceList(labels, state, multiple=form_field.kind == "many_of")


def _example(form_field: FormField) -> str:
    return str(form_field.limit("format")) if form_field.kind == "text" else form_field.kind


_HINTS = {
    "date": "2026-11-20",
    "date-time": "2026-11-20T15:45:00Z",
    "time": "15:45:00Z",
    "email": "name@example.org",
    "uri": "https://",
    "integer": "whole number",
    "number": "number",
}
"""What an empty input says, by format or kind."""


def _limits(form_field: FormField) -> str:
    """What stands under an input; nothing where its hint says all."""
    said = limits(form_field)
    return "" if said in ("a number", "a whole number") else safe_text(said, 300)
