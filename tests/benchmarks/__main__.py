"""`python -m tests.benchmarks [--quick] [NAME ...]`: runs the measurements and prints their table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from tests.benchmarks import (
    box,
    duplicates,
    durable,
    ends,
    figures,
    hour,
    intake,
    keys,
    replay,
    scale,
    screen_cost,
    signals,
    start,
    training,
    workflow,
)

Measurement = Callable[[bool], Iterator[figures.Row]]

MEASUREMENTS: Mapping[str, Measurement] = {
    "frame": start.first_frame,
    "rows": start.first_rows,
    "throughput": intake.throughput,
    "latency": intake.latency,
    "million": keys.many,
    "keys": keys.streaming,
    "hour": hour.hour,
    "routine": keys.beside_a_routine,
    "signals": signals.signals,
    "webhook": signals.dead_webhook,
    "replay": replay.replay,
    "feed": screen_cost.feed,
    "preview": screen_cost.preview,
    "durable": durable.durable,
    "cold": durable.cold,
    "box": box.box,
    "ends": ends.ends,
    "duplicates": duplicates.duplicates,
    "scale": scale.scale,
    "workflow": workflow.workflow,
    "training": training.training,
}


def main() -> int:
    """Run what was named, or everything; 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(MEASUREMENTS)}")
    rows: list[figures.Row] = []
    for name in options.names or MEASUREMENTS:
        started = time.monotonic()
        try:
            rows += MEASUREMENTS[name](options.quick)
        except RuntimeError as error:  # what was waited for did not come; the other measurements still can
            print(f"{name}: {error}", file=sys.stderr)
            rows.append(figures.Row(name, "did not come to its end", is_met=False))
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    print("\n".join(figures.table(rows)))
    return int(any(row.is_met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
