"""Sends a run file's lines to a progress server while they come. The file is the buffer: no outage loses any."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlsplit

from evolver_tui.track.saying import say_once
from evolver_tui.track.values import reason

if TYPE_CHECKING:
    from http.client import HTTPConnection

_MOST_BYTES: Final = 1_000_000
"""Of one request, but for a line that is longer."""
_TIMEOUT_SECONDS: Final = 5.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_LONGEST_ANSWER: Final = 65_536


class ServerAddress(NamedTuple):
    """Where a server is; its text shows no credentials."""

    is_secure: bool
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.host}:{self.port}"


def read_address(url: str) -> ServerAddress:
    """Read a server's URL. Raises ValueError where it is none of http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it has to begin with http:// or https:// and name a host")
    is_secure = parts.scheme == "https"
    return ServerAddress(is_secure, parts.hostname, parts.port or (443 if is_secure else 80), parts.path.rstrip("/"))


class _Refused(Exception):
    """The server answered, and did not take the lines."""


class Sender:
    """Reads the file in a thread of its own and posts what the server has not."""

    def __init__(self, path: str, run_id: str, address: ServerAddress, token: str) -> None:
        self._path = path
        self._run_id = run_id
        self._address = address
        self._token = token
        self._line = 0
        """The line that is sent next, and where it begins."""
        self._offset = 0
        self._most = _MOST_BYTES
        self._connection: HTTPConnection | None = None
        self._news = threading.Event()
        self._is_ending = False
        self._end_at = 0.0
        self._is_done = False
        self._failures = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send. Raises RuntimeError where no thread can be started."""
        thread = threading.Thread(target=self._work, name="evolver-track-sender", daemon=True)
        thread.start()
        self._thread = thread

    def wake(self) -> None:
        """The file has grown."""
        self._news.set()

    def end(self, seconds: float) -> bool:
        """Send what is left; whether the server had all of it in so many seconds."""
        self._end_at = time.monotonic() + seconds
        self._is_ending = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)
        return self._is_done

    # --- in the thread

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._is_done:
            is_ending = self._is_ending  # what is read after this has the run's last line where it is over
            try:
                is_all = self._send()
                pause, self._failures = _FIRST_PAUSE, 0
            except Exception as error:  # noqa: BLE001 - whatever a server and a network do, it is tried again
                self._close()
                self._failed(error)
                self._wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                if is_all and is_ending:
                    self._is_done = True
                elif is_all and not self._is_ending:
                    self._news.wait()
                    self._news.clear()
            if self._is_ending and time.monotonic() > self._end_at:
                break
        self._close()

    def _wait(self, seconds: float) -> None:
        """Until it is time for another attempt, which is sooner where the run is over."""
        until = time.monotonic() + seconds
        while not self._is_ending and (left := until - time.monotonic()) > 0:
            self._news.wait(left)
            self._news.clear()
        if self._is_ending:
            self._news.clear()
            self._news.wait(min(seconds, _FIRST_PAUSE))

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        say_once(
            f"server {self._address}",
            f"The progress server {self._address} does not take the run {self._run_id}: {reason(error)}. "
            "It is tried again; the run file has all of it.",
        )

    def _send(self) -> bool:
        """Send the next lines; whether there are no more at present. Raises whatever goes wrong."""
        self._news.clear()
        lines = self._next_lines()
        if not lines:
            return True
        wanted = self._post(lines)
        count = lines.count(b"\n")
        if wanted is None:
            self._most = max(1, min(self._most, len(lines)) // 2)
        elif wanted == self._line + count:
            self._line, self._offset = wanted, self._offset + len(lines)
        elif wanted != self._line:
            self._go_to(wanted)
        else:
            raise _Refused("it wants the same lines again")
        return False

    def _next_lines(self) -> bytes:
        """Whole lines from the present one on, at least one where there is one."""
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            data = file.read(self._most)
            end = data.rfind(b"\n") + 1
            if not end and len(data) == self._most:
                data += file.readline()
                end = len(data) if data.endswith(b"\n") else 0
        return data[:end]

    def _go_to(self, line: int) -> None:
        """Have the server's line next. Raises _Refused where the file has fewer."""
        offset = 0
        with open(self._path, "rb") as file:
            for _ in range(line):
                found = file.readline()
                if not found.endswith(b"\n"):
                    raise _Refused("it has another run of this id, with more records")
                offset += len(found)
        self._line, self._offset = line, offset

    def _post(self, lines: bytes) -> int | None:
        """The line that the server wants next; None where it wants fewer at once."""
        connection = self._connected()
        path = f"{self._address.path}/api/training/records/{quote(self._run_id, safe='')}?from={self._line}"
        headers = {"Content-Type": "application/x-ndjson"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection.request("POST", path, lines, headers)
        response = connection.getresponse()
        body = response.read(_LONGEST_ANSWER)
        if response.will_close or response.read(1):
            self._close()
        if response.status == 413 and lines.count(b"\n") > 1:
            return None
        wanted = _wanted(body)
        if wanted is None or response.status not in (200, 201, 202, 409):
            raise _Refused(f"it answers {response.status} {response.reason}")
        return wanted

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            from http.client import HTTPConnection, HTTPSConnection

            make = HTTPSConnection if self._address.is_secure else HTTPConnection
            self._connection = make(self._address.host, self._address.port, timeout=_TIMEOUT_SECONDS)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _wanted(body: bytes) -> int | None:
    try:
        answer = json.loads(body)
        found = answer["data"]["next"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None
