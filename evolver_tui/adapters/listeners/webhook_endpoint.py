"""One attempt to deliver a message to a webhook, and what the answer means."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal

import httpx
from socksio.exceptions import SOCKSError

from evolver_tui.adapters.listeners.webhook_message import Message, headers_of, signing_key
from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.library_logs import hide_secrets_in_log
from evolver_tui.settings.listener_config import WebhookListener, is_safe_address
from evolver_tui.settings.proxies import proxy_for, read_proxy
from evolver_tui.settings.values import address_problem

MOST_ANSWER_BYTES: Final = 16 * 1024
"""What is read of an answer, so that the connection can be used again; a longer one ends it."""
MOST_WAIT_SECONDS: Final = 120.0
"""A server that wants to be left alone for longer is asked again after this."""
_CLOSE_SECONDS: Final = 0.5

hide_secrets_in_log("httpx")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt."""

    kind: Literal["delivered", "retry", "refused", "gone"]
    """`retry`: another attempt may succeed. `refused`: not with this message. `gone`: the endpoint wants nothing."""
    reason: str = ""
    """What a person is told; no address, no secret."""
    wait: float = 0.0
    """Seconds that the server wants to be left alone."""


DELIVERED: Final = Outcome("delivered")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to post, and the key to sign with."""

    url: Address
    key: bytes | None


class Endpoint:
    """Posts messages, one at a time. To be used and closed in one thread, which has no event loop.

    No redirect is followed and no cookie sent; proxies as for the hub and the model.
    """

    def __init__(
        self,
        config: WebhookListener,
        secret: Callable[[str], str | None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        secret: finds a secret by the name of its variable; may wait for a keyring.
        now: seconds since 1970.
        """
        self._config = config
        self._find_secret = secret
        self._now = now
        self._target: _Target | None = None
        self._runner: asyncio.Runner | None = None
        self._client: httpx.AsyncClient | None = None

    def post(self, message: Message) -> Outcome:
        """Make one attempt."""
        try:
            self._target = self._target or self._find_target()
            if self._runner is None:
                self._runner = asyncio.Runner()
            return self._runner.run(self._post(message, self._target, self._config.timeout_seconds))
        except ConfigError as error:
            return Outcome("retry", str(error))

    def close(self) -> None:
        """Let go of the connection."""
        runner, self._runner = self._runner, None
        client, self._client = self._client, None
        if runner is not None:
            if client is not None:
                runner.run(_close(client))
            runner.close()

    def _find_target(self) -> _Target:
        config = self._config
        url = config.url
        if config.url_env:
            url = Address(self._secret(config.url_env))
            problem = address_problem(url.for_connecting(), ("http", "https"))
            if problem is not None:
                raise ConfigError(f"The address in {config.url_env} cannot be used.", f"It has to be {problem}.")
            if not config.allow_http and not is_safe_address(url):
                raise ConfigError(
                    f"The address in {config.url_env} is neither https nor on this machine.",
                    "Use https, or write allow_http = true.",
                )
        key = signing_key(self._secret(config.secret_env), config.secret_env) if config.secret_env else None
        return _Target(url, key)

    def _secret(self, name: str) -> str:
        found = self._find_secret(name)
        if found is None:
            raise ConfigError(f"There is no secret {name}.", "Set it in the environment, the keyring or secrets.toml.")
        return found

    async def _post(self, message: Message, target: _Target, seconds: float) -> Outcome:
        form = self._config.body
        body = message.body(form)
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            self._client = self._client or _client(target.url)
            self._client.cookies.clear()
            request = self._client.build_request(
                "POST",
                target.url.for_connecting().strip(),
                content=body,
                headers=headers_of(message, body, form, target.key, self._now()),
                timeout=seconds,
            )
            async with asyncio.timeout_at(deadline):
                response = await self._client.send(request, stream=True)
            await _leave(response, deadline)
            return self._read(response)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome("retry", f"no answer within {seconds:g} s")
        except (httpx.ProxyError, SOCKSError):
            return Outcome("retry", "the proxy of the environment does not let it through")
        except httpx.ConnectError as error:
            return Outcome("retry", "no TLS that can be trusted" if _is_about_tls(error) else "no connection")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return Outcome("retry", "the address cannot be used")
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError, ImportError):
            return Outcome("retry", "the connection broke off, or cannot be prepared")

    def _read(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if response.is_success:
            return DELIVERED
        reason = f"answered {status}"
        if status == 410:
            return Outcome("gone", reason)
        if status == 407:
            return Outcome("retry", "the proxy of the environment does not let it through")
        if status in (408, 425, 429) or status >= 500:
            return Outcome("retry", reason, self._retry_after(response.headers.get("retry-after", "")))
        if response.is_redirect:
            reason += ", which leads elsewhere and is not followed"
        return Outcome("refused", reason)

    def _retry_after(self, value: str) -> float:
        """Seconds, from a number of them or a date."""
        try:
            wait = float(value) if value.strip().isdigit() else _seconds_of(value) - self._now()
        except (ValueError, OverflowError):
            return 0.0
        return min(max(wait, 0.0), MOST_WAIT_SECONDS)


def _seconds_of(date: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except TypeError:
        raise ValueError(date) from None


def _client(url: Address) -> httpx.AsyncClient:
    """Raises ConfigError for a proxy that cannot be used."""
    proxy = proxy_for(url.for_connecting().strip())
    transport = None
    if proxy is not None:
        is_secure = read_proxy(proxy).scheme == "https"
        ssl_context = httpx.create_ssl_context() if is_secure else None
        transport = httpx.Proxy(proxy.for_connecting(), ssl_context=ssl_context)
    return httpx.AsyncClient(
        # With a transport of its own, httpx leaves the environment's proxies to us, and reads its certificates.
        transport=httpx.AsyncHTTPTransport(proxy=transport, limits=httpx.Limits(max_connections=1)),
        follow_redirects=False,
    )


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _leave(response: httpx.Response, deadline: float) -> None:
    """Read a short answer to its end, else give the connection up. What it says does not count."""
    received = 0
    try:
        async with asyncio.timeout_at(deadline), aclosing(response):
            async for chunk in response.aiter_raw():
                received += len(chunk)
                if received > MOST_ANSWER_BYTES:
                    return
    except (TimeoutError, httpx.HTTPError, httpx.StreamError, OSError):
        return


async def _close(client: httpx.AsyncClient) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.aclose()
    except (TimeoutError, httpx.HTTPError, OSError):
        return
