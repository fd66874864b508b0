"""What a hub link knows of HTTP: addresses, secrets, and the sentences for what can go wrong."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.errors import LinkEnded, LinkError, UsageError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.settings.secrets import scrub

URL_EXAMPLE = "http://localhost:5000/taskhub"

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}
_SHORTEST_SECRET = 4
AFFINITY = "If several servers share that name, the load balancer has to keep a client with one (session affinity)."
_GIVE_TOKEN = "Put a valid token into EVOLVER_HUB_TOKEN, or into the variable that token_env names in the config."


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
        return authority_of(self.host, None if self.port == (443 if self.is_secure else 80) else self.port)

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


def authority_of(host: str, port: int | None) -> str:
    """Host and port as they stand in a URL."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


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
    authority = authority_of(address.host, address.port)
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


def failure(error: http.client.HTTPException, authority: str, has_negotiated: bool = True) -> LinkError:
    """An answer that broke off, or is none."""
    if isinstance(error, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return LinkError(f"{authority} broke off the connection.")
    if has_negotiated:
        return LinkError(f"{authority} does not answer in HTTP any more ({type(error).__name__}).")
    return not_a_hub(authority, f"it does not answer in HTTP ({type(error).__name__})")


class TransportBlocked(LinkError):
    """One way to speak SignalR did not come about, after a negotiation that did; another way may be open."""


_LET_THROUGH = {
    "WebSockets": "Have WebSockets passed on there (the headers Upgrade and Connection), or have the hub offer "
    "Server-Sent Events or long polling, which get through without.",
    "Server-Sent Events": "Have event streams passed on there as they come (for nginx: proxy_buffering off), or have "
    "the hub offer WebSockets or long polling.",
}


def blocked(way: str, authority: str, answer: str) -> TransportBlocked:
    """A hub negotiated, but what should have been opened then was answered so."""
    return TransportBlocked(
        f"{authority} negotiated, but {answer} when {way} should have been opened: a proxy or server on the way does "
        "not let it through.",
        _LET_THROUGH.get(way, "Have it passed on there."),
    )


def opening_refused(way: str, status: int, body: str, authority: str, has_token: bool) -> LinkError:
    """What it means that a transport was not opened, after a negotiation that went well."""
    if status == 401:
        return refusal(status, authority, has_token)
    if status == 409 or (status == 404 and (not body.strip() or re.search(r"(?i)\bno\b.*connection|unknown", body))):
        # It negotiated a moment ago, so it is a hub: it restarted, or this is another server behind the same name.
        return LinkError(
            f"The hub at {authority} does not know the connection it just negotiated ({status}).",
            AFFINITY,
        )
    return blocked(way, authority, f"answered {status}")
