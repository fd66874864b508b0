"""A LangGraph graph that answers chats: it asks a person of the house before it promises anything."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt


def welcome(state: MessagesState) -> dict[str, Any]:
    """Stands for a call of a model, whose words would reach the chat as they come."""
    return {"messages": [AIMessage(f"You would like: {state['messages'][-1].content} Let me ask the kitchen.")]}


def ask_kitchen(state: MessagesState) -> dict[str, Any]:
    """The chat is told that it waits; whoever answers may sit at any machine that has the database."""
    wish = state["messages"][-2].content
    answer = interrupt(
        {
            "message": f"Can the kitchen do this? {wish}",
            "requestedSchema": {
                "type": "object",
                "properties": {
                    "possible": {"type": "boolean", "title": "We can"},
                    "note": {"type": "string", "title": "A word to the guest"},
                },
                "required": ["possible"],
            },
        }
    )
    can = answer is not None and answer["possible"]
    note = (answer or {}).get("note", "")
    words = "The kitchen will do that." if can else "The kitchen is sorry."
    return {"messages": [AIMessage(f"{words} {note}".strip())]}


builder = StateGraph(MessagesState)
builder.add_node("welcome", welcome)
builder.add_node("ask_kitchen", ask_kitchen)
builder.add_edge(START, "welcome")
builder.add_edge("welcome", "ask_kitchen")
builder.add_edge("ask_kitchen", END)
guest = builder.compile()
