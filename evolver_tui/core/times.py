"""Times as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def utc_text(seconds: float, timespec: str = "milliseconds") -> str:
    """Seconds since 1970 as ISO 8601 in UTC, ending in Z; to the millisecond, or as `timespec` says."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def day_or_time(text: str, *, is_end: bool = False) -> float:
    """Seconds since 1970 of `2026-01-31` or `2026-01-31T12:00`, in UTC where it names no zone. Raises ValueError.

    Args:
        is_end: whether a day is meant to its end.
    """
    try:
        day = date.fromisoformat(text) + timedelta(days=is_end)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("beyond the last day") from None
    return moment.timestamp()


def day_around(seconds: float) -> tuple[float, float]:
    """Where the day of a moment begins and ends on this machine's calendar, in seconds since 1970."""
    day = date.fromtimestamp(seconds)
    return _midnight(day), _midnight(day + timedelta(days=1))


def local_moment(text: str, *, is_end: bool = False) -> float:
    """As `day_or_time`, by this machine's calendar where it names no zone. Raises ValueError, OverflowError.

    Args:
        is_end: whether a day is meant to its end.
    """
    try:
        return local_day(text)[is_end]
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def local_day(day: str) -> tuple[float, float]:
    """Where a day of this machine's calendar, as ISO 8601 has it, begins and ends. Raises ValueError."""
    first = date.fromisoformat(day)
    return _midnight(first), _midnight(first + timedelta(days=1))


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day).timestamp()


def age(seconds: float) -> str:
    """How long, as short as can be: `4s`, `40s`, `4m`, `3h`, `2d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
