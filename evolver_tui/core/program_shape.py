"""Programs without their looks: what is left of one where names, comments, docstrings and formatting do not count.

Two programs of one digest do the same. What a program names itself (variables, functions, parameters, what it imports)
is known by the order in which it appears; attributes, modules, keywords of calls and all names that it did not give
are kept, and so are constants: a node that calls another tool, or asks another thing of it, is another node. Where a
program may look at its own names, as by `locals`, those are kept as well.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from evolver_tui.core.training_data.near_duplicates import Sketch, sketch_of, tokens

MOST_CHARACTERS: Final = 250_000
"""Of a program whose shape is told: a node has fewer."""
_REFLECTING: Final = frozenset(
    ("locals", "globals", "vars", "dir", "eval", "exec", "compile", "inspect", "_getframe", "__code__", "__doc__")
)
"""What lets a program see what it calls things, or its own docstrings."""
_ANY: Final = "%"
"""Stands for each name of the program's own where only what is near counts."""
_FRAME: Final = frozenset(("]", "-", "Name", "Constant", "arg", "arguments", "alias", "keyword", "Expr", "Attribute"))
"""What is told of the tree alone; a text says the same without it."""


class ProgramShape(NamedTuple):
    """What is left of a program."""

    digest: str
    """Equal for programs that differ in their looks alone; empty for what is no program."""
    sketch: Sketch
    """Of what stands in it, its own names all taken for one; see `near_duplicates.likeness`."""


@lru_cache(maxsize=8)
def shape_of(code: str) -> ProgramShape:
    """The shape of a program, in a time that grows with its length alone; of other text, a sketch of its words."""
    written = _written(code)
    if written is None:
        return ProgramShape("", sketch_of(tokens(code[:MOST_CHARACTERS])))
    return ProgramShape(_digest(written.exact()), sketch_of(written.near()))


@lru_cache(maxsize=8)
def frame_digest(code: str) -> str:
    """As the digest of `shape_of`, where texts and numbers do not count either: what is made by one pattern has one.

    Programs of one frame do not do the same: a path, a prompt or a tool's name is a text. Empty for no program.
    """
    written = _written(code)
    return "" if written is None else _digest(written.exact(with_constants=False))


def _digest(found: Iterator[str]) -> str:
    digest = blake2b(digest_size=16)
    for token in found:
        content = token.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(content), content))
    return digest.hexdigest()


