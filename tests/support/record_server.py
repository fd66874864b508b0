"""A progress server that takes run files' lines, and does all that a bad one does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import QuietServer


class RecordServer:
    """Keeps lines by run in the order of their numbers."""

    def __init__(self) -> None:
        self.lines: dict[str, list[bytes]] = {}
        self.requests = 0
        self.tokens: list[str] = []
        self.refusals: list[int] = []
        """Answers that are given next instead of taking anything."""
        self.most_bytes = 10**9
        self.is_hung = threading.Event()
        self.released = threading.Event()
        self._server: QuietServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of before where there was one."""
        this = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, answer = this.take(
                    self.path, self.rfile.read(int(self.headers["Content-Length"])), self.headers["Authorization"] or ""
                )
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        QuietServer.allow_reuse_address = True
        self._server = QuietServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, target: str, body: bytes, token: str) -> tuple[int, Any]:
        """What one request comes to."""
        self.requests += 1
        self.tokens.append(token)
        if self.is_hung.is_set():
            self.released.wait(30)
        if self.refusals:
            return self.refusals.pop(0), {"success": False, "error": "not now"}
        if len(body) > self.most_bytes:
            return 413, {"success": False, "error": "too much"}
        parts = urlsplit(target)
        run_id = parts.path.removeprefix("/api/training/records/")
        first = int(parse_qs(parts.query)["from"][0])
        kept = self.lines.setdefault(run_id, [])
        if first > len(kept):
            return 409, {"success": False, "data": {"next": len(kept)}}
        kept += body.splitlines(keepends=True)[len(kept) - first :]
        return 200, {"success": True, "data": {"next": len(kept)}}
