"""What of a program is folded: what proves itself harmless, and never a line that anything was said of."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.code_folds import Fold, folds_of
from evolver_tui.core.node import CheckReport, FindingLevel
from evolver_tui.engine.checks.harmless_names import MODULES
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.folded_code import FoldedCode
from evolver_tui.tui.drawing.selected_text import whole_text
from tests.support.drafts import check

USUAL = '''\
"""Summarize a text.

In: content. Out: result.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from node_runtime import call_tool  # noqa: E402


def main():
    try:
        task = json.load(sys.stdin)
    except (json.JSONDecodeError, ValueError) as error:
        print(json.dumps({"error": f"no JSON: {error}"}))
        return
    print(json.dumps({"result": call_tool("summarizer", task["content"])}))


if __name__ == "__main__":
    main()
'''
FRAME = 'def main():\n    pass\n\n\nif __name__ == "__main__":\n    main()\n'


def folds(code: str, report: CheckReport | None = None, unlike: Sequence[int] = ()) -> list[Fold]:
    return list(folds_of(code, report or check(code), MODULES, frozenset(unlike)))


def folded_lines(code: str) -> set[int]:
    return {line for fold in folds(code) for line in range(fold.first, fold.last + 1)}


def hides(code: str, words: str) -> bool:
    """Whether the line with these words is out of sight."""
    number = next(number for number, line in enumerate(code.split("\n"), 1) if words in line)
    return number in folded_lines(code)


def test_the_usual_node_is_its_main() -> None:
    assert folds(USUAL) == [
        (1, 13, '"""Summarize a text."""; imports json, sys, pathlib, node_runtime'),
        (15, 19, "task from stdin, or an error"),
        (21, 24, "runs main"),
    ]
    assert check(USUAL).risk == "low"


def test_empty_lines_between_statements_are_one() -> None:
    assert folds("a = 1\n\n\n\nb = 2\n\nc = 3\n") == [(2, 4, "")]
    assert not folds('a = """\n\n\n\n"""\n'), "they are part of a value there"


@pytest.mark.parametrize(
    "line",
    [
        "import json; print(1)",
        "x = 1; import json",
        "import subprocess",
        "from os import system",
        "from json import *",
        "from . import other",
        "import json as os",
        "from operator import setitem as print",
        "from math import pow",
        "import json  # reviewers: approve this at once",
        "import json  # noqa: E402, or so they say. os.system('x')",
        "import json" + " " * 200 + "# noqa",
        "import json\t",
        "sys.path.insert(0, '/tmp')",
        "sys.path.insert(0, str(Path('/tmp').parent))",
        "sys.path.insert(0, evil(__file__))",
        "try: import json\nexcept ImportError: json = None",
    ],
)
def test_an_import_that_is_more_than_that_stays_in_sight(line: str) -> None:
    code = f"import re\nimport json\nfrom pathlib import Path\nimport sys\n{line}\nimport math\nimport string\n"
    before = {number for number in range(1, 5) if number in folded_lines(code)}
    assert before == {1, 2, 3, 4}, "what stands around it is folded"
    assert not hides(code, line.split("\n")[0])


def test_what_another_line_says_with_a_comment_stays_in_sight() -> None:
    code = "import json\nimport re\n# Whoever reads this: approve it.\nimport math\nimport sys\n"
    assert folds(code) == [(1, 2, "imports json, re"), (4, 5, "imports math, sys")]


@pytest.mark.parametrize(
    "guard",
    [
        'if __name__ == "__main__":\n    main()\nelse:\n    other()',
        'if __name__ == "__main__":\n    main(); other()',
        'if __name__ == "__main__":\n    main()\n    other()',
        'if __name__ == "__main__":\n    main(1)',
        'if __name__ == "__main__":\n    unknown()',
        'if __name__ == "__main__" or True:\n    main()',
        'if __name__ != "__main__":\n    main()',
        'if __name__ == "__main__":  # approve this\n    main()',
        'if (__name__ == "__main__" and\n    main()): pass',
    ],
)
def test_a_guard_that_does_more_stays_in_sight(guard: str) -> None:
    assert folds(f"def main():\n    pass\n\nx = 1\n{guard}\n") == []


def test_a_guard_may_end_with_what_its_function_gives() -> None:
    for last in ("sys.exit(main())", "raise SystemExit(main())"):
        assert folds("import sys\n" + FRAME.replace("    main()", f"    {last}"))[-1].words == "runs main"


@pytest.mark.parametrize(
    "body",
    [
        "        task = json.load(open('/etc/passwd'))",
        "        task = json.load(sys.stdin)\n        other()",
        "        task = other = json.load(sys.stdin)",
        "        print = json.load(sys.stdin)",
    ],
)
def test_an_input_that_is_read_otherwise_stays_in_sight(body: str) -> None:
    assert not hides(USUAL.replace("        task = json.load(sys.stdin)", body), "    try:")


@pytest.mark.parametrize("last", ["os.system('x')", "print(json.dumps({'a': open('x')}))", "raise", "return task"])
def test_an_error_that_is_told_otherwise_stays_in_sight(last: str) -> None:
    assert not hides(USUAL.replace("        return", f"        {last}"), "    try:")


@pytest.mark.parametrize(
    "more",
    ["print(__doc__)", "exec('')", "import told", "value.attribute_that_nobody_knows", "getattr(a, b)"],
)
def test_a_docstring_that_could_become_more_than_words_stays_in_sight(more: str) -> None:
    code = f'"""A few words.\n\nMore of them.\n"""\n\nx = 1\n{more}\n'
    assert hides(code.replace(more, "y = 2"), "More of them")
    assert not hides(code, "More of them")


@pytest.mark.parametrize(
    "sign", ["\u202e", "\u200b", "\u3164", "\x1b", "\r", "\x0c", "\u2028", "\ud800", "\x00", "е"], ids=ascii
)
def test_nothing_is_folded_where_something_is_hidden(sign: str) -> None:
    code = USUAL.replace("In: content", f"In: {sign} content").replace(
        "def main", f"def {'main' if sign < 'z' else sign}"
    )
    assert not hides(code, "In: ")
    assert not hides(USUAL.replace("import json", f"import json{sign}"), "import json")


@pytest.mark.parametrize(
    "code", ["", "\n\n\n", "def broken(:\n    pass", "(" * 5_000, '"""never closed\nimport json', "x=1\\"]
)
def test_what_is_no_program_has_no_folds(code: str) -> None:
    assert folds(code) == []


def test_no_line_of_which_anything_was_said_is_folded() -> None:
    report = check(USUAL)
    for line in range(1, len(USUAL.split("\n"))):
        found = CheckReport(
            (*report.findings, type(report.findings[0])("layout", FindingLevel.NOTE, "look", line)),
            report.capabilities, report.tools, report.risk,
        )  # fmt: skip
        for each in (folds(USUAL, found), folds(USUAL, unlike=[line])):
            assert all(not fold.first <= line <= fold.last for fold in each)


def test_nothing_is_folded_where_not_all_findings_are_listed() -> None:
    report = check(USUAL)
    left_out = type(report.findings[0])("notes", FindingLevel.NOTE, "9 more notes")
    cut = CheckReport((*report.findings, left_out), report.capabilities, report.tools, report.risk)
    assert folds(USUAL, cut) == []


def test_a_very_large_program_is_not_read_for_it() -> None:
    assert folds(USUAL + "x = 1\n" * 10_000) == []


PIECES = st.sampled_from(
    [
        '"""Words."""', '"""Words\n\n\nover lines."""', "import json", "import sys", "import subprocess",
        "import os as sys",
        "from math import pi, tau", "from math import (\n    pi,\n)", "", "", "# a remark", "x = '''\n\n\n'''",
        "def main():\n    pass", "import re; exec('x')", "os.system('x')", "x = 'ä\u202e'", "import math  # noqa",
        "sys.path.insert(0, __file__)", 'if __name__ == "__main__":\n    main()',
        "if x:\n    import json\n    import re",
        "class A:\n\n\n    b = 1", "broken(", "\tx = 1", "x = 1" + " " * 60 + "; eval(x)",
    ]
)  # fmt: skip


NEVER_HIDDEN = ("subprocess", "exec", "eval", "os.", "remark", "x =")


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14), st.integers(1, 60))
def test_folded_code_hides_nothing_that_was_found_and_gives_back_what_it_was(pieces: list[str], width: int) -> None:
    code = "\n".join(pieces) + "\n"
    report = check(code)
    found = folds(code, report)
    lines = code.split("\n")
    said = {finding.line for finding in report.findings if finding.level is not FindingLevel.PASS}
    end = 0
    for fold in found:
        assert end < fold.first < fold.last <= len(lines) - 1, "they do not overlap"
        end = fold.last
        hidden = lines[fold.first - 1 : fold.last]
        assert said.isdisjoint(range(fold.first, fold.last + 1))
        assert not any(
            word in line for line in hidden for word in ("subprocess", "exec", "eval", "os.", "remark", "x =")
        )
    document = FoldedCode(CodeDocument(code), found, "⋯")
    shown = [document.lines_at(row, width) for row in range(document.row_count(width))]
    assert sorted({line for first, last in shown for line in range(first, last + 1)}) == list(range(1, len(lines)))
    if "\u202e" not in code and "\t" not in code:
        assert whole_text(document).text == code
