"""A chat's request as a task: what a routine of one's own or a graph works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.errors import BadChatRequest
from evolver_tui.core.task import Task
from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn, request_from

ROUTINE_PREFIX: Final = "chat:"
"""Before a routine's name where its jobs are chats. No name of the config has it: a console leaves them alone."""
CHATS: Final = "chat."
"""How the ids of chats' tasks begin."""
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Chat:
    """What a task of a chat says."""

    request: ChatRequest
    history: Sequence[ChatTurn]
    """What was said before, the oldest first."""

    @property
    def message(self) -> str:
        """What the person wrote."""
        return self.request.message

    @property
    def messages(self) -> list[dict[str, str]]:
        """What a model is given: a system prompt where the request has one, what was said before, and the message."""
        system = self.request.context.system_prompt
        told = [{"role": "system", "content": system}] if system else []
        told += [{"role": turn.role, "content": turn.text} for turn in self.history]
        return [*told, {"role": "user", "content": self.message}]


def chat_task(request: ChatRequest, history: Sequence[ChatTurn], routine: str) -> Task:
    """The task of a request: one for each message of a session, however often it comes."""
    return Task.from_raw(
        {
            "id": chat_task_id(request.session_id, request.message_id),
            "taskName": _beginning(request.message),
            "llmTaskType": "chat",
            "routine": ROUTINE_PREFIX + routine,
            "chat": dict(request.raw),
            "history": [[turn.role, turn.text] for turn in history],
        }
    )


def chat_task_id(session_id: str, message_id: str) -> str:
    """The id of a message's task. A session's id holds no dot, so that no two messages have one."""
    return f"{chat_task_prefix(session_id)}{message_id}"


def chat_task_prefix(session_id: str) -> str:
    """How the ids of a session's tasks begin."""
    return f"{CHATS}{session_id}."


def chat_of(task: Task) -> Chat | None:
    """What a task says as a chat; None for a task that is none."""
    raw: Any = task.raw.get("chat")
    if not isinstance(raw, dict):
        return None
    try:
        request = request_from(raw)
    except BadChatRequest:
        return None
    if task.id != chat_task_id(request.session_id, request.message_id):
        return None
    return Chat(request, tuple(_turns(task.raw.get("history"))))


def _turns(value: object) -> Sequence[ChatTurn]:
    turns = []
    for turn in value if isinstance(value, list) else ():
        match turn:
            case ["user" | "assistant" as role, str(text)]:
                turns.append(ChatTurn(role, text))
    return turns


def _beginning(message: str) -> str:
    line = " ".join(message[: 4 * _LONGEST_NAME].split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
