"""What is asked in a chat, read from a message that anybody may have written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, NoReturn

from evolver_tui.core.errors import BadChatRequest
from evolver_tui.core.workflow.subjects import is_token, session_of

MOST_BYTES: Final = 512 * 1024
"""Of one request."""
MOST_CHARACTERS: Final = 200_000
"""Of the message in it, of a system prompt, and of each turn of a history that comes along."""
MOST_TURNS: Final = 1_000
_LONGEST_ID: Final = 128
_LONGEST_NAME: Final = 256

Role = Literal["user", "assistant"]


class ChatTurn(NamedTuple):
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ChatContext:
    """What a request may say on how it is answered; None and empty where it says nothing."""

    ai_provider: str = ""
    model: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    system_prompt: str = ""
    conversation_history: Sequence[ChatTurn] | None = None
    """What was said before, in place of what the service kept itself."""
    tool_events: bool = False
    """Whether calls of tools and their results are told in chunks as well."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request, as spec 002 has it."""

    message_id: str
    session_id: str
    user_id: str
    message: str
    context: ChatContext
    timestamp: str
    correlation_id: str
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """As it came."""


def read_request(data: bytes, subject: str = "") -> ChatRequest:
    """Read a message of `chat.workflow.execute.{session}`.

    Args:
        subject: where it was published; empty where it came by another way. Its session is the message's.

    Raises:
        BadChatRequest: with whatever ids could be read, so that whoever waits can be told.
    """
    session_id = session_of(subject)
    if len(data) > MOST_BYTES:
        raise BadChatRequest("too_large", f"The request has more than {MOST_BYTES:,} bytes.", session_id=session_id)
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadChatRequest("not_json", "The request is not JSON.", session_id=session_id) from None
    if not isinstance(value, dict):
        raise BadChatRequest("not_json", "The request is no JSON object.", session_id=session_id)
    return request_from(value, session_id)


def request_from(value: Mapping[str, Any], session_id: str = "") -> ChatRequest:
    """A request from its JSON object. Raises BadChatRequest, as `read_request`."""
    try:
        return _request(value, session_id)
    except _Unfit as unfit:
        raise BadChatRequest(
            unfit.code,
            f"{unfit.why}.",
            session_id=session_id or _if(is_token, value.get("session_id")),
            message_id=_if(_is_id, value.get("message_id")),
            correlation_id=_if(_is_id, value.get("correlation_id")),
        ) from None


class _Unfit(Exception):
    """The first thing that is wrong with a request."""

    def __init__(self, why: str, code: str = "invalid_request") -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _request(value: Mapping[str, Any], session_id: str) -> ChatRequest:
    said = _text(value, "session_id")
    if not is_token(said):
        raise _Unfit("session_id has to be visible ASCII without spaces, dots, * and >")
    if session_id and said != session_id:
        raise _Unfit("session_id is another than the subject's")
    message = _text(value, "message", MOST_CHARACTERS)
    if not message.strip():
        raise _Unfit("message is empty")
    return ChatRequest(
        message_id=_id(value, "message_id"),
        session_id=said,
        user_id=_text(value, "user_id"),
        message=message,
        context=_context(value.get("context")),
        timestamp=_text(value, "timestamp", default=""),
        correlation_id=_id(value, "correlation_id", default=""),
        raw=value,
    )


def _context(value: object) -> ChatContext:
    if value is None:
        return ChatContext()
    if not isinstance(value, dict):
        raise _Unfit("context has to be an object")
    tokens = _number(value, "max_tokens", 1, 1_000_000)
    return ChatContext(
        ai_provider=_text(value, "ai_provider", default=""),
        model=_text(value, "model", default=""),
        temperature=_number(value, "temperature", 0, 2),
        max_tokens=None if tokens is None else int(tokens),
        system_prompt=_text(value, "system_prompt", MOST_CHARACTERS, ""),
        conversation_history=_history(value.get("conversation_history")),
        tool_events=value.get("tool_events") is True,
    )


def _history(value: object) -> Sequence[ChatTurn] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_TURNS:
        raise _Unfit(f"conversation_history has to be a list of at most {MOST_TURNS:,} messages")
    turns = []
    for turn in value:
        match turn:
            case {"role": "user" | "assistant" as role, "content": str(text)} if len(text) <= MOST_CHARACTERS:
                turns.append(ChatTurn(role, text))
            case _:
                raise _Unfit("conversation_history has to hold objects with a role (user, assistant) and a content")
    return tuple(turns)


def _text(value: Mapping[str, Any], name: str, most: int = _LONGEST_NAME, default: str | None = None) -> str:
    text = value.get(name)
    if text is None and default is not None:
        return default
    if text is None:
        raise _Unfit(f"{name} is missing")
    if not isinstance(text, str):
        raise _Unfit(f"{name} has to be a text")
    if len(text) > most:
        raise _Unfit(f"{name} has more than {most:,} characters", "too_large")
    return text


def _id(value: Mapping[str, Any], name: str, default: str | None = None) -> str:
    text = _text(value, name, _LONGEST_ID, default)
    if not _is_id(text) or (not text.strip() and default is None):
        raise _Unfit(f"{name} has to be visible ASCII")
    return text


def _number(value: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float) or not (low <= number <= high):
        raise _Unfit(f"{name} has to be a number from {low:g} to {high:g}")
    return float(number)


def _if(fits: Callable[[str], bool], value: object) -> str:
    return value if isinstance(value, str) and fits(value) else ""


def _is_id(value: str) -> bool:
    return len(value) <= _LONGEST_ID and value.isascii() and value.isprintable()
