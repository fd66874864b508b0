"""Whose fault a refusal is: the one request's, or that of the model that everything asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from evolver_tui.core.errors import MODEL, BackendError
from tests.support.provider_asking import ASKED, backend_at, guarded, refused
from tests.support.provider_server import (
    ProviderServer,
    Step,
    openai_answer,
    status,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


@pytest.mark.parametrize(
    ("turn", "brief"),
    [
        ([status(401)], "key refused (401)"),
        ([status(402)], "no credit left (402)"),
        ([status(403)], "key refused (403)"),
        ([status(404)], "model unknown (404)"),
        ([status(302, {"location": "https://else.example/"})], "redirected (302)"),
        ([status(409)], "refused (409)"),
        ([status(451)], "not allowed here (451)"),
        ([status(499)], "refused (499)"),
        ([status(429, {"retry-after": "900"})], "rate limit (429)"),
        ([status(503)], "server error (503)"),
        ([status(529)], "server error (529)"),
        ([status(400, body={"error": {"message": "Incorrect API key provided."}})], "refused (400)"),
        ([status(400, body={"error": {"message": "Your credit balance is too low."}})], "refused (400)"),
        ([status(400, body={"error": {"message": "The model `m` has been decommissioned."}})], "refused (400)"),
        ([status(400, body={"error": {"message": "This prompt is too long for the model."}})], ""),
        ([status(413)], ""),
        ([status(422)], ""),
        ([openai_answer("")], ""),
    ],
)
async def test_an_error_says_whether_whatever_is_asked_would_hear_it(turn: Sequence[Step], brief: str) -> None:
    async with ProviderServer(turn) as server:
        with pytest.raises(BackendError) as caught:
            async for _ in backend_at(server.url).stream(ASKED):
                pass
    assert caught.value.shared == (MODEL if brief else "")
    if brief:
        assert caught.value.brief == brief


WITH_WORDS: dict[str, tuple[int, dict[str, Any], bool]] = {
    "LiteLLM's model": (400, {"message": "Invalid model name passed in model=coder"}, True),
    "OpenRouter's model": (400, {"message": "coder-7b is not a valid model ID"}, True),
    "LM Studio, none": (400, {"message": "No models loaded. Please load a model in the developer page."}, True),
    "LM Studio, memory": (400, {"message": 'Failed to load model "x". Error: insufficient system resources'}, True),
    "loading": (400, {"message": "Model is currently loading"}, True),
    "a budget": (400, {"message": "Budget has been exceeded! Current cost: 1.2, Max budget: 1"}, True),
    "an account": (400, {"message": "This organization has been disabled."}, True),
    "a place": (400, {"message": "User location is not supported for the API use."}, True),
    "a version": (400, {"message": "Unsupported API version"}, True),
    "a scheme": (400, {"message": "The plain HTTP request was sent to HTTPS port"}, True),
    "a method": (405, {"message": "Method Not Allowed"}, True),
    "gone": (410, {"message": "This endpoint is gone"}, True),
    "Groq's size": (429, {"message": "Request too large for model `x`: Limit 6000, Requested 9000"}, False),
    "llama.cpp's context": (500, {"message": "the request exceeds the available context size"}, False),
    "Ollama's context": (500, {"message": "prompt too long; exceeded max context length by 5 tokens"}, False),
    "OpenRouter's filter": (403, {"message": "Your input was flagged", "metadata": {"reasons": ["x"]}}, False),
    "Azure's filter": (400, {"message": "The response was filtered", "code": "content_filter"}, False),
    "a filter that is down": (503, {"message": "content filter is unavailable"}, True),
}


@pytest.mark.parametrize(("code", "said", "is_shared"), WITH_WORDS.values(), ids=WITH_WORDS.keys())
async def test_the_words_tell_whose_fault_it_is_where_the_status_does_not(
    code: int, said: dict[str, Any], is_shared: bool
) -> None:
    async with ProviderServer([status(code, {}, {"error": said})]) as server:
        told = await refused(backend_at(server.url))
    assert (told.shared == MODEL) is is_shared
    assert f"({code}): {said['message'].rstrip('.')}" in told.message
    if not is_shared:
        assert not told.retryable
        assert "key" not in told.message
