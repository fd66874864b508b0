"""Theme files: a name, ten colours and the console's own variables, read and checked before anything is applied.

A theme file is TOML::

    name = "evening"
    dark = true

    [colors]
    background = "#12161c"
    foreground = "#cdd9e5"
    ...

    [variables]
    queue-needs = "#f1c55c"
    ...

`[colors]` is needed in full. A variable that is left out takes the colour named in `OWN_VARIABLES`, or what the
toolkit derives from the colours. With `ansi = true` every colour is one of the terminal's own sixteen.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from evolver_tui.core.errors import ConfigError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.suggest import nearest

SIZE_LIMIT = 64 * 1024
"""Bytes of a theme file; a real one has about two thousand."""

COLORS = (
    "background", "foreground", "surface", "panel", "primary", "secondary", "accent", "success", "warning", "error",
)  # fmt: skip

OWN_VARIABLES: Mapping[str, str] = {
    "queue-needs": "warning",
    "mark-ok": "success",
    "mark-warn": "warning",
    "mark-error": "error",
    "mark-run": "primary",
    "dim": "foreground",
    "key": "warning",
    "badge": "warning",
    "badge-text": "background",
    "code-keyword": "error",
    "code-string": "success",
    "code-number": "warning",
    "code-comment": "foreground",
    "code-function": "secondary",
    "code-name": "primary",
    "code-operator": "foreground",
}
"""The console's own variables, and the colour of `[colors]` that each takes in a theme that leaves it out."""

STANDARD_VARIABLES = frozenset({
    "block-cursor-background", "block-cursor-blurred-background", "block-cursor-blurred-foreground",
    "block-cursor-foreground", "block-hover-background", "border", "border-blurred", "button-color-foreground",
    "button-foreground", "footer-background", "footer-description-background", "footer-description-foreground",
    "footer-foreground", "footer-item-background", "footer-key-background", "footer-key-foreground",
    "foreground-disabled", "foreground-muted", "input-cursor-background", "input-cursor-foreground",
    "input-selection-background", "input-selection-foreground", "link-background-hover", "link-color",
    "link-color-hover", "screen-selection-background", "screen-selection-foreground", "scrollbar",
    "scrollbar-active", "scrollbar-background", "scrollbar-background-active", "scrollbar-background-hover",
    "scrollbar-corner-color", "scrollbar-hover", "surface-active", "text", "text-disabled", "text-muted",
})  # fmt: skip
"""Variables of the toolkit's own widgets that a theme may set to a colour."""

STYLE_VARIABLES = frozenset({
    "block-cursor-blurred-text-style", "block-cursor-text-style", "button-focus-text-style",
    "input-cursor-text-style",
})  # fmt: skip
"""Variables that take words of `STYLE_WORDS` instead of a colour."""

STYLE_WORDS = frozenset({"none", "bold", "italic", "underline", "strike", "reverse"})

ANSI_COLORS = (
    "ansi_default",
    *(
        f"ansi_{bright}{name}"
        for bright in ("", "bright_")
        for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
    ),
)

_TOP_KEYS = ("name", "dark", "ansi", "colors", "variables")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NAME_LIMIT = 40
_HEX_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")


class ThemeFile(NamedTuple):
    """A theme that was read and found whole."""

    name: str
    dark: bool
    ansi: bool
    colors: Mapping[str, str]
    """A value for each of `COLORS`."""
    variables: Mapping[str, str]
    """A value for each of `OWN_VARIABLES`, and for those standard ones that the file sets."""
    path: Path


class ThemeFolder(NamedTuple):
    """What a folder of theme files holds."""

    themes: tuple[ThemeFile, ...] = ()
    problems: tuple[ConfigError, ...] = ()
    """One for each file that cannot be used."""


def shipped_folder() -> Path:
    """The folder of the themes that come with the program: inside the package, or beside it in a source checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def read_folder(folder: Path) -> ThemeFolder:
    """Every `*.toml` of a folder, by file name. A folder that does not exist holds nothing.

    A file that cannot be used becomes a problem and leaves the others alone. Of two files with one name the first
    counts.
    """
    themes: dict[str, ThemeFile] = {}
    problems: list[ConfigError] = []
    try:
        paths = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    except OSError as error:
        return ThemeFolder(problems=(_unreadable(folder, error),))
    for path in paths:
        try:
            theme = read_theme(path)
            if theme.name in themes:
                raise _problem(
                    path,
                    f"its name {_quoted(theme.name)} is taken by {safe_text(themes[theme.name].path.name)}",
                    "Give one of them another name.",
                )
        except ConfigError as error:
            problems.append(error)
        else:
            themes[theme.name] = theme
    return ThemeFolder(tuple(themes.values()), tuple(problems))


def known_themes(user_folder: Path) -> list[str]:
    """The names of the themes that come along and of a person's own, in order."""
    folders = (shipped_folder(), user_folder)
    return sorted({theme.name for folder in folders for theme in read_folder(folder).themes})


