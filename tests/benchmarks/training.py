"""What training costs: the hook, the server, its watchers, the view, and what is made of decisions."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figures import Row
from tests.benchmarks.training_client import training_client
from tests.benchmarks.training_decisions import decisions
from tests.benchmarks.training_hook import training_hook
from tests.benchmarks.training_server import training_server
from tests.benchmarks.training_trainer import trainer
from tests.benchmarks.training_view import training_view


def training(is_quick: bool) -> Iterator[Row]:
    """All of it, one after the other."""
    for part in (training_hook, training_server, training_client, training_view, decisions, trainer):
        yield from part(is_quick)
