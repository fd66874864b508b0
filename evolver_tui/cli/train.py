"""`evolver-tui train`: trains models on what was decided or approved, and keeps how far it is."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, workspace_or_demo_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import Result, show, tell
from evolver_tui.core.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal
    from evolver_tui.engine.training.trainer import Outcome
    from evolver_tui.settings.trainer_config import TrainerConfig
    from evolver_tui.settings.workspace import Workspace
    from evolver_tui.wiring.trainer import PlannedTraining


class TrainOptions(Options):
    """What the training is told."""

    takes_demo = True

    config: str | None
    resume: str | None
    model: str | None
    save_dir: str | None
    json: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train", parents=[workspace_or_demo_arguments()], help="train models on decisions, or on approved nodes",
        description="Trains an estimate on the decisions of this database, or with the extra `train` a small language "
        "model on approved nodes. Ctrl+C keeps how far it is. How it goes is told on standard error, and seen in the "
        "console's training view.",
    )  # fmt: skip
    parser.add_argument("--config", metavar="FILE", help="the training's config, in TOML or JSON")
    parser.add_argument(
        "--resume", nargs="?", const="", metavar="RUN", help="go on with a run (the latest that is not over)"
    )
    parser.add_argument("--model", choices=("decisions", "nodes"), help="what is trained (decisions)")
    parser.add_argument("--save-dir", metavar="DIR", help="where runs are kept, a folder each")
    add_json_argument(parser)
    call(run, TrainOptions, parser)


def run(options: TrainOptions) -> int:
    """Train until all models are done, or somebody ends it."""
    import asyncio

    from evolver_tui.cli.signal_lines import tell_as_json
    from evolver_tui.engine.train_run import run_training
    from evolver_tui.wiring import NO_WORK, make_session
    from evolver_tui.wiring.trainer import make_trainer

    workspace = options.find_workspace()
    planned = _plan(options, workspace)
    way_on = _way_on(options, planned)
    try:
        session = make_session(workspace, work=NO_WORK, generate=False)
        session.bus.registry.register_all(tell_as_json if options.json else _tell_in_words, stays=True)
        try:
            outcome = asyncio.run(
                run_training(session, lambda: make_trainer(workspace, session, planned), lambda: _cut_off(way_on))
            )
        except TrainingError as error:
            if planned.files.plan() is None:
                raise
            raise TrainingError(error.message, f"{error.way_out} Go on with: {way_on}".strip()) from None
    finally:
        planned.files.close()
    return show(_result(planned, outcome, way_on), as_json=options.json)


def _plan(options: TrainOptions, workspace: Workspace) -> PlannedTraining:
    """Raises UsageError, TrainingError."""
    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.wiring.trainer import plan_training, resume_training

    if options.resume is None:
        return plan_training(workspace, _config(options), SystemClock().now())
    if options.config or options.model:
        raise UsageError("A run goes on as it was begun.", "Leave out --config and --model beside --resume.")
    return resume_training(workspace, options.resume, options.save_dir or "")


def _config(options: TrainOptions) -> TrainerConfig:
    from dataclasses import replace
    from pathlib import Path

    from evolver_tui.settings.trainer_config import TrainerConfig, read_trainer_config

    config = read_trainer_config(Path(options.config)) if options.config else TrainerConfig()
    if options.model is not None:
        config = replace(config, model=options.model)
    return replace(config, save_dir=options.save_dir) if options.save_dir is not None else config


def _way_on(options: TrainOptions, planned: PlannedTraining) -> str:
    """The command that goes on with the run, to be pasted."""
    words = ["evolver-tui", "train", "--resume", planned.run_id]
    if planned.config.save_dir:
        words += ["--save-dir", str(planned.files.folder.parent)]
    words += ["--home", options.home] if options.home else []
    words += ["--database", str(options.database)] if options.database else []
    words += ["--demo"] if options.demo else []
    return shlex.join(words)


def _result(planned: PlannedTraining, outcome: Outcome | None, way_on: str) -> Result:
    from evolver_tui.cli.output import table

    results: list[Any] = list(outcome.results) if outcome is not None else []
    is_over = outcome is not None and outcome.model >= planned.config.model_count
    value = {
        "run": planned.run_id, "folder": str(planned.files.folder), "is_over": is_over, "models": results,
        **({} if is_over else {"resume": way_on}),
    }  # fmt: skip
    if not is_over:
        message = f"The training was interrupted. Go on with: {way_on}"
        if planned.files.plan() is None:
            message = "The training was interrupted before it began."
        return Result(value, "", message, ExitCode.INTERRUPTED)
    rows = [("model", "file", "loss", "held out")]
    for each in results:
        held_out = ", ".join(f"{name} {number:g}" for name, number in each["held_out"].items())
        rows.append((str(each["model"]), each["file"], f"{each['loss']:.4f}", held_out or "-"))
    return Result(value, f"{table(rows)}\n{planned.files.folder}")


def _tell_in_words(signal: Signal) -> None:
    """One line for people; what is not about the training as everywhere else."""
    from datetime import datetime

    from evolver_tui.cli.signal_lines import tell_in_words
    from evolver_tui.core.safe_text import safe_text

    words = _words(signal.name, signal.payload) if signal.name.startswith("training.") else ""
    if not words:
        tell_in_words(signal)
        return
    when = datetime.fromtimestamp(signal.timestamp).strftime("%H:%M:%S")
    tell(f"{when} {safe_text(words, 500)}")


def _words(name: str, told: Any) -> str:
    place = f"model {told.get('model')}, step {told.get('step')}"
    match name.partition(".")[2]:
        case "started":
            return (
                f"{told['run']} begins: {told['models']} models of {told['parameters']:,} numbers, {told['steps']:,} "
                f"steps each, on {told['device']}"
            )
        case "resumed":
            return f"{told['run']} goes on at {place}"
        case "progress":
            loss = "-" if told["loss"] is None else f"{told['loss']:.4f}"
            return (
                f"model {told['model']} of {told['models']}, step {told['step']:,} of {told['steps']:,}: loss {loss}, "
                f"{told['overall']:.1f} % of all"
            )
        case "checkpoint_saved":
            return f"{place}: checkpoint of {told['bytes']:,} bytes"
        case "model_completed":
            return f"model {told['model']} is done: {told['file']}"
        case "completed":
            return f"all {told['models']} models are done: {told['folder']}"
        case "failed":
            return f"{place}: {told['error']}"
        case "recovered":
            return f"{place}: {told['what']}; {told['mended']}"
    return ""


def _cut_off(way_on: str) -> None:
    from evolver_tui.core.safe_text import safe_text

    tell(safe_text(f"evolver-tui: Its end took too long and was cut off. Go on with: {way_on}", 2_000))
    os._exit(ExitCode.FAILED)
