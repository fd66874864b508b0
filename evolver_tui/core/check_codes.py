"""The reason codes of the checks, in words: what each one means to whoever has to decide about a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HIGH: Final = frozenset(
    {"dynamic_import", "eval", "file_writes", "hidden_text", "introspection", "network", "processes"}
)
"""Capabilities that make a node's risk high; any other makes it medium."""

PHRASES: Final[Mapping[str, str]] = {
    "dynamic_import": "imports what is chosen at run time",
    "environment": "reads its surroundings",
    "eval": "runs data as code",
    "file_writes": "writes files",
    "files": "reads files",
    "hidden_text": "hides text from its reader",
    "imports": "imports more than the usual",
    "introspection": "reaches into Python itself",
    "network": "reaches the network",
    "processes": "controls processes",
    "threads": "starts threads",
    "unlisted": "reaches what is not known to be harmless",
}
"""Each capability: what a node that has it does."""

MEANINGS: Final[Mapping[str, str]] = {
    "call_tool": "A call that is written like this fails when the node runs.",
    "capabilities": "Every name in the code is known to be harmless.",
    "dynamic_import": "Which code it loads is not known before it runs.",
    "environment": "It can see what is set on the machine that it runs on, and who runs it.",
    "eval": "It can run code that nobody has read.",
    "file_writes": "It can change or delete files.",
    "files": "It can read files that are none of its input.",
    "hidden_text": "What you read may not be what Python runs.",
    "imports": "What it imports is not known to be harmless, or may be missing where it runs.",
    "introspection": "It can get at whatever Python holds, and so do everything else in this list.",
    "layout": "Code that stands there is easily overlooked.",
    "network": "It can send your data away, or fetch what nobody has read.",
    "notes": "Only the first notes are listed; the gravest are among them.",
    "processes": "It can start other programs, or end them.",
    "size": "A node is one small program; what is larger is not read by the checks.",
    "stdin": "A node is given its input as one JSON object on stdin.",
    "stdout": "A node answers with one JSON object on stdout, and nothing beside it.",
    "syntax": "Python has to be able to read a node before it can run.",
    "threads": "Parts of it run at the same time, so that what it does is hard to foresee.",
    "tools": "A node gets an answer only from known tools that stand in its code by name.",
    "unlisted": "Whether that is harmless depends on what it is when the node runs: look at the line.",
}
"""Each reason code, `Finding.check`: why it matters, in a sentence."""


def phrase_of(capability: str) -> str:
    """What a node with this capability does; the capability itself where it is one that nobody knows here."""
    return PHRASES.get(capability, capability)
