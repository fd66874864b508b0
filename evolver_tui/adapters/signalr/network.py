"""How one connection reaches its hub: sockets, by way of a proxy where there is one, and requests with cookies."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

from evolver_tui.adapters.signalr.http import HubAddress, Secrets, failure, refusal
from evolver_tui.adapters.signalr.proxy import Proxy
from evolver_tui.core.address import Address
from evolver_tui.core.errors import LinkError
from evolver_tui.settings.proxies import is_proxys_own


class _CookiePolicy(DefaultCookiePolicy):
    """Also takes cookies whose Domain is the host itself where that is one word, as in `localhost` or an intranet."""

    def set_ok_domain(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        return _is_host(cookie, request) or super().set_ok_domain(cookie, request)

    def return_ok_domain(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        return _is_host(cookie, request) or super().return_ok_domain(cookie, request)


def _is_host(cookie: Cookie, request: urllib.request.Request) -> bool:
    return cookie.domain.lstrip(".") == urlsplit(request.full_url).hostname


class Network:
    """The network as one connection to a hub uses it. Its cookies are this connection's: the next one begins anew.

    Args:
        proxy_for: finds the proxy for a URL.
        timeout: seconds that a wait on a socket may take, until somebody changes that.
        opened: told of each socket before the first wait on it, so that another thread can cut that wait short.
    """

    def __init__(
        self,
        proxy_for: Callable[[str], Address | None],
        timeout: float,
        opened: Callable[[socket.socket], None],
        secrets: Secrets,
    ) -> None:
        self._proxy_for = proxy_for
        self.timeout = timeout
        self._opened = opened
        self._secrets = secrets
        self._cookies = CookieJar(_CookiePolicy())

    def proxy(self, address: HubAddress) -> Proxy | None:
        """The proxy on the way there."""
        found = self._proxy_for(address.http_url)
        if found is None:
            return None
        self._secrets.add(*found.hidden)
        return Proxy.parse(found)

    def forwarder(self, address: HubAddress) -> Proxy | None:
        """The proxy that passes requests on instead of making a tunnel: few of them make tunnels to any port."""
        proxy = None if address.is_secure else self.proxy(address)
        return None if proxy is None or proxy.is_socks else proxy

    def cookie(self, address: HubAddress) -> dict[str, str]:
        """The header that brings back the cookies of servers there; none where there are none."""
        request = urllib.request.Request(address.http_url)
        self._cookies.add_cookie_header(request)
        value = request.get_header("Cookie")
        return {"Cookie": value} if value else {}

    def keep_cookies(self, address: HubAddress, response: http.client.HTTPResponse) -> None:
        """Remember the cookies that come with an answer."""
        self._cookies.extract_cookies(response, urllib.request.Request(address.http_url))

    def open(self, address: HubAddress, *, tunnel: bool = True) -> socket.socket:
        """A connected socket, encrypted where the address says so.

        Args:
            tunnel: whether a proxy is asked to make a tunnel. Without, the socket is one to the proxy.

        Raises:
            LinkError: the proxy cannot be used, or said no.
            OSError: the hub refused, was not resolved, timed out, or TLS failed.
        """
        proxy = self.proxy(address)
        if proxy is None:
            raw = self._dial(address.host, address.port)
        else:
            try:
                raw = self._dial(proxy.host, proxy.port)
            except OSError as error:
                raise proxy.trouble(error) from None
        try:
            if proxy is not None:
                raw = self._told(proxy.encrypted(raw))
                if tunnel:
                    raw = self._told(proxy.make_tunnel(raw, address))
            if not address.is_secure:
                return raw
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            encrypted = context.wrap_socket(raw, server_hostname=address.host)
        except BaseException:
            raw.close()
            raise
        return self._told(encrypted)

    def _dial(self, host: str, port: int) -> socket.socket:
        raw = socket.create_connection((host, port), timeout=self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._told(raw)

    def _told(self, opened: socket.socket) -> socket.socket:
        self._opened(opened)
        return opened


def cut(opened: socket.socket) -> None:
    """End every wait on a socket, in whatever thread."""
    # The base class's method: SSLSocket.shutdown would take the TLS state away under the receive thread.
    try:
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        pass


class Channel(http.client.HTTPConnection):
    """One connection for requests to a hub, one at a time; it is kept open between them where the server lets it."""

    def __init__(self, network: Network, address: HubAddress, *, has_negotiated: bool = False) -> None:
        super().__init__(address.host, address.port)
        self._network = network
        self._address = address
        self._has_negotiated = has_negotiated
        self._in_use: socket.socket | None = None
        """The last socket, which an answer may still be read from when `sock` has been let go of."""
        self._is_cut = False
        self.authority = address.authority

    def connect(self) -> None:
        """Open the socket; called by the first request, and where the server closed it meanwhile."""
        is_passed_on = self._network.forwarder(self._address) is not None
        self.sock = self._in_use = self._network.open(self._address, tunnel=not is_passed_on)
        if self._is_cut:  # meanwhile
            cut(self._in_use)

    def set_patience(self, seconds: float) -> None:
        """How long each further wait may take, as far as the connection is open."""
        if self._in_use is not None and self._in_use.fileno() >= 0:
            self._in_use.settimeout(seconds)

    def cut(self) -> None:
        """Cut the connection short for whoever waits on it, for good; callable from any thread."""
        self._is_cut = True
        if self._in_use is not None:
            cut(self._in_use)

    def ask(self, method: str, headers: Mapping[str, str], body: bytes = b"") -> http.client.HTTPResponse:
        """Send a request and read the answer's head.

        A kept connection that turns out to be closed is opened again, once.

        Raises:
            LinkError: the server did not answer, or not in HTTP, or the proxy said no.
            OSError: the network failed.
        """
        was_kept = self.sock is not None
        try:
            try:
                return self._ask(method, headers, body)
            except ConnectionError:
                self.close()
                if not was_kept or self._is_cut:
                    raise
                return self._ask(method, headers, body)
        except http.client.HTTPException as error:
            self.close()
            raise failure(error, self._address.authority, self._has_negotiated) from None

    def _ask(self, method: str, headers: Mapping[str, str], body: bytes) -> http.client.HTTPResponse:
        address, proxy = self._address, self._network.forwarder(self._address)
        target = address.http_url if proxy is not None else address.request_target
        self.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": address.authority, **headers, **self._network.cookie(address)}
        if method != "GET":
            sent["Content-Length"] = str(len(body))
        for name, value in {**sent, **(proxy.headers if proxy is not None else {})}.items():
            self.putheader(name, value)
        self.endheaders(body or None)
        response = self.getresponse()
        self._network.keep_cookies(address, response)
        if proxy is not None and is_proxys_own(response.status, response.headers):
            self.close()
            raise proxy.refusal(response.status, address)
        return response

    def refusal(self, status: int, has_token: bool) -> LinkError:
        """What a status that is not the hoped-for one means, and who else may have said it."""
        return self.by_proxy(refusal(status, self._address.authority, has_token))

    def by_proxy(self, error: LinkError) -> LinkError:
        """What an answer means, with the proxy that may have given it."""
        proxy = self._network.forwarder(self._address)
        if proxy is None:
            return error
        message = f"{error.message} The answer came from {proxy.name}, which may have given it itself."
        return type(error)(message, error.way_out)
