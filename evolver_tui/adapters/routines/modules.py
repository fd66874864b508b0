"""The modules that routines lie in: found without importing them, and imported from exactly the bytes that were hashed.

Python's own import would run cached bytecode where a file was edited twice within a second, and would read the file at
another time than whoever hashes it. What lies in the folder `routines` is therefore read once, hashed and compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, cast

_IMPORTING: Final = threading.RLock()
"""What is searched is the same for all threads: one that has imported must not take the folder from another."""

_SOURCES_HELD: Final = 8
"""A job runs the source that was read when it was taken, whatever was read since; between the two lie moments."""


class RoutineModule:
    """One module, shared by all routines in it.

    A file of the person's own is imported again when a job comes with another hash; an installed module stays as it
    was loaded. `load` and `forget` are called with `lock` held.

    Args:
        name: dotted.
        folder: where modules of the person's own lie.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.lock = threading.RLock()
        self.is_reloaded = False
        """Whether what is loaded took the place of something else."""
        self._sources_lock = threading.Lock()  # nobody who hashes waits for an import
        self._sources: dict[str, bytes] = {}
        """Hash to source, in the order in which they were read."""
        self._loaded: tuple[str, ModuleType] | None = None
        self._imported: set[str] = set()
        """The modules that came with what was loaded last."""

    @property
    def file(self) -> Path | None:
        """The file that importing the module would run; None where there is none."""
        return _module_file(self.name, self.folder)

    @property
    def hidden_file(self) -> Path | None:
        """A file of the person's own that seems to be meant, where an installed module takes its place."""
        own, file = _own_file(self.name, self.folder), self.file
        return own if own and file and not file.is_relative_to(self.folder) else None

    @property
    def source_hash(self) -> str:
        """16 hexadecimal digits of the source that a job taken now runs; empty where there is no file."""
        loaded = self._loaded
        if loaded is not None and not _is_own(loaded[1], self.folder):
            return loaded[0]
        file = self.file
        try:
            source = file.read_bytes() if file else None
        except OSError:
            source = None
        if source is None:
            return ""
        digest = _hash_of(source)
        with self._sources_lock:
            self._sources.pop(digest, None)
            self._sources[digest] = source
            while len(self._sources) > _SOURCES_HELD:
                del self._sources[next(iter(self._sources))]
        return digest

    def load(self, source_hash: str) -> ModuleType:
        """The module of the source with this hash, or of the latest one. Raises what importing does."""
        if source_hash not in self._sources and (self._loaded is None or self._loaded[0] != source_hash):
            source_hash = self.source_hash
        if self._loaded is not None and self._loaded[0] == source_hash:
            return self._loaded[1]
        source = self._sources.get(source_hash)
        present = sys.modules.get(self.name)
        is_current = present is not None and getattr(present.__loader__, "source_hash", None) == source_hash
        if not is_current and (self._loaded is not None or (present is not None and _is_own(present, self.folder))):
            sys.modules.pop(self.name, None)
        was_loaded, self._loaded = self._loaded is not None, None
        self.is_reloaded = self.is_reloaded or was_loaded
        before = set(sys.modules)
        try:
            with _IMPORTING, _searching(self.folder, {self.name: source} if source is not None else {}):
                module = importlib.import_module(self.name)
        except BaseException:
            self._imported = set(sys.modules) - before
            self.forget()
            raise
        self._imported = set(sys.modules) - before
        self._loaded = (source_hash, module)
        return module

    def forget(self) -> None:
        """Let the module, and what the person may mend of that which came with it, be imported again."""
        for name in self._imported | {self.name}:
            module = sys.modules.get(name)
            if module is not None and (name == self.name or _is_own(module, self.folder)):
                sys.modules.pop(name, None)
        self._loaded = None


class _Loader(SourceFileLoader):
    """Compiles the very bytes that it hashes, and no cached bytecode."""

    def __init__(self, name: str, path: str, source: bytes | None) -> None:
        super().__init__(name, path)
        self._source = source
        self.source_hash = ""

    def get_code(self, fullname: str) -> CodeType | None:
        source = self._source if self._source is not None else self.get_data(self.path)
        self.source_hash = _hash_of(source)
        return self.source_to_code(source, self.path)


class _Finder:
    """Finds what lies in the folder and is nowhere else.

    Args:
        sources: module name to the source that it is made of; others are read from their files.
    """

    def __init__(self, folder: Path, sources: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._sources = sources

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """What the other finders find, with a loader of ours where it lies in the folder."""
        spec = _spec(name, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            file = Path(spec.loader.path)
            if file.is_relative_to(self._folder):
                spec.loader = _Loader(name, str(file), self._sources.get(name))
        return spec


def _hash_of(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:16]


def _is_own(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)


@contextlib.contextmanager
def _searching(folder: Path, sources: Mapping[str, bytes] | None = None) -> Iterator[None]:
    """Let imports find what lies in `folder`, after everything else."""
    importlib.invalidate_caches()  # a file may be younger than the finders' lists and have the folder's time in common
    entry, finder = str(folder), _Finder(folder, sources or {})
    is_new = entry not in sys.path
    if is_new:
        sys.path.append(entry)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if is_new:
            with contextlib.suppress(ValueError):
                sys.path.remove(entry)


def _module_file(module: str, folder: Path) -> Path | None:
    """The file that importing `module` would run; None where there is none. Imports nothing, not even its packages."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    importlib.invalidate_caches()
    parts = module.split(".")
    for depth in range(len(parts)):
        name = ".".join(parts[: depth + 1])
        spec = _spec(name, path) or (PathFinder.find_spec(name, [str(folder)]) if depth == 0 else None)
        if spec is None or (depth + 1 < len(parts) and spec.submodule_search_locations is None):
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """What the finders other than ours find."""
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)  # other people's finders may be of the kind before
        if find is None or isinstance(finder, _Finder):
            continue
        if (found := find(name, path)) is not None:
            return cast(ModuleSpec, found)
    return None


def _own_file(module: str, folder: Path) -> Path | None:
    """The file or package of the person's own that `module` seems to mean."""
    head = folder / module.partition(".")[0]
    return next((each for each in (head.with_suffix(".py"), head / "__init__.py") if each.is_file()), None)
