"""A node's examples on a real disk: what is kept, what a person put there, and what somebody planted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.node_example import LARGEST_EXAMPLE
from evolver_tui.settings.secrets import scrub_value
from tests.support.runs import a_call, a_run
from tests.support.saving_process import NODE, code_of, runs_of, save

OWN = json.dumps({"input": {"mine": 1}, "output": {"mine": 2}, "tools": []})


@pytest.fixture
def library(tmp_path: Path) -> NodeFiles:
    return NodeFiles(tmp_path / "nodes", lambda: 0.0)


@pytest.fixture
def beside(library: NodeFiles) -> Path:
    """Where people find a node's examples."""
    return library.root / NODE / "examples"


def outputs(library: NodeFiles) -> dict[str, Any]:
    """What counts: outputs by the names of their examples."""
    return {example.name: example.output for example in library.examples(NODE).examples}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- what is kept --------------------------------------------------------------------------------------------------


def test_what_a_draft_gave_lies_beside_it_and_in_its_version(library: NodeFiles, beside: Path) -> None:
    asked = a_run("sample 1", {"a": "é"}, tool_calls=(a_call("short", arguments='{"n": 1}'),), tool_call_count=1)
    save(library, 1, runs=[asked, a_run("fields missing", error="It wrote nothing."), a_run("empty", {"b": 1})])
    version = library.root / NODE / "versions" / "1" / "examples"
    assert names_in(beside) == names_in(version) == ["1-sample-1.json", "3-empty.json"]
    assert (beside / "1-sample-1.json").read_bytes().isascii()
    assert json.loads((beside / "1-sample-1.json").read_bytes()) == {
        "input": {"id": "x"},
        "output": {"a": "é"},
        "tools": [{"tool": "summarizer", "prompt": "a text", "arguments": {"n": 1}, "answer": "short"}],
    }
    assert outputs(library) == {"1-sample-1": {"a": "é"}, "3-empty": {"b": 1}}


def test_without_a_run_that_gave_an_output_there_are_no_examples(library: NodeFiles, beside: Path) -> None:
    save(library, 1)
    save(library, 2, runs=[a_run(error="It wrote nothing.")])
    assert not list((library.root / NODE).rglob("examples"))
    assert (library.examples(NODE).examples, library.examples("nothing_here").examples) == ((), ())


def test_examples_come_in_the_order_of_their_numbers(library: NodeFiles) -> None:
    save(library, 1, runs=[a_run(f"v1 example {number}") for number in range(1, 12)])
    assert [*outputs(library)] == [f"{number}-v1-example-{number}" for number in range(1, 12)]


def test_a_save_that_is_repeated_keeps_the_first_examples(library: NodeFiles) -> None:
    save(library, 1, runs=[a_run(output={"a": 1})])
    save(library, 1, runs=[a_run(output={"a": 2}), a_run("empty")])
    assert outputs(library) == {"1-sample-1": {"a": 1}}


def test_what_is_too_large_is_left_out(library: NodeFiles) -> None:
    save(library, 1, runs=[a_run(output={"a": "x" * LARGEST_EXAMPLE}), a_run("empty")])
    assert [*outputs(library)] == ["2-empty"]


def test_secrets_are_masked_within_values_and_names(tmp_path: Path) -> None:
    secret = 'geheim "\u00e9\n42'
    scrub = partial(scrub_value, secrets=[secret])
    library = NodeFiles(tmp_path / "nodes", lambda: 0.0, scrub)
    call = a_call(f"I know {secret}", f"Tell {secret}", json.dumps({"said": secret}))
    said = {"a": [f"It is {secret}."], secret: 1, "api_key": "abc"}
    save(library, 1, runs=[a_run(input={"told": secret}, output=said, tool_calls=(call,), tool_call_count=1)])
    text = "".join(file.read_text() for file in library.root.rglob("examples/*.json"))
    assert "geheim" not in text
    assert "42" not in text
    assert "abc" not in text
    (example,) = library.examples(NODE).examples
    assert example.output == {"a": ["It is •••."], "•••": 1, "api_key": "•••"}
    assert example.answers[0].arguments == {"said": "•••"}


# --- versions --------------------------------------------------------------------------------------------------------


def test_each_version_has_its_own_and_a_rollback_brings_them_back(library: NodeFiles, beside: Path) -> None:
    save(library, 1, runs=runs_of(1))
    save(library, 2, runs=runs_of(2))
    assert names_in(beside) == ["1-sample-1.json", "2-sample-2.json"]
    assert {output["version"] for output in outputs(library).values()} == {2}
    library.rollback(NODE, 1, "ada")
    assert names_in(beside) == ["1-sample-1.json", "2-sample-2.json", "3-sample-3.json"]
    assert {output["version"] for output in outputs(library).values()} == {1}
    assert json.loads((beside / "1-sample-1.json").read_text())["output"]["version"] == 1


def test_a_version_that_nobody_tried_has_none(library: NodeFiles, beside: Path) -> None:
    save(library, 1, runs=runs_of(1))
    save(library, 2)
    assert outputs(library) == {}
    assert names_in(beside) == []


def test_copies_that_were_removed_count_and_come_back(library: NodeFiles, beside: Path) -> None:
    save(library, 1, runs=runs_of(1))
    shutil.rmtree(beside)
    assert len(outputs(library)) == 3
    library.rollback(NODE, 1, "ada")
    assert len(names_in(beside)) == 3


