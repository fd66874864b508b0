"""`evolver-tui hub`: the sample hub."""

from __future__ import annotations

from pathlib import Path

from evolver_tui.cli.arguments import Subparsers, call
from evolver_tui.cli.options import Options


class HubOptions(Options):
    """What the sample hub is told."""

    host: str
    port: int
    tasks: str | None
    rate: float
    batch: int
    count: int | None


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser("hub", help="the sample hub; its URL is the first line of output")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--tasks", metavar="FILE", help='JSON: {"tasks": [...]}')
    parser.add_argument("--rate", type=float, default=2.0, help="tasks a second; 0: as fast as it can")
    parser.add_argument("--batch", type=int, default=1, help="tasks a message")
    parser.add_argument("--count", type=int, help="tasks in all, going round the file; 0: without end")
    call(run, HubOptions, parser)


def run(options: HubOptions) -> int:
    """Run the hub until it is told to end."""
    from evolver_tui.adapters.sample_hub.feed import FeedSettings
    from evolver_tui.adapters.sample_hub.hub import SampleHubSettings, run_sample_hub

    feed = FeedSettings(rate=options.rate, batch=options.batch, count=options.count)
    settings = SampleHubSettings(feed=feed, host=options.host, port=options.port)
    return run_sample_hub(settings, Path(options.tasks) if options.tasks else None)
