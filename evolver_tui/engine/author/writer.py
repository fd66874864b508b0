"""Has the model write a draft: asks until a whole, usable answer came, and shows what is written meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple

from evolver_tui.core.errors import MODEL, AnswerUnusable, BackendError, GenerationStopped
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.program_text import program_problem
from evolver_tui.core.router_answer import RouterAnswer, parse
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Observation
from evolver_tui.core.signal_catalogue.author_signals import (
    LLM_GENERATION_BROKEN_OFF,
    LLM_GENERATION_COMPLETE,
    LLM_GENERATION_ERROR,
    LLM_GENERATION_START,
    LLM_SIGNAL_RECEIVED,
    GenerationCompleted,
    GenerationFailed,
    ModelSignal,
)
from evolver_tui.core.spending import Spent
from evolver_tui.engine.author.backend import Backend, Prompt, Usage
from evolver_tui.engine.author.generation import Generation
from evolver_tui.engine.author.prompt import TRIAL, repeat_prompt
from evolver_tui.engine.author.token_costs import PriceList
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.routine import Run, SaidBy

LONGEST_WAIT_SECONDS = 60.0
"""How long a task waits for a provider that asks for a pause; for a longer one, the worker pauses."""


@dataclass(frozen=True, slots=True)
class LiveDraft:
    """What the author is writing at this moment."""

    job: int
    task_id: str
    code: str
    """The code so far, read out of the unfinished answer."""
    pieces: int
    """Pieces of text that came so far."""
    started_at: float
    """Seconds since 1970."""
    thinking: int = 0
    """Characters that the model thought before it answered."""
    heard_at: float | None = None
    """When its last piece came, in seconds since 1970; None where it is silent still."""


class Written(NamedTuple):
    """One whole answer of the model."""

    text: str
    seconds: float
    tokens: int | None
    """Of the answer, as the provider counted them."""
    spent: Spent


class Writer:
    """Writes drafts of several jobs at once."""

    def __init__(
        self, backend: Backend, clock: Clock, tools: Collection[str], prices: PriceList, most_tries: int
    ) -> None:
        """Args:
        tools: names of the tools that a draft may call.
        prices: what models cost.
        most_tries: how often one draft is asked for at most.
        """
        self._backend = backend
        self._clock = clock
        self._tools = set(tools)
        self._prices = prices
        self._most_tries = most_tries
        self.live: dict[int, LiveDraft] = {}
        """Job to what is written for it at this moment."""
        self._deadlines: dict[int, asyncio.Timeout] = {}
        """Job to what ends its generation when it is brought forward."""
        self._stopped_by: dict[int, str] = {}

    def stop(self, job: int, by: str) -> bool:
        """Stop the model while it writes for a job; False where it writes nothing for it. `by` is who wants that."""
        if job not in self.live or job not in self._deadlines or job in self._stopped_by:
            return False
        self._stopped_by[job] = by
        self._deadlines[job].reschedule(0.0)
        return True

    async def write(self, run: Run, prompt: Prompt, *, has_reason: bool) -> NodeDraft:
        """Ask until a whole, usable answer came, the bounds are reached, or asking again cannot help.

        A model whose answer, or whose program, cannot be read is asked once to repeat it, and told why; then a person
        has to see that.

        Args:
            has_reason: whether a draft before was sent back, so that the answer may say how it met that.
        """
        label = self._backend.info.label
        has_repeated = False
        spent: tuple[Spent, ...] = ()
        for tries_left in reversed(range(self._most_tries)):
            run.require(MODEL)
            text = ""
            try:
                if run.probing.is_alone:
                    await self._see_whether_it_answers(run)
                written = await self._generate_unless_stopped(run, prompt)
                text, spent = written.text, (*spent, written.spent)
                answer = await asyncio.to_thread(self._read, text, run.task.id, must_be_program=not has_repeated)
                return _draft(answer, label, written, spent, has_reason=has_reason)
            except BackendError as error:
                wait = error.retry_after or min(2.0 ** (self._most_tries - tries_left), 30.0)
                is_last = tries_left == 0 or (run.probing.is_probe and error.shared)
                again = error.retryable and wait <= LONGEST_WAIT_SECONDS and not is_last
                if isinstance(error, AnswerUnusable):
                    again, wait = again and not has_repeated, 0.0
                    prompt, has_repeated = repeat_prompt(prompt, text, error.message), True
                payload: GenerationFailed = {"error": str(error), "backend": label}
                if again:
                    payload["retry_in"] = wait
                run.tell(LLM_GENERATION_ERROR(payload, level="warning" if again or error.shared else "error"))
                if not again:
                    raise
            finally:
                self.live.pop(run.job, None)
            await self._clock.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _see_whether_it_answers(self, run: Run) -> None:
        """Ask for one word: a model that answers that, and not this job, is none that does not work.

        Raises:
            BackendError: it does not.
        """
        try:
            async with contextlib.aclosing(self._backend.stream(TRIAL)) as stream:
                await anext(stream, None)
        except BackendError as error:
            if error.shared:
                raise
        run.probing.works(MODEL)

    def _read(self, text: str, task_id: str, *, must_be_program: bool) -> RouterAnswer:
        """The node in an answer. A hostile one takes seconds, so this is called in a thread."""
        answer = parse(text, task_id, lambda code: check_draft(code, self._tools).can_be_approved)
        if must_be_program and (problem := program_problem(answer.workflow_code)):
            raise AnswerUnusable(f"The workflow_code in the model's answer is no program: {safe_text(problem, 160)}.")
        return answer

    async def _generate_unless_stopped(self, run: Run, prompt: Prompt) -> Written:
        """As `_generate`. Raises GenerationStopped where a person would not wait for it."""
        try:
            async with asyncio.timeout(None) as self._deadlines[run.job]:
                return await self._generate(run, prompt)
        except TimeoutError:
            if run.job not in self._stopped_by:
                raise
            stopped = GenerationStopped(self._stopped_by[run.job])
            run.tell(LLM_GENERATION_ERROR({"error": str(stopped), "backend": self._backend.info.label}))
            raise stopped from None
        finally:
            self._deadlines.pop(run.job, None)
            self._stopped_by.pop(run.job, None)

    async def _generate(self, run: Run, prompt: Prompt) -> Written:
        """One whole answer, and what it took; what one that broke off took is kept as well."""
        info = self._backend.info
        run.tell(LLM_GENERATION_START({"model": info.model, "backend": info.label}))
        started, generation = self._clock.now(), Generation(prompt)
        self.live[run.job] = LiveDraft(run.job, run.task.id, "", 0, started)
        is_whole = False
        try:
            async with contextlib.aclosing(self._backend.stream(prompt)) as stream:
                async for piece in stream:
                    generation.take(piece)
                    if not isinstance(piece, Usage):
                        code, now = generation.answer.code, self._clock.now()
                        self.live[run.job] = LiveDraft(
                            run.job, run.task.id, code, generation.pieces, started, generation.thinking, now
                        )
            is_whole = True
        finally:
            seconds = round(self._clock.now() - started, 3)
            spent = self._prices.of(info).spent(generation.tokens)
            if generation.has_begun or is_whole:
                await run.spend(info.label, spent)
                told = LLM_GENERATION_COMPLETE if is_whole else LLM_GENERATION_BROKEN_OFF
                run.tell(told(_completed(spent, info.label, seconds)))
        answer = generation.answer
        answer.end()
        for name, signal_payload in answer.signals.items():
            received: ModelSignal = {"signal_name": name, "signal_payload": signal_payload, "backend": info.label}
            run.tell(LLM_SIGNAL_RECEIVED(received))
            run.tell(Observation(name, signal_payload), SaidBy("llm_response", info.label))
        return Written(answer.text, seconds, generation.counted_completion, spent)


def _completed(spent: Spent, backend: str, seconds: float) -> GenerationCompleted:
    payload: GenerationCompleted = {
        "tokens_generated": spent.completion_tokens,
        "prompt_tokens": spent.prompt_tokens,
        "tokens_counted_by": "estimate" if spent.is_estimated else "provider",
        "backend": backend,
        "seconds": seconds,
    }
    if spent.cost is not None:
        payload |= {"cost": spent.cost, "currency": spent.currency}
    return payload


def _draft(
    answer: RouterAnswer, author: str, written: Written, spent: Sequence[Spent], *, has_reason: bool
) -> NodeDraft:
    return NodeDraft(
        node_id=answer.suggested_node_id,
        title=answer.workflow_name,
        code=answer.workflow_code,
        tools_used=answer.tools_used,
        complexity=answer.complexity,
        author=author,
        seconds=written.seconds,
        tokens=written.tokens,
        sample_inputs=answer.sample_inputs,
        addressed=answer.addressed if has_reason else (),
        spent=reduce(add, spent),
    )
