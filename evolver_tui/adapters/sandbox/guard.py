"""The first thing that runs in a box: give up for good what a stranger's program may not have, then become it.

Started by path, as `python -I -S start.pyc SETTINGS`, with the standard library alone and one thread. It fails closed:
where something cannot be given up, the process ends before the program's first line. Nothing of this is ever given
back, whatever the program imports or writes into this process's memory.

- Landlock (landlock(7)): files are read below `readable`, written below `writable`, and nowhere else; no TCP.
- seccomp (seccomp(2)): system calls that `system_calls.py` does not list do not exist.
- Limits of its own resources (setrlimit(2)), which cannot be raised again.
- Root becomes `user`, since limits on processes do not bind root, and gives up its capabilities.

SETTINGS is a dictionary, as bytes of `marshal` in hexadecimal digits: `program` (a Python file, run as `__main__`;
one that ends in .pyc is compiled already) and its `arguments`, `channel` (the descriptor of its socket), `folder` (to
work in), `readable`, `writable`, `devices` (paths), `limits` (kinds of resource limits to soft and hard ones), `filter`
(of system calls, in pieces between which this process's number belongs), `user` (whom root becomes, as user and group;
None for others), `parent` (whose end ends this process; None where something else does that).

Every run waits for what this module loads, so it loads little: `json`, `typing` and `ctypes` each take a good part of
the time in which an interpreter starts.
"""

from __future__ import annotations

import marshal
import os
import sys
from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, dlopen, dlsym, get_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

CHANNEL = 3
"""Where the program finds its socket."""
REFUSED = 97
"""The exit code of a process whose box could not be closed."""
_PYC_HEAD = 16
"""Bytes before the code in a .pyc."""

# --- the kernel, by the C library ----------------------------------------------------------------------------------


