"""Times as text."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(seconds: float, timespec: str = "milliseconds") -> str:
    """Seconds since 1970 as ISO 8601 in UTC, ending in Z; to the millisecond, or as `timespec` says."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def age(seconds: float) -> str:
    """How long, as short as can be: `4s`, `40s`, `4m`, `3h`, `2d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
