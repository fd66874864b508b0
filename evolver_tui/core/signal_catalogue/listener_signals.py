"""Signals of those who listen to signals."""

from typing import Final, TypedDict

from evolver_tui.core.signal import SignalType


class FailedListener(TypedDict):
    """Its name in its source, what it could not take, why, and how often it failed so far."""

    listener: str
    signal: str
    error: str
    failures: int


class SlowListener(TypedDict):
    """Its name in its source, and how many signals it did not hear since it was told last."""

    listener: str
    signals: int


LISTENER_FAILED: Final = SignalType(
    "listener.failed", FailedListener, "session",
    "A listener raised an error; told of the first time, the tenth, the hundredth and so on.", "warning",
)  # fmt: skip
LISTENER_DROPPED: Final = SignalType(
    "listener.dropped", SlowListener, "session", "A listener is too slow, and did not hear everything.", "warning"
)
