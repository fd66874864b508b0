"""The progress server's page in a real browser: the same numbers, whichever way they come."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evolver_tui.core.training.record import Event, Point
from tests.support.chromium import Browser, Page, chromium
from tests.support.progress_servers import AT, RunningProgress, barrier, end, event, get, header, point, progress

pytestmark = pytest.mark.anyio

HOSTILE = "<img src=x onerror='document.title=\"owned\"'><script>document.title='owned'</script>&amp;"
UPGRADE = b"upgrade: websocket"
EVENTS = b"/api/training/events/"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


async def is_live(page: Page, way: str) -> None:
    await page.until(f"document.querySelector('#state-words').textContent === 'live by {way}'")


async def reads(page: Page, selector: str, words: str) -> None:
    await page.until(f"document.querySelector('{selector}').textContent === {words!r}")


async def tell_a_training(running: RunningProgress, page: Page) -> None:
    """From the middle of the first model to the end of all."""
    await reads(page, "#f-step", "50 / 100")
    await reads(page, "#f-loss", "1.5")
    await reads(page, "#overall-words", "16.7 %")
    await running.post("r1", event("model_completed", 100), point(25, 0.5, 1, accuracy=0.75), first=3)
    await reads(page, "#f-loss", "0.5")
    await reads(page, "#overall-words", "41.7 %")
    assert await page.value("[...document.querySelectorAll('#models progress')].map((bar) => bar.value)") == [
        100,
        25,
        0,
    ]
    await page.until("document.querySelector('#events').innerText.includes('model completed')")
    await page.until("document.querySelector('#plot').dataset.points === '3'")
    assert await page.value("[...document.querySelector('#metric').options].map((each) => each.value)") == [
        "loss", "accuracy",
    ]  # fmt: skip
    await running.post("r1", end(), first=5)
    await reads(page, "#status", "completed")
    await reads(page, "#overall-words", "100 %")


async def begin(running: RunningProgress) -> None:
    await running.post("r1", header(name="my run"), point(49, 1.6), point(50))


async def test_a_training_is_watched_by_websocket(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await begin(running)
        async with browser.page(running.url) as page:
            await is_live(page, "WebSocket")
            assert await page.text("#name") == "my run"
            await tell_a_training(running, page)
            await running.post("r2", header("r2", name="another"), point(1, 9.0))
            await page.until("document.querySelectorAll('#list button').length === 2")
            await page.click("#list button[data-id=r2]")
            await reads(page, "#f-loss", "9")
            assert await page.value("location.hash") == "#session=r2"
            await page.until("document.querySelector('#plot').dataset.points === '1'")
            assert page.problems == []


@pytest.mark.parametrize("how", ["refuses", "swallows"])
async def test_where_websockets_are_blocked_it_comes_by_events(tmp_path: Path, browser: Browser, how: str) -> None:
    async with progress(tmp_path) as running:
        await begin(running)
        async with (
            barrier(running.port, **{how: [UPGRADE]}) as (url, stopped),
            browser.page(url) as page,
        ):
            await is_live(page, "server-sent events")
            assert stopped.stopped
            await tell_a_training(running, page)


async def test_where_events_are_blocked_as_well_it_polls(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await begin(running)
        async with (
            barrier(running.port, refuses=[UPGRADE, EVENTS]) as (url, _),
            browser.page(url) as page,
        ):
            await is_live(page, "polling")
            await tell_a_training(running, page)


async def test_it_goes_on_when_the_server_comes_back(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await begin(running)
        port = running.port
        async with browser.page(running.url) as page:
            await is_live(page, "WebSocket")
            await running.close()
            await page.until("document.querySelector('#state').dataset.state === 'lost'")
            async with progress(tmp_path, port=port) as again:
                await is_live(page, "WebSocket")
                await again.post("r1", point(60, 1.25), first=3)
                await reads(page, "#f-loss", "1.25")
                await page.until("document.querySelector('#plot').dataset.points === '3'")


async def test_what_strangers_wrote_is_text(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await running.post(
            "r1",
            header(name=HOSTILE),
            Point(1, AT, {"loss": 1.0, HOSTILE: 1.0}),
            Event(HOSTILE, AT, 1, payload={HOSTILE: HOSTILE}),
        )
        async with browser.page(running.url) as page:
            await is_live(page, "WebSocket")
            await reads(page, "#name", HOSTILE.replace("\n", ""))
            await page.until("document.querySelector('#events').childElementCount === 1")
            assert await page.value("document.querySelectorAll('main img, main script').length") == 0
            assert await page.value("document.title") == "Training · evolver"
            assert page.problems == []


async def test_no_stranger_turns_the_direction_of_the_writing(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        name = "a\u202eb"
        values = {"loss": 1.0, name: 1.0}
        await running.post("r1", header(name=name), Point(1, AT, values), Event(name, AT, 1, payload={name: name}))
        async with browser.page(running.url) as page:
            await reads(page, "#name", "a\ufffdb")
            await page.until("document.querySelector('#events').childElementCount === 1")
            assert "\u202e" not in str(await page.value("document.body.innerText"))


PIECES_OF_TEXT = """(() => {
  const found = [], pen = CanvasRenderingContext2D.prototype, fillText = pen.fillText;
  pen.fillText = function (text, x, y) {
    const width = this.measureText(text).width;
    found.push([text, this.textAlign === "right" ? x - width : x]);
    return fillText.call(this, text, x, y);
  };
  plot();
  pen.fillText = fillText;
  return found;
})()"""


@pytest.mark.parametrize("begin", [1_234_567.0, -1.5e-10, 0.98765])
async def test_its_axis_tells_values_apart_and_cuts_none(tmp_path: Path, browser: Browser, begin: float) -> None:
    async with progress(tmp_path) as running:
        values = [begin, begin * (1 + 1e-5)]
        await running.post("r1", header(), *(Point(step, AT, {"x": each}) for step, each in enumerate(values, 123_456)))
        async with browser.page(running.url) as page:
            await page.until("document.querySelector('#plot').dataset.points === '2'")
            drawn = await page.value(PIECES_OF_TEXT)
            assert all(left >= 0 for _, left in drawn)
            *ticks, first_step, _ = [words for words, _ in drawn]
            assert first_step == "123456"
            assert len(set(ticks)) == 5
            assert sorted(map(float, ticks)) == pytest.approx(
                [min(values) + abs(values[1] - values[0]) * part / 4 for part in range(5)], rel=1e-7
            )


async def test_a_line_ends_where_a_value_has_no_place(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        losses = (0.5, 0.25, math.nan, -0.125, 0.0625)
        await running.post("r1", header(), *(point(step, loss) for step, loss in enumerate(losses)))
        async with browser.page(running.url) as page:
            await page.until("document.querySelector('#plot').dataset.points === '4'")
            assert await page.value("document.querySelector('#plot').dataset.lines") == "2"
            await page.click("#log")
            await page.until("document.querySelector('#plot').dataset.points === '3'")
            assert await page.value("document.querySelector('#plot').dataset.lines") == "2"
            assert page.problems == []


async def test_a_narrow_window_holds_long_names_of_metrics(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), Point(1, AT, {"a/very/long/name" * 12: 1.0}))
        async with browser.page(running.url) as page:
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=380, height=700, deviceScaleFactor=1, mobile=False
            )
            await page.until("document.querySelector('#metric').options.length === 1")
            assert await page.value("document.documentElement.scrollWidth") <= 380


async def test_what_is_not_known_is_no_number(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), point(50), end("failed"))
        await running.post("r2", header("r2")._replace(total_steps=0, total_models=1), point(50))
        async with browser.page(f"{running.url}/#session=r1") as page:
            await reads(page, "#status", "failed")
            await reads(page, "#f-step", "50 / 100")
            await reads(page, "#f-left", "–")
            await page.value("location.hash = '#session=r2'")
            await reads(page, "#status", "running")
            await reads(page, "#overall-words", "–")
            await reads(page, "#list button[data-id=r2] span", "running")


async def test_a_token_is_asked_for_and_never_stands_in_an_address(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path, token="sesame") as running:
        await running.hub.take_metrics("r1", {"step": 1, "loss": 1.5})
        async with (
            barrier(running.port, refuses=[UPGRADE]) as (url, stands),
            browser.page(url) as page,
        ):
            assert await page.value("document.activeElement.id") == "token"
            await page.type("wrong")
            await page.press("Enter", 13)
            await reads(page, "#state-words", "the token is not taken")
            await page.value("document.querySelector('#token').value = ''; document.querySelector('#token').focus()")
            await page.type("sesame")
            await page.press("Enter", 13)
            await is_live(page, "server-sent events")
            asked = b"\n".join(stands.passed + stands.stopped)
            assert EVENTS in asked
            assert b"sesame" not in asked
            assert "sesame" not in await page.value("location.href")


async def test_the_page_asks_no_other_host_and_forbids_what_it_does_not_need(tmp_path: Path, browser: Browser) -> None:
    async with progress(tmp_path) as running:
        await begin(running)
        policy = (await get(running.url, "/")).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for dark in (False, True):
            async with browser.page(running.url, dark=dark) as page:
                await is_live(page, "WebSocket")
                entries = await page.value("performance.getEntriesByType('resource').map((each) => each.name)")
                assert all(name.startswith(running.url) for name in entries)
                ground = await page.value("getComputedStyle(document.body).backgroundColor")
                assert (ground == "rgb(15, 20, 19)") is dark
                assert page.problems == []
