"""Graphs that are changed while their jobs wait: an answer goes to what was asked, and to nothing else."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from evolver_tui.core.job import JobState
from evolver_tui.core.journal import RESULT
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.engine.session import Session
from tests.support.routine_process import install
from tests.support.sessions import Watch, open_question, row_of, running, send, workspace_in

pytestmark = pytest.mark.anyio

HEAD = """\
import operator
from pathlib import Path
from typing import Annotated, TypedDict
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt


class State(TypedDict, total=False):
    out: Annotated[list, operator.add]


def effect(line):
    with Path("effects").open("a") as file:
        file.write(line + "\\n")


def chain(*nodes):
    builder = StateGraph(State)
    for before, node in zip((START, *(node.__name__ for node in nodes)), nodes):
        builder.add_node(node.__name__, node)
        builder.add_edge(before, node.__name__)
    return builder


"""


def node(*asked: str, name: str = "ask", before: str = "") -> str:
    """A node that asks these, one after another, and tells which answer each got."""
    told = "".join(f"    out.append({each!r} + '=' + str(interrupt({each!r})))\n" for each in asked)
    return f"def {name}(state):\n{indent(before, '    ')}    out = []\n{told}    return {{'out': out}}\n\n\n"


def one(*asked: str, name: str = "ask", before: str = "") -> str:
    return HEAD + node(*asked, name=name, before=before) + f"graph = chain({name})\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    install(tmp_path, '[routines]\ng = "changing:graph"\n')
    sys.modules.pop("changing", None)
    yield tmp_path
    for name in ("changing", "wording"):
        sys.modules.pop(name, None)


def write(home: Path, source: str, module: str = "changing") -> None:
    (home / "config" / "routines" / f"{module}.py").write_text(source)


def effects(home: Path) -> list[str]:
    file = home / "effects"
    return file.read_text().splitlines() if file.exists() else []


class Job:
    """The one job, and who answers it."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self.session = session
        self.watch = watch
        self._asked = 0

    async def asked(self) -> str:
        """The text of the next question."""
        self._asked += 1
        await self.watch.until("question.asked", self._asked)
        return (await open_question(self.session, "t")).question.message

    async def answer(self, text: str) -> None:
        question = await open_question(self.session, "t")
        await self.session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"answer": text}))

    async def out(self) -> Any:
        await self.watch.until("task.completed")
        return (await self.session.store.journal((await row_of(self.session, "t")).job))[RESULT]["out"]

    async def error(self, count: int = 1) -> str:
        return str((await self.watch.until("task.failed", count)).payload["error"])

    async def retry(self) -> None:
        await self.session.inbox.retry((await row_of(self.session, "t")).job)


@asynccontextmanager
async def waiting(home: Path, source: str, database: str | None = None) -> AsyncIterator[Job]:
    """The job of a graph that was started with this source."""
    write(home, source)
    async with running(workspace_in(home, database=database)) as (session, watch):
        await send(session, {"tasks": [{"id": "t", "taskName": "A task", "routine": "g"}]})
        yield Job(session, watch)


def first_line(text: str) -> str:
    return text.partition("\n")[0]


# --- the answer would reach another question


@pytest.mark.parametrize(
    ("after", "then", "out"),
    [
        (("Delete all?", "Keep it?"), ["Delete all?", "Keep it?"], ["Delete all?=1", "Keep it?=2"]),
        (("Keep the other?",), ["Keep the other?"], ["Keep the other?=1"]),
        (("A?", "B?", "Keep it?"), ["A?", "B?", "Keep it?"], ["A?=1", "B?=2", "Keep it?=3"]),
    ],
)
async def test_answer_never_reaches_a_question_that_was_not_asked(
    home: Path, url: str, after: tuple[str, ...], then: list[str], out: list[str]
) -> None:
    async with waiting(home, one("Keep it?"), url) as job:
        assert await job.asked() == "Keep it?"
        write(home, one(*after))
        await job.answer("yes")
        for number, question in enumerate(then, 1):
            text = await job.asked()
            assert first_line(text) == question
            if number == 1:
                assert "changed while this waited" in text
                assert "the answer 'yes' to 'Keep it?' would have gone to this question" in text
            await job.answer(str(number))
        assert await job.out() == out


async def test_the_same_question_elsewhere_shows_the_answer_that_it_had(home: Path) -> None:
    async with waiting(home, one("Keep it?")) as job:
        await job.asked()
        write(home, one("Delete all?", "Keep it?"))
        await job.answer("yes")
        await job.asked()
        await job.answer("no")
        text = await job.asked()
        assert first_line(text) == "Keep it?"
        assert "Your answer to this question was 'yes'" in text
        await job.answer("yes")
        assert await job.out() == ["Delete all?=no", "Keep it?=yes"]


