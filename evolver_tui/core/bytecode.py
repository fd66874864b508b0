"""Python source compiled ahead, so that a process that lives for milliseconds need not do it."""

from __future__ import annotations

import marshal
from functools import cache
from importlib.util import MAGIC_NUMBER
from pathlib import Path

_NEVER_CHECKED = 0b01
"""The flag of a .pyc that is taken as it is, whatever its source is by now (PEP 552)."""


@cache
def compiled(source: Path) -> bytes:
    """The content of a .pyc for this interpreter, of a file that does not change while this process lives.

    Raises:
        OSError: it cannot be read.
    """
    code = compile(source.read_bytes(), source, "exec", dont_inherit=True)
    return MAGIC_NUMBER + _NEVER_CHECKED.to_bytes(4, "little") + bytes(8) + marshal.dumps(code)
