"""Signals of those who listen to signals."""

from typing import Final, TypedDict

from evolver_tui.core.signal import SignalType

ABOUT_LISTENERS: Final = "listener."
"""How the names of these begin."""


class FailedListener(TypedDict):
    """Its name in the config or its source, what it could not take, why, and how often it failed since it worked."""

    listener: str
    signal: str
    error: str
    failures: int


class SlowListener(TypedDict):
    """Its name in the config or its source, and how many signals it did not hear since it was told last."""

    listener: str
    signals: int


class UndeliveredSignals(TypedDict):
    """Its name in the config, why, how many were not delivered since it worked, and how many of them are lost."""

    listener: str
    reason: str
    signals: int
    lost: int


class StoppedListener(TypedDict):
    """Its name in the config, and why it cannot go on."""

    listener: str
    reason: str


LISTENER_FAILED: Final = SignalType(
    "listener.failed", FailedListener, "session",
    "A listener raised an error; told of the first time, the tenth, the hundredth and so on.", "warning",
)  # fmt: skip
LISTENER_DROPPED: Final = SignalType(
    "listener.dropped", SlowListener, "session", "A listener is too slow, and did not hear everything.", "warning"
)
LISTENER_UNDELIVERED: Final = SignalType(
    "listener.undelivered", UndeliveredSignals, "listener",
    "A listener could not deliver a signal, and put it aside; told of the first one, the tenth and so on.", "warning",
)  # fmt: skip
LISTENER_STOPPED: Final = SignalType(
    "listener.stopped", StoppedListener, "listener", "A listener cannot go on in this session.", "warning"
)
