"""What the names in a module stand for, read from its syntax tree: `o` after `import os as o` is `os`."""

from __future__ import annotations

import ast
import builtins
from typing import TypeVar

N = TypeVar("N", bound=ast.AST)
_BUILTINS = frozenset(dir(builtins)) | {"__builtins__", "__loader__", "__spec__"}
_DEEPEST = 40
_IMPORTERS = ("__import__", "importlib.import_module", "importlib.__import__")


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
        self._texts: dict[str, str | None] = {}
        self._values: dict[str, list[ast.expr]] = {}
        self._resolved: dict[ast.AST, str | None] = {}
        self.modules: set[str] = set()
        """Names that an import bound to a module."""
        self.functions = {
            *(node.name for node in tree.of(ast.FunctionDef)),
            *(node.name for node in tree.of(ast.AsyncFunctionDef)),
        }
        self._take_imports(tree)
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
                return self._paths.get(name) or (name if name in _BUILTINS else None)
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

    def is_module(self, expression: ast.AST) -> bool:
        """Whether this is a plain name that an import bound to a module."""
        return isinstance(expression, ast.Name) and expression.id in self.modules

    def mentions_own_path(self, expression: ast.AST, depth: int = 0) -> bool:
        """Whether the expression is made of `__file__`."""
        found = [node.id for node in ast.walk(expression) if isinstance(node, ast.Name)]
        return "__file__" in found or (
            depth < 3
            and any(self.mentions_own_path(value, depth + 1) for name in found for value in self._values.get(name, ()))
        )

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
                self._paths[alias.asname or path] = path
                self.modules.add(alias.asname or path)
        for imported in tree.of(ast.ImportFrom):
            for alias in imported.names if imported.module and not imported.level else ():
                self._paths[alias.asname or alias.name] = _attribute(str(imported.module), alias.name)

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
        changing = [*(loop.target for loop in tree.of(ast.For)), *(step.target for step in tree.of(ast.AugAssign))]
        for name in [*(node.id for node in changing if isinstance(node, ast.Name)), *(a.arg for a in tree.of(ast.arg))]:
            self._texts[name] = None

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Name):
            return
        name = target.id
        text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
        self._texts[name] = text if name not in self._texts else None
        self._values.setdefault(name, []).append(value)
        path = self._resolve(value, 0)
        # A name that only grows out of itself (data = data.get(...)) stays what it was first.
        if path and name not in self.modules and not path.startswith(self._paths.get(name, "\0")):
            self._paths[name] = path
            self._resolved.clear()


def _attribute(base: str, attribute: str) -> str:
    return attribute if base in ("builtins", "__builtins__") else f"{base}.{attribute}"