def test_a_node_copied_without_its_versions_brings_its_examples(library: NodeFiles, tmp_path: Path) -> None:
    save(library, 1, runs=runs_of(1))
    copy = NodeFiles(tmp_path / "copy", lambda: 0.0)
    shutil.copytree(library.root / NODE, copy.root / NODE)
    shutil.rmtree(copy.root / NODE / "versions")
    assert outputs(copy) == outputs(library)
    save(copy, 2, runs=runs_of(2))
    assert {output["version"] for output in outputs(copy).values()} == {2}
    copy.rollback(NODE, 1, "ada")
    assert outputs(copy) == outputs(library)


# --- people ----------------------------------------------------------------------------------------------------------


def test_what_a_person_put_there_counts_and_stays(library: NodeFiles, beside: Path) -> None:
    save(library, 1, runs=runs_of(1))
    (beside / "mine.json").write_text(OWN)
    (beside / "1-sample-1.json").write_text(OWN)
    save(library, 2, runs=runs_of(2))
    library.rollback(NODE, 1, "ada")
    mine, theirs = {"mine": 2}, {"version": 1, "in": {"id": "x"}}
    assert outputs(library) == {"1-sample-1": mine, "2-sample-2": theirs, "3-sample-3": theirs, "mine": mine}
    assert (beside / "mine.json").read_text() == (beside / "1-sample-1.json").read_text() == OWN


def test_what_a_person_took_back_is_the_versions_again(library: NodeFiles, beside: Path) -> None:
    save(library, 1, runs=runs_of(1))
    (beside / "1-sample-1.json").write_text(OWN)
    (beside / "1-sample-1.json").unlink()
    assert outputs(library)["1-sample-1"]["version"] == 1
    save(library, 2, runs=runs_of(2))
    assert json.loads((beside / "1-sample-1.json").read_text())["output"]["version"] == 2


def link(path: Path) -> None:
    path.symlink_to(path.parents[3] / "outside")


PLANTED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a link": ("4-x.json", link, "4-x.json' cannot be read"),
    "a link in the place of a copy": ("1-sample-1.json", link, "1-sample-1.json' cannot be read"),
    "a pipe": ("4-x.json", os.mkfifo, "is not a regular file"),
    "a folder": ("4-x.json", Path.mkdir, "cannot be read"),
    "too much": ("4-x.json", lambda path: path.write_bytes(b" " * LARGEST_EXAMPLE + b"{}"), "is larger than"),
    "no example": ("4-x.json", lambda path: path.write_text("{}"), "is no example"),
    "nested": ("4-x.json", lambda path: path.write_text("[" * 100_000), "nested too deeply"),
    "another kind": ("\x1b[2J.txt", lambda path: path.write_text("x"), r"\x1b[2J.txt' lies among the examples"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_no_example_is_told_left_out_and_left_alone(library: NodeFiles, beside: Path, planted: str) -> None:
    name, plant, told = PLANTED[planted]
    outside = library.root.parent / "outside"
    outside.write_text(OWN)
    save(library, 1, runs=runs_of(1))
    (beside / name).unlink(missing_ok=True)
    plant(beside / name)
    before = os.lstat(beside / name)
    kept = library.examples(NODE)
    assert len(kept.examples) == 3
    (problem,) = kept.problems
    assert told in problem
    assert problem.isprintable()
    assert save(library, 2, runs=runs_of(2)).version == 2
    assert library.code(NODE) == code_of(2)
    assert (os.lstat(beside / name).st_ino, outside.read_text()) == (before.st_ino, OWN)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_lies_in_the_place_of_the_folder_is_left_alone(library: NodeFiles, beside: Path, kind: str) -> None:
    save(library, 1, runs=runs_of(1))
    outside = library.root.parent / "outside"
    beside.rename(outside)
    if kind == "link":
        beside.symlink_to(outside)
    else:
        beside.write_text("mine")
    assert (len(outputs(library)), library.examples(NODE).problems) == (3, ("What is named examples is no folder.",))
    save(library, 2, runs=runs_of(2))
    assert outputs(library)["1-sample-1"]["version"] == 2
    assert json.loads((outside / "1-sample-1.json").read_text())["output"]["version"] == 1
    assert beside.is_symlink() or beside.read_text() == "mine"


def test_of_very_many_files_the_first_are_read(library: NodeFiles, beside: Path) -> None:
    save(library, 1, runs=runs_of(1))
    for number in range(200):
        (beside / f"9-{number:03}.json").write_text(OWN)
    kept = library.examples(NODE)
    assert len(kept.examples) == 50
    assert kept.problems == ("Of 203 files among the examples the first 50 are read.",)


def test_copies_of_another_version_count_for_nothing_and_are_mended(library: NodeFiles, beside: Path) -> None:
    """As an interrupted save leaves them."""
    save(library, 1, runs=runs_of(1))
    old = {path.name: path.read_bytes() for path in beside.iterdir()}
    save(library, 2, runs=runs_of(2))
    for name in ("2-sample-2.json", "3-sample-3.json"):
        (beside / name).write_bytes(old[name])
    assert [output["version"] for output in outputs(library).values()] == [2, 2]
    library.rollback(NODE, 2, "ada")
    assert names_in(beside) == ["1-sample-1.json", "2-sample-2.json"]
    assert (beside / "2-sample-2.json").read_bytes() != old["2-sample-2.json"]
