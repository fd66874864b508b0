"""What people put beside a node's versions: that nobody runs it for now, or that it is retired.

    <root>/<id>/set-aside.json      nobody runs the node, whatever version of it
    <root>/<id>/retired.json        while the version that it names is the current one, the node is in no list

No version's bytes change by either. A mark that cannot be read counts: whoever put it there wanted something.
"""

from __future__ import annotations

from typing import Any, Final

from evolver_tui.adapters.nodes.folder import NodeFolder, to_json
from evolver_tui.core.json_text import strict_json
from evolver_tui.core.node_listing import Retirement

SET_ASIDE: Final = "set-aside.json"
RETIRED: Final = "retired.json"
_LARGEST: Final = 1 << 16
_SOMEBODY: Final = "somebody"


def aside_by(node: NodeFolder) -> str:
    """Who set a node aside; empty where it may be run."""
    mark = _read(node, SET_ASIDE)
    return "" if mark is None else _text(mark, "by") or _SOMEBODY


def retirement(node: NodeFolder, version: int) -> Retirement | None:
    """Whether a node is retired whose current version this is: a later one was approved since, and is in use."""
    mark = _read(node, RETIRED)
    if mark is None or mark.get("version", version) != version:
        return None
    return Retirement(_text(mark, "by") or _SOMEBODY, _text(mark, "at")[:40])


def put(node: NodeFolder, name: str, mark: dict[str, object]) -> None:
    """Put a mark in the place of whatever mark of that name is there."""
    node.folder.remove(name)
    node.folder.write(name, to_json(mark))
    node.folder.sync()


def take(node: NodeFolder, name: str) -> None:
    """Take a mark away."""
    node.folder.remove(name)
    node.folder.sync()


def _read(node: NodeFolder, name: str) -> dict[str, Any] | None:
    try:
        value = strict_json(node.folder.read(name, _LARGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(mark: dict[str, Any], name: str) -> str:
    value = mark.get(name)
    return value.strip() if isinstance(value, str) else ""
