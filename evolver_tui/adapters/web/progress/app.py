"""The progress server over HTTP: which path does what, for whom, and within which bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from evolver_tui.adapters.web.access import Access, Refusal
from evolver_tui.adapters.web.bodies import read_body
from evolver_tui.adapters.web.door import Door
from evolver_tui.adapters.web.page import read_page
from evolver_tui.adapters.web.progress.access import EVENTS_PATH, SOCKETS_PATH
from evolver_tui.adapters.web.progress.event_room import EventRoom
from evolver_tui.adapters.web.progress.socket_room import SocketRoom
from evolver_tui.adapters.web.replies import json_reply, refuse
from evolver_tui.core.errors import BadTraining, EvolverError, StoreError
from evolver_tui.core.training.compatibility import as_reply
from evolver_tui.engine.training.progress_hub import ProgressHub

MOST_BYTES: Final = 1_000_000
"""Of one request."""
_WORTH_COMPRESSING: Final = 2_048
"""Bytes of a reply."""
_MOST_LISTED: Final = 10_000
_USUALLY_LISTED: Final = 100
_STATUS: Final = {"gap": 409, "taken": 409, "unknown": 404, "too_large": 413}


def make_app(
    hub: ProgressHub, access: Access, sockets: SocketRoom, events: EventRoom, fault: Callable[[BaseException], None]
) -> ASGIApp:
    """The progress server as an ASGI application.

    Args:
        fault: hears of what should not happen: a mistake of ours.
    """
    routes = GZipMiddleware(_routes(hub, access), minimum_size=_WORTH_COMPRESSING, compresslevel=4)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(SOCKETS_PATH):
            await sockets(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"].startswith(EVENTS_PATH):
            await events(scope, receive, send)
        else:
            await routes(scope, receive, send)

    return Door(access, serve, fault)


def _routes(hub: ProgressHub, access: Access) -> ASGIApp:
    page, policy = read_page(__package__, needs_token=access.needs_token)
    reads, takes = _Reads(hub), _Takes(hub)

    async def show_page(_: Request) -> Response:
        return Response(page, headers=policy, media_type="text/html")

    async def health(_: Request) -> Response:
        return json_reply({"status": "healthy"})

    session = "{session_id}"
    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/health", health),
            Route("/api/training/sessions", reads.sessions),
            Route("/api/training/sessions", takes.session, methods=["POST"]),
            Route("/api/training/statistics", reads.statistics),
            Route(f"/api/training/status/{session}", reads.status),
            Route(f"/api/training/metrics/{session}", reads.metrics),
            Route(f"/api/training/history/{session}", reads.history),
            Route(f"/api/training/records/{session}", reads.next_line),
            Route(f"/api/training/records/{session}", takes.records, methods=["POST"]),
            Route(f"/api/training/progress/{session}", takes.progress, methods=["POST"]),
        ],
        exception_handlers={HTTPException: refuse, EvolverError: _refuse_error},
    )


class _Reads:
    """What is asked for."""

    def __init__(self, hub: ProgressHub) -> None:
        self._hub = hub

    async def sessions(self, request: Request) -> Response:
        """Those that are served."""
        sessions = self._hub.sessions()
        limit = min(_count(request, "limit", _USUALLY_LISTED), _MOST_LISTED)
        listed = [
            {
                **each.standing(), "name": each.run.name, "project": each.run.header.project,
                "overall_progress": round(each.run.overall, 1), "steps_per_second": each.run.steps_per_second,
            }
            for each in sessions[:limit]
        ]  # fmt: skip
        return json_reply({"success": True, "data": listed, "total": len(sessions)})

    async def statistics(self, _: Request) -> Response:
        """The integration statistics."""
        return _done(self._hub.statistics())

    async def status(self, request: Request) -> Response:
        """How a session stands."""
        session = self._hub.session(request.path_params["session_id"])
        return _missing("Session not found") if session is None else _done(session.standing())

    async def metrics(self, request: Request) -> Response:
        """The metrics of a session as they are at present."""
        session = self._hub.any_session(request.path_params["session_id"])
        found = None if session is None else session.latest_metrics()
        if session is None or found is None:
            return _missing("No metrics found")
        if not _is_compatible(request):
            return _done(found)
        metrics = self._hub.compatible_metrics(session.session_id, session.numbered, found)
        return json_reply(as_reply(session.session_id, metrics, session.status, self._hub.now()))

    async def history(self, request: Request) -> Response:
        """The moments of a session."""
        session_id = request.path_params["session_id"]
        history = await self._hub.history(session_id)
        moments = history.read(
            limit=_count(request, "limit"), since=_count(request, "since"), model=_count(request, "model", 0),
            after=_count(request, "after"),
        )  # fmt: skip
        if _is_compatible(request):
            return _done(self._hub.compatible(session_id, moments))
        told = ",".join(each.metrics_json for each in moments)
        return json_reply(f'{{"success":true,"data":[{told}]}}')

    async def next_line(self, request: Request) -> Response:
        """The number of the line that is wanted next."""
        return _done({"next": self._hub.next_line(request.path_params["session_id"])})


class _Takes:
    """What is told."""

    def __init__(self, hub: ProgressHub) -> None:
        self._hub = hub

    async def session(self, request: Request) -> Response:
        """Make a session of a config, to be started by what is told of it."""
        value = await _object(request)
        config = value.get("config", value)
        session_id = config.get("session_id") if isinstance(config, Mapping) else None
        if not isinstance(config, Mapping) or not isinstance(session_id, str | None):
            raise BadTraining("bad_config", "The config is no JSON object.")
        made = await self._hub.create_session(config, session_id or "")
        return _done({"session_id": made}, 201)

    async def records(self, request: Request) -> Response:
        """Take lines of records."""
        first = _count(request, "from", 0)
        lines = (await _bytes(request)).split(b"\n")
        if not lines[-1]:
            lines.pop()
        taken = await self._hub.take_lines(request.path_params["session_id"], first, lines)
        return _done({"next": taken})

    async def progress(self, request: Request) -> Response:
        """Take a trainer's own dictionary of metrics."""
        data = await _object(request)
        taken = await self._hub.take_metrics(request.path_params["session_id"], data)
        return _done({"next": taken})


