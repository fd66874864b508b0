"""Theme files as Textual themes: what the console can look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from textual.app import App
from textual.filter import Monochrome, NoColor
from textual.theme import BUILTIN_THEMES, Theme

from evolver_tui.core.errors import ConfigError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.themes import OWN_VARIABLES, ThemeFile, read_folder, read_theme, shipped_folder

DEFAULT_THEME = "evolver-dark"

_LAST_RESORT = "textual-dark"
"""Textual asks for this one by name when no other is set, so it stays registered, but is never offered."""


def register_themes(app: App[Any], user_folder: Path | None) -> list[str]:
    """Make every theme of the shipped folder and of the person's folder available, instead of Textual's own.

    A person's theme takes the place of a shipped one of the same name. A file that cannot be used changes nothing.

    Returns:
        A sentence for each file that cannot be used.
    """
    themes: dict[str, ThemeFile] = {}
    notices: list[str] = []
    for folder in filter(None, (shipped_folder(), user_folder)):
        found = read_folder(folder)
        themes.update((theme.name, theme) for theme in found.themes)
        notices += [str(problem) for problem in found.problems]
    for name in BUILTIN_THEMES:
        app.unregister_theme(name)
    # Textual's own themes lack the console's variables, and a style sheet with an unknown variable ends the program.
    fallback = BUILTIN_THEMES[_LAST_RESORT]
    app.register_theme(replace(fallback, variables={**variable_defaults(), **fallback.variables}))
    for theme in themes.values():
        app.register_theme(_textual_theme(theme))
    return notices


def register_shipped_theme(app: App[Any], name: str, user_folder: Path | None) -> bool:
    """Make one theme available ahead of all others, so that the first frame does not wait for their files.

    Returns:
        Whether that could be done: not with a theme that does not come along, nor where a person has files of their
        own, which may hold any theme.
    """
    try:
        if user_folder is not None and any(user_folder.glob("*.toml")):
            return False
        theme = read_theme(shipped_folder() / f"{name}.toml")
    except (ConfigError, OSError, ValueError):
        return False
    if theme.name != name:
        return False
    app.register_theme(_textual_theme(theme))
    return True


def choose_theme(app: App[Any], name: str) -> list[str]:
    """Show the theme called `name`; where there is none, the default one.

    Returns:
        A sentence when the theme is not the one that was asked for, else nothing.
    """
    names = theme_names(app)
    if name in names:
        _wear(app, name)
        return []
    _wear(app, DEFAULT_THEME if DEFAULT_THEME in names else next(iter(names), _LAST_RESORT))
    return [f'There is no theme "{safe_text(name, 60)}". {did_you_mean(name, names, "themes")}']


def _wear(app: App[Any], name: str) -> None:
    app.theme = name
    if not app.no_color:
        return
    # Textual picks the filter for NO_COLOR once, by the theme it starts with; the one that makes greys of exact
    # colours turns the terminal's own ones black on black.
    suitable = NoColor() if app.current_theme.ansi else Monochrome()
    app._filters = [suitable if isinstance(old, NoColor | Monochrome) else old for old in app._filters]
    app.refresh(layout=True)


def theme_names(app: App[Any]) -> list[str]:
    """The themes that can be chosen, by name."""
    return sorted(name for name in app.available_themes if name != _LAST_RESORT)


def variable_defaults() -> dict[str, str]:
    """A value for each of the console's own variables, for `App.get_theme_variable_defaults`.

    The style sheet is read once before the first theme is applied; these stand in until then.
    """
    colors = _last_resort_colors()
    return {variable: colors[color] for variable, color in OWN_VARIABLES.items()}


@cache
def _last_resort_colors() -> Mapping[str, str]:
    return BUILTIN_THEMES[_LAST_RESORT].to_color_system().generate()


def _textual_theme(theme: ThemeFile) -> Theme:
    colors = theme.colors
    return Theme(
        name=theme.name,
        dark=theme.dark,
        ansi=theme.ansi,
        background=colors["background"],
        foreground=colors["foreground"],
        surface=colors["surface"],
        panel=colors["panel"],
        primary=colors["primary"],
        secondary=colors["secondary"],
        accent=colors["accent"],
        success=colors["success"],
        warning=colors["warning"],
        error=colors["error"],
        variables={**(_ansi_variables(colors) if theme.ansi else {}), **theme.variables},
    )


def _ansi_variables(colors: Mapping[str, str]) -> dict[str, str]:
    """What Textual leaves out or makes transparent in a theme of the terminal's own colours."""
    background, foreground = colors["background"], colors["foreground"]
    return {
        **colors,
        "ansi-background": background,
        "ansi-foreground": foreground,
        "foreground-disabled": foreground,
        "foreground-muted": foreground,
        "surface-active": colors["surface"],
        "text": foreground,
        "text-disabled": foreground,
        "text-muted": foreground,
    }
