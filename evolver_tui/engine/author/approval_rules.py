"""The rules by which drafts are saved without a person."""

from __future__ import annotations

from collections.abc import Mapping

from evolver_tui.engine.author.author import AutoReview

APPROVALS: Mapping[str, AutoReview | None] = {
    "all": lambda report: True,
    "low": lambda report: report.risk == "low",
    "none": None,
}
"""The rules of `connect --approve`: which drafts are saved without a person. None saves one of high risk."""

APPROVAL_WARNINGS: Mapping[str, str] = {
    "all": (
        "Drafts of low and medium risk are saved unread. A reading of the code found nothing grave in them, which does "
        "not say what they do; those of high risk wait for a person. Use --approve none, and each waits for a person."
    ),
    "low": (
        "Drafts of low risk are saved unread. Low means that a reading of the code found only names that are known to "
        "be harmless. It does not say what a draft does with the task's data or the tools, nor what a name turns out "
        "to be at run time; a box holds it only where evolver-tui runs it. Use --approve none, and each "
        "waits for a person."
    ),
}
"""What such a rule does not protect from, for whoever starts it."""
