"""From when on a draft on the card can be decided about: once it was seen, and no key can have been meant for else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

SECONDS_BEFORE_DECIDING: Final = 0.3
"""A draft has to have been on the screen for so long, and no decision key pressed, before one can decide about it."""

SECONDS_UNASKED: Final = 3.0
"""The same for a draft that took the place of another one without anybody asking for it, until it is touched: a key
that repeats, or one that was meant for what lay there before, decides nothing about it."""

SECONDS_ARRIVED: Final = 0.6
"""The same for a draft that came by itself to where nothing could be decided about for `SECONDS_UNASKED`, and no key
tried to."""

LEAST_ROWS: Final = 5
"""Rows of a draft, or all of a shorter one, that have to have been drawn before one can decide about it."""

NO_DRAFT: Final = "There is no draft to decide about on the card."
_NOT_YET: Final = "The draft is not on the screen yet."
_JUST_APPEARED: Final = "The draft has only just appeared: look at it, then decide."
_UNASKED: Final = "This is another draft than before: read it. Keys decide once it is scrolled, or after 3 s."
_TOO_LITTLE: Final = "Too little of the draft is in sight: give the card more room, or scroll."


class DraftGuard:
    """Knows what lies on the card, since when it is drawn, and who asked for it."""

    def __init__(self, monotonic: Callable[[], float], *, is_replay: bool = False) -> None:
        """Args:
        monotonic: seconds that only count up.
        is_replay: whether what lies there was decided long ago.
        """
        self._monotonic = monotonic
        self._is_replay = is_replay
        self._job = 0
        self._sha256 = ""
        """Of the draft that lies there; empty for none."""
        self._drawn_since: float | None = None
        """Since when enough of it is drawn."""
        self._rows_drawn: set[int] = set()
        self._quiet_since = -SECONDS_UNASKED
        """When a decision key was last pressed in vain."""
        self._asked_for = 0
        """The job that a person went to and that does not lie there yet; 0 for none."""
        self._expected = 0
        """The job whose question or draft a person asked for, whatever lies there of it before; 0 for none."""
        self._seconds = SECONDS_BEFORE_DECIDING
        """How long the draft has to have been on the screen: longer where it came by itself and was not touched."""
        self._draft_until = -SECONDS_UNASKED
        """When a draft lay there last."""

    # --- what lies there

    def lay(self, job: int, sha256: str) -> None:
        """Something else lies on the card from now on.

        Args:
            job: whose it is; 0 for nobody's.
            sha256: of the draft that it is; empty for something else.
        """
        now = self._monotonic()
        if self._sha256:
            self._draft_until = now
        is_calm = now - max(self._draft_until, self._quiet_since) >= SECONDS_UNASKED
        self._seconds = SECONDS_ARRIVED if is_calm else SECONDS_UNASKED
        if not sha256 or self._is_replay or job in (self._asked_for, self._expected):
            self._seconds = SECONDS_BEFORE_DECIDING
        if job == self._asked_for:
            self._asked_for = 0
        self._job, self._sha256 = job, sha256
        self.look_anew()

    def ask_for(self, job: int) -> None:
        """A person goes to this job: what lies there of it next was asked for."""
        if self._job == job:
            self._seconds = SECONDS_BEFORE_DECIDING
        else:
            self._asked_for = job

    def expect(self, job: int) -> None:
        """A person asked for what waits for them of this job, whatever lies there of it before that comes."""
        self._expected = job

    def has_come(self, job: int) -> None:
        """What waits for a person of this job lies there."""
        if job == self._expected:
            self._expected = 0

    # --- what is seen of it

    def look_anew(self) -> None:
        """Whatever was seen of it before, it has to be on the screen for a while from here on."""
        self._drawn_since, self._rows_drawn = None, set()

    def note_drawn(self, row: int, rows: int) -> None:
        """A row of the draft is drawn.

        Args:
            rows: how many it has.
        """
        if not self._sha256 or self._drawn_since is not None:
            return
        self._rows_drawn.add(row)
        if len(self._rows_drawn) >= min(LEAST_ROWS, rows):
            self._drawn_since = self._monotonic()

    def touch(self) -> bool:
        """The draft was scrolled, turned or clicked. It counts once it was seen: before, what lay there was meant.

        Returns:
            whether it can be decided about earlier by that.
        """
        counts = self._seconds > SECONDS_BEFORE_DECIDING and self.seconds_drawn >= SECONDS_BEFORE_DECIDING
        if counts:
            self._seconds = SECONDS_BEFORE_DECIDING
        return counts

    @property
    def seconds_drawn(self) -> float:
        """How long enough of the draft has been on the screen; below 0 while it is not."""
        return -1.0 if not self._sha256 or self._drawn_since is None else self._monotonic() - self._drawn_since

    @property
    def is_new(self) -> bool:
        """Whether the draft took another one's place by itself, a moment ago."""
        return self._seconds == SECONDS_UNASKED and self.seconds_drawn < SECONDS_UNASKED

    # --- keys

    @property
    def reason(self) -> str:
        """Why nothing can be decided now; empty when it can."""
        seconds = self.seconds_drawn
        if not self._sha256:
            return NO_DRAFT
        if seconds < 0:
            return _TOO_LITTLE if self._rows_drawn else _NOT_YET
        if seconds >= max(self._seconds, SECONDS_BEFORE_DECIDING):
            return ""
        return _UNASKED if self.is_new and seconds >= SECONDS_BEFORE_DECIDING else _JUST_APPEARED

    def press(self, reason: str) -> str:
        """Take notice of a decision key, wherever it was pressed; returns why it cannot decide, or nothing.

        A key that comes too early puts the moment off from which one can decide: while one is repeated, nothing is.

        Args:
            reason: why it cannot decide whenever it comes; empty when it can.
        """
        now = self._monotonic()
        if not reason and now - self._quiet_since >= SECONDS_BEFORE_DECIDING:
            return ""
        self._quiet_since = now
        if self._seconds > SECONDS_BEFORE_DECIDING and self._drawn_since is not None:
            self._drawn_since = now
        return reason or _JUST_APPEARED
