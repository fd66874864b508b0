"""What the doctor finds, and how long it waits for that."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import EvolverError


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    NOTE = "note"
    """It works, and there is something to know or to mend."""
    BROKEN = "broken"
    """Something that is needed does not work."""
    OFF = "off"
    """It is not there and not needed, or was not tried."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line."""

    name: str
    state: State
    message: str
    """A sentence or two."""
    way_out: str = ""

    @classmethod
    def of(cls, name: str, problem: EvolverError, state: State = State.BROKEN) -> Diagnosis:
        """What somebody else said is wrong."""
        return cls(name, state, problem.message, problem.way_out)


def lacking(name: str, error: ImportError) -> Diagnosis:
    """Something needs a package that is not there, or cannot be loaded."""
    package = (error.name or "a package").partition(".")[0]
    return Diagnosis(name, State.BROKEN, f"This needs {package}, which cannot be loaded.", "Install evolver-tui again.")


Look = Callable[[], Iterable[Diagnosis]]
"""Finds out about one thing. May block, and raise EvolverError or OSError, which make it broken."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Something to be looked at."""

    name: str
    look: Look
    seconds: float = 10.0
    """How long it is waited for."""
    late: str = "Something that it needs hangs: a disk that is away, or a service that does not answer."
    """The way out where it takes longer."""


def examine(examinations: Sequence[Examination]) -> list[Diagnosis]:
    """Look at everything, side by side; the lines come in the order of the examinations.

    What hangs is told and left behind: it holds up neither the other lines nor the end of the process.
    """
    running = [_Running(examination) for examination in examinations]
    found = [diagnosis for each in running for diagnosis in each.result()]
    if any(each.is_late for each in running):
        _end_without_them()
    return found


@dataclass
class _Running:
    """An examination at work, in a daemon thread."""

    examination: Examination
    started: float = field(default_factory=time.monotonic)
    found: list[Diagnosis] = field(default_factory=list)
    is_late: bool = False

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, name=f"doctor {self.examination.name}", daemon=True)
        self._thread.start()

    def result(self) -> list[Diagnosis]:
        """What was found until the time was up."""
        self._thread.join(max(0.0, self.started + self.examination.seconds - time.monotonic()))
        self.is_late = self._thread.is_alive()
        if not self.is_late:
            return self.found
        name, seconds = self.examination.name, self.examination.seconds
        return [Diagnosis(name, State.BROKEN, f"No answer came within {seconds:g} s.", self.examination.late)]

    def _look(self) -> None:
        name = self.examination.name
        found: list[Diagnosis] = []
        try:
            found.extend(self.examination.look())
        except EvolverError as error:
            found.append(Diagnosis.of(name, error))
        except ImportError as error:
            found.append(lacking(name, error))
        except OSError as error:
            found.append(Diagnosis(name, State.BROKEN, f"The system refused: {show_addresses(str(error))}."))
        except Exception as error:  # noqa: BLE001 - the other lines are what helps then
            message = f"This could not be found out: {type(error).__name__}."
            found.append(Diagnosis(name, State.BROKEN, message, "That is a mistake in evolver-tui: please report it."))
        self.found = found


def _end_without_them() -> None:
    """Python itself would wait for some of the threads that vendors started."""
    from evolver_tui.engine.process_end import LastResort

    LastResort(partial(os._exit, 1), seconds=1.0).arm()
