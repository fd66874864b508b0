"""A plot as SVG: well formed whatever it is called, self-contained, and readable without being seen."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from evolver_tui.core.training.curve import Curve
from evolver_tui.core.training.plot import PlotLine, Span
from evolver_tui.core.training.plot_svg import svg_of
from evolver_tui.core.training.series import Series
from tests.support.hostile import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def line_of(values: list[float], label: str = "model 1", *, is_other: bool = False) -> PlotLine:
    series = Series()
    for step, value in enumerate(values):
        series.add(step, 1_000.0 + step, value)
    return PlotLine(label, Curve(series), origin=1_000.0, is_other=is_other)


def test_it_says_in_words_what_it_shows() -> None:
    text = svg_of([line_of([3.0, 2.0, 0.5]), line_of([4.0, 1.0], "base", is_other=True)], "loss", "cognate")
    root = ElementTree.fromstring(text)
    assert root.attrib["role"] == "img"
    names = root.attrib["aria-labelledby"].split()
    title, description = (next(each for each in root.iter() if each.get("id") == name) for name in names)
    assert title.text == "loss of cognate"
    assert description.text == (
        "loss over the step. model 1: from 3.000 at step 0 to 0.5000 at step 2. "
        "base: from 4.000 at step 0 to 1.000 at step 1."
    )
    assert {each.text for each in root.iter(f"{SVG}text")} >= {"loss", "cognate", "model 1", "base", "step"}


def test_it_asks_nobody_for_anything() -> None:
    text = svg_of([line_of([1.0, 2.0])], "loss", "run")
    assert re.findall(r"(?:href|src|url\()[^ \"]*", text) == ["url(#picture)"]
    assert "<script" not in text
    assert text.count("http") == 1, "the namespace alone"
    assert "prefers-color-scheme:dark" in text


def test_the_words_of_its_ticks_have_room_however_long_they_are() -> None:
    root = ElementTree.fromstring(svg_of([line_of([1_234_567.0, 1_234_567.2])], "tokens", "run"))
    left = float(root.attrib["viewBox"].split()[0])
    ticks = [each for each in root.iter(f"{SVG}text") if each.get("class") == "tick" and each.get("x") == "62"]
    assert max(len(each.text or "") for each in ticks) == 12
    assert left + 12 * 8 < 62, "the left edge of the page is where the longest one begins, or before"
    page = next(root.iter(f"{SVG}rect"))
    assert float(page.attrib["x"]) == left
    series = Series()
    for step in range(101):
        series.add(10**9 + step, 0.0, 1.0)
    root = ElementTree.fromstring(svg_of([PlotLine("x", Curve(series))], "loss", "run"))
    (last,) = (each for each in root.iter(f"{SVG}text") if each.text == "1,000,000,100")
    right = sum(map(float, root.attrib["viewBox"].split()[::2]))
    assert float(last.attrib["x"]) + 13 * 8 / 2 < right


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_name_is_text_and_nothing_else(name: str) -> None:
    words = HOSTILE[name]
    root = ElementTree.fromstring(svg_of([line_of([1.0], words)], words, words).encode())
    assert {each.tag for each in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "rect", "text", "path", "g", "clipPath")
    }
    markup = ElementTree.fromstring(svg_of([], "<script>&\"'", "]]></svg>"))
    assert markup[0].text == "<script>&\"' of ]]></svg>"


def test_a_gap_lifts_the_pen_and_every_number_is_one() -> None:
    values = [1.0, 2.0, math.nan, 3.0, math.inf, -math.inf, 1e308, -1e308, 5e-324]
    for is_log in (False, True):
        for by_time in (False, True):
            text = svg_of([line_of(values)], "loss", "run", Span(2), by_time=by_time, is_log=is_log)
            assert "nan" not in text.partition("</desc>")[2]
            assert "inf" not in text.partition("</desc>")[2]
    root = ElementTree.fromstring(svg_of([line_of([1.0, 2.0, math.nan, 3.0, 4.0])], "loss", "run"))
    (path,) = [each.attrib["d"] for each in root.iter(f"{SVG}path") if each.attrib["class"] == "line l0"]
    assert path.count("M") == 2


def test_a_long_run_makes_no_long_file() -> None:
    text = svg_of([line_of([step % 7 for step in range(60_000)])], "loss", "run")
    assert len(text) < 100_000
