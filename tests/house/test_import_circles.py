"""No module needs itself by way of others: not at its top, not in a function, not for its types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "evolver_tui"


def module_name(path: Path) -> str:
    """The dotted name of a file below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Whatever a file names in an import statement, wherever that stands; relative ones are forbidden by ruff."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str, modules: Iterable[str]) -> str | None:
    """The module that a name in an import statement stands for or in."""
    while name not in modules:
        name, _, last = name.rpartition(".")
        if not last:
            return None
    return name


@cache
def imports_of(folder: Path) -> Mapping[str, frozenset[str]]:
    """Every module below a folder, and those there that it imports. A package is the code of its `__init__`."""
    trees = {module_name(path): ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))}
    return {
        module: frozenset(
            found for name in imported_names(tree) if (found := module_of(name, trees)) and found != module
        )
        for module, tree in trees.items()
    }


def circles(imports: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """The sets of modules each of which leads to every other one of its set."""
    reached: dict[str, set[str]] = {}
    for module in imports:
        reached[module], ahead = set(), [module]
        while ahead:
            for following in imports.get(ahead.pop(), frozenset()) - reached[module]:
                reached[module].add(following)
                ahead.append(following)
    found = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in imports
        if module in reached[module]
    }
    return sorted(sorted(circle) for circle in found)


def room_of(module: str) -> str:
    """The room of a module: the first name below the package."""
    return module.split(".")[1] if "." in module else module


ROOMS = sorted({room_of(module) for module in imports_of(ROOT / PACKAGE)} - {PACKAGE})
WITH_CIRCLES = {"tui": "the desk and its deeds know each other, and so do a page and the card's content"}
"""Rooms that have circles as yet, and why."""


@pytest.mark.parametrize(
    "room",
    [
        pytest.param(room, marks=pytest.mark.xfail(strict=True, reason=WITH_CIRCLES[room]))
        if room in WITH_CIRCLES
        else room
        for room in ROOMS
    ],
)
def test_no_module_of_a_room_needs_itself(room: str) -> None:
    found = circles(imports_of(ROOT / PACKAGE))
    assert [circle for circle in found if room in map(room_of, circle)] == []


def test_no_file_below_the_tests_needs_itself() -> None:
    assert circles(imports_of(ROOT / "tests")) == []


def test_a_circle_is_found_wherever_its_imports_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.house.test_import_circles.ROOT", tmp_path)
    files = {
        "a/__init__.py": "from a import one\n",
        "a/one.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a.two import x\n",
        "a/two.py": "def f():\n    import a.three\n",
        "a/three.py": "from a import one\n",
        "a/apart.py": "from a.two import f\n",
    }
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    assert circles(imports_of(tmp_path / "a")) == [["a.one", "a.three", "a.two"]]
