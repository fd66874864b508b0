"""`evolver-tui jobs remembered`: the answers that are given again by themselves, without arguments being parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from evolver_tui.cli.output import Result, short, table
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import utc_text

if TYPE_CHECKING:
    from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, RuleDecision
    from evolver_tui.engine.answer_rules import AnswerRules, MadeRule
    from evolver_tui.engine.store import ReadStore

_HEAD: Final = ("ID", "FOR", "ENDS", "BY", "DECIDED", "QUESTION", "ANSWER")
_MOST_DECISIONS: Final = 1_000


async def list_rules(store: ReadStore, now: float) -> Result:
    """All remembered answers, the latest first, with what each decided.

    Args:
        now: seconds since 1970.
    """
    records = await store.answer_rule_records()
    value = [_value(each, await store.rule_decisions(each.rule.giver, _MOST_DECISIONS), now) for each in records]
    if not records:
        return Result({"remembered": value}, message="No answer is remembered.", is_answer=True)
    return Result({"remembered": value}, table([_HEAD, *(_cells(each, now) for each in records)]))


async def revoke_rule(rules: AnswerRules, number: int) -> Result:
    """Let one answer nothing more. Raises NotWaiting."""
    rule = await rules.revoke(number)
    return Result(
        {"rule": rule.id, "made_by": rule.by, "revoked": True},
        message=f"Remembered answer {rule.id} is revoked: it answers nothing more. What it answered stays.",
    )


def made_value(made: MadeRule) -> dict[str, Any]:
    """What `jobs answer --remember` adds to its JSON."""
    answered = [each.job for each in made.answered]
    return {"remembered": {"rule": made.rule.id, **_rule_value(made.rule), "answered": answered}}


def made_words(made: MadeRule) -> str:
    """The same as sentences."""
    rule = made.rule
    until = "until it is revoked" if rule.expires_at is None else f"until {utc_text(rule.expires_at, 'seconds')}"
    return f" It is {rule.name} ({safe_text(rule.scope.text, 100)}), {until}. {made.what_waited}".rstrip()


def _value(record: AnswerRuleRecord, decisions: Sequence[RuleDecision], now: float) -> dict[str, Any]:
    rule = record.rule
    return {
        "rule": rule.id,
        **_rule_value(rule),
        "by": rule.by,
        "at": utc_text(rule.at),
        "in_force": rule.is_in_force(now),
        "revoked_at": None if rule.revoked_at is None else utc_text(rule.revoked_at),
        "revoked_by": rule.revoked_by,
        "decided": record.decided,
        "taken_back": record.taken_back,
        "decisions": [
            {"job": each.job, "task_id": each.task_id, "at": utc_text(each.at), "taken_back": each.was_taken_back}
            for each in decisions
        ],
    }


def _rule_value(rule: AnswerRule) -> Mapping[str, Any]:
    scope = rule.scope
    return {
        "scope": scope.breadth.value,
        "task_type": scope.task_type,
        "routine": scope.routine,
        "question": scope.message,
        "content": dict(rule.answer.content),
        "expires_at": None if rule.expires_at is None else utc_text(rule.expires_at),
    }


def _cells(record: AnswerRuleRecord, now: float) -> Sequence[str]:
    rule = record.rule
    if rule.revoked_at is not None:
        ends = f"revoked by {safe_text(rule.revoked_by, 40)}"
    elif rule.expires_at is None:
        ends = "never"
    else:
        ends = utc_text(rule.expires_at, "seconds") if rule.is_in_force(now) else "expired"
    content = ", ".join(f"{key}={short(value)}" for key, value in rule.answer.content.items())
    by, question = safe_text(rule.by, 40), safe_text(rule.scope.message, 60)
    scope = safe_text(rule.scope.text, 40)
    return str(rule.id), scope, ends, by, f"{record.decided:,}", question, safe_text(content, 80)
