"""No module of the program needs itself again by way of what it imports: at the top, inside functions, or for types."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "evolver_tui"

KNOWN = [["evolver_tui.adapters.routines.langgraph", "evolver_tui.adapters.routines.langgraph.graph_run"]]
"""Circles that are left to be opened."""


def modules() -> Mapping[str, Path]:
    """Every module of the program, by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The program's own modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path} imports by a relative name"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                if whole in known:
                    yield whole
                elif node.module in known:
                    yield node.module


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components with more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            place = stack.index(module)
            component = stack[place:]
            del stack[place:]
            if len(component) > 1:
                found.append(sorted(component))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {module: set(imported(path, known)) - {module} for module, path in known.items()}
    assert [circle for circle in circles(graph) if circle not in KNOWN] == []


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a", "b"}}
    assert circles(graph) == [["b", "c"]]
