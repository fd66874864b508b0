"""The kind `question`: facts that a routine needs, filled into a form."""

from __future__ import annotations

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form import check_content, read_form
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.question_kinds.kind import Kind, Reply
from evolver_tui.core.signal_catalogue.inbox_signals import QUESTION_ANSWERED, QuestionAnswered


class FormKind(Kind[Answer]):
    """A message and a form."""

    name = QuestionKind.QUESTION.value
    answer_type = Answer

    def reply(self, asked: OpenQuestion, answer: Answer, by: str) -> Reply:
        """Hold an accepted answer against the form. Raises QuestionError."""
        if answer.action is AnswerAction.ACCEPT:
            content, problems = check_content(read_form(asked.question.requested_schema), answer.content)
            if problems:
                raise QuestionError("; ".join(f"{name} {problem}" for name, problem in problems.items()) + ".")
            answer = Answer(AnswerAction.ACCEPT, content)
        told: QuestionAnswered = {
            "question": asked.question.name,
            "by": by,
            "action": answer.action.value,
            "content": dict(answer.content),
        }
        return Reply(answer.to_json_value(), QUESTION_ANSWERED(told))
