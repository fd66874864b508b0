"""The front door: standard streams, which command is called, exit codes.

Nothing but the standard library is imported here before it is known what was asked for: the console has to be on the
screen at once, and a script that asks for one line must not wait for it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import EvolverError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `evolver-tui`; returns the exit code."""
    _mend_standard_streams()
    code = _call(*_read(sys.argv[1:] if arguments is None else arguments))
    was_delivered = _flush(sys.stdout)
    _flush(sys.stderr)
    return code or (ExitCode.DONE if was_delivered else ExitCode.FAILED)


def _read(arguments: Sequence[str]) -> tuple[Callable[[Any], int], Options]:
    """What is to be called, and its options."""
    if not arguments:  # the console, as most often: its first frame need not wait for a parser
        from evolver_tui.cli import console

        return console.run, console.ConsoleOptions()
    from evolver_tui.cli.parser import make_parser

    given = vars(make_parser().parse_args(arguments))
    return given["run"], given["options"](**given)


def _call(run: Callable[[Any], int], options: Options) -> int:
    try:
        if options.demo and not options.takes_demo:
            raise UsageError("--demo goes with the console, `worker`, `jobs` and `export`.")
        return run(options)
    except UsageError as error:
        _complain(str(error))
        return ExitCode.WRONG_USAGE
    except EvolverError as error:
        _complain(str(error))
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone: nobody is left to be told
        return ExitCode.FAILED
    except OSError as error:
        _complain(f"The system refused: {show_addresses(str(error))}.")
        return ExitCode.FAILED


def _complain(sentence: str) -> None:
    from evolver_tui.cli.output import say

    say(f"evolver-tui: {sentence}", sys.stderr)


def _mend_standard_streams() -> None:
    """Let every standard stream be open, and take any character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this; the next file that is opened would take its number
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush(stream: TextIO) -> bool:
    """Write out what is still held; False when nobody takes it. Python itself would complain about that at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
