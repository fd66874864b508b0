"""The hook for whatever trains. Importing this loads nothing but the standard library and a few modules of the program.

    import evolver_tui.track as track

    track.init(project="addition", config={"lr": 0.1, "total_steps": 1000})
    for step in range(1000):
        track.log({"loss": train_a_step()})
    track.finish()

Nothing here waits for a disk or a network, and nothing is raised into the training: what goes wrong is said once on
standard error. `import evolver_tui.track as wandb` serves a plain loop that was written for wandb or trackio.
docs/training.md has the whole of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evolver_tui.track.current_run import current, followers, init
from evolver_tui.track.names import Names
from evolver_tui.track.progress import session_of
from evolver_tui.track.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evolver_tui.track.huggingface import EvolverCallback as HuggingFaceCallback
    from evolver_tui.track.lightning import EvolverCallback as LightningCallback

__all__ = (
    "Run",
    "config",
    "define_metric",
    "event",
    "finish",
    "huggingface_callback",
    "init",
    "lightning_callback",
    "log",
    "login",
    "progress_callback",
    "run",
    "summary",
    "watch",
)

run: Run | None = None
"""The current run."""
config: Names = Names({})
"""Its config."""
summary: Names = Names({})
"""What belongs to the whole of it."""


def _follow(made: Run) -> None:
    """The module's functions become the run's own, which saves a call."""
    globals().update(run=made, config=made.config, summary=made.summary, log=made.log, event=made.event)


followers.append(_follow)


def _current() -> Run:
    return current() or init()


def log(
    metrics: Mapping[str, Any] | None = None, step: int | None = None, commit: bool | None = None, *,
    model: int | None = None, data: Mapping[str, Any] | None = None, sync: bool | None = None,
) -> None:  # fmt: skip
    """Tell numbers to the current run, which is begun where there is none; see `Run.log`."""
    _current().log(data or {} if metrics is None else metrics, step, commit, model=model, sync=sync)


def event(name: str, /, **payload: Any) -> None:
    """Tell the current run that something happened; see `Run.event`."""
    _current().event(name, **payload)


def finish(exit_code: int | str | None = 0, **how: Any) -> None:
    """Tell that the current run is over; see `Run.finish`."""
    if (latest := current()) is not None:
        latest.finish(exit_code, **how)


def progress_callback(progress_data: Mapping[str, Any]) -> None:
    """Take what a trainer tells by a callback; a run is begun by the first call where there is none."""
    (current() or init(id=session_of(progress_data))).progress_callback(progress_data)


def watch(*ignored: Any, **further: Any) -> None:
    """Nothing: others observe a model by this."""


def define_metric(*ignored: Any, **further: Any) -> None:
    """Nothing: others describe a metric by this."""


def login(*ignored: Any, **further: Any) -> bool:
    """Nothing: no account is needed."""
    return True


def huggingface_callback(**init_arguments: Any) -> HuggingFaceCallback:
    """A callback for the Trainer of transformers. Raises ImportError where that is not installed."""
    from evolver_tui.track.huggingface import EvolverCallback

    return EvolverCallback(**init_arguments)


def lightning_callback(**init_arguments: Any) -> LightningCallback:
    """A callback for the Trainer of Lightning. Raises ImportError where that is not installed."""
    from evolver_tui.track.lightning import EvolverCallback

    return EvolverCallback(**init_arguments)
