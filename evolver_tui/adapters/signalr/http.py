"""Everything that happens over HTTP before a hub link speaks SignalR: addresses, sockets, negotiation, refusals."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.errors import LinkEnded, LinkError, UsageError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.settings.secrets import scrub

URL_EXAMPLE = "http://localhost:5000/taskhub"

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}
_REPLY_LIMIT = 256 * 1024
_MOST_REDIRECTS = 5
_SHORTEST_SECRET = 4
_GIVE_TOKEN = "Put a valid token into EVOLVER_HUB_TOKEN, or into the variable that token_env names in the config."
_ALLOW_HOST = "If you trust that host, add it to redirect_hosts under [hub] in the config."


class Secrets:
    """Strings that must not appear in anything a person or a log sees."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def add(self, *secrets: str) -> None:
        """Remember these."""
        self._known |= set(secrets)

    def scrub(self, text: str) -> str:
        """`text` without any known secret, however it is spelt, and with every URL as it may be shown."""
        return show_addresses(scrub(text, self._known, _SHORTEST_SECRET))


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where a hub is. `path` and `query` are percent-encoded as they go on the wire; `path` starts with a slash."""

    is_secure: bool
    host: str
    port: int
    path: str = field(repr=False)
    query: str = field(repr=False)

    @classmethod
    def parse(cls, address: Address) -> HubAddress:
        """Read an http, https, ws or wss URL.

        Raises:
            UsageError: it is not one, or carries a user name or password; the message has an example.
        """
        way_out = f"Give one such as {URL_EXAMPLE}."
        url, shown = address.for_connecting(), ascii(str(address)[:80])
        if any(character.isspace() or not character.isprintable() for character in url):
            raise UsageError(f"{shown} is not a hub URL: it holds spaces or control characters.", way_out)
        if address.is_ambiguous:
            raise UsageError("A hub URL must not hold a user name or password.", "Write an @ in its path as %40.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            is_secure = _SECURE.get(parts.scheme)
            if parts.username is not None or parts.password is not None:
                raise UsageError("A hub URL must not hold a user name or password.", "Configure a token instead.")
            if is_secure is None:
                raise UsageError(f"{shown} is not a hub URL: it must begin with http, https, ws or wss.", way_out)
            if not host or port == 0:
                raise UsageError(f"{shown} is not a hub URL: it names no host or a wrong port.", way_out)
            host = host if ":" in host else host.encode("idna").decode("ascii")
        except ValueError:
            raise UsageError(f"{shown} is not a hub URL: its host or port cannot be.", way_out) from None
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/?%:@!$&'()*+,;=~-._")
        return cls(is_secure, host, port or (443 if is_secure else 80), path, query)

    @property
    def authority(self) -> str:
        """Host and port, as a Host header and a person want them; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def http_url(self) -> str:
        """The address as an http or https URL, with its query."""
        query = f"?{self.query}" if self.query else ""
        return f"http{'s' if self.is_secure else ''}://{self.authority}{self.path}{query}"

    @property
    def websocket_url(self) -> str:
        """The address as a ws or wss URL, with its query."""
        return "ws" + self.http_url.removeprefix("http")

    @property
    def request_target(self) -> str:
        """Path and query, as a request line wants them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def with_query(self, **values: str) -> HubAddress:
        """This address with query values set."""
        pairs = [(name, value) for name, value in parse_qsl(self.query, True) if name not in values]
        return replace(self, query=urlencode([*pairs, *values.items()]))

    def for_negotiation(self) -> HubAddress:
        """Where to negotiate for this hub."""
        return replace(self, path=self.path.rstrip("/") + "/negotiate").with_query(negotiateVersion="1")

    def may_redirect_to(self, other: HubAddress, allowed_hosts: Sequence[str]) -> bool:
        """Whether the token may be carried to `other`: to the same server, or to a host that was allowed by name.

        Never from an encrypted connection to an open one.
        """
        if self.is_secure and not other.is_secure:
            return False
        is_same = (self.host, self.port) == (other.host, other.port)
        is_upgrade = self.host == other.host and (self.port, other.port) == (80, 443)
        return is_same or is_upgrade or other.host in allowed_hosts or f"{other.host}:{other.port}" in allowed_hosts


def quoted(text: object) -> str:
    """What a hub said, safe to draw, short, and told apart from our own words."""
    return f'"{safe_text(text, 300)}"'


def check_token(token: str) -> str:
    """`token`, if a header can carry it.

    Raises:
        LinkEnded: it holds spaces, line ends or characters that are not ASCII.
    """
    if not token.isascii() or not token.isprintable() or " " in token:
        raise LinkEnded("The hub's token holds characters that a header cannot carry.", "Check where it comes from.")
    return token


def authorization(token: str) -> dict[str, str]:
    """The headers that show a bearer token; none for an empty one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def explain(error: OSError, address: HubAddress) -> LinkError:
    """Why no connection came about, in words; a LinkEnded where another attempt would fail in the same way."""
    authority = f"{address.host}:{address.port}"
    match error:
        case socket.gaierror():
            return LinkError(f"The host name {address.host} cannot be resolved.", "Check the URL and the network.")
        case ConnectionRefusedError():
            return LinkError(f"Nothing listens at {authority} (connection refused).", "Start the hub or check the URL.")
        case ssl.SSLCertVerificationError():
            return LinkEnded(
                f"The TLS certificate of {authority} was not accepted: {error.verify_message}.",
                "Install its authority's certificate on this machine or correct the URL.",
            )
        case ssl.SSLEOFError() | ConnectionError():
            return LinkError(f"{authority} broke off the connection.")
        case TimeoutError():
            return LinkError(f"{authority} does not answer.", "Check the URL, the network and the hub.")
        case ssl.SSLError():
            return LinkEnded(
                f"{authority} does not speak TLS ({error.reason or 'handshake failed'}).",
                "Use http:// or ws:// if the hub is not encrypted.",
            )
        case _:
            return LinkError(f"{authority} cannot be reached: {error.strerror or type(error).__name__}.")


