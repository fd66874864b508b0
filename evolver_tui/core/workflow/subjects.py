"""The subjects of the workflow service, and what may stand in them.

A subject of NATS is tokens with dots between them; `*` and `>` stand for tokens. Whoever chats chooses a session's id,
and whoever writes to Redis a pod's, so neither goes into a subject before it is known to be one token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from evolver_tui.core.errors import BadChatRequest

LONGEST_TOKEN: Final = 128
"""Characters."""

ALL_REQUESTS: Final = "chat.workflow.execute.*"
ALL_CANCELS: Final = "chat.workflow.cancel.*"
ALL_RESPONSES: Final = "chat.pod.*.response"
ALL_BROADCASTS: Final = "chat.session.*.broadcast"
QUEUE_GROUP: Final = "workflow-workers"
"""Instances in one group share the requests."""
REQUEST_STREAM: Final = "WORKFLOW_REQUESTS"
"""JetStream's stream of requests that are to be answered."""
PARKED_STREAM: Final = "WORKFLOW_PARKED"
"""JetStream's stream of requests that no instance could answer."""


def is_token(text: object) -> bool:
    """Whether this is one token of a subject, and nothing else: visible ASCII without dots and wildcards."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= LONGEST_TOKEN
        and all("!" <= character <= "~" and character not in ".*>" for character in text)
        and not text.startswith("$")
    )


def request_subject(session_id: str) -> str:
    """Where a request of this session is published. Raises BadChatRequest."""
    return f"chat.workflow.execute.{_token(session_id, 'session_id')}"


def cancel_subject(session_id: str) -> str:
    """Where a session's answers are called off. Raises BadChatRequest."""
    return f"chat.workflow.cancel.{_token(session_id, 'session_id')}"


@lru_cache(10_000)
def pod_subject(pod_id: str) -> str:
    """Where a pod hears what it passes on to its connections. Raises BadChatRequest."""
    return f"chat.pod.{_token(pod_id, 'pod')}.response"


def replay_subject(pod_id: str) -> str:
    """Where a pod is asked for what it has of a session. Raises BadChatRequest."""
    return f"chat.pod.{_token(pod_id, 'pod')}.replay"


@lru_cache(10_000)
def broadcast_subject(session_id: str) -> str:
    """Where chunks go while no pod is known to have a connection of the session. Raises BadChatRequest."""
    return f"chat.session.{_token(session_id, 'session_id')}.broadcast"


def session_of(subject: str) -> str:
    """The session of a request, a cancel or a broadcast; empty for another subject."""
    match subject.split("."):
        case ["chat", "workflow", "execute" | "cancel", session_id] | ["chat", "session", session_id, "broadcast"]:
            return session_id
    return ""


def _token(text: str, what: str) -> str:
    if not is_token(text):
        raise BadChatRequest(
            "invalid_request",
            f"{what} has to be 1 to {LONGEST_TOKEN} visible ASCII characters without spaces, dots, * and >.",
        )
    return text
