"""How a section of the config declares what can be set."""

from __future__ import annotations

from dataclasses import field
from typing import TypeVar

from evolver_tui.settings.values import Check

T = TypeVar("T")


def setting(default: T, doc: str, check: Check | None = None) -> T:
    """A field of a section: its default, what it is for, and what holds beyond its type."""
    declared: T = field(default=default, metadata={"doc": doc, "check": check})
    return declared
