"""What a routine keeps beside its journal while it waits: events for later, and what it shares with its readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolver_tui.core.question import Question


@dataclass(frozen=True, slots=True)
class DeferredEvent:
    """An event that is told when the job is taken up again, before anything else happens (spec 001)."""

    name: str
    payload: Mapping[str, Any]
    timestamp: float
    """Seconds since 1970 when it was deferred, by the clock of the host that deferred it."""

    def to_json_value(self) -> dict[str, Any]:
        """The event in spec 001's words."""
        return {"event_name": self.name, "data": dict(self.payload), "timestamp": self.timestamp}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> DeferredEvent:
        """The inverse of `to_json_value`."""
        return cls(str(value["event_name"]), dict(value["data"]), float(value["timestamp"]))


@dataclass(frozen=True, slots=True)
class SharedState:
    """Spec 001's `shared_data` and `shared_log` of one job, as committed."""

    data: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[Mapping[str, Any]] = ()

    def to_json_value(self) -> dict[str, Any]:
        """Both as JSON."""
        return {"shared_data": dict(self.data), "shared_log": [dict(entry) for entry in self.log]}

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> SharedState:
        """The inverse of `to_json_value`."""
        return cls(dict(value["shared_data"]), tuple(dict(entry) for entry in value["shared_log"]))


@dataclass(frozen=True, slots=True)
class Pause:
    """A question that a job asked, and its answer where there is one. Times are seconds since 1970."""

    question: str
    kind: str
    """The name of its kind."""
    message: str
    asked_at: float
    answered_at: float | None
    answered_by: str
    answer: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question that a job asked, with all that it was about. Times are seconds since 1970."""

    id: int
    question: Question
    asked_at: float
    answered_at: float | None
    """None while it is open."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a write that keeps a job's progress carries besides its own value."""

    shared: SharedState | None = None
    """The shared data and log as they stand; None leaves them as they were committed."""
    deferred: Sequence[DeferredEvent] | None = None
    """All events that are told when the job is taken up again; None leaves them as they were committed."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Name to JSON value of entries of the journal that are written, or replaced, with it."""


NO_PROGRESS = Progress()
