"""The training view: runs as they train, their metrics as a plot, what happened, and what is done with them by key."""

from __future__ import annotations

import math
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evolver_tui.core.training.record import ERROR, MODEL_COMPLETED, RECOVERY, Event, Point, RunEnd, RunHeader
from evolver_tui.engine.training.source import SourceStanding
from evolver_tui.tui.modals import ListModal, PlaceModal
from evolver_tui.tui.screens.training.screen import SECONDS_BETWEEN_FRAMES, Training
from evolver_tui.wiring.training import make_training_monitor
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.hostile import HOSTILE, assert_harmless
from tests.support.sessions import workspace_in
from tests.support.training_runs import NOW, Trainings, cognate, write_run

pytestmark = pytest.mark.anyio


class View:
    """The view in front, and the runs that it watches."""

    def __init__(self, desk: Console, trainings: Trainings) -> None:
        self.desk = desk
        self.trainings = trainings

    @property
    def source(self) -> Any:
        return self.trainings.source

    @property
    def screen(self) -> Training:
        screen = self.desk.app._screens["training"]
        assert isinstance(screen, Training)
        return screen

    async def drawn(self) -> str:
        """What stands on the screen, with all that was told so far."""
        self.screen.draw()
        await self.desk.pilot.pause()
        return self.desk.text()

    async def rows(self) -> list[str]:
        """The rows of the table."""
        await self.drawn()
        lines = [self.screen.runs.render_line(y).text.strip() for y in range(1, self.screen.runs.list_height)]
        return [line for line in lines if line]

    async def press(self, *keys: str) -> str:
        """Press keys; returns what stands on the screen then."""
        await self.desk.press(*keys)
        return await self.drawn()

    @property
    def plot(self) -> list[str]:
        """The rows of the plot's pane."""
        return self.desk.text_of(self.screen.plot).splitlines()

    @property
    def legend(self) -> str:
        return self.plot[1]


@asynccontextmanager
async def training(
    folder: Path, *, size: tuple[int, int] = WIDE, is_busy: bool = True, **settings: Any
) -> AsyncIterator[View]:
    trainings = Trainings()
    if is_busy:
        trainings.morning()
    told = {"make_training": trainings.make, "now": lambda: trainings.now, "exports": folder / "exports", **settings}
    async with console(folder, size=size, **told) as desk:
        assert "training" not in desk.app._screens
        await desk.press("4")
        await desk.until(lambda: isinstance(desk.app.screen, Training), "the view")
        view = View(desk, trainings)
        if told["make_training"] == trainings.make and not trainings.refusal:
            await desk.until(lambda: view.screen.context.open_monitor is not None, "the monitor")
        await view.drawn()
        yield view


# --- live


