"""A LangGraph graph as a routine: it drafts a reply to a letter, has a person decide, and sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from evolver_tui.routines import GraphRoutine, Task

SENT = Path("sent")


class Letter(TypedDict, total=False):
    """The graph's state."""

    id: str
    text: str
    reply: str
    decision: str


def draft(state: Letter) -> Letter:
    """Stands for a call of a model; finished nodes are not run again."""
    return {"reply": f"Thank you for your letter: {state['text']}"}


def review(state: Letter) -> Letter:
    """What stands before `interrupt()` in a node runs again with the answer, so let there be nothing that costs."""
    answer = interrupt(
        {
            "message": f"Send this reply?\n\n{state['reply']}",
            "requestedSchema": {
                "type": "object",
                "properties": {
                    "decision": {"type": "string", "title": "Decision", "enum": ["send", "drop"]},
                    "reply": {"type": "string", "title": "Another reply"},
                },
                "required": ["decision"],
            },
        }
    )
    if answer is None:  # declined
        return {"decision": "drop"}
    return {"decision": answer["decision"], "reply": answer.get("reply", state["reply"])}


def send(state: Letter) -> Letter:
    """Writes the same file under the same name when it is tried again."""
    SENT.mkdir(exist_ok=True)
    (SENT / f"{state['id']}.txt").write_text(state["reply"] + "\n")
    return {}


def graph() -> StateGraph[Letter]:
    """draft, then review, then send where the person said so."""
    builder = StateGraph(Letter)
    builder.add_node("draft", draft)
    builder.add_node("review", review)
    builder.add_node("send", send)
    builder.add_edge(START, "draft")
    builder.add_edge("draft", "review")
    builder.add_conditional_edges("review", lambda state: "send" if state["decision"] == "send" else END)
    return builder


def start(task: Task) -> dict[str, Any]:
    """What the graph begins with. Take what you need from the hub's object, not the whole of it."""
    return {"id": task.id, "text": str(task.raw.get("text", task.name))}


reply = GraphRoutine(graph(), input=start)