def read_theme(path: Path) -> ThemeFile:
    """Read one theme file.

    Raises:
        ConfigError: it cannot be read, is no TOML, or has a key or value that cannot be used; names file, key, value
            and the nearest known key.
    """
    values = _read_toml(path)
    _refuse_unknown(path, values, _TOP_KEYS, "")
    ansi = _flag(path, values, "ansi", default=False)
    colors = _section(path, values, "colors")
    _refuse_unknown(path, colors, COLORS, "colors")
    missing = [key for key in COLORS if key not in colors]
    if missing:
        raise _problem(path, f"[colors] lacks {', '.join(missing)}", "A theme needs all ten colours.")
    checked_colors = {key: _color(path, f"colors.{key}", value, ansi) for key, value in colors.items()}
    variables = _section(path, values, "variables")
    _refuse_unknown(path, variables, (*OWN_VARIABLES, *STANDARD_VARIABLES, *STYLE_VARIABLES), "variables")
    checked_variables = {own: checked_colors[color] for own, color in OWN_VARIABLES.items()}
    for key, value in variables.items():
        check = _style if key in STYLE_VARIABLES else _color
        checked_variables[key] = check(path, f"variables.{key}", value, ansi)
    return ThemeFile(
        name=_name(path, values),
        dark=_flag(path, values, "dark"),
        ansi=ansi,
        colors=checked_colors,
        variables=checked_variables,
        path=path,
    )


def _read_toml(path: Path) -> dict[str, object]:
    try:
        if not path.is_file():  # a pipe or a device would block or never end
            raise _problem(path, "is not a regular file", "Put a TOML file there.")
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(content) > SIZE_LIMIT:
        raise _problem(path, f"is larger than {SIZE_LIMIT // 1024} KiB", "A theme has a few dozen lines.")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _problem(path, "is not UTF-8 text", "Save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise _problem(path, f"is not TOML: {safe_text(error, 120)}", "Mend that line.") from None


def _section(path: Path, values: Mapping[str, object], key: str) -> dict[str, object]:
    section = values.get(key, {})
    if not isinstance(section, dict):
        raise _problem(path, f"{key} = {_quoted(section)} is not a table", f"Write [{key}] on a line of its own.")
    return section


def _refuse_unknown(path: Path, values: Mapping[str, object], known: Iterable[str], section: str) -> None:
    known = tuple(known)
    for key in values:
        if key not in known:
            place = f" in [{section}]" if section else ""
            near = nearest(key, known)
            raise _problem(
                path, f"unknown key {_quoted(key)}{place}", f"Did you mean {near!r}?" if near else "Remove it."
            )


def _name(path: Path, values: Mapping[str, object]) -> str:
    name = values.get("name")
    if name is None:
        raise _problem(path, "name is missing", 'Begin it with name = "my-theme".')
    if not isinstance(name, str) or len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
        way_out = f"A name has lower-case letters, digits and single hyphens, at most {_NAME_LIMIT} of them."
        raise _problem(path, f"name = {_quoted(name)} is not a theme's name", way_out)
    return name


def _flag(path: Path, values: Mapping[str, object], key: str, default: bool | None = None) -> bool:
    flag = values.get(key, default)
    if flag is None:
        raise _problem(path, f"{key} is missing", f"Write {key} = true or {key} = false.")
    if not isinstance(flag, bool):
        raise _problem(path, f"{key} = {_quoted(flag)} is neither true nor false", "Write one of both, unquoted.")
    return flag


def _color(path: Path, key: str, value: object, ansi: bool) -> str:
    if ansi:
        if isinstance(value, str) and value in ANSI_COLORS:
            return value
        near = nearest(value, ANSI_COLORS) if isinstance(value, str) else None
        way_out = f"With ansi = true the terminal's own colours count, such as {near or 'ansi_bright_blue'}."
    else:
        if isinstance(value, str) and _HEX_COLOR.fullmatch(value):
            return value
        way_out = 'Write it as "#rrggbb" or "#rgb".'
    raise _problem(path, f"{key} = {_quoted(value)} is not a colour", way_out)


def _style(path: Path, key: str, value: object, _ansi: bool) -> str:
    if isinstance(value, str) and value.split() and STYLE_WORDS.issuperset(value.split()):
        return " ".join(value.split())
    way_out = f"Write one or more of {', '.join(sorted(STYLE_WORDS))}."
    raise _problem(path, f"{key} = {_quoted(value)} is not a text style", way_out)


def _problem(path: Path, what: str, way_out: str) -> ConfigError:
    return ConfigError(f"Theme file {safe_text(path)}: {what}.", way_out)


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return _problem(path, f"cannot be read ({error.strerror or type(error).__name__})", "Check that you may read it.")


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, dict | list) else str(value)
    return f'"{safe_text(text, 60)}"'
