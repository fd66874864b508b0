"""`evolver-tui rules`: what is done by itself when a signal tells of something, and what that would have been."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import (
    Subparsers,
    add_json_argument,
    call,
    workspace_arguments,
    workspace_or_demo_arguments,
)
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from evolver_tui.cli.output import Result
    from evolver_tui.core.rule import Firing, Rule, RuleSet
    from evolver_tui.core.signal import Signal
    from evolver_tui.settings.workspace import Workspace

_LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one signal in a file."""
_PAGE = 1_000


class RulesOptions(Options):
    """What is asked of the rules; each verb reads those that it has."""

    takes_demo = True

    verb: str
    json: bool
    file: str | None
    session: str | None


def add_parser(commands: Subparsers) -> None:
    """Add the command with its verbs."""
    rules = commands.add_parser("rules", help="what is done by itself when a signal tells of something")
    verbs = rules.add_subparsers(metavar="VERB", required=True)
    for verb, help_text in (
        ("list", "every rule: when, what for, what it does"),
        ("check", "what is wrong with them"),
        ("test", "what would have been done, and when, with the signals on standard input; nothing is done"),
    ):
        shared = workspace_or_demo_arguments() if verb == "test" else workspace_arguments()
        parser = verbs.add_parser(verb, parents=[shared], help=help_text)
        parser.add_argument("file", metavar="FILE", nargs="?", help="default: rules.toml beside the config")
        if verb == "test":
            parser.add_argument("--session", metavar="ID", help="the signals of a session instead; latest is the last")
        add_json_argument(parser)
        call(run, RulesOptions, parser, verb=verb)


def run(options: RulesOptions) -> int:
    """List, check or rehearse rules. Nothing is changed."""
    from evolver_tui.cli.output import show
    from evolver_tui.wiring import known_rules

    workspace = options.find_database() if options.verb == "test" and options.session else options.find_workspace()
    file = Path(options.file) if options.file else workspace.paths.rules_file
    if options.file and not file.is_file():
        raise UsageError(f"There is no file {file}.", "Name a file of rules.")
    found = known_rules(workspace, file)
    if options.verb == "test":
        return show(_rehearsed(found, _signals(options, workspace)), as_json=options.json)
    return show(_listed(found) if options.verb == "list" else _checked(found, file), as_json=options.json)


def _checked(found: RuleSet, file: Path) -> Result:
    from evolver_tui.cli.output import Result

    problems = [str(problem) for problem in found.problems]
    count = "1 rule" if len(found.rules) == 1 else f"{len(found.rules)} rules"
    good = f"{file} can be used: {count}." if file.is_file() else f"There is no {file}, and no rule."
    value = {"file": str(file), "rules": [rule.name for rule in found.rules], "problems": problems}
    code = ExitCode.WRONG_USAGE if problems else ExitCode.DONE
    return Result(value, "\n".join(problems) or good, exit_code=code)


def _listed(found: RuleSet) -> Result:
    from evolver_tui.cli.output import Result, table

    problems = [str(problem) for problem in found.problems]
    head = ("RULE", "WHEN", "IF", "THEN", "FOR", "COOLDOWN")
    lines = [table([head, *map(_cells, found.rules)])] if found.rules else ["There is no rule."]
    value = {"rules": [_value(rule) for rule in found.rules], "problems": problems}
    return Result(value, "\n".join([*lines, *problems]))


def _cells(rule: Rule) -> tuple[str, ...]:
    from evolver_tui.core.safe_text import safe_text

    holds = _duration(rule.holds_for) if rule.holds_for else "-"
    until = f" until {', '.join(rule.until)}" if rule.until else ""
    return (
        safe_text(rule.name),
        safe_text(", ".join(rule.when)),
        safe_text(rule.condition.text, 60) or "-",
        safe_text("; ".join(map(str, rule.actions)), 80),
        f"{holds}{until}",
        _duration(rule.cooldown) if rule.cooldown else "-",
    )


def _value(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "line": rule.line,
        "when": list(rule.when),
        "if": rule.condition.text,
        "then": [{"action": action.kind.value, "value": action.value} for action in rule.actions],
        "cooldown": rule.cooldown,
        "for": rule.holds_for,
        "until": list(rule.until),
    }


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


# --- what would have been done


