"""Theme files: the shipped ones can be read by a person's eyes, a bad one is a sentence and nothing more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.widgets import Static

from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.themes import (
    OWN_VARIABLES,
    STANDARD_VARIABLES,
    STYLE_VARIABLES,
    ThemeFile,
    read_folder,
    read_theme,
    shipped_folder,
)
from evolver_tui.tui.themes import DEFAULT_THEME, choose_theme, register_themes, theme_names, variable_defaults

SHIPPED = {theme.name: theme for theme in read_folder(shipped_folder()).themes}
EXACT = [theme for theme in SHIPPED.values() if not theme.ansi]
GROUNDS = ("background", "surface", "panel")
MARKS = ("queue-needs", "mark-ok", "mark-warn", "mark-error", "mark-run", "dim")


def luminance(color: str) -> float:
    """WCAG 2 relative luminance."""
    channels = (value / 255 for value in Color.parse(color).rgb)
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def pairs(theme: ThemeFile) -> dict[tuple[str, str], float]:
    """The contrast of every text the console draws with what it can stand on."""
    variables, colors = theme.variables, theme.colors
    texts = {name: variables[name] for name in OWN_VARIABLES if not name.startswith("badge")}
    texts |= {name: colors[name] for name in colors if name not in GROUNDS}
    found = {(text, ground): contrast(texts[text], colors[ground]) for text in texts for ground in GROUNDS}
    for ground in ("block-cursor-background", "block-cursor-blurred-background"):
        for text in (*MARKS, ground.replace("background", "foreground")):
            found[text, ground] = contrast(variables[text], variables[ground])
    for text, ground in (
        ("badge-text", "badge"),
        ("input-cursor-foreground", "input-cursor-background"),
        ("input-selection-foreground", "input-selection-background"),
        ("footer-key-foreground", "footer-background"),
        ("footer-description-foreground", "footer-background"),
    ):
        found[text, ground] = contrast(variables[text], variables[ground])
    return found


def test_the_shipped_themes_are_whole() -> None:
    folder = read_folder(shipped_folder())
    assert folder.problems == ()
    assert {"evolver-dark", "evolver-light", "high-contrast", "sixteen"} <= SHIPPED.keys()
    assert len(SHIPPED) == len(list(shipped_folder().glob("*.toml")))
    for theme in folder.themes:
        assert theme.path.stem == theme.name
        assert f'name = "{theme.name}"' in theme.path.read_text()
        text = theme.path.read_text()
        assert all(f"\n{variable} = " in text for variable in OWN_VARIABLES), theme.name


@pytest.mark.parametrize("theme", EXACT, ids=lambda theme: theme.name)
def test_text_stands_out_from_its_ground(theme: ThemeFile) -> None:
    needed = 7.0 if theme.name == "high-contrast" else 4.5
    assert {pair: round(ratio, 2) for pair, ratio in pairs(theme).items() if ratio < needed} == {}


def test_sixteen_uses_the_terminals_colours_alone() -> None:
    theme = SHIPPED["sixteen"]
    values = [*theme.colors.values(), *(v for k, v in theme.variables.items() if k not in STYLE_VARIABLES)]
    assert theme.ansi
    assert all(value.startswith("ansi_") for value in values)


def test_dark_and_light_say_what_they_are() -> None:
    for theme in EXACT:
        assert (luminance(theme.colors["background"]) < luminance(theme.colors["foreground"])) is theme.dark


class Host(App[None]):
    """An app whose style sheet needs every variable of the console."""

    CSS = "Static {" + "".join(f"color: ${variable};" for variable in OWN_VARIABLES) + "background: $background;}"

    def __init__(self, user_folder: Path | None = None) -> None:
        super().__init__()
        self.notices = register_themes(self, user_folder)
        self.choice = choose_theme(self, DEFAULT_THEME)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield Static("text", markup=False)


@pytest.mark.anyio
async def test_every_theme_can_be_worn_live() -> None:
    app = Host()
    assert app.notices == app.choice == []
    async with app.run_test() as pilot:
        names = theme_names(app)
        assert set(names) == set(SHIPPED)
        for name in names:
            app.theme = name
            await pilot.pause()
            background = app.query_one(Static).styles.background
            assert background == Color.parse(SHIPPED[name].colors["background"]), name


def test_standard_variables_are_textuals() -> None:
    app = Host()
    known = app.get_css_variables().keys()
    assert known >= STANDARD_VARIABLES
    assert known >= STYLE_VARIABLES


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def copy_of(shipped: str, *changes: tuple[str, str]) -> str:
    """A shipped theme's text with changes, each of which has to hit."""
    text = SHIPPED[shipped].path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


