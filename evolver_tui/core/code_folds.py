"""What of a program a reader may pass over: its docstring, its imports and the frame that every node has.

What is folded is out of sight, so that a line has to prove itself harmless here, and a doubt leaves it in sight: the
shape of its syntax tree has to be one of a few, it is all that stands on its lines, none of the checks said anything
of it, and it looks like what it is. Nothing is folded in a program that hides text, that cannot be read, or of which
more was found than is listed.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from evolver_tui.core.node import CheckReport, FindingLevel
from evolver_tui.core.safe_text import safe_text

_LARGEST: Final = 30_000
"""Characters of a program in which something is folded; a larger one would be read for too long."""
_LONGEST_LINE: Final = 120
_LEAST_LINES: Final = 2
_MOST_NAMED: Final = 8
"""Modules that are named of a fold of imports."""

_PATHS: Final = frozenset(("sys.path.insert", "sys.path.append"))
_OWN_PATH_CALLS: Final = frozenset(
    ("str", "Path", "pathlib.Path", "os.path.dirname", "os.path.abspath", "os.path.realpath")
)
_INPUT_ERRORS: Final = frozenset(
    ("json.JSONDecodeError", "JSONDecodeError", "ValueError", "Exception", "EOFError", "UnicodeDecodeError")
)
_RUNS_TEXT: Final = frozenset(
    ("dynamic_import", "eval", "hidden_text", "imports", "introspection", "processes", "unlisted")
)
"""Capabilities with which words could be run as code."""
_REMARK: Final = re.compile(r"# *(noqa|type:|pylint:|isort:|ruff:|pyright:)[\w :,=\[\]-]*$")
"""A comment that speaks to tools alone."""
_ENDS_OF_TEXT: Final = ('"', "'")

Harmless = Mapping[str, Collection[str]]
"""Modules whose import says nothing, each with those of its names that say nothing."""


class Fold(NamedTuple):
    """Lines, counted from 1, that are shown as one row."""

    first: int
    last: int
    words: str
    """What they are; a stranger's words are in it. Nothing for empty lines, which are shown as one empty line."""


def folds_of(code: str, report: CheckReport, harmless: Harmless, unlike: Collection[int] = ()) -> tuple[Fold, ...]:
    """What can be folded, in order; nothing of a program that does not parse, or is very large.

    Args:
        report: what the checks say of it. A line that they name is never folded.
        harmless: the modules that they call harmless.
        unlike: numbers of further lines that are never folded.
    """
    is_all_listed = not any(finding.check == "notes" for finding in report.findings)
    if not is_all_listed or "hidden_text" in report.capabilities or not _is_fit(code):
        return ()
    tree = _parsed(code)
    if tree is None:
        return ()
    named = {finding.line for finding in report.findings if finding.level is not FindingLevel.PASS}
    program = _Program(code, named.union(unlike))
    found = [
        *_docstring(program, tree, report),
        *_imports(program, tree.body, harmless),
        *_inputs(program, tree),
        *_guard(program, tree),
    ]
    return tuple(_joined(sorted([*found, *_empty_lines(program, tree, found)])))


def _joined(folds: Sequence[Fold]) -> Iterator[Fold]:
    """What follows upon each other as one."""
    last: Fold | None = None
    for fold in folds:
        if last is not None and last.last + 1 == fold.first:
            last = Fold(last.first, fold.last, "; ".join(words for words in (last.words, fold.words) if words))
            continue
        if last is not None:
            yield last
        last = fold
    if last is not None:
        yield last


def _is_fit(code: str) -> bool:
    """Whether its lines are what Python takes for lines."""
    return len(code) <= _LARGEST and not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]", code)


def _parsed(code: str) -> ast.Module | None:
    with warnings.catch_warnings():
        # A warning of the parser would be printed over the screen.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


class _Program:
    """The lines of a program, and which of them may be out of sight."""

    def __init__(self, code: str, named: Collection[int]) -> None:
        self.lines = code.split("\n")
        self._count = len(self.lines) - code.endswith("\n")
        self._named = named

    def may_fold(self, first: int, last: int) -> bool:
        """Whether nothing was said of these lines, and each of them shows all that stands there."""
        return all(
            number not in self._named and len(line) <= _LONGEST_LINE and safe_text(line) == line
            for number, line in enumerate(self.lines[first - 1 : last], first)
        )

    def is_silent(self, first: int, last: int) -> bool:
        """Whether no comment on these lines speaks to their reader."""
        return all("#" not in _REMARK.sub("", line) for line in self.lines[first - 1 : last])

    def is_blank(self, number: int) -> bool:
        """Whether a line is there and is empty."""
        is_in_it = 1 <= number <= self._count
        return is_in_it and not self.lines[number - 1].strip(" ") and self.may_fold(number, number)

    def is_apart(self, body: Sequence[ast.stmt], first: int, last: int) -> bool:
        """Whether statements stand alone on their lines: the places are of the first and the last of them in `body`."""
        starts, ends = _lines_of(body[first])[0], _lines_of(body[last])[1]
        before = _lines_of(body[first - 1])[1] if first else 0
        after = _lines_of(body[last + 1])[0] if last + 1 < len(body) else ends + 1
        is_first = not self.lines[starts - 1][: body[first].col_offset].strip(" ")
        return before < starts and ends < after and is_first

    def fold(self, first: int, last: int, words: str, *, takes_before: bool = False) -> Iterator[Fold]:
        """A fold of lines that may be out of sight, with the empty ones around them; nothing of too few."""
        if last - first + 1 < _LEAST_LINES:
            return
        while self.is_blank(last + 1):
            last += 1
        while takes_before and self.is_blank(first - 1):
            first -= 1
        yield Fold(first, last, words)


