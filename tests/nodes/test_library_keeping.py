"""What a person does with approved nodes: retire and restore, roll back, search, find what is there twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.runner import NodeRunner
from evolver_tui.cli.nodes import keeping, operations
from evolver_tui.core.errors import NodeError, NodeRetired
from evolver_tui.core.node_listing import Retirement
from evolver_tui.core.node_use import UsedBy
from evolver_tui.core.signal import Signal
from evolver_tui.engine.library_keeper import LibraryKeeper
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from tests.support.boxes import SANDBOX
from tests.support.saving_process import NODE, code_of, save

pytestmark = pytest.mark.anyio

NOW = 1_795_000_000.0


def long_code(number: int) -> str:
    """A node of many lines, none of which another number's node has."""
    lines = (f"    total_{number} += len(data[{each * number}]) * limit_{each}" for each in range(40))
    return "\n".join(["import json, sys", f"def main_{number}(data):", *lines, f"print(main_{number}({{}}))", ""])


@pytest.fixture
def library(tmp_path: Path) -> NodeFiles:
    return NodeFiles(tmp_path / "nodes", lambda: NOW)


@pytest.fixture
def told() -> list[Signal]:
    return []


@pytest.fixture
def keeper(library: NodeFiles, told: list[Signal]) -> LibraryKeeper:
    return LibraryKeeper(library, SignalBus("s", lambda: NOW, told.extend, SignalRegistry()), "ada")


def ids(library: NodeFiles) -> list[str]:
    return [record.node_id for record in library.list()]


# --- retiring --------------------------------------------------------------------------------------------------------


async def test_a_retired_node_is_in_no_list_and_nobody_runs_it(
    library: NodeFiles, keeper: LibraryKeeper, told: list[Signal]
) -> None:
    save(library, 1)
    save(library, 1, "other")
    before = (library.root / NODE / "main.py").read_bytes()
    await keeper.retire(NODE)
    assert ids(library) == ["other"]
    assert [row["node_id"] for row in library.index()] == ["other"]
    overview = {each.node_id: each.retirement for each in library.overview().nodes}
    assert overview == {"other": None, NODE: Retirement("ada", "2026-11-18T11:06:40.000Z")}
    runner = NodeRunner(library, {}, None, lambda *_: "", SANDBOX, dry_reply=lambda *_: "")
    with pytest.raises(NodeRetired, match="was retired by ada"):
        await runner.run(NODE, b"{}")
    assert library.uses.of(NODE).count == 0
    with pytest.raises(NodeError, match="retired already"):
        await keeper.retire(NODE)
    await keeper.restore(NODE)
    assert ids(library) == ["other", NODE]
    assert (await runner.run(NODE, b"{}")).succeeded
    assert (library.root / NODE / "main.py").read_bytes() == before
    assert [signal.name for signal in told] == ["node.retired", "node.restored"]
    with pytest.raises(NodeError, match="not retired"):
        await keeper.restore(NODE)


async def test_a_version_that_is_approved_later_is_in_use_again(library: NodeFiles, keeper: LibraryKeeper) -> None:
    save(library, 1)
    await keeper.retire(NODE)
    assert library.latest(NODE) is not None  # what the next version's approval replaces
    save(library, 2)
    assert ids(library) == [NODE]
    assert library.retirement(NODE) is None
    await keeper.retire(NODE)
    assert ids(library) == []


@pytest.mark.parametrize("content", ["", "[]", '{"by": 1}', '{"by": "\\ud800", "version": "1"}', "[" * 100_000])
async def test_a_mark_that_cannot_be_read_counts_while_it_may(library: NodeFiles, content: str) -> None:
    save(library, 1)
    (library.root / NODE / "retired.json").write_text(content)
    is_retired = '"version"' not in content
    assert (library.retirement(NODE) is not None) is is_retired
    assert ids(library) == ([] if is_retired else [NODE])


# --- rolling back ----------------------------------------------------------------------------------------------------


async def test_rolling_back_makes_a_further_version_byte_for_byte_and_says_who(
    library: NodeFiles, keeper: LibraryKeeper, told: list[Signal]
) -> None:
    save(library, 1, code=code_of(1) + "\r\n# é\t\n")
    save(library, 2)
    record = await keeper.roll_back(NODE, 1)
    assert (record.version, record.decided_by, record.lineage["rollback_to"]) == (3, "ada", 1)
    folder = library.root / NODE
    assert (folder / "main.py").read_bytes() == (folder / "versions" / "1" / "main.py").read_bytes()
    assert [each.version for each in library.versions(NODE)] == [1, 2, 3]
    assert library.code(NODE, 2) == code_of(2)
    assert [(signal.name, signal.payload["before"]) for signal in told] == [("node.rolled_back", 2)]
    await keeper.roll_back(NODE, 3)  # nothing to do
    assert len(told) == 1


