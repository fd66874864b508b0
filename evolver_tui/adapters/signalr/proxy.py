"""A proxy on the way to a hub: how it is asked for a tunnel, and what its own answers mean."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import ssl
import threading
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from evolver_tui.adapters.signalr.http import HubAddress, authority_of
from evolver_tui.core.address import Address
from evolver_tui.core.errors import LinkEnded, LinkError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.settings.proxies import PROXY_VARIABLES, read_proxy

_ALLOW: Final = "Have it allowed there, or put the hub's host into NO_PROXY."
_GIVE_USER: Final = "Write USER:PASSWORD@ before its host, in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY."
_CHECK: Final = "Check the URL, the network and the proxy."
_SOCKS_ANSWERS: Final = {
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "no answer in time",
}
_CARRIED: Final = 64 * 1024
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, which passes requests on and makes tunnels by CONNECT, or a SOCKS5 one, which makes tunnels."""

    host: str
    port: int
    is_socks: bool
    is_secure: bool
    """Whether it is spoken to by TLS itself."""
    name: str
    """As sentences call it."""
    user: bytes = field(repr=False)
    password: bytes = field(repr=False)
    """Both are empty where the address holds no user."""

    @classmethod
    def parse(cls, address: Address) -> Proxy:
        """Read what the environment holds. Raises ConfigError where it is no address of a proxy."""
        parts = read_proxy(address)
        user, password = (unquote(part or "").encode() for part in (parts.username, parts.password))
        return cls(
            host=parts.host,
            port=parts.port,
            is_socks=parts.scheme.startswith("socks"),
            is_secure=parts.scheme == "https",
            name=f"the proxy at {safe_text(address.host, 200)}",
            user=user,
            password=password,
        )

    @property
    def headers(self) -> dict[str, str]:
        """What is shown to an HTTP proxy alone."""
        if not self.user and not self.password:
            return {}
        credentials = base64.b64encode(self.user + b":" + self.password).decode()
        return {"Proxy-Authorization": f"Basic {credentials}"}

    def encrypted(self, raw: socket.socket) -> socket.socket:
        """The same connection, by TLS where the proxy wants it. Raises LinkError."""
        if not self.is_secure:
            return raw
        try:
            return ssl.create_default_context().wrap_socket(raw, server_hostname=self.host)
        except OSError as error:
            raise self.trouble(error) from None

    def make_tunnel(self, to_proxy: socket.socket, address: HubAddress) -> socket.socket:
        """A socket whose other end is the hub.

        Raises:
            LinkError: the proxy said no, or does not answer as a proxy.
        """
        try:
            if self.is_socks:
                self._ask_by_socks(to_proxy, address)
            else:
                self._ask_by_connect(to_proxy, address)
        except (OSError, http.client.HTTPException, EOFError, ValueError) as error:
            raise self.trouble(error) from None
        # TLS within TLS is more than the standard library's sockets can do.
        return _carried(to_proxy) if isinstance(to_proxy, ssl.SSLSocket) and address.is_secure else to_proxy

    def _ask_by_connect(self, to_proxy: socket.socket, address: HubAddress) -> None:
        target = authority_of(address.host, address.port)
        headers = {"Host": target, **self.headers}
        lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        to_proxy.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        response = http.client.HTTPResponse(to_proxy, method="CONNECT")
        try:
            response.begin()
        finally:
            response.close()
        if response.status // 100 != 2:
            raise self.refusal(response.status, address)

    def _ask_by_socks(self, to_proxy: socket.socket, address: HubAddress) -> None:
        """As RFC 1928 and 1929 have it. The proxy looks names up."""
        has_user = bool(self.user or self.password)
        to_proxy.sendall(b"\x05\x02\x00\x02" if has_user else b"\x05\x01\x00")
        version, method = _read_exactly(to_proxy, 2)
        if version != 5:
            raise ValueError("no SOCKS5")
        if method == 2 and has_user:
            to_proxy.sendall(b"\x01" + _counted(self.user) + _counted(self.password))
            if _read_exactly(to_proxy, 2)[1]:
                raise self._wrong_user("")
        elif method:
            raise self._wrong_user("")
        to_proxy.sendall(b"\x05\x01\x00" + _socks_host(address.host) + address.port.to_bytes(2))
        _, answer, _, kind = _read_exactly(to_proxy, 4)
        host = safe_text(address.authority, 200)
        if answer == 2:
            raise LinkEnded(f"{self._subject} refuses the way to {host}.", _ALLOW)
        if answer:
            why = _SOCKS_ANSWERS.get(answer, f"SOCKS error {answer}")
            raise LinkError(f"{self._subject} cannot reach {host}: {why}.", _CHECK)
        length = {1: 4, 4: 16}.get(kind) or _read_exactly(to_proxy, 1)[0]
        _read_exactly(to_proxy, length + 2)  # where the proxy's own end is

    @property
    def _subject(self) -> str:
        return f"T{self.name[1:]}"

    def _wrong_user(self, answer: str) -> LinkEnded:
        saying = "did not accept its user and password" if self.user or self.password else "wants a user and a password"
        return LinkEnded(f"{self._subject} {saying}{answer}.", _GIVE_USER)

    def refusal(self, status: int, address: HubAddress) -> LinkError:
        """What an HTTP proxy's own answer means."""
        answer = f" ({status}{' ' + http.client.responses[status] if status in http.client.responses else ''})"
        if status in (401, 407):  # some say 401 to a wrong password
            return self._wrong_user(answer)
        host = safe_text(address.authority, 200)
        if status >= 500 or status in (408, 429):
            return LinkError(f"{self._subject} cannot reach {host}{answer}.", _CHECK)
        return LinkEnded(f"{self._subject} refuses the way to {host}{answer}.", _ALLOW)

    def trouble(self, error: Exception) -> LinkError:
        """Why the proxy itself could not be used."""
        match error:
            case socket.gaierror():
                what = "its name cannot be resolved"
            case ConnectionRefusedError():
                what = "connection refused"
            case TimeoutError():
                what = "it does not answer"
            case ssl.SSLCertVerificationError():
                what = f"its TLS certificate was not accepted: {error.verify_message}"
            case ConnectionError() | ssl.SSLEOFError() | EOFError():
                what = "it broke off the connection"
            case ssl.SSLError():
                what = "it does not speak TLS"
            case OSError():
                what = error.strerror or type(error).__name__
            case _:
                what = f"it does not answer in {'SOCKS5' if self.is_socks else 'HTTP'}"
        return LinkError(f"{self._subject} cannot be used: {what}.", f"Check {PROXY_VARIABLES}, or the proxy.")


