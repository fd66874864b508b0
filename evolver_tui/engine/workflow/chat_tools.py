"""The tools that a model may call while it answers a chat: the built-in ones, a person's own, and approved nodes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from evolver_tui.core.errors import NodeError, ToolError
from evolver_tui.core.model_data import model_data
from evolver_tui.core.node import NodeRecord
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.core.node_listing import Retirement
from evolver_tui.core.node_run import DEEPEST_OUTPUT, cut
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.shape import is_deeper
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import ToolOffer
from evolver_tui.engine.author.prompt import placeholders

MOST_OFFERS: Final = 64
"""More tools than that cost more to read than they are worth."""
MOST_RESULT: Final = 20_000
"""Characters of what a tool gives, as far as a model reads it and a chat is told."""
_ALL: Final = "*"
_AUTHORS_OWN: Final = "task_to_workflow_router"
"""What writes nodes is no help in a chat."""
_NODES_AT_ONCE: Final = 4
"""Of all chats: each is a process."""
_FRESH_SECONDS: Final = 10.0
"""How long it is taken for granted that nobody approved a node."""
_LONGEST_DESCRIPTION: Final = 1_000
"""Characters; a provider takes 1,024."""
_LONGEST_EXAMPLE: Final = 400
_PROPERTY: Final = re.compile("[a-zA-Z0-9_-]{1,64}")
"""The names of parameters that every provider takes."""
_BY_TASK: Final[Mapping[str, Mapping[str, Any]]] = {
    "summarize": {"content": ""},
    "generate": {"prompt": ""},
    "translate": {"text": "", "translationLanguages": [{}]},
}
"""What a node is given where no example of it was kept, by the type of its task: what the author is told."""


class ToolAnswer(NamedTuple):
    """What a tool gave."""

    text: str
    """What it says; of a node, its JSON object."""
    tokens: int = 0
    """What a model wrote for it."""


class ChatTools(Protocol):
    """What a model may call."""

    @property
    def notices(self) -> Sequence[str]:
        """What a person should know of what is not offered, a sentence each, as far as it is known."""

    async def offers(self) -> Sequence[ToolOffer]:
        """The tools, at most 64. Never raises."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Make one call; its text has at most 20,000 characters. Cancelling ends what it began.

        Raises:
            EvolverError: there is no such tool, the arguments do not fit, or it failed; the model is told the message.
        """


class ToolRunner(Protocol):
    """What runs tools and nodes: a promise that `adapters/nodes` keeps."""

    async def call_tool(self, name: str, prompt: str, values: Mapping[str, Any]) -> ToolAnswer:
        """Have a tool answer in earnest. Cancelling ends it. Raises ToolError."""

    async def run_node(self, node_id: str, value: Mapping[str, Any]) -> ToolAnswer:
        """Run an approved node in the box, its tools in earnest. Cancelling ends it.

        Raises:
            NodeError, NodeChanged, NodeSetAside, NodeRetired: there is none that was approved and is in use now.
            SandboxError: nothing here can hold it, or no process can be started.
            ToolError: it failed.
        """


class NodeShelf(Protocol):
    """The approved nodes. Calls block for a file or two each."""

    def list(self) -> Sequence[NodeRecord]:
        """The current record of every node in use. Raises NodeError."""

    def latest(self, node_id: str) -> NodeRecord | None:
        """The current version's record, or None. Raises NodeError."""

    def retirement(self, node_id: str) -> Retirement | None:
        """Who retired a node, and when; None for one in use. Raises NodeError."""

    def examples(self, node_id: str) -> KeptExamples:
        """What the current version was seen to do. Raises NodeError."""

    def set_aside_by(self, node_id: str) -> str:
        """Who set a node aside; empty where it may be run. Raises NodeError."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is offered, and what is not."""

    offers: Mapping[str, ToolOffer]
    tools: frozenset[str]
    """Which of them are no nodes."""
    notices: tuple[str, ...] = ()


