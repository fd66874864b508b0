"""Negotiation: what a hub says before a connection, and where it sends on to."""

from __future__ import annotations

import html
import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urljoin

from evolver_tui.adapters.signalr.http import (
    HubAddress,
    Secrets,
    authorization,
    check_token,
    failure,
    not_a_hub,
    quoted,
)
from evolver_tui.adapters.signalr.network import Channel, Network
from evolver_tui.core.address import Address
from evolver_tui.core.errors import LinkEnded, UsageError
from evolver_tui.core.safe_text import safe_text

WEB_SOCKETS: Final = "WebSockets"
SERVER_SENT_EVENTS: Final = "ServerSentEvents"
LONG_POLLING: Final = "LongPolling"
WAYS: Final[Mapping[str, str]] = {
    WEB_SOCKETS: "WebSockets",
    SERVER_SENT_EVENTS: "Server-Sent Events",
    LONG_POLLING: "long polling",
}
"""The transports as negotiations call them, the best first, and as people do."""

_REPLY_LIMIT = 256 * 1024
_MOST_REDIRECTS = 5
_ALLOW_HOST = "If you trust that host, add it to redirect_hosts under [hub] in the config."


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What negotiation led to: where to open the connection, how, and with which token."""

    address: HubAddress
    token: str = field(repr=False)
    version: int
    connection_id: str = field(repr=False)
    """What the `id` of the connection's URL has to be: the connection token, or in version 0 the connection id."""
    transports: tuple[str, ...]
    """What the hub offers of `WAYS`, with JSON, the best first; never empty."""
    brought_token: bool
    """Whether the token came with a redirect of the hub."""


class Negotiator:
    """Asks a hub for a connection, following redirects as far as they are allowed. Blocking; used once."""

    def __init__(
        self,
        address: HubAddress,
        token: str,
        *,
        redirect_hosts: Sequence[str],
        network: Network,
        secrets: Secrets,
    ) -> None:
        self._address = address
        self._token = token
        self._redirect_hosts = redirect_hosts
        self._network = network
        self._secrets = secrets
        self._brought_token = False

    def negotiate(self) -> Negotiated:
        """The negotiated connection.

        Raises:
            LinkError: the hub is not there or not ready.
            LinkEnded: the hub said no, is no hub, or sends on to a host that is not allowed.
            OSError: the network failed; see `explain`.
        """
        request = self._address.for_negotiation()
        for _ in range(_MOST_REDIRECTS + 1):
            channel = Channel(self._network, request)
            try:
                status, location, body = self._post(channel)
            finally:
                channel.close()
            if status in (301, 302, 303, 307, 308) and location:
                request = self._follow(request, location)
                hub_path = request.path.removesuffix("/negotiate") or "/"
                self._address = replace(request, path=hub_path, query=self._address.query)
                continue
            if status != 200:
                raise channel.refusal(status, bool(self._token))
            reply = self._reply(body, channel)
            if isinstance(reply.get("url"), str):
                self._address = self._follow(request, reply["url"])
                if isinstance(reply.get("accessToken"), str):
                    self._token, self._brought_token = reply["accessToken"], True
                    self._secrets.add(self._token)
                    check_token(self._token)
                request = self._address.for_negotiation()
                continue
            return self._agreed(reply)
        raise LinkEnded("The hub redirects in a circle.", "Check the URL and the hub's configuration.")

    def _follow(self, origin: HubAddress, url: str) -> HubAddress:
        """Where a URL leads that may be relative to the one that was asked."""
        try:
            address = Address(urljoin(origin.http_url, url))
            self._secrets.add(*address.hidden)
            target = HubAddress.parse(address)
        except (UsageError, ValueError):
            raise LinkEnded("The hub redirects to something that is not a URL.") from None
        if not origin.may_redirect_to(target, self._redirect_hosts):
            raise LinkEnded(
                f"The hub redirects to {safe_text(target.authority, 200)}, which is not allowed.", _ALLOW_HOST
            )
        return target

    def _post(self, channel: Channel) -> tuple[int, str, bytes]:
        headers = {"Accept": "application/json", "Connection": "close", **authorization(self._token)}
        response = channel.ask("POST", headers)
        try:
            body = response.read(_REPLY_LIMIT + 1)
        except http.client.HTTPException as error:
            raise failure(error, channel.authority, has_negotiated=False) from None
        return response.status, response.headers.get("Location", ""), body

    def _reply(self, body: bytes, channel: Channel) -> dict[str, Any]:
        authority = channel.authority
        if len(body) > _REPLY_LIMIT:
            raise not_a_hub(authority, "its answer to the negotiation is endless")
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError):
            raise channel.by_proxy(not_a_hub(authority, _what_it_is(body))) from None
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
        offered = [
            offer.get("transport")
            for offer in transports
            if isinstance(offer, dict) and isinstance(offer.get("transferFormats"), list)
            if "Text" in offer["transferFormats"]
        ]
        ways = tuple(way for way in WAYS if way in offered)
        if not ways:
            raise LinkEnded("The hub offers no transport with JSON.", "Allow one in the hub's configuration.")
        return Negotiated(self._address, self._token, version, connection_id, ways, self._brought_token)


def _what_it_is(body: bytes) -> str:
    """An answer that is not JSON: often a page to sign in, or one of a proxy."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith("<"):
        return "its answer to the negotiation is not JSON"
    found = re.search(r"(?i)<title[^<>]*>([^<]*)<", text)
    title = " ".join(html.unescape(found[1]).split()) if found else ""
    return "its answer to the negotiation is a web page" + (f", {quoted(title)}" if title else "")
