"""What a plot of a training run is made of: curves that lose no spike, axes with round ticks, and reading off."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from evolver_tui.core.training.curve import Curve
from evolver_tui.core.training.plot import (
    MOST_ZOOM,
    PlotLine,
    Span,
    make_plot,
    next_place,
    read_at,
    whole_span,
)
from evolver_tui.core.training.plot_scale import (
    number_within,
    short_number,
    span_scale,
    step_within,
    time_words,
    value_scale,
)
from evolver_tui.core.training.plot_svg import svg_of
from evolver_tui.core.training.series import Series


def series_of(values: list[float], start: int = 0, seconds: float = 1.0) -> Series:
    series = Series()
    for number, value in enumerate(values):
        series.add(start + number, 1_000.0 + seconds * number, value)
    return series


def curve_of(values: list[float], weight: float = 0.0) -> Curve:
    curve = Curve(series_of(values), weight)
    curve.catch_up()
    return curve


def noise(count: int, seed: int = 1) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(1.0, 0.1) for _ in range(count)]


# --- curves


@pytest.mark.parametrize("count", [2_000, 50_000])
def test_a_spike_of_one_point_is_in_its_column_or_the_next_one(count: int) -> None:
    for place in (0, 1, 31, 32, count // 2, count // 2 + 17, count - 33, count - 1):
        values = noise(count)
        values[place] = 99.0
        values[(place + 500) % count] = -99.0
        columns = curve_of(values).columns(0, count - 1, 100)
        (high,) = [column.at for column in columns if column.high == 99.0]
        assert abs(high - place * 100 / count) <= 1.5
        assert min(column.low for column in columns) == -99.0


@pytest.mark.parametrize("count", [1, 5, 100, 3_000, 40_000])
def test_every_value_is_in_some_column(count: int) -> None:
    values = noise(count)
    columns = curve_of(values).columns(0, max(1, count - 1), 200)
    assert min(column.low for column in columns) == min(values)
    assert max(column.high for column in columns) == max(values)
    assert [column.at for column in columns] == sorted({column.at for column in columns})
    assert columns[0].first == values[0]
    assert columns[-1].last == values[-1]


@pytest.mark.parametrize("weight", [0.0, 0.9])
def test_a_curve_that_grew_is_the_same_as_one_made_at_once(weight: float) -> None:
    values = noise(30_000)
    values[77] = values[20_000] = math.nan
    series = Series()
    grown = Curve(series, weight)
    source, number = random.Random(2), 0
    while number < len(values):
        for value in values[number : number + source.randint(1, 900)]:
            series.add(number, float(number), value)
            number += 1
        grown.catch_up()
    once = Curve(series, weight)
    once.catch_up()
    assert repr(grown.columns(0, 29_999, 100)) == repr(once.columns(0, 29_999, 100))
    assert repr(grown.columns(100, 400, 100)) == repr(once.columns(100, 400, 100))
    assert grown.gaps == once.gaps == 2


def test_a_series_that_changes_within_is_drawn_anew() -> None:
    series = series_of(noise(5_000))
    curve = Curve(series, 0.6)
    curve.catch_up()
    series.add(2_500, 0.0, 50.0)
    curve.catch_up()
    assert max(column.high for column in curve.columns(0, 4_999, 10)) > 20
    series.cut_after(2_000)
    curve.catch_up()
    assert len(curve) == 2_001
    assert max(column.high for column in curve.columns(0, 4_999, 10)) < 2
    series.extend(array("q", [9_000]), array("d", [9_000.0]), array("d", [7.0]))
    curve.catch_up()
    assert curve.columns(0, 9_000, 10)[-1].last > 1


@pytest.mark.parametrize("count", [40, 40_000])
def test_what_is_not_finite_is_a_gap_and_no_value(count: int) -> None:
    values = noise(count)
    for place, odd in ((3, math.nan), (count // 2 + count // 40, math.inf), (count - 2, -math.inf)):
        values[place] = odd
    curve = curve_of(values)
    columns = curve.columns(0, count - 1, 20)
    assert curve.gaps == 3
    assert [column.at for column in columns if column.has_gap] == [3 * 20 // count, 10, 19]
    assert all(math.isfinite(column.low) and math.isfinite(column.high) for column in columns if column.low < math.inf)
    smoothed = curve_of(values, 0.9)
    assert math.isnan(smoothed.at(3))
    assert math.isfinite(smoothed.at(4))


def test_nothing_but_gaps_is_no_fault() -> None:
    curve = curve_of([math.nan] * 100)
    line = PlotLine("x", curve)
    plot = make_plot([line], 50, (5, 5), is_log=True)
    assert all(column.low > column.high for column in plot.lines[0].columns)
    assert plot.up.low < plot.up.high


def test_smoothing_leans_on_no_value_before_the_first_and_lags_behind_a_step() -> None:
    curve = curve_of([5.0] * 10 + [1.0] * 200, 0.9)
    assert curve.at(0) == pytest.approx(5.0)
    assert curve.at(9) == pytest.approx(5.0)
    assert 4 < curve.at(10) < 5
    assert curve.at(209) == pytest.approx(1.0, abs=1e-6)


def test_only_points_beside_a_closer_span_are_given_beyond_it() -> None:
    columns = curve_of(noise(100)).columns(40, 50, 20)
    assert columns[0].at < 0
    assert columns[-1].at >= 20
    assert all(0 <= column.at < 20 for column in columns[1:-1])
    assert columns[0].low > columns[0].high


def test_a_clock_that_was_set_back_stands_still_until_it_is_where_it_was() -> None:
    series = Series()
    for step, at in enumerate((100.0, 101.0, 50.0, 51.0, 102.0)):
        series.add(step, at, float(step))
    curve = Curve(series)
    curve.catch_up()
    assert list(curve.places(by_time=True)) == [100.0, 101.0, 101.0, 101.0, 102.0]
    series.add(5, 7.0, 1.0)
    series.add(6, 103.0, 1.0)
    curve.catch_up()
    assert list(curve.places(by_time=True))[-3:] == [102.0, 102.0, 103.0]


# --- axes


@pytest.mark.parametrize(
    ("low", "high", "is_log", "words"),
    [
        (0.42, 4.31, False, ["0", "1", "2", "3", "4"]),
        (0.412, 0.431, False, ["0.410", "0.415", "0.420", "0.425", "0.430"]),
        (-3.0, 3.0, False, ["-2", "0", "2"]),
        (2.0, 2.0, False, ["1.90", "1.95", "2.00", "2.05", "2.10"]),
        (0.0, 0.0, False, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (0, 3_000_000, False, ["0", "1e6", "2e6", "3e6"]),
        (0.42, 4.31, True, ["0.2", "0.5", "1", "2", "5"]),
        (1e-5, 3e-3, True, ["1e-5", "1e-4", "0.001"]),
        (1e-9, 1e9, True, ["1e-9", "1e-5", "0.1", "1,000", "1e7"]),
        (1_234_567, 1_234_587, False, ["1.234565e6", "1.23457e6", "1.234575e6", "1.23458e6", "1.234585e6"]),
    ],
)  # fmt: skip
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, is_log: bool, words: list[str]) -> None:
    scale = value_scale(low, high, 5, is_log=is_log)
    assert [tick.words for tick in scale.ticks] == words
    assert scale.low <= low
    assert scale.high >= high * (1 - 1e-9)
    assert -1e-9 <= scale.fraction(low) <= scale.fraction(high) <= 1 + 1e-9


def test_no_pair_of_numbers_is_too_strange_for_an_axis() -> None:
    source = random.Random(3)
    strange = [0.0, -0.0, 5e-324, 1e-310, 1e-300, 1.0, 1 + 1e-15, 1e15, 1e300, 1.7e308, -1.7e308, -1e-320]
    strange += [source.uniform(-1, 1) * 10 ** source.uniform(-300, 300) for _ in range(60)]
    for one in strange:
        for other in strange:
            low, high = sorted((one, other))
            scale = value_scale(low, high, 6)
            assert scale.low < scale.high
            assert 2 <= len(scale.ticks) <= 30
            assert math.isfinite(scale.fraction(low))
            if low > 0:
                scale = value_scale(low, high, 6, is_log=True)
                assert scale.low < scale.high
                assert math.isfinite(scale.fraction(high))


def test_an_axis_of_steps_moves_seldom_while_a_run_grows() -> None:
    assert len({span_scale(0, last, 6).high for last in range(100, 1_000)}) < 12
    assert [tick.words for tick in span_scale(0, 27_000, 5).ticks] == ["0", "10k", "20k", "30k"]
    assert [tick.words for tick in span_scale(0, 900, 5).ticks] == ["0", "200", "400", "600", "800", "1,000"]
    hours = span_scale(0, 5_400, 6, is_time=True)
    assert [tick.words for tick in hours.ticks] == ["0", "15m", "30m", "45m", "1h", "1h15m", "1h30m"]
    assert span_scale(3, 3, 5).high > 3
    assert len(span_scale(0, 2**53, 6).ticks) <= 8


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.25, "1.250"), (0.0123, "0.01230"), (123.45, "123.5"), (12_345, "12,345"), (1.234e7, "1.23e7"), (0, "0.000"),
        (2e-5, "2.00e-5"), (-0.5, "-0.5000"), (math.nan, "nan"), (-math.inf, "-inf"), (1e300, "1.00e300"),
    ],
)  # fmt: skip
def test_a_value_is_short(value: float, words: str) -> None:
    assert short_number(value) == words


def test_steps_that_lie_far_out_are_told_apart() -> None:
    assert [tick.words for tick in span_scale(0, 4_000_000, 4).ticks] == ["0", "1,000k", "2,000k", "3,000k", "4,000k"]
    far = span_scale(10**9, 10**9 + 100, 2)
    assert [tick.words for tick in far.ticks] == ["1,000,000,000", "1,000,000,050", "1,000,000,100"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.001234, "0.00123"), (-0.001234, "-0.0012"), (-1.23e-5, "-1.2e-5"), (1.234, "1.234"), (-1.23e-10, "-1e-10"),
        (99_999.7, "100,000"), (-math.inf, "-inf"), (-12_345.6, "-12,346"),
    ],
)  # fmt: skip
def test_a_value_has_as_many_digits_as_there_is_room(value: float, words: str) -> None:
    assert number_within(value, 7) == words


def test_a_step_has_room_in_six_cells() -> None:
    words = {0: "0", 99_999: "99,999", 123_456: "123.5k", 999_960: "1000k", 12_345_678: "12.35M", 10**9 + 199: "1G"}
    assert {step: step_within(step, 6) for step in words} == words


def test_times_in_words() -> None:
    assert [time_words(each) for each in (0, 0.5, 7, 60, 90, 3600, 5400, 86_400, 90_000, 86_460)] == [
        "0", "0.5s", "7s", "1m", "1m30s", "1h", "1h30m", "1d", "1d1h", "1d",
    ]  # fmt: skip


# --- spans and reading off


def test_a_closer_span_follows_the_end_until_a_place_is_held() -> None:
    span = Span().zoomed(1).zoomed(1).zoomed(1)
    assert span.zoom == 10
    assert span.edges(0, 1_000) == (900, 1_000)
    assert span.edges(0, 2_000) == (1_800, 2_000)
    held = span.around(500, 0, 1_000)
    assert held.edges(0, 1_000) == (450, 550)
    assert held.edges(0, 5_000)[0] == 450
    assert held.around(460, 0, 1_000) == held
    assert Span().zoomed(-1) == Span()
    closest = Span()
    for _ in range(50):
        closest = closest.zoomed(1)
    assert closest.zoom == MOST_ZOOM


def test_a_reading_is_of_the_nearest_point_and_names_what_was_told() -> None:
    series = Series()
    for step, value in ((0, 4.0), (10, 3.0), (30, math.nan)):
        series.add(step, 1_000.0 + step, value)
    line = PlotLine("x", Curve(series, 0.9), origin=1_000.0)
    whole_span([line], by_time=False)
    found = [read_at(line, place, by_time=False) for place in (-5, 4, 6, 19, 21, 99)]
    assert [each.step for each in found if each is not None] == [0, 0, 10, 10, 30, 30]
    reading = read_at(line, 9.0, by_time=True)
    assert reading is not None
    assert (reading.step, reading.value) == (10, 3.0)
    assert reading.smoothed is not None
    assert 3 < reading.smoothed < 4
    moves = ((0, 1), (10, 1), (30, 1), (10, -1))
    assert [next_place(line, place, by, by_time=False) for place, by in moves] == [10, 30, 30, 0]
    assert read_at(PlotLine("empty", Curve(Series())), 0, by_time=False) is None


def test_two_runs_lie_over_each_other_by_the_time_since_each_began() -> None:
    one, other = series_of([1.0, 2.0], seconds=10), Series()
    other.add(0, 500_000.0, 3.0)
    other.add(1, 500_030.0, 4.0)
    lines = [PlotLine("one", Curve(one), origin=1_000.0), PlotLine("other", Curve(other), origin=500_000.0)]
    plot = make_plot(lines, 100, (5, 5), by_time=True)
    assert (plot.across.low, plot.across.high) == (0, 30)
    assert [[column.at for column in line.columns] for line in plot.lines] == [[0, 33], [0, 99]]


def test_a_logarithmic_scale_leaves_out_what_has_no_place_on_it() -> None:
    plot = make_plot([PlotLine("x", curve_of([10.0, 1.0, 0.0, -3.0, 0.1]))], 5, (5, 5), is_log=True)
    assert (plot.up.low, plot.up.high) == (0.1, 10)
    assert plot.up.fraction(-3.0) < -1
    assert plot.lacks_lowest


def test_a_scale_says_that_it_leaves_something_out_where_it_does() -> None:
    above, around = PlotLine("x", curve_of([10.0, 1.0])), PlotLine("x", curve_of([10.0, 0.0]))
    assert not make_plot([above], 5, (5, 5), is_log=True).lacks_lowest
    assert not make_plot([around], 5, (5, 5)).lacks_lowest
    assert not make_plot([PlotLine("x", curve_of([]))], 5, (5, 5), is_log=True).lacks_lowest
    assert "without 0 and below" in svg_of([around], "loss", "run", Span(), by_time=False, is_log=True)
