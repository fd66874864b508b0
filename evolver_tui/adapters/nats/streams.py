"""The streams of JetStream that the service uses: made where they are missing, used as they are where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nats.aio.client import Client
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, RetentionPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from evolver_tui.adapters.nats.handshake import Refused
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.workflow.subjects import ALL_REQUESTS, PARKED_STREAM, QUEUE_GROUP, REQUEST_STREAM

PARKED_SUBJECTS: Final = "workflow.parked.*"
_ANSWER_SECONDS: Final = 5.0
_DAY_SECONDS: Final = 86_400.0
_REQUESTS_LIVE_SECONDS: Final = _DAY_SECONDS
"""Nobody waits for an answer any longer then."""
_PARKED_LIVE_SECONDS: Final = 30 * _DAY_SECONDS
_MOST_PARKED: Final = 100_000
_MOST_UNANSWERED: Final = 20_000
"""Requests in the hands of all instances."""
_NOT_ON: Final = (10039, 10076)
_OVERLAPS: Final = 10065


def streams_of(client: Client) -> JetStreamContext:
    """What asks JetStream by this connection."""
    return client.jetstream(timeout=_ANSWER_SECONDS)


async def open_requests(client: Client, ack_seconds: float) -> None:
    """Have the stream of requests and the consumer that all instances share.

    Raises:
        Refused: somebody has to change something first.
        BrokerError: it may work another time.
    """
    streams = streams_of(client)
    try:
        await _open_stream(
            streams,
            StreamConfig(
                name=REQUEST_STREAM,
                description="Chats that wait for an answer",
                subjects=[ALL_REQUESTS],
                retention=RetentionPolicy.WORK_QUEUE,
                max_age=_REQUESTS_LIVE_SECONDS,
            ),
        )
        await _open_consumer(streams, ack_seconds)
    except (OSError, Error) as error:
        raise problem(error, REQUEST_STREAM) from None


async def open_parked(client: Client) -> None:
    """Have the stream of requests that were put aside. Raises BrokerError."""
    try:
        await _open_stream(
            streams_of(client),
            StreamConfig(
                name=PARKED_STREAM,
                description="Chats that no instance could answer",
                subjects=[PARKED_SUBJECTS],
                retention=RetentionPolicy.LIMITS,
                max_age=_PARKED_LIVE_SECONDS,
                max_msgs=_MOST_PARKED,
            ),
        )
    except (OSError, Error) as error:
        raise problem(error, PARKED_STREAM) from None


async def _open_stream(streams: JetStreamContext, wanted: StreamConfig) -> None:
    assert wanted.name is not None
    assert wanted.subjects is not None
    try:
        found = await streams.stream_info(wanted.name)
    except NotFoundError:
        await streams.add_stream(wanted)
        return
    subjects = found.config.subjects or ()
    missing = [subject for subject in wanted.subjects if not covers(subjects, subject)]
    if missing:
        kept = safe_text(", ".join(subjects), 200) or "nothing"
        raise Refused(
            f"The stream {wanted.name} at NATS keeps {kept} and not {', '.join(missing)}.",
            "Add the subject to it, or delete it: it is made again.",
        )


async def _open_consumer(streams: JetStreamContext, ack_seconds: float) -> None:
    wanted = ConsumerConfig(
        durable_name=QUEUE_GROUP,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_seconds,
        max_deliver=-1,  # what is handed out too often is parked, with its reason, and not merely dropped
        max_ack_pending=_MOST_UNANSWERED,
        filter_subject=ALL_REQUESTS,
    )
    try:
        found = await streams.consumer_info(REQUEST_STREAM, QUEUE_GROUP)
    except NotFoundError:
        await streams.add_consumer(REQUEST_STREAM, wanted)
        return
    if found.config.deliver_subject or found.config.ack_policy != AckPolicy.EXPLICIT:
        raise Refused(
            f"The consumer {QUEUE_GROUP} of {REQUEST_STREAM} at NATS is not one that instances can share.",
            f"Delete it: nats consumer rm {REQUEST_STREAM} {QUEUE_GROUP}. It is made again.",
        )
    if _differs(found, ack_seconds):
        await streams.add_consumer(REQUEST_STREAM, wanted)


def _differs(found: ConsumerInfo, ack_seconds: float) -> bool:
    return abs((found.config.ack_wait or 0.0) - ack_seconds) > 0.001 or (found.config.max_deliver or -1) > 0


def covers(patterns: Sequence[str], subject: str) -> bool:
    """Whether one of these subjects with wildcards takes in all of another one."""
    return any(_covers(pattern.split("."), subject.split(".")) for pattern in patterns)


def _covers(pattern: Sequence[str], subject: Sequence[str]) -> bool:
    for index, token in enumerate(pattern):
        if token == ">":
            return len(subject) > index
        if index >= len(subject) or (token not in ("*", subject[index])) or subject[index] == ">":
            return False
    return len(pattern) == len(subject)


def problem(error: Exception, stream: str) -> BrokerError:
    """What JetStream refuses, as a person can read it."""
    code = error.err_code if isinstance(error, APIError) else None
    if isinstance(error, ServiceUnavailableError | NoRespondersError) or code in _NOT_ON:
        return Refused(
            "NATS keeps no streams: JetStream is not on there.",
            "Start nats-server with -js, or do without `durable` under [workflow].",
        )
    if code == _OVERLAPS:
        return Refused(
            f"Another stream at NATS keeps what {stream} is for.", "See `nats stream ls`, and delete the other one."
        )
    if isinstance(error, NatsTimeout):
        return BrokerError(
            f"JetStream does not answer about {stream}.", "It may be busy, or this user may not use $JS.API.> there."
        )
    said = error.description if isinstance(error, APIError) else str(error)
    return BrokerError(f"JetStream does not give {stream}: {safe_text(said or type(error).__name__, 300)}.")
