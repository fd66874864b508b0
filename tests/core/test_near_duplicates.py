"""Programs that are nearly the same are found, whatever was done to their looks, and others are not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.training_data.near_duplicates import ALIKE, NearDuplicates, Sketch, likeness, sketch, tokens
from tests.support.decisions import program


def changed(code: str, share: float, seed: int = 7) -> str:
    """The same program with another name in this share of its lines."""
    lines, chance = code.split("\n"), random.Random(seed)
    for place in chance.sample(range(len(lines)), int(len(lines) * share)):
        lines[place] = f"value_{place} = other_{place}({place})"
    return "\n".join(lines)


LONG = "\n".join(f"name_{number} = function_{number}(data, {number})" for number in range(400))


@pytest.mark.parametrize(
    "other",
    [
        LONG,
        LONG.replace("(", "( ").replace("\n", "  # a word\n\n"),
        "# head\n" + LONG + "\n\n\n",
        changed(LONG, 0.02),
    ],
    ids=["the same", "spaces and comments", "a head", "few lines changed"],
)
def test_one_that_is_nearly_another_is_found(other: str) -> None:
    known = NearDuplicates[str]()
    assert known.first_like(LONG, "first") is None
    assert known.first_like(other, "second") == "first"


@pytest.mark.parametrize("other", [changed(LONG, 0.3), program("another"), "", "x"])
def test_another_one_is_new(other: str) -> None:
    known = NearDuplicates[str]()
    assert known.first_like(LONG, "first") is None
    assert known.first_like(other, "second") is None
    assert known.first_like(other, "third") == "second"


def test_a_sharp_sign_in_a_string_is_no_comment() -> None:
    assert tokens('a = \'# no\' # yes\nb = """\n# no\n"""') == ["a", "=", "'# no'", "b", "=", '"""\n# no\n"""']


@given(st.text(max_size=300), st.text(max_size=300))
def test_likeness_is_even_and_between_0_and_1(one: str, other: str) -> None:
    first, second = sketch(one), sketch(other)
    assert 0 <= likeness(first, second) == likeness(second, first) <= 1
    assert likeness(first, first) == 1


def test_the_estimate_of_long_programs_is_near_the_truth() -> None:
    for share in (0.02, 0.05, 0.1, 0.3):
        other = changed(LONG, share)
        runs = [{tuple(found[at : at + 5]) for at in range(len(found) - 4)} for found in (tokens(LONG), tokens(other))]
        exact = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
        estimated = likeness(sketch(LONG), sketch(other))
        assert abs(estimated - exact) < 0.1 or exact < ALIKE > estimated


def test_thousands_that_share_a_beginning_cost_a_bounded_number_of_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    from evolver_tui.core.training_data import near_duplicates

    compared = 0

    def counted(one: Sketch, other: Sketch) -> float:
        nonlocal compared
        compared += 1
        return likeness(one, other)

    monkeypatch.setattr(near_duplicates, "likeness", counted)
    known = NearDuplicates[int]()
    head = "import json\nimport sys\ndata = json.load(sys.stdin)\n"
    most = 0
    for number in range(2_000):
        before = compared
        known.first_like(f"{head}print({number} + {number * 7} * {number * 13} - {number * 17})", number)
        most = max(most, compared - before)
    assert most <= 24 * 32 // 4


def test_of_many_that_share_most_of_their_steps_each_is_found_again_as_it_was_and_slightly_changed() -> None:
    shared = "".join(f"    common_{step} = data.get('common_{step}', {step})\n" for step in range(60))

    def program(number: int) -> str:
        own = "".join(f"    own_{number}_{step} = data.get('own_{number}_{step}')\n" for step in range(15))
        return f"import json\n\n\ndef run(data):\n{shared}{own}    return data\n"

    known = NearDuplicates[int]()
    assert [known.first_like(program(number), number) for number in range(100)] == [None] * 100
    assert [known.first_like(program(number), -1) for number in range(100)] == list(range(100))
    changed = [program(number).replace("common_30", "another") for number in range(100)]
    assert [known.first_like(code, -1) for code in changed] == list(range(100))
