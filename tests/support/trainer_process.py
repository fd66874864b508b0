"""`python -m tests.support.trainer_process FOLDER KIND [KILL_AT]`: a training that may be killed in a step."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from evolver_tui.adapters.checkpoint_files import CheckpointFiles
from evolver_tui.core.training.record import to_line
from evolver_tui.engine.training.decision_model import decision_kind
from evolver_tui.engine.training.trainable import TrainableKind
from tests.support.trainings import Training, decisions, small_config


def language_kind() -> TrainableKind:
    """A tiny language model."""
    from evolver_tui.adapters.torch_model.model import node_kind
    from evolver_tui.adapters.torch_model.network import Shape

    return node_kind(decisions(12), Shape(16, 2, 16), 0)


def main() -> None:
    """Train; the run's records go to a file beside the folder."""
    folder, kind_name, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else -1
    kind = language_kind() if kind_name == "nodes" else decision_kind(decisions(), 0)
    config = small_config(
        model_count=2, epochs=3 if kind_name == "nodes" else 10, batch_size=64 if kind_name == "nodes" else 8,
        checkpoint_interval=7, progress_update_interval=1,
    )  # fmt: skip
    faults = {kill_at: lambda batch, plan: os.kill(os.getpid(), signal.SIGKILL)} if kill_at >= 0 else {}
    training = Training(folder, config, kind, faults)
    with open(f"{folder}.jsonl", "ab", buffering=0) as file:
        training.records = Appending(file)  # type: ignore[assignment]
        outcome = training.run(CheckpointFiles(folder).open())
    print(*(result["sha256"] for result in outcome.results))


class Appending:
    """A list of records in a file."""

    def __init__(self, file) -> None:  # type: ignore[no-untyped-def]
        self.append = lambda record: file.write(to_line(record))


if __name__ == "__main__":
    main()
