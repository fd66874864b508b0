"""Routines that are not ours: named in the config, or by installed packages, and imported when a job first needs one.

A module is looked for where Python looks, and then in the config folder's `routines`, which is searched for these
imports alone and comes last: a file there never takes the place of an installed package. The working folder is not
searched by the installed command, so that code does not run because somebody went to the folder that it lies in.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from evolver_tui.adapters.routines.langgraph import INSTALL, be_strict, graph_work, is_graph
from evolver_tui.adapters.routines.langgraph.graph_routine import GraphRoutine
from evolver_tui.adapters.routines.modules import RoutineModule
from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import RoutineError
from evolver_tui.core.signal_catalogue.routine_signals import ROUTINE_RELOADED
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.core.task import Task
from evolver_tui.engine.durable.routine import Routine, Run
from evolver_tui.settings.values import a_routine, a_target

GROUP = "evolver_tui.routines"
"""The entry point group. The entry point's name is the routine's."""

_MEND = "Mend it, then retry with y."


@dataclass(frozen=True, slots=True)
class FoundRoutines:
    """What can be run, by name; nothing of it is imported yet."""

    routines: Mapping[str, PlugIn]
    notices: tuple[str, ...] = ()
    """What was left out and why, a sentence or two each."""


def find_routines(
    configured: Mapping[str, str],
    folder: Path,
    *,
    tracing: bool,
    installed: Sequence[EntryPoint] | None = None,
) -> FoundRoutines:
    """The routines of the config and of installed packages. The config wins where both have a name.

    Args:
        configured: name to `module:attribute`, checked already.
        folder: where modules of a person's own lie; need not exist.
        tracing: leave LangSmith's tracing of graphs as the environment says.
        installed: None looks among the installed packages.
    """
    routines: dict[str, PlugIn] = {}
    notices: list[str] = []
    modules: dict[str, RoutineModule] = {}

    def plug_in(name: str, target: str) -> PlugIn:
        module, _, attribute = target.partition(":")
        shared = modules.setdefault(module, RoutineModule(module, folder))
        return PlugIn(name, shared, attribute, tracing=tracing)

    for name, target in configured.items():
        routines[name] = plug_in(name, target)
    for point in sorted(entry_points(group=GROUP) if installed is None else installed, key=_package_of):
        package = _package_of(point)
        if a_routine(point.name) or a_target(point.value):
            notices.append(
                f"The package {package} offers a routine {point.name!a} that cannot be used; it is left out."
            )
        elif point.name in routines:
            winner = "the config" if point.name in configured else "another package"
            notices.append(f"The routine {point.name!a} is taken from {winner}; the one of {package} is left out.")
        else:
            routines[point.name] = plug_in(point.name, point.value)
    return FoundRoutines(routines, tuple(notices))


def typed_routine(target: str, folder: Path, here: Path, *, tracing: bool) -> PlugIn:
    """A routine that a person named by its place, which is its name as well.

    Args:
        target: `module:attribute`, checked already.
        folder: where modules of a person's own lie.
        here: the working folder, which is searched before that: who names a module means what lies beside them.
    """
    module, _, attribute = target.partition(":")
    head = here / module.partition(".")[0]
    is_here = head.with_suffix(".py").is_file() or head.is_dir()
    return PlugIn(target, RoutineModule(module, here if is_here else folder), attribute, tracing=tracing)


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"


class PlugIn:
    """One routine: a name, where it is, and, from its first job on, what was found there.

    Args:
        module: shared by all routines of one module, which are loaded and changed together.
        attribute: of an async function, an object that is called like one, or a LangGraph graph; may be dotted.
    """

    def __init__(self, name: str, module: RoutineModule, attribute: str, *, tracing: bool) -> None:
        self.name = name
        self._module = module
        self._attribute = attribute
        self._tracing = tracing
        self._found: tuple[ModuleType, Routine] | None = None

    def __repr__(self) -> str:
        return f"<routine {self.name} at {self._module.name}:{self._attribute}>"

    @property
    def source_hash(self) -> str:
        """What tells this routine from its changed source: 16 hexadecimal digits of its module's file.

        Nothing is imported for it. Modules that the routine imports do not count. Empty where there is no file.
        """
        return self._module.source_hash

    async def __call__(self, run: Run, task: Task) -> Any:
        """Import the routine where that was not done yet, and run it. Raises RoutineError."""
        routine, is_reloaded = await asyncio.to_thread(self._load, run.source_hash)
        if is_reloaded:
            run.tell(ROUTINE_RELOADED({"routine": self.name}))
        try:
            return await routine(run, task)
        except (SystemExit, KeyboardInterrupt) as error:
            what = "called sys.exit()" if isinstance(error, SystemExit) else "interrupted the program"
            raise RoutineError(f"The routine {self.name} {what}.", "Return from it instead.") from None

    def check(self) -> None:
        """Import the routine now. Raises RoutineError."""
        self._load(self.source_hash)

    def _load(self, source_hash: str) -> tuple[Routine, bool]:
        """The routine of the source with this hash, and whether it takes the place of another one."""
        be_strict()
        before = self._found
        with self._module.lock:
            module = self._import(source_hash)
            if before is None or before[0] is not module:
                try:
                    self._found = before = (module, self._routine_in(module))
                    return before[1], self._module.is_reloaded
                except RoutineError:
                    self._module.forget()  # or a mended file would not be read again
                    raise
        return before[1], False

    def _routine_in(self, module: ModuleType) -> Routine:
        found = self._look_up(module)
        if is_graph(found):
            found = GraphRoutine(found)
        if isinstance(found, GraphRoutine):
            return graph_work(found, tracing=self._tracing)
        return self._checked(found)

    def _import(self, source_hash: str) -> ModuleType:
        where = f"Routine {self.name}: {self._module.name}"
        if hidden := self._module.hidden_file:
            raise RoutineError(f"{where} is an installed module, which hides {hidden}.", "Rename the file.")
        try:
            return self._module.load(source_hash)
        except ModuleNotFoundError as error:
            raise self._missing(error) from error
        except SyntaxError as error:
            place = f"{error.filename}, line {error.lineno}"
            raise RoutineError(f"{where} is no Python: {error.msg} ({place}).", _MEND) from error
        except (Exception, SystemExit) as error:
            line = _last_line_in(self._module.file, error)
            place = f" in line {line}" if line else ""
            words = f"{type(error).__name__}: {show_addresses(str(error))}"
            raise RoutineError(f"{where} fails{place}: {words}.", _MEND) from error

    def _missing(self, error: ModuleNotFoundError) -> RoutineError:
        missing = error.name or str(error)
        name = self._module.name
        if f"{name}.".startswith(f"{missing}."):
            file, folder = f"{missing.partition('.')[0]}.py", self._module.folder
            return RoutineError(
                f"Routine {self.name}: there is no module {missing!a}.",
                f"Put {file} into {folder}, or install its package; then retry with y.",
            )
        is_langgraph = missing.partition(".")[0] in ("langgraph", "langchain_core")
        way_out = INSTALL if is_langgraph else "Install it, then retry with y."
        return RoutineError(f"Routine {self.name}: {name} needs {missing!a}, which is not installed.", way_out)

    def _look_up(self, module: ModuleType) -> Any:
        found: Any = module
        for part in self._attribute.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                names = [name for name, value in vars(module).items() if callable(value) or is_graph(value)]
                known = [name for name in names if not name.startswith("_")]
                raise RoutineError(
                    f"Routine {self.name}: {self._module.name} has no {part!a}.", did_you_mean(part, known, "names")
                ) from None
        return found

    def _checked(self, found: Any) -> Routine:
        what = f"Routine {self.name}: {self._module.name}:{self._attribute}"
        if isinstance(found, type) or not callable(found):
            raise RoutineError(f"{what} is {_kind_of(found)}.", "It has to be an async function of a run and a task.")
        work: Callable[..., Any] = inspect.unwrap(found)
        is_async = inspect.iscoroutinefunction(work) or inspect.iscoroutinefunction(type(work).__call__)
        if not is_async:
            raise RoutineError(f"{what} is not async.", "Write async def, then retry with y.")
        return cast(Routine, found)


def _kind_of(found: object) -> str:
    return "a class" if isinstance(found, type) else f"no function but a {type(found).__name__}"


def _last_line_in(file: Path | None, error: BaseException) -> int | None:
    """The line of the module itself from which an error came."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return lines[-1] if lines else None
