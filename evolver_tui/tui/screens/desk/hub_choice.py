"""Which hub the session listens to, and which ones are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.address import Address

if TYPE_CHECKING:
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.context import ViewContext

_SAMPLE = Address()
"""Stands for the sample hub where the others have theirs."""


class HubChoice:
    """One hub at a time, the sample hub among them."""

    def __init__(self, view: ViewContext, session: Session) -> None:
        self._view = view
        self._session = session
        self._in_use: Address | None = None
        settings = view.settings
        self._known = [url for url in (settings.connect_url, settings.remembered_url) if url]

    @property
    def is_sample(self) -> bool:
        """Whether the hub in use is the sample hub."""
        return self._in_use == _SAMPLE

    @property
    def known(self) -> Sequence[Address]:
        """The hubs that can be offered by their address, the one in use first, then the latest ones."""
        known = dict.fromkeys([self._in_use, *self._known] if self._in_use else self._known)
        whole = {str(address) for address in known if address.is_whole}
        return tuple(address for address in known if address.is_whole or str(address) not in whole)

    async def connect_to(self, url: Address | None, *, takes_samples: bool = False) -> None:
        """Connect to a hub, or with None to the sample hub. Raises EvolverError.

        Args:
            takes_samples: whether a person said that made-up tasks may come in.
        """
        is_sample = url is None
        if url is None:
            if self._view.settings.sample_hub is None:
                self._view.say("There is no sample hub here.", "warning")
                return
            url = await self._view.settings.sample_hub()
        await self._session.connect(url, takes_samples=takes_samples)
        self._in_use = _SAMPLE if is_sample else url
        if not is_sample:
            self._known.insert(0, url)