def open_socket(address: HubAddress, timeout: float, opened: Callable[[socket.socket], None]) -> socket.socket:
    """A connected socket, encrypted where the address says so; every later wait on it ends after `timeout` seconds.

    `opened` is told of the socket before the first wait on it, so that another thread can cut that wait short.

    Raises:
        OSError: refused, not resolved, timed out, or TLS failed.
    """
    raw = socket.create_connection((address.host, address.port), timeout=timeout)
    opened(raw)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.is_secure:
        return raw
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        encrypted = context.wrap_socket(raw, server_hostname=address.host)
    except BaseException:
        raw.close()
        raise
    opened(encrypted)
    return encrypted


def refusal(status: int, authority: str, has_token: bool) -> LinkError:
    """What an HTTP status that is not the hoped-for one means."""
    match status:
        case 401:
            saying = "did not accept the token" if has_token else "asks for a token"
            return LinkEnded(f"The hub at {authority} {saying} (401).", _GIVE_TOKEN)
        case 403:
            return LinkEnded(
                f"The hub at {authority} refuses access (403).", "Use a token that is allowed to subscribe."
            )
        case 404:
            return LinkEnded(
                f"There is no hub at this path of {authority} (404).", f"Check the URL, e.g. {URL_EXAMPLE}."
            )
        case 408 | 429 | 500 | 502 | 503 | 504:
            return LinkError(f"{authority} is not ready ({status} {http.client.responses[status]}).")
        case _ if status >= 500:
            return LinkError(f"{authority} is not ready ({status}).")
        case _ if status < 300:
            return not_a_hub(authority, f"it answered {status} without what SignalR asks for")
        case _:
            return not_a_hub(authority, f"it answered {status}")


def not_a_hub(authority: str, detail: str) -> LinkEnded:
    """The server speaks, but not SignalR."""
    return LinkEnded(f"{authority} is not a SignalR hub: {detail}.", f"Check the URL, e.g. {URL_EXAMPLE}.")


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What negotiation led to: where to open the WebSocket and with which token."""

    address: HubAddress
    token: str = field(repr=False)
    version: int
    connection_id: str = field(repr=False)
    """What the `id` of the WebSocket's URL has to be: the connection token, or in version 0 the connection id."""


