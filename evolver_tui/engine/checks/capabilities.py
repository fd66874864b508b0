"""What code can reach, read from its syntax tree without running it.

The list informs a reader; it protects from nothing. It prefers to name too much: a reference counts like a call, a
write like a read, and what cannot be resolved (a computed attribute, an unknown module) is named as such.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.check_codes import HIGH
from evolver_tui.core.node import Risk
from evolver_tui.engine.checks import harmless_names
from evolver_tui.engine.checks.harmless_names import words
from evolver_tui.engine.checks.name_resolution import PYTHONS_OWN, Names, Tree, own_attributes


@dataclass(frozen=True, slots=True)
class Reach:
    """One place where code reaches for something."""

    capability: str
    what: str
    """The dotted path or name, from the code: a stranger's string."""
    line: int


def risk_of(capabilities: Collection[str]) -> Risk:
    """What capabilities add up to."""
    if not HIGH.isdisjoint(capabilities):
        return Risk.HIGH
    return Risk.MEDIUM if capabilities else Risk.LOW


def _table(**paths: str) -> dict[str, str]:
    return {path: capability for capability, listed in paths.items() for path in listed.split()}


def _of(module: str, names: str) -> str:
    return " ".join(f"{module}.{name}" for name in names.split())


_REACHES = _table(
    network=(
        "socket ssl socketserver http ftplib smtplib smtpd poplib imaplib nntplib telnetlib xmlrpc webbrowser asyncore "
        "asynchat wsgiref urllib.request urllib.robotparser logging.handlers requests httpx aiohttp urllib3 websockets "
        "websocket paramiko pycurl grpc boto3 redis nats pymongo psycopg psycopg2 asyncpg pymysql socketio signalrcore "
        + _of("asyncio", "open_connection open_unix_connection start_server start_unix_server")
    ),
    processes=(
        "os subprocess multiprocessing pty _posixsubprocess concurrent.futures.ProcessPoolExecutor asyncio.subprocess "
        "asyncio.create_subprocess_exec asyncio.create_subprocess_shell posix psutil pexpect"
    ),
    threads="threading _thread concurrent.futures asyncio.to_thread",
    eval=(
        "eval exec compile breakpoint pickle _pickle marshal shelve dill cloudpickle joblib code codeop timeit "
        "cProfile profile pdb bdb trace doctest types.FunctionType types.CodeType types.LambdaType"
    ),
    dynamic_import="__import__ importlib imp runpy pkgutil zipimport sys.path",
    introspection=(
        "ctypes _ctypes cffi gc inspect dis builtins globals locals vars getattr setattr delattr __builtins__ "
        "__loader__ __spec__ tracemalloc operator.attrgetter operator.methodcaller sys"
    ),
    environment=(
        "platform sysconfig getpass pwd grp spwd shutil.which shutil.disk_usage "
        + _of(
            "os",
            "environ environb getenv getenvb putenv unsetenv uname getlogin getuid getgid getpid getppid getcwd",
        )
    ),
    file_writes=(
        "shutil tempfile sqlite3 dbm zipfile tarfile logging.FileHandler io.FileIO "
        + _of(
            "os", "remove unlink rmdir removedirs rename renames replace mkdir makedirs chmod chown lchown link symlink"
        )
        + " "
        + _of(
            "os",
            "truncate ftruncate utime mkfifo mknod write pwrite writev chdir open close fdopen dup dup2 pipe sendfile",
        )
    ),
    files=(
        "fileinput linecache glob filecmp mmap configparser.read "
        + _of("os", "listdir scandir walk fwalk stat lstat fstat access readlink statvfs read pread")
        + " "
        + _of(
            "os.path", "exists lexists isfile isdir islink ismount getsize getmtime getatime getctime realpath samefile"
        )
    ),
    nothing="os.path",
)
_HELD_AS = {"bltns": "builtins", "operator": "operator", "op": "operator", "stdlib_re": "re"}
"""Modules of which another one has a name of its own."""
_OPENERS = {"open": 1, "io.open": 1, "codecs.open": 1, "gzip.open": 1, "bz2.open": 1, "lzma.open": 1}
_CALLED_WITH_NAME = ("getattr", "setattr", "delattr")
_INTERNALS = words(
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ __mro__ __bases__ __base__ __dict__ __getattribute__ "
    "__loader__ __spec__ __import__ __self__ __func__ __wrapped__ __reduce__ __reduce_ex__ __defaults__ __kwdefaults__ "
    "f_globals f_locals f_builtins f_back f_code gi_frame gi_code cr_frame ag_frame tb_frame"
)
_TELLING_METHODS = _table(
    file_writes="write_text write_bytes unlink rmdir mkdir touch rename symlink_to hardlink_to chmod lchmod copy_into "
    "move move_into",
    files="read_text read_bytes iterdir rglob glob walk exists is_file is_dir stat lstat readlink owner samefile",
    network="create_connection create_server sock_connect create_datagram_endpoint urlopen urlretrieve",
    processes="subprocess_exec subprocess_shell check_output",
    threads="run_in_executor",
    introspection=" ".join(name for name in _INTERNALS if not name.startswith("_")),
)
"""Methods whose name says enough when it is not known what they are called on."""
_GUARDED = harmless_names.GUARDED | {path.rpartition(".")[2] for path in _REACHES} | _TELLING_METHODS.keys()
"""Attributes that a node's own one by the same name does not hide."""
_FORMS: dict[str, tuple[int, frozenset[str]]] = {
    "functools.wraps": (1, frozenset()),
    "logging.Formatter": (2, words("fmt datefmt")),
    "logging.basicConfig": (0, words("level stream format datefmt force")),
}
"""Functions that are harmless only when called like this: so many arguments by position, and these by name."""
_BY_PLACE = ("dataclasses.dataclass", "dataclasses.field")
"""Harmless only where a class is written down: called on what code has made, they run text as code."""
_MATCHED_WHOLE = words("bool bytearray bytes dict float frozenset int list set str tuple")
_FIELD = re.compile(r"\.([A-Za-z_]\w*)")
_SELVES = ("self", "cls", "other")

