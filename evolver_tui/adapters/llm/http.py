"""What the backends behind HTTP share: one request, its event stream, and every way it can fail, in words.

A vendor's module brings a `ProviderApi`: where to post, what to post, and how to read the events that come back. All
else is here, so that timeouts, limits and refusals mean the same whoever is asked. What a server does not take is left
out from then on. Retrying is the engine's business; an error says whether it can help and how long to wait.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
from socksio.exceptions import SOCKSError

from evolver_tui.adapters.llm.adaption import LEARNED, Feature, refused_features
from evolver_tui.adapters.llm.answer_end import Outcome, end_of_text, end_of_turn
from evolver_tui.adapters.llm.events import EventReader, Refused
from evolver_tui.adapters.llm.failures import Provider, refusal
from evolver_tui.adapters.llm.problem import Problem, read_problem
from evolver_tui.adapters.llm.provider_api import (
    AnswerReader,
    BackendSettings,
    FullPrompt,
    ProviderApi,
    whole_characters,
)
from evolver_tui.adapters.llm.sse import BodyDecoder, is_whole
from evolver_tui.adapters.llm.thinking import Answer, Thought
from evolver_tui.adapters.llm.unpacking import unpacked
from evolver_tui.core.address import Address
from evolver_tui.core.errors import BackendError, ConfigError
from evolver_tui.engine.author.backend import (
    BackendInfo,
    ChatPiece,
    Conversation,
    Piece,
    Prompt,
    Thinking,
    UserMessage,
)
from evolver_tui.engine.clock import Clock
from evolver_tui.settings.library_logs import hide_secrets_in_log
from evolver_tui.settings.proxies import is_proxys_own, proxy_for, read_proxy
from evolver_tui.settings.secrets import scrub_addresses

EndT = TypeVar("EndT")

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


hide_secrets_in_log("httpx")
"""It tells where each request goes."""


class _ApiKey(httpx.Auth):
    """The key of one request: it goes into one header, and out of every message. Its repr does not show it."""

    def __init__(self, value: str | None) -> None:
        self._value = (value or "").strip()
        self.header = "authorization"

    def __bool__(self) -> bool:
        return bool(self._value)

    @property
    def can_travel(self) -> bool:
        """Whether a header can carry it."""
        return self._value.isascii() and self._value.isprintable()

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        if self._value:
            scheme = "Bearer " if self.header.lower() == "authorization" else ""
            request.headers[self.header] = scheme + self._value
        yield request

    def scrub(self, text: str) -> str:
        """`text` without the key, and without words that hold a part of it."""
        key = self._value
        if len(key) < 4:
            return text
        text = text.replace(key, "[key]")
        parts = {key[start : start + 8] for start in range(len(key) - 7)}
        return " ".join("[key]" if any(part in word for part in parts) else word for word in text.split(" "))


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked, of whom, until when, and without what."""

    prompt: FullPrompt
    key: _ApiKey
    provider: Provider
    deadline: float
    without: tuple[Feature, ...]


