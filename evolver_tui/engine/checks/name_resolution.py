"""What the names in a module stand for, read from its syntax tree: `o` after `import os as o` is `os`."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from evolver_tui.engine.checks import harmless_names

N = TypeVar("N", bound=ast.AST)
PYTHONS_OWN = frozenset(dir(builtins)) | {"__builtins__", "__loader__", "__spec__"}
_DEEPEST = 40
_IMPORTERS = ("__import__", "importlib.import_module", "importlib.__import__")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_TYPE_PARAMETERS = ("TypeVar", "ParamSpec", "TypeVarTuple")
_BINDERS: tuple[type[ast.AST], ...] = (
    ast.Name, ast.arg, ast.alias, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs,
    ast.MatchStar, ast.MatchMapping, *(vars(ast)[kind] for kind in _TYPE_PARAMETERS if hasattr(ast, kind)),
)  # fmt: skip
_UPWARDS = re.compile(r"\.\.?(/\.\.?)*/?")
_OWN_PATH_CALLS = [
    "str",
    "os.fspath",
    "os.path.abspath",
    "os.path.dirname",
    "os.path.join",
    "os.path.normpath",
    "os.path.realpath",
    "pathlib.Path",
]
_OWN_PATH_ATTRIBUTES = ("parent", "parents", "resolve", "absolute")


class Tree:
    """All nodes of a syntax tree, outer ones first, also by their type."""

    def __init__(self, root: ast.AST) -> None:
        self.nodes = [root]
        self._by_type: dict[type[ast.AST], list[ast.AST]] = {}
        # Grows while it is read. Contexts (load, store) are no places in the text and are left out.
        for node in self.nodes:
            self._by_type.setdefault(type(node), []).append(node)
            for name in node._fields:
                value = getattr(node, name, None)
                if type(value) is list:
                    self.nodes.extend(item for item in value if isinstance(item, ast.AST))
                elif isinstance(value, ast.AST) and name != "ctx":
                    self.nodes.append(value)

    def of(self, kind: type[N]) -> list[N]:
        """Every node of exactly this type."""
        return self._by_type.get(kind, [])  # type: ignore[return-value]


class Names:
    """Resolves expressions to dotted paths such as `os.system` or `json.load()`.

    It follows imports, plain assignments, literal `getattr`, `__import__` and subscripts of `sys.modules`,
    `__builtins__` and `__dict__`; what a value is at run time it cannot know.
    """

    def __init__(self, tree: Tree) -> None:
        self._paths: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._values: dict[str, list[ast.expr]] = {}
        self._resolved: dict[ast.AST, str | None] = {}
        self.modules: dict[str, str] = {}
        """Names that an import bound to a module, each with the module's dotted path."""
        self.bindings = Counter(name for kind in _BINDERS for node in tree.of(kind) for name in _bound(node))
        """How often each name is bound: by assignment, as a parameter, by import, by def, anywhere in the file."""
        self._definitions = Counter(
            name for kind in (ast.ClassDef, ast.alias) for node in tree.of(kind) for name in _bound(node)
        )
        self.doubtful: set[str] = set()
        """Names of modules that may also be something else where they are read."""
        self._local: set[int] = set()
        self.functions = {
            *(node.name for node in tree.of(ast.FunctionDef)),
            *(node.name for node in tree.of(ast.AsyncFunctionDef)),
        }
        self._take_imports(tree)
        self._take_locals(tree)
        self._take_assignments(tree)
        self._resolved.clear()

    def path(self, expression: ast.AST, depth: int = 0) -> str | None:
        """The dotted path of an expression, or None; a call adds `()`, a subscript `[]`."""
        if depth > _DEEPEST:
            return None
        if expression not in self._resolved:
            self._resolved[expression] = self._resolve(expression, depth)
        return self._resolved[expression]

    def _resolve(self, expression: ast.AST, depth: int) -> str | None:
        match expression:
            case ast.Name(id=name):
                if id(expression) in self._local:
                    return None
                return self._paths.get(name) or (name if name in PYTHONS_OWN else None)
            case ast.Attribute(value=value, attr=attribute):
                base = self.path(value, depth + 1)
                return _attribute(base, attribute) if base else None
            case ast.Call():
                return self._call_path(expression, depth + 1)
            case ast.Subscript(value=value, slice=key):
                return self._item_path(self.path(value, depth + 1), self.text(key))
            case ast.BinOp(op=ast.Div(), left=left):
                base = self.path(left, depth + 1)
                return base if base and base.startswith("pathlib.") else None
            case ast.BoolOp(values=[first, *_]):
                return self.path(first, depth + 1)
            case ast.IfExp(body=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.path(value, depth + 1)
        return None

    def text(self, expression: ast.AST) -> str | None:
        """The text that an expression is: a literal, or a name that is bound to one literal only."""
        match expression:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name):
                return self._texts.get(name)
        return None

    def module(self, expression: ast.AST) -> str | None:
        """The dotted path of the module that this is: an imported name, or a known module below one."""
        if isinstance(expression, ast.Name):
            return None if id(expression) in self._local else self.modules.get(expression.id)
        if isinstance(expression, ast.Attribute):
            outer = self.module(expression.value)
            path = f"{outer}.{expression.attr}"
            return path if outer is not None and path in harmless_names.MODULES else None
        return None

    def is_local(self, name: ast.Name) -> bool:
        """Whether this belongs to a function that has the name for itself, so that it is no module and no builtin."""
        return id(name) in self._local

    def is_definition(self, name: str) -> bool:
        """Whether a name is only ever bound by `class` and `import`, or by Python itself."""
        return self.bindings[name] == self._definitions[name]

    def is_own_path(self, expression: ast.AST, depth: int = 0) -> bool:
        """Whether the expression is a folder above `__file__`, and can be nothing else."""
        if depth > _DEEPEST:
            return False
        inner = depth + 1
        match expression:
            case ast.Name(id="__file__"):
                return self.bindings["__file__"] == 0
            case ast.Name(id=name):
                values = self._values.get(name, [])
                return len(values) == self.bindings[name] == 1 and self.is_own_path(values[0], inner)
            case ast.Attribute(value=value, attr=attribute):
                return attribute in _OWN_PATH_ATTRIBUTES and self.is_own_path(value, inner)
            case ast.Subscript(value=ast.Attribute(attr="parents") as value, slice=ast.Constant(value=int())):
                return self.is_own_path(value, inner)
            case ast.Call(func=ast.Attribute(attr="resolve" | "absolute") as function, args=[], keywords=[]):
                return self.is_own_path(function, inner)
            case ast.Call(func=function, args=[first, *rest], keywords=[]):
                return (
                    self.path(function) in _OWN_PATH_CALLS
                    and self.is_own_path(first, inner)
                    and all(self._leads_upwards(part) for part in rest)
                )
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self.is_own_path(left, inner) and self._leads_upwards(right)
        return False

    def _leads_upwards(self, expression: ast.AST) -> bool:
        text = self.text(expression)
        return self.path(expression) == "os.pardir" or (text is not None and _UPWARDS.fullmatch(text) is not None)

    def _call_path(self, call: ast.Call, depth: int) -> str | None:
        function = self.path(call.func, depth)
        if function is None:
            return None
        texts = [self.text(argument) for argument in call.args]
        if function == "getattr" and len(texts) >= 2 and texts[1]:
            base = self.path(call.args[0], depth)
            return _attribute(base, texts[1]) if base else None
        if function in _IMPORTERS and texts and texts[0]:
            return texts[0]
        return f"{function}()"

    @staticmethod
    def _item_path(base: str | None, key: str | None) -> str | None:
        if base is None:
            return None
        if key and base in ("sys.modules", "__builtins__"):
            return key
        if key and base.endswith(".__dict__"):
            return _attribute(base.removesuffix(".__dict__"), key)
        return f"{base}[]"

    def _take_imports(self, tree: Tree) -> None:
        for node in tree.of(ast.Import):
            for alias in node.names:
                path = alias.name if alias.asname else alias.name.partition(".")[0]
                self._take_module(alias.asname or path, path)
                self._paths[alias.asname or path] = path
        for imported in tree.of(ast.ImportFrom):
            for alias in imported.names if imported.module and not imported.level else ():
                path = _attribute(str(imported.module), alias.name)
                name = alias.asname or alias.name
                self._paths[name] = path
                if path in harmless_names.MODULES or name in self.modules:
                    self._take_module(name, path)

    def _take_module(self, name: str, path: str) -> None:
        if self.modules.setdefault(name, path) != path:
            self.doubtful.add(name)

    def _take_locals(self, tree: Tree) -> None:
        """Find where a function has a name for itself that elsewhere is a module or Python's own."""
        imported = Counter(name for alias in tree.of(ast.alias) for name in _bound(alias))
        seen = {name for name, count in self.bindings.items() if count > imported[name]}
        seen &= self.modules.keys() | PYTHONS_OWN
        if not seen:
            return
        declared = {name for node in tree.of(ast.Global) for name in node.names}
        declared |= {name for node in tree.of(ast.Nonlocal) for name in node.names}
        self.doubtful |= seen & declared & self.modules.keys()
        places = [node for kind in (*_FUNCTIONS, *_COMPREHENSIONS) for node in tree.of(kind)]
        owned: Counter[str] = Counter()
        for scope in places:
            own, inside = _scope(scope)
            owned.update(own)
            names = (own.keys() & seen) - declared
            if names:
                within = [node for part in inside for node in ast.walk(part)]
                names -= {name for node in within for name in _not_hidden(node)}
                self._local |= {id(node) for node in within if isinstance(node, ast.Name) and node.id in names}
                self.doubtful |= (own.keys() & seen & self.modules.keys()) - names
        for class_ in tree.of(ast.ClassDef):
            owned.update(_own_names(class_.body))
        self.doubtful |= {n for n in seen & self.modules.keys() if self.bindings[n] > imported[n] + owned[n]}

    def _take_assignments(self, tree: Tree) -> None:
        for node in tree.of(ast.Assign):
            for target in node.targets:
                self._bind(target, node.value)
        for walrus in tree.of(ast.NamedExpr):
            self._bind(walrus.target, walrus.value)
        for annotated in tree.of(ast.AnnAssign):
            if annotated.value is not None:
                self._bind(annotated.target, annotated.value)
        for item in tree.of(ast.withitem):
            if item.optional_vars is not None:
                self._bind(item.optional_vars, item.context_expr)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Name):
            return
        name = target.id
        if self.bindings[name] == 1 and isinstance(value, ast.Constant) and isinstance(value.value, str):
            self._texts[name] = value.value
        self._values.setdefault(name, []).append(value)
        path = self._resolve(value, 0)
        # A name that only grows out of itself (data = data.get(...)) stays what it was first.
        if path and name not in self.modules and not path.startswith(self._paths.get(name, "\0")):
            self._paths[name] = path
            self._resolved.clear()


