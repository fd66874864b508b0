"""Who has a connection of which chat open: what the service and the gateway need of the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from evolver_tui.engine.workflow.broker import ServiceStanding


class Connection(NamedTuple):
    """A connection of a chat, and the pod that holds it."""

    session_id: str
    pod_id: str
    connection_id: str


class PodLookup(Protocol):
    """Which pods have a connection of a session."""

    async def pods(self, session_id: str) -> Sequence[str]:
        """The ids of the pods, each once, sorted; none where there is no connection or nothing is known.

        Never raises and never waits longer than half a second: what was known last serves for a while. Names that are
        no token of a subject are left out.
        """


class SessionRegistry(PodLookup, Protocol):
    """The registry as spec 002 has it."""

    @property
    def standing(self) -> ServiceStanding:
        """How it stands now."""

    def watch(self, listener: Callable[[ServiceStanding], None]) -> None:
        """Call `listener`, in the event loop, with each change of the standing."""

    async def open(self) -> None:
        """Begin to connect; it is tried again without end. Raises RegistryError where no later try can help."""

    async def close(self) -> None:
        """Disconnect."""

    async def register(self, connection: Connection, user_id: str, provider: str = "", model: str = "") -> None:
        """Say that a connection is open. Raises RegistryError."""

    async def renew(self, connections: Sequence[Connection]) -> None:
        """Say, every ten seconds, that these are still open. Raises RegistryError."""

    async def unregister(self, connection: Connection) -> None:
        """Say that a connection is closed. Raises RegistryError."""
