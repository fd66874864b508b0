"""This program's own run files, as a source reads them."""

from __future__ import annotations

from pathlib import Path

from evolver_tui.adapters.training_files import run_columns, run_overview
from evolver_tui.adapters.training_files.reading import GrowingLines, Reading, is_json, touched_at
from evolver_tui.core.training.record import LONGEST_LINE, read_lines
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.track.following import Follower


class RunFile:
    """A `RunReader` of a run file."""

    way = "run file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self._lines = GrowingLines(path, LONGEST_LINE, is_json)
        self._bad = 0
        self._follower = Follower()

    def follow(self, is_followed: bool) -> None:
        """Say to whoever writes the file that it is followed, and is to be written often; or that it is no longer."""
        if is_followed:
            self._follower.follow(self.path)
        else:
            self._follower.let_go()

    def read(self, most_bytes: int) -> Reading:
        lines = self._lines.read(most_bytes)
        if self._lines.is_anew:
            self._bad = 0
        records, bad = read_lines([line for line in lines if line.strip()])
        self._bad += bad
        bad = self._bad + self._lines.too_long
        self.problem = f"{bad:,} of its lines could not be read." if bad else ""
        return Reading(records, self._lines.is_anew, self._lines.is_behind)

    def overview(self) -> TrainingRun | None:
        """A long run with a few of its points; None where it is read as fast as a whole. Nothing counts as read."""
        try:
            return run_overview.overview(self.path)
        except OSError:
            return None

    def whole(self) -> TrainingRun | None:
        """All of a run that is over, from the columns beside it; what is read next comes after that.

        None where there are no columns that belong to the file as it is, and nothing has changed.
        """
        try:
            state = run_columns.state_of(self.path)
            run = run_columns.load(self.path, state)
            if run is not None:
                self._lines.begin_again()
                self._lines.file.go_on_from(state.size)
        except OSError:
            return None
        return run

    def keep_whole(self, run: TrainingRun) -> None:
        """Keep columns of a run that is over and was read from its beginning to the end of the file."""
        try:
            state = run_columns.state_of(self.path)
        except OSError:
            return
        if state.size == self._lines.file.offset and not self.problem:
            run_columns.keep(self.path, run, state)

    def touched_at(self) -> float:
        return touched_at(self.path)

    def close(self) -> None:
        self._lines.begin_again()
