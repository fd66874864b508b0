"""What a person does about the hub: choose one, connect now; which one is in use, and which ones are known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.address import Address
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.session import Session

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.screen import Desk

_SAMPLE = Address()
"""Stands for the sample hub where the others have theirs."""


class HubDeeds:
    """The desk's actions about the hub. Every one may raise EvolverError, which becomes a notice."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._in_use: Address | None = None
        self._known = [url for url in (desk.settings.connect_url, desk.settings.remembered_url) if url]

    def by_action(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Action id to deed."""
        return {"hub.connect": self.connect, "hub.retry": self.retry_link}

    @property
    def known(self) -> Sequence[Address]:
        """The hubs that can be offered by their address, the one in use first, then the latest ones."""
        known = dict.fromkeys([self._in_use, *self._known] if self._in_use else self._known)
        whole = {str(address) for address in known if address.is_whole}
        return tuple(address for address in known if address.is_whole or str(address) not in whole)

    async def connect(self) -> None:
        """Choose a hub and connect to it."""
        from evolver_tui.tui.modals import ConnectModal

        settings = self._desk.settings
        modal = ConnectModal(
            self.known,
            self._session.hub.link_state,
            prefers_sample=self._in_use == _SAMPLE,
            keeps_sample_tasks=not settings.starts_with_sample,
            now=settings.monotonic,
            wall_now=settings.now,
        )
        choice = await self._desk.app.push_screen_wait(modal)
        if choice is None or (choice.is_sample and not await self._lets_samples_in()):
            return
        await self.connect_to(None if choice.is_sample else choice.url)
        if not choice.is_sample and settings.remember_url is not None:
            settings.remember_url(choice.url)

    async def _lets_samples_in(self) -> bool:
        """Ask again before sample tasks come among those of a real hub."""
        if self._desk.settings.starts_with_sample or self._in_use == _SAMPLE or not self.known:
            return True
        from evolver_tui.tui.modals import ConfirmModal

        author = self._session.author_label
        body = (
            f"Made-up tasks come into the database of your real ones, and the {safe_text(author, 100)} works on them. "
            f"{safe_text(self.known[0], 200)} is not listened to meanwhile.\n\n"
            "For a look around, evolver-tui --demo has a database of its own."
        )
        modal = ConfirmModal("Mix sample tasks with real ones?", body, "mix", now=self._desk.settings.monotonic)
        return await self._desk.app.push_screen_wait(modal) is True

    async def connect_to(self, url: Address | None) -> None:
        """Connect to a hub, or with None to the sample hub."""
        is_sample = url is None
        if url is None:
            if self._desk.settings.sample_hub is None:
                self._desk.say("There is no sample hub here.", "warning")
                return
            url = await self._desk.settings.sample_hub()
        await self._session.connect(url)
        self._in_use = _SAMPLE if is_sample else url
        if not is_sample:
            self._known.insert(0, url)
        self._desk.hub_chosen(is_sample)

    async def retry_link(self) -> None:
        """Connect now instead of waiting."""
        self._session.hub.retry()
