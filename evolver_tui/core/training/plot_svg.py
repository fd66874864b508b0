"""A plot as an SVG file of its own: no outside font, no script, readable by a screen reader, light or dark as asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.training.curve import Column
from evolver_tui.core.training.plot import Plot, PlotLine, Span, make_plot, on_top, read_at
from evolver_tui.core.training.plot_scale import Scale, short_number

_WIDTH, _HEIGHT = 960, 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 24, 84, 56
_COLUMNS: Final = _WIDTH - _LEFT - _RIGHT
_ROWS: Final = _HEIGHT - _TOP - _BOTTOM
_LIGHT: Final = ("#0860c4", "#b26a00", "#2b7a3d", "#b3261e", "#7b3fa0", "#5f6368")
_DARK: Final = ("#6cb6ff", "#f1c55c", "#5fb562", "#f4786f", "#c79bf2", "#cdd9e5")
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LEGEND_CHARACTERS: Final = 8.2
"""Width of one, about."""


def svg_of(
    lines: Sequence[PlotLine], metric: str, run: str, span: Span = Span(), *, by_time: bool = False,  # noqa: B008
    is_log: bool = False,
) -> str:  # fmt: skip
    """Draw lines.

    Args:
        metric: what lies upwards.
        run: whose it is.
        span: the part of the steps or seconds that is drawn.
    """
    plot = make_plot(lines, _COLUMNS, (8, 6), span=span, by_time=by_time, is_log=is_log)
    return "\n".join(_document(plot, _text(metric), _text(run))) + "\n"


def _text(value: str) -> str:
    """A stranger's words within XML."""
    return escape(_NO_XML.sub("\ufffd", safe_text(value, 200)))


def _document(plot: Plot, metric: str, run: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    # Words of ticks that are longer than the margin make it wider.
    longest = max((len(tick.words) for tick in plot.up.ticks), default=0)
    more = max(0, math.ceil(_LEGEND_CHARACTERS * longest) + 18 - _LEFT)
    width = _WIDTH + more
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-more} 0 {width} {_HEIGHT}"'
        f' width="{width}" height="{_HEIGHT}"'
        ' role="img" aria-labelledby="title description">'
    )
    yield f'<title id="title">{metric} of {run}</title>'
    yield f'<desc id="description">{_description(plot, metric)}</desc>'
    yield f"<style>{_style()}</style>"
    yield f'<rect class="page" x="{-more}" width="{width}" height="{_HEIGHT}"/>'
    yield f'<text class="name" x="{_LEFT}" y="32">{metric}</text>'
    yield f'<text class="run" x="{_WIDTH - _RIGHT}" y="32" text-anchor="end">{run}</text>'
    yield from _legend(plot)
    yield from _axes(plot)
    picture = f'x="{_LEFT}" y="{_TOP - 2}" width="{_COLUMNS}" height="{_ROWS + 4}"'
    yield f'<clipPath id="picture"><rect {picture}/></clipPath>'
    yield '<g clip-path="url(#picture)">'
    for number in on_top([line.line for line in plot.lines]):
        line = plot.lines[number]
        kind = f"line l{number % len(_LIGHT)}"
        if line.raw_columns:
            yield f'<path class="{kind} behind" d="{_path(line.raw_columns, plot.up)}"/>'
        other = " other" if line.line.is_other else ""
        yield f'<path class="{kind}{other}" d="{_path(line.columns, plot.up)}"/>'
    yield "</g>"
    yield "</svg>"


def _description(plot: Plot, metric: str) -> str:
    """What is to be seen, for whoever does not see it."""
    across = "the time" if plot.by_time else "the step"
    scale = ", on a logarithmic scale" if plot.up.is_log else ""
    scale += " without 0 and below" if plot.lacks_lowest else ""
    words = [f"{metric} over {across}{scale}."]
    for drawn in plot.lines:
        ends = (read_at(drawn.line, place, by_time=plot.by_time) for place in (plot.across.low, plot.across.high))
        first, last = (f"{short_number(end.value)} at step {end.step:,}" if end is not None else "" for end in ends)
        words.append(f"{_text(drawn.line.label)}: from {first} to {last}." if first else "")
    return " ".join(filter(None, words))


