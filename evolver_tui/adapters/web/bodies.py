"""What is posted, within bounds."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from evolver_tui.adapters.web.access import Refusal

SECONDS_FOR_A_BODY = 10.0


async def read_body(request: Request, most: int) -> bytes | Refusal:
    """The bytes that were posted, or why they are not taken.

    Args:
        most: bytes.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(SECONDS_FOR_A_BODY):
            async for piece in request.stream():
                data += piece
                if len(data) > most:
                    return Refusal(413, "too_large", f"The request has more than {most:,} bytes.")
    except TimeoutError:
        return Refusal(400, "too_slow", "The request did not come to its end in time.")
    return bytes(data)
