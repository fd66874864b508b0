"""What came of running a draft on its card, and a person who runs it again on an input of their own."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import SandboxError
from evolver_tui.core.node_run import NodeRun, ToolExchange
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.signal import Signal
from evolver_tui.engine.node_runs import Trial
from evolver_tui.engine.session import Session
from evolver_tui.settings.workspace import Workspace
from evolver_tui.tui.modals import ConfirmModal, TryModal
from evolver_tui.tui.screens.desk.actions.review import APPROVE
from evolver_tui.tui.screens.desk.actions.trying import TRY
from evolver_tui.wiring import make_runner, make_session
from tests.support.boxes import SteadySandbox
from tests.support.desk_fixtures import SMALL, WIDE, Console, SteadyRuns, console
from tests.support.hostile import assert_only_words, bundles, runs_of, squeezed, text_on, traces
from tests.support.processes import Model
from tests.support.provider_server import SSE_HEAD, openai_events
from tests.support.tried_drafts import CHANGED, FAILED, FINE, SUMMARIZES, as_json, showing, task_for, tried

pytestmark = pytest.mark.anyio

TALL = (120, 70)


class Held(SteadyRuns):
    """Runs that end when a test says so."""

    def __init__(self, place: Workspace) -> None:
        super().__init__(make_runner(place, SteadySandbox()))
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.problem: SandboxError | None = None

    async def try_out(self, trial: Trial) -> NodeRun:
        """Run code once."""
        if self.problem is not None:
            raise self.problem
        await self.may_end.wait()
        return await super().try_out(trial)


@dataclasses.dataclass
class Bench:
    """A console with a draft on its card, and what runs it."""

    desk: Console
    runs: Held

    @property
    def tab(self) -> str:
        """The page in front."""
        return self.desk.desk.card.page.title

    async def turn_to_runs(self) -> str:
        """Turn to the Run page; returns what stands on the card."""
        while self.tab != "Run":
            await self.desk.press("l")
        return self.desk.text()

    async def run_on(self, text: str, *keys: str) -> None:
        """Put an input into the dialog, and run it."""
        await self.desk.press("t")
        await self.desk.until_open(TryModal)
        await self.write(text)
        await self.desk.press(*keys, "ctrl+s")
        await self.desk.let_it_be_alone()

    async def write(self, text: str) -> None:
        """In place of what stands in the dialog."""
        modal = self.desk.app.screen
        assert isinstance(modal, TryModal)
        modal._block.clear()
        modal._block.insert(text)
        await self.desk.pilot.pause()

    async def until_ran(self, number: int) -> str:
        """Wait until this run by hand is on the card."""
        await self.desk.until(lambda: f"by hand {number}" in self.desk.text(), f"run {number}")
        return self.desk.text()


@asynccontextmanager
async def at_card(
    folder: Path, *drafts: ReviewSubject, size: tuple[int, int] = WIDE, **settings: Any
) -> AsyncIterator[Bench]:
    """The card of the first of these drafts, looked at."""
    by_task = {f"t{number}": draft for number, draft in enumerate(drafts, 1)}
    held: list[Held] = []

    def session_in(place: Workspace) -> Session:
        held.append(Held(place))
        return showing(make_session(place, pace=0.0, sandbox=SteadySandbox(), runs=held[0]), by_task)

    async with console(folder, size=size, session_in=session_in, **settings) as desk:
        await desk.receive(*map(task_for, by_task))
        await desk.until(lambda: desk.desk.card.content.review is not None, "a draft on the card")
        await desk.press("enter")
        await desk.look_at_draft()
        yield Bench(desk, held[0])


# --- what came of the author's try


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_the_card_says_in_a_line_what_came_of_it(tmp_path: Path, size: tuple[int, int]) -> None:
    async with at_card(tmp_path, tried(FINE), size=size) as bench:
        words = "✓ ran 1 of 1 input" if size == SMALL else "✓ ran 1 of 1 input · 2 tool calls · 0.1 s"
        assert words in bench.desk.text()
        assert "Run ✓1" in bench.desk.text()


async def test_failed_runs_come_first_then_changed_ones(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FINE, CHANGED, FAILED), size=TALL) as bench:
        assert "✗ ran 2 of 3 inputs: KeyError: 'content' on empty" in bench.desk.text()
        shown = await bench.turn_to_runs()
        assert "Run ✓1 !1 ✗1" in shown
        assert [shown.index(name) for name in ("✗ empty failed", "! v1 example 1 changed", "✓ sample 1")] == sorted(
            shown.index(name) for name in ("✗ empty failed", "! v1 example 1 changed", "✓ sample 1")
        )


async def test_a_block_has_everything_of_its_run(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FINE, CHANGED, FAILED), size=TALL) as bench:
        shown = await bench.turn_to_runs()
        for words in (
            "0.05 s · 14 MB · exit 1 · box full · dry · limit memory_mb",
            "out     It ended with exit code 1: KeyError: 'content'",
            "stdout  half of an answ",
            'in      {"content": "A long text."}',
            'out     {"summary": "[dry summarizer] A long text.", "words": 3}',
            'diff    - {"summary": "[dry summarizer] A long text.", "words": 4}',
            '+ {"summary": "[dry summarizer] A long text.", "words": 3}',
            'call    summarizer("A long text.")  0.01 s, dry',
            'with    {"temperature": 0.2}',
            "answer  [dry summarizer] A long text.",
            "error   Tool 'summarizer' did not answer within 2 seconds.",
            "stderr  one call",
        ):
            assert words in shown, words


async def test_a_long_value_is_shortened_and_stands_whole_below(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(1, 61)]
    async with at_card(tmp_path, tried(dataclasses.replace(FAILED, stdout="\n".join(lines)))) as bench:
        shown = await bench.turn_to_runs()
        assert "line 12" in shown
        assert "line 13" not in shown
        assert "more characters, all of them below" in shown
        await bench.desk.press("G")
        assert "line 60" in bench.desk.text()
        bench.desk.desk.card.move_by(-58)
        await bench.desk.pilot.pause()
        assert "empty, stdout, whole" in bench.desk.text()


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (tried(problem="Nothing here can hold a node. Install bubblewrap."), "Install bubblewrap. t runs it"),
        (dataclasses.replace(tried(), tryout=None), "its author did not try it. t runs it on an input of yours"),
        (dataclasses.replace(tried(code="print("), tryout=None), "no program that could be run. Edit it, or send it"),
        (
            dataclasses.replace(tried(code="x = 1\n"), tryout=None),
            "a check forbids to approve it as it is, see Checks.",
        ),
    ],
    ids=["no box", "nobody tried", "no Python", "forbidden"],
)
async def test_where_nothing_ran_the_page_says_why(tmp_path: Path, draft: ReviewSubject, words: str) -> None:
    async with at_card(tmp_path, draft) as bench:
        assert "not run" in bench.desk.text()
        shown = " ".join((await bench.turn_to_runs()).replace("│", " ").split())
        assert words in shown


# --- by hand


async def test_a_person_runs_it_on_an_input_and_the_run_comes_to_the_top(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FAILED, FINE)) as bench:
        assert bench.tab == "Code"
        await bench.run_on(as_json({"content": "Two words"}))
        shown = await bench.until_ran(1)
        assert bench.tab == "Run"
        assert '{"summary": "[dry summarizer] Two words", "words": 2}' in shown
        assert shown.index("✓ by hand 1") < shown.index("✗ empty")
        assert "t1 ran by hand" in shown
        await bench.run_on("{}")
        shown = await bench.until_ran(2)
        assert shown.index("✗ by hand 2 failed") < shown.index("✓ by hand 1")


async def test_what_the_checks_forbid_is_run_and_what_is_no_program_is_not(tmp_path: Path) -> None:
    forbidden = tried(code=SUMMARIZES.replace('"summarizer"', '"no_such_tool"'))
    async with at_card(tmp_path, forbidden, tried(code="print(")) as bench:
        assert "A check forbids" in bench.desk.app.reason_against(APPROVE)
        await bench.run_on(as_json({"content": "x"}))
        assert "ValueError: Tool 'no_such_tool' not" in await bench.until_ran(1)
        await bench.desk.press("n")
        await bench.desk.until(lambda: bench.desk.app.reason_against(TRY))
        assert "no program that could be run" in bench.desk.app.reason_against(TRY)


async def test_an_input_that_cannot_be_read_is_named_and_stays(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FAILED, FINE)) as bench:
        await bench.run_on('{"content": "a" "b"}')
        assert "! Line 1, column 17: Expecting ',' delimiter." in bench.desk.text()
        assert isinstance(bench.desk.app.screen, TryModal)
        await bench.desk.press("escape")
        await bench.desk.until(lambda: bench.desk.app.screen is bench.desk.desk)
        await bench.desk.press("t")
        await bench.desk.until_open(TryModal)
        assert '{"content": "a" "b"}' in bench.desk.text()  # what was typed is kept


async def test_the_dialog_begins_with_the_input_that_failed_and_hides_nothing_of_it(tmp_path: Path) -> None:
    odd = {"content": "a\u202eb\x1b]0;x\x07"}
    async with at_card(tmp_path, tried(FINE, dataclasses.replace(FAILED, input=odd))) as bench:
        await bench.desk.press("t")
        await bench.desk.until_open(TryModal)
        assert '{"content": "a\\u202eb\\u001b]0;x\\u0007"}' in bench.desk.text()
        await bench.desk.press("ctrl+s")
        await bench.desk.let_it_be_alone()
        await bench.until_ran(1)
        assert bench.desk.session.manual_runs.of(1)[0].input == odd


async def test_an_editor_takes_the_input_and_gives_it_back(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ngrep -q "A long text" "$1" && echo \'{"content": "By\u202e hand"}\' > "$1"\n')
    editor.chmod(0o700)
    async with at_card(tmp_path, tried(FINE), editor=lambda: [str(editor)]) as bench:
        await bench.desk.press("t")
        await bench.desk.until_open(TryModal)
        await bench.desk.press("ctrl+e")
        await bench.desk.until(lambda: '{"content": "By\\u202e hand"}' in bench.desk.text())
        await bench.desk.press("ctrl+s")
        await bench.desk.let_it_be_alone()
        await bench.until_ran(1)
        assert bench.desk.session.manual_runs.of(1)[0].input == {"content": "By\u202e hand"}


async def test_while_it_runs_the_desk_is_used_and_nothing_on_another_card_moves(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FINE), tried(FINE, CHANGED)) as bench:
        bench.runs.may_end.clear()
        await bench.run_on(as_json({"content": "x"}))
        await bench.desk.until(lambda: "Run ✓1 ▸" in bench.desk.text())
        assert "t1 runs by hand" in bench.desk.text()
        await bench.desk.press("t")
        assert "This draft is being run at this moment; the Run tab shows what comes of it." in bench.desk.notices
        await bench.desk.press("n")
        await bench.desk.until(lambda: "Run ✓1 !1" in bench.desk.text())
        await bench.desk.press("l", "l")
        assert bench.tab == "Task"
        bench.runs.may_end.set()
        await bench.desk.until(lambda: "t1 ran by hand" in bench.desk.text())
        assert bench.tab == "Task"
        assert "by hand 1" not in bench.desk.text()
        await bench.desk.press("n")
        await bench.desk.until(lambda: bench.desk.desk.card.content.job == 1)
        await bench.turn_to_runs()
        await bench.until_ran(1)


async def test_a_box_that_cannot_be_made_is_a_notice(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FINE)) as bench:
        bench.runs.problem = SandboxError("Nothing here can hold a node.", "Install bubblewrap.")
        await bench.run_on("{}")
        await bench.desk.until(lambda: "Nothing here can hold a node. Install bubblewrap." in bench.desk.notices)
        await bench.desk.until(lambda: "▸" not in bench.desk.text())
        assert bench.tab == "Code"


# --- dry or live


async def test_offline_it_runs_dry_only_and_the_dialog_says_why(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FINE)) as bench:
        await bench.desk.press("t")
        await bench.desk.until_open(TryModal)
        words = text_on(bench.desk.app.screen.query_one("#window"))
        assert squeezed("Dry only. The tools that it calls ask a model, and there is none here.") in words
        assert "live" not in words


async def test_a_live_run_is_agreed_to_once_and_its_cost_is_named(tmp_path: Path) -> None:
    def play(task_id: str) -> Iterator[bytes]:
        yield SSE_HEAD + openai_events("In short.")

    with Model(play) as model:
        model.configure(tmp_path, "max_tokens = 700\n[sandbox]\ntool_calls = 7\n")
        async with at_card(tmp_path, tried(FINE)) as bench:
            await bench.run_on(as_json({"content": "A text"}), "tab", "l")
            await bench.desk.until_open(ConfirmModal)
            words = text_on(bench.desk.app.screen.query_one("#window"))
            for part in (
                "Run summarize live?", "in earnest, at most 7 times: summarizer (llm).",
                "openai/m writes up to 700 tokens each time; tokens cost money, how much is not known to this program.",
            ):  # fmt: skip
                assert squeezed(part) in words, part
            await bench.desk.press("n")
            await bench.desk.until(lambda: bench.desk.app.screen is bench.desk.desk)
            assert model.requests == []
            await bench.run_on(as_json({"content": "A text"}), "tab", "l")
            await bench.desk.until_open(ConfirmModal)
            await bench.desk.decide("y")
            assert '{"summary": "In short.", "words": 2}' in await bench.until_ran(1)
            assert "box full · live" in bench.desk.text()
            await bench.run_on(as_json({"content": "A text"}), "tab", "l")
            await bench.until_ran(2)
            assert len(model.requests) == 2


# --- what strangers wrote


async def test_what_a_node_writes_is_words_wherever_the_page_shows_it(tmp_path: Path) -> None:
    packs = bundles(1_500)
    async with at_card(
        tmp_path, *(tried(*runs_of(words), problem=words, repairs=2) for words in packs), size=(160, 110)
    ) as bench:
        card = bench.desk.desk.card
        for words in packs:
            await bench.turn_to_runs()
            shown = ""
            for _ in range(4):
                assert_only_words(bench.desk.app)
                shown += text_on(card)
                await bench.desk.press("space")
            assert [each for each in traces(words) if each not in shown] == []
            await bench.desk.press("n")
            await bench.desk.until(lambda: card.page.title == "Code")


@pytest.mark.parametrize("text", ["x" * 100_000, "a\n" * 50_000, "[" * 100_000], ids=["a line", "lines", "brackets"])
async def test_an_endless_output_stops_nothing(tmp_path: Path, text: str) -> None:
    calls = tuple(ToolExchange("t", text[:4_000], text[:4_000], text[:4_000], "", 0.1) for _ in range(20))
    run = dataclasses.replace(
        CHANGED, output={"a": text}, expected={"b": text}, stderr=text[:20_000], input={"c": text[:20_000]},
        tool_calls=calls, tool_call_count=20,
    )  # fmt: skip
    async with at_card(tmp_path, tried(*[run] * 5, dataclasses.replace(FAILED, stdout=text[:20_000]))) as bench:
        await bench.turn_to_runs()
        for key in ("G", "g", "pagedown", "k"):
            await bench.desk.press(key)
            assert_only_words(bench.desk.app)
        assert "of " in bench.desk.text()


async def test_a_run_is_told_in_the_signals(tmp_path: Path) -> None:
    async with at_card(tmp_path, tried(FINE)) as bench:
        heard: list[Signal] = []
        bench.desk.session.bus.registry.register_all(heard.append)
        await bench.run_on("{}")
        await bench.until_ran(1)
        (told,) = [signal for signal in heard if signal.name == "node.tried"]
        assert (told.payload["by"], told.payload["live"], told.context["task_id"]) == ("ada", False, "t1")
        bench.desk.session.bus.registry.unregister(heard.append)