def _read_exactly(source: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = source.recv(count - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received


def _counted(value: bytes) -> bytes:
    return len(value).to_bytes(1) + value


def _socks_host(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        return b"\x03" + _counted(host.encode("ascii"))
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def _carried(outer: ssl.SSLSocket) -> socket.socket:
    """A plain socket whose bytes a thread carries through an encrypted one; closing either ends both."""
    near, far = socket.socketpair()
    near.settimeout(outer.gettimeout())
    outer.setblocking(False)
    far.setblocking(False)
    threading.Thread(target=_carry, args=(outer, far), name="hub proxy", daemon=True).start()
    return near


def _carry(outer: ssl.SSLSocket, far: socket.socket) -> None:
    inward, outward = bytearray(), bytearray()
    with outer, far:
        try:
            while True:
                # Both ways in turn: a reader that is busy must not hold up what is sent meanwhile.
                has_moved = _move(outer, far, inward)
                if not _move(far, outer, outward) and not has_moved:
                    _await_either(outer, far, inward, outward)
        except (OSError, EOFError, ValueError):
            pass


def _move(source: socket.socket, target: socket.socket, held: bytearray) -> bool:
    """Carry what can be carried at once; whether that was anything. Raises EOFError at the source's end."""
    try:
        if not held:
            held += source.recv(_CARRIED)
            if not held:
                raise EOFError
        del held[: target.send(held)]
    except _WOULD_BLOCK:
        return False
    return True


def _await_either(outer: ssl.SSLSocket, far: socket.socket, inward: bytearray, outward: bytearray) -> None:
    ready = select.poll()
    ready.register(outer, (0 if inward else select.POLLIN) | (select.POLLOUT if outward else 0))
    ready.register(far, (0 if outward else select.POLLIN) | (select.POLLOUT if inward else 0))
    ready.poll()