def _written(code: str) -> _Writing | None:
    if len(code) > MOST_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
        return _Writing(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Scope:
    """Where names are bound, and which."""

    __slots__ = ("bound", "is_class", "is_comprehension", "outer", "parameters", "passed_out")

    def __init__(self, outer: _Scope | None, *, is_class: bool = False, is_comprehension: bool = False) -> None:
        self.outer = outer
        self.is_class = is_class
        self.is_comprehension = is_comprehension
        self.bound: set[str] = set()
        self.parameters: set[str] = set()
        self.passed_out: dict[str, bool] = {}
        """Names that are somebody else's: whether the module's, rather than those of a function around it."""


class _Use(NamedTuple):
    """A name where it is used; what it means is known at the end."""

    scope: _Scope
    name: str


class _Constant(NamedTuple):
    """A constant: its type, and its value."""

    kind: str
    value: str


class _Writing:
    """A tree written as tokens, so that one sequence belongs to one tree."""

    def __init__(self, tree: ast.Module) -> None:
        self._module = _Scope(None)
        self._tokens: list[str | _Use | _Constant] = []
        self._keywords: set[str] = set()
        """What calls pass by name."""
        self._kept: set[str] = set()
        """Names that are attributes as well."""
        self._passes_any = False
        named = {*_names_in(tree)}
        self._is_reflecting = not named.isdisjoint(_REFLECTING)
        self._node(tree, self._module)

    def exact(self, *, with_constants: bool = True) -> Iterator[str]:
        """The tokens, the program's own names by their order."""
        numbers: dict[tuple[_Scope, str], int] = {}
        for token in self._tokens:
            if isinstance(token, _Use):
                scope = self._owner(token)
                if scope is None:
                    yield f"n:{token.name}"
                else:
                    yield f"{_ANY}{numbers.setdefault((scope, token.name), len(numbers))}"
            elif isinstance(token, _Constant):
                yield f"{token.kind}:{token.value if with_constants else ''}"
            else:
                yield token

    def near(self) -> Sequence[str]:
        """The tokens, without what only the tree needs, and the program's own names all the same."""
        found: list[str] = []
        for token in self._tokens:
            if isinstance(token, _Use):
                found.append(f"n:{token.name}" if self._owner(token) is None else _ANY)
            elif isinstance(token, _Constant):
                found.append(f"{token.kind}:{token.value}")
            elif token not in _FRAME:
                found.append(token)
        return found

    def _owner(self, use: _Use) -> _Scope | None:
        """Whose a name is; None for one that has to keep its letters."""
        name = use.name
        if self._is_reflecting or name in self._kept:
            return None
        scope: _Scope | None = use.scope
        while scope is not None:
            passed = scope.passed_out.get(name)
            if passed:
                scope = self._module
            if (name in scope.bound and passed is None and not scope.is_class) or passed:
                break
            scope = scope.outer
        if scope is None or (name in scope.parameters and (self._passes_any or name in self._keywords)):
            return None
        return scope

    # --- writing

    def _node(self, node: ast.AST, scope: _Scope) -> None:
        self._tokens.append(type(node).__name__)
        match node:
            case ast.Name():
                self._name(node.id, scope, binds=not isinstance(node.ctx, ast.Load))
            case ast.Constant():
                self._constant(node.value)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node, scope)
            case ast.ClassDef():
                self._class(node, scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node, scope)
            case ast.NamedExpr():
                around = scope
                while around.is_comprehension and around.outer is not None:
                    around = around.outer
                self._name(node.target.id, around, binds=True)
                self._node(node.value, scope)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Global() | ast.Nonlocal():
                self._declaration(node, scope)
            case ast.keyword():
                self._keyword(node, scope)
            case _:
                self._fields(node, scope)

    def _fields(self, node: ast.AST, scope: _Scope, *, but: frozenset[str] = frozenset()) -> None:
        binds = isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping)
        for field, value in ast.iter_fields(node):
            if field in _LEFT_OUT or field in but:
                continue
            if isinstance(value, str) and binds:
                self._name(value, scope, binds=True)
            else:
                self._value(value, scope)

    def _value(self, value: object, scope: _Scope) -> None:
        if isinstance(value, ast.AST):
            self._node(value, scope)
        elif isinstance(value, list):
            for each in value:
                if not self._does_nothing(each):
                    self._value(each, scope)
            self._tokens.append("]")
        elif value is None:
            self._tokens.append("-")
        else:
            self._tokens.append(f"n:{value}")

    def _does_nothing(self, node: object) -> bool:
        """Whether a statement is a docstring, another lone constant, or nothing at all."""
        is_lone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return isinstance(node, ast.Pass) or (is_lone and not self._is_reflecting)

    def _name(self, name: str, scope: _Scope, *, binds: bool = False) -> None:
        if binds:
            self._bind(name, scope)
        self._tokens.append(_Use(scope, name))

    def _bind(self, name: str, scope: _Scope) -> None:
        if scope.is_class:
            self._kept.add(name)
        scope.bound.add(name)

    def _constant(self, value: object) -> None:
        if value is None or isinstance(value, bool):
            self._tokens.append(repr(value))
        else:
            written = hex(value) if isinstance(value, int) else repr(value)
            self._tokens.append(_Constant(f"c:{type(value).__name__}", written))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope) -> None:
        inner = _Scope(scope)
        if not isinstance(node, ast.Lambda):
            self._name(node.name, scope, binds=True)
            self._value(node.decorator_list, scope)
            self._value(node.returns, scope)
        given = node.args
        for parameters in (given.posonlyargs, given.args, [given.vararg], given.kwonlyargs, [given.kwarg]):
            for parameter in filter(None, parameters):
                self._name(parameter.arg, inner, binds=True)
                self._value(parameter.annotation, scope)
            self._tokens.append("]")
        inner.parameters.update(each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))
        self._value(given.defaults, scope)
        self._value(given.kw_defaults, scope)
        self._value(node.body, inner)

    def _class(self, node: ast.ClassDef, scope: _Scope) -> None:
        self._name(node.name, scope, binds=True)
        for part in (node.decorator_list, node.bases, node.keywords):
            self._value(part, scope)
        self._value(node.body, _Scope(scope, is_class=True))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: _Scope) -> None:
        inner = _Scope(scope, is_comprehension=True)
        for number, generator in enumerate(node.generators):
            self._node(generator.iter, inner if number else scope)
            self._node(generator.target, inner)
            self._value(generator.ifs, inner)
            self._tokens.append(f"async {generator.is_async}")
        self._tokens.append("]")
        self._fields(node, inner, but=frozenset(("generators",)))

    def _import(self, node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
        if isinstance(node, ast.ImportFrom):
            self._tokens.append(f"n:{'.' * node.level}{node.module or ''}")
        for each in node.names:
            self._tokens.append(f"n:{each.name}")
            is_part = isinstance(node, ast.Import) and not each.asname and "." in each.name
            if each.name != "*":
                self._name(each.asname or each.name.split(".")[0], scope, binds=True)
            self._tokens.append("part" if is_part else "-")
        self._tokens.append("]")

    def _declaration(self, node: ast.Global | ast.Nonlocal, scope: _Scope) -> None:
        is_global = isinstance(node, ast.Global)
        for name in node.names:
            scope.passed_out[name] = is_global
            if is_global:
                self._module.bound.add(name)
            self._name(name, scope)
        self._tokens.append("]")

    def _keyword(self, node: ast.keyword, scope: _Scope) -> None:
        if node.arg is None:
            self._passes_any = True
        else:
            self._keywords.add(node.arg)
        self._tokens.append("-" if node.arg is None else f"n:{node.arg}")
        self._node(node.value, scope)


_LEFT_OUT: Final = frozenset(("ctx", "kind", "type_comment", "type_ignores"))


def _names_in(tree: ast.AST) -> Iterator[str]:
    """What it names, as far as that could be a way to see itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (each.name.split(".")[0] for each in node.names)
            if isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0]
