"""Run files of folders, which a progress server serves as they grow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from evolver_tui.core.errors import BadTraining, StoreError
from evolver_tui.engine.training.progress_hub import ProgressHub

_LOOK_SECONDS: Final = 0.25


class NewLines(NamedTuple):
    """What came to a run file."""

    session_id: str
    first: int
    """The number of the first of these lines, from 0."""
    lines: Sequence[bytes]


class RunFiles(Protocol):
    """Run files of some folders."""

    def look(self) -> Sequence[NewLines]:
        """What came since the last look, within bounds: look again for the rest. Blocks; never raises."""

    def again(self, news: NewLines) -> None:
        """Give these lines once more at the next look: they could not be taken."""

    def close(self) -> None:
        """Let go of all of them."""


class RunFilesFollower:
    """Hands what comes to run files on to a hub, while it is open."""

    def __init__(self, files: RunFiles, hub: ProgressHub) -> None:
        self._files = files
        self._hub = hub
        self._following: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin."""
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Look no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self._files.close()

    async def _follow(self) -> None:
        while True:
            found = await asyncio.to_thread(self._files.look)
            for news in found:
                await self._hand_on(news)
            if not found:
                await asyncio.sleep(_LOOK_SECONDS)

    async def _hand_on(self, news: NewLines) -> None:
        try:
            await self._hub.take_lines(news.session_id, news.first, news.lines)
        except StoreError:
            self._files.again(news)
            await asyncio.sleep(_LOOK_SECONDS * 4)
        except BadTraining:
            pass  # no session's id, or a file whose beginning was taken from it
