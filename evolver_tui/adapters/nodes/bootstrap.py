"""The first lines of a node's own process: become the node, and tell at its end what it took.

Laid out beside node_runtime.py and run in a box, as `__main__` with the node's path below this file's folder as its
argument, so it imports nothing but the standard library.
"""

from __future__ import annotations

import errno
import os
import resource
import sys

TYPE_CHECKING = False  # `typing` takes longer to load than the interpreter does to start
if TYPE_CHECKING:
    from types import TracebackType

TOOL_DESCRIPTOR = 3


def report_use() -> None:
    """Tell the program the most memory that this process had, and its processor time: from outside, what started it is
    counted in the one, and may be all that is counted in the other."""
    try:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _tell(f'{{"memory_kb": {_most_memory()}, "cpu_seconds": {used.ru_utime + used.ru_stime:.6f}}}')
    except (OSError, StopIteration, ValueError, MemoryError):
        return


def _most_memory() -> int:
    """In KiB."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except FileNotFoundError:  # where there is no /proc, this counts from what started it, which is small there
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def report_limit(error: BaseException) -> None:
    """Tell the program which limit an error speaks of, if any."""
    numbers = {errno.EFBIG: "file_mb", errno.EMFILE: "open_files"}
    limit = numbers.get(error.errno or 0) if isinstance(error, OSError) else None
    if isinstance(error, MemoryError):
        limit = "memory_mb"
    elif isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        limit = "processes"
    if limit is not None:
        try:
            _tell(f'{{"limit": "{limit}"}}')
        except (OSError, MemoryError):
            return


def _tell(line: str) -> None:
    os.write(TOOL_DESCRIPTOR, line.encode() + b"\n")


def main(path: str) -> None:
    """Become the node."""

    def show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Print what Python would, beginning at the node: how it was started is nothing that its author wrote."""
        while trace is not None and trace.tb_frame.f_code.co_filename != path:
            trace = trace.tb_next
        sys.__excepthook__(kind, error.with_traceback(trace), trace)
        report_limit(error)

    sys.excepthook = show_error
    with open(path, "rb") as file:
        source = file.read()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.argv = [path]
    node = type(sys)("__main__")  # a module: the name of its type is in `types`, which takes its time
    node.__file__ = path
    sys.modules["__main__"] = node
    try:
        exec(compile(source, path, "exec", dont_inherit=True), node.__dict__)
    finally:
        report_use()


if __name__ == "__main__":
    main(os.path.join(os.path.dirname(os.path.abspath(__file__)), sys.argv[1]))
