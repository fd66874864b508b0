"""What a person's keys did, for the card and the queue's rows: from the commit until its end is known."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from evolver_tui.core.job import JobState, Outcome, QueueRow
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.styles import fit, width_of

SECONDS_SHOWN = 8.0
"""How long the end of it stands there."""

SECONDS_UNTIL_READ = 1.0
"""How long a row may still show what was before."""


SAVING = "saving…"
"""What is said of a job from the key that does something about it until that is on disk."""

IS_BEING_SAVED = "It is being saved."
_SAVED_AS = "saved as "
USES = "uses "
"""How it begins where a node that was there is used instead of a draft."""


def fit_receipt(words: str, width: int) -> str:
    """What was done, in so many cells: of `saved as <node> v<n>` the node gives way, of anything else the end."""
    if width_of(words) <= width:
        return words
    start, saved_as, node_and_version = words.partition(_SAVED_AS)
    if saved_as:
        node, _, version = node_and_version.rpartition(" ")
        room = width - width_of(start) - len(saved_as) - 1 - width_of(version)
        return (
            f"{start}{saved_as}{fit(node, room)} {version}" if room > 1 else fit(f"{start}{saved_as}{version}", width)
        )
    return fit(words.partition(",")[0], width)


class Receipt(NamedTuple):
    """What was done about one job, and when, in seconds that only count up."""

    task_id: str
    words: str
    at: float
    is_final: bool = False
    """Whether nothing more is heard of it."""


class Receipts:
    """One receipt a job; they go by themselves."""

    def __init__(self, now: Callable[[], float], restore_key: str) -> None:
        """Args:
        now: seconds that only count up.
        restore_key: how the key that restores a job is written.
        """
        self._now = now
        self._restores = f"{restore_key} restores it"
        self.way_back = f"{restore_key} on it in the queue restores it."
        """How a task that is rejected or cancelled comes back, as a sentence."""
        self._given: dict[int, Receipt] = {}
        self._saving: dict[int, str] = {}
        """Job to its task's id, while something about it is not on disk yet."""
        self._under_way: dict[int, tuple[str, str]] = {}
        """Job to its task's id and what is going on, of what keeps nothing else from being done."""

    @contextlib.contextmanager
    def saving(self, job: int, task_id: str) -> Iterator[None]:
        """Something is done about a job, and is on disk at the end of this block."""
        self._saving[job] = safe_text(task_id, 40)
        try:
            yield
        finally:
            self._saving.pop(job, None)

    @contextlib.contextmanager
    def under_way(self, job: int, task_id: str, words: str) -> Iterator[None]:
        """Something is done about a job for the length of this block, which is said unless something else is."""
        self._given.pop(job, None)
        self._under_way[job] = (safe_text(task_id, 40), words)
        try:
            yield
        finally:
            self._under_way.pop(job, None)

    def is_saving(self, job: int | None = None) -> bool:
        """Whether something about a job, or about any, is not on disk yet."""
        return bool(self._saving) if job is None else job in self._saving

    def give(self, job: int, task_id: str, words: str, *, is_final: bool = False) -> None:
        """Something was done about a job, and is on disk."""
        self._given.pop(job, None)  # the latest one stands last
        self._given[job] = Receipt(safe_text(task_id, 40), words, self._now(), is_final)

    @property
    def unfinished(self) -> Collection[int]:
        """Jobs of which it is not known what came of it."""
        return [job for job, receipt in self._given.items() if not receipt.is_final]

    @property
    def has_some(self) -> bool:
        """Whether there are any."""
        return bool(self._given)

    def words_of(self, job: int) -> str:
        """What stands in a job's row; empty for nothing."""
        if job in self._saving:
            return SAVING
        receipt = self._given.get(job)
        return receipt.words if receipt is not None else self._under_way.get(job, ("", ""))[1]

    @property
    def latest(self) -> str:
        """The latest one as a sentence; empty for none."""
        if self._saving:
            return f"{next(reversed(self._saving.values()))} {SAVING}"
        if not self._given:
            return " ".join(next(reversed(self._under_way.values()), ()))
        receipt = next(reversed(self._given.values()))
        return f"{receipt.task_id} {receipt.words}"

    def learn(self, row: QueueRow) -> None:
        """Hear how a job stands."""
        receipt = self._given.get(row.job)
        if receipt is None or receipt.is_final:
            return
        words = self._end_of(row, receipt)
        if words:
            self._given[row.job] = receipt._replace(words=words, at=self._now(), is_final=True)
        elif row.state is JobState.FAILED or (
            row.state is JobState.PAUSED and self._now() - receipt.at >= SECONDS_UNTIL_READ
        ):
            del self._given[row.job]

    def _end_of(self, row: QueueRow, receipt: Receipt) -> str:
        match row.state, row.outcome:
            case JobState.COMPLETED, Outcome.APPROVED:
                return f"{USES if receipt.words.startswith(USES) else _SAVED_AS}{safe_text(row.node, 80)}"
            case JobState.COMPLETED, Outcome.REJECTED:
                return f"rejected, {self._restores}"
            case JobState.COMPLETED, outcome if outcome is not None:
                return outcome.value
            case JobState.CANCELLED, _:
                return f"cancelled, {self._restores}"
        return ""

    def expire(self) -> None:
        """Forget what has stood there for long enough."""
        now = self._now()
        over = [job for job, each in self._given.items() if each.is_final and now - each.at >= SECONDS_SHOWN]
        for job in over:
            del self._given[job]
