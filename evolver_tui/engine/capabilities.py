"""What code can reach, read from its syntax tree without running it.

The list informs a reader; it protects from nothing. It prefers to name too much: a reference counts like a call, a
write like a read, and what cannot be resolved (a computed attribute, an unknown module) is named as such.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from evolver_tui.core.node import Risk
from evolver_tui.engine.names import Names, Tree

HIGH = frozenset({"dynamic_import", "eval", "file_writes", "hidden_text", "introspection", "network", "processes"})
"""Capabilities that make a node's risk high; any other makes it medium."""

PHRASES = {
    "dynamic_import": "imports what is chosen at run time",
    "environment": "reads its surroundings",
    "eval": "runs data as code",
    "file_writes": "writes files",
    "files": "reads files",
    "imports": "imports more than the usual",
    "introspection": "reaches into Python itself",
    "network": "reaches the network",
    "processes": "controls processes",
    "threads": "starts threads",
}
"""Each capability in words; `hidden_text` comes from the text itself, not from the tree."""


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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(**paths: str) -> dict[str, str]:
    return {path: capability for capability, listed in paths.items() for path in listed.split()}


def _of(module: str, names: str) -> str:
    return " ".join(f"{module}.{name}" for name in names.split())


_HARMLESS = _words(
    "__future__ abc argparse array base64 binascii bisect calendar cmath collections colorsys contextlib copy "
    "csv dataclasses datetime decimal difflib enum errno fractions functools graphlib hashlib heapq hmac html "
    "io itertools json keyword locale logging math node_runtime numbers operator os pathlib pprint queue "
    "random re reprlib secrets shlex statistics string stringprep struct sys textwrap time traceback types "
    "typing typing_extensions unicodedata urllib uuid warnings weakref zlib zoneinfo"
)
"""Modules whose import alone says nothing; what is dangerous inside them stands in the table."""

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
    nothing=(
        "os.path shutil.get_terminal_size "
        + _of("os", "sep linesep name cpu_count urandom fspath PathLike fsencode fsdecode curdir pardir extsep devnull")
        + " "
        + _of("sys", "stdin stdout stderr argv exit version version_info platform maxsize byteorder getsizeof intern")
        + " "
        + _of("sys", "float_info int_info maxunicode getrecursionlimit setrecursionlimit exc_info getdefaultencoding")
    ),
)
_SENSITIVE = frozenset(path for path in _REACHES if "." not in path) - _HARMLESS | {"os", "sys"}
_HELD_BY_OTHERS = _words("os sys subprocess socket builtins io importlib shutil ctypes threading pickle tempfile")
"""Modules that other modules import, and thereby hand out as an attribute."""
_OPENERS = {"open": 1, "io.open": 1, "codecs.open": 1, "gzip.open": 1, "bz2.open": 1, "lzma.open": 1}
_CALLED_WITH_NAME = ("getattr", "setattr", "delattr")
_INTERNALS = _words(
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ __mro__ __bases__ __base__ __dict__ __getattribute__ "
    "__loader__ __spec__ __import__ __self__ __func__ __wrapped__ __reduce__ __reduce_ex__ __defaults__ __kwdefaults__ "
    "f_globals f_locals f_builtins f_back f_code gi_frame gi_code cr_frame ag_frame tb_frame"
)
_PATH_WRITES = _words(
    "write_text write_bytes unlink rmdir mkdir touch rename replace symlink_to hardlink_to chmod lchmod"
)
_PATH_READS = _words("read_text read_bytes iterdir glob rglob walk exists is_file is_dir stat lstat readlink owner")
_PATH_TEXTS = ("name", "stem", "suffix", "as_posix", "read_text", "read_bytes")
"""Attributes of a path that are text, with methods of their own."""
_TELLING_METHODS = _table(
    file_writes="write_text write_bytes unlink mkdir rmdir symlink_to hardlink_to",
    files="read_text read_bytes iterdir rglob",
    network="create_connection create_server sock_connect create_datagram_endpoint urlopen urlretrieve",
    processes="subprocess_exec subprocess_shell check_output",
    threads="run_in_executor",
)
"""Methods whose name says enough when it is not known what they are called on."""

_TELLING = (ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.Import, ast.ImportFrom)


def reaches(tree: Tree, names: Names) -> list[Reach]:
    """Every place where the tree reaches for something, by line; each thing once."""
    reader = _Reader(names)
    found: dict[tuple[str, str], Reach] = {}
    for node in tree.nodes:
        if not isinstance(node, _TELLING):
            continue
        for capability, what in reader.read(node):
            reach = Reach(capability, what, getattr(node, "lineno", 0))
            earlier = found.get((capability, what))
            if earlier is None or reach.line < earlier.line:
                found[capability, what] = reach
    return sorted(found.values(), key=lambda reach: (reach.line, reach.capability, reach.what))


