"""A progress server's HTTP endpoints, asked with bounds: of time, and of what an answer may weigh."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
from socksio.exceptions import SOCKSError

from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.training.progress_client import AttemptFailed
from evolver_tui.settings.library_logs import hide_secrets_in_log
from evolver_tui.settings.proxies import proxy_for, read_proxy

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one answer."""
_CLOSE_SECONDS: Final = 0.5

hide_secrets_in_log("httpx")


class Endpoints:
    """Asks the endpoints of one server. No redirect is followed, so that the token goes nowhere else."""

    def __init__(self, url: Address, token: str, *, seconds: float) -> None:
        """Args:
        seconds: until an answer has to be there.
        """
        self._base = url.for_connecting().strip().partition("#")[0].partition("?")[0].rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.aclose()
            except (TimeoutError, httpx.HTTPError, OSError):
                pass

    async def sessions(self) -> list[Mapping[str, Any]] | None:
        """All sessions; None where the server has no such list. Raises AttemptFailed."""
        found = await self._get("sessions", {})
        if isinstance(found, Mapping):
            found = found.get("sessions")
        return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else None

    async def status(self, session_id: str) -> Mapping[str, Any] | None:
        """How a session stands; None where the server knows none of this id. Raises AttemptFailed."""
        found = await self._get(f"status/{quote(session_id, safe='')}", {})
        return found if isinstance(found, Mapping) else None

    async def metrics(self, session_id: str) -> Mapping[str, Any] | None:
        """The latest metrics of a session; None where there are none. Raises AttemptFailed."""
        found = await self._get(f"metrics/{quote(session_id, safe='')}", {})
        return found if isinstance(found, Mapping) else None

    async def history(
        self, session_id: str, limit: int, *, after: int = 0, since: tuple[int, int] | None = None
    ) -> list[Mapping[str, Any]]:
        """The latest metrics of a session, the oldest first. Raises AttemptFailed.

        Args:
            after: those behind the one of this number, where the server numbers them; 0 where it does not.
            since: those after this model and step, where it does not; a server may tell older ones as well.
        """
        query = {"limit": str(limit)}
        if after:
            query["after"] = str(after)
        elif since is not None:
            query |= {"model": str(since[0]), "since": str(since[1])}
        found = await self._get(f"history/{quote(session_id, safe='')}", query)
        return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []

    async def _get(self, path: str, query: Mapping[str, str]) -> Any:
        """The data of an answer; None for what is not there."""
        try:
            async with asyncio.timeout(self._seconds):
                self._client = self._client or _client(self._base, self._seconds)
                request = self._client.build_request(
                    "GET", f"{self._base}/api/training/{path}", params=query, headers=self._headers
                )
                response = await self._client.send(request, stream=True)
                async with aclosing(response):
                    return _data(response.status_code, await _body(response))
        except (TimeoutError, httpx.TimeoutException):
            raise AttemptFailed(f"The server did not answer within {self._seconds:g} seconds.") from None
        except (httpx.ProxyError, SOCKSError):
            raise AttemptFailed("The proxy of the environment does not let it through.", is_away=True) from None
        except httpx.ConnectError as error:
            reason = "Its certificate cannot be trusted." if _is_about_tls(error) else "There is no connection to it."
            raise AttemptFailed(reason, is_away=True) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise AttemptFailed("Its address cannot be used.", is_away=True) from None
        except ConfigError as error:
            raise AttemptFailed(str(error), is_away=True) from None
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError):
            raise AttemptFailed("The connection broke off.") from None


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise AttemptFailed(f"It answered with more than {MOST_BYTES:,} bytes.")
    return bytes(body)


def _data(status: int, body: bytes) -> Any:
    if status in (401, 403):
        raise AttemptFailed(f"The server wants a token, or another one (it answered {status}).", is_away=True)
    if status == 404:
        return None
    if not 200 <= status < 300:
        raise AttemptFailed(f"It answered {status}.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        beginning = safe_text(body[:40].decode("utf-8", "replace"), 40)
        raise AttemptFailed(f"It is no progress server: it answered with {beginning!r}.") from None
    return value.get("data") if isinstance(value, dict) else None


def _client(url: str, seconds: float) -> httpx.AsyncClient:
    """Raises ConfigError for a proxy that cannot be used."""
    proxy = proxy_for(url)
    way = None
    if proxy is not None:
        is_secure = read_proxy(proxy).scheme == "https"
        way = httpx.Proxy(proxy.for_connecting(), ssl_context=ssl.create_default_context() if is_secure else None)
    is_secure = urlsplit(url).scheme == "https"
    context = ssl.create_default_context() if is_secure else False
    return httpx.AsyncClient(
        # With a transport of its own, httpx leaves the environment's proxies to us.
        transport=httpx.AsyncHTTPTransport(verify=context, proxy=way, limits=httpx.Limits(max_connections=4)),
        follow_redirects=False, timeout=seconds,
    )  # fmt: skip


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