def _lines_of(statement: ast.stmt) -> tuple[int, int]:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(each.lineno for each in decorators)])
    return first, statement.end_lineno or statement.lineno


# --- the docstring ---------------------------------------------------------------------------------------------------


def _docstring(program: _Program, tree: ast.Module, report: CheckReport) -> Iterator[Fold]:
    """What a node says of itself, where nothing can make more than words of it."""
    match tree.body:
        case [ast.Expr(value=ast.Constant(value=str() as text)) as statement, *_]:
            first, last = _lines_of(statement)
            is_read = any("__doc__" in line for line in program.lines)
            is_whole = program.lines[last - 1].endswith(_ENDS_OF_TEXT) and program.is_apart(tree.body, 0, 0)
            is_words = not is_read and _RUNS_TEXT.isdisjoint(report.capabilities)
            if is_words and is_whole and program.may_fold(first, last):
                summary = next((line.strip() for line in text.split("\n") if line.strip()), "")
                yield from program.fold(first, last, f'"""{summary}"""' if summary else "docstring")


# --- imports ---------------------------------------------------------------------------------------------------------


def _imports(program: _Program, body: Sequence[ast.stmt], harmless: Harmless) -> Iterator[Fold]:
    """Runs of imports with nothing but empty lines between them."""
    start = 0
    while start < len(body):
        end = start
        while end < len(body) and _is_import(program, body, end, harmless):
            if end > start and not _touch(program, body[end - 1], body[end]):
                break
            end += 1
        if end > start:
            run = body[start:end]
            modules = list(dict.fromkeys(name for each in run for name in _modules(each)))
            more = ", …" if len(modules) > _MOST_NAMED else ""
            words = f"imports {', '.join(modules[:_MOST_NAMED])}{more}"
            yield from program.fold(_lines_of(run[0])[0], _lines_of(run[-1])[1], words)
        start = max(end, start + 1)


def _is_import(program: _Program, body: Sequence[ast.stmt], place: int, harmless: Harmless) -> bool:
    statement = body[place]
    first, last = _lines_of(statement)
    return (
        (_imports_harmless(statement, harmless) or _sets_own_path(statement))
        and program.is_apart(body, place, place)
        and program.may_fold(first, last)
        and program.is_silent(first, last)
    )


def _touch(program: _Program, before: ast.stmt, after: ast.stmt) -> bool:
    return all(program.is_blank(number) for number in range(_lines_of(before)[1] + 1, _lines_of(after)[0]))


def _modules(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str() as module) if module != "__future__":
            yield module


def _imports_harmless(statement: ast.stmt, harmless: Harmless) -> bool:
    match statement:
        case ast.Import(names=names):
            return all(alias.name in harmless and _is_honest(alias, harmless) for alias in names)
        case ast.ImportFrom(module=str() as module, names=names, level=0):
            known = harmless.get(module, ())
            return all(
                (alias.name in known or f"{module}.{alias.name}" in harmless) and _is_honest(alias, harmless)
                for alias in names
            )
    return False


def _is_honest(alias: ast.alias, harmless: Harmless) -> bool:
    """Whether what it is called here means nothing else already."""
    if alias.asname is None:
        return "." in alias.name or not hasattr(builtins, alias.name)
    return not hasattr(builtins, alias.asname) and alias.asname not in harmless


def _sets_own_path(statement: ast.stmt) -> bool:
    """Whether it lets the node find what lies above its own file."""
    match statement:
        case ast.Expr(value=ast.Call(func=function, args=[*first, path], keywords=[])):
            is_where = all(isinstance(each, ast.Constant) for each in first)
            return _dotted(function) in _PATHS and is_where and _is_own_path(path)
    return False


def _is_own_path(expression: ast.expr) -> bool:
    match expression:
        case ast.Name(id="__file__"):
            return True
        case ast.Attribute(value=value, attr="parent"):
            return _is_own_path(value)
        case ast.Subscript(value=ast.Attribute(value=value, attr="parents"), slice=ast.Constant(value=int())):
            return _is_own_path(value)
        case ast.Call(func=ast.Attribute(value=value, attr="resolve" | "absolute"), args=[], keywords=[]):
            return _is_own_path(value)
        case ast.Call(func=function, args=[path], keywords=[]):
            return _dotted(function) in _OWN_PATH_CALLS and _is_own_path(path)
    return False


