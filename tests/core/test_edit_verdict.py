"""What is said of code while a draft is edited: the findings, and the risk beside what it was."""

from __future__ import annotations

import pytest

from evolver_tui.core.edit_verdict import edit_verdict, first_line_to_see
from evolver_tui.core.node import Risk
from evolver_tui.engine.checks.checks import check_draft

LOW = "import json\nimport sys\n\nprint(json.dumps(json.load(sys.stdin)))\n"
NETWORK = LOW.replace("import sys\n", "import sys\nimport socket\n")
BROKEN = LOW.replace("load(", "load((")


@pytest.mark.parametrize(
    ("code", "before", "checks", "risk"),
    [
        (LOW, LOW, "checks pass", "risk low, as before"),
        (NETWORK, LOW, "checks pass", "risk high: was low; it reaches the network (line 3)"),
        (LOW, NETWORK, "checks pass", "risk low: was high"),
        (BROKEN, LOW, "line 4: no Python: '(' was never closed", "risk high: was low; it cannot be read"),
        (
            "print('x')\n",
            LOW,
            "does not read a JSON object from stdin, as json.load(sys.stdin) does (and 1 more)",
            None,
        ),
        (LOW + "print('done')\n", LOW, "checks pass; line 5: prints something that is not the JSON object", None),
    ],
)
def test_two_lines_say_how_it_stands(code: str, before: str, checks: str, risk: str | None) -> None:
    verdict = edit_verdict(check_draft(code, ()), check_draft(before, ()))
    assert verdict.checks == checks
    assert risk is None or verdict.risk_words == risk
    assert verdict.can_be_approved is checks.startswith("checks pass")


def test_what_fails_is_said_before_what_is_noted_wherever_it_is() -> None:
    code = "import socket\n" + LOW + "call_tool('nobody', 1)\n"
    code = code.replace("import json\n", "import json\nfrom node_runtime import call_tool\n")
    verdict = edit_verdict(check_draft(code, ()), check_draft(LOW, ()))
    assert verdict.failed_lines == (7,)
    assert verdict.checks.startswith("line 7: tool 'nobody' is not known")
    assert verdict.lines == (1, 3, 7)
    assert verdict.risk is Risk.HIGH


def test_nothing_of_it_steers_a_terminal() -> None:
    code = LOW + "\u202e = '\x1b'\n"
    verdict = edit_verdict(check_draft(code, ()), check_draft(LOW, ()))
    assert (verdict.checks + verdict.risk_words).isprintable()


def test_a_reader_looks_first_at_what_forbids_and_then_at_what_is_risky() -> None:
    assert first_line_to_see(check_draft(LOW, ())) == 0
    assert first_line_to_see(check_draft(NETWORK, ())) == 3
    assert first_line_to_see(check_draft(BROKEN, ())) == 4
