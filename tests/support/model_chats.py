"""A model that answers chats: the real backend, tools, library and box, on a provider that plays a script."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evolver_tui.core.node import NodeDraft, NodeRecord
from evolver_tui.core.signal import Signal
from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn, request_from
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.sandbox import Sandbox
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.workflow.answering import AnswerEnd, SystemNote
from evolver_tui.engine.workflow.model_answer import ModelAnswerer
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring import make_library
from evolver_tui.wiring.workflow import make_model_answerer
from tests.support.boxes import SANDBOX
from tests.support.drafts import check
from tests.support.provider_server import ProviderServer, Step
from tests.support.sessions import workspace_in

KEY = "sk-proj-Zq7vN2xKfL9wTbR4mHdY8cGe"
DOUBLES = """\
import json
import sys

input_data = json.load(sys.stdin)
print(json.dumps({"doubled": input_data.get("n", 1) * 2}))
"""
"""A node that doubles `n`."""


class HastyClock:
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Said:
    """An answer as it came."""

    pieces: list[str] = field(default_factory=list)
    notes: list[SystemNote] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    """What came one after the other: `text`, `tool_call`, `tool_result`, `end`."""
    end: AnswerEnd | None = None

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    @property
    def details(self) -> list[dict[str, Any]]:
        """What programs are told of calls, without ids."""
        return [{key: value for key, value in note.details.items() if key != "call_id"} for note in self.notes]


@dataclass
class Chats:
    """An answerer, its provider, and what it told."""

    answerer: ModelAnswerer
    provider: ProviderServer
    workspace: Workspace
    clock: HastyClock
    heard: list[Signal]

    async def ask(self, message: str = "Hi", history: Sequence[ChatTurn] = (), **context: Any) -> Said:
        """A whole answer."""
        said = Said()
        async with aclosing(self.answerer.answer(request(message, **context), history)) as pieces:
            async for piece in pieces:
                assert said.end is None, "nothing follows the end"
                match piece:
                    case str():
                        assert piece, "no piece is empty"
                        said.pieces.append(piece)
                        said.order.append("text")
                    case SystemNote():
                        assert piece.is_optional
                        said.notes.append(piece)
                        said.order.append(piece.details["event"])
                    case AnswerEnd():
                        said.end = piece
                        said.order.append("end")
        assert said.end is not None
        return said

    @property
    def asked(self) -> list[Any]:
        """What the provider was asked, in order."""
        return [each.json for each in self.provider.requests]


def request(message: str = "Hi", **context: Any) -> ChatRequest:
    """A request with this context."""
    return request_from(
        {"session_id": "s1", "message_id": "m1", "user_id": "u1", "message": message, "context": context}
    )


@asynccontextmanager
async def chats(
    folder: Path,
    *turns: Sequence[Step],
    vendor: str = "openai",
    workflow: str = "",
    backend: str = "",
    sandbox: Sandbox = SANDBOX,
    prepare: Callable[[Workspace], object] = lambda workspace: None,
) -> AsyncIterator[Chats]:
    """An answerer of a workspace whose config says this.

    Args:
        prepare: does something to the workspace first.
    """
    async with ProviderServer(*turns) as provider:
        url = provider.url if vendor == "anthropic" else f"{provider.url}/v1"
        asking = f'[backend]\nkind = "{vendor}"\nmodel = "coder"\nbase_url = "{url}"\n'
        keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
        workspace = workspace_in(folder, f"{asking}{backend}\n[workflow]\n{workflow}\n", keys)
        prepare(workspace)
        clock, heard = HastyClock(), list[Signal]()
        bus = SignalBus("test", clock.now, heard.extend, SignalRegistry())
        answerer = make_model_answerer(workspace, bus, sandbox, clock)
        yield Chats(answerer, provider, workspace, clock, heard)
        await answerer.close()


def approve(
    workspace: Workspace, node_id: str = "doubler", code: str = DOUBLES, at: int = 1, title: str = ""
) -> NodeRecord:
    """Put a node into the library of a workspace."""
    draft = NodeDraft(node_id, title or f"Title of {node_id}", code, (), "simple", "test")
    approval = Approval("ada", f"2026-01-{at:02}T00:00:00Z", "t", "summarize")
    return make_library(workspace).save(draft, check(code), approval)


def results(asked: Any) -> list[Any]:
    """What a request tells of tools' results, read from its JSON, in either format."""
    found = []
    for message in asked["messages"]:
        if message["role"] == "tool":
            found.append(json.loads(message["content"]))
        elif isinstance(message["content"], list):
            found += [json.loads(each["content"]) for each in message["content"] if each["type"] == "tool_result"]
    return found
