"""What `evolver-tui workflow parked` does with requests that were put aside, and how they are written down.

Whatever stands in them was written by strangers: every line is safe to draw, and long texts are cut.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from evolver_tui.cli.output import Result, table
from evolver_tui.core.errors import BadChatRequest, BrokerError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import utc_text
from evolver_tui.core.workflow.chat_request import read_request
from evolver_tui.core.workflow.subjects import session_of
from evolver_tui.engine.workflow.broker import Broker, ParkedRequest, ParkedRequests

_HEAD: Final = ("N", "PARKED", "TRIES", "SESSION", "MESSAGE", "WHY")
_MOST: Final = 10_000
"""Requests that are listed, retried or dropped at once."""
_LONGEST_TEXT: Final = 200
"""Characters of a message that are told to scripts; people are shown fewer."""


async def connect(broker: Broker) -> None:
    """Connect, or say why that cannot be done. Raises BrokerError."""
    await broker.open()
    if not broker.standing.is_up:
        raise BrokerError(broker.standing.reason or "NATS is not there.", "Start it, or name it under [workflow].")


async def list_parked(parked: ParkedRequests) -> Result:
    """Every one, the oldest first."""
    requests = await parked.list(_MOST)
    value = {"parked": [_value(request) for request in requests]}
    if not requests:
        return Result(value, message="No request was put aside.", is_answer=True)
    cut = f"The oldest {_MOST:,} are shown." if len(requests) == _MOST else ""
    return Result(value, table([_HEAD, *map(_cells, requests)]), cut)


async def retry_parked(parked: ParkedRequests, numbers: Sequence[int] | None) -> Result:
    """Have these answered again, as if they were new; None for all."""
    done = await _each(parked, numbers, parked.retry)
    return Result({"retried": done}, message=f"{_count(done)} to be answered again.")


async def drop_parked(parked: ParkedRequests, numbers: Sequence[int] | None) -> Result:
    """Forget these; None for all."""
    done = await _each(parked, numbers, parked.drop)
    return Result({"dropped": done}, message=f"{_count(done)} forgotten.")


async def _each(
    parked: ParkedRequests, numbers: Sequence[int] | None, work: Callable[[int], Awaitable[None]]
) -> list[int]:
    """Do it with each; None for all that are there now, and not with what comes back meanwhile."""
    if numbers is None:
        numbers = [request.number for request in await parked.list(_MOST)]
    for number in numbers:
        await work(number)
    return list(numbers)


def _count(done: Sequence[int]) -> str:
    return "1 request is" if len(done) == 1 else f"{len(done):,} requests are"


def _value(request: ParkedRequest) -> dict[str, Any]:
    message, message_id = _message(request)
    return {
        "number": request.number,
        "parked_at": utc_text(request.at),
        "attempts": request.attempts,
        "session_id": session_of(request.subject),
        "message_id": message_id,
        "message": message,
        "reason": request.reason,
    }


def _cells(request: ParkedRequest) -> tuple[str, ...]:
    message, _ = _message(request)
    return (
        str(request.number), utc_text(request.at, "minutes"), str(request.attempts),
        safe_text(session_of(request.subject), 24), safe_text(message, 40), safe_text(request.reason, 80),
    )  # fmt: skip


def _message(request: ParkedRequest) -> tuple[str, str]:
    """What was asked, and the id of that; its bytes as text where it is no request."""
    try:
        asked = read_request(request.data, request.subject)
    except BadChatRequest:
        return _cut(request.data[: 4 * _LONGEST_TEXT].decode("utf-8", "replace")), ""
    return _cut(asked.message), asked.message_id


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
