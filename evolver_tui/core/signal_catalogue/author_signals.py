"""Signals of the built-in author, and of the model that it asks."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class GenerationStarted(TypedDict):
    """Which model, by which backend."""

    model: str
    backend: str


class GenerationCompleted(TypedDict):
    """Tokens that the model wrote and read, who counted them (`provider`, or ours is an `estimate`), seconds, price."""

    tokens_generated: int
    prompt_tokens: int
    tokens_counted_by: str
    backend: str
    seconds: float
    cost: NotRequired[float]
    currency: NotRequired[str]


class GenerationFailed(TypedDict):
    """Why, and the seconds until the model is asked again, where it is."""

    error: str
    backend: str
    retry_in: NotRequired[float]


class ModelSignal(TypedDict):
    """The name and the payload that the model wrote, and by which backend it did."""

    signal_name: str
    signal_payload: Mapping[str, Any]
    backend: str


class NodeWritten(TypedDict):
    """The draft, who wrote it, and how long that took in seconds."""

    node_id: str
    workflow_name: str
    tools: list[str]
    author: str
    seconds: float


class NodeChecked(TypedDict):
    """Which, what it can do (`low`, `medium` or `high`), and whether the checks let a person approve it."""

    node_id: str
    risk: str
    can_be_approved: bool


class NodeTried(TypedDict):
    """Which, on how many inputs, how many gave an output, the box, what went wrong; who ran it by hand, and if live.

    Of each tool call: its `tool`, its `seconds` and, where it failed, its `error`.
    """

    node_id: str
    inputs: int
    succeeded: int
    box: str
    error: NotRequired[str]
    by: NotRequired[str]
    live: NotRequired[bool]
    tool_calls: NotRequired[list[Mapping[str, Any]]]


class NodeNotSaved(TypedDict):
    """Which, and why, in a sentence."""

    node_id: str
    error: str


class NodeSaved(TypedDict):
    """Which, as which version, and the hash of its code."""

    node_id: str
    version: int
    sha256: str


class NodeSetAsideBy(TypedDict):
    """Which, and by whom."""

    node_id: str
    by: str


class NodeRolledBack(TypedDict):
    """Which, to the bytes of which version, as which one, the version before, the hash of its code, and by whom."""

    node_id: str
    to_version: int
    version: int
    before: int
    sha256: str
    by: str


class NodeRetiredBy(TypedDict):
    """Which, its current version, and by whom."""

    node_id: str
    version: int
    by: str


LLM_GENERATION_START: Final = SignalType(
    "llm.generation_start", GenerationStarted, "author", "The model is asked.", "info"
)
LLM_GENERATION_COMPLETE: Final = SignalType(
    "llm.generation_complete", GenerationCompleted, "author", "The model's answer came whole.", "info"
)
LLM_GENERATION_BROKEN_OFF: Final = SignalType(
    "llm.generation_broken_off",
    GenerationCompleted,
    "author",
    "The model's answer broke off or was stopped; what came of it is paid for.",
    "info",
)
LLM_GENERATION_ERROR: Final = SignalType(
    "llm.generation_error",
    GenerationFailed,
    "author",
    "The model failed or answered badly; an error where the task fails by it.",
    "warning",
)
LLM_SIGNAL_RECEIVED: Final = SignalType(
    "llm.signal_received",
    ModelSignal,
    "author",
    "The model observes something itself, in a block of its answer; that signal follows under its own name.",
    "info",
)
NODE_WRITTEN: Final = SignalType(
    "node.written", NodeWritten, "author", "A draft was read out of the model's answer.", "info"
)
NODE_CHECKED: Final = SignalType("node.checked", NodeChecked, "author", "A draft passed through the checks.", "info")
NODE_TRIED: Final = SignalType(
    "node.tried",
    NodeTried,
    "author",
    "A draft was run in a box, on sample inputs or on one that a person gave.",
    "info",
)
NODE_REPLACED: Final = SignalType(
    "node.replaced",
    NodeNotSaved,
    "author",
    "Another version lies in the library than the approval named; the draft is reviewed again.",
    "warning",
)
NODE_SAVED: Final = SignalType("node.saved", NodeSaved, "author", "An approved draft lies in the library.", "info")
NODE_REUSED: Final = SignalType(
    "node.reused",
    NodeSaved,
    "author",
    "A node that is in the library already is used for a task; its draft was not saved.",
    "info",
)
NODE_SET_ASIDE: Final = SignalType(
    "node.set_aside", NodeSetAsideBy, "rules", "Nobody runs a node any longer, until a person reinstates it.", "warning"
)
NODE_ROLLED_BACK: Final = SignalType(
    "node.rolled_back",
    NodeRolledBack,
    "library",
    "A person made an older version's code current again, as a further version.",
    "info",
)
NODE_RETIRED: Final = SignalType(
    "node.retired", NodeRetiredBy, "library", "A person took a node out of use; it stays in the library.", "info"
)
NODE_RESTORED: Final = SignalType(
    "node.restored", NodeRetiredBy, "library", "A person put a retired or removed node into use again.", "info"
)
NODE_REMOVED: Final = SignalType(
    "node.removed", NodeRetiredBy, "library", "A person took a node out of the library.", "warning"
)
