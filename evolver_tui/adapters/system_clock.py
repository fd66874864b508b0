"""The machine's clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Implements the engine's `Clock`."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
