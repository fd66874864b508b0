"""What a routine or a graph came to, as the answer of a chat."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

_NAMES: Final = ("answer", "response", "reply", "output", "result", "text")
"""Under which of these a result has its answer, the first that is a text counts."""
_OF_MODELS: Final = ("ai", "AIMessageChunk", "assistant")


class AnswerFound(NamedTuple):
    """A text, and what is known of who wrote it."""

    text: str
    model: str = ""
    tokens: int = 0
    """As the provider counted them; 0 where nobody did."""


def answer_in(result: Any) -> AnswerFound:
    """The answer in a JSON value: a text, the latest messages of a model, a field that is called so, else all of it."""
    if result is None:
        return AnswerFound("")
    if isinstance(result, str):
        return AnswerFound(result)
    if isinstance(result, Mapping):
        messages = result.get("messages")
        if isinstance(messages, Sequence) and (found := _of_messages(messages)) is not None:
            return found
        for name in _NAMES:
            if isinstance(text := result.get(name), str) and text.strip():
                return AnswerFound(text)
    return AnswerFound(json.dumps(result, ensure_ascii=False, default=str))


def text_of_content(content: object) -> str:
    """The text of a message: its content, or the texts among its content's blocks."""
    if isinstance(content, str):
        return content
    texts = []
    for block in content if isinstance(content, Sequence) else ():
        match block:
            case str():
                texts.append(block)
            case {"type": "text", "text": str(text)}:
                texts.append(text)
    return "".join(texts)


def _of_messages(messages: Sequence[Any]) -> AnswerFound | None:
    """What models said since the person's latest message; None where they said nothing."""
    text, model, tokens = "", "", 0
    for message in reversed(messages):
        if not isinstance(message, Mapping):
            break
        kind = message.get("type") or message.get("role")
        if kind in ("human", "user", "HumanMessageChunk"):
            break
        if kind not in _OF_MODELS:
            continue
        text = text or text_of_content(message.get("content"))
        model = model or _model_of(message)
        match message.get("usage_metadata"):
            case {"output_tokens": int(count)}:
                tokens += count
    return AnswerFound(text, model, tokens) if text or model else None


def _model_of(message: Mapping[str, Any]) -> str:
    told = message.get("response_metadata")
    for name in ("model_name", "model"):
        if isinstance(told, Mapping) and isinstance(model := told.get(name), str):
            return model
    return ""