def _style() -> str:
    def inks(colors: Sequence[str]) -> str:
        return "".join(f".l{number}{{stroke:{color}}}" for number, color in enumerate(colors))

    def paper(page: str, ink: str, dim: str, grid: str) -> str:
        return (
            f".page{{fill:{page}}}text{{fill:{ink}}}.tick,.run{{fill:{dim}}}.grid{{stroke:{grid}}}.edge{{stroke:{dim}}}"
        )

    return (
        "text{font:14px ui-sans-serif,system-ui,sans-serif}.name{font-size:20px;font-weight:600}"
        ".line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.behind{opacity:.3;stroke-width:1}"
        ".other{stroke-dasharray:5 4}.key{stroke-width:3}"
        + paper("#ffffff", "#1f2328", "#57606a", "#e4e7eb")
        + inks(_LIGHT)
        + "@media (prefers-color-scheme:dark){"
        + paper("#12161c", "#cdd9e5", "#949eaa", "#262d37")
        + inks(_DARK)
        + "}"
    )


def _legend(plot: Plot) -> Iterator[str]:
    x = float(_LEFT)
    for number, drawn in enumerate(plot.lines):
        label = safe_text(drawn.line.label, 40)
        width = 40 + _LEGEND_CHARACTERS * len(label)
        if x + width > _WIDTH - _RIGHT:
            yield f'<text class="tick" x="{x:.0f}" y="61">+{len(plot.lines) - number} more</text>'
            return
        other = " other" if drawn.line.is_other else ""
        yield f'<path class="line key l{number % len(_LIGHT)}{other}" d="M{x:.0f} 56h22"/>'
        yield f'<text x="{x + 30:.0f}" y="61">{_text(label)}</text>'
        x += width + 20


def _axes(plot: Plot) -> Iterator[str]:
    for tick in plot.up.ticks:
        y = _y(plot.up, tick.at)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}h{_COLUMNS}"/>'
        yield f'<text class="tick" x="{_LEFT - 10}" y="{y + 5:.1f}" text-anchor="end">{tick.words}</text>'
    low = _TOP + _ROWS
    yield f'<path class="edge" d="M{_LEFT} {low}h{_COLUMNS}"/>'
    for tick in plot.across.ticks:
        x = _LEFT + plot.across.fraction(tick.at) * _COLUMNS
        yield f'<path class="edge" d="M{x:.1f} {low}v5"/>'
        x = min(x, _WIDTH - _LEGEND_CHARACTERS * len(tick.words) / 2)
        yield f'<text class="tick" x="{x:.1f}" y="{low + 22}" text-anchor="middle">{tick.words}</text>'
    words = "time" if plot.by_time else "step"
    yield f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 12}" text-anchor="end">{words}</text>'


def _y(up: Scale, value: float) -> float:
    return _TOP + _ROWS * (1 - up.fraction(value))


def _path(columns: Sequence[Column], up: Scale) -> str:
    """Through the first, the lowest, the highest and the last value of each column; a gap lifts the pen."""
    path: list[str] = []
    is_down = False
    for column in columns:
        x = _LEFT + column.at + 0.5
        inside = (column.low, column.high) if column.low <= column.high else ()
        for value in (column.first, *inside, column.last):
            if not math.isfinite(value):
                is_down = False
                continue
            step = f"{'L' if is_down else 'M'}{x:.1f} {_y(up, value):.1f}"
            if not path or path[-1][1:] != step[1:] or not is_down:
                path.append(step if is_down else f"{step}h.01")
            is_down = True
    return "".join(path)
