"""How a command ends, as a script sees it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    meaning: str
    """What README says of it."""

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "done"
    FAILED = 1, "what was asked for failed"
    WRONG_USAGE = 2, "wrong usage or config"
    INTERRUPTED = 130, "interrupted"
