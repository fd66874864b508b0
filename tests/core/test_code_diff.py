"""A diff tells the whole way from one program to another, briefly, whatever stands in them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.code_diff import CodeDiff, DiffLine, Fold, Pair, _Budget, compare
from evolver_tui.core.safe_text import LIMIT
from tests.support.drafts import NODE
from tests.support.fuzzing import TEXTS, fuzzed
from tests.support.hostile import HOSTILE

ALL = 10**9
PROGRAMS = st.lists(
    st.sampled_from(["a = 1", "b = 2", "", "    c(a, b)", "    c(a, d)", "x"]) | TEXTS, max_size=30
).map("\n".join)


def signs(diff: CodeDiff) -> list[str]:
    """The rows of a unified diff, as a person reads them."""
    return [f"… {row.lines}" if isinstance(row, Fold) else f"{row.sign}{row.text}" for row in diff.rows]


def side(diff: CodeDiff, sign: str) -> list[tuple[int, str, bool]]:
    """One whole side of a diff that folds nothing: number, text, and whether its line has an end."""
    lines = [row for row in diff.rows if isinstance(row, DiffLine) and row.sign in (" ", sign)]
    return [(row.new if sign == "+" else row.old, row.text, row.has_end) for row in lines]


@given(PROGRAMS, PROGRAMS, st.sampled_from([0, 5, 200, 400_000]))
@fuzzed(200)
def test_both_sides_can_be_read_off_it_whatever_may_be_spent(old: str, new: str, steps: int) -> None:
    diff = compare(old, new, context=ALL, steps=steps)
    whole = {"-": compare(old, "", context=ALL), "+": compare("", new, context=ALL)}
    for sign in "-+":
        assert diff.is_same or side(diff, sign) == side(whole[sign], sign)
    assert diff.is_same == (old == new)
    lines = [row for row in diff.rows if isinstance(row, DiffLine)]
    assert (diff.added, diff.removed) == tuple(sum(row.sign == sign for row in lines) for sign in "+-")
    for row in lines:
        assert all(0 <= start < end <= len(row.text) for start, end in row.spans if row.text)


@given(PROGRAMS, PROGRAMS)
@fuzzed(100)
def test_side_by_side_has_the_lines_of_the_unified_one(old: str, new: str) -> None:
    diff = compare(old, new)
    sides = [each for pair in diff.pairs for each in ([pair] if isinstance(pair, Fold) else {pair.old, pair.new})]
    assert sorted(map(str, filter(None, sides))) == sorted(map(str, diff.rows))


def test_only_what_changed_is_shown_with_three_lines_around_it() -> None:
    code = "".join(f"line_{number} = {number}\n" for number in range(1, 41))
    diff = compare(code, code.replace("line_20 = 20\n", "line_20 = 21\nmore = 1\n"))
    assert signs(diff) == [
        "… 16",
        " line_17 = 17", " line_18 = 18", " line_19 = 19",
        "-line_20 = 20", "+line_20 = 21", "+more = 1",
        " line_21 = 21", " line_22 = 22", " line_23 = 23",
        "… 17",
    ]  # fmt: skip
    assert (diff.added, diff.removed) == (2, 1)
    folds = [row for row in diff.rows if isinstance(row, Fold)]
    assert folds == [Fold(16, 1, 1), Fold(17, 24, 25)]


def test_a_fold_hides_no_single_line() -> None:
    code = "".join(f"{letter}\n" for letter in "abcdefghi")
    assert not any(isinstance(row, Fold) for row in compare(code, code.replace("e", "E")).rows)


def test_within_a_line_the_words_that_changed_are_told() -> None:
    diff = compare("    summary = call(content, 1)\n", "    summary = call(text, 1)\n")
    (pair,) = diff.pairs
    assert isinstance(pair, Pair)
    assert pair.old is not None
    assert pair.new is not None
    assert [pair.old.text[start:end] for start, end in pair.old.spans] == ["content"]
    assert [pair.new.text[start:end] for start, end in pair.new.spans] == ["text"]


def test_a_line_is_told_as_another_one_changed_where_it_is_like_it_and_not_by_its_place() -> None:
    diff = compare("value = find(first, second)\n", "import os\n\nvalue = find(first, third)\n")
    beside = [pair for pair in diff.pairs if isinstance(pair, Pair) and pair.old and pair.new]
    assert [(pair.old.text, pair.new.text) for pair in beside if pair.old and pair.new] == [
        ("value = find(first, second)", "value = find(first, third)")
    ]
    other = compare("a = 1\n", "while True:\n")
    assert all(not row.spans for row in other.rows if isinstance(row, DiffLine)), "it is no successor"


@pytest.mark.parametrize(
    ("old", "new"), [("a\tb\n", "a    b\n"), ("a\n", "a\r\n"), ("a\n", "a"), ("a \n", "a\n")],
    ids=["a tab", "a carriage return", "no line end", "a blank"],
)  # fmt: skip
def test_what_is_hardly_seen_is_a_change_as_well(old: str, new: str) -> None:
    diff = compare(old, new)
    assert (diff.added, diff.removed) == (1, 1)
    rows = [row for row in diff.rows if isinstance(row, DiffLine)]
    assert any(row.spans for row in rows) or {row.has_end for row in rows} == {True, False}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_told_by_stand_ins_on_both_sides(name: str) -> None:
    for old, new in ((HOSTILE[name], "a = 1"), ("a = 1", HOSTILE[name]), (HOSTILE[name], HOSTILE[name] + " ")):
        for row in compare(old, new).rows:
            assert isinstance(row, Fold) or not {"\x1b", "\u202e", "\x07", "\n", "\x9b"} & set(row.text)


def hostile_pairs() -> dict[str, tuple[str, str]]:
    """Programs that are slow to compare for whoever looks for the shortest way."""
    chance = random.Random(3)
    few = ["a", "b", "c", "pass", ""]
    mixed = ["\n".join(chance.choice(few) for _ in range(20_000)) for _ in range(2)]
    unique = [f"x{number}" for number in range(20_000)]
    turned = "\n".join(reversed(unique))
    words = [" ".join(chance.choice("ab()+") for _ in range(1_000)) for _ in range(200)]
    return {
        "few lines in any order": (mixed[0], mixed[1]),
        "the other way round": ("\n".join(unique), turned),
        "nothing in common": ("\n".join(unique), "\n".join(f"y{number}" for number in range(20_000))),
        "lines of 100 kB": ("a" * 100_000 + "b" * 100_000, "a" * 100_000 + "c" * 100_000),
        "many words": ("\n".join(words[:100]), "\n".join(words[100:])),
        "one line and many": ("a b c " * 3_000, "a b c\n" * 3_000),
    }


@pytest.mark.parametrize("name", hostile_pairs())
def test_hostile_drafts_take_no_more_steps_than_allowed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    allows = _Budget.allows

    def counted(budget: _Budget, steps: int) -> bool:
        nonlocal taken
        is_allowed = allows(budget, steps)
        taken += steps if is_allowed else 0
        return is_allowed

    monkeypatch.setattr(_Budget, "allows", counted)
    diff = compare(*hostile_pairs()[name], steps=50_000)
    assert taken <= 50_000
    assert not diff.is_same
    assert all(len(row.text) <= LIMIT + 1 for row in diff.rows if isinstance(row, DiffLine))


def test_a_unified_diff_is_a_patch(tmp_path: Path) -> None:
    new = NODE.replace("translations = {}", "found = {}\n    more = []").replace("    main()\n", "    main()")
    lines = [*compare(NODE, new).unified("main.py", "main.py")]
    assert lines[:2] == ["--- main.py", "+++ main.py"]
    (tmp_path / "main.py").write_text(NODE)
    patch = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(["patch", "-s", "main.py"], cwd=tmp_path, input=patch, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "main.py").read_text() == new
    assert not [*compare(NODE, NODE).unified("a", "b")]