def _dotted(expression: ast.expr) -> str:
    """`sys.path.insert` as it is written; empty for anything else."""
    match expression:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            before = _dotted(value)
            return f"{before}.{attribute}" if before else ""
    return ""


# --- the frame -------------------------------------------------------------------------------------------------------


def _guard(program: _Program, tree: ast.Module) -> Iterator[Fold]:
    """What calls the program's own function when it is run, at its end."""
    if not tree.body:
        return
    statement = tree.body[-1]
    match statement:
        case ast.If(
            test=ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
            ),
            body=[called],
            orelse=[],
        ):
            functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
            first, last = _lines_of(statement)
            place = len(tree.body) - 1
            if (
                (name := _called_alone(called)) in functions
                and program.is_apart(tree.body, place, place)
                and program.may_fold(first, last)
                and program.is_silent(first, last)
            ):
                yield from program.fold(first, last, f"runs {name}", takes_before=True)


def _called_alone(statement: ast.stmt) -> str:
    """The function that is called without anything, whatever it gives being the exit code or nothing."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=[], keywords=[])):
            return name
        case (
            ast.Expr(value=ast.Call(func=outer, args=[ast.Call(func=ast.Name(id=name), args=[], keywords=[])]))
            | ast.Raise(exc=ast.Call(func=outer, args=[ast.Call(func=ast.Name(id=name), args=[], keywords=[])]))
        ) if _dotted(outer) in ("sys.exit", "SystemExit"):
            return name
    return ""


def _inputs(program: _Program, tree: ast.Module) -> Iterator[Fold]:
    """Where a function reads the input and tells of one that is no JSON."""
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for place, statement in enumerate(function.body):
            if not isinstance(statement, ast.Try) or not (name := _reads_input(statement)):
                continue
            first, last = _lines_of(statement)
            is_apart = program.is_apart(function.body, place, place)
            if is_apart and program.may_fold(first, last) and program.is_silent(first, last):
                yield from program.fold(first, last, f"{name} from stdin, or an error")


def _reads_input(statement: ast.Try) -> str:
    """The name under which the input is kept; empty where anything else is done as well."""
    match statement:
        case ast.Try(
            body=[ast.Assign(targets=[ast.Name(id=name)], value=value)], handlers=handlers, orelse=[], finalbody=[]
        ):
            is_all = all(_tells_error(handler, name) for handler in handlers)
            return name if is_all and not hasattr(builtins, name) and _is_input(value) else ""
    return ""


def _is_input(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=function, args=[ast.Attribute() as stream], keywords=[]):
            return _dotted(function) == "json.load" and _dotted(stream) == "sys.stdin"
        case ast.Call(func=function, args=[ast.Call(func=read, args=[], keywords=[])], keywords=[]):
            return _dotted(function) == "json.loads" and _dotted(read) == "sys.stdin.read"
    return False


def _tells_error(handler: ast.ExceptHandler, name: str) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type] if handler.type else []
    is_known = all(_dotted(each) in _INPUT_ERRORS for each in caught)
    return is_known and all(_is_telling(each, name, handler.name or "") for each in handler.body)


def _is_telling(statement: ast.stmt, name: str, error: str) -> bool:
    """Whether it writes words, ends, or takes an empty object for the input."""
    match statement:
        case ast.Expr(value=ast.Call(func=function, args=[argument], keywords=[])):
            match _dotted(function), argument:
                case "print", ast.Call(func=dumps, args=[value], keywords=[]):
                    return _dotted(dumps) == "json.dumps" and _is_words(value, error)
                case "sys.exit", ast.Constant():
                    return True
        case ast.Return(value=None):
            return True
        case ast.Assign(targets=[ast.Name(id=assigned)], value=ast.Dict(keys=[])):
            return assigned == name
        case ast.Raise(exc=ast.Call(func=ast.Name(id="SystemExit"), args=[ast.Constant()], keywords=[])):
            return True
    return False


def _is_words(value: ast.expr | None, error: str) -> bool:
    match value:
        case ast.Constant():
            return True
        case ast.Dict(keys=keys, values=values):
            return all(isinstance(key, ast.Constant) for key in keys) and all(_is_words(each, error) for each in values)
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=told)], keywords=[]):
            return bool(error) and told == error
        case ast.JoinedStr(values=parts):
            return all(_is_words(part, error) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=told), format_spec=None):
            return bool(error) and told == error
    return False


# --- empty lines -----------------------------------------------------------------------------------------------------


def _empty_lines(program: _Program, tree: ast.Module, folds: Sequence[Fold]) -> Iterator[Fold]:
    """Several empty lines between two statements of the program."""
    taken = {line for fold in folds for line in range(fold.first, fold.last + 1)}
    for before, after in pairwise(tree.body):
        gap = range(_lines_of(before)[1] + 1, _lines_of(after)[0])
        for is_empty, run in groupby(gap, key=lambda line: program.is_blank(line) and line not in taken):
            lines = list(run)
            if is_empty and len(lines) >= _LEAST_LINES:
                yield Fold(lines[0], lines[-1], "")
