"""What every pane of the desk shares: it draws lines of styled fragments and carries no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from evolver_tui.tui.drawing.styles import ASCII_SYMBOLS, Line, StyleMap, Symbols, css_style, paint, theme_styles

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

_latest: tuple[Mapping[str, str], StyleMap] | None = None
"""The theme's variables that were read last, and what came of it."""


def styles_in(app: App[Any]) -> StyleMap:
    """The styles of the theme in use."""
    global _latest
    variables = app.theme_variables
    if _latest is None or _latest[0] is not variables:
        _latest = (variables, theme_styles(variables))
    return _latest[1]


class Pane(Widget):
    """A widget that is drawn line by line."""

    ALLOW_SELECT = False
    pane_name = ""

    def __init__(self, *, plain: bool = False, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.symbols: Symbols = ASCII_SYMBOLS if plain else Symbols()
        self._is_plain = plain
        self._title = ""
        self._subtitle: str | Line = ""
        self._base = Style()
        self._theme_styles: StyleMap = {}

    @property
    def theme_styles(self) -> StyleMap:
        """The styles of the theme in use."""
        return styles_in(self.app)

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One line's fragments, and what is laid over the whole of it."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw some lines; what they have in common is looked up once."""
        self._base, self._theme_styles = self.rich_style, self.theme_styles
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.size.width
        fragments, over = self.line(y, width)
        return paint(fragments, self._theme_styles, width, self._base, over)

    def refresh_rows(self, rows: Sequence[int]) -> None:
        """Draw some lines again and leave the rest."""
        self.refresh(*(Region(0, row, self.size.width, 1) for row in rows))

    def _with_dots(self, text: str) -> str:
        return text.replace(" · ", " - ") if self._is_plain else text

    def set_title(self, title: str) -> None:
        """The words in the upper border."""
        title = self._with_dots(title)
        if title != self._title:
            self._title = title
            self.border_title = Content(title)  # Content carries no markup

    def set_subtitle(self, subtitle: str | Line) -> None:
        """The words in the lower border; fragments have their styles, one without a name the border's own."""
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            fragments = [(self._with_dots(subtitle), "")] if isinstance(subtitle, str) else subtitle
            styled = (Content.styled(text, css_style(name)) for text, name in fragments)
            self.border_subtitle = Content("").join(styled)  # Content carries no markup


def pane_of(screen: Screen[Any]) -> Pane | None:
    """The pane that has the focus, or holds what has it."""
    focused = screen.focused
    if focused is None:
        return None
    return next((node for node in focused.ancestors_with_self if isinstance(node, Pane)), None)
