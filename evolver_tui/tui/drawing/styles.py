"""What panes draw with: named styles out of the theme, symbols, and text that fits a number of cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.color import ColorParseError as _ColorParseError
from textual.strip import Strip

from evolver_tui.tui.drawing.symbols import ASCII_SYMBOLS as ASCII_SYMBOLS
from evolver_tui.tui.drawing.symbols import Symbols as Symbols

Fragment = tuple[str, str]
"""Some text that is safe to draw, and the name of its styles."""

Line = Sequence[Fragment]

StyleMap = Mapping[str, Style]
"""StyleMap name to style, for one theme."""

_VARIABLES: Mapping[str, tuple[str, str]] = {
    "text": ("foreground", ""),
    "strong": ("foreground", "bold"),
    "dim": ("dim", ""),
    "key": ("key", "bold"),
    "title": ("primary", "bold"),
    "tab": ("primary", "bold underline"),
    "name": ("primary", ""),
    "needs": ("queue-needs", ""),
    "ok": ("mark-ok", ""),
    "warn": ("mark-warn", ""),
    "error": ("mark-error", ""),
    "run": ("mark-run", ""),
    "rule": ("border-blurred", ""),
    "line.1": ("mark-run", ""),
    "line.2": ("queue-needs", ""),
    "line.3": ("mark-ok", ""),
    "line.4": ("code-keyword", ""),
    "line.5": ("code-number", ""),
    "line.6": ("foreground", ""),
    "code.keyword": ("code-keyword", ""),
    "code.constant": ("code-keyword", "bold"),
    "code.string": ("code-string", ""),
    "code.docstring": ("code-string", "italic"),
    "code.number": ("code-number", ""),
    "code.comment": ("code-comment", "italic"),
    "code.function": ("code-function", ""),
    "code.name": ("code-name", ""),
    "code.operator": ("code-operator", ""),
}

LINE_STYLES = 6
"""Colours of a plot's lines: `line.1` and so on, and `line.1.behind`."""


def theme_styles(variables: Mapping[str, str]) -> StyleMap:
    """The styles of a theme whose CSS variables are `variables`."""
    styles = {
        name: Style.parse(attributes) + Style(color=_color(variables, variable).rich_color)
        for name, (variable, attributes) in _VARIABLES.items()
    }
    for number in range(1, LINE_STYLES + 1):
        styles[f"line.{number}.behind"] = _behind(variables, _VARIABLES[f"line.{number}"][0])
    styles["badge"] = _badge(variables, "badge")
    styles["alarm"] = _badge(variables, "queue-needs")
    for name, variable in (("selected", "block-cursor"), ("selected.blurred", "block-cursor-blurred")):
        styles[name] = Style(bgcolor=_color(variables, f"{variable}-background").rich_color)
    return {**styles, **_diff_styles(variables, styles)}


def _behind(variables: Mapping[str, str], variable: str) -> Style:
    """A line's colour for what lies behind it."""
    color, background = _color(variables, variable), _color(variables, "background")
    if color.ansi is not None or background.ansi is not None:
        return Style(color=color.rich_color, dim=True)
    return Style(color=background.blend(color, 0.4, 1.0).rich_color)


DIFF_MARKS: Mapping[str, tuple[str, float, str]] = {
    "+": ("mark-ok", 0.12, ""),
    "-": ("mark-error", 0.12, ""),
    "+word": ("mark-ok", 0.34, "bold"),
    "-word": ("mark-error", 0.34, "bold"),
}
"""What lies behind changed lines, and behind what changed within them: a colour, how much of it, and attributes."""


def marked(style: str, mark: str) -> str:
    """The name of a style of code, or of `text` or `dim`, over one of `DIFF_MARKS`."""
    return f"{style}@{mark}"


def _diff_styles(variables: Mapping[str, str], styles: StyleMap) -> StyleMap:
    """Code over what lies behind changed lines; where colours cannot be mixed, what changed within is underlined."""
    found: dict[str, Style] = {}
    background = _color(variables, "background")
    for mark, (variable, share, attributes) in DIFF_MARKS.items():
        color = _color(variables, variable)
        if color.ansi is not None or background.ansi is not None:
            over = Style.parse(f"{attributes} underline") if attributes else Style()
        else:
            over = Style.parse(attributes) + Style(bgcolor=background.blend(color, share, 1.0).rich_color)
        for name in ("text", "dim", *(name for name in styles if name.startswith("code."))):
            found[marked(name, mark)] = styles[name] + over
    return found


def css_style(name: str) -> str:
    """A named style as Textual's own text has it; empty for no name."""
    variable, attributes = _VARIABLES.get(name, ("", ""))
    return f"{attributes} ${variable}".strip() if variable else ""


def _badge(variables: Mapping[str, str], variable: str) -> Style:
    text, back = _color(variables, "badge-text"), _color(variables, variable)
    return Style(color=text.rich_color, bgcolor=back.rich_color, bold=True)