class _Int(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _Long(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class _Address(_SimpleCData):  # type: ignore[type-arg]
    """Of the first of some bytes, as long as these are there."""

    _type_ = "z"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Int


_library = dlopen(None, 0)  # type: ignore[arg-type]
_prctl, _capset, _setrlimit, _syscall = (
    _Function(dlsym(_library, name)) for name in ("prctl", "capset", "setrlimit", "syscall")
)


def _call(what: str, function: _Function, *arguments: int | bytes | _Address | None) -> int:
    result: int = function(*(_Long(each) if isinstance(each, int) else each for each in arguments))
    if result < 0:
        refuse(f"{what}: {os.strerror(get_errno())}")
    return result


def _fields(size: int, *values: int) -> bytes:
    """Numbers of so many bytes each, as the kernel reads them."""
    return b"".join(value.to_bytes(size, sys.byteorder) for value in values)


# --- Landlock ------------------------------------------------------------------------------------------------------

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FOLDER, _REMOVE_FILE, _MAKE_FOLDER, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_MOVE, _TRUNCATE = 1 << 13, 1 << 14
_BITS_OF_ABI = (0, 13, 14, 15, 15, 16)
"""How many kinds of access to files each version of Landlock's interface knows."""
_READ = _READ_FILE | _READ_FOLDER
_READ_AND_WRITE = (
    _READ | _WRITE_FILE | _REMOVE_FOLDER | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE | _MOVE | _TRUNCATE
)  # no links by name, sockets, pipes or devices
_OF_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE
_CREATE_RULES, _ADD_RULE, _RESTRICT = 444, 445, 446
"""Landlock's system calls, the same on every machine."""


def restrict_files(readable: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> None:
    """Let this process, and what it may become, see nothing but these paths. A path that is missing stays hidden."""
    abi = _call("Landlock", _syscall, _CREATE_RULES, None, 0, 1)
    known = (1 << _BITS_OF_ABI[min(abi, len(_BITS_OF_ABI) - 1)]) - 1
    # From the fourth on TCP (bind, connect), from the sixth on abstract sockets and signals.
    attributes = _fields(8, known, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = _call("Landlock", _syscall, _CREATE_RULES, attributes, len(attributes), 0)
    for paths, access in ((readable, _READ), (writable, _READ_AND_WRITE), (devices, _READ_FILE | _WRITE_FILE)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = access & known if os.path.isdir(path) else access & known & _OF_A_FILE
            _call(path, _syscall, _ADD_RULE, rules, 1, _fields(8, allowed) + _fields(4, place), 0)
            os.close(place)
    _call("Landlock", _syscall, _RESTRICT, rules, 0)
    os.close(rules)


# --- the process itself --------------------------------------------------------------------------------------------

_END_WITH_PARENT, _KEEP_CAPABILITIES, _SECCOMP, _NO_NEW_PRIVILEGES = 1, 8, 22, 38
"""What prctl(2) is asked for."""
_FILTER = 2
_INSTRUCTION = 8
"""Bytes of one of the filter's."""


def restrict_system_calls(pieces: Iterable[bytes]) -> None:
    """Leave this process the system calls that a filter lets through."""
    program = _fields(4, os.getpid()).join(pieces)
    # struct sock_fprog: how many instructions, and where they are.
    head = _fields(2, len(program) // _INSTRUCTION) + bytes(6) + bytes(_Address(program))
    _call("seccomp", _prctl, _SECCOMP, _FILTER, head)


def limit(limits: dict[int, tuple[int, int]]) -> None:
    """Lower the process's own limits."""
    for kind, soft_and_hard in limits.items():
        _call("setrlimit", _setrlimit, kind, _fields(8, *soft_and_hard))


def become(user: int | None, needed: Iterable[str]) -> int:
    """Stop being root. Returns the capabilities to keep, as bits: to read what is `needed`, if that takes one."""
    if user is None:
        return 0
    _call("prctl", _prctl, _KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    may_read = all(os.access(path, os.R_OK) for path in needed)
    return 0 if may_read else 1 << 2  # CAP_DAC_READ_SEARCH, within what Landlock leaves


def drop_capabilities(kept: int) -> None:
    """Give up every capability but `kept`, a set of bits."""
    head, data = _fields(4, 0x20080522, 0), _fields(4, kept, kept, 0, 0, 0, 0)
    result: int = _capset(head, data)
    if result < 0 and kept:  # there never was one: what cannot be read will be said
        drop_capabilities(0)
    elif result < 0:
        refuse(f"capabilities: {os.strerror(get_errno())}")


def refuse(why: str) -> NoReturn:
    """End the process before the program's first line."""
    sys.stderr.write(f"The box cannot be closed: {why}.\n")
    sys.stderr.flush()
    os._exit(REFUSED)


def close_box(settings: dict[str, Any]) -> None:
    """Give up everything that the settings do not leave, for good."""
    readable, writable = settings["readable"], settings["writable"]
    drop_capabilities(become(settings["user"], (os.path.dirname(os.__file__), *writable)))
    os.chdir(settings["folder"])
    if (parent := settings["parent"]) is not None:
        _call("prctl", _prctl, _END_WITH_PARENT, 9, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(REFUSED)
    limit(settings["limits"])
    _call("prctl", _prctl, _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    restrict_files(readable, writable, settings["devices"])
    restrict_system_calls(settings["filter"])


def main(settings: dict[str, Any]) -> None:
    """Close the box and become the program."""
    if settings["channel"] != CHANNEL:
        os.dup2(settings["channel"], CHANNEL)
        os.close(settings["channel"])
    os.set_inheritable(CHANNEL, False)
    os.environ.pop("PWD", None)
    try:
        close_box(settings)
    except (OSError, ValueError, AttributeError) as error:
        refuse(str(error))
    path = settings["program"]
    with open(path, "rb") as file:
        content = file.read()
    is_compiled = path.endswith(".pyc")
    program = marshal.loads(content[_PYC_HEAD:]) if is_compiled else compile(content, path, "exec", dont_inherit=True)
    sys.argv = [path, *settings["arguments"]]
    exec(program, {"__name__": "__main__", "__file__": path, "__builtins__": __builtins__})


if __name__ == "__main__":
    main(marshal.loads(bytes.fromhex(sys.argv[1])))
