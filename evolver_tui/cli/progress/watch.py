"""`evolver-tui progress watch`: a training run as text, for scripts and over ssh."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any, Final

from evolver_tui.cli.arguments import add_json_argument, call, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import json_text, say
from evolver_tui.core.safe_text import safe_text

if TYPE_CHECKING:
    from evolver_tui.cli.progress.command import Verbs
    from evolver_tui.core.training.record import Event
    from evolver_tui.core.training.training_run import TrainingRun
    from evolver_tui.engine.training.source import SettlingSource, SourceStanding

_SECONDS_BETWEEN_LOOKS: Final = 0.02
_MOST_LISTED: Final = 1_000


class WatchOptions(Options):
    """What is watched, and how it is told."""

    place: str
    run_name: str | None
    once: bool
    every: float
    json: bool


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "watch", parents=[workspace_arguments()], help="a training run as text, from a server or from files",
        description="Follows a run and writes a line for each update: of a progress server, by WebSocket, by long "
        "polls or by asking again and again, whichever works; or of a file or folder that grows, as this program, "
        "TensorBoard, Hugging Face's Trainer, Lightning or trackio write it. How it is read is told on standard error. "
        "Ends with the run: with code 1 where that failed or was cut off.",
    )  # fmt: skip
    parser.add_argument("place", metavar="URL|PATH", help="a progress server, a file, or a folder")
    parser.add_argument(
        "run_name", metavar="RUN", nargs="?", help="a run's id or name; without one, the only one, else they are listed"
    )
    parser.add_argument("--once", action="store_true", help="write the present state and end")
    parser.add_argument("--every", metavar="SECONDS", type=_seconds, default=1.0, help="at least between two lines (1)")
    add_json_argument(parser)
    call(run, WatchOptions, parser)


def run(options: WatchOptions) -> int:
    """Watch until the run ends."""
    import asyncio

    return asyncio.run(_watch(options))


async def _watch(options: WatchOptions) -> ExitCode:
    from evolver_tui.wiring.training import make_progress_source, make_source

    workspace = options.find_workspace()
    source: SettlingSource
    if "://" in options.place:
        source = make_progress_source(workspace, options.place, options.run_name or "")
    else:
        source = make_source(workspace, options.place)
    await source.open()
    try:
        return await _Watcher(source, options).watch()
    finally:
        await source.close()


class _Watcher:
    """Tells of one run of a source."""

    def __init__(self, source: SettlingSource, options: WatchOptions) -> None:
        self._source = source
        self._options = options
        self._standing: SourceStanding | None = None
        self._status = ""
        self._told: tuple[object, ...] = ()
        """What the latest line told."""
        self._last_event: Event | None = None

    async def watch(self) -> ExitCode:
        """Until the run ends. Raises EvolverError, OSError."""
        run = await self._find()
        if run is None:
            return ExitCode.DONE
        self._source.follow(run.run_id)
        self._last_event = run.events[-1] if run.events else None
        self._tell_state(run)
        if self._options.once:
            return ExitCode.DONE
        await self._follow(run)
        return ExitCode.DONE if run.status == "completed" else ExitCode.FAILED

    # --- which run

    async def _find(self) -> TrainingRun | None:
        """The run to watch, as soon as it is there; None where there are several, which are listed."""
        import asyncio

        settling = asyncio.create_task(self._source.settled())
        try:
            while True:
                self._tell_standing()
                found = self._named()
                is_meant = self._options.run_name is not None and not self._options.once
                if found is not None and (settling.done() or is_meant):
                    return found
                if settling.done():
                    if self._lists():
                        return None
                    if self._options.once or self._source.needs_name:
                        self._refuse()
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            settling.cancel()

    def _named(self) -> TrainingRun | None:
        """The run that is meant, once something is known of it."""
        runs = [run for run in self._source.runs.values() if not run.is_overview]
        name = self._options.run_name
        if name is None:
            found = [run for run in runs if run.changes]
            return found[0] if len(runs) == len(found) == 1 else None
        named = [run for run in runs if run.run_id == name] or [run for run in runs if run.name == name]
        return named[-1] if named and named[-1].changes else None

    def _lists(self) -> bool:
        """List the runs where none was named and there is more than one; whether that was so."""
        from evolver_tui.cli.progress.run_lines import runs_table, state_value

        runs = sorted(self._source.runs.values(), key=lambda run: (run.is_over, -run.last_at, run.run_id))[
            :_MOST_LISTED
        ]
        if self._options.run_name is not None or len(runs) < 2:
            return False
        if self._options.json:
            for run in runs:
                _write(json_text(state_value(run)))
        else:
            _write(runs_table(runs))
        say("evolver-tui: Name one of these runs to watch it.", sys.stderr)
        return True

    def _refuse(self) -> None:
        """Say why there is nothing to be told at once. Raises EvolverError."""
        from evolver_tui.core.errors import EvolverError, UsageError

        standing, name = self._source.standing, self._options.run_name
        reason = safe_text(standing.reason, 500)
        if standing.is_up and self._source.needs_name and name is None:
            raise UsageError(f"{safe_text(standing.place, 500)} does not list its sessions.", "Name one.")
        if not standing.is_up and not self._options.once:
            return
        if not standing.is_up:
            raise EvolverError(f"{safe_text(standing.place, 500)} cannot be read.", reason)
        if name is not None:
            raise UsageError(f"There is no run {safe_text(name, 100)!r} at {safe_text(standing.place, 500)}.")
        raise EvolverError(f"There is no run at {safe_text(standing.place, 500)}.")  # why is told already

    # --- telling

    async def _follow(self, run: TrainingRun) -> None:
        """Tell what comes until the run is over: an event at once, the state at a bounded rate, the last one always."""
        import asyncio

        from evolver_tui.cli.progress.run_lines import new_events

        clock = asyncio.get_running_loop().time
        told_at, seen = clock(), -1
        while True:
            self._tell_standing()
            is_over = run.is_over
            if run.changes != seen:
                seen = run.changes
                for event in new_events(run, self._last_event):
                    self._tell_event(run, event)
                    self._last_event = event
            if _state_of(run) != self._told and (is_over or clock() - told_at >= self._options.every):
                self._tell_state(run)
                told_at = clock()
            self._tell_status(run)
            if is_over:
                return
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

    def _tell_state(self, run: TrainingRun) -> None:
        from evolver_tui.cli.progress.run_lines import state_line, state_value

        self._told = _state_of(run)
        _write(json_text(state_value(run)) if self._options.json else state_line(run))

    def _tell_event(self, run: TrainingRun, event: Event) -> None:
        from evolver_tui.cli.progress.run_lines import event_line, event_value

        _write(json_text(event_value(run, event)) if self._options.json else event_line(event))

    def _tell_status(self, run: TrainingRun) -> None:
        from evolver_tui.core.training.record import CUT_OFF, SILENT

        if run.status == self._status:
            return
        before, self._status = self._status, run.status
        if run.status == SILENT:
            say("evolver-tui: Nothing was told of it for long; it is waited for.", sys.stderr)
        elif run.status == CUT_OFF:
            say("evolver-tui: Its process ended without a word.", sys.stderr)
        elif run.is_over:
            say(f"evolver-tui: The run {safe_text(run.status, 20)}.", sys.stderr)
        elif before:
            say("evolver-tui: It goes on.", sys.stderr)

    def _tell_standing(self) -> None:
        standing = self._source.standing
        if standing == self._standing:
            return
        is_first, self._standing = self._standing is None, standing
        reason = safe_text(standing.reason, 500)
        place = safe_text(standing.place, 500)
        if standing.is_up:
            say(f"evolver-tui: {place} is read ({safe_text(standing.way, 40)}). {reason}".rstrip(), sys.stderr)
        elif not is_first and not self._options.once:
            say(f"evolver-tui: {place} cannot be read. {reason}".rstrip(), sys.stderr)


def _state_of(run: TrainingRun) -> tuple[object, ...]:
    """What a line of a run's state is made of: another one is due where this has changed."""
    return run.step, run.model, run.points, run.status, len(run.completed), run.header.total_steps


def _write(line: str) -> None:
    """Write a line at once. Raises OSError where nobody takes it."""
    say(line, sys.stdout)
    sys.stdout.flush()


def _seconds(text: str) -> float:
    try:
        seconds: Any = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 86400")
    return float(seconds)