class HttpBackend:
    """A `Backend` that posts to a provider and streams what it answers."""

    def __init__(self, settings: BackendSettings, api: ProviderApi, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._client_lock = asyncio.Lock()
        self._without: dict[str, tuple[Feature, ...]] = {}
        """What the server turned out not to take, by model, in the order in which it said so."""

    @property
    def info(self) -> BackendInfo:
        """The provider's kind and the model, and what was learned of it."""
        kind, model = self._settings.kind, self._settings.model
        return BackendInfo(kind, model, learned=tuple(LEARNED[feature] for feature in self._without.get(model, ())))

    async def close(self) -> None:
        """Let go of connections. A later `stream` opens others."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Pieces of thinking and of text as they come, then one Usage.

        Closing the iterator, or cancelling the task that waits for a piece, ends the request.

        Raises:
            BackendError: see the port; no message holds the key.
        """
        return self._answer(self._fitted_prompt(prompt), end_of_text)

    def converse(self, conversation: Conversation) -> AsyncGenerator[ChatPiece, None]:
        """Pieces of thinking and of text as they come, then one AnswerDone; else as `stream`."""
        return self._answer(self._fitted(conversation), end_of_turn)

    async def _answer(
        self, prompt: FullPrompt, end: Callable[[Outcome], Iterator[EndT]]
    ) -> AsyncGenerator[str | Thinking | EndT, None]:
        """What comes of a prompt, asked again without what the server turns out not to take."""
        key = await self._key()
        request = _Request(
            prompt,
            key,
            self._provider(key, prompt.model),
            asyncio.get_running_loop().time() + self._settings.total_timeout,
            self._without.get(prompt.model, ()),
        )
        while True:
            has_begun = False
            try:
                async with aclosing(self._attempt(request, end)) as pieces:
                    async for piece in pieces:
                        if not has_begun:
                            has_begun = True
                            self._learn(prompt.model, request.without)
                        yield piece
                return
            except Refused as refused:
                features = () if has_begun else self._refused_features(refused.problem, request)
                if not features:
                    raise refusal(request.provider, refused.problem) from None
                request = replace(request, without=(*request.without, *features))

    async def _attempt(
        self, request: _Request, end: Callable[[Outcome], Iterator[EndT]]
    ) -> AsyncGenerator[str | Thinking | EndT, None]:
        """One request and its answer. Raises Refused for a no, also for one that comes in place of an answer."""
        provider, answer = request.provider, Answer()
        reader, events = self._api.reader(), EventReader(provider)
        with self._in_words(provider):
            response = await self._open(request)
            async with aclosing(response), aclosing(_read(response, reader, events, request)) as contents:
                async for content in contents:
                    for piece in answer.take(content):
                        yield piece
                    if answer.characters + reader.calls.characters > MOST_TEXT:
                        raise provider.too_long(f"{MOST_TEXT:,} characters")
        for piece in answer.end():
            yield piece
        takes_calls = bool(request.prompt.tools) and request.prompt.may_call and "tools" not in request.without
        for last in end(Outcome(provider, request.prompt, takes_calls, reader, answer, events)):
            yield last

    def _learn(self, model: str, without: tuple[Feature, ...]) -> None:
        """Ask without these from here on, unless another request found out more meanwhile."""
        if len(without) > len(self._without.get(model, ())):
            self._without[model] = without

    def _refused_features(self, problem: Problem, request: _Request) -> Sequence[Feature]:
        """What to leave out of the request that was refused; nothing where that cannot help."""
        usable = [feature for feature in self._api.features if feature not in request.without]
        if "tools" in usable and not request.prompt.tools:
            usable.remove("tools")  # nor are they
        if "max_tokens" in usable and "max_completion_tokens" in usable:
            usable.remove("max_completion_tokens")  # is not sent yet
        may_move = bool(request.key) and not self._settings.key_header and "key_header" not in request.without
        if problem.status in (401, 403) and may_move:
            return ("key_header",) if self._api.wants_other_header(problem, self._settings.base_url) else ()
        return refused_features(problem, usable)

    async def _key(self) -> _ApiKey:
        # In a thread, because a keyring may wait for a person to unlock it.
        try:
            key = _ApiKey(await asyncio.to_thread(self._settings.api_key))
        except ConfigError as error:  # the file of secrets cannot be used
            raise BackendError(error.message, error.way_out, is_shared=True) from None
        if not key.can_travel:
            raise BackendError(
                f"The key in {self._settings.api_key_name} holds characters that no request can carry.",
                f"Set {self._settings.api_key_name} again.",
                is_shared=True,
                brief="the key cannot be sent",
            )
        return key

    def _provider(self, key: _ApiKey, model: str) -> Provider:
        settings = self._settings
        return Provider(
            kind=settings.kind,
            base_url=settings.base_url,
            model=model,
            key_name=settings.api_key_name,
            has_key=bool(key),
            scrub=lambda text: key.scrub(scrub_addresses(text, settings.base_url)),
            proxy=proxy_for(settings.base_url.for_connecting().strip()),
        )

    async def _ready_client(self, provider: Provider) -> httpx.AsyncClient:
        async with self._client_lock:
            if self._client is None:
                # Reading the trusted certificates takes long enough to be felt on a screen.
                self._client = await asyncio.to_thread(self._new_client, provider)
            return self._client

    def _new_client(self, provider: Provider) -> httpx.AsyncClient:
        try:
            # With a transport of its own, httpx leaves the environment's proxies to us, and reads its certificates.
            return httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(
                    proxy=_proxy(provider.proxy) if provider.proxy else None,
                    # How many are asked at once is for whoever asks to say: chats would wait for each other here.
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                ),
                headers={"user-agent": "evolver-tui", "accept-encoding": "identity"},
            )
        except ConfigError as error:
            raise BackendError(error.message, error.way_out, is_shared=True, brief="the proxy cannot be used") from None
        except (OSError, ValueError, ImportError, httpx.InvalidURL):
            # Their texts repeat the proxy's address, which may hold a password.
            raise BackendError(
                f"No connection to {provider.name} can be prepared: the proxy or certificates named in the "
                "environment cannot be used.",
                "Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
                is_shared=True,
                brief="no connection can be prepared",
            ) from None

    async def _open(self, request: _Request) -> httpx.Response:
        """Post; returns when the answer begins."""
        # No variable holds the whole address: tracebacks may show variables.
        settings, provider = self._settings, request.provider
        if settings.base_url.holds_secret:
            raise provider.key_in_address()
        if not _is_address(settings.base_url):
            raise provider.bad_address()
        client = await self._ready_client(provider)
        body = self._api.body(request.prompt, request.without)
        is_stream = bool(body.get("stream"))
        headers = {
            **self._api.headers,
            "content-type": "application/json",
            "accept": "text/event-stream" if is_stream else "application/json",
        }
        # An answer in one piece comes when all of it is written.
        wait = settings.read_timeout if is_stream else settings.total_timeout
        timeout = httpx.Timeout(wait, connect=settings.connect_timeout, pool=settings.connect_timeout)
        usual, other = self._api.key_headers(settings.base_url)
        request.key.header = settings.key_header or (other if "key_header" in request.without else usual)
        post = client.build_request(
            "POST", self._url(), headers=headers, content=json.dumps(body).encode(), timeout=timeout
        )
        async with asyncio.timeout_at(request.deadline):
            response = await client.send(post, stream=True, auth=request.key, follow_redirects=False)
        if response.is_success:
            return response
        async with aclosing(response), asyncio.timeout_at(request.deadline):
            said = await _first_bytes(response, MOST_PROBLEM_BYTES)
        if provider.forwarder is not None and is_proxys_own(response.status_code, response.headers):
            raise provider.no_proxy(f"{response.status_code} {response.reason_phrase}")
        raise Refused(read_problem(response.status_code, response.headers, said, self._clock.now()))

    def _url(self) -> str:
        """Where requests go: the path comes before a query such as Azure's api-version."""
        base, mark, query = self._settings.base_url.for_connecting().strip().partition("?")
        base = base.rstrip("/")
        for ending in self._api.endings:
            base = base.removesuffix(ending)
        return f"{base}{self._api.path}{mark}{query}"

    def _fitted_prompt(self, prompt: Prompt) -> FullPrompt:
        said = (UserMessage(prompt.user),)
        return self._fitted(
            Conversation(prompt.system, said, temperature=prompt.temperature, max_tokens=prompt.max_tokens)
        )

    def _fitted(self, asked: Conversation) -> FullPrompt:
        settings = self._settings
        return FullPrompt(
            asked.model or settings.model,
            whole_characters(asked.system),
            [replace(message, text=whole_characters(message.text)) for message in asked.messages],
            settings.temperature if asked.temperature is None else asked.temperature,
            settings.max_tokens if asked.max_tokens is None else asked.max_tokens,
            asked.tools,
            asked.may_call,
        )

    @contextmanager
    def _in_words(self, provider: Provider) -> Iterator[None]:
        """Turn what the transport raises into a BackendError."""
        settings = self._settings
        try:
            yield
        except TimeoutError:
            raise provider.too_slow(f"took longer than {settings.total_timeout:g} s", "total_timeout") from None
        except httpx.ConnectTimeout:
            if provider.proxy is not None:
                raise provider.no_proxy("it does not answer") from None
            raise provider.too_slow(f"did not answer in {settings.connect_timeout:g} s", "connect_timeout") from None
        except httpx.TimeoutException:
            raise provider.too_slow(f"sent nothing for {settings.read_timeout:g} s", "read_timeout") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise provider.bad_address() from None
        except httpx.ProxyError as error:
            raise provider.no_proxy(str(error)) from None
        except SOCKSError:
            raise provider.no_proxy("it does not answer in SOCKS5") from None
        except httpx.ConnectError as error:
            if _is_about_tls(error) and (provider.forwarder is None or not str(provider.proxy).startswith("https")):
                raise provider.no_tls() from None
            raise (provider.unreachable() if provider.proxy is None else provider.no_proxy("no connection")) from None
        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):
            raise provider.broke_off() from None


