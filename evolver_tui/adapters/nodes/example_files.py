"""A node's examples on disk.

    <root>/<id>/versions/<n>/examples/*.json   what that version was seen to do; it comes with the version's one rename
    <root>/<id>/examples/*.json                copies of the current version's, and whatever a person puts there

A file beside main.py that no version has with the same name and bytes is a person's. Nothing replaces or removes it,
and it counts in the place of the version's file of that name. All others there are copies: each is replaced by a rename
of its own, and an interrupted save leaves some of one version and some of another, which the next write mends and no
reader heeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from evolver_tui.adapters.nodes.folder import NodeFolder, to_json
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.core.errors import NodeError
from evolver_tui.core.node_example import LARGEST_EXAMPLE, SUFFIX, KeptExamples, NodeExample, examples_of
from evolver_tui.core.node_run import NodeRun

Files = Mapping[str, bytes]
"""Contents by file name."""
Scrub = Callable[[Any], Any]
"""A JSON value without what must not be kept."""

_FOLDER: Final = "examples"
_MOST_FILES: Final = 50


def to_files(runs: Iterable[NodeRun], scrub: Scrub) -> Files:
    """The runs that can be examples, as files, scrubbed; what is too large or nested too deeply is left out."""
    examples = [*examples_of(runs)]
    if not examples:
        return {}
    files: dict[str, bytes] = {}
    for example, value in zip(examples, scrub([each.to_json_value() for each in examples]), strict=True):
        try:
            content = to_json(value)
        except RecursionError:
            continue
        if len(content) <= LARGEST_EXAMPLE:
            files[example.name + SUFFIX] = content
    return files


def read_examples(node: NodeFolder, version: int) -> KeptExamples:
    """What counts for a version: its own examples, and what a person put beside main.py."""
    kept, problems = _of_version(node, version)
    beside, more = read_files(node.folder)
    found: list[NodeExample] = []
    problems += more
    files = {**kept, **_of_a_person(node, beside)}
    for name in sorted(files, key=_place):
        try:
            found.append(NodeExample.from_file(name, files[name]))
        except NodeError as error:
            problems.append(str(error))
    return KeptExamples(version, tuple(found), tuple(problems))


def of_version(node: NodeFolder, version: int) -> Files:
    """The files of a version's examples, as far as they can be read."""
    return _of_version(node, version)[0]


def read_files(parent: SafeFolder) -> tuple[dict[str, bytes], list[str]]:
    """The files of the examples that lie in a folder, and a sentence for whatever else lies among them."""
    if not parent.has(_FOLDER):
        return {}, []
    if not parent.is_folder(_FOLDER):
        return {}, ["What is named examples is no folder."]
    files: dict[str, bytes] = {}
    problems: list[str] = []
    with parent.folder(_FOLDER) as folder:
        names = folder.names()
        if len(names) > _MOST_FILES:
            problems.append(f"Of {len(names):,} files among the examples the first {_MOST_FILES} are read.")
        for name in names[:_MOST_FILES]:
            if not name.endswith(SUFFIX):
                problems.append(f"{name!a} lies among the examples and is none: they end in {SUFFIX}.")
                continue
            try:
                files[name] = folder.read(name, LARGEST_EXAMPLE)
            except OSError as error:
                problems.append(f"{name!a} cannot be read: {error.strerror or error}.")
    return files, problems


def write(folder: SafeFolder, files: Files) -> None:
    """Put examples into a folder that has none; nothing where there are none."""
    if not files:
        return
    with folder.folder(_FOLDER, create=True) as examples:
        for name, content in files.items():
            examples.write(name, content)
        examples.sync()


def are_placed(node: NodeFolder, files: Files) -> bool:
    """Whether the copies beside main.py are these."""
    return not any(_changes(node, files))


def place(prepared: SafeFolder, node: NodeFolder, files: Files) -> None:
    """Let the copies beside main.py be these, which were put into `prepared` by `write`: nothing is written here."""
    coming, going = _changes(node, files)
    if coming:
        with prepared.folder(_FOLDER) as source, node.folder.folder(_FOLDER, create=True) as target:
            for name in coming:
                source.move(name, target, name)
            target.sync()
    if going:
        with node.folder.folder(_FOLDER) as target:
            for name in going:
                target.remove(name)
            target.sync()


def drop_if_empty(node: NodeFolder) -> None:
    """Remove the folder of examples beside main.py where nothing lies in it."""
    if node.folder.has(_FOLDER) and node.folder.is_folder(_FOLDER):
        with node.folder.folder(_FOLDER) as folder:
            is_empty = not folder.names()
        if is_empty:
            node.folder.remove_tree(_FOLDER)


def _changes(node: NodeFolder, files: Files) -> tuple[list[str], list[str]]:
    """The names of the copies that have to come, and of those that have to go."""
    if not node.folder.has(_FOLDER):
        return [*files], []
    if not node.folder.is_folder(_FOLDER):
        return [], []
    beside = read_files(node.folder)[0]
    theirs = _of_a_person(node, beside)
    with node.folder.folder(_FOLDER) as folder:
        free = {name for name in files if name not in theirs and (name in beside or not folder.has(name))}
    coming = [name for name in files if name in free and beside.get(name) != files[name]]
    return coming, [name for name in beside if name not in theirs and name not in files]


def _of_version(node: NodeFolder, version: int) -> tuple[dict[str, bytes], list[str]]:
    if not node.has_version_folder(version):
        return {}, []
    with node.folder.folder("versions") as versions, versions.folder(str(version)) as folder:
        return read_files(folder)


def _of_a_person(node: NodeFolder, beside: Files) -> dict[str, bytes]:
    """What no version has with the same name and bytes."""
    theirs = dict(beside)
    for version in reversed(node.numbers()):
        if not theirs:
            break
        files = of_version(node, version)
        theirs = {name: content for name, content in theirs.items() if files.get(name) != content}
    return theirs


def _place(name: str) -> tuple[int, str]:
    """The order of examples: by the number that a name begins with, then those without one."""
    number = name.partition("-")[0]
    return (int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1_000_000, name)
