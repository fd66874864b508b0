"""What a reason code means, and what makes a risk what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from inspect import getsource

import pytest

from evolver_tui.core.check_codes import HIGH, MEANINGS, PHRASES
from evolver_tui.core.node import CheckReport, Risk
from evolver_tui.engine.checks import capabilities, checks
from tests.support.drafts import check, with_lines


def codes_of_findings() -> Iterator[str]:
    """The reason codes that stand in the checks."""
    for node in ast.walk(ast.parse(getsource(checks))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
            code = node.args[0]
            if isinstance(code, ast.Constant):
                yield str(code.value)
            else:
                assert ast.unparse(code) == "reach.capability"


def test_every_code_that_the_checks_give_has_a_meaning() -> None:
    reached = {*capabilities._REACHES.values(), *capabilities._TELLING_METHODS.values()} - {"nothing"}
    assert reached <= PHRASES.keys()
    assert PHRASES.keys() >= HIGH
    assert {*codes_of_findings(), *PHRASES} == MEANINGS.keys()


@pytest.mark.parametrize(
    ("report", "risk", "reasons"),
    [
        (with_lines(), Risk.LOW, ()),
        (with_lines("import threading"), Risk.MEDIUM, ("starts threads",)),
        (with_lines("import threading, socket"), Risk.HIGH, ("reaches the network",)),
        (check("print("), Risk.HIGH, ("cannot be read",)),
        (CheckReport((), ("what_a_later_version_finds",), (), Risk.HIGH), Risk.HIGH, ("what_a_later_version_finds",)),
    ],
    ids=["low", "medium", "high", "unreadable", "unknown"],
)
def test_a_risk_has_its_reasons(report: CheckReport, risk: Risk, reasons: tuple[str, ...]) -> None:
    assert (report.risk, report.risk_reasons) == (risk, reasons)
