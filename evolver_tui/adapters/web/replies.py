"""What servers reply with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


def json_reply(value: Mapping[str, Any] | str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object, in ASCII: it holds any text.

    Args:
        value: the object, or its text.
    """
    more = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return Response(text, status, more, "application/json")


def refusal_reply(status: int, code: str, message: str) -> Response:
    """Why something was not done: a word for programs, a sentence for people."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "2"} if status == 503 else {}
    return json_reply({"error": message, "code": code}, status, headers)


async def refuse(_: Request, error: Exception) -> Response:
    """What is replied where no route serves a request."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "There is nothing at this path.", 405: "This path is not for that method."}
    return refusal_reply(status, "not_here", words.get(status, "This cannot be done."))
