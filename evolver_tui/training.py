"""Training sessions at a progress server, from a program that trains.

    from evolver_tui.training import StreamingIntegration

    integration = StreamingIntegration()
    integration.initialize_components()
    session_id = integration.create_training_session({"model_count": 3, "batch_size": 32, "epochs": 50})
    integration.start_training_session(session_id)
    trainer.set_progress_callback(integration.progress_callback(session_id))

Each call asks the server and waits for its answer. What must not wait for anything is told by `evolver_tui.track`.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from evolver_tui.core.errors import BadTraining, UsageError

__all__ = ["StreamingIntegration"]

_SECONDS = 10.0


class StreamingIntegration:
    """Sessions of one progress server.

    Args:
        url: where it is found.
        token: where it asks for one.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(self, url: str = "http://127.0.0.1:5001", token: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url[:80]!a} is no URL of a progress server.", "For example http://127.0.0.1:5001.")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._is_secure = parts.scheme == "https"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def initialize_components(self) -> None:
        """See that the server is there. Raises BadTraining as every call here does."""
        self._ask("GET", "/api/training/statistics")

    def create_training_session(self, config: Mapping[str, Any]) -> str:
        """Make a session that starts later; returns its id.

        Args:
            config: e.g. model_count, batch_size, epochs; session_id chooses the id.
        """
        return str(self._ask("POST", "/api/training/sessions", config)["session_id"])

    def start_training_session(self, session_id: str) -> None:
        """Tell whoever watches that the training begins."""
        self._ask("POST", f"/api/training/progress/{quote(session_id, safe='')}", {"event": "training_started"})

    def progress_callback(self, session_id: str) -> Callable[[Mapping[str, Any]], None]:
        """What a trainer calls with its dictionary of metrics."""
        path = f"/api/training/progress/{quote(session_id, safe='')}"

        def callback(progress_data: Mapping[str, Any]) -> None:
            self._ask("POST", path, progress_data)

        return callback

    def get_integration_stats(self) -> Mapping[str, int]:
        """Counts of the server since it began."""
        return dict(self._ask("GET", "/api/training/statistics"))

    def _ask(self, method: str, path: str, value: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The data of the server's answer. Raises BadTraining where there is none."""
        make = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=_SECONDS)
        try:
            body = None if value is None else json.dumps(value).encode()
            connection.request(method, self._path + path, body, self._headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
            if reply.status < 300 and isinstance(answer["data"], Mapping):
                return answer["data"]
            raise BadTraining(str(answer.get("code", "refused")), str(answer.get("error", "It was refused."))[:500])
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadTraining("unreachable", f"The progress server gave no answer: {error!r:.200}.") from None
        finally:
            connection.close()