def _done(data: object, status: int = 200) -> Response:
    return json_reply({"success": True, "data": data}, status)


def _missing(error: str) -> Response:
    return json_reply({"success": False, "error": error}, 404)


async def _refuse_error(_: Request, error: Exception) -> Response:
    value: dict[str, Any] = {"success": False, "error": str(error)}
    if isinstance(error, BadTraining):
        value["code"] = error.code
        if error.code == "gap":
            value["data"] = {"next": error.next_line}
        status = _STATUS.get(error.code, 400)
    else:
        value["code"] = "not_kept" if isinstance(error, StoreError) else "unavailable"
        status = 503
    return json_reply(value, status, {"Retry-After": "2"} if status == 503 else None)


async def _bytes(request: Request) -> bytes:
    data = await read_body(request, MOST_BYTES)
    if isinstance(data, Refusal):
        raise BadTraining(data.code, data.message)
    return data


async def _object(request: Request) -> Mapping[str, Any]:
    """The JSON object that was posted. Raises BadTraining."""
    data = await _bytes(request)
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_as_text)
    except (ValueError, RecursionError):
        raise BadTraining("not_json", "The request is not JSON.") from None
    if not isinstance(value, dict):
        raise BadTraining("not_json", "The request is no JSON object.")
    return value


def _as_text(name: str) -> str:
    """What Python writes for numbers that are not finite, as records have them."""
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[name]


def _count(request: Request, name: str, default: Any = None) -> Any:
    """A whole number of the query. Raises BadTraining for what is none."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadTraining("bad_number", f"{name} has to be a whole number from 0 on.")
    return int(text)


def _is_compatible(request: Request) -> bool:
    return request.query_params.get("compatible") == "1"
