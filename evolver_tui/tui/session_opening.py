"""Opening the session: tried again by itself where that can help, and by a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError, StoreBroken, StoreError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evolver_tui.engine.session import Session

SECONDS_BETWEEN_TRIES = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Before the second try, the third, ...; the last one goes on for all further ones."""


class SessionOpening:
    """Makes a session and opens it, as often as it takes."""

    def __init__(
        self,
        make: Callable[[], Session],
        prepare: Callable[[Session], None],
        undo: Callable[[Session], None],
        now: Callable[[], float],
    ) -> None:
        """Args:
        make: makes a session; called in a thread.
        prepare: called with each before it is opened.
        undo: the same backwards, for one that could not be opened.
        now: seconds that only count up.
        """
        self._make, self._prepare, self._undo, self._now = make, prepare, undo, now
        self._wanted = asyncio.Event()
        self._failed_since = 0.0
        self._due_at: float | None = None
        self._tries = 0
        self._is_trying = True
        self.error: EvolverError | None = None
        """Why the latest try failed; None before there was one."""

    async def open(self, failed: Callable[[], None]) -> Session:
        """Try until it is open; returns the session.

        Args:
            failed: called after each try that failed; `error` says why.
        """
        while True:
            self._is_trying, self._due_at = True, None
            try:
                return await self._try()
            except EvolverError as error:
                if self.error is None:
                    self._failed_since = self._now()
                self.error = error
                delay = SECONDS_BETWEEN_TRIES[min(self._tries, len(SECONDS_BETWEEN_TRIES) - 1)]
                self._tries += 1
            mends_itself = isinstance(self.error, StoreError) and not isinstance(self.error, StoreBroken)
            self._due_at = self._now() + delay if mends_itself else None
            self._is_trying = False
            self._wanted.clear()
            failed()
            try:
                async with asyncio.timeout(delay if mends_itself else None):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _try(self) -> Session:
        session = await asyncio.to_thread(self._make)
        self._prepare(session)
        try:
            await session.open()
        except BaseException:
            self._undo(session)
            raise
        return session

    @property
    def is_waiting(self) -> bool:
        """Whether a try failed and the next one has not begun."""
        return not self._is_trying and not self._wanted.is_set()

    def try_now(self) -> None:
        """Try at once instead of waiting."""
        self._wanted.set()

    def words(self, now_key: str) -> Sequence[tuple[str, str]]:
        """Why there is no session, since when, and what happens next, as paragraphs.

        Args:
            now_key: the key that tries at once, as a person reads it.
        """
        since = age(self._now() - self._failed_since)
        if not self.is_waiting:
            following = "It is being tried again."
        elif self._due_at is not None:
            following = f"It is tried again in {age(ceil(self._due_at - self._now()))}; {now_key} tries at once."
        else:
            following = f"Mend it, then press {now_key} to try again."
        waited_for = "the database" if isinstance(self.error, StoreError) else "that to be mended"
        return (
            (safe_text(self.error or "", 2_000), "error"),
            ("", "text"),
            (f"The console waits for {waited_for}, for {since} so far. {following}", "text"),
        )
