"""Tools that nodes call through `node_runtime.call_tool`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evolver_tui.core.address import Address


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """One tool. `prompt_template` has `{prompt}`, and placeholders for what else a call may bring; both become JSON."""

    name: str
    kind: Literal["llm", "node", "http"]
    description: str
    prompt_template: str = "{prompt}"
    system_prompt: str = ""
    temperature: float | None = None
    """None: the config's."""
    max_tokens: int | None = None
    """None: the config's."""
    target: str = ""
    """A `node` tool's node id."""
    address: Address = Address()
    """Where an `http` tool's prompts are posted to."""
