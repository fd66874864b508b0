"""The static checks of a draft. They read its syntax tree and never run it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator, Sequence

from evolver_tui.core.check_codes import HIGH, PHRASES
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, Risk
from evolver_tui.core.router_answer import MOST_CODE_BYTES
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.suggest import nearest
from evolver_tui.engine.checks.capabilities import Reach, reaches, risk_of
from evolver_tui.engine.checks.hidden_text import far_right, foreign_names, hidden_characters
from evolver_tui.engine.checks.name_resolution import Names, Tree
from evolver_tui.engine.checks.tool_use import ToolUse, read_tool_use

_PASS, _NOTE, _FAIL = FindingLevel.PASS, FindingLevel.NOTE, FindingLevel.FAIL
_MOST_NOTES = 40
"""Notes that are listed: more are counted, since nobody reads them."""


def check_draft(code: str, known_tools: Collection[str]) -> CheckReport:
    """Check one draft.

    The first findings are the contract of a node, each passed or failed: it is Python, reads a JSON object from stdin,
    writes one to stdout, calls tools rightly, calls known ones. Notes follow, by line.

    Args:
        code: the draft's source.
        known_tools: the names that a node may pass to call_tool.
    """
    problem = _size_problem(code)
    if problem is None:
        try:
            return _report(code, known_tools, Tree(_parse(code)))
        except SyntaxError as error:
            problem = Finding("syntax", _FAIL, f"no Python: {safe_text(error.msg, 120)}", error.lineno or 0)
        except RecursionError:
            problem = Finding("syntax", _FAIL, "no Python that can be read: nested too deeply")
        except MemoryError:
            problem = Finding("syntax", _FAIL, "no Python that can be read: too large or nested too deeply")
        except ValueError as error:
            problem = Finding("syntax", _FAIL, f"no Python that can be read: {safe_text(error, 120)}")
    # What cannot be read may reach anything.
    return CheckReport((problem,), (), (), Risk.HIGH)


def _size_problem(code: str) -> Finding | None:
    if "\0" in code:
        line = code[: code.index("\0")].count("\n") + 1
        return Finding("syntax", _FAIL, "no Python: it holds a null character", line)
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        line = code[: error.start].count("\n") + 1
        return Finding("syntax", _FAIL, "no Python: it holds half a character (a lone surrogate)", line)
    if size > MOST_CODE_BYTES:
        return Finding("size", _FAIL, f"{size:,} bytes; a node has at most {MOST_CODE_BYTES:,}")
    return None


def _parse(code: str) -> ast.Module:
    with warnings.catch_warnings():
        # A warning of the parser would be printed over the screen.
        warnings.simplefilter("ignore")
        return ast.parse(code)


def _report(code: str, known_tools: Collection[str], tree: Tree) -> CheckReport:
    names = Names(tree)
    use = read_tool_use(tree, names)
    reached = reaches(tree, names)
    hidden = [
        Finding("hidden_text", _NOTE, message, line)
        for line, message in (*hidden_characters(code), *foreign_names(code))
    ]
    capabilities = {reach.capability for reach in reached}
    if hidden:
        capabilities.add("hidden_text")
    if "file_writes" in capabilities:
        capabilities.add("files")
    contract = [
        Finding("syntax", _PASS, "valid Python"),
        _stdin(tree, names),
        _stdout(tree, names),
        *_tool_calls(use),
        *_known_tools(use, known_tools),
    ]
    if not capabilities:
        contract.append(Finding("capabilities", _PASS, "reaches nothing that was found"))
    notes = [
        *hidden,
        *_capability_notes(reached),
        *(Finding("layout", _NOTE, message, line) for line, message in far_right(code)),
        *(Finding("tools", _NOTE, message, line) for line, message in use.notes),
        *_imports(tree, names, use),
        *_stray_prints(tree, names),
    ]
    return CheckReport(
        findings=(*contract, *_shortened(notes)),
        capabilities=tuple(sorted(capabilities)),
        tools=tuple(sorted({name for name, _ in use.named})),
        risk=risk_of(capabilities),
    )


def _shortened(notes: list[Finding]) -> list[Finding]:
    # What makes the risk high is listed first when not all can be listed.
    notes.sort(key=lambda note: (note.check not in HIGH, note.line))
    kept = sorted(notes[:_MOST_NOTES], key=lambda note: (note.line, note.check, note.message))
    left = len(notes) - len(kept)
    return [*kept, Finding("notes", _NOTE, f"{left} more notes")] if left else kept


# --- the contract --------------------------------------------------------------------------------------------------


def _stdin(tree: Tree, names: Names) -> Finding:
    """Lenient on purpose: the reader and the stream may meet in a variable that no tree can follow."""
    paths = _references(tree, names)
    opened = any(_opens_stdin(node, names) for node in tree.of(ast.Call))
    loads, reads = {"json.load", "json.loads"} & paths, opened or {"sys.stdin", "input"} & paths
    if loads and reads:
        return Finding("stdin", _PASS, "reads one JSON object")
    return Finding("stdin", _FAIL, "does not read a JSON object from stdin, as json.load(sys.stdin) does")


def _stdout(tree: Tree, names: Names) -> Finding:
    paths = _references(tree, names)
    writes = "sys.stdout" in paths or any(_prints_to_stdout(node, names) for node in tree.of(ast.Call))
    if writes and {"json.dump", "json.dumps"} & paths:
        return Finding("stdout", _PASS, "writes one JSON object")
    return Finding("stdout", _FAIL, "does not write a JSON object to stdout, as print(json.dumps(...)) does")


def _references(tree: Tree, names: Names) -> set[str | None]:
    return {names.path(node) for node in (*tree.of(ast.Name), *tree.of(ast.Attribute))}


def _opens_stdin(node: ast.Call, names: Names) -> bool:
    return (
        names.path(node.func) == "open"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in (0, "/dev/stdin")
    )


def _prints_to_stdout(node: ast.Call, names: Names) -> bool:
    if names.path(node.func) != "print":
        return False
    target = next((keyword.value for keyword in node.keywords if keyword.arg == "file"), None)
    return target is None or names.path(target) == "sys.stdout"


def _tool_calls(use: ToolUse) -> Iterator[Finding]:
    for line, message in use.mistakes:
        yield Finding("call_tool", _FAIL, message, line)
    if use.calls and not use.mistakes:
        yield Finding("call_tool", _PASS, "tool calls well formed")


def _known_tools(use: ToolUse, known_tools: Collection[str]) -> Iterator[Finding]:
    unknown = {name: line for name, line in reversed(use.named) if name not in known_tools}
    for name, line in sorted(unknown.items(), key=lambda item: (item[1], item[0])):
        near = nearest(name, known_tools)
        hint = f"; did it mean {near}?" if near else ""
        yield Finding("tools", _FAIL, f"tool {name[:60]!a} is not known{hint}", line)
    if not unknown:
        yield Finding("tools", _PASS, "tools known" if use.calls else "calls no tool")


# --- notes ---------------------------------------------------------------------------------------------------------


def _capability_notes(reached: Sequence[Reach]) -> Iterator[Finding]:
    for reach in reached:
        what = reach.what if reach.what.isascii() and len(reach.what) <= 60 else ascii(reach.what[:60])
        yield Finding(reach.capability, _NOTE, f"{PHRASES[reach.capability]}: {what}", reach.line)


def _imports(tree: Tree, names: Names, use: ToolUse) -> Iterator[Finding]:
    imports: list[ast.Import | ast.ImportFrom] = [
        *(node for node in tree.of(ast.ImportFrom) if node.module == "node_runtime"),
        *(node for node in tree.of(ast.Import) if any(alias.name == "node_runtime" for alias in node.names)),
    ]
    if not imports:
        return
    first = min(node.lineno for node in imports)
    setting_path = ("sys.path.insert", "sys.path.append")
    path_lines = [node.lineno for node in tree.of(ast.Call) if names.path(node.func) in setting_path]
    if not path_lines or min(path_lines) > first:
        when = "before sys.path is set" if path_lines else "without setting sys.path"
        yield Finding("imports", _NOTE, f"node_runtime is imported {when}: needs an installed evolver-tui", first)
    used = {node.id for node in tree.of(ast.Name) if isinstance(node.ctx, ast.Load)}
    bound = {alias.asname or alias.name for node in imports for alias in node.names}
    if "*" not in bound and not bound & used and not use.calls:
        yield Finding("imports", _NOTE, "node_runtime is imported and not used", first)


def _stray_prints(tree: Tree, names: Names) -> Iterator[Finding]:
    for node in tree.of(ast.Call):
        if not _prints_to_stdout(node, names):
            continue
        if not node.args or isinstance(node.args[0], ast.Constant | ast.JoinedStr):
            yield Finding("stdout", _NOTE, "prints something that is not the JSON object", node.lineno)