def _color(variables: Mapping[str, str], *names: str) -> Color:
    """The first of these variables that holds a colour; a percentage is blended over the background."""
    for name in names:
        value, _, percent = variables.get(name, "").partition(" ")
        try:
            color = Color.parse(value)
        except _ColorParseError:
            continue
        alpha = float(percent.rstrip("% ")) / 100 if percent else 1.0
        if color.ansi is not None:
            return color
        background = Color.parse(variables["background"])
        return color if background.ansi is not None else background.blend(color, alpha * color.a, 1.0)
    return Color.parse("ansi_default")


def fit(text: str, width: int) -> str:
    """`text` in at most `width` cells; a cut is marked with `…`."""
    if width <= 0:
        return ""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + "…"
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def fit_middle(text: str, width: int) -> str:
    """`text` in at most `width` cells, with its end; long names often differ there alone."""
    end = max(0, width // 3)
    if width_of(text) <= width or end < 2:
        return fit(text, width)
    while width_of(text[-end:]) > width // 3 and end > 1:
        end -= 1
    return fit(text, width - width_of(text[-end:])) + text[-end:]


def fill(text: str, width: int) -> str:
    """`text` in exactly `width` cells."""
    text = fit(text, width)
    return text + " " * (width - width_of(text))


def width_of(text: str) -> int:
    """How many cells `text` takes."""
    return len(text) if text.isascii() else cell_len(text)


def line_width(line: Iterable[Fragment]) -> int:
    """How many cells a line takes."""
    return sum(width_of(text) for text, _ in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of `width` cells; `right` gives way."""
    gap = width - line_width(left) - line_width(right)
    return [*left, (" " * gap, "text"), *right] if gap >= 1 else left


def paint(line: Line, styles: StyleMap, width: int, base: Style, over: Style | None = None) -> Strip:
    """A line as exactly `width` cells.

    Args:
        base: the widget's own colours.
        over: laid over every fragment, e.g. a selection's background.
    """
    if over is not None:
        base = base + over
        segments = [Segment(text, base + styles[name] + over) for text, name in line]
    else:
        segments = [Segment(text, base + styles[name]) for text, name in line]
    strip = Strip(segments, sum(width_of(text) for text, _ in line))
    if strip.cell_length > width:
        return _cut(line, styles, width, base)
    return strip.extend_cell_length(width, base)


def _cut(line: Line, styles: StyleMap, width: int, base: Style) -> Strip:
    kept: list[Segment] = []
    room = width
    for text, name in line:
        needed = width_of(text)
        is_last = needed >= room
        kept.append(Segment(fit(text + "…" if needed == room else text, room), base + styles[name]))
        room -= needed
        if is_last:
            break
    return Strip(kept).extend_cell_length(width, base)


def wrap(line: Line, width: int) -> list[list[Fragment]]:
    """A line as rows of at most `width` cells, broken at a space or token where there is one; nothing is hidden."""
    if line_width(line) <= width:
        return [list(line)]
    rows: list[list[Fragment]] = [[]]
    room = width
    for text, name in line:
        while _signs_within(text, room) < len(text):  # looks at no more than a row of it
            head, text = _split(text, room, width)
            if head:
                rows[-1].append((head, name))
            rows.append([])
            room = width
        if text:
            rows[-1].append((text, name))
            room -= width_of(text)
    return [row for row in rows if row]


def _split(text: str, room: int, width: int) -> tuple[str, str]:
    """What of `text` goes into the `room` that is left of a row, and the rest; an empty row takes at least a sign."""
    fits = _signs_within(text, room)
    space = text.rfind(" ", 0, fits)
    if space > 0:
        fits = space + 1
    elif room < width and width_of(text) <= width // 2:
        fits = 0
    fits = max(fits, int(room == width))
    return text[:fits], text[fits:]


def _signs_within(text: str, room: int) -> int:
    if text.isascii():
        return min(len(text), room)
    used = 0
    for position, character in enumerate(text):
        used += cell_len(character)
        if used > room:
            return position
    return len(text)


def wrap_words(text: str, width: int) -> list[str]:
    """`text` in rows of at most `width` cells, broken at spaces where there are some."""
    rows: list[str] = []
    for paragraph in text.split("\n"):
        row = ""
        for word in paragraph.split(" "):
            longer = f"{row} {word}" if row else word
            if width_of(longer) <= width:
                row = longer
                continue
            if row:
                rows.append(row)
            *full, row = ["".join(fragment for fragment, _ in part) for part in wrap([(word, "")], width)] or [""]
            rows.extend(full)
        rows.append(row)
    return rows


def set_out(phrases: Sequence[Line], width: int, rows: int = 2) -> list[Line]:
    """Phrases side by side in a few rows; how many more there are stands at the end."""
    laid: list[list[Fragment]] = [[]]
    for index, phrase in enumerate(phrases):
        gap = 3 if laid[-1] else 0
        left = len(phrases) - index
        more: Fragment = (f"   +{left - 1} more", "dim") if left > 1 else ("", "dim")
        reserve = len(more[0]) if len(laid) == rows else 0
        if laid[-1] and line_width(laid[-1]) + gap + line_width(phrase) + reserve > width:
            if len(laid) == rows:
                laid[-1].append((f"   +{left} more", "dim"))
                return list(laid)
            laid.append([])
            gap = 0
        laid[-1] += [(" " * gap, "text"), *phrase]
    return list(laid)
