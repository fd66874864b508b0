"""Where requests go, and which header carries the key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evolver_tui.adapters.llm.openai import OpenAIApi
from evolver_tui.core.address import Address
from evolver_tui.settings.base_url import base_url_problem, is_azure
from tests.support.provider_asking import SECRET, answered, backend_at, guarded, refused
from tests.support.provider_server import SSE_HEAD, ProviderServer, anthropic_events, openai_answer, status

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/api/v3", "/api/v3/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        (
            "/openai/deployments/gpt?api-version=2024-10-21",
            "/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
        (
            "/openai/deployments/gpt/chat/completions/?api-version=2024-10-21",
            "/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
    ],
)
async def test_a_query_stays_behind_the_path(base: str, target: str) -> None:
    async with ProviderServer([openai_answer("ok")]) as server:
        await answered(backend_at(server.url, base_url=server.url + base))
    assert server.requests[0].target == target


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/messages", "/gateway/anthropic/v1/"])
async def test_anthropic_may_be_named_with_or_without_its_path(base: str) -> None:
    async with ProviderServer([SSE_HEAD, anthropic_events("ok")]) as server:
        await answered(backend_at(server.url + base, "anthropic"))
    assert server.requests[0].target.removeprefix("/gateway/anthropic") == "/v1/messages"


async def test_azure_takes_the_key_in_a_header_of_its_own() -> None:
    async with ProviderServer([openai_answer("ok")]) as server:
        await answered(backend_at("", base_url=server.url + "/openai/deployments/x?api-version=1"))
    assert server.requests[0].headers["api-key"] == SECRET
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("header", "value"), [("Authorization", f"Bearer {SECRET}"), ("Ocp-Apim-Subscription-Key", SECRET)]
)
async def test_the_config_may_name_the_header(vendor: str, header: str, value: str) -> None:
    answer = [SSE_HEAD, anthropic_events("ok")] if vendor == "anthropic" else [openai_answer("ok")]
    async with ProviderServer(answer, [status(401)]) as server:
        await answered(backend_at(server.url, vendor, key_header=header))
        await refused(backend_at(server.url, vendor, key_header=header))
    assert len(server.requests) == 2
    sent = server.requests[0].headers
    assert sent[header.lower()] == value
    assert len({"authorization", "x-api-key", "api-key", "ocp-apim-subscription-key"} & set(sent)) == 1


async def test_a_gateway_that_wants_a_bearer_token_gets_one_from_then_on() -> None:
    turn = [SSE_HEAD, anthropic_events("ok")]
    async with ProviderServer([status(401, {}, {"error": "Missing Authorization header"})], turn, turn) as server:
        backend = backend_at(server.url, "anthropic")
        await answered(backend)
        await answered(backend)
        assert "header" in backend.info.learned[0]
    first, *later = (request.headers for request in server.requests)
    assert "authorization" not in first
    for headers in later:
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert "x-api-key" not in headers


async def test_a_key_that_is_wrong_in_both_headers_is_told_once() -> None:
    async with ProviderServer([status(401)], [status(401, {}, {"error": "Bad key"})]) as server:
        error = await refused(backend_at(server.url, "anthropic"))
    assert str(error).endswith("refused the key (401): Bad key. Set ANTHROPIC_KEY to a key that may use coder-7b.")


@pytest.mark.parametrize(
    ("words", "requests"),
    [("Missing the api-key header", 2), ("Access denied due to missing subscription key", 2), ("Unauthorized", 1)],
)
async def test_openai_s_key_goes_elsewhere_only_where_that_is_said(words: str, requests: int) -> None:
    async with ProviderServer([status(401, {}, {"message": words})], [openai_answer("ok")]) as server:
        backend = backend_at(server.url)
        if requests == 2:
            await answered(backend)
            assert server.requests[1].headers["api-key"] == SECRET
        else:
            await refused(backend)
    assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.openai.azure.com/openai/v1", True),
        ("https://x.services.ai.azure.com/models?api-version=2024-05-01-preview", True),
        ("https://x.azure-api.net/openai", True),
        ("https://gateway.example/llm?api-version=1", True),
        ("https://azure.com.example/v1", False),
        ("https://api.openai.com/v1", False),
    ],
)
def test_azure_is_known_by_its_address(url: str, expected: bool) -> None:
    assert is_azure(Address(url)) is expected
    assert (OpenAIApi().key_headers(Address(url))[0] == "api-key") is expected


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("openai", "", None),
        ("offline", "https://x.openai.azure.com", None),
        ("openai", "http://localhost:11434/v1", None),
        ("openai", "https://api.anthropic.com/v1", None),
        ("openai", "https://x.openai.azure.com/openai/v1/", None),
        ("openai", "https://x.openai.azure.com/openai/deployments/g/chat/completions?api-version=1", None),
        ("openai", "https://x.openai.azure.com/openai/deployments/g", "without its version"),
        ("openai", "https://x.openai.azure.com", "neither a deployment"),
        ("openai", "https://x.openai.azure.com/openai?api-version=1", "neither a deployment"),
        ("openai", "http://localhost:11434/api/chat", "/api/chat, which kind 'openai' does not speak"),
        ("openai", "https://api.openai.com/v1/responses", "/responses"),
        ("openai", "https://api.openai.com/v1/completions", "/completions"),
        ("openai", "https://api.anthropic.com/v1/messages", "/messages"),
        ("openai", "https://api.openai.com/v1#x", "has a #"),
        ("anthropic", "https://gateway.example/v1/messages", None),
        ("anthropic", "https://x.services.ai.azure.com/anthropic", None),
        ("anthropic", "https://api.openai.com/v1", "is OpenAI's"),
        ("anthropic", "https://gateway.example/v1/chat/completions", "/chat/completions"),
    ],
)
def test_an_address_where_nobody_can_answer_is_known(kind: str, url: str, words: str | None) -> None:
    problem = base_url_problem(kind, Address(url))
    assert (problem is None) if words is None else (problem is not None and words in problem[0] and problem[1])
