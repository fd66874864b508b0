"""How a plot becomes rows of cells: dots, gaps, the cursor, and the same in ASCII."""

from __future__ import annotations

import math
import random

import pytest

from evolver_tui.core.training.curve import Curve
from evolver_tui.core.training.plot import PlotLine, make_plot
from evolver_tui.core.training.series import Series
from evolver_tui.tui.drawing.braille import Canvas
from evolver_tui.tui.drawing.plot_drawing import PLAIN_SIGNS, PlotSigns, draw_plot, frame_of
from evolver_tui.tui.drawing.styles import line_width

STYLES = ("paper", "one", "two")


def text_of(canvas: Canvas, paper: str = "") -> list[str]:
    return ["".join(text for text, _ in canvas.row(row, STYLES, paper)) for row in range(canvas.rows)]


def line_of(values: list[float], label: str = "x", *, is_other: bool = False) -> PlotLine:
    series = Series()
    for step, value in enumerate(values):
        series.add(step, float(step), value)
    return PlotLine(label, Curve(series), is_other=is_other)


def drawn(*lines: PlotLine, size: tuple[int, int] = (30, 10), plain: bool = False, cursor: float | None = None,
          is_log: bool = False) -> list[str]:  # fmt: skip
    frame = frame_of(*size)
    plot = make_plot(lines, frame.dots, (4, 4), is_log=is_log)
    rows = draw_plot(plot, frame, PLAIN_SIGNS if plain else PlotSigns(), cursor)
    assert all(line_width(row) == size[0] for row in rows)
    return ["".join(text for text, _ in row) for row in rows]


# --- dots


def test_each_dot_has_its_place_in_a_cell() -> None:
    for x in range(2):
        for y in range(4):
            canvas = Canvas(1, 1)
            canvas.span(x, y, y, 1)
            bit = (0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80)[4 * x + y]
            assert text_of(canvas) == [chr(0x2800 + bit)]


def test_a_span_goes_through_cells_and_ends_at_the_edges() -> None:
    canvas = Canvas(2, 3)
    canvas.span(1, 3, 8, 1)
    canvas.span(2, -99, 99, 1)
    canvas.span(3, 5, 4, 1)
    canvas.span(99, 0, 3, 1)
    canvas.span(-1, 0, 3, 1)
    assert text_of(canvas) == ["⢀⡇", "⢸⡇", "⠈⡇"]


def test_a_line_has_no_holes() -> None:
    source = random.Random(4)
    for _ in range(200):
        canvas = Canvas(20, 10)
        start, end = (source.randrange(20), source.uniform(0, 39)), (source.randrange(20, 40), source.uniform(0, 39))
        canvas.line(start, end, 1)
        dots = {
            (2 * column + (bit > 3), 4 * row + bit % 4)
            for row in range(10) for column in range(20) for bit in range(8)
            if canvas._masks[row * 20 + column] & (0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80)[bit]
        }  # fmt: skip
        assert {x for x, _ in dots} == set(range(start[0], end[0] + 1))
        for x, y in dots:
            if x < end[0]:
                assert any(abs(y - other) <= 1 for at, other in dots if at in (x, x + 1) and (at, other) != (x, y))


def test_cells_without_dots_show_the_paper_and_others_their_latest_ink() -> None:
    canvas = Canvas(3, 1)
    canvas.span(2, 0, 3, 1)
    canvas.span(3, 0, 0, 2)
    assert canvas.row(0, STYLES, "abc") == [("a", "paper"), ("⡏", "two"), ("c", "paper")]


# --- plots


def test_a_plot_in_ascii_holds_nothing_else() -> None:
    other = line_of([1.0 + step % 3 for step in range(50)], is_other=True)
    for is_log in (False, True):
        rows = drawn(
            line_of([math.nan if step == 20 else 5.0 - step / 20 for step in range(50)]), other, plain=True, cursor=30,
            is_log=is_log,
        )  # fmt: skip
        assert "".join(rows).isascii()


def test_a_gap_parts_the_line_and_is_marked_on_the_axis() -> None:
    rows = drawn(line_of([1.0] * 10 + [math.nan] * 10 + [1.0] * 11), size=(39, 8))
    row = next(row for row in rows if "⠒" in row or "⠤" in row or "⠉" in row or "⣀" in row)[8:]
    assert row[:10].strip()
    assert not row[12:19].strip(" ·")
    assert rows[-2][8:].count("✗") == 10
    assert drawn(line_of([math.nan, math.inf, -math.inf]))[-2].count("✗") == 3


def test_the_end_of_each_line_has_a_sign_of_its_own() -> None:
    rows = drawn(line_of([1.0, 2.0, 3.0]), line_of([3.0, 2.0, 1.0]), line_of([1.0, 1.0, 2.0]))
    assert [sign for sign in "●◆■▲" if sign in "".join(rows)] == ["●", "◆", "■"]


def test_the_cursor_stands_in_its_column_and_on_its_point() -> None:
    rows = drawn(line_of([1.0, 2.0, 1.0, 2.0, 1.0]), cursor=2)
    at = rows[-2].index("●")
    assert abs(at - 8 - 11) <= 1
    assert sum(row[at] in "│●" for row in rows[:-2]) >= len(rows) - 4
    assert drawn(line_of([1.0, 2.0]), cursor=99)[-2].count("●") == 0


def test_another_runs_line_is_dotted() -> None:
    dots = []
    for is_other in (False, True):
        signs = "".join(drawn(line_of([1.0, 2.0], is_other=is_other)))
        dots.append(sum((ord(sign) - 0x2800).bit_count() for sign in signs if "\u2800" < sign <= "\u28ff"))
    assert dots[1] < 0.7 * dots[0]


@pytest.mark.parametrize("size", [(12, 4), (13, 5), (30, 4), (200, 60)])
@pytest.mark.parametrize("plain", [False, True])
def test_any_room_and_any_values_can_be_drawn(size: tuple[int, int], plain: bool) -> None:
    for values in (
        [], [1.0], [math.nan], [1e308, -1e308], [5e-324, 0.0], [1.0] * 3, [math.inf, 1.0, -math.inf], [-1.0, 0.0, 1.0],
        [1e300 * (-1) ** step for step in range(500)],
    ):  # fmt: skip
        for is_log in (False, True):
            for cursor in (None, 0, 1e18, -5):
                lines = line_of(values), line_of(values, is_other=True)
                rows = drawn(*lines, size=size, plain=plain, is_log=is_log, cursor=cursor)
                assert len(rows) == size[1]