def _rehearsed(found: RuleSet, log: Iterable[tuple[int, Signal]]) -> Result:
    from evolver_tui.cli.output import Result, table
    from evolver_tui.core.rule import Trouble, rehearse
    from evolver_tui.core.safe_text import safe_text

    counter = _Counter(log)
    fired: list[Firing] = []
    troubles: list[str] = []
    for each in rehearse(found.rules, counter):
        if isinstance(each, Trouble):
            troubles.append(f"{each.rule.name}: {each.error}")
        else:
            fired.append(each)
    rows = [_fired_cells(each) for each in fired]
    head = ("TIME", "SIGNAL", "RULE", "WHAT", "ABOUT", "WOULD")
    value = {
        "signals": counter.count,
        "fired": [_fired_value(each) for each in fired],
        "troubles": troubles,
        "problems": [str(problem) for problem in found.problems],
    }
    message = [*map(str, found.problems), *(safe_text(trouble, 400) for trouble in troubles)]
    heard = "1 signal" if counter.count == 1 else f"{counter.count:,} signals"
    text = table([head, *rows]) if rows else f"No rule fires with {heard}."
    return Result(value, text, "\n".join(message), is_answer=True)


class _Counter:
    """Counts what goes through."""

    def __init__(self, log: Iterable[tuple[int, Signal]]) -> None:
        self._log = log
        self.count = 0

    def __iter__(self) -> Iterator[tuple[int, Signal]]:
        for entry in self._log:
            self.count += 1
            yield entry


def _fired_cells(firing: Firing) -> tuple[str, ...]:
    from evolver_tui.core.rule import subject_of
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.core.times import utc_text

    return (
        utc_text(firing.at),
        str(firing.number),
        safe_text(firing.rule.name),
        safe_text(firing.signal.name, 60),
        safe_text(subject_of(firing.signal), 40) or "-",
        safe_text("; ".join(map(str, firing.actions)), 120),
    )


def _fired_value(firing: Firing) -> dict[str, Any]:
    from evolver_tui.core.times import utc_text

    return {
        "at": utc_text(firing.at),
        "rule": firing.rule.name,
        "number": firing.number,
        "signal": firing.signal.name,
        "context": dict(firing.signal.context),
        "actions": [str(action) for action in firing.actions],
        "held_back": firing.held_back,
    }


def _signals(options: RulesOptions, workspace: Workspace) -> Iterable[tuple[int, Signal]]:
    if options.session:
        return _of_session(options.session, workspace)
    if sys.stdin.isatty():
        raise UsageError(
            "There are no signals on standard input.",
            "Add < session.jsonl, of `evolver-tui export`, or --session latest.",
        )
    return _of_standard_input()


def _of_standard_input() -> Iterator[tuple[int, Signal]]:
    """The signals among the lines of an export, or of a file of signals, each with its number there or its line's.

    Raises UsageError for a line that is none of both.
    """
    from evolver_tui.core.json_text import strict_json
    from evolver_tui.core.signal import EVENT_TYPE, Signal, is_signal_name

    line_number = 0
    while line := sys.stdin.buffer.readline(_LONGEST_LINE):
        line_number += 1
        if not line.strip():
            continue
        try:
            record = strict_json(line, any_number=True)
        except (ValueError, RecursionError):
            record = None
        kind = record.get("type") if isinstance(record, dict) else None
        if kind in ("session", "job"):
            continue
        parts = (record.get("payload", {}), record.get("context", {})) if isinstance(record, dict) else ()
        is_fit = kind in ("signal", EVENT_TYPE) and all(isinstance(part, dict) for part in parts)
        if not is_fit or not is_signal_name(record.get("name")):
            raise UsageError(
                f"Line {line_number} of standard input is no signal.",
                "It takes what `evolver-tui export --format jsonl` writes, or a file of signals.",
            )
        number = record.get("seq")
        yield number if isinstance(number, int) else line_number, Signal(record["name"], *parts)


def _of_session(session_id: str, workspace: Workspace) -> list[tuple[int, Signal]]:
    """Raises UsageError, StoreError."""
    import asyncio

    from evolver_tui.engine.export import find_session
    from evolver_tui.wiring import make_reader

    store = make_reader(workspace)

    async def read() -> list[tuple[int, Signal]]:
        await store.open()
        try:
            found: list[tuple[int, Signal]] = []
            session, after = await find_session(store, session_id), 0
            while page := await store.signals(session.id, after, _PAGE):
                found += [(each.seq, each.signal) for each in page]
                after = page[-1].seq
            return found
        finally:
            await store.close()

    return asyncio.run(read())
