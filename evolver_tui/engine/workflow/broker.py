"""What the workflow service, the gateway and whoever watches need of a broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol


class ServiceStanding(NamedTuple):
    """How a server that is used stands."""

    service: Literal["nats", "redis"]
    is_up: bool
    reason: str = ""
    """Why it is not up, in a sentence; empty while it is."""


class WatchedService:
    """What the adapter of a server has in common with others: how it stands, and who hears of that."""

    def __init__(self, service: Literal["nats", "redis"]) -> None:
        self._standing = ServiceStanding(service, False, "It was not tried yet.")
        self._watchers: list[Callable[[ServiceStanding], None]] = []

    @property
    def standing(self) -> ServiceStanding:
        """How it stands now."""
        return self._standing

    def watch(self, listener: Callable[[ServiceStanding], None]) -> None:
        """Call `listener`, in the event loop, with each change of the standing."""
        self._watchers.append(listener)

    def _stand(self, is_up: bool, reason: str = "") -> None:
        standing = ServiceStanding(self._standing.service, is_up, reason)
        if standing != self._standing:
            self._standing = standing
            for watcher in self._watchers:
                watcher(standing)


Hear = Callable[[str, bytes], None]
"""Hears a message: its subject, and its content. Called in the event loop; never waits."""


class Broker(Protocol):
    """A connection to a broker that comes back by itself."""

    @property
    def standing(self) -> ServiceStanding:
        """How it stands now."""

    def watch(self, listener: Callable[[ServiceStanding], None]) -> None:
        """Call `listener`, in the event loop, with each change of the standing."""

    async def open(self) -> None:
        """Begin to connect, and return when that is done or has failed once; it is tried again without end.

        Raises:
            BrokerError: no later try can help: the settings do not fit, or the server refuses who asks.
        """

    async def close(self) -> None:
        """Send what was published, for a moment at most, and disconnect."""

    async def publish(self, subject: str, data: bytes) -> None:
        """Publish; returns as soon as the message is on its way or kept to be sent.

        What was published before the connection broke and is not known to have arrived is published again after it:
        a message may come twice. While the connection is away messages are kept up to a bound; then this waits.

        Raises:
            BrokerError: it was away for too long.
        """

    async def confirm(self, seconds: float) -> bool:
        """Wait until everything published so far has reached the broker; False where it has not in that time."""

    async def ask(self, subject: str, data: bytes, seconds: float) -> bytes | None:
        """Publish and wait for an answer: the stream's that keeps the message, or an instance's that takes it.

        Returns:
            The answer; None where somebody listens and did not answer in that time.

        Raises:
            BrokerError: nobody listens there, or the broker is away.
        """

    async def subscribe(self, subject: str, hear: Hear) -> Callable[[], None]:
        """Have `hear` called with each message, also after the connection broke; returns what ends that."""


class Delivery(Protocol):
    """One request as the broker handed it out."""

    subject: str
    data: bytes
    attempt: int
    """The number of this attempt to answer it, from 1, as its readers know it."""
    published_at: float
    """When it was published, in seconds since 1970: by the broker's clock, else when it came to this process."""
    tries: int
    """How often it was handed out since it was published: fewer than its attempts where it was published again."""

    async def working(self) -> None:
        """Say that it is still worked on, so that it is not handed to another instance."""

    async def done(self) -> None:
        """Say that it is answered, for good."""

    async def give_back(self) -> bool:
        """Let another instance have it, at once, when the queue is closed; False where there is none that would."""

    async def park(self, reason: str) -> None:
        """Put it aside with the reason: it is not handed out again unless a person says so."""


class RequestQueue(Protocol):
    """The requests of all sessions, shared among instances."""

    is_durable: bool
    """Whether what is not `done` is handed out again."""

    on_overload: Callable[[bytes, str], None]
    """Hears what came while too many requests waited here already, and its subject. Set before it is opened."""

    async def open(self) -> None:
        """Begin to take part. Raises BrokerError."""

    async def take(self, most: int) -> Sequence[Delivery]:
        """Up to `most` requests, at least one: waits for it, however long the broker is away."""

    async def close(self) -> Sequence[Delivery]:
        """Take no more; returns what was handed out and not taken. What is held can still be given back."""


@dataclass(frozen=True, slots=True)
class ParkedRequest:
    """A request that was put aside."""

    number: int
    """Its place in the stream, by which it is named."""
    subject: str
    data: bytes
    reason: str
    attempts: int
    at: float
    """When, in seconds since 1970."""


class ParkedRequests(Protocol):
    """The requests that were put aside."""

    async def list(self, most: int = 1_000) -> Sequence[ParkedRequest]:
        """The oldest first; none where nothing was ever parked. Raises BrokerError."""

    async def retry(self, number: int) -> None:
        """Have it answered again, as if it were new. Raises BrokerError for one that is not there."""

    async def drop(self, number: int) -> None:
        """Forget it. Raises BrokerError for one that is not there."""
