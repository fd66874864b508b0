"""The first lines of a node's own process: give up what a node may not have, then become the node.

Started by path, as `python -I -S node_bootstrap.py SETTINGS`, so it imports nothing but the standard library. SETTINGS
is one JSON object: `root` (the folder that holds node_runtime.py), `main` (the node), `tools` (the descriptor of the
socket for tool calls) and `limits`, names of resource limits to numbers.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import types
from typing import Any

TOOL_DESCRIPTOR = 3


def limit(limits: dict[str, int]) -> None:
    """Lower the process's own limits. One that the system does not have, or has lower, is left as it is."""
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        if name == "RLIMIT_NPROC":
            running = count_threads(os.getuid())
            if running is None:
                continue
            value += running
        hard = resource.getrlimit(kind)[1]
        # At the hard limit on processor time the signal would be KILL, which says nothing.
        ceiling = value + 1 if name == "RLIMIT_CPU" else value
        if hard != resource.RLIM_INFINITY:
            value, ceiling = min(value, hard), min(ceiling, hard)
        try:
            resource.setrlimit(kind, (value, ceiling))
        except (ValueError, OSError):
            continue


def count_threads(user: int) -> int | None:
    """Threads that a user has on this machine, which is what the limit on processes counts; None where unknown."""
    threads = 0
    try:
        for name in os.listdir("/proc"):
            if not name.isdecimal():
                continue
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    threads += os.stat(f"/proc/{name}/task").st_nlink - 2
            except OSError:
                continue
    except OSError:
        return None
    return threads


def take_tools(descriptor: int) -> None:
    """Put the socket for tool calls where nodes expect it, out of reach of processes that the node starts."""
    if descriptor != TOOL_DESCRIPTOR:
        os.dup2(descriptor, TOOL_DESCRIPTOR)
        os.close(descriptor)
    os.set_inheritable(TOOL_DESCRIPTOR, False)


def report_memory() -> None:
    """Tell the program the most memory that this process had: what it sees from outside includes its own."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            peak = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
        os.write(TOOL_DESCRIPTOR, json.dumps({"memory_kb": int(peak)}).encode() + b"\n")
    except (OSError, StopIteration, ValueError, MemoryError):
        return


def show_error(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    """Print what Python would, beginning at the node: how it was started is nothing that its author wrote."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def main(settings: dict[str, Any]) -> None:
    """Become the node."""
    sys.excepthook = show_error
    take_tools(settings["tools"])
    path = settings["main"]
    with open(path, "rb") as file:
        source = file.read()
    sys.path.insert(0, settings["root"])
    sys.argv = [path]
    node = types.ModuleType("__main__")
    node.__file__ = path
    sys.modules["__main__"] = node
    limit(settings["limits"])
    try:
        exec(compile(source, path, "exec", dont_inherit=True), node.__dict__)
    finally:
        report_memory()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