@pytest.mark.parametrize(
    ("after", "then"),
    [
        (("Z?", "A?", "B?", "C?"), ["Z?", "A?", "B?", "C?"]),
        (("B?", "A?", "C?"), ["B?", "A?"]),
        (("B?", "C?"), ["B?", "C?"]),
        (("A?", "B!", "C?"), ["B!"]),
    ],
    ids=["inserted", "swapped", "removed", "reworded"],
)
async def test_answers_before_the_waiting_question_are_each_compared(
    home: Path, after: tuple[str, ...], then: list[str]
) -> None:
    given = {"A?": "a", "B?": "b", "C?": "c"}
    async with waiting(home, one("A?", "B?", "C?")) as job:
        for question in ("A?", "B?"):
            assert await job.asked() == question
            await job.answer(given[question])
        assert await job.asked() == "C?"
        write(home, one(*after))
        await job.answer(given["C?"])
        for question in then:
            assert first_line(await job.asked()) == question
            given[question] = f"{question} again"
            await job.answer(given[question])
        assert await job.out() == [f"{question}={given[question]}" for question in after]


async def test_question_that_is_no_longer_asked_gives_its_answer_to_nothing_and_it_is_said(home: Path) -> None:
    async with waiting(home, one("Keep it?")) as job:
        await job.asked()
        write(home, one())
        await job.answer("yes")
        assert await job.out() == []
        told = await job.watch.until("graph.answer_unused")
        assert "'yes' to 'Keep it?'" in told.payload["notice"]


async def test_mended_node_that_asks_more_does_not_give_one_answer_twice(home: Path) -> None:
    async with waiting(home, one("Keep it?").replace("    return {'out'", "    1 / 0\n    return {'out'")) as job:
        await job.asked()
        await job.answer("yes")
        assert "ZeroDivisionError" in await job.error()
        write(home, one("Keep it?", "Delete all?"))
        await job.retry()
        assert first_line(await job.asked()) == "Delete all?"
        await job.answer("no")
        assert await job.out() == ["Keep it?=yes", "Delete all?=no"]


async def test_parallel_nodes_are_each_compared(home: Path) -> None:
    def both(size: str) -> str:
        nodes = node("Colour?", name="colour") + node(size, name="size")
        edges = "graph = StateGraph(State)\nfor each in (colour, size):\n    graph.add_node(each)\n"
        return HEAD + nodes + edges + "    graph.add_edge(START, each.__name__)\n"

    async with waiting(home, both("Size?")) as job:
        assert await job.asked() == "Colour?"
        await job.answer("red")
        assert await job.asked() == "Size?"
        write(home, both("Price?"))
        await job.answer("M")
        text = await job.asked()
        assert first_line(text) == "Price?"
        assert "'M' to 'Size?'" in text
        await job.answer("9")
        assert sorted(await job.out()) == ["Colour?=red", "Price?=9"]


async def test_wording_of_a_helper_counts_too(home: Path) -> None:
    source = HEAD + "from wording import TEXT\n\n\ndef ask(state):\n    return {'out': [interrupt(TEXT)]}\n\n\n"
    write(home, "TEXT = 'Keep it?'\n", "wording")
    async with waiting(home, source + "graph = chain(ask)\n") as job:
        await job.asked()
    write(home, "TEXT = 'Delete all?'\n", "wording")
    del sys.modules["wording"], sys.modules["changing"]  # as another process
    async with running(workspace_in(home)) as (session, watch):
        job = Job(session, watch)
        await job.answer("yes")
        text = await job.asked()
        assert first_line(text) == "Delete all?"
        assert "'yes' to 'Keep it?'" in text
        await job.answer("no")
        assert await job.out() == ["no"]


# --- the same again is no change


async def test_loop_that_asks_the_same_asks_once_each_time(home: Path) -> None:
    loop = "def ask(state):\n    out = []\n    while (more := interrupt('More?')) == 'yes':\n        out.append(more)\n"
    async with waiting(home, HEAD + loop + "    return {'out': out}\n\n\ngraph = chain(ask)\n") as job:
        for answer in ("yes", "yes", "no"):
            assert await job.asked() == "More?"
            await job.answer(answer)
        assert await job.out() == ["yes", "yes"]
        assert job.watch.names().count("question.asked") == 3


async def test_change_that_leaves_the_questions_alone_asks_nothing_again(home: Path) -> None:
    async with waiting(home, one("A?", "B?")) as job:
        await job.asked()
        await job.answer("a")
        await job.asked()
        write(home, one("A?", "B?", before="effect('changed')\n"))
        await job.answer("b")
        assert await job.out() == ["A?=a", "B?=b"]
    assert effects(home) == ["changed"]


async def test_words_that_change_by_themselves_are_asked_twice_and_not_for_ever(home: Path) -> None:
    counts = "effect('run')\nnumber = len(Path('effects').read_text().splitlines())\n"
    source = one("Q", before=counts).replace("interrupt('Q')", "interrupt(f'At {number}?')")
    async with waiting(home, source) as job:
        assert await job.asked() == "At 1?"
        await job.answer("one")
        text = await job.asked()
        assert first_line(text) == "At 2?"
        assert "the answer 'one' to 'At 1?'" in text
        await job.answer("two")
        assert await job.out() == ["Q=two"]