_Found = Iterator[tuple[str, str]]


def reaches(tree: Tree, names: Names) -> list[Reach]:
    """Every place where the tree reaches for something, by line; each thing once."""
    reader = _Reader(tree, names)
    found: dict[tuple[str, str], Reach] = {}
    for node in tree.nodes:
        read = reader.by_type.get(type(node))
        if read is None:
            continue
        for capability, what in read(node):
            reach = Reach(capability, what, getattr(node, "lineno", 0))
            earlier = found.get((capability, what))
            if earlier is None or reach.line < earlier.line:
                found[capability, what] = reach
    return sorted(found.values(), key=lambda reach: (reach.line, reach.capability, reach.what))


class _Reader:
    """Reads nodes, outer ones first, so that what was understood from outside is not read again.

    A module never becomes a value without being named, so whatever is not written as a module's name is judged by the
    attribute alone: it has to be harmless on every value, or the node's own.
    """

    def __init__(self, tree: Tree, names: Names) -> None:
        self._names = names
        self._understood: set[int] = set()
        self._own = own_attributes(tree, names) - _GUARDED
        self.by_type: dict[type[ast.AST], Callable[[Any], _Found]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.Compare: self._compare,
            ast.Constant: self._constant,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.ClassDef: self._class,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.MatchClass: self._match_class,
        }

    # --- names and imports

    def _name(self, node: ast.Name) -> _Found:
        name = node.id
        if isinstance(node.ctx, ast.Load):
            if id(node) in self._understood or self._names.is_local(node):
                return
            if (module := self._names.module(node)) is not None:
                yield "introspection", f"{module} as a value"
            elif name == "open":
                yield from _opened(None, name)
            elif name == "type":
                yield "introspection", "type as a value"
            elif (name in PYTHONS_OWN or _is_dunder(name)) and name not in harmless_names.BUILTINS:
                yield _REACHES.get(name, "introspection"), name
            elif (path := self._names.path(node) or "") in _FORMS or path in _BY_PLACE or _is_path_class(path):
                yield "unlisted", f"{path} as a value"
        elif _is_dunder(name) and name not in harmless_names.DEFINABLE:
            yield "introspection", f"{name} ="
        if name in self._names.doubtful:
            yield "introspection", f"{name}, which is more than one thing"

    def _import(self, node: ast.Import) -> _Found:
        for alias in node.names:
            yield from _imported(alias.name)

    def _import_from(self, node: ast.ImportFrom) -> _Found:
        if node.level or not node.module:
            yield "imports", "." * node.level + (node.module or "")
            return
        of_module = list(_imported(node.module))
        yield from of_module
        for alias in node.names:
            if alias.name == "*":
                if node.module != "node_runtime":
                    yield "introspection", f"from {node.module} import *"
            elif not of_module:
                yield from self._member(node.module, alias.name)

    def _member(self, module: str, name: str) -> _Found:
        """A name of a module: what it reaches, where it is not known to reach nothing."""
        path = f"{module}.{name}"
        known = harmless_names.MODULES.get(module)
        if path in harmless_names.MODULES or (known is not None and name in known):
            return
        found = list(_classified(path))
        if found or known is None:  # a module that is not known was named where it was imported
            yield from found
        elif name.startswith("_") or _held_module(name):
            yield "introspection", path
        else:
            yield "unlisted", path

    # --- attributes

    def _attribute(self, node: ast.Attribute) -> _Found:
        module = self._names.module(node.value)
        if module is not None:
            self._accept(node.value)
        if node.attr in ("__name__", "__qualname__"):
            self._understood.add(id(node.value))
        if id(node) in self._understood:
            return
        if not isinstance(node.ctx, ast.Load):
            if module is not None:
                yield "introspection", f"{module}.{node.attr} ="
            elif _is_dunder(node.attr):
                yield "introspection", f"{node.attr} ="
        elif module is None:
            yield from self._of_value(node)
        elif f"{module}.{node.attr}" in harmless_names.MODULES:
            yield "introspection", f"{module}.{node.attr} as a value"
        elif (path := f"{module}.{node.attr}") in _FORMS or path in _BY_PLACE or _is_path_class(path):
            yield "unlisted", f"{path} as a value"
        else:
            yield from self._member(module, node.attr)

    def _of_value(self, node: ast.Attribute) -> _Found:
        path = self._names.path(node)
        found = list(_classified(path)) if path is not None and "(" not in path and "[" not in path else []
        yield from found
        if found:
            return
        if node.attr == "open":
            yield from _opened(None, ".open")
        elif node.attr in ("replace", "copy") and not (path or "").startswith(("str.", "dict.", "list.", "bytes.")):
            yield "unlisted", f".{node.attr} as a value"
        elif node.attr.startswith("_") and node.attr in self._own and not _is_dunder(node.attr):
            yield from () if self._is_self(node.value) else [("introspection", f".{node.attr}")]
        else:
            yield from self._judged(node.attr)

    def _judged(self, attribute: str) -> _Found:
        """An attribute of a value of which nothing is known."""
        if attribute in harmless_names.ATTRIBUTES or attribute in harmless_names.DUNDERS:
            return
        if attribute in _TELLING_METHODS:
            yield _TELLING_METHODS[attribute], f".{attribute}"
        elif attribute.startswith("_"):
            yield "introspection", attribute if _is_dunder(attribute) else f".{attribute}"
        elif attribute not in self._own:
            yield "unlisted", f".{attribute}"

    def _is_self(self, expression: ast.expr) -> bool:
        return isinstance(expression, ast.Name) and expression.id in _SELVES

    # --- calls

    def _call(self, call: ast.Call) -> _Found:
        function = call.func
        path = self._names.path(function)
        rooted = _rooted(path) if path else None
        if path is not None and _is_path_class(path):
            self._accept(function)
        if rooted in _OPENERS:
            self._understood.add(id(function))
            if not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in (0, 1, 2)):
                yield from _opened(_mode(call, _OPENERS[rooted]), path or rooted)
        elif path in _FORMS and self._has_form(call, *_FORMS[path]):
            self._accept(function)
        elif path in ("sys.path.insert", "sys.path.append") and call.args and not call.keywords:
            first = all(isinstance(argument, ast.Constant) for argument in call.args[:-1])
            if first and self._names.is_own_path(call.args[-1]):
                self._accept(function)
        elif isinstance(function, ast.Attribute):
            yield from self._method_call(call, function)
        elif isinstance(function, ast.Name) and not self._names.is_local(function):
            yield from self._builtin_call(call, function)

    def _method_call(self, call: ast.Call, function: ast.Attribute) -> _Found:
        by_position = len(call.args)
        if function.attr == "open" and self._names.module(function.value) is None:
            self._understood.add(id(function))
            yield from _opened(_mode(call, 0), ".open")
        elif function.attr in ("format", "format_map"):
            text = self._names.text(function.value)
            if text is not None:
                self._understood.add(id(function))
                for attribute in _FIELD.findall(text):
                    yield from [("introspection", attribute)] if _is_dunder(attribute) else self._judged(attribute)
        elif function.attr == "replace":
            # Two texts are replaced in a text, fields by name in a date. One argument is where a path goes.
            if any(isinstance(argument, ast.Starred) for argument in call.args) or (
                by_position < 2 and not (call.keywords and all(keyword.arg for keyword in call.keywords))
            ):
                yield "file_writes", ".replace"
            if self._names.module(function.value) is None:
                self._understood.add(id(function))
        elif function.attr == "copy" and self._names.module(function.value) is None:
            if call.args or call.keywords:
                yield "file_writes", ".copy"
            self._understood.add(id(function))

    def _builtin_call(self, call: ast.Call, function: ast.Name) -> _Found:
        if function.id in _CALLED_WITH_NAME and len(call.args) >= 2:
            attribute = self._names.text(call.args[1])
            if attribute is None:
                return
            self._understood.add(id(function))
            resolved = self._names.path(call) if function.id == "getattr" else None
            yield from _classified(resolved) if resolved else ()
            if attribute.startswith("_") or function.id == "getattr":
                yield from self._judged(attribute)
        elif function.id == "type":
            self._understood.add(id(function))
            if id(call) not in self._understood:
                yield "introspection", "type() as more than a name"

    def _compare(self, node: ast.Compare) -> _Found:
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Call) and len(side.args) == 1:
                self._understood.add(id(side))
        yield from ()

    def _has_form(self, call: ast.Call, most: int, allowed: frozenset[str]) -> bool:
        return (
            len(call.args) <= most
            and not any(isinstance(argument, ast.Starred) for argument in call.args)
            and all(keyword.arg in allowed for keyword in call.keywords)
        )

    def _accept(self, expression: ast.AST) -> None:
        """Take a dotted name as understood, with what is before its dots."""
        while isinstance(expression, ast.Attribute):
            self._understood.add(id(expression))
            expression = expression.value
        self._understood.add(id(expression))

    # --- what is defined, matched and written down

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> _Found:
        if _is_dunder(node.name) and node.name not in harmless_names.DEFINABLE:
            yield "introspection", f"def {node.name}"

    def _class(self, node: ast.ClassDef) -> _Found:
        for base in node.bases:
            if not self._is_known_base(base):
                yield "introspection", f"class {node.name}: a base that is made at run time"
        for keyword in node.keywords:
            if keyword.arg in ("metaclass", None):
                yield "introspection", f"class {node.name}: a metaclass"
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self._names.path(called) == "dataclasses.dataclass":
                self._accept(called)
        for statement in node.body:
            match statement:
                case ast.AnnAssign(value=ast.Call(func=called)) if self._names.path(called) == "dataclasses.field":
                    self._accept(called)

    def _is_known_base(self, base: ast.expr) -> bool:
        if isinstance(base, ast.Subscript):
            return self._is_known_base(base.value)
        if isinstance(base, ast.Call):
            return self._names.path(base.func) in ("collections.namedtuple", "typing.NamedTuple")
        if isinstance(base, ast.Name):
            return self._names.is_definition(base.id)
        return isinstance(base, ast.Attribute) and self._names.module(base.value) is not None

    def _match_class(self, node: ast.MatchClass) -> _Found:
        for attribute in node.kwd_attrs:
            yield from self._judged(attribute)
        # Which attributes these are is written in the class, and what counts as of the class as well.
        if node.patterns and not (isinstance(node.cls, ast.Name) and node.cls.id in _MATCHED_WHOLE):
            yield "unlisted", "a class matched by position"

    def _constant(self, node: ast.Constant) -> _Found:
        if isinstance(node.value, str) and "__" in node.value:
            yield from (("introspection", name) for name in sorted(_INTERNALS) if name in str(node.value))