class OfferedTools:
    """The `ChatTools` of a workspace.

    Args:
        tools: the built-in ones and a person's own.
        names: what is offered; `*` stands for all but tools of kind `http`.
        now: seconds, for how long the library is not looked at again.
    """

    def __init__(
        self,
        tools: Collection[ToolDefinition],
        shelf: NodeShelf,
        runner: ToolRunner,
        names: Collection[str],
        now: Callable[[], float],
    ) -> None:
        self._tools = {tool.name: tool for tool in tools if tool.name != _AUTHORS_OWN}
        self._shelf = shelf
        self._runner = runner
        self._names = names
        self._now = now
        self._found = _Found({}, frozenset())
        self._looked_at: float | None = None
        self._look_lock = asyncio.Lock()
        self._turn = asyncio.Semaphore(_NODES_AT_ONCE)

    @property
    def notices(self) -> Sequence[str]:
        return self._found.notices

    async def offers(self) -> Sequence[ToolOffer]:
        async with self._look_lock:
            if self._looked_at is None or self._now() - self._looked_at > _FRESH_SECONDS:
                self._found = await asyncio.to_thread(self._look)
                self._looked_at = self._now()
        return tuple(self._found.offers.values())

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        found = self._found
        offer = found.offers.get(name)
        if offer is None:
            known = ", ".join(found.offers)
            raise ToolError(f"There is no tool {safe_text(name, 64) or 'without a name'}. There are: {known}.")
        if is_deeper(arguments, DEEPEST_OUTPUT):
            raise ToolError("The arguments are nested too deeply.")
        if name in found.tools:
            values = _fitting(offer, arguments)
            answer = await self._runner.call_tool(name, values.pop("prompt"), values)
        else:
            async with self._turn:
                answer = await self._runner.run_node(name, arguments)
        return answer._replace(text=cut(answer.text, MOST_RESULT))

    # --- what there is

    def _look(self) -> _Found:
        wanted = {each: self._tools[each] for each in self._wanted_tools()}
        offers = {name: _tool_offer(tool) for name, tool in list(wanted.items())[:MOST_OFFERS]}
        tools, notices = frozenset(offers), []
        left_out = len(wanted) - len(offers)
        try:
            for record in self._nodes(wanted):
                if len(offers) >= MOST_OFFERS:
                    left_out += 1
                elif not self._shelf.set_aside_by(record.node_id):
                    offers[record.node_id] = _node_offer(record, self._shelf.examples(record.node_id))
        except NodeError as error:
            notices.append(f"Chats have not all nodes: {error}")
        if left_out:
            notices.append(
                f"A chat's model is offered {MOST_OFFERS} tools; {left_out:,} more are left out. "
                "Name those that matter in tools of [workflow]."
            )
        known = {*self._tools, *offers}
        for name in self._names:
            if name != _ALL and name not in known and not left_out:
                notices.append(f"tools of [workflow] names {safe_text(name, 64)!r}: no tool or node that can be run.")
        return _Found(offers, tools, tuple(notices))

    def _wanted_tools(self) -> Iterator[str]:
        named = [name for name in dict.fromkeys(self._names) if name in self._tools]
        if _ALL in self._names:  # whoever chats does not have others' servers posted to unless a person says so
            named += [name for name, tool in self._tools.items() if tool.kind != "http" and name not in named]
        return iter(named)

    def _nodes(self, tools: Collection[str]) -> Iterator[NodeRecord]:
        """The nodes that are wanted, the youngest approval first where all are; a tool's name is the tool's."""
        if _ALL in self._names:
            records = sorted(self._shelf.list(), key=lambda each: (each.decided_at, each.node_id), reverse=True)
        else:
            found = (self._latest(name) for name in dict.fromkeys(self._names) if name not in self._tools)
            records = [record for record in found if record is not None]
        return (record for record in records if record.node_id not in tools)

    def _latest(self, name: str) -> NodeRecord | None:
        try:
            return self._shelf.latest(name) if self._shelf.retirement(name) is None else None
        except NodeError:
            return None  # no name that a node could have


def _tool_offer(tool: ToolDefinition) -> ToolOffer:
    names = ("prompt", *(name for name in placeholders(tool.prompt_template) if name != "prompt"))
    properties: dict[str, Any] = {name: {"type": "string"} for name in names if _PROPERTY.fullmatch(name)}
    schema = {"type": "object", "properties": properties, "required": ["prompt"], "additionalProperties": False}
    return ToolOffer(tool.name, cut_line(tool.description), schema)


def _node_offer(record: NodeRecord, examples: KeptExamples) -> ToolOffer:
    """What a model and strangers wrote of a node stands in its description as data."""
    inputs = [example.input for example in examples.examples]
    described = f"A small program that people approved, called {model_data(record.title[:200])}."
    example = model_data(max(inputs, key=len)) if inputs else ""
    if example and len(example) <= _LONGEST_EXAMPLE:
        described += f" It takes an object such as {example}."
    known = {**_BY_TASK.get(record.task_type, {})} if not inputs else {}
    for each in reversed(inputs):
        known |= each
    properties = {name: _schema_of(value) for name, value in known.items() if _PROPERTY.fullmatch(name)}
    return ToolOffer(record.node_id, cut_line(described), {"type": "object", "properties": properties})


def cut_line(text: str) -> str:
    """A description as providers take it: one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DESCRIPTION else f"{line[:_LONGEST_DESCRIPTION]}…"


def _schema_of(value: object) -> dict[str, Any]:
    """What a value in an example says of its kind; nodes take anything."""
    match value:
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": "number"}
        case [first, *_]:
            return {"type": "array", "items": _schema_of(first)}
        case list():
            return {"type": "array", "items": {"type": "string"}}
        case dict():
            return {"type": "object"}
    return {"type": "string"}


def _fitting(offer: ToolOffer, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a tool, each a text that it takes. Raises ToolError."""
    known = offer.parameters["properties"]
    for name, value in arguments.items():
        if name not in known:
            raise ToolError(f"{offer.name} takes no {safe_text(name, 60)}; it takes {', '.join(known)}.")
        if not isinstance(value, str):
            raise ToolError(f"{safe_text(name, 60)} of {offer.name} has to be a text.")
    if "prompt" not in arguments:
        raise ToolError(f"{offer.name} needs a prompt.")
    return dict(arguments)
