"""Which hubs a session can listen to: those of the network, and the sample hub in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from evolver_tui.adapters.sample_hub.hub import SampleHub
    from evolver_tui.engine.clock import Clock
    from evolver_tui.engine.link import Link, LinkListener, LinkMaker


class Demo:
    """The sample hub in this process's own event loop. Its tasks are numbered on from those of the last time.

    In a database of its own they are called task-1 and so on; beside a real hub's tasks, whose ids they must never
    take, sample-1.
    """

    def __init__(self, workspace: Workspace, *, is_alone: bool, tasks_a_second: float = 1.0) -> None:
        self._workspace = workspace
        self._rate = tasks_a_second
        self._id_prefix = "task-" if is_alone else "sample-"
        self._hub: SampleHub | None = None

    async def start(self) -> Address:
        """Start the hub, once; returns its address."""
        from evolver_tui.adapters.database.queue_peek import peek
        from evolver_tui.adapters.sample_hub.feed import FeedSettings
        from evolver_tui.adapters.sample_hub.hub import SampleHub, SampleHubSettings

        if self._hub is None:
            file = self._workspace.database_file
            counts = peek(file)[1] if file is not None else None
            start_number = counts.total + 1 if counts else 1
            feed = FeedSettings(rate=self._rate, start_number=start_number, id_prefix=self._id_prefix)
            self._hub = SampleHub(SampleHubSettings(feed=feed))
            await self._hub.start()
        address = Address(self._hub.url)
        _OWN_HUBS.add(address)
        return address


_OWN_HUBS: Final[set[Address]] = set()
"""The hubs in this very process, which are reached without a proxy."""


def link_maker(workspace: Workspace, clock: Clock, method: str) -> LinkMaker:
    """What makes links to hubs, with the config's timing and limits."""
    hub = workspace.config.hub

    def token() -> str:
        return workspace.secret(hub.token_env) or ""

    def make_link(url: Address, listener: LinkListener, *, takes_samples: bool = True) -> Link:
        from evolver_tui.adapters.signalr.link import SignalRLink
        from evolver_tui.adapters.signalr.settings import MEBIBYTE, LinkSettings
        from evolver_tui.settings.proxies import proxy_for

        if not url:
            raise UsageError("There is no hub to connect to.", "Name one with --hub URL, or choose one with c.")
        settings = LinkSettings(
            url=url,
            method=method,
            redirect_hosts=hub.redirect_hosts,
            proxy_for=(lambda url: None) if url in _OWN_HUBS else proxy_for,
            ping_interval=hub.ping_seconds,
            server_timeout=hub.timeout_seconds,
            frame_limit=hub.frame_limit_mib * MEBIBYTE,
            takes_samples=takes_samples,
        )
        return SignalRLink(settings, listener, clock, token)

    return make_link
