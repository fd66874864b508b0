"""Signals of a training that `evolver-tui train` does."""

from collections.abc import Mapping
from typing import Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class TrainingBegun(TypedDict):
    """The run's id, what is trained, on which device, how many models, steps of each, and numbers in each."""

    run: str
    kind: str
    device: str
    models: int
    steps: int
    parameters: int


class TrainingPlace(TypedDict):
    """The run's id, the model (from 1), and how many steps of it are done."""

    run: str
    model: int
    step: int


class TrainingProgress(TrainingPlace):
    """Of how many models and steps, the loss (null where it is no number), and how far all is, in per cent."""

    models: int
    steps: int
    loss: float | None
    overall: float


class ModelTrained(TrainingPlace):
    """The digest of what it came to, the file that it lies in, and how it does on examples that it never saw."""

    sha256: str
    file: str
    held_out: Mapping[str, float]


class CheckpointSaved(TrainingPlace):
    """How large it is."""

    bytes: int


class TrainingRecovered(TrainingPlace):
    """What kind of fault was mended (memory, data, divergence, disk), what was wrong, and what mends it."""

    strategy: str
    what: str
    mended: str


class TrainingFailed(TrainingPlace):
    """Why it cannot go on, and what a person can do."""

    error: str
    way_out: NotRequired[str]


class TrainingDone(TypedDict):
    """The run's id, how many models it gave, and where they lie."""

    run: str
    models: int
    folder: str


TRAINING_STARTED: Final = SignalType("training.started", TrainingBegun, "training", "A training began.")
TRAINING_RESUMED: Final = SignalType(
    "training.resumed", TrainingPlace, "training", "A training that was cut off goes on from its checkpoint."
)
TRAINING_PROGRESS: Final = SignalType(
    "training.progress", TrainingProgress, "training", "A training is that far; told once a second at most."
)
TRAINING_CHECKPOINT_SAVED: Final = SignalType(
    "training.checkpoint_saved",
    CheckpointSaved,
    "training",
    "From here it can go on, whatever happens; told once a second at most.",
)
TRAINING_MODEL_COMPLETED: Final = SignalType(
    "training.model_completed", ModelTrained, "training", "One of its models is done."
)
TRAINING_COMPLETED: Final = SignalType("training.completed", TrainingDone, "training", "All of its models are done.")
TRAINING_RECOVERED: Final = SignalType(
    "training.recovered", TrainingRecovered, "training", "Something went wrong with a training, and was mended.",
    "warning",
)  # fmt: skip
TRAINING_INTERRUPTED: Final = SignalType(
    "training.interrupted", TrainingPlace, "training", "It was asked to end, and can be resumed.", "warning"
)
TRAINING_FAILED: Final = SignalType("training.failed", TrainingFailed, "training", "A training cannot go on.", "error")
