"""The three ways to put something into a modal: a line of text, a list of choices, a row of choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Click, Focus, Key, Paste
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.styles import fit_middle
from evolver_tui.tui.key_watch import key_app
from evolver_tui.tui.modals.modal import Modal
from evolver_tui.tui.modals.text_block import LONGEST_SHOWN
from evolver_tui.tui.text_keys import act_in_turn

_MARGIN = 8
"""Cells of a row beside its label."""
ROWS_SHOWN = 10
"""Choices of a list that are drawn at once; the others come into sight with the cursor."""


@dataclass(frozen=True, slots=True)
class Signs:
    """How choices are drawn, so that colour is not needed to read them."""

    chosen: str = "●"
    open: str = "○"
    ticked: str = "■"
    unticked: str = "□"
    cursor: str = "›"


SIGNS = Signs()
PLAIN_SIGNS = Signs("*", "o", "x", "-", ">")


class TextInput(Input):
    """One line of text. What is pasted passes `safe_text`, since an Input draws its value as it is."""

    DEFAULT_CSS = """
    TextInput {
        background: $panel;
        color: $foreground;
        padding: 0 1;
        height: 1;
        border: none;
        background-tint: transparent;
        &:focus, &:ansi, &:ansi:focus {
            background: $panel;
            color: $foreground;
            border: none;
            background-tint: transparent;
        }
        & > .input--placeholder, &:ansi > .input--placeholder {
            color: $dim;
            text-style: none;
        }
    }
    TextInput:nocolor {
        text-style: underline;
        &:ansi > .input--cursor {
            text-style: reverse;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+f", "cursor_right", show=False),
        Binding("ctrl+b", "cursor_left", show=False),
    ]
    """As in readline; Textual's own bindings have the other ones."""

    def __init__(
        self,
        value: str = "",
        placeholder: str = "",
        id: str | None = None,
        *,
        take_lines: Callable[[str], None] | None = None,
    ) -> None:
        """Args:
        take_lines: gets several lines that were pasted; without it, the first one is taken, and that is said.
        """
        self._take_lines = take_lines
        super().__init__(
            safe_text(value, LONGEST_SHOWN), safe_text(placeholder, 200), id=id, compact=True, select_on_focus=False
        )
        self.cursor_blink = False

    async def _on_key(self, event: Key) -> None:
        await act_in_turn(self, event)

    def replace(self, text: str, start: int, end: int) -> None:
        """Put `text`, made safe, between two positions."""
        super().replace(safe_text(text, LONGEST_SHOWN), start, end)

    def _on_paste(self, event: Paste) -> None:
        event.prevent_default()  # Textual's takes the first line in silence, which is often an empty one
        event.stop()
        text = event.text.strip("\r\n")
        lines = text.splitlines()
        if len(lines) > 1 and self._take_lines is not None:
            self._take_lines(text)
            return
        if len(lines) > 1:
            key_app(self.app).say(f"Of the {len(lines):,} lines that were pasted, the first was taken.", "warning")
        if lines:
            self.replace(lines[0], *sorted(self.selection))

    def restricted(self) -> None:
        """Refuse in silence: no bell."""


class Chooser(Widget, can_focus=True):
    """Something with options. `chosen` holds the indices that are on."""

    class Changed(Message):
        """The person chose something else."""

        def __init__(self, chooser: Chooser) -> None:
            super().__init__()
            self.chooser = chooser

        @property
        def control(self) -> Chooser:
            """The widget that changed."""
            return self.chooser

    def __init__(self, labels: Sequence[str], chosen: Sequence[int] = (), id: str | None = None) -> None:
        super().__init__(id=id)
        self.labels = tuple(safe_text(label, 500) for label in labels)
        self.chosen: tuple[int, ...] = tuple(sorted(chosen))

    @property
    def signs(self) -> Signs:
        """What to draw with here."""
        screen = self.screen
        return PLAIN_SIGNS if isinstance(screen, Modal) and screen.is_plain else SIGNS

    def choose(self, chosen: Sequence[int]) -> None:
        """Set what is on."""
        fresh = tuple(sorted(chosen))
        if fresh != self.chosen:
            self.chosen = fresh
            self.post_message(self.Changed(self))
        self.refresh()

    async def _on_key(self, event: Key) -> None:
        if self.takes(event.key, event.character):
            event.stop()
            event.prevent_default()
            screen = self.screen
            if not isinstance(screen, Modal) or screen.is_armed:
                self.press(event.key, event.character)

    def _on_focus(self, event: Focus) -> None:
        self.refresh()

    def _on_blur(self, event: Blur) -> None:
        self.refresh()

    def takes(self, key: str, character: str | None) -> bool:
        """Whether a key means something here."""
        raise NotImplementedError

    def press(self, key: str, character: str | None) -> None:
        """Do what a key means."""
        raise NotImplementedError


class ChoiceList(Chooser):
    """Numbered choices below each other: one of them (`multiple=False`) or any number.

    1 to 9 choose directly, the arrows (also j and k) walk, space switches, backspace clears.
    """

    DEFAULT_CSS = """
    ChoiceList {
        height: auto;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    _STEPS: ClassVar[dict[str, int]] = {"up": -1, "k": -1, "down": 1, "j": 1}

    def __init__(
        self, labels: Sequence[str], chosen: Sequence[int] = (), *, multiple: bool = False, id: str | None = None
    ) -> None:
        super().__init__(labels, chosen, id)
        self.multiple = multiple
        self.cursor = self.chosen[0] if self.chosen else 0

    @property
    def first_row(self) -> int:
        """The index of the topmost choice in sight."""
        return max(0, min(self.cursor - ROWS_SHOWN // 2, len(self.labels) - ROWS_SHOWN))

    def render(self) -> Content:
        """The choices in sight, and how many there are when that is not all."""
        if not self.labels:
            return Content.styled("there is nothing to choose from", "$dim")
        shown = range(self.first_row, min(len(self.labels), self.first_row + ROWS_SHOWN))
        rows = [self._row(index) for index in shown]
        if len(self.labels) > ROWS_SHOWN:
            rows.append(Content.styled(f"    {shown[0] + 1} to {shown[-1] + 1} of {len(self.labels)}", "$dim"))
        return Content("\n").join(rows)

    def _row(self, index: int) -> Content:
        is_chosen = index in self.chosen
        is_under_cursor = self.has_focus and index == self.cursor
        signs = self.signs
        on, off = (signs.ticked, signs.unticked) if self.multiple else (signs.chosen, signs.open)
        style = ""
        if is_under_cursor and (self.multiple or not is_chosen):
            style = "$block-cursor-foreground on $block-cursor-background"
        elif is_chosen:
            style = "bold $surface on $foreground" if self.has_focus and not self.multiple else "bold"
        return Content.assemble(
            (f"{signs.cursor} " if is_under_cursor else "  ", "$key"),
            (f"{index + 1}" if index < 9 else " ", "$key"),
            (f" {on if is_chosen else off} ", "$mark-ok" if is_chosen else "$dim"),
            (f" {fit_middle(self.labels[index], self.content_size.width - _MARGIN)} ", style),
        )

    def takes(self, key: str, character: str | None) -> bool:
        """Numbers, arrows, space, backspace, home and end."""
        named = (*self._STEPS, "space", "backspace", "delete", "home", "end")
        return key in named or (character is not None and character in "123456789")

    def press(self, key: str, character: str | None) -> None:
        """Walk, or switch a choice."""
        last = len(self.labels) - 1
        if last < 0:
            return
        if key in ("backspace", "delete"):
            self.choose(())
        elif key == "space" or (key in self._STEPS and not self.chosen and not self.multiple):
            self._switch(self.cursor)
        elif key in self._STEPS:
            self._walk(max(0, min(last, self.cursor + self._STEPS[key])))
        elif key in ("home", "end"):
            self._walk(0 if key == "home" else last)
        elif character is not None and int(character) - 1 <= last:
            self._switch(int(character) - 1)

    def _walk(self, index: int) -> None:
        self.cursor = index
        self.choose(self.chosen if self.multiple else (index,))

    def _switch(self, index: int) -> None:
        self.cursor = index
        if self.multiple:
            self.choose(tuple({*self.chosen} ^ {index}))
        else:
            self.choose((index,))

    def on_click(self, event: Click) -> None:
        """Choose the row that was clicked."""
        index = self.first_row + event.y
        if event.y < ROWS_SHOWN and index < len(self.labels):
            self._switch(index)


class ChoiceRow(Chooser):
    """A few choices beside each other, each under a letter; left, right and space move between them."""

    DEFAULT_CSS = """
    ChoiceRow {
        height: auto;
    }
    """

    def __init__(
        self,
        options: Sequence[tuple[str, str]],
        chosen: int | None = None,
        *,
        clearable: bool = True,
        id: str | None = None,
    ) -> None:
        """Args:
        options: letter and label of each.
        chosen: the one that is on at first.
        clearable: whether backspace takes the choice away.
        """
        super().__init__([label for _, label in options], () if chosen is None else (chosen,), id)
        self.keys = tuple(key for key, _ in options)
        self.clearable = clearable

    def render(self) -> Content:
        """`y ● yes   n ○ no`"""
        return Content("   ").join(self._option(index) for index in range(len(self.keys)))

    def _option(self, index: int) -> Content:
        is_chosen = index in self.chosen
        style = "$dim"
        if is_chosen:
            style = "bold $surface on $foreground" if self.has_focus else "bold"
        return Content.assemble(
            (self.keys[index], "$key"),
            (f" {self.signs.chosen if is_chosen else self.signs.open} ", "$mark-ok" if is_chosen else "$dim"),
            (f" {self.labels[index]} ", style),
        )

    def takes(self, key: str, character: str | None) -> bool:
        """Its letters, left, right, space and backspace."""
        return character in self.keys or key in ("left", "right", "space", "backspace", "delete")

    def press(self, key: str, character: str | None) -> None:
        """Choose."""
        if character in self.keys:
            self.choose((self.keys.index(character),))
        elif key in ("backspace", "delete"):
            self.choose(() if self.clearable else self.chosen)
        elif not self.chosen:
            self.choose((0,))
        else:
            self.choose(((self.chosen[0] + (-1 if key == "left" else 1)) % len(self.keys),))
