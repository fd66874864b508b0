"""How a NATS server is, for whoever looks after it. Nothing is made or changed there."""

from __future__ import annotations

from typing import NamedTuple

from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.streams import problem, streams_of
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.workflow.subjects import PARKED_STREAM, REQUEST_STREAM


class NatsCondition(NamedTuple):
    """What was found."""

    version: str
    """Of the server."""
    has_streams: bool
    """Whether JetStream is on."""
    waiting: int
    """Requests in the stream of those that wait for an answer."""
    parked: int
    """Requests that were put aside."""


async def look_at_nats(broker: NatsBroker) -> NatsCondition:
    """Connect and look. The broker is closed then.

    Raises:
        BrokerError: it is not there, or refuses.
    """
    try:
        await broker.open()
        if not broker.standing.is_up:
            way_out = "Start it, or name it with nats_url under [workflow] or NATS_URL."
            raise BrokerError(broker.standing.reason, way_out)
        client = broker.connection()
        found, streams = client.connected_server_version, streams_of(client)
        version = f"{found.major}.{found.minor}.{found.patch}"
        try:
            await streams.account_info()
        except APIError:
            return NatsCondition(version, has_streams=False, waiting=0, parked=0)
        waiting, parked = await _count(streams, REQUEST_STREAM), await _count(streams, PARKED_STREAM)
        return NatsCondition(version, has_streams=True, waiting=waiting, parked=parked)
    except (OSError, Error) as error:
        raise problem(error, "what it keeps") from None
    finally:
        await broker.close()


async def _count(streams: JetStreamContext, stream: str) -> int:
    try:
        return (await streams.stream_info(stream)).state.messages
    except NotFoundError:
        return 0