def own_attributes(tree: Tree, names: Names) -> set[str]:
    """The attributes that the code itself gives to its values."""
    own = {node.attr for node in tree.of(ast.Attribute) if isinstance(node.ctx, ast.Store)}
    for class_ in tree.of(ast.ClassDef):
        for statement in class_.body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    own.add(name)
                case ast.AnnAssign(target=ast.Name(id=name)):
                    own.add(name)
                case ast.Assign(targets=targets):
                    own |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    for call in tree.of(ast.Call):
        if (path := names.path(call.func)) in ("collections.namedtuple", "typing.NamedTuple"):
            texts = [
                node.value
                for argument in call.args[1:]
                for node in ast.walk(argument)
                if isinstance(node, ast.Constant)
            ]
            own |= {word for text in texts if isinstance(text, str) for word in text.replace(",", " ").split()}
        elif path == "types.SimpleNamespace":
            own |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return own


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that this one node binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.partition(".")[0]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _ if type(node).__name__ in _TYPE_PARAMETERS:
            yield node.name  # type: ignore[attr-defined]


def _own_names(parts: Iterable[ast.AST]) -> Counter[str]:
    """How often these parts bind each name in their own scope; imports are left out."""
    found: Counter[str] = Counter()
    waiting = list(parts)
    for node in waiting:
        if not isinstance(node, ast.alias):
            found.update(_bound(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += node.decorator_list
        elif isinstance(node, ast.comprehension):
            waiting += [node.iter, *node.ifs]  # what it binds is its own
        elif not isinstance(node, ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _scope(node: ast.AST) -> tuple[Counter[str], list[ast.AST]]:
    """The names that a function or a comprehension has for itself, and the parts in which they hide others."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inside: list[ast.AST] = [*node.body] if isinstance(node.body, list) else [node.body]
        arguments = Counter(argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg))
        return arguments + _own_names(inside), inside
    generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
    own = _own_names(step.target for step in generators)
    inside = [part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.comprehension)]
    inside += [step.target for step in generators] + [part for step in generators for part in step.ifs]
    return own, [*inside, *(step.iter for step in generators[1:])]


def _not_hidden(node: ast.AST) -> Iterator[str]:
    """Names that a function around this node does not hide: imported again, or of a class, which looks elsewhere."""
    if isinstance(node, ast.alias):
        yield from _bound(node)
    elif isinstance(node, ast.ClassDef):
        yield from _own_names(node.body)


def _attribute(base: str, attribute: str) -> str:
    return attribute if base in ("builtins", "__builtins__") else f"{base}.{attribute}"
