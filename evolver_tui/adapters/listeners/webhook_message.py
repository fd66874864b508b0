"""A signal on its way to a webhook: what stands in the body, and how it is signed."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from evolver_tui.core.errors import ConfigError
from evolver_tui.core.safe_text import safe_json

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "signal": "application/json",
    "cloudevents": "application/cloudevents+json",
}
"""By the config's `body`."""
_SECRET_PREFIX: Final = "whsec_"
_MOST_ID_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class Message:
    """One signal for one endpoint."""

    id: str
    """The same in every attempt: by that the receiver knows what it has already."""
    first_tried: float
    """Seconds since 1970."""
    event: str
    """The signal in the canonical shape as JSON, in ASCII and safe to draw, without known secrets."""

    def body(self, form: str) -> bytes:
        """What is posted, in ASCII.

        Args:
            form: the config's `body`.
        """
        event = self.event if form == "signal" else json.dumps(self._cloud_event(), separators=(",", ":"))
        return event.encode("ascii")

    def to_line(self, reason: str) -> bytes:
        """The message as a line of dead letters."""
        about = safe_json(json.dumps({"id": self.id, "first_tried": self.first_tried, "reason": reason}))
        return f'{about[:-1]}, "signal": {self.event}}}\n'.encode("ascii")

    @classmethod
    def from_line(cls, line: bytes) -> Message:
        """The message of such a line. Raises ValueError where it is none."""
        match json.loads(line):
            case {"id": str(name), "first_tried": int() | float() as first_tried, "signal": dict(signal)} if (
                name.isascii() and name.isprintable() and 0 < len(name) <= _MOST_ID_CHARACTERS
            ):
                return cls(name, float(first_tried), safe_json(json.dumps(signal)))
        raise ValueError("not a message")

    def _cloud_event(self) -> dict[str, Any]:
        signal = json.loads(self.event)
        context = signal.get("context")
        context = context if isinstance(context, dict) else {}
        time = context.get("timestamp")
        happened = float(time) if isinstance(time, int | float) else self.first_tried
        event = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"/evolver-tui/{context.get('session_id', '')}".rstrip("/"),
            "type": f"evolver.{signal.get('name', '')}",
            "time": datetime.fromtimestamp(happened, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": signal,
        }
        return event | ({"subject": str(context["task_id"])} if context.get("task_id") else {})


def signing_key(secret: str, name: str) -> bytes:
    """The key in a signing secret.

    Args:
        secret: `whsec_` and base64.
        name: of the variable that holds it.

    Raises:
        ConfigError: it has another form.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 16:
        raise ConfigError(
            f"The signing secret in {name} cannot be used.",
            f"It is {_SECRET_PREFIX} and the base64 of 24 to 64 random bytes, as the receiver shows it.",
        )
    return key


def headers_of(message: Message, body: bytes, form: str, key: bytes | None, now: float) -> dict[str, str]:
    """The headers of one attempt, by Standard Webhooks.

    Args:
        key: None signs nothing.
        now: seconds since 1970.
    """
    headers = {
        "content-type": CONTENT_TYPES[form],
        "user-agent": "evolver-tui",
        "accept-encoding": "identity",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now)),
    }
    if key is not None:
        from standardwebhooks.webhooks import Webhook

        headers["webhook-signature"] = Webhook(key).sign(
            message.id, datetime.fromtimestamp(int(now), UTC), body.decode("ascii")
        )
    return headers
