"""Answers with calls of tools, as servers of both wire formats stream them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.provider_server import event, openai_chunk, openai_events, status


def piece(index: object = 0, call_id: object = None, name: object = None, arguments: object = None) -> dict[str, Any]:
    """One piece of a call in OpenAI's format; what is None is not sent."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {"index": index, "id": call_id, "type": "function" if name else None, "function": function}
    return {key: value for key, value in call.items() if value is not None}


def openai_pieces(*pieces: dict[str, Any], text: str = "", finish: str = "tool_calls") -> bytes:
    """A stream in which each piece comes in a chunk of its own, behind a text."""
    chunks = [openai_chunk({"content": text})] if text else []
    chunks += [openai_chunk({"tool_calls": [each]}) for each in pieces]
    return b"".join(chunks) + openai_events(finish=finish)


def openai_call(name: str, arguments: object, call_id: str = "call_1", text: str = "", index: int = 0) -> bytes:
    """A call whose arguments come in three pieces."""
    said = json.dumps(arguments)
    parts = said[:3], said[3:7], said[7:]
    return openai_pieces(piece(index, call_id, name, ""), *(piece(index, arguments=part) for part in parts), text=text)


def openai_whole(*calls: dict[str, Any], text: str | None = None) -> bytes:
    """A whole response of a server that does not stream."""
    message = {"role": "assistant", "content": text, "tool_calls": list(calls)}
    usage = {"prompt_tokens": 11, "completion_tokens": 7}
    return status(200, {}, {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage})


def block(index: int, kind: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    """A block of Anthropic's content with its pieces."""
    events = [{"type": "content_block_start", "index": index, "content_block": kind}]
    events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return b"".join(map(_named, [*events, {"type": "content_block_stop", "index": index}]))


def text_block(index: int, *pieces: str) -> bytes:
    """A block of text."""
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": each} for each in pieces))


def use_block(index: int, name: str, arguments: object, call_id: str = "toolu_1") -> bytes:
    """A block that calls a tool, its arguments in three pieces."""
    said = json.dumps(arguments)
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", said[:5], said[5:])]
    return block(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}}, *deltas)


def anthropic_stream(*blocks: bytes, reason: str = "tool_use", tokens: int = 7) -> bytes:
    """A stream of blocks."""
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    start = {"type": "message_start", "message": {**message, "usage": {"input_tokens": 11, "output_tokens": 1}}}
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": tokens}}
    return _named(start) + b"".join(blocks) + _named(end) + _named({"type": "message_stop"})


def _named(data: dict[str, Any]) -> bytes:
    """An event under the name of its type, without which Anthropic's own client reads none."""
    return event(data, data["type"])
