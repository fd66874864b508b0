"""Numbers and times as short words."""

from __future__ import annotations

import time

from evolver_tui.core.times import age


def duration(seconds: float) -> str:
    """How long something took: `0.4s`, and from ten seconds on as an age: `41s`, `12m`, `3h`."""
    return f"{max(0.0, seconds):.1f}s" if seconds < 10 else age(seconds)


def rate(per_second: float) -> str:
    """How often: `12/s`, `2.4/s`, `0.3/s`, `0/s`."""
    if per_second >= 9.95:
        return f"{per_second:,.0f}/s"
    if per_second >= 0.05:
        return f"{per_second:.1f}/s"
    return "<0.1/s" if per_second > 0 else "0/s"


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 line`, `25 lines`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def clock(seconds: float) -> str:
    """How far into something: `0:07`, `12:31`, `1:20:00`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bars(values: list[float], signs: str) -> str:
    """Values as a row of bars, the highest one full; a silent cell stays the lowest bar."""
    highest = max(values, default=0)
    if highest <= 0:
        return signs[0] * len(values)
    last = len(signs) - 1
    return "".join(signs[round(value / highest * last)] for value in values)


_second: tuple[int, str] = (-1, "")


def clock_time(timestamp: float) -> str:
    """A moment of the day, local, to the millisecond."""
    global _second
    whole = int(timestamp)
    if whole != _second[0]:
        try:
            _second = (whole, time.strftime("%H:%M:%S", time.localtime(whole)))
        except (ValueError, OverflowError, OSError):
            return "--:--:--.---"
    return f"{_second[1]}.{int(timestamp % 1 * 1000):03}"


def day_and_time(timestamp: float) -> str:
    """A moment of a day, local: `20 Nov 14:05`."""
    try:
        return time.strftime("%d %b %H:%M", time.localtime(timestamp))
    except (ValueError, OverflowError, OSError):
        return "-"


def moment(timestamp: float) -> str:
    """A moment of the day, local: `14:05`."""
    return clock_time(timestamp)[:5]