class _Ending:
    """Knows how long the next bytes are worth waiting for.

    Some servers give a reason to finish with every piece, and then it says nothing; else an answer is whole with it,
    whatever becomes of the connection.
    """

    def __init__(self, reader: AnswerReader, events: EventReader) -> None:
        self._reader = reader
        self._events = events
        self._has_text = False
        self._is_bare = False
        """Whether the last object brought neither text nor thinking, nor a piece of a call."""
        self._goes_on = False
        """Whether there was any of that behind a reason to finish."""

    def read(self, value: Mapping[str, Any]) -> Sequence[str | Thought]:
        """What the reader reads."""
        had_stopped, called = self._reader.stop is not None, self._reader.calls.characters
        content = self._reader.read(value)
        brought = bool(content) or self._reader.calls.characters > called
        self._goes_on = self._goes_on or (had_stopped and brought)
        self._has_text = self._has_text or brought
        self._is_bare = not brought
        return content

    @property
    def is_whole(self) -> bool:
        """Whether nothing that matters can follow."""
        return self._events.has_ended or (self._reader.stop is not None and self._has_text and not self._goes_on)

    @property
    def patience(self) -> float | None:
        """Seconds; None while as long as the settings say."""
        if self._events.has_ended:
            return _END_GRACE_SECONDS
        return _USAGE_GRACE_SECONDS if self.is_whole and self._is_bare else None

    def is_end(self, error: Exception) -> bool:
        """Whether a failure ends the stream like its end would."""
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return self.is_whole
        return self._events.has_begun and not self._goes_on


