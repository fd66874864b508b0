"""Ask a backend as the engine does, and see that its key stays where it belongs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from evolver_tui.adapters.llm.anthropic import AnthropicBackend
from evolver_tui.adapters.llm.http import HttpBackend
from evolver_tui.adapters.llm.openai import OpenAIBackend
from evolver_tui.adapters.llm.provider_api import BackendSettings
from evolver_tui.core.address import Address
from evolver_tui.core.errors import BackendError
from evolver_tui.engine.author.backend import Prompt, Thinking, Usage

SECRET = "sk-proj-Zq7vN2xKfL9wTbR4mHdY8cGe"
NOW = 1_800_000_000.0
ASKED = Prompt("Write nodes.", '{"task": {"taskName": "Grüße 😀"}}', temperature=0.2, max_tokens=4000)


class FixedClock:
    """A clock that stands still."""

    def now(self) -> float:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a backend waits for nothing but bytes")


def guarded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Around a test: no proxies of this machine before it, no key in any log after it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


def backend_at(url: str, vendor: str = "openai", key: str | None = SECRET, **changes: Any) -> HttpBackend:
    settings: dict[str, Any] = {
        "kind": vendor,
        "base_url": Address(changes.pop("base_url", url if vendor == "anthropic" else f"{url}/v1")),
        "model": "coder-7b",
        "api_key": lambda: key,
        "api_key_name": f"{vendor.upper()}_KEY",
        "connect_timeout": 2.0,
        "read_timeout": 5.0,
        **changes,
    }
    backend = AnthropicBackend if vendor == "anthropic" else OpenAIBackend
    return backend(BackendSettings(**settings), FixedClock())


async def answered(backend: HttpBackend) -> tuple[str, Usage]:
    """Everything a whole answer brings."""
    text, usage, _ = await answered_with_thinking(backend)
    return text, usage


async def answered_with_thinking(backend: HttpBackend) -> tuple[str, Usage, int]:
    """The same, and how many characters of thinking came."""
    *pieces, usage = [piece async for piece in backend.stream(ASKED)]
    assert isinstance(usage, Usage)
    await backend.close()
    texts: list[str] = []
    thinking = 0
    for piece in pieces:
        match piece:
            case Thinking():
                thinking += piece.characters
                if piece.takes_back:
                    texts.clear()
            case str():
                texts.append(piece)
    return "".join(texts), usage, thinking


async def refused(backend: HttpBackend, *, is_echo: bool = False) -> BackendError:
    """The error; no rendering of it that anybody could log or show holds the key.

    With `is_echo` the server itself sends the key, so that variables which hold its bytes are not looked at.
    """
    try:
        await answered(backend)
    except BackendError as error:
        caught = error
    else:
        pytest.fail("the backend delivered")
    await backend.close()
    rendered = "".join(
        traceback.TracebackException.from_exception(caught, capture_locals=not is_echo, compact=True).format()
    )
    for text in (str(caught), repr(caught), repr(vars(caught)), repr(backend), repr(backend.info), rendered):
        assert SECRET not in text
        assert SECRET[:12] not in text
    assert caught.__suppress_context__ or caught.__context__ is None
    assert caught.message.endswith(".")
    assert len(caught.message) < 500
    return caught
