"""What is read of remembered answers: plain SQL, as in `queries`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.decision_rows import before_of
from evolver_tui.adapters.database.queries import OPEN, Ask, read_open_question
from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, AnswerScope, RuleDecision, SameAnswers
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.made_decision import DecidedKind
from evolver_tui.core.question import Answer, OpenQuestion

REMEMBERED: Final = "remembered"
"""The key, before all others, of the rule that made a decision, in what is kept with that."""
_BEGINS: Final = f'{{"{REMEMBERED}":'
_BY_A_RULE: Final = f"substr(d.before_json, 1, {len(_BEGINS)}) = '{_BEGINS}'"
_RULES: Final = 'SELECT id, scope_json, answer_json, "by", at, expires_at, revoked_at, revoked_by FROM answer_rule'
_COUNTS: Final = f'SELECT d."by", d.undone_at IS NOT NULL, count(*) FROM decision AS d WHERE {_BY_A_RULE} GROUP BY 1, 2'
_DECIDED: Final = (
    "SELECT d.job, j.task_id, d.at, d.undone_at IS NOT NULL FROM decision AS d JOIN job AS j ON d.job = j.seq"
    f' WHERE {_BY_A_RULE} AND d."by" = ? ORDER BY d.id DESC LIMIT ?'
)
_ANSWERED: Final = (
    "SELECT j.routine, q.kind, q.form_json, q.answer_json, q.message, q.subject_json"
    " FROM question AS q JOIN job AS j ON q.job = j.seq WHERE q.id = ? AND q.answered_at IS NOT NULL"
)
_SAME: Final = (
    "SELECT q.message, q.subject_json FROM decision AS d JOIN question AS q ON d.question = q.id"
    f' JOIN job AS j ON q.job = j.seq WHERE d."by" = ? AND d.kind = ? AND d.undone_at IS NULL AND NOT {_BY_A_RULE}'
    " AND (j.routine, q.kind, q.form_json, q.answer_json) = (?, ?, ?, ?) ORDER BY d.id DESC LIMIT ?"
)
_MOST_COUNTED: Final = 1_000
_TAKEN_BACK: Final = (
    "SELECT d.job, d.before_json FROM decision AS d JOIN question AS q ON d.job = q.job"
    " WHERE d.undone_at IS NOT NULL AND q.answered_at IS NULL"
)


def read_rule(row: Sequence[Any]) -> AnswerRule | None:
    """A remembered answer as its row says; None for one that a later version wrote, which does nothing here."""
    number, scope, answer, by, at, expires_at, revoked_at, revoked_by = row
    try:
        read = (
            AnswerScope.from_json_value(encoding.from_json(scope)),
            Answer.from_json_value(encoding.from_json(answer)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return AnswerRule(number, *read, by, at, expires_at, revoked_at, revoked_by or "")


def answer_rule(ask: Ask, number: int) -> AnswerRule | None:
    """One of them."""
    found = ask.first(f"{_RULES} WHERE id = ?", (number,))
    return None if found is None else read_rule(found)


def answer_rules(ask: Ask) -> Sequence[AnswerRule]:
    """Those that nobody revoked, the latest first."""
    rows = ask.rows(f"{_RULES} WHERE revoked_at IS NULL ORDER BY id DESC", ())
    return [rule for row in rows if (rule := read_rule(row)) is not None]


def answer_rule_records(ask: Ask) -> Sequence[AnswerRuleRecord]:
    """All of them with what each came to, the latest first."""
    rows = ask.rows(f"{_RULES} ORDER BY id DESC", ())
    rules = [rule for row in rows if (rule := read_rule(row)) is not None]
    counts = {(by, bool(undone)): count for by, undone, count in (ask.rows(_COUNTS, ()) if rules else ())}
    return [
        AnswerRuleRecord(rule, counts.get((rule.giver, False), 0), counts.get((rule.giver, True), 0)) for rule in rules
    ]


def rule_decisions(ask: Ask, giver: str, limit: int) -> Sequence[RuleDecision]:
    """What a remembered answer decided, the latest first."""
    rows = ask.rows(_DECIDED, (giver, limit))
    return [RuleDecision(job, task_id, at, bool(undone)) for job, task_id, at, undone in rows]


def same_answers(ask: Ask, question_id: int, by: str) -> SameAnswers | None:
    """How often somebody gave the answer that a question got; None where it has none."""
    found = ask.first(_ANSWERED, (question_id,))
    if found is None:
        return None
    *form, answer_json, message, subject = found
    values = (encoding.plain(by), DecidedKind.ANSWER.value, *form, answer_json, _MOST_COUNTED)
    rows = ask.rows(_SAME, values)
    to_this = sum((words, about) == (message, subject) for words, about in rows)
    return SameAnswers(Answer.from_json_value(encoding.from_json(answer_json)), to_this, len(rows))


def open_asked_by(ask: Ask, routine: str, after: int, limit: int) -> tuple[Sequence[OpenQuestion], int]:
    """Open forms that a routine asks, by their numbers beyond one, but those that an undo opened again; and the last
    number that was looked at, 0 where there are no more.
    """
    statement = f"{OPEN} AND q.kind = ? AND j.routine = ? AND q.id > ? ORDER BY q.id LIMIT ?"
    rows = ask.rows(statement, (QuestionKind.QUESTION.value, routine, after, limit))
    asked = [read_open_question(row) for row in rows]
    taken_back = set(_taken_back(ask)) if asked else set()
    left = [each for each in asked if (each.job, each.question.name) not in taken_back]
    return left, asked[-1].id if len(asked) == limit else 0


def _taken_back(ask: Ask) -> Iterator[tuple[int, str]]:
    for job, before in ask.rows(_TAKEN_BACK, ()):
        yield job, str(before_of(before).get("question", ""))
