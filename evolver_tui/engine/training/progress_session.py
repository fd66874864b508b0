"""One training session as a server holds it: how it stands, and what whoever watches it is told of each record."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from evolver_tui.core.training.metrics import estimated_time_remaining
from evolver_tui.core.training.plain_value import plain_mapping
from evolver_tui.core.training.record import (
    COMPLETED,
    MODEL_COMPLETED,
    RUNNING,
    TRAINING_COMPLETED,
    TRAINING_RESUMED,
    TRAINING_STARTED,
    BadRecord,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
)
from evolver_tui.core.training.run_state import run_from_state, state_of
from evolver_tui.core.training.throttle import Throttle
from evolver_tui.core.training.training_run import TrainingRun, training_metrics_of
from evolver_tui.engine.training.history import History
from evolver_tui.engine.training_store import KeptMoment, KeptTraining

STARTING: Final = "starting"
SESSION_STATUS: Final = "session_status"
PROGRESS_UPDATE: Final = "progress_update"
SESSION_CLEANUP: Final = "session_cleanup"
_MOST_BYTES: Final = 32 * 1024
"""Of one moment's metrics; where they are more, only those with a name of the contract are told."""


class Update(NamedTuple):
    """What whoever watches a session is told, once it is encoded for all of them."""

    session_id: str
    event: str
    data: str
    """JSON, in ASCII."""
    number: int = 0
    """Of the moment that it tells of; 0 where it tells of none."""


