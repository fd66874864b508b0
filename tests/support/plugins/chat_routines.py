"""Routines that answer chats, for the tests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from evolver_tui.routines import AnswerAction, EvolverError, Question, Retry, Run, Task, chat_of

COLOUR = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}


def effect(line: str) -> None:
    with Path("effects").open("a") as file:
        file.write(line + "\n")


async def wait_for(file: str) -> None:
    """Wait for a file in the working folder."""
    while not Path(file).exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)


async def talks(run: Run, task: Task) -> None:
    """Says something within a step, between steps, and after a question."""

    async def look(words: str) -> str:
        effect("looked")
        for word in words.split():
            await run.say(f"{word} ")
        return words

    chat = chat_of(task)
    assert chat is not None
    await run.step("look", look, "I look.")
    await run.say("I have seen. ")
    answer = await run.ask(Question("colour", "Which colour?", COLOUR))
    said = answer.content["colour"] if answer.action is AnswerAction.ACCEPT else "none"
    await run.say(f"It is {said}, as {chat.message} ")
    await run.step("wait", wait_for, "go")
    await run.say("Done.")


async def stumbles(run: Run, task: Task) -> str:
    """Says something in a step that fails at first."""
    tries = []

    async def work() -> None:
        tries.append(1)
        await run.say("Once. ")
        if len(tries) == 1:
            raise EvolverError("not yet")

    await run.say("Before. ")
    await run.step("work", work, retry=Retry(attempts=2, first_wait=0.01))
    return "unsaid, since something was said"


async def fails(run: Run, task: Task) -> None:
    await run.say("So far. ")
    raise EvolverError("The shelf is empty.", "Fill it.")


async def returns(run: Run, task: Task) -> Any:
    return {"reply": f"You said {task.name}"}


async def waits(run: Run, task: Task) -> str:
    await run.say("Wait ")
    await run.step("wait", wait_for, "go")
    return "never"


async def mutters(run: Run, task: Task) -> str:
    """Says something, whoever asked."""
    await run.step("mutter", run.say, "Within. ")
    await run.say("Between.")
    return "done"


async def counts(run: Run, task: Task) -> None:
    await run.say(5)  # type: ignore[arg-type]
