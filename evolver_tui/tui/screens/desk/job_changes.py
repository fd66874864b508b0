"""That jobs changed, here or in another process, for whoever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class JobChanges:
    """Tells its listeners, at most a few times a second."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def announce(self) -> None:
        """Jobs changed."""
        for listener in self._listeners:
            listener.set()

    @contextlib.contextmanager
    def heard(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever jobs changed."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            yield changed
        finally:
            self._listeners.discard(changed)
