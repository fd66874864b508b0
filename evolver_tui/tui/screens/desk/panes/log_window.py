"""The part of a session's log that is looked at: read page by page in both directions, and never more than a window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.signal import Signal

if TYPE_CHECKING:
    from evolver_tui.engine.signal_log import LogReader, StoredSignal

PAGE = 500
"""Signals that are read at once."""
MOST_ROWS = 4_000
"""Signals that are held; beyond that the far end is let go, and read again when somebody goes there."""

Matches = Callable[[Signal], bool]


class LogWindow:
    """Signals of a log that match, without a gap between the first and the last."""

    def __init__(self, log: LogReader, session_id: str, seq: int, matches: Matches | None) -> None:
        """Args:
        seq: where it begins, empty: this signal is the first that is read back, the next one the first read on.
        matches: which signals are rows; None takes all.
        """
        self._log = log
        self._session_id = session_id
        self._matches = matches
        self._first, self._last = seq + 1, seq  # what was looked at lies between, both included
        self._seqs: list[int] = []
        self.rows: list[Signal] = []
        """Oldest first."""
        self.has_older = seq > 0
        """Whether there may be more before the first row."""
        self.has_newer = True
        """Whether there may be more after the last row."""
        self.looked_at = 0
        """How many signals were looked at."""
        self.latest_look = 0.0
        """When the signal was told that was looked at last, in seconds since 1970."""

    @property
    def last(self) -> int:
        """The last place in the log that was looked at."""
        return self._last

    def seq_of(self, row: int) -> int:
        """Where a row stands in the log."""
        return self._seqs[row]

    async def read_older(self) -> int:
        """Read a page back; returns how many rows were let go at the end for it.

        Raises:
            StoreError: the database cannot be read.
        """
        page = await self._log.signals_before(self._session_id, self._first, PAGE)
        found = await self._matching(page)
        self.has_older = bool(page)
        if page:
            self._first, self.latest_look = page[0].seq, page[0].signal.timestamp
        self.rows[:0] = [stored.signal for stored in found]
        self._seqs[:0] = [stored.seq for stored in found]
        gone = max(0, len(self.rows) - MOST_ROWS)
        if gone:
            del self.rows[-gone:], self._seqs[-gone:]
            self._last, self.has_newer = self._seqs[-1], True
        return gone

    async def read_newer(self) -> int:
        """Read a page on; returns how many rows that adds. Raises as `read_older`."""
        page = await self._log.signals(self._session_id, self._last, PAGE)
        found = await self._matching(page)
        self.has_newer = bool(page)
        if page:
            self._last, self.latest_look = page[-1].seq, page[-1].signal.timestamp
        self.rows += [stored.signal for stored in found]
        self._seqs += [stored.seq for stored in found]
        gone = max(0, len(self.rows) - MOST_ROWS)
        if gone:
            del self.rows[:gone], self._seqs[:gone]
            self._first, self.has_older = self._seqs[0], True
        return len(found)

    async def _matching(self, page: Sequence[StoredSignal]) -> Sequence[StoredSignal]:
        self.looked_at += len(page)
        matches = self._matches
        if matches is None:
            return page
        return await asyncio.to_thread(lambda: [stored for stored in page if matches(stored.signal)])
