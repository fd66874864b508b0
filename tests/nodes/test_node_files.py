"""The library on a real disk: versions, faults in the middle of a save, and people who plant or edit files."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from evolver_tui.adapters.nodes import faults
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.safe_folder import SafeFolder
from evolver_tui.cli.nodes import operations
from evolver_tui.core.errors import LIBRARY, NodeChanged, NodeError, UsageError
from evolver_tui.core.node import NodeDraft, Risk, sha256_of
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.checks.checks import check_draft
from tests.support.saving_process import NODE, code_of, runs_of, save

ROOT = Path(__file__).parents[2]


@pytest.fixture
def library(tmp_path: Path) -> NodeFiles:
    return NodeFiles(tmp_path / "nodes", lambda: 1_795_000_000.0)


def saving_process(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.support.saving_process", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


# --- saving and reading --------------------------------------------------------------------------------------------


def test_an_approved_node_lies_in_the_library_as_plain_files(library: NodeFiles) -> None:
    record = save(library, 1)
    folder = library.root / NODE
    assert (folder / "main.py").read_text() == code_of(1)
    assert (folder / "versions" / "1" / "main.py").read_text() == code_of(1)
    assert json.loads((folder / "node.json").read_text()) == record.to_json_value()
    assert record.tags == ("signalr", "generated", "summarize")
    assert json.loads((library.root / "index.json").read_text()) == {
        "nodes": [
            {
                "node_id": NODE,
                "version": 1,
                "title": "Summarize blog post",
                "task_type": "summarize",
                "tags": ["signalr", "generated", "summarize"],
                "sha256": sha256_of(code_of(1)),
                "updated_at": "2026-11-20T15:45:01.000Z",
            }
        ]
    }
    assert sorted(path.name for path in library.root.iterdir()) == [".lock", "index.json", NODE]


def test_the_rule_of_an_unattended_run_stays_on_the_node_as_a_tag(library: NodeFiles) -> None:
    draft = NodeDraft("lonely", "Lonely", code_of(1), (), "simple", "offline")
    approval = Approval("unreviewed", "2026-11-20T15:45:01Z", "t", "summarize", ("unreviewed",))
    assert library.save(draft, check_draft(draft.code, ()), approval).tags[-1] == "unreviewed"


def test_another_version_leaves_the_one_before_readable(library: NodeFiles) -> None:
    save(library, 1)
    second = save(library, 2)
    assert (second.version, second.lineage["parent"]) == (2, 1)
    assert library.code(NODE) == code_of(2)
    assert library.code(NODE, 1) == code_of(1)
    assert [record.version for record in library.versions(NODE)] == [1, 2]
    assert [row["version"] for row in library.index()] == [2]


def test_saving_the_same_bytes_for_the_same_task_again_changes_nothing(library: NodeFiles) -> None:
    first = save(library, 1)
    save(library, 2)
    assert save(library, 1) == first
    assert [record.version for record in library.list()] == [2]


def test_the_library_lists_nodes_by_id_and_knows_no_others(library: NodeFiles) -> None:
    assert library.list() == ()
    assert library.latest("nothing_here") is None
    for node_id in ("zeta", "alpha"):
        save(library, 1, node_id)
    assert [record.node_id for record in library.list()] == ["alpha", "zeta"]
    assert [row["node_id"] for row in library.index()] == ["alpha", "zeta"]
    with pytest.raises(NodeError, match="no node named"):
        library.code("nothing_here")


def test_code_comes_back_byte_for_byte(library: NodeFiles) -> None:
    code = "# é \u4e16 \r\nimport json\r\n\tx = 1"
    save(library, 1, code=code)
    assert library.code(NODE) == code


def test_a_diff_shows_what_changed_between_versions(library: NodeFiles) -> None:
    save(library, 1)
    assert library.diff(NODE).startswith(f"--- {NODE} v0\n+++ {NODE} v1\n")
    save(library, 2)
    diff = library.diff(NODE)
    assert "-print(json.dumps({'version': 1" in diff
    assert "+print(json.dumps({'version': 2" in diff
    assert library.diff(NODE, 2, 1).startswith(f"--- {NODE} v2\n+++ {NODE} v1\n")


def test_a_rollback_makes_the_old_bytes_the_next_version(library: NodeFiles) -> None:
    save(library, 1)
    save(library, 2)
    record = library.rollback(NODE, 1, "ada")
    assert (record.version, record.decided_by, record.lineage["parent"]) == (3, "ada", 2)
    assert record.decided_at.endswith("Z")
    assert library.code(NODE) == code_of(1)
    with pytest.raises(NodeError, match="no version 9"):
        library.rollback(NODE, 9, "ada")


def test_two_savers_at_once_lose_nothing(library: NodeFiles) -> None:
    threads = [threading.Thread(target=save, args=(library, number)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.version for record in library.versions(NODE)] == list(range(1, 9))
    assert {record.task_id for record in library.versions(NODE)} == {f"task-{number}" for number in range(1, 9)}


# --- faults --------------------------------------------------------------------------------------------------------


def assert_whole(root: Path, before: int) -> None:
    """After a kill there is the old or the other version, whole; and the save done again ends well."""
    library = NodeFiles(root, lambda: 0.0)
    record = library.latest(NODE)
    assert (record.version if record else 0) in (before, before + 1)
    if record is not None:
        assert library.read(NODE) == (record, code_of(record.version))
        assert list(library.list()) == [record]
        beside = (root / NODE / "main.py").read_text()
        assert beside in (code_of(before), code_of(before + 1))
        assert len(library.examples(NODE).examples) == len(runs_of(record.version))
    again = save(library, before + 1, runs=runs_of(before + 1))
    assert again.version == before + 1
    assert (root / NODE / "main.py").read_text() == code_of(before + 1)
    assert json.loads((root / NODE / "node.json").read_text()) == again.to_json_value()
    index = json.loads((root / "index.json").read_text())
    assert [(row["node_id"], row["version"]) for row in index["nodes"]] == [(NODE, before + 1)]
    assert len(library.versions(NODE)) == before + 1
    whole = {file.name: file.read_bytes() for file in root.glob(f"{NODE}/versions/{before + 1}/examples/*")}
    assert len(whole) == len(runs_of(before + 1))
    assert {file.name: file.read_bytes() for file in root.glob(f"{NODE}/examples/*")} == whole
    assert not (root / ".saving").exists()


@pytest.mark.parametrize("before", [0, 1])
def test_a_process_killed_anywhere_in_a_save_leaves_a_whole_library(library: NodeFiles, before: int) -> None:
    library.root.mkdir(parents=True)
    for version in range(1, before + 1):
        save(library, version, runs=runs_of(version))
    kills = int(saving_process("kill", str(library.root), str(before + 1)))
    assert kills >= 20
    for point in range(1, kills + 1):
        assert_whole(library.root.with_name(f"nodes-{point}"), before)


def test_a_full_disk_is_said_and_changes_nothing(library: NodeFiles) -> None:
    save(library, 1)
    said = saving_process("full", str(library.root), "200")
    assert "cannot be written" in said
    assert "retry" in said
    assert library.code(NODE) == code_of(1)
    assert [record.version for record in library.versions(NODE)] == [1]
    assert save(library, 2).version == 2


@pytest.mark.parametrize(
    "torn",
    [
        None, b"", b'{"nodes": [{"node_id": "summ', b'{"nodes": [{"node_id": 3}]}', b"[1]",
        b'{"nodes": [\n{"node_id": "summarize_it", "version": [}\n]}\n',
        b'{"nodes": [\n{"node_id": "summarize_it", "version": %b}\n]}\n' % (b"[" * 100_000),
        b'{"nodes": [\n{"node_id": "summarize_it", "version": 1, "title": "\x9b"}\n]}\n',
    ],
    ids=["none", "empty", "cut", "another make", "a list", "no JSON", "nested", "no UTF-8"],
)  # fmt: skip
def test_a_missing_or_torn_index_is_made_again_from_the_nodes(library: NodeFiles, torn: bytes | None) -> None:
    save(library, 1)
    save(library, 1, "other")
    index = library.root / "index.json"
    if torn is None:
        index.unlink()
    else:
        index.write_bytes(torn)
    assert [row["node_id"] for row in library.index()] == ["other", NODE]
    assert len(json.loads(index.read_text())["nodes"]) == 2


def test_an_index_row_that_is_missing_comes_back_with_the_next_save(library: NodeFiles) -> None:
    save(library, 1)
    save(library, 1, "other")
    (library.root / "index.json").write_text('{"nodes": []}')
    assert [record.node_id for record in library.list()] == ["other", NODE]
    save(library, 2, "other")
    assert [(row["node_id"], row["version"]) for row in library.index()] == [("other", 2), (NODE, 1)]


def many(library: NodeFiles, nodes: int) -> None:
    """Fill a library, by copies of one node, until its index is large."""
    record = save(library, 1, "node_0")
    for number in range(1, nodes):
        folder = library.root / f"node_{number}"
        (folder / "versions" / "1").mkdir(parents=True)
        value = json.dumps({**record.to_json_value(), "node_id": folder.name, "title": "long " * 140})
        for place in (folder, folder / "versions" / "1"):
            (place / "main.py").write_text(code_of(1))
            (place / "node.json").write_text(value)
    (library.root / "index.json").unlink()
    assert len(library.index()) == nodes


def rows_of(library: NodeFiles) -> dict[str, int]:
    """What another program reads."""
    found = json.loads((library.root / "index.json").read_text())["nodes"]
    assert [row["node_id"] for row in found] == sorted(row["node_id"] for row in found)
    return {row["node_id"]: row["version"] for row in found}


def test_a_save_into_a_large_library_reads_and_writes_nothing_that_grows_with_it(
    library: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(library, 110)
    monkeypatch.setattr(threading.Timer, "start", lambda timer: None)
    touched: list[int] = []
    read, write, listing = SafeFolder.read, SafeFolder.write, SafeFolder.names

    def reads(folder: SafeFolder, name: str, limit: int) -> bytes:
        touched.append(len(read(folder, name, limit)))
        return read(folder, name, limit)

    def writes(folder: SafeFolder, name: str, content: bytes) -> None:
        touched.append(len(content))
        write(folder, name, content)

    def names(folder: SafeFolder) -> list[str]:
        touched.append(1_000 * len(listing(folder)))
        return listing(folder)

    for name, spy in (("read", reads), ("write", writes), ("names", names)):
        monkeypatch.setattr(SafeFolder, name, spy)
    save(library, 2, "node_7")
    save(library, 1, "another")
    assert max(touched) < 5_000
    assert "another" not in rows_of(library)
    library.catch_up()
    assert (len(rows_of(library)), rows_of(library)["node_7"], rows_of(library)["another"]) == (111, 2, 1)
    assert not (library.root / ".index-behind").exists()


def test_the_index_of_a_large_library_follows_by_itself(library: NodeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    many(library, 110)
    renewed = threading.Event()
    catch_up = NodeFiles.catch_up

    def caught_up(files: NodeFiles) -> None:
        catch_up(files)
        renewed.set()

    monkeypatch.setattr(NodeFiles, "catch_up", caught_up)
    save(library, 2, "node_7")
    assert renewed.wait(30)
    assert rows_of(library)["node_7"] == 2


def test_the_index_that_a_killed_process_left_behind_is_mended(
    library: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(library, 110)
    kills = int(saving_process("kill", str(library.root), "2", "node_7"))
    monkeypatch.setattr(threading.Timer, "start", lambda timer: None)
    for point in range(1, kills + 1):
        left = NodeFiles(library.root.with_name(f"nodes-{point}"), lambda: 0.0)
        match point % 3:
            case 0:
                operations.list_nodes(left, 0.0)
            case 1:
                left.index()
            case 2:
                save(left, 1, "node_8")
                left.catch_up()
        current = left.latest("node_7")
        assert current is not None
        assert rows_of(left)["node_7"] == current.version
        assert len(rows_of(left)) == 110


def test_a_start_has_the_index_follow_that_a_killed_process_left_behind(
    library: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(library, 110)
    with monkeypatch.context() as killed:
        killed.setattr(threading.Timer, "start", lambda timer: None)
        save(library, 2, "node_7")
    renewed = threading.Event()
    catch_up = NodeFiles.catch_up

    def caught_up(files: NodeFiles) -> None:
        catch_up(files)
        renewed.set()

    monkeypatch.setattr(NodeFiles, "catch_up", caught_up)
    NodeFiles(library.root, lambda: 0.0).follow_soon()
    assert renewed.wait(30)
    assert rows_of(library)["node_7"] == 2
    NodeFiles(library.root / "nowhere", lambda: 0.0).follow_soon()


def test_nodes_that_came_and_went_by_hand_are_noticed_with_the_next_save(library: NodeFiles) -> None:
    for name in ("one", "two", "three"):
        save(library, 1, name)
    shutil.copytree(library.root / "one", library.root / "two_more")
    for value in (library.root / "two_more").rglob("node.json"):
        value.write_text(value.read_text().replace('"one"', '"two_more"'))
    shutil.rmtree(library.root / "three")
    (library.root / "notes").write_text("a file")
    save(library, 1, "four")
    assert rows_of(library) == {"four": 1, "one": 1, "two": 1, "two_more": 1}


def test_a_folder_that_cannot_be_a_library_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text("a file")
    with pytest.raises(NodeError, match="cannot be written"):
        save(NodeFiles(tmp_path / "nodes", lambda: 0.0), 1)


@pytest.mark.parametrize("content", ['{"node_id": "bro', '{"node_id": "broken", "sha256": "a", "sha256": "b"}'])
def test_a_damaged_record_spoils_only_its_own_node(library: NodeFiles, content: str) -> None:
    save(library, 1)
    save(library, 1, "broken")
    (library.root / "broken" / "versions" / "1" / "node.json").write_text(content)
    survey = library.survey()
    assert [record.node_id for record in survey.records] == [NODE]
    assert len(survey.problems) == 1
    assert "broken" in survey.problems[0]


# --- people and their files ----------------------------------------------------------------------------------------


def test_a_file_edited_by_hand_is_not_read_as_approved_and_not_lost(library: NodeFiles) -> None:
    save(library, 1)
    main = library.root / NODE / "main.py"
    main.write_text("print('mine')\n")
    with pytest.raises(NodeChanged, match="rollback"):
        library.code(NODE)
    with pytest.raises(NodeChanged):
        library.verify(NODE)
    assert library.code(NODE, 1) == code_of(1)

    assert save(library, 2).version == 2
    kept = library.root / NODE / "versions" / f"1-edited-{sha256_of('print(' + repr('mine') + ')' + chr(10))[:8]}"
    assert (kept / "main.py").read_text() == "print('mine')\n"
    assert library.code(NODE) == code_of(2)
    assert [record.version for record in library.versions(NODE)] == [1, 2]


def test_a_rollback_to_the_current_version_restores_the_file_and_keeps_the_edit(library: NodeFiles) -> None:
    save(library, 1)
    main = library.root / NODE / "main.py"
    main.write_text("mine")
    assert library.rollback(NODE, 1, "ada").version == 1
    assert main.read_text() == code_of(1)
    assert [path.read_text() for path in main.parent.glob("versions/1-edited-*/main.py")] == ["mine"]
    assert library.verify(NODE).version == 1


def test_what_was_changed_by_hand_and_replaced_is_found_again(library: NodeFiles) -> None:
    save(library, 1)
    main = library.root / NODE / "main.py"
    assert library.kept(NODE) == library.kept("nothing_here") == ()
    for version, mine in ((1, "mine"), (2, "mine too")):
        main.write_text(mine)
        assert len(library.kept(NODE)) == version - 1, "nothing took its place yet"
        save(library, version + 1)
    (main.parent / "versions" / "3-edited-by-somebody").mkdir()
    assert [(copy.version, Path(copy.path).read_text()) for copy in library.kept(NODE)] == [
        (1, "mine"),
        (2, "mine too"),
    ]


def test_a_node_made_by_hand_is_kept_when_an_approved_one_takes_its_name(library: NodeFiles) -> None:
    folder = library.root / NODE
    folder.mkdir(parents=True)
    (folder / "main.py").write_text("mine")
    assert library.latest(NODE) is None
    assert save(library, 1).version == 1
    assert [path.read_text() for path in folder.glob("versions/0-edited-*/main.py")] == ["mine"]


def test_a_node_copied_without_its_versions_still_counts_and_is_kept(library: NodeFiles, tmp_path: Path) -> None:
    save(library, 1)
    copy = NodeFiles(tmp_path / "copy", lambda: 0.0)
    (copy.root / NODE).mkdir(parents=True)
    for name in ("main.py", "node.json"):
        (copy.root / NODE / name).write_bytes((library.root / NODE / name).read_bytes())
    assert copy.code(NODE) == code_of(1)
    assert save(copy, 2).version == 2
    assert copy.code(NODE, 1) == code_of(1)


@pytest.mark.parametrize(
    "node_id",
    [
        "../evil",
        "..",
        ".",
        "a/b",
        "/etc/passwd",
        "A",
        "",
        "versions",
        "con",
        "a" * 65,
        "a\0b",
        "json",
        "é",
        "_x",
        "a\n",
    ],
)
def test_an_id_that_could_leave_the_folder_is_refused_everywhere(library: NodeFiles, node_id: str) -> None:
    save(library, 1)
    before = sorted(library.root.parent.rglob("*"))
    with pytest.raises(NodeError):
        save(library, 2, node_id)
    with pytest.raises(NodeError):
        library.latest(node_id)
    with pytest.raises(NodeError):
        library.rollback(node_id, 1, "ada")
    assert sorted(library.root.parent.rglob("*")) == before


def test_a_neighbour_that_differs_only_in_case_is_a_collision(library: NodeFiles) -> None:
    (library.root / NODE.upper()).mkdir(parents=True)
    with pytest.raises(NodeError, match="Rename one"):
        save(library, 1)


@pytest.mark.parametrize("planted", [NODE, f"{NODE}/versions", f"{NODE}/versions/1"])
def test_a_link_in_place_of_a_folder_is_refused_and_nothing_lands_outside(
    library: NodeFiles, tmp_path: Path, planted: str
) -> None:
    save(library, 1)
    outside = tmp_path / "outside"
    (library.root / planted).rename(outside)
    (library.root / planted).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(NodeError):
        library.code(NODE)
    with pytest.raises(NodeError):
        save(library, 2)
    assert sorted(outside.rglob("*")) == before
    assert library.list() == ()
    assert len(library.survey().problems) == 1


@pytest.mark.parametrize("name", ["main.py", "versions/1/main.py", "versions/1/node.json"])
def test_a_link_or_pipe_in_place_of_a_file_is_not_followed(library: NodeFiles, tmp_path: Path, name: str) -> None:
    save(library, 1)
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    planted = library.root / NODE / name
    for kind in ("link", "pipe"):
        planted.unlink()
        if kind == "link":
            planted.symlink_to(secret)
        else:
            os.mkfifo(planted)
        with pytest.raises(NodeError) as caught:
            library.read(NODE, 1 if name.startswith("versions") else None)
        assert "SECRET" not in str(caught.value)
    assert secret.read_text() == "SECRET"


def test_a_planted_link_where_a_save_prepares_is_refused(library: NodeFiles, tmp_path: Path) -> None:
    save(library, 1)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("x")
    (library.root / ".saving").symlink_to(tmp_path / "outside")
    with pytest.raises(NodeError):
        save(library, 2)
    assert (tmp_path / "outside" / "precious").exists()


# --- the commands --------------------------------------------------------------------------------------------------


def test_commands_show_what_is_in_the_library(library: NodeFiles) -> None:
    assert "no node yet" in operations.list_nodes(library, 0.0).text
    save(library, 1)
    save(library, 2)
    listed = operations.list_nodes(library, 0.0)
    assert f"{NODE}  v2" in listed.text
    assert [node["version"] for node in listed.value["nodes"]] == [2]
    shown = operations.show_node(library, NODE)
    assert code_of(2).rstrip("\n") in shown.text
    assert shown.value["versions"] == [1, 2]
    assert shown.value["changed"] is False
    (library.root / NODE / "main.py").write_text("mine")
    assert operations.show_node(library, NODE).value["changed"] is True
    assert "'version': 1" in operations.diff_nodes(library, NODE, "1", "2").text
    with pytest.raises(UsageError, match="is no version"):
        operations.diff_nodes(library, NODE, "latest")


def test_a_list_says_what_nobody_read_and_what_was_changed(library: NodeFiles) -> None:
    def standing() -> tuple[str, bool, bool]:
        listed = operations.list_nodes(library, 0.0)
        (value,) = listed.value["nodes"]
        columns = re.split(" {2,}", listed.text.splitlines()[1])
        return columns[2], value["reviewed"], value["changed"]

    draft = NodeDraft(NODE, "Mine", code_of(1), (), "simple", "x")
    library.save(draft, check_draft(draft.code, ()), Approval("unreviewed", "2026-11-20T15:45:01Z", "t", "summarize"))
    assert standing() == ("unreviewed", False, False)
    (library.root / NODE / "main.py").write_text("mine")
    assert standing() == ("unreviewed, changed since", False, True)
    save(library, 2)
    assert standing() == ("approved", True, False)
    (library.root / NODE / "main.py").unlink()
    (library.root / NODE / "main.py").symlink_to("/etc/hostname")
    assert standing() == ("approved, changed since", True, True)


def test_a_title_with_escape_sequences_is_listed_without_them(library: NodeFiles) -> None:
    draft = NodeDraft("evil", "\x1b]52;c;ZXZpbA==\x07title", code_of(1), (), "simple", "x")
    library.save(draft, check_draft(draft.code, ()), Approval("ada", "2026-11-20T15:45:01Z", "t", "summarize"))
    for command in (operations.list_nodes(library, 0.0), operations.show_node(library, "evil")):
        assert "\x1b" not in command.text
        assert "title" in command.text


def test_checking_and_importing_a_file(library: NodeFiles, tmp_path: Path) -> None:
    file = tmp_path / "My Node.py"
    file.write_text("import os\nos.system('ls')\n")
    refused = operations.check_file(file, ())
    assert refused.exit_code == 1
    assert "FAIL" in refused.text
    assert operations.import_file(library, file, (), lambda: 0.0, "ada").exit_code == 1
    assert library.list() == ()

    file.write_text(code_of(1))
    assert operations.check_file(file, ()).exit_code == 0
    for _ in range(2):
        assert operations.import_file(library, file, (), lambda: 0.0, "ada").exit_code == 0
    (record,) = library.list()
    assert (record.node_id, record.version, record.tags, record.risk) == ("my_node", 1, ("imported",), Risk.LOW)
    with pytest.raises(UsageError, match="is no file"):
        operations.check_file(tmp_path, ())


def test_importing_an_edited_node_is_the_way_to_approve_it(library: NodeFiles) -> None:
    save(library, 1)
    main = library.root / NODE / "main.py"
    main.write_text(code_of(7))
    with pytest.raises(NodeChanged):
        library.verify(NODE)
    operations.import_file(library, main, (), lambda: 0.0, "ada")
    assert library.verify(NODE).version == 2
    assert library.code(NODE) == code_of(7)
    assert list(main.parent.glob("versions/*-edited-*")) == []


def test_copies_of_one_version_that_were_kept_are_told_in_the_order_in_which_they_were_made(library: NodeFiles) -> None:
    save(library, 1)
    for number in range(6):
        (library.root / NODE / "main.py").write_text(f"# {number}\n")
        library.rollback(NODE, 1, "ada")
    assert [Path(copy.path).read_text() for copy in library.kept(NODE)] == [f"# {number}\n" for number in range(6)]


# --- whose fault it is ---


@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO, errno.ESTALE])
def test_what_a_disk_says_concerns_every_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: int) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr(SafeFolder, "write", refuse)
    assert _shared_of(tmp_path / "nodes") == LIBRARY


def test_a_library_that_is_no_folder_concerns_every_save(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert _shared_of(tmp_path / "file") == LIBRARY
    assert _shared_of(tmp_path / "file" / "nodes") == LIBRARY


def test_what_lies_in_the_place_of_one_node_concerns_that_one(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / NODE).symlink_to(tmp_path)
    with pytest.raises(NodeError, match=rf"\({NODE}\)\. .* remove it") as caught:
        save(NodeFiles(tmp_path / "nodes", lambda: 0.0), 1)
    assert caught.value.shared == ""


def test_a_file_of_a_node_that_is_none_concerns_that_node(tmp_path: Path) -> None:
    save(NodeFiles(tmp_path, lambda: 0.0), 0)
    (tmp_path / NODE / "main.py").unlink()
    os.mkfifo(tmp_path / NODE / "main.py")
    assert _shared_of(tmp_path) == ""


@pytest.mark.parametrize("name", [".lock", ".index-behind", ".saving"])
def test_what_lies_in_the_place_of_a_file_that_every_save_needs_concerns_every_save(tmp_path: Path, name: str) -> None:
    if name == ".saving":
        (tmp_path / name).write_text("a file where a folder belongs")
    else:
        (tmp_path / name).mkdir()
    assert _shared_of(tmp_path) == LIBRARY


def test_a_process_that_was_stopped_in_a_save_holds_others_up_no_longer_than_some_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_LOCK_SECONDS", 0.05)
    library = NodeFiles(tmp_path, lambda: 0.0)
    save(library, 1)
    with (tmp_path / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NodeError, match=r"Another process is in the middle of a save.*let it go on") as caught:
            save(library, 2)
        assert caught.value.shared == LIBRARY
    assert save(library, 2).version == 2


def _shared_of(root: Path) -> str:
    with pytest.raises(NodeError) as caught:
        save(NodeFiles(root, lambda: 0.0), 1)
    return caught.value.shared
