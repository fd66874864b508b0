"""A model provider that streams one endless node at a steady rate of tokens."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.benchmarks.terminal import PATIENCE_SECONDS
from tests.support.provider_server import SSE_HEAD, openai_chunk

_TOKEN_CHARACTERS = 4
_SHORTEST_STEP = 0.01


class TokenServer:
    """Answers one request, in OpenAI's format, until the client leaves."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._asked = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def wait_until_asked(self) -> None:
        """Wait until the answer has begun.

        Raises:
            RuntimeError: nobody asks.
        """
        if not self._asked.wait(PATIENCE_SECONDS):
            raise RuntimeError("Nobody asked the model.")

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(1 << 20)
                connection.sendall(SSE_HEAD)
                self._asked.set()
                self._stream(connection)

    def _stream(self, connection: socket.socket) -> None:
        events = (openai_chunk({"content": token}) for token in _tokens())
        started, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - started) * self._rate)
            connection.sendall(b"".join(itertools.islice(events, due - sent)))
            sent = due
            time.sleep(max(1 / self._rate, _SHORTEST_STEP))


def _tokens() -> Iterator[str]:
    """The answer's opening, then code without an end, a few characters at a time."""
    yield '{"workflow_code": "import json\\n\\n'
    for number in itertools.count(1):
        line = f"total_{number} = json.dumps({{'step': {number}}})  # adds one to what was there before\n"
        escaped = json.dumps(line)[1:-1]
        yield from (escaped[start : start + _TOKEN_CHARACTERS] for start in range(0, len(escaped), _TOKEN_CHARACTERS))
