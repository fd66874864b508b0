"""Graphs for the tests. What a node does in the world is a line in the file `effects` of the working folder."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.func import entrypoint
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel

from evolver_tui.routines import GraphRoutine, Task


class State(TypedDict, total=False):
    task: dict[str, Any]
    task_id: str
    told: Annotated[list[Any], operator.add]


def effect(line: str) -> None:
    with Path("effects").open("a") as file:
        file.write(line + "\n")


def told(line: Any) -> State:
    return {"told": [line]}


def chain(*nodes: Any) -> StateGraph[State]:
    builder = StateGraph(State)
    for before, node in zip((START, *(node.__name__ for node in nodes)), nodes, strict=False):
        builder.add_node(node.__name__, node)
        builder.add_edge(before, node.__name__)
    return builder


# --- killed in the middle of the second node


def first(state: State) -> State:
    effect("first")
    return told("first")


async def second(state: State) -> State:
    effect("second begins")
    if not os.path.exists("go"):  # noqa: ASYNC240
        print('{"event": "in the second node"}', file=sys.stderr, flush=True)
        signal.pause()
    effect("second ends")
    return told("second")


two_steps = chain(first, second)


# --- questions


def question(state: State) -> State:
    return told(interrupt("Which colour?"))


def twice(state: State) -> State:
    return told([interrupt("Which colour?"), interrupt("Which size?")])


def survey() -> StateGraph[State]:
    """Two nodes ask at the same time."""

    def colour(state: State) -> State:
        return told(f"colour {interrupt('Which colour?')}")

    def size(state: State) -> State:
        effect("size")
        return told(f"size {interrupt({'size': ['S', 'M']})}")

    builder = StateGraph(State)
    builder.add_node("colour", colour)
    builder.add_node("size", size)
    builder.add_edge(START, "colour")
    builder.add_edge(START, "size")
    return builder


def review(state: State) -> State:
    action = {"name": "send_mail", "args": {"to": "bob"}, "description": "The agent wants to send a mail."}
    config = {"action_name": "send_mail", "allowed_decisions": ["approve", "edit", "reject"]}
    return told(interrupt({"action_requests": [action], "review_configs": [config]}))


class Order(BaseModel):
    """What the shop has to know."""

    colour: str
    count: int = 1


def order(state: State) -> State:
    placed = interrupt("What do you order?", response_schema=Order)
    if placed.count > 9:
        raise ValueError("so many are not there")
    return told(placed.model_dump())


def number(state: State) -> State:
    """Takes only even numbers, which a form cannot say."""

    class Even(BaseModel):
        count: int

        def model_post_init(self, context: Any, /) -> None:
            if self.count % 2:
                raise ValueError("only even numbers")

    return told(interrupt("How many?", response_schema=Even).count)


asks_once, asks_twice, asks_both = chain(question), chain(twice).compile(), survey()
asks_review, asks_order, asks_even = chain(review), chain(order), chain(number)
takes_no = GraphRoutine(chain(question), declined="nobody knows")


@entrypoint()
async def function(given: dict[str, Any]) -> dict[str, Any]:
    answer = interrupt("Who?")
    return {"name": given["task_name"], "answer": answer}


# --- subgraphs, in a loop


def inner(state: State) -> State:
    effect("inner")
    return told(len(state.get("told", ())))


def inner_question(state: State) -> State:
    return told(interrupt("How deep?"))


async def again(state: State) -> Command[str]:
    return Command(goto=END if len(state["told"]) > 9 else "part")


async def call_part(state: State) -> State:
    return await _part.ainvoke({"told": []})  # type: ignore[return-value]


def call_part_from_thread(state: State) -> State:
    return _part.invoke({"told": []})  # type: ignore[return-value]


_part = chain(inner).compile()
_loop = StateGraph(State)
_loop.add_node("part", call_part)
_loop.add_node("again", again)
_loop.add_edge(START, "part")
_loop.add_edge("part", "again")
loops = _loop
from_thread = chain(call_part_from_thread)
_nested = StateGraph(State)
_nested.add_node("before", first)
_nested.add_node("part", chain(inner, inner_question).compile())
_nested.add_edge(START, "before")
_nested.add_edge("before", "part")
nested = _nested


class Numbered(TypedDict):
    number: int


def spread() -> StateGraph[State]:
    """Eight tasks at once, of which one asks."""

    def one(state: Numbered) -> State:
        effect(f"one {state['number']}")
        return told(interrupt("And seven?") if state["number"] == 7 else state["number"])

    builder = StateGraph(State)
    builder.add_node("one", one)
    builder.add_conditional_edges(START, lambda state: [Send("one", {"number": number}) for number in range(8)])
    return builder


spreads = spread()


# --- what goes wrong


def well(state: State) -> State:
    effect("well")
    return told("well")


def badly(state: State) -> State:
    if not Path("mended").exists():
        raise ValueError("no paper")
    return told("badly")


def for_ever(state: State) -> Command[str]:
    return Command(goto="for_ever")


class Foreign:
    """Nothing that can be kept."""


def foreign(state: State) -> State:
    return told(Foreign())


def asks_with_foreign(state: State) -> State:
    return told(interrupt({"what": [Foreign()]}))


@dataclass
class Note:
    """Can be kept where the state names it."""

    text: str


class Noted(TypedDict, total=False):
    note: Note


class Loose(TypedDict, total=False):
    note: Any


def takes_note(state: Any) -> Any:
    return {"note": Note("milk")}


def reads_note(state: Any) -> Any:
    interrupt("Is it there?")
    return {"note": [type(state["note"]).__name__, state["note"].text]}


def notes(schema: Any) -> StateGraph[Any]:
    builder = StateGraph(schema)
    builder.add_node("takes", takes_note)
    builder.add_node("reads", reads_note)
    builder.add_edge(START, "takes")
    builder.add_edge("takes", "reads")
    return builder


errand = chain(first, question, well)
fails = chain(well, badly)
never_ends = chain(for_ever).compile().with_config(recursion_limit=5)
keeps_foreign, asks_foreign = chain(foreign), chain(asks_with_foreign)
names_its_types, names_no_types = notes(Noted), notes(Loose)
names_types_aside = GraphRoutine(notes(Loose), types=(Note,))
stops_at_nodes = chain(first).compile(interrupt_before=["first"])


# --- telemetry


def looks_around(state: State) -> State:
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ.get('LANGSMITH_TRACING'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return told([os.environ.get("LANGSMITH_TRACING"), child.stdout.strip()])


traced = chain(looks_around)


def text_of(task: Task) -> dict[str, Any]:
    return {"told": [task.raw["text"]]}


with_input = GraphRoutine(chain(well), input=text_of)