async def _read(
    response: httpx.Response, reader: AnswerReader, events: EventReader, request: _Request
) -> AsyncGenerator[Sequence[str | Thought], None]:
    """What each object of the body brings, until it ends or turns out to be no answer."""
    decoder, ending, received = BodyDecoder(), _Ending(reader, events), 0
    async for chunk in _chunks(response, ending, request.deadline):
        received += len(chunk)
        events.has_begun = events.has_begun or bool(chunk.strip())
        for event in decoder.feed(chunk) if chunk else decoder.end():
            if not chunk and not is_whole(event.data.encode()):
                continue  # the last one, cut by the end
            for value in events.read(event):
                yield ending.read(value)
        if events.has_ended:
            reader.stop = reader.stop or "complete"
        if received > MOST_BYTES or decoder.held > MOST_EVENT_BYTES:
            limit = MOST_BYTES if received > MOST_BYTES else MOST_EVENT_BYTES
            raise request.provider.too_long(f"{limit:,} bytes")
        if reader.stop is None and events.shows_page:
            break
    events.end()


async def _chunks(response: httpx.Response, ending: _Ending, deadline: float) -> AsyncIterator[bytes]:
    """The body as it comes, then one empty chunk."""
    clock = asyncio.get_running_loop().time
    chunks = unpacked(response)
    while True:
        limit = ending.patience
        try:
            async with asyncio.timeout_at(deadline if limit is None else min(deadline, clock() + limit)):
                chunk = await anext(chunks, b"")
        except (TimeoutError, httpx.TransportError) as error:
            if not ending.is_end(error):
                raise
            chunk = b""
        yield chunk
        if not chunk:
            return


async def _first_bytes(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in unpacked(response):
            body += chunk
            if len(body) >= limit:
                break
    except (httpx.TransportError, httpx.DecodingError):
        pass  # The status says enough; the text was only to explain it.
    return bytes(body[:limit])


def _proxy(address: Address) -> httpx.Proxy:
    is_secure = read_proxy(address).scheme == "https"
    # Without, its certificate would be held against another list than the model's.
    return httpx.Proxy(address.for_connecting(), ssl_context=httpx.create_ssl_context() if is_secure else None)


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
    is_plain = url.isprintable() and not set(url) & set(" #")
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain
