"""A SOCKS5 proxy on loopback that makes tunnels, or answers as a test says."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from tests.support.proxy_server import ProxyServer, pump_both


class SocksServer(ProxyServer):
    """What it was asked for stands in `asked`, as `host:port`.

    Args:
        answer: the code with which a request is answered; 0 where the tunnel is made.
        user: the name and the password that it wants.
        version: what it says that it speaks.
        is_slow: whether its answers come byte by byte.
    """

    def __init__(
        self,
        *,
        answer: int = 0,
        user: tuple[str, str] | None = None,
        version: int = 5,
        is_slow: bool = False,
    ) -> None:
        super().__init__()
        self._answer, self._user, self._version, self._is_slow = answer, user, version, is_slow
        self.url = f"socks5://127.0.0.1:{self.port}"

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            methods = _counted(client, _exactly(client, 2)[1:])
            method = 0 if self._user is None else 2
            if method not in methods:
                client.sendall(b"\x05\xff")
                return
            client.sendall(bytes([self._version, method]))
            if method == 2:
                _exactly(client, 1)
                given = tuple(_counted(client, _exactly(client, 1)).decode() for _ in range(2))
                client.sendall(bytes([1, given != self._user]))
            _, _, _, kind = _exactly(client, 4)
            raw = _counted(client, _exactly(client, 1)) if kind == 3 else _exactly(client, 4 if kind == 1 else 16)
            host = raw.decode() if kind == 3 else str(ipaddress.ip_address(raw))
            port = int.from_bytes(_exactly(client, 2))
            self.asked.append(f"{host}:{port}")
            reply = bytes([5, self._answer, 0, 1, 0, 0, 0, 0, 0, 0])
            size = 1 if self._is_slow else len(reply)
            for start in range(0, len(reply), size):
                client.sendall(reply[start : start + size])
            if not self._answer:
                with self._dial(host, port) as server:
                    pump_both(client, server)


def _exactly(client: socket.socket, count: int) -> bytes:
    received = client.recv(count, socket.MSG_WAITALL)
    if len(received) < count:
        raise EOFError
    return received


def _counted(client: socket.socket, count: bytes) -> bytes:
    return _exactly(client, count[0])
