"""Graphs that answer chats, for the tests. Their model writes a given text, word by word, as LangChain's models do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import RetryPolicy, interrupt

RETRIED = RetryPolicy(max_attempts=2, initial_interval=0.01)
WAIT, FAIL = "<wait>", "<fail>"


def wait_for(file: str) -> None:
    """Wait for a file in the working folder."""
    while not Path(file).exists():
        time.sleep(0.01)


class Writer(BaseChatModel):
    """Writes a text."""

    text: str
    counts: bool = False
    """Whether it says what it is called and how many tokens that was."""

    @property
    def _llm_type(self) -> str:
        return "writer"

    def _generate(self, messages: Sequence[BaseMessage], *arguments: Any, **named: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.text))])

    def _stream(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **named: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for word in self.text.split(" "):
            if word == WAIT:
                wait_for("go")
                continue
            if word == FAIL and not Path("mended").exists():
                Path("mended").touch()
                raise ConnectionError("the model hung up")
            if word != FAIL:
                yield self._chunk(run_manager, AIMessageChunk(content=f"{word} "))
        if self.counts:
            usage = UsageMetadata(input_tokens=5, output_tokens=77, total_tokens=82)
            last = AIMessageChunk(content="", response_metadata={"model_name": "writer-1"}, usage_metadata=usage)
            yield self._chunk(run_manager, last)

    def _chunk(self, run_manager: CallbackManagerForLLMRun | None, message: AIMessageChunk) -> ChatGenerationChunk:
        chunk = ChatGenerationChunk(message=message)
        if run_manager is not None:
            run_manager.on_llm_new_token(str(message.content), chunk=chunk)
        return chunk


def effect(line: str) -> None:
    with Path("effects").open("a") as file:
        file.write(line + "\n")


def says(text: str, *tags: str, **more: Any) -> Any:
    """A node that has the model write this."""

    async def node(state: MessagesState) -> Any:
        effect(text)
        return {"messages": [await Writer(text=text, **more).ainvoke(state["messages"], {"tags": list(tags)})]}

    return node


def chain(state: Any, **nodes: Any) -> StateGraph[Any]:
    builder = StateGraph(state)
    for before, (name, node) in zip((START, *nodes), nodes.items(), strict=False):
        builder.add_node(name, node, retry_policy=RETRIED if name == "again" else None)
        builder.add_edge(before, name)
    builder.add_edge(list(nodes)[-1], END)
    return builder


COLOUR = {
    "message": "Which colour?",
    "requestedSchema": {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
        "required": ["colour"],
    },
}


async def ask(state: MessagesState) -> Any:
    """Asks a person, and has the model say what it was."""
    colour = interrupt(COLOUR)
    return {"messages": [await Writer(text=f"It is {colour or 'no colour'}.").ainvoke(state["messages"])]}


async def think_and_ask(state: MessagesState) -> Any:
    """Says something, asks, and is run again from its top with the answer."""
    await Writer(text="Hm ...").ainvoke(state["messages"])
    return await ask(state)


@tool
async def look_up(what: str) -> str:
    """Look something up, with a model of its own."""
    return str((await Writer(text=f"secret thoughts on {what}").ainvoke(what)).content)


async def uses_tools(state: MessagesState) -> Any:
    await look_up.ainvoke({"what": "weather"})
    return {"messages": [AIMessage("It is fine.")]}


def whole(state: MessagesState) -> Any:
    """A whole message, and the person's own words again."""
    return {"messages": [*state["messages"], AIMessage("As a whole.")]}


async def recalls(state: MessagesState) -> Any:
    told = [f"{message.type}: {message.content}" for message in state["messages"]]
    return {"messages": [await Writer(text=" / ".join(told)).ainvoke(state["messages"])]}


class Plain(TypedDict, total=False):
    task_name: str
    answer: str


asks = chain(MessagesState, first=says("Let me see."), ask=ask, last=says("So be it.", counts=True))
asks_aloud = chain(MessagesState, first=says("Let me see."), ask=think_and_ask)
waits = chain(MessagesState, first=says("One two three."), second=says("Four <wait> five."), third=says("Six."))
fails = chain(MessagesState, first=says("So far"), second=lambda state: 1 / 0)
again = chain(MessagesState, first=says("Well."), again=says("This is <fail> it."))
quiet = chain(MessagesState, first=says("unheard", "nostream"), tools=uses_tools, whole=whole)
remembers = chain(MessagesState, recalls=recalls)
plain = chain(Plain, only=lambda state: {"answer": f"You said: {state['task_name']}"})
