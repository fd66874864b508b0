"""What a server is to whoever runs it."""

from __future__ import annotations

from typing import Protocol


class Front(Protocol):
    """What serves to whoever connects."""

    @property
    def url(self) -> str:
        """Where it is found, once started."""

    async def start(self) -> None:
        """Listen. Raises UsageError where that cannot be done."""

    def take_no_more(self) -> None:
        """Refuse whoever comes from here on."""

    async def close(self) -> None:
        """End what is still served."""
