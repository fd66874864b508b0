"""The current run of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evolver_tui.track.begin import begin
from evolver_tui.track.run import Run
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import reason

_run: Run | None = None
followers: list[Callable[[Run], None]] = []
"""Called with each run that becomes the current one."""


def current() -> Run | None:
    """The run that was begun last; it may be over."""
    return _run


def init(
    project: str | None = "", name: str | None = "", config: Any = None, *, id: str | None = None,
    resume: bool | str | None = False, step: int | None = None, total_steps: int = 0, total_models: int = 0,
    model_params: int = 0, dir: str | None = None, server: str | None = None, token: str | None = None,
    interval: float = 0.1, finish_seconds: float = 3.0, reinit: Any = None, **ignored: Any,
) -> Run:  # fmt: skip
    """Begin a run, which becomes the current one; the one before is finished.

    Args:
        config: what it is trained with. How much there is to do is taken from it where nobody says it.
        id: its id; a file of that id is gone on with.
        resume: go on with the run of this id, or with the latest one of this project and name that is not completed.
        step: the checkpoint that a resumed run goes on from: points after it are told anew.
        total_steps: of one model.
        dir: the folder of run files; EVOLVER_TRACK_DIR or the program's own where it is left out.
        server: a progress server to send it to, as http://127.0.0.1:5001; EVOLVER_TRACK_SERVER where it is left out.
        token: the server's; EVOLVER_PROGRESS_TOKEN where it is left out.
        interval: seconds between two points of a metric. They are written as often while somebody follows the run, and
            once a second otherwise.
        finish_seconds: how long the end waits at most for a disk or a server.
        reinit: "return_previous" gives the current run where there is one, "create_new" does not finish it.
        ignored: what else wandb and trackio take; nothing is made of it.
    """
    global _run
    if _run is not None and not _run.is_over:
        if reinit == "return_previous":
            return _run
        if reinit != "create_new":
            _run.finish()
    try:
        made = begin(
            project=project or "", name=name or "", config=config, run_id=id or "", resume=resume, step=step,
            totals={"total_steps": total_steps, "total_models": total_models, "model_params": model_params},
            folder=dir, server=server, token=token, interval=interval, seconds=finish_seconds,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - nothing of this may end a training
        say_once("init", f"The run cannot be kept: {reason(error)}.")
        made = Run.nowhere()
    _run = made
    for follow in followers:
        follow(made)
    return made
