"""Metrics in the form that pages of training streams take: every number within its bounds, each with a default.

What tells of an event alone has no loss, and is given none: it would be a point on a curve that nobody measured.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

from evolver_tui.core.training.record import as_number

VERSION: Final = "1.0"


class Bounds(NamedTuple):
    """Of one number; `digits` behind the point, None for a whole number."""

    lowest: float
    highest: float
    default: float
    digits: int | None = None


BOUNDS: Final[Mapping[str, Bounds]] = {
    "loss": Bounds(0, 10, 2.5, 4),
    "perplexity": Bounds(1, 1000, 12.18, 2),
    "grokProgress": Bounds(0, 100, 0, 1),
    "modelParams": Bounds(1_000_000, 100_000_000, 25_000_000),
    "currentStep": Bounds(0, 100_000, 0),
    "totalSteps": Bounds(1, 100_000, 1_000),
    "currentModel": Bounds(1, 10, 1),
    "totalModels": Bounds(1, 10, 3),
    "overallProgress": Bounds(0, 100, 0, 1),
    "trainingTime": Bounds(0, 86_400, 0, 3),
    "estimatedTimeRemaining": Bounds(0, 86_400, 0, 3),
}
_OF_THE_LOSS: Final = ("loss", "perplexity", "grokProgress")
_AS_THEY_ARE: Final = ("sessionId", "timestamp", "modelCompleted", "event", "payload", "sequence")


def compatible(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of any origin in that form."""
    found: dict[str, Any] = {name: metrics[name] for name in _AS_THEY_ARE if name in metrics}
    has_loss = "loss" in metrics
    invents_loss = not has_loss and not ("event" in metrics or "modelCompleted" in metrics)
    for name, bounds in BOUNDS.items():
        number = as_number(metrics.get(name))
        if number is not None and not math.isnan(number):
            found[name] = _within(number, bounds)
        elif name not in _OF_THE_LOSS or invents_loss:
            found[name] = _within(bounds.default, bounds)
    return found


def _within(number: float, bounds: Bounds) -> float:
    number = max(bounds.lowest, min(bounds.highest, number))
    return int(number) if bounds.digits is None else round(float(number), bounds.digits)


class CompatibleMetrics:
    """`compatible`, which remembers what it made for as long as there is room.

    Args:
        most: results that are remembered.
    """

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
        self.successful = 0
        """Counts all that was asked for."""

    def of(self, key: Hashable, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """The metrics of a key, which never has others."""
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = compatible(metrics)
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        self.successful += 1
        return made

    def forget(self, session_id: str) -> None:
        """Forget what was made of a session, where keys begin with their session's id."""
        for key in [key for key in self._made if isinstance(key, tuple) and key[0] == session_id]:
            del self._made[key]


def as_message(event: str, metrics: Mapping[str, Any], status: str, at: float) -> dict[str, Any]:
    """Metrics as a WebSocket's message wraps them.

    Args:
        at: seconds since 1970.
    """
    return {"event": event, "metrics": metrics, "status": status, "timestamp": at}


def as_reply(session_id: str, metrics: Mapping[str, Any], status: str, at: float) -> dict[str, Any]:
    """Metrics as an HTTP reply wraps them.

    Args:
        at: seconds since 1970.
    """
    data = {"sessionId": session_id, "metrics": metrics, "timestamp": at, "status": status}
    return {"success": True, "data": data, "meta": {"version": VERSION, "timestamp": at, "source": "training"}}
