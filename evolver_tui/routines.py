"""What an author of routines needs. Importing this loads neither the console nor the database nor LangGraph.

    from evolver_tui.routines import Question, Run, Task

    async def greet(run: Run, task: Task) -> str:
        answer = await run.ask(Question("name", "Who is to be greeted?"))
        return f"Hello {answer.content.get('answer', 'you')}"

docs/routines.md has the whole of it.
"""

from __future__ import annotations

from evolver_tui.adapters.routines.langgraph.graph_routine import GraphRoutine
from evolver_tui.core.errors import EvolverError, RoutineError, SharedFault, StaleLease, StepTimeout
from evolver_tui.core.job import Outcome
from evolver_tui.core.question import Answer, AnswerAction, Question, QuestionKind
from evolver_tui.core.task import LanguagePair, Task
from evolver_tui.core.workflow.chat_task import Chat, chat_of
from evolver_tui.engine.durable.endings import Retry, Suspended
from evolver_tui.engine.durable.routine import Result, Routine, Run

__all__ = (
    "Answer",
    "AnswerAction",
    "Chat",
    "EvolverError",
    "GraphRoutine",
    "LanguagePair",
    "Outcome",
    "Question",
    "QuestionKind",
    "Result",
    "Retry",
    "Routine",
    "RoutineError",
    "Run",
    "SharedFault",
    "StaleLease",
    "StepTimeout",
    "Suspended",
    "Task",
    "chat_of",
)