def _is_path_class(path: str) -> bool:
    """Whether this is a class whose `replace(path, target)` looks like a text's `replace(old, other)`."""
    return path.startswith("pathlib.") and path.count(".") == 1


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _held_module(name: str) -> str | None:
    """The module that an attribute of this name most likely is."""
    bare = name.lstrip("_")
    return _HELD_AS.get(bare) or (bare if bare in sys.stdlib_module_names else None)


def _imported(module: str) -> Iterator[tuple[str, str]]:
    if module in harmless_names.MODULES:
        return
    yield _look_up(module) or "imports", module


def _classified(path: str) -> Iterator[tuple[str, str]]:
    """What a dotted path is known to reach, by itself or below a module that another one happens to hold."""
    rooted = path if path in _REACHES else _rooted(path)
    if rooted in _OPENERS:
        yield from _opened(None, path)
    elif capability := _look_up(rooted):
        yield capability, path


def _rooted(path: str) -> str:
    """`pathlib.os.system` is `os.system`."""
    parts = path.split(".")
    for place in range(len(parts) - 2, -1, -1):
        if module := _held_module(parts[place]):
            return ".".join(parts[place + 1 :] if module == "builtins" else [module, *parts[place + 1 :]])
    return path


def _look_up(path: str) -> str | None:
    while path:
        if path in _REACHES:
            return None if _REACHES[path] == "nothing" else _REACHES[path]
        path, _, name = path.rpartition(".")
        if name in harmless_names.MODULES.get(path, ()):
            return None
    return None


def _mode(call: ast.Call, position: int) -> str | None:
    """The mode of a call to open; None where it is not a literal."""
    given: ast.expr | None = call.args[position] if len(call.args) > position else None
    for keyword in call.keywords:
        if keyword.arg in ("mode", None):
            given = keyword.value
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    if given is None:
        return "r"
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _opened(mode: str | None, what: str) -> Iterator[tuple[str, str]]:
    yield ("file_writes" if mode is None or set(mode) & set("wax+") else "files"), what
