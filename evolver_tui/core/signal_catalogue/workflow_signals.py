"""Signals of the workflow service and its gateway. `session` of a payload is a chat's, not the program's."""

from typing import Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue.common_payloads import Nothing


class ServiceChanged(TypedDict):
    """nats or redis, and why it is not there."""

    service: str
    reason: NotRequired[str]


class Serving(TypedDict):
    """What answers: a model's label, `demo`, or a routine's name; how many answers at once; whether by JetStream."""

    answered_by: str
    concurrency: int
    is_durable: bool


class GatewayOpened(TypedDict):
    """Where it is found, and its name among pods."""

    url: str
    pod: str


class GatewayFault(TypedDict):
    """What should not have happened."""

    error: str


class ChatNamed(TypedDict):
    """Which answer."""

    session: str
    message_id: str
    attempt: int


class AnswerStarted(ChatNamed):
    """What answers: a model's label, `demo`, or a routine's name."""

    answered_by: str


class AnswerEnded(ChatNamed):
    """How it ended; chunks published, tokens, seconds from its request to its end and to its first chunk."""

    finish_reason: str
    chunks: int
    tokens: int
    seconds: float
    first_chunk_seconds: NotRequired[float]


class AnswerFailed(ChatNamed):
    """Why, as the chat is told."""

    code: str
    error: str


class ChatRefused(TypedDict):
    """What is wrong with a request; ids as far as they could be read."""

    session: str
    message_id: str
    code: str
    error: str


class ChatNotKept(ChatNamed):
    """Why."""

    error: str


class RequestParked(ChatNamed):
    """Why it is not handed out again."""

    reason: str


class ChatToolCalled(TypedDict):
    """The tool; characters of what it gave; why it failed."""

    session: str
    message_id: str
    tool: str
    characters: NotRequired[int]
    error: NotRequired[str]


class ChatAsked(ChatNamed):
    """The question that the answer waits for, which stands in the inbox."""

    question: str
    message: str


SERVING: Final = SignalType("workflow.serving", Serving, "workflow", "Requests of chats are taken from here on.")
SERVICE_UP: Final = SignalType(
    "workflow.service_up", ServiceChanged, "workflow", "NATS or Redis is there, for the first time or again."
)
SERVICE_AWAY: Final = SignalType(
    "workflow.service_away", ServiceChanged, "workflow",
    "NATS or Redis cannot be reached; it is tried again without end.", "warning",
)  # fmt: skip
ANSWER_STARTED: Final = SignalType("workflow.started", AnswerStarted, "workflow", "A chat's request is being answered.")
ANSWER_COMPLETED: Final = SignalType("workflow.completed", AnswerEnded, "workflow", "A chat's answer is whole.")
ANSWER_FAILED: Final = SignalType(
    "workflow.failed", AnswerFailed, "workflow", "A chat's answer ended by an error, which the chat was told.", "error"
)
ANSWER_CANCELLED: Final = SignalType("workflow.cancelled", ChatNamed, "workflow", "A chat's answer was called off.")
ANSWER_GIVEN_BACK: Final = SignalType(
    "workflow.given_back", ChatNamed, "workflow", "A request went back to the broker before it was answered."
)
CHAT_NOT_KEPT: Final = SignalType(
    "workflow.not_kept", ChatNotKept, "workflow",
    "A chat was answered, and its next message will not know of it.", "warning",
)  # fmt: skip
CHAT_REFUSED: Final = SignalType(
    "workflow.refused", ChatRefused, "workflow", "What came as a chat's request cannot be answered.", "warning"
)
REQUEST_PARKED: Final = SignalType(
    "workflow.parked", RequestParked, "workflow", "A request was put aside after its last attempt.", "error"
)
CHAT_TOOL_CALLED: Final = SignalType(
    "workflow.tool_called", ChatToolCalled, "workflow", "The model called a tool or a node for its answer."
)
CHAT_ASKED: Final = SignalType(
    "workflow.question_asked", ChatAsked, "workflow", "A chat's answer waits for an answer of a person."
)
GATEWAY_OPENED: Final = SignalType(
    "workflow.gateway_opened", GatewayOpened, "workflow", "The gateway takes connections from here on."
)
GATEWAY_CLOSED: Final = SignalType(
    "workflow.gateway_closed", Nothing, "workflow", "The gateway has let go of its connections."
)
GATEWAY_FAULT: Final = SignalType(
    "workflow.gateway_fault", GatewayFault, "workflow", "A request to the gateway met a mistake of its own.", "error"
)