BAD = {
    "unknown key in a section": (
        ('primary = "#6cb6ff"', 'primray = "#6cb6ff"'),
        ["primray", "[colors]", "Did you mean 'primary'?"],
    ),
    "unknown variable": (
        ('queue-needs = "', 'queue-need = "'),
        ["queue-need", "[variables]", "Did you mean 'queue-needs'?"],
    ),
    "unknown key on top": (("dark = true", "drak = true"), ["drak", "Did you mean 'dark'?"]),
    "wrong colour": (('error = "#f4786f"', 'error = "#f4786"'), ["colors.error", '"#f4786"', "#rrggbb"]),
    "colour of another kind": (('error = "#f4786f"', "error = 7"), ["colors.error", '"7"', "is not a colour"]),
    "no flag": (("dark = true", 'dark = "yes"'), ["dark", '"yes"', "neither true nor false"]),
    "bad name": (('name = "evolver-dark"', 'name = "Evolver Dark"'), ["name", '"Evolver Dark"', "lower-case"]),
    "no name": (('name = "evolver-dark"\n', ""), ["name is missing"]),
    "missing colour": (('primary = "#6cb6ff"\n', ""), ["[colors] lacks primary"]),
    "no toml": (("[colors]", "[colors"), ["is not TOML", "line 5"]),
    "no table": (("[colors]", "colors = 1\n[variables]"), ["is not TOML"]),
}


@pytest.mark.parametrize("change", BAD)
def test_a_bad_file_is_a_sentence_with_file_key_and_value(change: str, tmp_path: Path) -> None:
    replacement, words = BAD[change]
    path = write(tmp_path, "mine.toml", copy_of("evolver-dark", replacement))
    with pytest.raises(ConfigError) as caught:
        read_theme(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"Theme file {path}: ")
    assert sentence[-1] in ".?"
    for word in words:
        assert word in sentence


def test_ansi_themes_take_no_exact_colours(tmp_path: Path) -> None:
    text = copy_of("sixteen", ('error = "ansi_bright_red"', 'error = "ansi_brigth_red"'))
    with pytest.raises(ConfigError, match=r"colors\.error = .*such as ansi_bright_red\."):
        read_theme(write(tmp_path, "mine.toml", text))


def test_a_theme_needs_no_variables(tmp_path: Path) -> None:
    text = copy_of("evolver-dark", ('name = "evolver-dark"', 'name = "bare"')).partition("[variables]")[0]
    theme = read_theme(write(tmp_path, "bare.toml", text))
    assert theme.variables["mark-ok"] == theme.colors["success"]
    assert set(theme.variables) == set(OWN_VARIABLES)


def test_files_that_are_no_files_are_sentences_too(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "bytes.toml").write_bytes(b'name = "\xff\xfe"')
    (tmp_path / "deep.toml").write_text("a = " + "[" * 20_000)
    (tmp_path / "digits.toml").write_text("a = " + "9" * 5_000)
    (tmp_path / "huge.toml").write_text("#" * 100_000)
    folder = read_folder(tmp_path)
    assert folder.themes == ()
    assert len(folder.problems) == 7
    assert all(str(problem).startswith("Theme file ") and str(problem).endswith(".") for problem in folder.problems)


def test_hostile_names_and_values_stay_words(tmp_path: Path) -> None:
    text = copy_of("evolver-dark", ('error = "#f4786f"', 'error = "\\u001b]52;c;AA==\\u0007\\u202e[@click=app.quit]"'))
    path = write(tmp_path, "e\x1b[31mvil.toml", text)
    (problem,) = read_folder(tmp_path).problems
    assert "\x1b" not in str(problem)
    assert "\u202e" not in str(problem)
    assert path.name not in str(problem)


@pytest.mark.anyio
async def test_a_persons_themes_join_and_override_without_a_word(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", copy_of("evolver-dark", ('background = "#12161c"', 'background = "#000001"')))
    write(tmp_path, "b.toml", copy_of("paper", ('name = "paper"', 'name = "mine"')))
    write(tmp_path, "c.toml", copy_of("paper", ('name = "paper"', 'name = "mine"')))
    write(tmp_path, "d.toml", copy_of("paper", ('name = "paper"', 'name = "broken"'), ('"#faf4e6"', '"cream"')))
    app = Host(tmp_path)
    async with app.run_test():
        assert app.query_one(Static).styles.background == Color.parse("#000001")
        assert "mine" in theme_names(app)
        assert "broken" not in theme_names(app)
    second, broken = app.notices
    assert "c.toml" in second
    assert '"mine" is taken by b.toml' in second
    assert 'colors.background = "cream" is not a colour' in broken


def test_a_missing_folder_is_no_notice(tmp_path: Path) -> None:
    assert Host(tmp_path / "themes").notices == []


def test_an_unknown_theme_falls_back_with_the_nearest_name() -> None:
    app = Host()
    assert choose_theme(app, "paper") == []
    assert choose_theme(app, "evolver-drak") == ["There is no theme \"evolver-drak\". Did you mean 'evolver-dark'?"]
    assert app.theme == "evolver-dark"
    (sentence,) = choose_theme(app, "\x1b]52;c;x")
    assert "\x1b" not in sentence
