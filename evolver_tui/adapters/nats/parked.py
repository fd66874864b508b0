"""Requests that were put aside: a stream of their own at NATS."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.streams import open_parked, problem, streams_of
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.workflow.subjects import PARKED_STREAM, is_token, session_of
from evolver_tui.engine.workflow.broker import ParkedRequest

_REASON: Final = "Workflow-Reason"
"""As JSON, since headers are no place for what is not ASCII."""
_ATTEMPTS: Final = "Workflow-Attempts"
_SUBJECT: Final = "Workflow-Subject"
_AT: Final = "Workflow-Parked-At"
_ID: Final = "Nats-Msg-Id"
_TAKE_SECONDS: Final = 5.0
ATTEMPT: Final = "Workflow-Attempt"
"""The header of a request that is published again: the number of the attempt that its next answer is."""


def attempt_of(message: Msg) -> int:
    """The number of the attempt that a request is published for."""
    said = (message.headers or {}).get(ATTEMPT, "")
    return int(said) if said.isascii() and said.isdecimal() and 0 < len(said) < 6 else 1


async def park(client: Client, subject: str, data: bytes, *, reason: str, attempts: int, parked_as: str = "") -> None:
    """Put a request aside; it is kept when this returns.

    Args:
        parked_as: what it is parked under: the same again, within two minutes, is not kept twice.

    Raises:
        BrokerError: it is not kept.
    """
    await open_parked(client)
    session_id = session_of(subject)
    headers = {
        _REASON: json.dumps(safe_text(reason, 1_000)),
        _ATTEMPTS: str(attempts),
        _SUBJECT: subject,
        _AT: f"{time.time():.3f}",
    }
    if parked_as:
        headers[_ID] = parked_as
    place = f"workflow.parked.{session_id if is_token(session_id) else 'unknown'}"
    try:
        await streams_of(client).publish(place, data, headers=headers)
    except (OSError, Error) as error:
        raise problem(error, PARKED_STREAM) from None


class NatsParkedRequests:
    """A `ParkedRequests`."""

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker

    async def list(self, most: int = 1_000) -> Sequence[ParkedRequest]:
        found: list[ParkedRequest] = []
        number = 1
        while len(found) < most:
            message = await self._message(number, is_exact=False)
            if message is None or message.seq is None:
                break
            found.append(_request(message))
            number = message.seq + 1
        return found

    async def retry(self, number: int) -> None:
        request = await self._find(number)
        if not session_of(request.subject):
            raise BrokerError(f"Parked request {number} is of no session.", "Drop it.")
        # Its readers know of the attempts so far, and of one more that told them that it was parked.
        headers = {ATTEMPT: str(request.attempts + 2)}
        if await self._broker.ask(request.subject, request.data, _TAKE_SECONDS, headers) is None:
            raise BrokerError(f"Nobody said that request {number} is taken; it stays parked.", "Try it again.")
        await self._delete(number)

    async def drop(self, number: int) -> None:
        await self._find(number)
        await self._delete(number)

    async def _find(self, number: int) -> ParkedRequest:
        message = await self._message(number, is_exact=True)
        if message is None:
            raise BrokerError(f"There is no parked request {number}.", "See `evolver-tui workflow parked list`.")
        return _request(message)

    async def _message(self, number: int, *, is_exact: bool) -> RawStreamMsg | None:
        """The message at this place of the stream, or the first behind it."""
        streams = streams_of(self._client())
        try:
            if is_exact:
                return await streams.get_msg(PARKED_STREAM, number)
            return await streams.get_msg(PARKED_STREAM, number, subject=">", next=True)
        except NotFoundError:
            return None
        except (OSError, Error) as error:
            raise problem(error, PARKED_STREAM) from None

    async def _delete(self, number: int) -> None:
        try:
            await streams_of(self._client()).delete_msg(PARKED_STREAM, number)
        except (OSError, Error) as error:
            raise problem(error, PARKED_STREAM) from None

    def _client(self) -> Client:
        return self._broker.connection()


def _request(message: RawStreamMsg) -> ParkedRequest:
    headers = {name: str(value) for name, value in (message.headers or {}).items()}
    return ParkedRequest(
        number=message.seq or 0,
        subject=headers.get(_SUBJECT, ""),
        data=message.data or b"",
        reason=_reason(headers.get(_REASON, "")),
        attempts=int(_number(headers.get(_ATTEMPTS, ""))),
        at=_number(headers.get(_AT, "")),
    )


def _reason(said: str) -> str:
    """A text as JSON, unless somebody else wrote it."""
    try:
        return str(json.loads(said))
    except (ValueError, RecursionError):
        return said


def _number(text: str) -> float:
    """A number that anybody may have written."""
    is_number = len(text) < 20 and text.isascii() and text.replace(".", "", 1).isdecimal()
    return float(text) if is_number else 0.0
