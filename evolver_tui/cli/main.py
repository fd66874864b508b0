"""The front door: standard streams, which command is called, exit codes.

Nothing but the standard library is imported here before it is known what was asked for: the console has to be on the
screen at once, and a script that asks for one line must not wait for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from evolver_tui.cli import standard_streams
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import EvolverError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `evolver-tui`; returns the exit code."""
    standard_streams.mend()
    try:
        code = _call(*_read(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as end:  # the parser has written help, or what is wrong
        code = end.code if isinstance(end.code, int) else ExitCode.DONE
    except OSError:  # help that nobody takes
        code = ExitCode.FAILED
    refusal = standard_streams.refusal()
    if refusal is not None:
        code = code or ExitCode.FAILED
        _complain(standard_streams.refusal_text(refusal))
    standard_streams.flush(sys.stderr)
    return code


def _read(arguments: Sequence[str]) -> tuple[Callable[[Any], int], Options]:
    """What is to be called, and its options."""
    if not arguments:  # the console, as most often: its first frame need not wait for a parser
        from evolver_tui.cli import console

        return console.run, console.ConsoleOptions()
    from evolver_tui.cli.parser import make_parser

    given = vars(make_parser(arguments[0]).parse_args(arguments))
    return given["run"], given["options"](**given)


def _call(run: Callable[[Any], int], options: Options) -> int:
    from evolver_tui.cli.log_lines import make_log_lines_safe

    make_log_lines_safe()
    try:
        if options.demo and not options.takes_demo:
            raise UsageError("--demo goes with the console, `worker`, `jobs` and `export`.")
        if options.demo and options.database is not None:
            raise UsageError("--demo has a database of its own, and takes no --database.", "Leave out one of them.")
        return run(options)
    except UsageError as error:
        _complain(str(error))
        return ExitCode.WRONG_USAGE
    except EvolverError as error:
        _complain(str(error))
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except OSError as error:
        if standard_streams.refusal() is None:
            _complain(f"The system refused: {show_addresses(str(error))}.")
        return ExitCode.FAILED


def _complain(sentence: str) -> None:
    from evolver_tui.cli.output import say

    if sentence:
        say(f"evolver-tui: {sentence}", sys.stderr)
