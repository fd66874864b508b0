"""The first thing that runs where no box holds a program: lower the limits that this system knows, then become it.

Started by path, as `python -I -S start.pyc SETTINGS`, with the standard library alone. Nothing is given up here: the
program may do all that its user may. A limit that this system does not know, or does not lower, is left as it is.

SETTINGS is a dictionary, as bytes of `marshal` in hexadecimal digits: `program` (a Python file, run as `__main__`; one
that ends in .pyc is compiled already) and its `arguments`, `channel` (the descriptor of its socket), `folder` (to work
in), `limits` (kinds of resource limits to soft and hard ones).
"""

from __future__ import annotations

import contextlib
import marshal
import os
import resource
import sys
from typing import Any

CHANNEL = 3
"""Where the program finds its socket."""
_PYC_HEAD = 16
"""Bytes before the code in a .pyc."""


def main(settings: dict[str, Any]) -> None:
    """Become the program."""
    if settings["channel"] != CHANNEL:
        os.dup2(settings["channel"], CHANNEL)
        os.close(settings["channel"])
    os.set_inheritable(CHANNEL, False)
    os.chdir(settings["folder"])
    for kind, soft_and_hard in settings["limits"].items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, soft_and_hard)
    path = settings["program"]
    with open(path, "rb") as file:
        content = file.read()
    is_compiled = path.endswith(".pyc")
    program = marshal.loads(content[_PYC_HEAD:]) if is_compiled else compile(content, path, "exec", dont_inherit=True)
    sys.argv = [path, *settings["arguments"]]
    exec(program, {"__name__": "__main__", "__file__": path, "__builtins__": __builtins__})


if __name__ == "__main__":
    main(marshal.loads(bytes.fromhex(sys.argv[1])))
