"""What the console is told when it starts.

This and whatever else is needed for the first frame are named tuples: making the class of a frozen dataclass takes
about two milliseconds, and the first frame waits for every one of them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.address import Address

if TYPE_CHECKING:
    from evolver_tui.engine.replay.player import Player
    from evolver_tui.engine.training.monitor import TrainingMonitorMaker
    from evolver_tui.engine.workflow.monitor import MonitorMaker


class DeskSettings(NamedTuple):
    """Everything that is decided outside of the console."""

    theme: str = "evolver-dark"
    user_themes: Path | None = None
    """The folder with a person's own theme files."""
    key_overrides: Mapping[str, str] = MappingProxyType({})
    """Action id to keys, from the config's `[keys]`."""
    connect_url: Address | None = None
    """The hub to connect to at once."""
    starts_with_sample: bool = False
    """Whether to connect to the sample hub at once."""
    remembered_url: Address = Address()
    """The hub of the last time, offered in the connect dialog."""
    remember_url: Callable[[Address], None] | None = None
    """Told of each hub that a person chose."""
    remember_theme: Callable[[str], None] | None = None
    """Told of each theme that a person chose."""
    sample_hub: Callable[[], Awaitable[Address]] | None = None
    """Starts the sample hub in this process, once, and returns its address."""
    database: str = ""
    """The database, as shown: its file or its address."""
    editor: Callable[[], Sequence[str]] | None = None
    """Finds the editor's program and arguments, to which the file's path is added. May raise ConfigError."""
    replay: Callable[[str], Sequence[str]] | None = None
    """The program and arguments that show a session of this database again, by the session's id."""
    make_monitor: MonitorMaker | None = None
    """Makes what watches the chats over the broker; None where none is to be watched."""
    make_training: TrainingMonitorMaker | None = None
    """Makes what watches training runs; None where none are to be watched."""
    exports: Path | None = None
    """The folder of exported plots; None where nothing is written."""
    nodes_folder: str = ""
    """Where approved nodes lie, as shown on the card."""
    run_options: str = ""
    """What `evolver-tui run` takes to find them from a shell, each option with a blank before it."""
    has_title: bool = True
    """Whether the terminal's title says how many jobs need a person."""
    has_bell: bool = True
    """Whether the bell rings once when something comes to need a person who looks elsewhere."""
    goes_on: bool = True
    """Whether a decision or an answer leads to what needs a person next, at once or when it comes."""
    opens_next_question: bool = True
    """Whether an answer given in a dialog leads to the dialog of the next question."""
    copy_file: Path | None = None
    """Where text is copied to that the terminal's clipboard does not take."""
    edits: Path | None = None
    """The folder of code that was written into drafts and is not handed in; None keeps it while the console runs."""
    plain: bool = False
    """Whether borders and symbols are ASCII alone."""
    player: Player | None = None
    """What plays a session that is shown again; None where one runs."""
    notices: Sequence[str] = ()
    """What a person is told once the console is on the screen."""
    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only count up."""


Breakpoints = Sequence[tuple[int, str]]
"""From how many cells on which class is set, in ascending order."""


def classes_now(by_columns: Breakpoints, by_lines: Breakpoints) -> list[str]:
    """The classes that a screen of the terminal's present size has."""
    size = shutil.get_terminal_size()
    return [
        next(name for least, name in reversed(breakpoints) if cells >= least)
        for cells, breakpoints in ((size.columns, by_columns), (size.lines, by_lines))
    ]
