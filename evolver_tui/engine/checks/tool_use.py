"""How code calls tools: which names it passes to node_runtime, and whether it calls it rightly."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from evolver_tui.engine.checks.name_resolution import Names, Tree

LLM = "llm"
"""The tool that `call_llm` calls."""
_CHAIN = "node_runtime.ToolChain()"


@dataclass(slots=True)
class ToolUse:
    """What was found. Lines count from 1."""

    calls: int = 0
    named: list[tuple[str, int]] = field(default_factory=list)
    """Tool names that stand in the code, each with its line, by line."""
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    """Calls that cannot work."""
    notes: list[tuple[int, str]] = field(default_factory=list)
    """Calls whose tool is only known at run time."""


def read_tool_use(tree: Tree, names: Names) -> ToolUse:
    """Read every call of a tool in a tree."""
    use = ToolUse()
    called: set[int] = set()
    for node in tree.of(ast.Call):
        path = _path(node.func, names)
        if path == "node_runtime.call_tool" or _is_chain(path):
            called.add(id(node.func))
            _read_call(node, (path or "").rpartition(".")[2], names, use)
        elif path == "node_runtime.call_llm":
            called.add(id(node.func))
            _read_llm_call(node, use)
        elif path == "node_runtime.call_tools_parallel":
            called.add(id(node.func))
            _read_parallel(node, names, use)
    _read_loose_ends(tree, names, called, use)
    use.named.sort(key=lambda item: (item[1], item[0]))
    use.mistakes.sort()
    use.notes.sort()
    return use


def _path(expression: ast.expr, names: Names) -> str | None:
    path = names.path(expression)
    if path is None and isinstance(expression, ast.Name) and expression.id not in names.functions:
        # Never imported, or by a star: still meant as the one everybody knows.
        return f"node_runtime.{expression.id}" if expression.id == "call_tool" else None
    return path


def _is_chain(path: str | None) -> bool:
    return path is not None and path.startswith(_CHAIN) and path.endswith((".call", ".then"))


def _read_call(call: ast.Call, called: str, names: Names, use: ToolUse) -> None:
    use.calls += 1
    by_name = {keyword.arg: keyword.value for keyword in call.keywords}
    if any(isinstance(argument, ast.Starred) for argument in call.args) or None in by_name:
        use.notes.append((call.lineno, f"which tool {called} calls is decided at run time"))
        return
    given = len(call.args) + ("tool_name" in by_name) + (by_name.keys() & {"prompt", "template"} != set())
    if given < (1 if called == "then" else 2):
        use.mistakes.append((call.lineno, f"{called} needs a tool name and a prompt"))
    elif len(call.args) > 2:
        use.mistakes.append((call.lineno, f"{called} takes a tool name and a prompt; all else by keyword"))
    name = call.args[0] if call.args else by_name.get("tool_name")
    if name is not None:
        _read_name(name, names, use)


def _read_llm_call(call: ast.Call, use: ToolUse) -> None:
    use.calls += 1
    use.named.append((LLM, call.lineno))
    by_name = {keyword.arg for keyword in call.keywords}
    is_open = any(isinstance(argument, ast.Starred) for argument in call.args) or None in by_name
    if not is_open and len(call.args) + len(by_name & {"model", "prompt"}) != 2:
        use.mistakes.append((call.lineno, "call_llm takes a model and a prompt; all else by keyword"))


def _read_parallel(call: ast.Call, names: Names, use: ToolUse) -> None:
    use.calls += 1
    if len(call.args) + len(call.keywords) != 1:
        use.mistakes.append((call.lineno, "call_tools_parallel takes one list of calls"))
        return
    listed = call.args[0] if call.args else call.keywords[0].value
    if isinstance(listed, ast.ListComp | ast.GeneratorExp):
        items: Sequence[ast.expr] = [listed.elt]
    elif isinstance(listed, ast.List | ast.Tuple):
        items = listed.elts
    else:
        use.notes.append((call.lineno, "which tools call_tools_parallel calls is decided at run time"))
        return
    for item in items:
        match item:
            case ast.Tuple(elts=[name, _]) | ast.Tuple(elts=[name, _, _]):
                _read_name(name, names, use)
            case ast.Dict(keys=keys, values=values):
                by_key = {names.text(key): value for key, value in zip(keys, values, strict=True) if key is not None}
                if "tool" in by_key and "prompt" in by_key:
                    _read_name(by_key["tool"], names, use)
                else:
                    use.mistakes.append((item.lineno, "a call in call_tools_parallel needs tool and prompt"))
            case ast.Tuple():
                use.mistakes.append((item.lineno, "a call in call_tools_parallel needs a tool name and a prompt"))
            case _:
                use.notes.append((item.lineno, "which tools call_tools_parallel calls is decided at run time"))


def _read_name(expression: ast.expr, names: Names, use: ToolUse) -> None:
    if isinstance(expression, ast.IfExp):
        _read_name(expression.body, names, use)
        _read_name(expression.orelse, names, use)
        return
    name = names.text(expression)
    if name is not None:
        use.named.append((name, expression.lineno))
    elif isinstance(expression, ast.Constant):
        use.mistakes.append((expression.lineno, "a tool's name has to be text"))
    else:
        use.notes.append((expression.lineno, "the tool's name is made at run time; only tools named here will answer"))


def _read_loose_ends(tree: Tree, names: Names, called: set[int], use: ToolUse) -> None:
    """call_tool handed on as a value, or called without having been imported."""
    starred = any(
        node.module == "node_runtime" and any(alias.name == "*" for alias in node.names)
        for node in tree.of(ast.ImportFrom)
    )
    for node in (*tree.of(ast.Name), *tree.of(ast.Attribute)):
        path = names.path(node)
        if path == "node_runtime.call_tool" and id(node) not in called:
            use.notes.append((node.lineno, "call_tool is handed on; which tools it calls is decided at run time"))
            use.calls += 1
        elif path == "node_runtime.call_llm" and id(node) not in called:
            use.notes.append((node.lineno, "call_llm is handed on; what it is asked is decided at run time"))
            use.named.append((LLM, node.lineno))
            use.calls += 1
        elif path is None and id(node) in called and not starred:
            use.mistakes.append((node.lineno, "call_tool is not imported from node_runtime"))