class ProgressSession:
    """Feed it records in their order, and hand on the updates.

    Args:
        now: seconds since 1970.
        interval: seconds between two updates of metrics.
    """

    def __init__(self, session_id: str, now: float, interval: float) -> None:
        self.run = TrainingRun(session_id, keeps_series=False)
        self.created_at = self.updated_at = now
        self.ended_at: float | None = None
        """By the server's clock."""
        self.next_line = 0
        """The first line that was not taken yet."""
        self.kept_line = 0
        """The same, as far as the store has it: a restart goes on there."""
        self.bad_lines = 0
        self.is_expired = False
        """Whether nothing but its metrics and history are still told."""
        self.has_started = False
        self.is_completed_told = False
        self.lock = asyncio.Lock()
        self.history: History | None = None
        """None where it lies in the store alone."""
        self.timer: asyncio.TimerHandle | None = None
        self.throttle: Throttle[Update] = Throttle(interval)
        self.numbered = 0
        """The latest moment's number."""
        self.measured = 0
        """The latest point's number."""
        self.values: Mapping[str, float | str] = {}
        """What was measured there, as it is told."""

    @classmethod
    def from_kept(cls, kept: KeptTraining, interval: float) -> ProgressSession:
        """The session that was kept. Raises ValueError where it cannot be read."""
        session = cls(kept.session_id, kept.updated_at, interval)
        session.next_line = session.kept_line = kept.next_line
        session.ended_at = kept.ended_at
        try:
            state = json.loads(kept.state_json)
            session.run = run_from_state(state["run"])
            for name in _STATE:
                setattr(session, name, state[name])
        except (BadRecord, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{kept.session_id}: {error!r}") from None
        return session

    def to_kept(self) -> KeptTraining:
        """What is kept of it beside its history."""
        state = {"run": state_of(self.run), **{name: getattr(self, name) for name in _STATE}}
        text = json.dumps(state, separators=(",", ":"), allow_nan=False)
        return KeptTraining(self.session_id, text, self.next_line, self.updated_at, self.ended_at)

    # --- how it stands

    @property
    def session_id(self) -> str:
        """Its id."""
        return self.run.run_id

    @property
    def status(self) -> str:
        """`starting`, `running`, `completed` or `failed`."""
        if self.run.is_over:
            return self.run.status
        return RUNNING if self.has_started else STARTING

    @property
    def is_over(self) -> bool:
        """Whether the training said so."""
        return self.run.is_over

    def standing(self) -> Mapping[str, Any]:
        """The session's status, as it is told."""
        run = self.run
        return {
            "session_id": self.session_id,
            "config": dict(run.header.config),
            "start_time": run.header.started_at or run.first_at or self.created_at,
            "status": self.status,
            "models_completed": min(len(run.completed), run.total_models),
            "current_model": run.model + 1 if self.has_started else 0,
            "total_models": run.total_models,
            "last_update": self.updated_at,
        }

    def latest_metrics(self) -> Mapping[str, Any] | None:
        """The metrics as they are at present, under the number of the latest point; None where there is none."""
        if not self.run.points:
            return None
        run, metrics = self.run, self.run.metrics()
        overall = max(metrics["overallProgress"], run.overall)  # a model may be done before its last step
        metrics |= {
            "overallProgress": round(overall, 1),
            "estimatedTimeRemaining": estimated_time_remaining(run.elapsed, overall),
            "sequence": self.measured,
            "values": dict(self.values),
        }
        return self._finite(metrics)

    def current(self) -> Iterable[Update]:
        """What somebody is told who begins to watch."""
        yield self._update(SESSION_STATUS, self.standing())
        latest = self.latest_metrics()
        if latest is not None:
            yield self._update(PROGRESS_UPDATE, {"metrics": latest, "status": self.status}, self.measured)

    # --- records

    def take(self, record: Record, now: float, elapsed: float) -> list[Update]:
        """Take the next record; what is told of it at once.

        Args:
            now: seconds since 1970.
            elapsed: seconds of a clock that is never set back.
        """
        self.updated_at, self.is_expired = now, False
        match record:
            case RunHeader():
                updates = self._take_header(record)
            case Point():
                updates = self._start(record.at) + self._take_point(record, elapsed)
            case Event():
                updates = self._start(record.at) + self._held(elapsed) + self._take_event(record)
            case RunEnd():
                updates = self._start(record.at) + self._held(elapsed) + self._take_end(record)
        self.ended_at = (self.ended_at or now) if self.is_over else None
        return updates

    def due(self, elapsed: float) -> list[Update]:
        """What was held back and is due."""
        self.timer = None
        return self._held(elapsed)

    def _held(self, elapsed: float) -> list[Update]:
        held = self.throttle.take(elapsed)
        return [held] if held is not None else []

    def _start(self, at: float) -> list[Update]:
        if self.has_started:
            return []
        self.has_started = True
        config = dict(self.run.header.config)
        told = {"sessionId": self.session_id, "config": config, "timestamp": at}
        return [self._update(TRAINING_STARTED, told)]

    def _take_header(self, header: RunHeader) -> list[Update]:
        is_anew = self.is_over
        config, process = plain_mapping(header.config), plain_mapping(header.process)
        self.run.add(header._replace(run_id=self.session_id, config=config, process=process))
        if is_anew:
            self.has_started = self.is_completed_told = False
        return [*self._start(header.started_at), self._update(SESSION_STATUS, self.standing())]

    def _take_point(self, point: Point, elapsed: float) -> list[Update]:
        self.run.add(point)
        metrics = self._metrics(point.values.get("loss"), point.step, point.model, point.at)
        self.values = _values(point.values)
        update = self._told(metrics | {"values": self.values}, point.model, point.step)
        self.measured = self.numbered
        now = self.throttle.offer(update, elapsed)
        return [now] if now is not None else []

    def _take_event(self, event: Event) -> list[Update]:
        run = self.run
        run.add(event)
        step = run.steps.get(event.model, 0) if event.step is None else event.step
        if event.name == TRAINING_RESUMED and self.history is not None:
            self.history.cut_after(event.model, step)
        metrics = self._metrics(None, step, event.model, event.at) | {"event": event.name}
        metrics |= {"modelCompleted": True} if event.name == MODEL_COMPLETED else {}
        updates = [self._told(metrics | {"payload": dict(plain_mapping(event.payload))}, event.model, step)]
        if event.name == MODEL_COMPLETED:
            told = {"sessionId": self.session_id, "modelIndex": event.model, "currentModel": event.model + 1}
            updates.append(self._update(MODEL_COMPLETED, told | {"totalModels": run.total_models}))
        elif event.name == TRAINING_COMPLETED and not self.is_completed_told:
            self.is_completed_told = True
            told = {"sessionId": self.session_id, "timestamp": event.at, "totalModels": run.total_models}
            updates.append(self._update(TRAINING_COMPLETED, told))
        return updates

    def _take_end(self, end: RunEnd) -> list[Update]:
        updates: list[Update] = []
        if end.status == COMPLETED and not self.is_completed_told:
            updates = self._take_event(Event(TRAINING_COMPLETED, end.at, model=self.run.model))
        self.run.add(end)
        return [*updates, self._update(SESSION_STATUS, self.standing())]

    # --- what is told

    def _metrics(self, loss: float | None, step: int, model: int, at: float) -> dict[str, Any]:
        began = self.run.header.started_at or self.run.first_at
        return self._finite(training_metrics_of(self.run.header, loss, step, model, max(0.0, at - began), at))

    @staticmethod
    def _finite(metrics: dict[str, Any]) -> dict[str, Any]:
        """Times as they can be told: a clock that was set wrong has no end."""
        for name in ("trainingTime", "estimatedTimeRemaining"):
            metrics[name] = round(metrics[name], 3) if math.isfinite(metrics[name]) else 0.0
        return metrics

    def _told(self, metrics: Mapping[str, Any], model: int, step: int) -> Update:
        """A moment: it comes into the history, and is an update."""
        self.numbered += 1
        text = _encode({**metrics, "sequence": self.numbered})
        if len(text) > _MOST_BYTES:
            known = {name: value for name, value in metrics.items() if name not in ("values", "payload")}
            text = _encode({**known, "sequence": self.numbered})
        if self.history is not None:
            self.history.add(KeptMoment(self.numbered, model, step, text))
        data = f'{{"metrics":{text},"status":"{self.status}"}}'
        return Update(self.session_id, PROGRESS_UPDATE, data, self.numbered)

    def _update(self, event: str, value: Mapping[str, Any], number: int = 0) -> Update:
        return Update(self.session_id, event, _encode(value), number)


_STATE: Final = (
    "created_at", "bad_lines", "is_expired", "has_started", "is_completed_told", "numbered", "measured", "values",
)  # fmt: skip
"""What is kept of a session beside its run, as it is."""
_encode: Final[Callable[[object], str]] = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _values(values: Mapping[str, float]) -> dict[str, float | str]:
    return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}
