"""Signals of the progress server. `session` of a payload is a training session's, not the program's."""

from typing import Final, TypedDict

from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue.common_payloads import Failure, Nothing


class ServerOpened(TypedDict):
    """Where it is found."""

    url: str


class TrainingNamed(TypedDict):
    """Which training session."""

    session: str


class TrainingEnded(TrainingNamed):
    """How it ended: completed or failed; seconds that it took."""

    outcome: str
    seconds: float


class TrainingRecordsBad(TrainingNamed):
    """What is wrong with the first of them, and its line's number."""

    line: int
    error: str


class TrainingNotKept(TrainingNamed):
    """Why."""

    error: str


class SubscriberDropped(TypedDict):
    """Why."""

    reason: str


SERVER_OPENED: Final = SignalType(
    "progress.server_opened", ServerOpened, "progress", "Training is served from here on."
)
SERVER_CLOSED: Final = SignalType(
    "progress.server_closed", Nothing, "progress", "The progress server has let go of its connections."
)
SERVER_FAULT: Final = SignalType(
    "progress.fault", Failure, "progress", "A request to the progress server met a mistake of its own.", "error"
)
TRAINING_STARTED: Final = SignalType("progress.started", TrainingNamed, "progress", "A training session began.")
TRAINING_ENDED: Final = SignalType("progress.ended", TrainingEnded, "progress", "A training session is over.")
TRAINING_EXPIRED: Final = SignalType(
    "progress.expired", TrainingNamed, "progress", "A training session is no longer served, but for its history."
)
TRAINING_RECORDS_BAD: Final = SignalType(
    "progress.bad_records", TrainingRecordsBad, "progress",
    "Lines of a training session cannot be read and are left out; told once for each session.", "warning",
)  # fmt: skip
TRAINING_NOT_KEPT: Final = SignalType(
    "progress.not_kept", TrainingNotKept, "progress",
    "What was told of a training session is not in the database; whoever sent it is told so.", "warning",
)  # fmt: skip
SUBSCRIBER_DROPPED: Final = SignalType(
    "progress.subscriber_dropped", SubscriberDropped, "progress",
    "A connection was ended that did not take what it was told.", "warning",
)  # fmt: skip
