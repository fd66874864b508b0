"""What a draft's code is like, as numbers: read from its syntax tree, and never run.

A feature says nothing about right or wrong: which of them a reviewer minds is learned from what was decided.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from evolver_tui.core.router_answer import MOST_CODE_BYTES

LARGEST_VALUE: Final = 8.0
"""Of any feature; none is below 0."""


class Feature(NamedTuple):
    """One number of a draft."""

    name: str
    """Under which what was learned of it is kept."""
    more: str
    """What a draft does that has more of it than the average one."""
    less: str
    """What one does that has less of it."""
    usual: float
    """Its value in an ordinary draft; what counts until some were seen."""
    spread: float
    """How far ordinary drafts are from that."""
    read: Callable[[_Reading], float]


@dataclass(slots=True)
class _Reading:
    """What was counted in one draft."""

    code: str
    is_readable: bool = False
    lines: int = 0
    comments: int = 0
    longest_line: int = 0
    depth: int = 0
    branches: int = 0
    functions: int = 0
    documented: int = 0
    """Of the functions, classes and the module."""
    documentable: int = 0
    typed: int = 0
    """Arguments and results with a type."""
    typeable: int = 0
    handlers: int = 0
    broad_handlers: int = 0
    """Those that take every error."""
    longest_text: int = 0
    """Characters of its longest text that is no docstring."""
    defaults: int = 0
    """Calls of `get` with something for what is missing."""
    prints: int = 0
    paths: dict[str, int] = field(default_factory=dict)
    """Each dotted name that it uses, imports followed, and how often."""
    modules: set[str] = field(default_factory=set)

    def reach(self, names: frozenset[str]) -> int:
        """How often it uses any of these names, what is in them, or a method by the name of one with a dot."""
        return sum(count for path, count in self.paths.items() if any(each in names for each in _spellings(path)))


def _spellings(path: str) -> Iterator[str]:
    """`a.b.c`, `a.b`, `a`, and the method `.c`."""
    yield "." + path.rpartition(".")[2]
    yield path
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXPECTED: Final = _names(
    "__future__ collections dataclasses datetime functools itertools json math node_runtime pathlib re string sys "
    "textwrap typing"
)
_FILES: Final = _names(
    "open io.open .read_text .write_text .read_bytes .write_bytes .unlink .rmdir .mkdir .iterdir .rglob glob shutil "
    "tempfile os.remove os.unlink os.rename os.listdir os.walk os.makedirs os.scandir sqlite3 zipfile tarfile"
)
_NETWORK: Final = _names(
    "socket ssl http urllib.request requests httpx aiohttp urllib3 ftplib smtplib websockets paramiko webbrowser xmlrpc"
)
_PROCESSES: Final = _names(
    "subprocess multiprocessing os.system os.popen os.fork os.kill os.execv os.spawnv signal threading pty"
)
_EVAL: Final = _names(
    "eval exec compile __import__ importlib pickle marshal ctypes getattr setattr globals builtins codecs.decode base64"
)
_ENVIRONMENT: Final = _names("os.environ os.getenv platform getpass os.getcwd os.getlogin pwd")
_TOOLS: Final = _names(
    "node_runtime.call_tool call_tool node_runtime.call_llm call_llm node_runtime.call_tools_parallel "
    "node_runtime.call_tool_resilient node_runtime.ToolChain"
)
_BRANCHES = (ast.If, ast.For, ast.While, ast.IfExp, ast.comprehension, ast.Try, ast.Match, ast.AsyncFor, ast.BoolOp)
_BLOCKS = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match, ast.AsyncFor, ast.AsyncWith)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


_LONGEST_PATH: Final = 40
"""Names in a dotted one."""


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


FEATURES: Final[Sequence[Feature]] = (
    Feature("readable", "is Python", "is no Python that can be read", 1, 0.3, lambda r: float(r.is_readable)),
    Feature("lines", "is long", "is short", 5.0, 0.8, lambda r: math.log2(1 + r.lines)),
    Feature("depth", "is deeply nested", "is hardly nested", 2.0, 1.0, lambda r: r.depth),
    Feature("branches", "has many branches", "has few branches", 2.0, 1.0, lambda r: math.log2(1 + r.branches)),
    Feature("functions", "is made of functions", "is made of few functions", 1.3, 0.7,
            lambda r: math.log2(1 + r.functions)),
    Feature("tools", "calls tools", "calls few tools or none", 1.0, 0.7, lambda r: math.log2(1 + r.reach(_TOOLS))),
    Feature("imports", "imports more than the usual", "imports the usual alone", 0.3, 0.7,
            lambda r: math.log2(1 + len(r.modules - _EXPECTED))),
    Feature("files", "opens files", "opens no files", 0.2, 0.5, lambda r: math.log2(1 + r.reach(_FILES))),
    Feature("network", "reaches the network", "reaches no network", 0.1, 0.4,
            lambda r: math.log2(1 + r.reach(_NETWORK))),
    Feature("processes", "starts processes", "starts no processes", 0.1, 0.4,
            lambda r: math.log2(1 + r.reach(_PROCESSES))),
    Feature("eval", "runs data as code, or hides what it runs", "runs no data as code", 0.1, 0.4,
            lambda r: math.log2(1 + r.reach(_EVAL))),
    Feature("environment", "reads its surroundings", "reads nothing of its surroundings", 0.1, 0.4,
            lambda r: math.log2(1 + r.reach(_ENVIRONMENT))),
    Feature("handlers", "handles errors", "handles no errors", 0.5, 0.6, lambda r: math.log2(1 + r.handlers)),
    Feature("broad_handlers", "swallows any error", "swallows no errors", 0.3, 0.5,
            lambda r: math.log2(1 + r.broad_handlers)),
    Feature("documented", "has docstrings", "has few docstrings", 0.5, 0.3,
            lambda r: _share(r.documented, r.documentable)),
    Feature("typed", "has type hints", "has few type hints", 0.3, 0.4, lambda r: _share(r.typed, r.typeable)),
    Feature("comments", "has comments", "has few comments", 0.05, 0.1, lambda r: _share(r.comments, r.lines)),
    Feature("defaults", "has something for missing input", "counts on its input", 1.5, 0.8,
            lambda r: math.log2(1 + r.defaults)),
    Feature("prints", "prints much", "prints little", 1.0, 0.4, lambda r: math.log2(1 + r.prints)),
    Feature("longest_text", "holds long texts", "holds short texts alone", 5.0, 1.5,
            lambda r: math.log2(1 + r.longest_text)),
    Feature("longest_line", "has long lines", "has short lines", 6.5, 0.5, lambda r: math.log2(1 + r.longest_line)),
)  # fmt: skip


def features_of(code: str) -> tuple[float, ...]:
    """A number for each of `FEATURES`, each from 0 to `LARGEST_VALUE`, whatever the text is."""
    reading = _read(code)
    return tuple(min(LARGEST_VALUE, float(feature.read(reading))) for feature in FEATURES)


def _read(code: str) -> _Reading:
    reading = _Reading(code)
    lines = [line.strip() for line in code[:MOST_CODE_BYTES].splitlines()]
    reading.lines = sum(bool(line) for line in lines)
    reading.comments = sum(line.startswith("#") for line in lines)
    reading.longest_line = max(map(len, lines), default=0)
    if len(code) > MOST_CODE_BYTES:
        return reading
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning of the parser would be printed over the screen
            tree = ast.parse(code)
        _count(tree, reading)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Reading(code, False, reading.lines, reading.comments, reading.longest_line)
    reading.is_readable = True
    return reading


def _count(tree: ast.Module, reading: _Reading) -> None:
    """Without recursion: a tree may be as deep as the parser let it be."""
    aliases = _aliases(tree, reading)
    docstrings: set[int] = set()
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        reading.depth = max(reading.depth, depth)
        if isinstance(node, (*_SCOPES, ast.Module)):
            _count_scope(node, reading, docstrings)
        elif isinstance(node, ast.ExceptHandler):
            reading.handlers += 1
            reading.broad_handlers += _is_broad(node)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes) and id(node) not in docstrings:
                reading.longest_text = max(reading.longest_text, len(node.value))
        elif isinstance(node, ast.Call):
            _count_call(node, reading)
        elif isinstance(node, ast.Name | ast.Attribute):
            path, is_whole = _path(node, aliases)
            reading.paths[path] = reading.paths.get(path, 0) + 1
            if is_whole:
                continue
        reading.branches += isinstance(node, _BRANCHES)
        inner = depth + isinstance(node, _BLOCKS)
        waiting.extend((child, inner) for child in ast.iter_child_nodes(node))


def _aliases(tree: ast.Module, reading: _Reading) -> dict[str, str]:
    """What each imported name stands for; notes the modules."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.partition(".")[0]
                reading.modules.add(top)
                aliases[name.asname or top] = name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom):
            module = node.module or "."
            reading.modules.add(module.partition(".")[0])
            for name in node.names:
                aliases[name.asname or name.name] = f"{module}.{name.name}"
    return aliases


def _count_scope(node: ast.AST, reading: _Reading, docstrings: set[int]) -> None:
    body: list[ast.stmt] = node.body  # type: ignore[attr-defined]
    reading.documentable += 1
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        docstrings.add(id(first.value))
        reading.documented += 1
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        reading.functions += 1
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        reading.typeable += len(arguments) + 1
        reading.typed += sum(each.annotation is not None for each in arguments) + (node.returns is not None)


def _count_call(node: ast.Call, reading: _Reading) -> None:
    if isinstance(node.func, ast.Name) and node.func.id == "print":
        reading.prints += 1
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        reading.defaults += len(node.args) > 1


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def _path(node: ast.Name | ast.Attribute, aliases: dict[str, str]) -> tuple[str, bool]:
    """Its dotted name, imports followed, and whether that is all of it: of something else's attribute only that."""
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute) and len(parts) < _LONGEST_PATH:
        parts.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return parts[0], False
    return ".".join((aliases.get(inner.id, inner.id), *reversed(parts))), True
