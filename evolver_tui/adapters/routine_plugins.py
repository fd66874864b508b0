"""Routines that are not ours: named in the config, or by installed packages, and imported when a job first needs one.

A module is looked for where Python looks, and then in the config folder's `routines`, which is searched for these
imports alone and comes last: a file there never takes the place of an installed package. The working folder is not
searched by the installed command, so that code does not run because somebody went to the folder that it lies in.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from evolver_tui.adapters.langgraph_routine import INSTALL, GraphRoutine, be_strict, graph_work, is_graph
from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import RoutineError
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.core.task import Task
from evolver_tui.engine.routine import Routine, Run
from evolver_tui.settings.values import a_routine, a_target

GROUP = "evolver_tui.routines"
"""The entry point group. The entry point's name is the routine's."""

_MEND = "Mend it, then retry with y."


@dataclass(frozen=True, slots=True)
class FoundRoutines:
    """What can be run, by name; nothing of it is imported yet."""

    routines: Mapping[str, Routine]
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
    routines: dict[str, Routine] = {}
    notices: list[str] = []
    for name, target in configured.items():
        routines[name] = PlugIn(name, target, folder, tracing=tracing)
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
            routines[point.name] = PlugIn(point.name, point.value, folder, tracing=tracing)
    return FoundRoutines(routines, tuple(notices))


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"


class PlugIn:
    """One routine: a name, where it is, and, from its first job on, what was imported from there.

    A file of the person's own is imported again when it has changed since; an installed module stays as it was loaded.

    Args:
        target: `module:attribute`: an async function, an object that is called like one, or a LangGraph graph.
    """

    def __init__(self, name: str, target: str, folder: Path, *, tracing: bool) -> None:
        self.name = name
        self._module, _, self._attribute = target.partition(":")
        self._folder = folder
        self._tracing = tracing
        self._loaded: tuple[str, Routine] | None = None

    def __repr__(self) -> str:
        return f"<routine {self.name} at {self._module}:{self._attribute}>"

    @property
    def source_hash(self) -> str:
        """What tells this routine from its changed source: 16 hexadecimal digits of its module's file.

        Nothing is imported for it. Modules that the routine imports do not count. Empty where there is no file.
        """
        file = _module_file(self._module, self._folder)
        if self._loaded is not None and not (file and file.is_relative_to(self._folder)):
            return self._loaded[0]
        try:
            return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file else ""
        except OSError:
            return ""

    async def __call__(self, run: Run, task: Task) -> Any:
        """Import the routine where that was not done yet, and run it. Raises RoutineError."""
        digest = await asyncio.to_thread(lambda: self.source_hash)
        if self._loaded is None or self._loaded[0] != digest:
            if self._loaded is not None:
                sys.modules.pop(self._module, None)
                run.emit("routine.reloaded", {"routine": self.name})
            routine = await asyncio.to_thread(self._load)
            self._loaded = (digest, routine)
        try:
            return await self._loaded[1](run, task)
        except (SystemExit, KeyboardInterrupt) as error:
            what = "called sys.exit()" if isinstance(error, SystemExit) else "interrupted the program"
            raise RoutineError(f"The routine {self.name} {what}.", "Return from it instead.") from None

    def _load(self) -> Routine:
        be_strict()
        before = set(sys.modules)
        try:
            with _searching(self._folder):
                module = self._import()
            found = self._look_up(module)
            if is_graph(found):
                found = GraphRoutine(found)
            if isinstance(found, GraphRoutine):
                return graph_work(found, tracing=self._tracing)
            return self._checked(found)
        except RoutineError:
            self._forget(before)  # or a mended file would not be read again
            raise

    def _import(self) -> ModuleType:
        where = f"Routine {self.name}: {self._module}"
        own = _own_file(self._module, self._folder)
        file = _module_file(self._module, self._folder)
        if own and file and not file.is_relative_to(self._folder):
            raise RoutineError(f"{where} is an installed module, which hides {own}.", "Rename the file.")
        try:
            return importlib.import_module(self._module)
        except ModuleNotFoundError as error:
            raise self._missing(error) from error
        except SyntaxError as error:
            place = f"{error.filename}, line {error.lineno}"
            raise RoutineError(f"{where} is no Python: {error.msg} ({place}).", _MEND) from error
        except (Exception, SystemExit) as error:
            line = _last_line_in(file, error)
            place = f" in line {line}" if line else ""
            words = f"{type(error).__name__}: {show_addresses(str(error))}"
            raise RoutineError(f"{where} fails{place}: {words}.", _MEND) from error

    def _missing(self, error: ModuleNotFoundError) -> RoutineError:
        missing = error.name or str(error)
        if f"{self._module}.".startswith(f"{missing}."):
            return RoutineError(
                f"Routine {self.name}: there is no module {missing!a}.",
                f"Put {missing.partition('.')[0]}.py into {self._folder}, or install its package; then retry with y.",
            )
        is_langgraph = missing.partition(".")[0] in ("langgraph", "langchain_core")
        way_out = INSTALL if is_langgraph else "Install it, then retry with y."
        return RoutineError(f"Routine {self.name}: {self._module} needs {missing!a}, which is not installed.", way_out)

    def _look_up(self, module: ModuleType) -> Any:
        found: Any = module
        for part in self._attribute.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                names = [name for name, value in vars(module).items() if callable(value) or is_graph(value)]
                known = [name for name in names if not name.startswith("_")]
                raise RoutineError(
                    f"Routine {self.name}: {self._module} has no {part!a}.", did_you_mean(part, known, "names")
                ) from None
        return found

    def _checked(self, found: Any) -> Routine:
        what = f"Routine {self.name}: {self._module}:{self._attribute}"
        if isinstance(found, type) or not callable(found):
            raise RoutineError(f"{what} is {_kind_of(found)}.", "It has to be an async function of a run and a task.")
        work: Callable[..., Any] = inspect.unwrap(found)
        is_async = inspect.iscoroutinefunction(work) or inspect.iscoroutinefunction(type(work).__call__)
        if not is_async:
            raise RoutineError(f"{what} is not async.", "Write async def, then retry with y.")
        return cast(Routine, found)

    def _forget(self, before: set[str]) -> None:
        """Let modules that were imported just now, and that the person may mend, be imported again."""
        for name in set(sys.modules) - before | {self._module}:
            file = getattr(sys.modules.get(name), "__file__", None)
            if name == self._module or (file and Path(file).is_relative_to(self._folder)):
                sys.modules.pop(name, None)


def _kind_of(found: object) -> str:
    return "a class" if isinstance(found, type) else f"no function but a {type(found).__name__}"


@contextlib.contextmanager
def _searching(folder: Path) -> Iterator[None]:
    """Let imports find what lies in `folder`, after everything else."""
    entry = str(folder)
    if entry in sys.path:
        yield
        return
    sys.path.append(entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)


def _module_file(module: str, folder: Path) -> Path | None:
    """The file that importing `module` would run; None where there is none. Imports nothing, not even its packages."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    importlib.invalidate_caches()
    parts = module.split(".")
    with _searching(folder):
        for depth in range(len(parts)):
            spec = _spec(".".join(parts[: depth + 1]), path)
            if spec is None or (depth + 1 < len(parts) and spec.submodule_search_locations is None):
                return None
            path = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)  # other people's finders may be of the kind before
        if find is not None and (found := find(name, path)) is not None:
            return cast(ModuleSpec, found)
    return None


def _own_file(module: str, folder: Path) -> Path | None:
    """The file or package of the person's own that `module` seems to mean."""
    head = folder / module.partition(".")[0]
    return next((each for each in (head.with_suffix(".py"), head / "__init__.py") if each.is_file()), None)


def _last_line_in(file: Path | None, error: BaseException) -> int | None:
    """The line of the module itself from which an error came."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return lines[-1] if lines else None