class Negotiator:
    """Asks a hub for a connection, following redirects as far as they are allowed. Blocking; used once."""

    def __init__(
        self,
        address: HubAddress,
        token: str,
        *,
        redirect_hosts: Sequence[str],
        timeout: float,
        opened: Callable[[socket.socket], None],
        secrets: Secrets,
    ) -> None:
        self._address = address
        self._token = token
        self._redirect_hosts = redirect_hosts
        self._timeout = timeout
        self._opened = opened
        self._secrets = secrets

    def negotiate(self) -> Negotiated:
        """The negotiated connection.

        Raises:
            LinkError: the hub is not there or not ready.
            LinkEnded: the hub said no, is no hub, or sends on to a host that is not allowed.
            OSError: the network failed; see `explain`.
        """
        request = self._address.for_negotiation()
        for _ in range(_MOST_REDIRECTS + 1):
            status, location, body = self._post(request)
            if status in (301, 302, 303, 307, 308) and location:
                request = self._follow(request, urljoin(request.http_url, location))
                hub_path = request.path.removesuffix("/negotiate") or "/"
                self._address = replace(request, path=hub_path, query=self._address.query)
                continue
            if status != 200:
                raise refusal(status, request.authority, bool(self._token))
            reply = self._reply(body, request.authority)
            if isinstance(reply.get("url"), str):
                self._address = self._follow(request, reply["url"])
                if isinstance(reply.get("accessToken"), str):
                    self._token = reply["accessToken"]
                    self._secrets.add(self._token)
                    check_token(self._token)
                request = self._address.for_negotiation()
                continue
            return self._agreed(reply)
        raise LinkEnded("The hub redirects in a circle.", "Check the URL and the hub's configuration.")

    def _follow(self, origin: HubAddress, url: str) -> HubAddress:
        address = Address(url)
        self._secrets.add(*address.hidden)
        try:
            target = HubAddress.parse(address)
        except UsageError:
            raise LinkEnded("The hub redirects to something that is not a URL.") from None
        if not origin.may_redirect_to(target, self._redirect_hosts):
            raise LinkEnded(
                f"The hub redirects to {safe_text(target.authority, 200)}, which is not allowed.", _ALLOW_HOST
            )
        return target

    def _post(self, address: HubAddress) -> tuple[int, str, bytes]:
        headers = {
            "Host": address.authority,
            "Content-Length": "0",
            "Accept": "application/json",
            "Connection": "close",
            **authorization(self._token),
        }
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.sock = open_socket(address, self._timeout, self._opened)
        try:
            connection.putrequest("POST", address.request_target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read(_REPLY_LIMIT + 1)
        except http.client.RemoteDisconnected:
            raise LinkError(f"{address.authority} broke off the connection.") from None
        except http.client.HTTPException as error:
            raise not_a_hub(address.authority, f"it does not answer in HTTP ({type(error).__name__})") from None
        finally:
            connection.close()
        return response.status, response.headers.get("Location", ""), body

    def _reply(self, body: bytes, authority: str) -> dict[str, Any]:
        if len(body) > _REPLY_LIMIT:
            raise not_a_hub(authority, "its answer to the negotiation is endless")
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError):
            raise not_a_hub(authority, "its answer to the negotiation is not JSON") from None
        if not isinstance(reply, dict):
            raise not_a_hub(authority, "its answer to the negotiation is not a JSON object")
        if isinstance(reply.get("error"), str):
            raise LinkEnded(f"The hub refuses the connection: {quoted(reply['error'])}.")
        if "ProtocolVersion" in reply:
            raise LinkEnded(f"{authority} speaks the old ASP.NET SignalR.", "A hub on ASP.NET Core SignalR is needed.")
        return reply

    def _agreed(self, reply: dict[str, Any]) -> Negotiated:
        version = reply.get("negotiateVersion", 0)
        key = "connectionToken" if version else "connectionId"
        connection_id, transports = reply.get(key), reply.get("availableTransports")
        if version not in (0, 1) or not isinstance(connection_id, str) or not isinstance(transports, list):
            raise not_a_hub(self._address.authority, "its answer to the negotiation is incomplete")
        self._secrets.add(connection_id)
        for offer in transports:
            if isinstance(offer, dict) and offer.get("transport") == "WebSockets":
                formats = offer.get("transferFormats")
                if isinstance(formats, list) and "Text" in formats:
                    return Negotiated(self._address, self._token, version, connection_id)
        raise LinkEnded("The hub offers no WebSockets with JSON.", "Allow both in the hub's configuration.")
