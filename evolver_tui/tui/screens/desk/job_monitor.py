"""What only signals tell and a person has to know: that the model is asked again, that something was not saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal_catalogue.author_signals import LLM_GENERATION_ERROR, LLM_GENERATION_START, NODE_WRITTEN
from evolver_tui.core.signal_catalogue.inbox_signals import REVIEW_DECIDED
from evolver_tui.core.signal_catalogue.task_signals import (
    JOB_LEASE_LOST,
    JOB_RESUMED,
    TASK_COMPLETED,
    TASK_FAILED,
    TASK_STARTED,
)

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

_LONGEST_ERROR = 500
_ENDS_WRITING = tuple(
    each.name for each in (NODE_WRITTEN, TASK_STARTED, TASK_COMPLETED, TASK_FAILED, JOB_RESUMED, JOB_LEASE_LOST)
)

MONITORED = frozenset((*_ENDS_WRITING, REVIEW_DECIDED.name, LLM_GENERATION_START.name, LLM_GENERATION_ERROR.name))
"""The names of all signals that `JobMonitor` takes anything from."""


class ModelRetry(NamedTuple):
    """The model failed, and is asked again."""

    failed: int
    """Attempts that failed so far."""
    error: str
    """Why the last one did."""
    due_at: float
    """When the next one begins or began, in seconds since 1970."""
    is_under_way: bool = False
    """Whether it has begun."""


class SaveFailure(NamedTuple):
    """A job that failed after its draft was approved."""

    job: int
    task_id: str
    error: str

    @property
    def sentence(self) -> str:
        """What a person is told."""
        return f"{self.task_id} was approved, but it could not be saved: {self.error}"


class JobMonitor:
    """Hears this session's signals, in order."""

    def __init__(self) -> None:
        self._retries: dict[int, ModelRetry] = {}
        self._approved: set[int] = set()

    def retry_of(self, job: int) -> ModelRetry | None:
        """How often the model failed at a job that is being worked on; None where it did not."""
        return self._retries.get(job)

    def hears(self, names: Iterable[str]) -> bool:
        """Whether there is anything for it among signals of these names."""
        return not MONITORED.isdisjoint(names)

    def hear(self, signals: Sequence[Signal]) -> Iterator[SaveFailure]:
        """Take signals in; what was approved and not saved comes out."""
        for signal in signals:
            job = signal.context.get("job")
            if signal.name not in MONITORED or not isinstance(job, int):
                continue
            match signal.name:
                case REVIEW_DECIDED.name:
                    (self._approved.add if signal.payload.get("kind") == "approve" else self._approved.discard)(job)
                case TASK_COMPLETED.name:
                    self._approved.discard(job)
                case TASK_FAILED.name if job in self._approved:
                    task_id = safe_text(signal.context.get("task_id", ""), 64)
                    yield SaveFailure(job, task_id, _error_of(signal.payload))
            self._keep_retries(job, signal)

    def _keep_retries(self, job: int, signal: Signal) -> None:
        before = self._retries.get(job)
        if signal.name in _ENDS_WRITING:
            self._retries.pop(job, None)
        elif signal.name == LLM_GENERATION_START.name and before is not None:
            self._retries[job] = before._replace(is_under_way=True)
        elif signal.name == LLM_GENERATION_ERROR.name:
            seconds = signal.payload.get("retry_in")
            if isinstance(seconds, int | float):
                failed = before.failed + 1 if before is not None else 1
                self._retries[job] = ModelRetry(failed, _error_of(signal.payload), signal.timestamp + seconds)


def _error_of(payload: Mapping[str, object]) -> str:
    return safe_text(payload.get("error", "it did not say why"), _LONGEST_ERROR)
