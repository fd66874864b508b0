"""What an answer turns out to be when it has ended: a whole one, a cut one, calls of tools, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evolver_tui.adapters.llm.events import EventReader, Refused
from evolver_tui.adapters.llm.failures import Provider
from evolver_tui.adapters.llm.problem import Problem
from evolver_tui.adapters.llm.provider_api import AnswerReader, FullPrompt
from evolver_tui.adapters.llm.thinking import Answer
from evolver_tui.core.errors import BackendError
from evolver_tui.engine.author.backend import AnswerDone, AssistantMessage, ToolResult, Usage


class Outcome(NamedTuple):
    """All that came of one request."""

    provider: Provider
    prompt: FullPrompt
    takes_calls: bool
    """Whether tools were offered to be called."""
    reader: AnswerReader
    answer: Answer
    events: EventReader


def end_of_text(outcome: Outcome) -> Iterator[str | Usage]:
    """The end of an answer that has to be a whole text: what is left of it, and its usage.

    Raises:
        BackendError: it was cut, withheld, broken off, empty, or a call of a tool.
        Refused: it is the provider's no.
    """
    provider, reader, answer = outcome.provider, outcome.reader, outcome.answer
    spare = reader.calls.answer or ("" if reader.calls else answer.thoughts)
    if reader.stop == "complete" and answer.is_blank and spare.strip():
        answer.is_blank = False
        yield spare
    if reader.stop == "cut":
        raise provider.answer_cut(outcome.prompt.max_tokens)
    _refuse_what_is_none(outcome)
    if answer.is_blank:
        raise _nothing_said(outcome)
    yield reader.usage


def end_of_turn(outcome: Outcome) -> Iterator[str | AnswerDone]:
    """The end of an answer within a conversation, which may be cut, and may be calls instead of a text.

    Raises:
        BackendError: it was withheld, broken off, or empty where nothing came before it.
        Refused: it is the provider's no.
    """
    reader, answer = outcome.reader, outcome.answer
    is_cut = reader.stop == "cut"
    calls = reader.calls.made() if outcome.takes_calls and not is_cut else ()
    spare = "" if is_cut or reader.calls else answer.thoughts
    if reader.stop == "complete" and answer.is_blank and spare.strip():
        if not answer.was_taken_back:
            yield spare
    elif not is_cut:
        _refuse_what_is_none(outcome)
        has_acted = isinstance(outcome.prompt.messages[-1], ToolResult) and not reader.calls
        if answer.is_blank and not calls and not has_acted:
            raise _nothing_said(outcome)
    text = answer.text or spare
    yield AnswerDone(AssistantMessage(text, calls, reader.opaque), reader.usage, is_cut)


def _refuse_what_is_none(outcome: Outcome) -> None:
    """Raise what an answer is that did not come to its end."""
    provider, reader, answer, events = outcome.provider, outcome.reader, outcome.answer, outcome.events
    match reader.stop:
        case "filtered":
            raise provider.filtered()
        case None if events.is_page:
            raise provider.broke_off(events.page) if answer.characters else provider.not_an_api(events.page)
        case _ if events.odd and not answer.characters:
            raise Refused(Problem.from_event(events.odd))
        case None:
            raise provider.broke_off(events.said) if events.has_begun else provider.empty_body()


def _nothing_said(outcome: Outcome) -> BackendError:
    calls = outcome.reader.calls
    return outcome.provider.called(calls.name) if calls else outcome.provider.empty()