# --- nodes that are gone


GONE = "it no longer has"


async def test_renamed_node_fails_the_job_and_put_back_it_goes_on_with_its_answer(home: Path) -> None:
    async with waiting(home, one("Keep it?")) as job:
        await job.asked()
        write(home, one("Keep it?", name="ask_renamed"))
        await job.answer("yes")
        error = await job.error()
        assert f"{GONE} 'ask'" in error
        assert (await row_of(job.session, "t")).state is JobState.FAILED
        write(home, one("Keep it?"))
        await job.retry()
        assert await job.out() == ["Keep it?=yes"]


async def test_node_that_failed_and_is_renamed_by_its_mending_is_not_passed_over(home: Path) -> None:
    async with waiting(home, one(before="1 / 0\n")) as job:
        assert "ZeroDivisionError" in await job.error()
        write(home, one(name="mended"))
        await job.retry()
        assert f"{GONE} 'ask'" in await job.error(2)


async def test_node_that_was_sent_to_and_is_gone_fails_the_job(home: Path) -> None:
    def sending(name: str) -> str:
        edge = f"graph.add_conditional_edges(START, lambda state: [Send({name!r}, {{}})])\n"
        return HEAD + node("Keep it?", name=name) + f"graph = StateGraph(State)\ngraph.add_node({name})\n{edge}"

    async with waiting(home, sending("one")) as job:
        await job.asked()
        write(home, sending("two"))
        await job.answer("yes")
        assert f"{GONE} 'one'" in await job.error()


async def test_functional_graph_under_another_name_fails_the_job(home: Path) -> None:
    source = "from langgraph.func import entrypoint\nfrom langgraph.types import interrupt\n\n\n@entrypoint()\n"
    source += "async def old(given):\n    return {'out': interrupt('Keep it?')}\n\n\ngraph = old\n"
    async with waiting(home, source) as job:
        await job.asked()
        write(home, source.replace("old", "new"))
        await job.answer("yes")
        assert f"{GONE} 'old'" in await job.error()


@pytest.mark.parametrize("kind", ["a node", "called by a node"])
async def test_node_of_a_subgraph_that_is_gone_fails_the_job_and_put_back_it_goes_on(home: Path, kind: str) -> None:
    def nested(name: str) -> str:
        inner = node("Keep it?", name=name) + f"inner = chain({name}).compile()\nholder = {{'inner': inner}}\n\n\n"
        if kind == "a node":
            outer = "graph = StateGraph(State)\ngraph.add_node('part', inner)\ngraph.add_edge(START, 'part')\n"
        else:
            call = "    return await globals()['hold' + 'er']['inner'].ainvoke({'out': []})\n\n\n"
            outer = f"async def part(state):\n{call}graph = chain(part)\n"
        after = "def after(state):\n    effect('after')\n    return {}\n\n\n"
        return HEAD + inner + after + outer + "graph.add_node(after)\ngraph.add_edge('part', 'after')\n"

    async with waiting(home, nested("ask")) as job:
        await job.asked()
        write(home, nested("renamed"))
        await job.answer("yes")
        error = await job.error()
        assert "part/ask" in error if kind == "a node" else "what asked in it is no longer there" in error, error
        assert effects(home) == []
        write(home, nested("ask"))
        await job.retry()
        assert await job.out() == ["Keep it?=yes"]
    assert effects(home) == ["after"]


async def test_question_inside_of_a_subgraph_is_compared(home: Path) -> None:
    def nested(*asked: str) -> str:
        inner = node(*asked) + "inner = chain(ask).compile()\n"
        return (
            HEAD + inner + "graph = StateGraph(State)\ngraph.add_node('part', inner)\ngraph.add_edge(START, 'part')\n"
        )

    async with waiting(home, nested("Keep it?")) as job:
        await job.asked()
        write(home, nested("Delete all?", "Keep it?"))
        await job.answer("yes")
        text = await job.asked()
        assert first_line(text) == "Delete all?"
        assert "'yes' to 'Keep it?'" in text
        await job.answer("no")
        await job.asked()
        await job.answer("yes")
        assert await job.out() == ["Delete all?=no", "Keep it?=yes"]


async def test_another_way_to_the_waiting_node_still_gives_it_its_answer(home: Path) -> None:
    async with waiting(home, one("Keep it?")) as job:
        await job.asked()
        first = "def first(state):\n    return {'out': ['first']}\n\n\n"
        write(home, HEAD + first + node("Keep it?") + "graph = chain(first, ask)\n")
        await job.answer("yes")
        assert await job.out() == ["Keep it?=yes"]
