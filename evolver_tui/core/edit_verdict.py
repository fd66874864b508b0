"""What the checks say of code while somebody edits a draft, in two lines: the findings, and the risk beside before."""

from __future__ import annotations

from dataclasses import dataclass

from evolver_tui.core.check_codes import phrase_of
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, Risk
from evolver_tui.core.review_evidence import lines_named
from evolver_tui.core.safe_text import safe_text


@dataclass(frozen=True, slots=True)
class EditVerdict:
    """All of it is safe to draw."""

    can_be_approved: bool
    checks: str
    """`checks pass`, or the first finding with its line."""
    risk: Risk
    risk_words: str
    """The risk with its reasons, and whether it was another one before."""
    failed_lines: tuple[int, ...]
    """Where something stands that forbids to approve it; counted from 1, in their order."""
    lines: tuple[int, ...]
    """The same for anything that a check has to say."""


def edit_verdict(report: CheckReport, before: CheckReport) -> EditVerdict:
    """What a report says, held against the one of the draft as it was."""
    failed = [each for each in report.findings if each.level is FindingLevel.FAIL]
    noted = [each for each in report.findings if each.level is FindingLevel.NOTE]
    return EditVerdict(
        report.can_be_approved,
        _checks(failed, [each for each in noted if each.check not in report.capabilities]),
        report.risk,
        _risk(report, before),
        _lines(failed),
        _lines([*failed, *noted]),
    )


def first_line_to_see(report: CheckReport) -> int:
    """Where a reader looks first: what forbids to approve it, else what makes its risk what it is; 0 for nowhere."""
    failed = [each.line for each in report.findings if each.level is FindingLevel.FAIL and each.line]
    risky = [each.line for each in report.findings if each.check in report.risky and each.line]
    return min(failed or risky or [0])


def _lines(findings: list[Finding]) -> tuple[int, ...]:
    return tuple(sorted({each.line for each in findings if each.line}))


def _checks(failed: list[Finding], noted: list[Finding]) -> str:
    if failed:
        return f"{_finding(failed[0])}{_more(len(failed) - 1)}"
    return f"checks pass; {_finding(noted[0])}{_more(len(noted) - 1)}" if noted else "checks pass"


def _finding(finding: Finding) -> str:
    place = f"line {finding.line}: " if finding.line else ""
    return f"{place}{safe_text(finding.message, 300)}"


def _more(count: int) -> str:
    return f" (and {count:,} more)" if count else ""


def _risk(report: CheckReport, before: CheckReport) -> str:
    is_same = report.risk is before.risk
    change = ", as before" if is_same else f": was {before.risk.value}"
    if not report.capabilities:
        reasons = [*report.risk_reasons]
    else:
        reasons = [f"{phrase_of(each)} ({lines})" if (lines := lines_named(report, each)) else phrase_of(each)
                   for each in report.risky]  # fmt: skip
    words = f"risk {report.risk.value}{change}"
    return safe_text(f"{words}; it {', '.join(reasons)}" if reasons else words, 1_000)