async def test_a_run_file_is_watched_as_it_grows(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    write_run(place.paths.training, "r1", [RunHeader("r1", "first", started_at=NOW - 60, total_steps=100)])
    async with console(tmp_path, now=lambda: NOW, make_training=lambda: make_training_monitor(place)) as desk:
        await desk.press("4")
        await desk.until(lambda: isinstance(desk.app.screen, Training), "the view")
        screen = desk.app._screens["training"]
        assert isinstance(screen, Training)

        def shows(words: str) -> bool:
            screen.draw()
            return words in desk.text()

        await desk.until(lambda: shows("first"), "the run")
        assert "No numbers so far." in desk.text()
        write_run(place.paths.training, "r1", [Point(step, NOW - 50 + step, {"loss": 2.5}) for step in (1, 2, 40)])
        await desk.until(lambda: shows("40 of 100"), "the points")
        assert "2.500" in desk.text()
        write_run(place.paths.training, "r1", [RunEnd(NOW, "completed")])
        await desk.until(lambda: shows("is completed"), "the end")


async def test_all_that_is_known_of_a_run_stands_beside_its_plot(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        text = await view.drawn()
        for words in (
            "▸ trains", "model 1", "100%", "model 3", "overall", "54%", "620 of 1,000, model 2 of 3", "perplexity",
            "grok", "steps/s", "21m50s", "18m36s", "25M", "1 error, 1 recovery", "folder", "/home/ada/runs",
            "cognate-7f3a", "agent-forge", "CUDA out of memory", "strategy=memory", "batch_size=16",
            "model 1 completed", "✗ 2 values not finite", "1 training",
        ):  # fmt: skip
            assert words in text, words
        assert view.source.followed == ["cognate-7f3a"]


async def test_what_trains_stands_on_top_and_stays_where_it_is_while_it_tells(tmp_path: Path) -> None:
    async with training(tmp_path, is_busy=False) as view:
        view.source.tell("old", RunHeader("old", started_at=NOW - 900), Point(1, NOW - 1, {"loss": 1.0}))
        view.source.tell("young", RunHeader("young", started_at=NOW - 60), Point(1, NOW - 9, {"loss": 1.0}))
        view.source.tell("over", RunHeader("over", started_at=NOW - 30), RunEnd(NOW - 3))
        view.source.tell("silent", RunHeader("silent", started_at=NOW - 5)).fall_silent()
        for step in range(2, 6):
            view.source.tell("old", Point(step, NOW + step, {"loss": 1.0}))
            assert [row.split()[1] for row in await view.rows()] == ["young", "old", "silent", "over"]
            view.source.tell("young", Point(step, NOW + step + 0.5, {"loss": 1.0}))


async def test_it_follows_the_run_that_began_last_until_a_person_moves(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        view.source.tell("newer", RunHeader("newer", started_at=NOW - 1), Point(1, NOW, {"loss": 1.0}))
        assert "loss · newer" in await view.drawn()
        assert "following" in view.desk.text()
        await view.press("j")
        view.source.tell("newest", RunHeader("newest", started_at=NOW), Point(1, NOW, {"loss": 1.0}))
        assert "loss · cognate-pretrain" in await view.drawn()
        assert "loss · newest" in await view.press("f")


async def test_how_each_stands_can_be_told_without_colour(tmp_path: Path) -> None:
    async with training(tmp_path, plain=True) as view:
        view.source.tell("gone", RunHeader("gone", started_at=NOW - 5), Point(1, NOW - 5, {"loss": 1.0})).cut_off()
        view.source.tell("quiet", RunHeader("quiet", started_at=NOW - 5), Point(1, NOW - 700, {"x": 1.0})).fall_silent()
        assert sorted(row[0] for row in await view.rows()) == sorted([">", "!", "/", "x", "+", "+"])
        assert "".join(view.plot).isascii()


async def test_a_busy_run_costs_a_bounded_number_of_frames(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        frames = 0
        draw = view.screen.draw

        def counted() -> None:
            nonlocal frames
            frames += 1
            draw()

        view.screen.draw = counted  # type: ignore[method-assign]
        for step in range(1_000):
            view.source.tell("cognate-7f3a", Point(624 + step, NOW + step / 1_000, {"loss": 0.5}, 1))
            view.screen._tick()
        assert frames <= 1
        view.desk.clock.seconds += 60 * SECONDS_BETWEEN_FRAMES
        view.screen._tick()
        assert 1 <= frames <= 2
        assert "1,623 of 1,000" in view.desk.text()
        await view.press("1")
        seen = frames
        view.desk.clock.seconds += 9
        view.source.tell("cognate-7f3a", Point(9_000, NOW, {"loss": 0.5}, 1))
        view.screen._tick()
        assert frames == seen, "nothing is drawn while another view is in front"


# --- the plot


async def test_keys_choose_what_is_plotted_and_how(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        assert "● model 1 0.4078   ◆ model 2 1.018" in view.legend
        assert "learning_rate · cognate-pretrain" in await view.press("n")
        assert "loss · cognate-pretrain" in await view.press("N")
        assert "step · smoothed 0.6" in await view.press("s")
        assert "step · smoothed 0.97" in await view.press("s", "s")
        await view.press("s")
        assert "smoothed" not in view.plot[-1]
        assert "step · log" in await view.press("l")
        assert "time · log" in await view.press("t")
        assert "5m" in view.plot[-2]
        await view.press("t", "l", "a")
        assert "model 1" not in view.legend
        assert "model 2" in view.legend
        await view.press("plus", "plus")
        assert "1/5 of it" in view.plot[-1]
        assert view.plot[-2].split()[1:2] == ["500"]
        await view.press("minus", "minus", "minus")
        assert "of it" not in view.plot[-1]


async def test_the_metric_is_chosen_from_a_list(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        await view.desk.press("M")
        await view.desk.until_open(ListModal)
        await view.desk.press("j")
        await view.desk.answer()
        await view.desk.until(lambda: view.desk.app.screen is view.screen, "the view")
        assert "learning_rate · cognate-pretrain" in await view.drawn()
        await view.press("j", "j", "j")
        assert "learning_rate · baseline" in view.plot[0]


async def test_values_are_read_off_where_the_cursor_is(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        await view.press("right")
        assert "step 1,000" in view.legend
        assert "model 1 0.4078" in view.legend
        await view.press("shift+left", "shift+left", "shift+left", "shift+left")
        step = int(view.legend.partition("step ")[2].split()[0])
        assert 550 <= step <= 620
        for line, model in zip(("model 1", "model 2"), (0, 1), strict=True):
            series = view.source.runs["cognate-7f3a"].series[model, "loss"]
            value = series.values[list(series.steps).index(step)]
            assert f"{line} {value:#.4g}" in view.legend
        await view.press("left")
        assert int(view.legend.partition("step ")[2].split()[0]) < step
        assert "step" not in (await view.press("escape") and view.legend)


async def test_a_value_that_is_not_finite_is_read_off_as_what_it_is(tmp_path: Path) -> None:
    async with training(tmp_path, is_busy=False) as view:
        values = (1.0, math.nan, math.inf, -math.inf, 0.5)
        view.source.tell("r", *(Point(step, NOW + step, {"loss": value}) for step, value in enumerate(values)))
        await view.drawn()
        await view.press("left")
        seen = [view.legend.split()[-2]]
        for _ in range(4):
            await view.press("left")
            seen.append(view.legend.split()[-2])
        assert seen == ["0.5000", "-inf", "inf", "nan", "1.000"]


async def test_a_closer_span_goes_along_with_the_cursor(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        await view.press("right", "plus")
        for _ in range(21):
            await view.desk.press("shift+left")
        await view.drawn()
        assert "step 0" in view.legend
        assert view.plot[-2].split()[1] == "0"


async def test_another_run_lies_beside_it(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        await view.press("j", "j", "j", "c", "g", "a")
        assert "cognate-pretrain 2" in view.legend
        assert "◆ baseline" in view.legend
        assert any("◆ baseline" in row for row in await view.rows())
        assert "baseline-01" in view.source.followed
        await view.press("j", "j", "j", "c", "g")
        assert "baseline" not in view.legend


async def test_a_plot_is_written_as_svg_for_its_owner_alone(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        for number in ("", "-2"):
            await view.desk.decide("x")
            path = tmp_path / "exports" / f"cognate-pretrain-loss{number}.svg"
            await view.desk.until(path.exists, "the file")
            said = f"loss{number}.svg"
            await view.desk.until(partial(_is_said, view, said), "the notice")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        root = ElementTree.parse(path).getroot()
        assert root.find("{http://www.w3.org/2000/svg}title") is not None


def _is_said(view: View, words: str) -> bool:
    return words in "".join(view.desk.notices)


async def test_where_no_plot_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with training(tmp_path, exports=tmp_path / "file") as view:
        await view.desk.decide("x")
        await view.desk.until(lambda: "cannot be written" in "".join(view.desk.notices), "the reason")


async def test_the_value_or_the_runs_id_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with training(tmp_path, copy_file=tmp_path / "copied.txt") as view:
        copied: list[str] = []
        monkeypatch.setattr(view.desk.app, "copy_to_clipboard", copied.append)

        async def nothing(*arguments: Any) -> str:
            return ""

        monkeypatch.setattr("evolver_tui.tui.clipboard.reason_against_clipboard", nothing)
        await view.press("Y")
        await view.desk.until(lambda: len(copied) == 1)
        await view.press("left", "Y")
        await view.desk.until(lambda: len(copied) == 2)
        await view.press("escape", "tab", "tab", "Y")
        await view.desk.until(lambda: len(copied) == 3)
        assert copied[0] == "cognate-7f3a"
        assert float(copied[1]) == view.source.runs["cognate-7f3a"].series[0, "loss"].values[-1]
        assert "CUDA out of memory" in copied[2]


# --- places


async def test_a_further_place_is_opened(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        await view.desk.press("o")
        await view.desk.until_open(PlaceModal)
        await view.desk.answer(*"bad")
        await view.desk.until(lambda: "bad is no place. Name another one." in view.desk.text(), "what is wrong")
        await view.desk.until_open(PlaceModal)
        await view.desk.answer("ctrl+u", *"x")
        await view.desk.until(lambda: view.desk.app.screen is view.screen, "the view")
        (other,) = view.trainings.others
        assert other.is_open
        other.tell("r", RunHeader("far", started_at=NOW), Point(1, NOW, {"loss": 1.0}))
        assert any("far" in row for row in await view.rows())


async def test_where_there_can_be_none_it_says_why_and_tries_again(tmp_path: Path) -> None:
    trainings = Trainings()
    trainings.refusal = "The folder is a file."
    async with console(tmp_path, make_training=trainings.make, now=lambda: NOW) as desk:
        await desk.press("4")
        await desk.until(lambda: "The folder is a file. Change that." in desk.text(), "the reason")
        trainings.refusal = ""
        await desk.press("C")
        await desk.until(lambda: "Nothing has trained here so far." in desk.text(), "the guide")


async def test_a_quiet_view_tells_how_to_begin(tmp_path: Path) -> None:
    for size in (WIDE, SMALL):
        async with training(tmp_path / str(size[0]), size=size, is_busy=False) as view:
            text = view.desk.text()
            for words in ("import evolver_tui.track as track", "track.init", "track.log", "/home/ada/runs", "press o"):
                assert words in text, words
            assert "There is no run here." in [notice for key in "nsx" for notice in [await said(view, key)]]


async def said(view: View, key: str) -> str:
    await view.press(key)
    return view.desk.notices[-1] if view.desk.notices else ""


async def test_without_anything_that_watches_it_says_so(tmp_path: Path) -> None:
    async with training(tmp_path, is_busy=False, make_training=None) as view:
        assert "Training runs are not watched here." in view.desk.text()


async def test_the_end_of_the_console_lets_go_of_all_places(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        source = view.source
        assert source.is_open
    assert not source.is_open


# --- panes


async def test_runs_are_filtered(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        await view.press("slash", *"forge fail", "enter")
        assert [row.split()[1] for row in await view.rows()] == ["diverging-lr-3e-2"]
        await view.press("slash", *"xyz")
        assert "nothing contains" in view.desk.text()
        assert "Nothing has trained" not in view.desk.text()
        await view.press("escape")
        assert len(await view.rows()) == 4


async def test_a_pane_takes_the_whole_view_and_gives_it_back(tmp_path: Path) -> None:
    for size in (WIDE, SMALL):
        async with training(tmp_path / str(size[0]), size=size) as view:
            height = len(view.plot)
            await view.press("enter")
            await view.desk.pilot.pause()
            assert len(view.plot) > height
            assert "loss · diverging" in await view.press("j")
            await view.press("e")
            await view.desk.pilot.pause()
            assert "divergence" in view.desk.text()
            await view.press("escape")
            await view.desk.pilot.pause()
            assert len(view.plot) == height
            assert view.screen.pane_in_focus == "runs"


async def test_a_small_terminal_has_list_plot_and_figures(tmp_path: Path) -> None:
    async with training(tmp_path, size=SMALL) as view:
        text = view.desk.text()
        for words in ("cognate-pretrain", "54%", "18m36s", "model 2 1.018", "perplexity 2.77", "620 of 1,000"):
            assert words in text, words


async def test_tab_goes_through_the_panes_in_sight(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        seen = []
        for _ in range(4):
            seen.append(view.screen.pane_in_focus)
            await view.press("tab")
        assert seen == ["runs", "plot", "events", "runs"]
        await view.press("shift+tab", "shift+tab")
        assert view.screen.pane_in_focus == "events"


# --- strangers


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_no_strangers_word_reaches_the_terminal_as_it_is(tmp_path: Path, size: tuple[int, int]) -> None:
    async with training(tmp_path, size=size, is_busy=False) as view:
        for number, text in enumerate(HOSTILE.values()):
            name = text[:180] or "x"
            view.source.tell(
                f"r{number}{name}"[:200], RunHeader(f"r{number}{name}"[:200], name, name, {}, NOW - number - 1),
                Point(1, NOW, {name: 1.0}), Point(2, NOW, {name: 2.0}),
                Event(name, NOW, 2, payload={name: text}), Event(ERROR, NOW, payload={"error": text, "x": [text]}),
            )  # fmt: skip
        first, *_, last = HOSTILE.values()
        view.source.standing = SourceStanding(first, last, False, last)
        await view.drawn()
        for key in ("j", "c", "k", "s", "enter", "e", "escape"):
            assert_harmless(await view.press(key))
        for _ in HOSTILE:
            view.screen.runs.move_by(1)
            view.screen.draw()
            assert_harmless(view.desk.text())
            assert len(view.desk.text().splitlines()) == size[1]


async def test_wide_names_do_not_break_the_columns(tmp_path: Path) -> None:
    async with training(tmp_path, is_busy=False) as view:
        for number, name in enumerate(("訓練" * 40, "x" * 150, "é🙂" * 50, "short")):
            header = RunHeader(f"r{number}", name, started_at=NOW - number, total_steps=100)
            view.source.tell(f"r{number}", header, Point(50, NOW - 7, {name[:100]: 1.0, "loss": 1.0}))
            view.trainings.now = NOW + 7
        await view.drawn()
        for y in range(1, 5):
            strip = view.screen.runs.render_line(y)
            assert strip.cell_length == view.screen.runs.size.width
            assert strip.text[-4:].strip() in ("7s", "8s", "9s", "10s", "14s")
        assert len(set(map(len, view.desk.text().splitlines()))) <= 40


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_no_number_is_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    async with training(tmp_path, size=size, is_busy=False) as view:
        values = {"loss": -12_500.0, "rate": 1.5e-10, "y": 12_345.6}
        header = RunHeader("far", "far", started_at=NOW - 60)
        told = (Point(123_450 + step, NOW - 9, {name: each * (1 + step / 1e6) for name, each in values.items()})
                for step in range(10))  # fmt: skip
        view.source.tell("far", header, *told)
        assert any("123.5k -12,500" in row for row in await view.rows())
        for key in ("", "n", "n"):
            await view.press(*filter(None, [key]))
            plot = view.screen.plot.plot
            assert plot is not None
            ticks = [tick.words for tick in plot.up.ticks]
            assert len(set(ticks)) == len(ticks) > 1
            assert all(any(row.lstrip("│ ").startswith(f"{words} ┤") for row in view.plot) for words in ticks)


async def test_ten_thousand_runs_and_five_hundred_metrics_are_shown(tmp_path: Path) -> None:
    async with training(tmp_path, is_busy=False) as view:
        for number in range(10_000):
            view.source.tell(f"r{number}", RunHeader(f"r{number}", started_at=NOW - number), RunEnd(NOW - number))
        metrics = {f"metric/{number}": float(number) for number in range(500)}
        view.source.tell("many", RunHeader("many", started_at=NOW), Point(1, NOW, metrics), Point(2, NOW, metrics))
        assert "10,001" in await view.drawn()
        await view.desk.press("M")
        await view.desk.until_open(ListModal)
        await view.desk.press("end")
        await view.desk.answer()
        await view.desk.until(lambda: view.desk.app.screen is view.screen, "the view")
        assert "metric/499 · many" in await view.drawn()
        await view.press("G")
        assert "r9999" in view.desk.text()


async def test_events_go_on_while_a_person_reads_above(tmp_path: Path) -> None:
    async with training(tmp_path) as view:
        for step in range(400):
            view.source.tell("cognate-7f3a", Event(RECOVERY, NOW, step, 1, {"number": step}))
        assert "number=399" in await view.drawn()
        await view.press("tab", "tab", "pageup")
        above = view.desk.text_of(view.screen.events)
        view.source.tell("cognate-7f3a", Event(MODEL_COMPLETED, NOW, 1_000, 1))
        await view.drawn()
        assert "model 2 completed" not in view.desk.text_of(view.screen.events)
        assert "number=39" in above
        await view.press("G")
        assert "model 2 completed" in view.desk.text()


async def test_a_run_that_goes_back_to_a_checkpoint_is_drawn_anew(tmp_path: Path) -> None:
    async with training(tmp_path, is_busy=False) as view:
        view.source.tell("r", *cognate())
        await view.press("s")
        run = view.source.tell("r", Event("training_resumed", NOW, 200, 1))
        assert "model 2" in view.legend
        await view.drawn()
        series = run.series[1, "loss"]
        assert f"model 2 {0:.0f}"[:7] in view.legend
        assert len(series) == 51
        view.source.runs["r"].become(type(run)("r"))
        assert "No numbers so far." in await view.drawn()
