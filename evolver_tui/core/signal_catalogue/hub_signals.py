"""Signals of the hub and of what it sends."""

from typing import Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class LinkChanged(TypedDict):
    """How the link stands; `retry_in` in seconds. `transport` is how a hub is connected."""

    hub_url: str
    retries: int
    reason: NotRequired[str]
    retry_in: NotRequired[float]
    transport: NotRequired[str]


class MethodUnheard(TypedDict):
    """What the hub calls, how often so far, and a sentence that says what this session listens to instead."""

    method: str
    calls: int
    notice: str


class IntakeHeld(TypedDict):
    """The rule that did it; nothing where a person did."""

    rule: NotRequired[str]


class MessageReceived(TypedDict):
    """The number of the last of some messages that came together, how many, and how many tasks they carried."""

    message_number: int
    messages: int
    tasks: int


class MessageRejected(TypedDict):
    """What is wrong, and the beginning of the message where it could be read at all."""

    error: str
    message: NotRequired[str]
    message_number: NotRequired[int]


class IntakeFailed(TypedDict):
    """Why, and how many tasks it concerns."""

    error: str
    tasks: int


HUB_IDLE: Final = SignalType(
    "hub.idle", LinkChanged, "subscription", "There is a link that was not asked to connect.", "info"
)
HUB_CONNECTING: Final = SignalType(
    "hub.connecting", LinkChanged, "subscription", "An attempt to reach the hub begins.", "info"
)
HUB_CONNECTED: Final = SignalType("hub.connected", LinkChanged, "subscription", "The hub is connected.", "info")
HUB_RETRY_SCHEDULED: Final = SignalType(
    "hub.retry_scheduled",
    LinkChanged,
    "subscription",
    "The hub could not be reached or was lost; another attempt follows.",
    "warning",
)
HUB_ENDED: Final = SignalType(
    "hub.ended", LinkChanged, "subscription", "The hub is given up until a person connects again.", "error"
)
HUB_DISCONNECTED: Final = SignalType(
    "hub.disconnected", LinkChanged, "subscription", "The link was closed from here.", "info"
)
HUB_MESSAGE_RECEIVED: Final = SignalType(
    "hub.message_received", MessageReceived, "intake", "Messages came; their tasks are not committed yet."
)
HUB_METHOD_UNHEARD: Final = SignalType(
    "hub.method_unheard",
    MethodUnheard,
    "subscription",
    "The hub calls a method that nobody here listens to; told once for each name.",
    "warning",
)
HUB_MESSAGE_REJECTED: Final = SignalType(
    "hub.message_rejected", MessageRejected, "intake", "Something came that is no message, or holds no task.", "error"
)
INTAKE_ERROR: Final = SignalType("intake.error", IntakeFailed, "intake", "Received tasks cannot be committed.", "error")
INTAKE_PAUSED: Final = SignalType(
    "intake.paused", IntakeHeld, "subscription", "A person or a rule holds the hub's messages back."
)
INTAKE_RESUMED: Final = SignalType(
    "intake.resumed", IntakeHeld, "subscription", "A person or a rule lets the hub's messages come again."
)
