"""The consoles that are open in browsers."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from evolver_tui.adapters.web.console.terminal import Size, TerminalProcess

MOST: Final = 8
_SECONDS_OF_A_TICKET: Final = 30.0
_MOST_TICKETS: Final = 100


class Consoles:
    """Starts a console for each page, and ends it with its page.

    Args:
        command: what is started.
        tell: hears what happens, as a sentence.
        now: seconds that only count up.
        new_ticket: a text that nobody guesses.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], tell: Callable[[str], None], *,
        now: Callable[[], float] = time.monotonic, new_ticket: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:  # fmt: skip
        self.most = MOST
        self._command = command
        self._environ = environ
        self._tell = tell
        self._now = now
        self._new_ticket = new_ticket
        self._tickets: dict[str, float] = {}
        self._open: set[TerminalProcess] = set()
        self._is_closed = False

    def ticket(self) -> str:
        """What opens one console within half a minute; empty where there are too many."""
        if len(self._open) >= self.most:
            return ""
        now = self._now()
        self._tickets = {each: until for each, until in self._tickets.items() if until > now}
        while len(self._tickets) >= _MOST_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = self._new_ticket()
        self._tickets[ticket] = now + _SECONDS_OF_A_TICKET
        return ticket

    def take(self, ticket: str) -> bool:
        """Whether a ticket is good; it is no more after that."""
        return self._tickets.pop(ticket, 0.0) > self._now()

    @contextlib.asynccontextmanager
    async def opened(self, size: Size) -> AsyncIterator[TerminalProcess | None]:
        """A console for the length of this block; None where there are too many, or none can be started."""
        if self._is_closed or len(self._open) >= self.most:
            yield None
            return
        try:
            process = await TerminalProcess.start(self._command, self._environ, size)
        except OSError as error:
            self._tell(f"A console could not be started: {error.strerror or error}.")
            yield None
            return
        self._open.add(process)
        self._tell(f"A console was opened: {self._how_many}.")
        try:
            yield process
        finally:
            await process.close()
            self._open.discard(process)
            self._tell(f"A console was closed: {self._how_many}.")

    @property
    def _how_many(self) -> str:
        return "1 is open" if len(self._open) == 1 else f"{len(self._open)} are open"

    async def close(self) -> None:
        """End them all in order."""
        self._is_closed = True
        await asyncio.gather(*(process.end() for process in self._open))
