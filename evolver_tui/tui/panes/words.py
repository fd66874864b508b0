"""Numbers and times as short words."""

from __future__ import annotations

import time


def duration(seconds: float) -> str:
    """How long: `0.4 s`, `41 s`, `12 min`, `3 h`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    return f"{int(seconds // 60)} min" if seconds < 7_200 else f"{int(seconds // 3_600)} h"


def rate(per_second: float) -> str:
    """How often: `12/s`, `2.4/s`, `1 every 8 s`, `none`."""
    if per_second >= 9.95:
        return f"{per_second:,.0f}/s"
    if per_second >= 1:
        return f"{per_second:.1f}/s"
    return f"1 every {1 / per_second:.0f} s" if per_second > 0 else "0/s"


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 line`, `25 lines`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def bars(values: list[float], signs: str) -> str:
    """Values as a row of bars, the highest one full; a silent cell stays the lowest bar."""
    highest = max(values, default=0)
    if highest <= 0:
        return signs[0] * len(values)
    last = len(signs) - 1
    return "".join(signs[round(value / highest * last)] for value in values)


_second: tuple[int, str] = (0, "")


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


def moment(timestamp: float) -> str:
    """A moment of the day, local: `14:05`."""
    return clock_time(timestamp)[:5]
