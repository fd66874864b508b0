"""Axes: from a span of numbers to a scale whose ends and ticks are round, and ticks in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_LARGEST: Final = 1e300
"""Beyond, the difference of two numbers may be no number."""
_FINEST: Final = 1e-12
"""Of the numbers themselves: a span that is smaller has no ticks of its own."""
_ROUND: Final = (1.0, 2.0, 5.0, 10.0)
_ROUND_SECONDS: Final = (
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0,
    43200.0, 86400.0,
)  # fmt: skip
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_SHORT: Final = (("G", 1e9), ("M", 1e6), ("k", 1e3))


class Tick(NamedTuple):
    """A round number on an axis."""

    at: float
    words: str


class Scale(NamedTuple):
    """From a number to its place between two ends."""

    low: float
    high: float
    is_log: bool = False
    ticks: tuple[Tick, ...] = ()

    def fraction(self, value: float) -> float:
        """0 at the low end, 1 at the high one, outside beyond; far below what has none on a logarithmic scale."""
        if self.is_log:
            if value <= 0:
                return -1e6
            low = math.log10(self.low)
            found = (math.log10(value) - low) / (math.log10(self.high) - low)
        else:
            found = (value - self.low) / (self.high - self.low)
        return max(-1e6, min(1e6, found))


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... and 0.5, 0.2, ... that needs at most so many steps for a span above 0."""
    rough = span / max(1, most)
    size: float = 10.0 ** math.floor(math.log10(rough))
    return next((each * size for each in _ROUND if each * size >= rough * (1 - 1e-9)), 10.0 * size)


def value_scale(low: float, high: float, most: int, *, is_log: bool = False) -> Scale:
    """A scale around finite values; its ends are ticks or halfway between two, so that it moves seldom as values come.

    Args:
        most: ticks, about.
        is_log: both have to be above 0 then.
    """
    low, high = (max(-_LARGEST, min(_LARGEST, each)) for each in sorted((low, high)))
    if is_log:
        return _log_scale(max(low, 1 / _LARGEST), max(high, 1 / _LARGEST), most)
    if high - low <= max(abs(low), abs(high)) * _FINEST or high - low < 1 / _LARGEST:
        around = abs(low) * 0.05 or 1.0
        low, high = low - around, high + around
    step = nice_step(high - low, most)
    half = step / 2
    first, last = math.floor(low / half + 1e-9), math.ceil(high / half - 1e-9)
    if first == last:
        last += 1
    at = [number * step for number in range(math.ceil(first / 2), last // 2 + 1)]
    return Scale(first * half, last * half, ticks=tuple(map(Tick, at, tick_words(at, step))))


def _log_scale(low: float, high: float, most: int) -> Scale:
    bounds = list(_log_ticks(low, high))
    first = max((each for each in bounds if each <= low * (1 + 1e-9)), default=bounds[0])
    last = min((each for each in bounds if each >= high * (1 - 1e-9)), default=bounds[-1])
    if first == last:
        last = bounds[min(bounds.index(last) + 1, len(bounds) - 1)]
    within = [each for each in bounds if first <= each <= last]
    if len(within) > most + 1:
        decades = [each for each in within if round(math.log10(each), 6).is_integer()]
        within = decades[:: max(1, math.ceil(len(decades) / max(1, most)))] if len(decades) > 1 else within
    return Scale(first, last, True, tuple(Tick(each, short_number(each, exact=True)) for each in within))


def _log_ticks(low: float, high: float) -> Iterator[float]:
    """1, 2, 5, 10, ... from below the one to above the other."""
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2):
        yield from (factor * 10.0**decade for factor in (1, 2, 5))


def span_scale(low: float, high: float, most: int, *, is_time: bool = False, is_exact: bool = False) -> Scale:
    """A scale of steps or seconds.

    Args:
        is_exact: whether it ends where it is told to; else its end is a tick, so that a curve grows in its place.
    """
    if not high > low:
        high = low + 1
    step = _nice_seconds(high - low, most) if is_time else max(1.0, nice_step(high - low, most))
    if not is_exact:
        high = low + step * math.ceil((high - low) / step * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    at = [number * step for number in range(first, first + 200) if number * step <= high * (1 + 1e-12)]
    words = [time_words(each) for each in at] if is_time else step_words(at)
    return Scale(low, high, ticks=tuple(map(Tick, at, words)))


def _nice_seconds(span: float, most: int) -> float:
    rough = span / max(1, most)
    if rough > _ROUND_SECONDS[-1]:
        return 86_400 * nice_step(span / 86_400, most)
    return nice_step(span, most) if rough <= 0.5 else next(each for each in _ROUND_SECONDS if each >= rough)


# --- words


def tick_words(at: Sequence[float], step: float) -> list[str]:
    """Ticks with as many digits after the point as their distance needs."""
    largest = max(map(abs, at), default=0.0)
    if largest >= 1e5 or step < 1e-4:
        needed = math.ceil(math.log10(max(largest / step, 1.0)) - 1e-9) + 1
        return [short_number(each, exact=True, digits=max(3, needed)) for each in at]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{each + 0.0:,.{digits}f}" for each in at]  # 0.0 takes the sign off -0.0


def step_words(at: Sequence[float]) -> list[str]:
    """Steps: `500`, `1,500`, and from 10,000 on `15k` and `2.5M`, where that tells them apart."""
    largest = max(at, default=0.0)
    for unit, size in _SHORT:
        if largest >= 10 * size:
            words = [f"{each / size:,.6g}{unit}" if each else "0" for each in at]
            return words if len(set(words)) == len(words) else [f"{each:,.0f}" for each in at]
    return [f"{each:,.6g}" for each in at]


def step_within(step: int, room: int) -> str:
    """A step in so many cells, at least six: `99,999`, `123.5k`, `12.35M`."""
    words = f"{step:,}"
    if len(words) <= room:
        return words
    unit, size = next(((unit, size) for unit, size in _SHORT if step >= size), ("", 1.0))
    return f"{step / size:.4g}{unit}"


def time_words(seconds: float) -> str:
    """A time on an axis, or how long something takes, by its two largest units: `0`, `30s`, `5m`, `1h30m`, `2d`."""
    if seconds < 1:
        return f"{seconds:.2g}s" if seconds > 0 else "0"
    left = round(seconds)
    words: list[str] = []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number or words:
            words.append(f"{number}{unit}" if number else "")
        if len(words) == 2:
            break
    return "".join(words)


def short_number(value: float, *, exact: bool = False, digits: int = 0) -> str:
    """A value to four digits: `1.250`, `0.01230`, `123.4`, `1.23e-5`, `nan`, `inf`.

    Args:
        exact: without zeros that say nothing, as ticks are written.
        digits: another number of them; 0 for four, or three before an exponent.
    """
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size and not 1e-3 <= size < 1e5:
        mantissa, _, exponent = f"{value:.{(digits or 3) - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.') if exact else mantissa}e{int(exponent)}"
    if exact:
        return f"{value + 0.0:,.{max(4, digits)}g}" if size < 1e4 else f"{value:,.0f}"
    return f"{value:,.0f}" if size >= 1e4 else f"{value + 0.0:#.{digits or 4}g}".removesuffix(".")


def number_within(value: float, room: int) -> str:
    """A value in so many cells, at least six, with as many of its digits as have room."""
    written = (short_number(value, digits=digits) for digits in (0, 3, 2, 1))
    return next((words for words in written if len(words) <= room), f"{value:.0e}")