class _Reader:
    """Reads nodes, outer ones first, so that the parts of a chain that was understood are not read again."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._understood: set[int] = set()

    def read(self, node: ast.AST) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.Name):
            if id(node) not in self._understood:
                yield from self._name(node, node.id)
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node)
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and "__" in node.value:
                yield from (("introspection", name) for name in sorted(_INTERNALS) if name in str(node.value))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _imported(alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from self._import_from(node)

    def _import_from(self, node: ast.ImportFrom) -> Iterator[tuple[str, str]]:
        if node.level or not node.module:
            yield "imports", "." * node.level + (node.module or "")
            return
        of_module = list(_imported(node.module))
        yield from of_module
        for alias in node.names:
            if alias.name == "*" and node.module != "node_runtime":
                yield "introspection", f"from {node.module} import *"
            elif not of_module:
                yield from _classified(f"{node.module}.{alias.name}", of_import=True)

    def _call(self, call: ast.Call) -> Iterator[tuple[str, str]]:
        path = self._names.path(call.func)
        if path in _OPENERS:
            self._understand(call.func)
            if not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in (0, 1, 2)):
                yield from _opened(_mode(call, _OPENERS[path]), path)
        elif path and path.startswith("pathlib.") and path.endswith(".open"):
            self._understand(call.func)
            yield from _opened(_mode(call, 0), "Path.open")
        elif path in _CALLED_WITH_NAME and len(call.args) >= 2 and self._names.text(call.args[1]):
            self._understand(call.func)
            resolved = self._names.path(call) if path == "getattr" else None
            if resolved:
                yield from _classified(resolved)
        elif path in ("sys.path.insert", "sys.path.append") and all(
            self._names.mentions_own_path(argument) for argument in call.args[-1:]
        ):
            self._understand(call.func)

    def _understand(self, expression: ast.AST) -> None:
        while isinstance(expression, ast.Attribute):
            self._understood.add(id(expression))
            expression = expression.value
        self._understood.add(id(expression))

    def _attribute(self, node: ast.Attribute) -> Iterator[tuple[str, str]]:
        if node.attr in _INTERNALS:
            yield "introspection", node.attr
        if id(node) in self._understood:
            return
        if isinstance(node.value, ast.Attribute | ast.Name):
            self._understand(node.value)
        path = self._names.path(node)
        if path is None:
            if node.attr in _TELLING_METHODS:
                yield _TELLING_METHODS[node.attr], f".{node.attr}"
        elif isinstance(node.ctx, ast.Load):
            yield from _classified(path)
        elif self._names.is_module(_root(node)):
            yield "introspection", f"{path} ="

    def _name(self, node: ast.Name, name: str) -> Iterator[tuple[str, str]]:
        if not isinstance(node.ctx, ast.Load):
            return
        path = self._names.path(node)
        if path is None or "(" in path or "[" in path:
            return
        if path in _OPENERS:
            yield from _opened(None, path)
        elif name in self._names.modules and path.partition(".")[0] in _SENSITIVE:
            yield "introspection", f"{path} as a value"
        elif name not in self._names.modules:
            yield from _classified(path)


def _root(expression: ast.expr) -> ast.expr:
    while isinstance(expression, ast.Attribute):
        expression = expression.value
    return expression


def _imported(module: str) -> Iterator[tuple[str, str]]:
    root = module.partition(".")[0]
    capability = _look_up(module)
    if root not in _HARMLESS and capability is None:
        yield "imports", module
    elif module not in _HARMLESS and capability not in (None, "nothing"):
        yield str(capability), module


def _classified(path: str, *, of_import: bool = False) -> Iterator[tuple[str, str]]:
    if path.startswith("pathlib."):
        *_, before, last = path.split(".")
        on_text = before.rstrip("()") in _PATH_TEXTS
        if not on_text and last in _PATH_WRITES | _PATH_READS:
            yield "file_writes" if last in _PATH_WRITES else "files", f"Path.{last}"
            return
    if "(" in path or "[" in path:
        last = path.rpartition(".")[2]
        if last in _TELLING_METHODS:
            yield _TELLING_METHODS[last], f".{last}"
        return
    path = _rooted(path)
    if path in _OPENERS and not of_import:
        yield from _opened(None, path)
        return
    capability = _look_up(path)
    if capability not in (None, "nothing"):
        yield str(capability), path


def _rooted(path: str) -> str:
    """`pathlib.os.system` is `os.system`: a module that another one happens to hold."""
    parts = path.split(".")
    for place in range(len(parts) - 1, 0, -1):
        if (bare := parts[place].lstrip("_")) in _HELD_BY_OTHERS:
            return ".".join([bare, *parts[place + 1 :]])
    return path


def _look_up(path: str) -> str | None:
    while path:
        if path in _REACHES:
            return _REACHES[path]
        path = path.rpartition(".")[0]
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
