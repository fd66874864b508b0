"""A proxy on loopback: it passes requests on and makes tunnels, or refuses one of them or both, as a test says."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support.hubs import http_response


class ProxyServer:
    """Answers each CONNECT and each request with an absolute address.

    Args:
        connect: the status line's end with which a tunnel is refused; empty where it is made.
        garbage: what a tunnel is answered with instead, None where it is not; without bytes it is broken off.
        forward: the same for requests.
        authorization: what has to stand in Proxy-Authorization; others hear 407.
    """

    def __init__(
        self, *, connect: str = "", garbage: bytes | None = None, forward: str = "", authorization: str = ""
    ) -> None:
        self._connect, self._garbage = connect, garbage
        self._forward, self._authorization = forward, authorization
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.asked: list[str] = []
        """The first line of every request, and the target of every tunnel as `CONNECT host:port`."""
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for one in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            head, rest = _read_head(client)
            line, *fields = head.split("\r\n")
            method, target, _ = line.split(" ")
            self.asked.append(f"{method} {target}")
            headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
            if self._authorization and headers.get("proxy-authorization") != self._authorization:
                client.sendall(http_response("407 Proxy Authentication Required"))
            elif method == "CONNECT":
                self._tunnel(client, target, rest)
            elif self._forward:
                client.sendall(http_response(self._forward))
            else:
                self._pass_on(client, target, line, fields, rest)

    def _tunnel(self, client: socket.socket, target: str, rest: bytes) -> None:
        if self._connect or self._garbage is not None:
            client.sendall(http_response(self._connect) if self._garbage is None else self._garbage)
            return
        host, _, port = target.rpartition(":")
        with self._dial(host.strip("[]"), int(port)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server.sendall(rest)
            pump_both(client, server)

    def _pass_on(self, client: socket.socket, target: str, line: str, fields: list[str], rest: bytes) -> None:
        parts = urlsplit(target)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        kept = [field for field in fields if not field.lower().startswith(("proxy-", "connection:"))]
        lines = [line.replace(target, path), *kept, "Connection: close", "", ""]
        with self._dial(parts.hostname or "", parts.port or 80) as server:
            server.sendall("\r\n".join(lines).encode() + rest)
            pump_both(client, server)

    def _dial(self, host: str, port: int) -> socket.socket:
        server = socket.create_connection((host, port))
        self._open.append(server)
        return server


def _read_head(client: socket.socket) -> tuple[str, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = client.recv(65536)
        if not chunk:
            raise EOFError
        received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    return head.decode(), rest


def pump_both(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either end is closed."""
    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
    back.start()
    _pump(one, other)
    back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
