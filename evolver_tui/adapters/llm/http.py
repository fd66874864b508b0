"""What the backends behind HTTP share: one request, its event stream, and every way it can fail, in words.

A vendor's module brings a `ProviderApi`: where to post, what to post, and how to read the events that come back. All
else is here, so that timeouts, limits and refusals mean the same whoever is asked. Retrying is the engine's business;
an error says whether it can help and how long to wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

import httpx

from evolver_tui.adapters.llm.failures import Problem, Provider, read_problem, refusal
from evolver_tui.adapters.llm.sse import BodyDecoder
from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.errors import BackendError
from evolver_tui.engine.author.backend import BackendInfo, Prompt, Usage
from evolver_tui.engine.clock import Clock
from evolver_tui.settings.secrets import scrub_addresses

MOST_TEXT: Final = 2 * 1024 * 1024
"""Characters of one answer."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of one answer with its envelopes, which weigh some hundred bytes for each token."""
MOST_EVENT_BYTES: Final = 8 * 1024 * 1024
"""Bytes of one event, or of an answer that came in one piece."""
MOST_PROBLEM_BYTES: Final = 64 * 1024

_USAGE_GRACE_SECONDS = 5.0
"""How long a whole answer is waited on for its usage count."""
_END_GRACE_SECONDS = 0.2
"""How long an ended stream is waited on for its last bytes, so that the connection can be used again."""

Stop = Literal["complete", "cut", "filtered"]


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where a model is and how long it may take. Times are in seconds."""

    kind: str
    """What the provider is called: "openai", "anthropic", "groq", ..."""
    base_url: Address
    model: str
    api_key: Callable[[], str | None] = field(repr=False)
    """Asked at each request, in a thread; None where the provider wants no key."""
    api_key_name: str
    """The environment variable that a person sets the key in."""
    temperature: float | None = None
    """Takes the place of the prompt's."""
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    """Before the first piece of an answer, and between two of them."""
    total_timeout: float = 600.0


class _ShowsAddresses(logging.Filter):
    """httpx logs where each request goes, wherever somebody listens to its log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = show_addresses(record.getMessage()), ()
        return True


logging.getLogger("httpx").addFilter(_ShowsAddresses())


class AnswerReader(Protocol):
    """Reads the events of one answer."""

    stop: Stop | None
    """How the model ended; None while it has not."""

    def read(self, event: Mapping[str, Any]) -> str:
        """The text that this event brings, often none."""

    @property
    def usage(self) -> Usage:
        """What the provider counted so far."""


class ProviderApi(Protocol):
    """One vendor's wire format. Keeps what a server turned out not to understand."""

    path: str
    """Follows the base URL."""
    headers: Mapping[str, str]
    key_header: str
    key_prefix: str

    def body(self, model: str, prompt: Prompt) -> dict[str, Any]:
        """The request."""

    def adapt(self, problem: Problem) -> bool:
        """Learn from a 400; True when the next `body` differs, so that asking again makes sense."""

    def reader(self) -> AnswerReader:
        """A reader for one answer."""


class _ApiKey(httpx.Auth):
    """The key of one request: it goes into one header, and out of every message. Its repr does not show it."""

    def __init__(self, value: str | None, header: str, prefix: str) -> None:
        self._value = (value or "").strip()
        self._header = header
        self._prefix = prefix

    def __bool__(self) -> bool:
        return bool(self._value)

    @property
    def can_travel(self) -> bool:
        """Whether a header can carry it."""
        return self._value.isascii() and self._value.isprintable()

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        if self._value:
            request.headers[self._header] = self._prefix + self._value
        yield request

    def scrub(self, text: str) -> str:
        """`text` without the key, and without words that hold a part of it."""
        key = self._value
        if len(key) < 4:
            return text
        text = text.replace(key, "[key]")
        parts = {key[start : start + 8] for start in range(len(key) - 7)}
        return " ".join("[key]" if any(part in word for part in parts) else word for word in text.split(" "))