# --- a large library -------------------------------------------------------------------------------------------------


def test_what_is_known_of_5000_nodes_opens_none_of_them(library: NodeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    save(library, 1)
    record = json.loads((library.root / NODE / "node.json").read_text())
    for number in range(5_000):
        node_id = f"node_{number}"
        folder = library.root / node_id / "versions" / "1"
        folder.mkdir(parents=True)
        (folder / "node.json").write_text(json.dumps({**record, "node_id": node_id}))
        (folder / "main.py").write_text(code_of(1))
    library.overview()  # which lets the index follow
    opened: list[object] = []
    real = os.open

    def counting(path: object, *arguments: object, **more: object) -> int:
        opened.append(path)
        return real(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", counting)
    assert len(library.overview().nodes) == 5_001
    assert len(opened) < 10, "the index, and nothing else"
    opened.clear()
    assert library.details("node_77") is not None
    assert len(opened) < 30


def test_an_overview_tells_of_what_lies_there_and_is_no_node(library: NodeFiles, tmp_path: Path) -> None:
    save(library, 1)
    (tmp_path / "elsewhere").mkdir()
    (library.root / "a_link").symlink_to(tmp_path / "elsewhere")
    (library.root / "torn" / "versions" / "1").mkdir(parents=True)
    (library.root / "torn" / "versions" / "1" / "node.json").write_text("{")
    (library.root / "Not A Node").mkdir()
    overview = library.overview()
    assert [each.node_id for each in overview.nodes] == [NODE]
    assert len(overview.problems) == 2
    assert overview.problems[0].startswith("a_link cannot be read")


def test_a_library_that_cannot_be_written_is_seen_all_the_same(
    library: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(library, 1)
    (library.root / "index.json").unlink()

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("evolver_tui.adapters.nodes.safe_folder.SafeFolder.lock_file", refuse)
    assert [each.node_id for each in library.overview().nodes] == [NODE]


# --- searching -------------------------------------------------------------------------------------------------------


def test_a_list_is_searched_by_names_and_by_code(library: NodeFiles) -> None:
    save(library, 1)
    save(library, 1, "shorten", code="import json\n# Straße and STUFF\nprint(json.dumps({}))\n")
    library.uses.note(library.list()[0], UsedBy.CHAT)

    def found(search: str, **more: bool) -> list[str]:
        return [node["node_id"] for node in operations.list_nodes(library, NOW, search, **more).value["nodes"]]

    assert found("BLOG_P") == [NODE]
    assert found("strasse") == []
    assert found("strasse", in_code=True) == ["shorten"]
    listed = operations.list_nodes(library, NOW + 7_200, "stuff", in_code=True)
    assert "2: # Straße and STUFF" in listed.text
    assert listed.value["nodes"][0]["line"] == 2
    assert "2h ago" in operations.list_nodes(library, NOW + 7_200).text
    assert "No node has that." in operations.list_nodes(library, NOW, "nowhere", in_code=True).text


async def test_retired_nodes_are_listed_where_they_are_asked_for(library: NodeFiles, keeper: LibraryKeeper) -> None:
    save(library, 1)
    retired = await keeping.retire_node(keeper, NODE)
    assert "nodes restore" in retired.text
    assert operations.list_nodes(library, NOW).value["nodes"] == []
    listed = operations.list_nodes(library, NOW, with_retired=True)
    assert "approved, retired by ada" in listed.text
    assert listed.value["nodes"][0]["retired_by"] == "ada"
    assert "was retired by ada" in operations.show_node(library, NODE).text


# --- duplicates ------------------------------------------------------------------------------------------------------


def test_nodes_that_are_nearly_the_same_are_told_in_groups(library: NodeFiles) -> None:
    first, other = long_code(1), long_code(2)
    save(library, 1, "one", code=first)
    save(library, 1, "same", code=f"# a remark\n{first}")
    save(library, 1, "near", code=first.replace("limit_31", "bound_31"))
    save(library, 1, "other", code=other)
    found = keeping.find_duplicates(library)
    assert [group["nodes"] for group in found.value["groups"]] == [["near", "one", "same"]]
    assert found.value["compared"] == 4
    library.retire("near", "ada")
    library.retire("same", "ada")
    assert "Of 2 nodes no two" in keeping.find_duplicates(library).text
