"""`GET /api/sse`: the events of a session, for as long as somebody reads them.

Written for ASGI itself: a connection that waits costs one coroutine that sends and one that hears of its end.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from evolver_tui.adapters.web.event_body import stream_events
from evolver_tui.adapters.web.gateway.replies import error_reply
from evolver_tui.adapters.web.replies import refusal_reply
from evolver_tui.core.errors import EvolverError
from evolver_tui.engine.workflow.gateway import Gateway

SECONDS_TO_HEAR_WHY = 5.0
"""So long a connection that was cut off may take to read why; then it is broken."""
_LONGEST_USER = 256


async def serve_events(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection to its end."""
    if scope["method"] != "GET":
        await refusal_reply(405, "wrong_method", "Events are read by GET.")(scope, receive, send)
        return
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    session_id, user_id = (query.get(name, [""])[0] for name in ("session_id", "user_id"))
    if not session_id or not user_id or len(user_id) > _LONGEST_USER:
        wrong = "session_id" if not session_id else "user_id"
        words = f"{wrong} is missing." if not query.get(wrong, [""])[0] else "user_id has more than 256 characters."
        await refusal_reply(400, "invalid_request", words)(scope, receive, send)
        return
    cutting: list[asyncio.TimerHandle] = []
    transport: asyncio.Transport | None = scope["state"].get("transport")

    def cut() -> None:
        if transport is not None:
            cutting.append(asyncio.get_running_loop().call_later(SECONDS_TO_HEAR_WHY, transport.abort))

    last_event_id = Headers(scope=scope).get("last-event-id") or query.get("last_event_id", [""])[0]
    try:
        reader = await gateway.connect(session_id, user_id, last_event_id, cut)
    except EvolverError as error:
        await error_reply(error)(scope, receive, send)
        return
    try:
        await stream_events(reader, receive, send)
    finally:
        gateway.disconnect(reader)
        for timer in cutting:
            timer.cancel()