class HttpBackend:
    """A `Backend` that posts to a provider and streams what it answers."""

    def __init__(self, settings: BackendSettings, api: ProviderApi, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._client_lock = asyncio.Lock()

    @property
    def info(self) -> BackendInfo:
        """The provider's kind and the model."""
        return BackendInfo(self._settings.kind, self._settings.model)

    async def close(self) -> None:
        """Let go of connections. A later `stream` opens others."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text as they come, then one Usage.

        Closing the iterator, or cancelling the task that waits for a piece, ends the request.

        Raises:
            BackendError: see the port; no message holds the key.
        """
        key = await self._key()
        provider = self._provider(key)
        deadline = asyncio.get_running_loop().time() + self._settings.total_timeout
        reader = self._api.reader()
        length, blank = 0, True
        with self._in_words(provider):
            response = await self._open(prompt, key, provider, deadline)
            async with aclosing(response), aclosing(self._events(response, reader, provider, deadline)) as events:
                async for event in events:
                    piece = reader.read(event)
                    if not piece:
                        continue
                    length += len(piece)
                    if length > MOST_TEXT:
                        raise provider.too_long(f"{MOST_TEXT:,} characters")
                    blank = blank and piece.isspace()
                    yield piece
        _judge(provider, reader.stop, blank)
        yield reader.usage

    async def _key(self) -> _ApiKey:
        api = self._api
        # In a thread, because a keyring may wait for a person to unlock it.
        key = _ApiKey(await asyncio.to_thread(self._settings.api_key), api.key_header, api.key_prefix)
        if not key.can_travel:
            raise BackendError(
                f"The key in {self._settings.api_key_name} holds characters that no request can carry.",
                f"Set {self._settings.api_key_name} again.",
            )
        return key

    def _provider(self, key: _ApiKey) -> Provider:
        settings = self._settings
        return Provider(
            kind=settings.kind,
            base_url=settings.base_url,
            model=settings.model,
            key_name=settings.api_key_name,
            has_key=bool(key),
            scrub=lambda text: key.scrub(scrub_addresses(text, settings.base_url)),
        )

    async def _ready_client(self, provider: Provider) -> httpx.AsyncClient:
        async with self._client_lock:
            if self._client is None:
                # Reading the trusted certificates takes long enough to be felt on a screen.
                self._client = await asyncio.to_thread(self._new_client, provider)
            return self._client

    def _new_client(self, provider: Provider) -> httpx.AsyncClient:
        settings = self._settings
        wait = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=settings.connect_timeout)
        try:
            return httpx.AsyncClient(timeout=wait, headers={"user-agent": "evolver-tui", "accept-encoding": "identity"})
        except (OSError, ValueError, ImportError, httpx.InvalidURL):
            # Their texts repeat the proxy's address, which may hold a password.
            raise BackendError(
                f"No connection to {provider.name} can be prepared: the proxy or certificates named in the "
                "environment cannot be used.",
                "Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from None

    async def _open(self, prompt: Prompt, key: _ApiKey, provider: Provider, deadline: float) -> httpx.Response:
        """Post until the answer begins; again only where the API can do without what was refused."""
        # No variable holds the whole address: tracebacks may show variables.
        if "@" in self._settings.base_url.for_connecting():
            raise provider.key_in_address()
        if not _is_address(self._settings.base_url):
            raise provider.bad_address()
        client = await self._ready_client(provider)
        headers = {**self._api.headers, "content-type": "application/json", "accept": "text/event-stream"}
        prompt = self._fitted(prompt)
        while True:
            content = json.dumps(self._api.body(self._settings.model, prompt)).encode()
            request = client.build_request("POST", self._url(), headers=headers, content=content)
            async with asyncio.timeout_at(deadline):
                response = await client.send(request, stream=True, auth=key, follow_redirects=False)
            if response.is_success:
                return response
            async with aclosing(response), asyncio.timeout_at(deadline):
                body = await _first_bytes(response, MOST_PROBLEM_BYTES)
            problem = read_problem(response.status_code, response.headers, body, self._clock.now())
            if not self._api.adapt(problem):
                raise refusal(provider, problem)

    def _url(self) -> str:
        return self._settings.base_url.for_connecting().strip().rstrip("/") + self._api.path

    def _fitted(self, prompt: Prompt) -> Prompt:
        temperature = self._settings.temperature
        # Half of a surrogate pair is no character; servers refuse the whole request for one.
        system, user = (text.encode("utf-8", "replace").decode() for text in (prompt.system, prompt.user))
        temperature = prompt.temperature if temperature is None else temperature
        return replace(prompt, system=system, user=user, temperature=temperature)

    async def _events(
        self, response: httpx.Response, reader: AnswerReader, provider: Provider, deadline: float
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        decoder = BodyDecoder()
        received = 0
        async for chunk in _chunks(response, lambda: _patience(reader, decoder), deadline):
            received += len(chunk)
            for data in decoder.feed(chunk) if chunk else decoder.end():
                if data == "[DONE]":
                    decoder.ended = True
                    reader.stop = reader.stop or "complete"
                elif not decoder.ended:
                    yield _event(data, provider)
            if received > MOST_BYTES or decoder.held > MOST_EVENT_BYTES:
                raise provider.too_long(f"{MOST_BYTES if received > MOST_BYTES else MOST_EVENT_BYTES:,} bytes")
            if decoder.is_page:
                raise provider.not_an_api()

    @contextmanager
    def _in_words(self, provider: Provider) -> Iterator[None]:
        """Turn what the transport raises into a BackendError."""
        settings = self._settings
        try:
            yield
        except TimeoutError:
            raise provider.too_slow(f"took longer than {settings.total_timeout:g} s", "total_timeout") from None
        except httpx.ConnectTimeout:
            raise provider.too_slow(f"did not answer in {settings.connect_timeout:g} s", "connect_timeout") from None
        except httpx.TimeoutException:
            raise provider.too_slow(f"sent nothing for {settings.read_timeout:g} s", "read_timeout") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise provider.bad_address() from None
        except httpx.ProxyError:
            raise provider.no_proxy() from None
        except httpx.ConnectError as error:
            raise (provider.no_tls() if _is_about_tls(error) else provider.unreachable()) from None
        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):
            raise provider.broke_off() from None


def token_count(usage: Mapping[str, Any], name: str) -> int | None:
    """A count among what a provider counted; None where it is missing or is none."""
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _judge(provider: Provider, stop: Stop | None, blank: bool) -> None:
    match stop:
        case None:
            raise provider.broke_off()
        case "cut":
            raise provider.answer_cut()
        case "filtered":
            raise provider.filtered()
        case "complete" if blank:
            raise provider.empty()


def _event(data: str, provider: Provider) -> Mapping[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise provider.unreadable()
    if event.get("error") or "error" in (event.get("type"), event.get("object")):
        raise refusal(provider, Problem.from_event(event))
    return event


def _patience(reader: AnswerReader, decoder: BodyDecoder) -> float | None:
    """Seconds that the next bytes are worth waiting for; None while the answer is not whole."""
    if decoder.ended:
        return _END_GRACE_SECONDS
    return _USAGE_GRACE_SECONDS if reader.stop else None


async def _chunks(
    response: httpx.Response, patience: Callable[[], float | None], deadline: float
) -> AsyncIterator[bytes]:
    """The body as it comes, then one empty chunk. Once there is a limit to patience, a failure is an end as well."""
    clock = asyncio.get_running_loop().time
    chunks = response.aiter_bytes()
    while True:
        limit = patience()
        try:
            async with asyncio.timeout_at(deadline if limit is None else min(deadline, clock() + limit)):
                chunk = await anext(chunks, b"")
        except (TimeoutError, httpx.TransportError):
            if limit is None:
                raise
            chunk = b""
        yield chunk
        if not chunk:
            return


async def _first_bytes(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= limit:
                break
    except (httpx.TransportError, httpx.DecodingError):
        pass  # The status says enough; the text was only to explain it.
    return bytes(body[:limit])


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_address(address: Address) -> bool:
    url = address.for_connecting().strip()
    try:
        parts = urlsplit(url)
        _ = parts.port  # Raises where it is out of range.
    except ValueError:
        return False
    is_plain = url.isprintable() and not set(url) & set(" ?#")
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain
