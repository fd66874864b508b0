"""The command palette: every action and every theme, found by a few letters of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from textual.app import App
from textual.command import CommandInput, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import ModalScreen

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.themes import theme_names


class ActionHost(Protocol):
    """What the palette needs of the console's app."""

    @property
    def actions(self) -> Sequence[AnyAction]:
        """What can be done in the view in front, with the keys bound to it."""

    def perform(self, action: AnyAction) -> object:
        """Do it, as its key would."""

    def reason_against(self, action: AnyAction) -> str:
        """Why it cannot be done now, as a sentence; empty when it can."""

    def wear_theme(self, name: str) -> object:
        """Show a theme that a person chose."""


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """One line of the palette."""

    name: str
    key: str
    help: str
    is_disabled: bool
    run: Callable[[], object]


class ActionCommands(Provider):
    """Offers the app's actions, those that cannot be done now with the reason, and the themes.

    Over a modal it offers themes alone: an action on what lies behind it would not be seen.
    """

    async def discover(self) -> Hits:
        """Everything, in the order of the actions."""
        for entry in self._entries():
            yield DiscoveryHit(_line(Content(entry.name), entry), entry.run, entry.name, _help(entry))

    async def search(self, query: str) -> Hits:
        """What resembles the query; a likeness of the name counts more than one of the help."""
        matcher = self.matcher(query)
        for entry in self._entries():
            in_name = matcher.match(entry.name)
            score = in_name if in_name > 0 else matcher.match(entry.help) * 0.4
            if score > 0:
                name = matcher.highlight(entry.name) if in_name > 0 else Content(entry.name)
                yield Hit(score, _line(name, entry), entry.run, entry.name, _help(entry))

    def _entries(self) -> Iterator[PaletteEntry]:
        host = cast(ActionHost, self.app)
        if not isinstance(self.screen, ModalScreen):
            for action in host.actions:
                reason = safe_text(host.reason_against(action), 300)
                run = partial(self._say, reason) if reason else partial(host.perform, action)
                text = f"Not now: {reason}" if reason else action.help
                name = f"{action.title} ({action.section.lower()})"
                yield PaletteEntry(name, action.shown_key, text, bool(reason), run)
        for name in theme_names(self.app):
            text = "This is what you see." if name == self.app.theme else "Change how the console looks."
            yield PaletteEntry(f"theme {name}", "", text, False, partial(host.wear_theme, name))

    def _say(self, reason: str) -> None:
        self.app.notify(reason, markup=False)


class ActionPalette(CommandPalette):
    """Textual's command palette, calm: nothing in it blinks or spins."""

    DEFAULT_CSS = """
    ActionPalette {
        & > Vertical, & > Vertical:dark {
            visibility: visible;
            width: 74;
            max-width: 100%;
            height: auto;
            max-height: 85vh;
            margin-top: 2;
            padding: 1 1 0 1;
            background: $surface;
            border: round $border;
            border-title-color: $border;
            border-title-style: bold;
            border-subtitle-color: $dim;
        }
        &.-plain > Vertical, &.-plain > Vertical:dark {
            border: ascii $border;
        }
        #--input, #--input.--list-visible {
            border: none;
            padding: 0 1;
        }
        #--results {
            overlay: none;
        }
        CommandInput, CommandInput:focus, CommandInput:ansi {
            border: none;
            height: 1;
            padding: 0 1;
            color: $foreground;
            background: $panel;
            background-tint: transparent;
        }
        CommandInput > .input--placeholder, CommandInput:ansi > .input--placeholder {
            color: $dim;
        }
        CommandList, CommandList.--populating {
            border: none;
            margin: 1 0 0 0;
            max-height: 70vh;
            background: $surface;
            scrollbar-size-vertical: 1;
            scrollbar-background: $surface;
        }
        CommandList > .option-list--option {
            color: $foreground;
            text-style: none;
        }
        CommandList > .option-list--option-highlighted {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: none;
        }
        & > .command-palette--help-text {
            color: $dim;
            text-style: none;
        }
        SearchIcon, LoadingIndicator {
            display: none;
        }
    }
    """

    def on_mount(self) -> None:
        """Keep the cursor still, and name the window."""
        self.query_one(CommandInput).cursor_blink = False
        self.set_class(any(screen.has_class("-plain") for screen in self.app.screen_stack), "-plain")
        frame = self.query_one("#--container")
        frame.border_title = "Commands"
        frame.border_subtitle = f"enter run {'-' if self.has_class('-plain') else '·'} esc close"


def open_palette(app: App[Any]) -> None:
    """Show the palette, unless it is open."""
    if not CommandPalette.is_open(app):
        app.push_screen(ActionPalette([ActionCommands], placeholder="Find a command"))


def _line(name: Content, entry: PaletteEntry) -> Content:
    line = name.stylize("$dim") if entry.is_disabled else name
    return Content.assemble(line, (f"  {entry.key}", "$key")) if entry.key else line


def _help(entry: PaletteEntry) -> Any:
    # The palette takes a plain string for markup; content it takes as it is.
    return Content.styled(entry.help, "$dim")
