"""The gateway's page in a real browser: a person asks, sees the answer come, and calls it off, by keyboard alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from evolver_tui.engine.workflow.answering import SystemNote
from tests.support.chromium import Browser, Page, chromium
from tests.support.gateways import Servers, gateway, get, say, writers
from tests.support.workflow_process import Serving, servers

pytestmark = pytest.mark.anyio

HOSTILE = "<img src=x onerror='document.title=\"owned\"'><script>document.title='owned'</script>&amp;"
LATEST = "[...document.querySelectorAll('.turn.answer')].at(-1)"


@pytest.fixture(scope="module")
def both() -> Iterator[Servers]:
    """Servers that the tests of this module share."""
    with servers() as started:
        yield started


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


async def connected(page: Page) -> None:
    await page.until("document.querySelector('#state').dataset.state === 'open'")


async def test_a_person_asks_and_sees_the_answer_come(tmp_path: Path, both: Servers, browser: Browser) -> None:
    with Serving(tmp_path, both[0].url, both[1].port) as service:
        await service.until("workflow.serving")
        async with gateway(both) as running, browser.page(f"{running.url}/#session=sess&user=ada") as page:
            await connected(page)
            assert await page.value("document.activeElement.id") == "question"
            await page.type("Hello, how are you?")
            await page.press("Enter", 13)
            await page.until(f"{LATEST} && {LATEST}.dataset.state === 'complete'")
            answer = await page.value(f"{LATEST}.querySelector('.words').textContent")
            assert answer.startswith("I received your message: 'Hello, how are you?' This is a demo response")
            assert await page.text(".turn.mine") == "Hello, how are you?"
            facts = await page.value(f"{LATEST}.querySelector('.facts').textContent")
            assert facts.startswith("first after ")
            assert "then every " in facts
            assert "tokens" in facts
            assert await page.text("#f-order") == "in order"
            assert await page.text("#f-duplicates") == "0"
            assert await page.text("#f-pod") == "pod-1"
            assert await page.value("document.querySelector('#question').value") == ""
            assert page.problems == []


async def test_an_answer_is_called_off_by_escape(both: Servers, browser: Browser) -> None:
    async with gateway(both) as running, writers(both) as answering:
        await answering.take_requests()
        cancelled: asyncio.Queue[str] = asyncio.Queue()
        await answering.broker.subscribe("chat.workflow.cancel.*", lambda subject, _: cancelled.put_nowait(subject))
        async with browser.page(f"{running.url}/#session=sess&user=ada") as page:
            await connected(page)
            await page.type("Count to a million")
            await page.press("Enter", 13)
            request = await answering.requests.get()
            answer = answering.answer("sess", request.message_id)
            await say(answer, "One", "two")
            await page.until(f"{LATEST} && {LATEST}.innerText.includes('One two')")
            await page.press("Escape", 27)
            assert await cancelled.get() == "chat.workflow.cancel.sess"
            await answer.cancelled()
            await page.until(f"{LATEST}.dataset.state === 'complete'")
            assert "The answer was called off." in await page.value(f"{LATEST}.innerText")
            assert await page.value("document.querySelector('#cancel').disabled") is True


async def test_what_strangers_wrote_is_text(both: Servers, browser: Browser) -> None:
    async with (
        gateway(both) as running,
        writers(both) as answering,
        browser.page(f"{running.url}/#session=sess&user=ada") as page,
    ):
        await connected(page)
        answer = answering.answer(message=HOSTILE)
        await answer.say(HOSTILE)
        await answer.note(SystemNote(HOSTILE, {"event": HOSTILE}))
        await answer.fail(HOSTILE, HOSTILE, HOSTILE)
        await page.until(f"{LATEST} && {LATEST}.dataset.state === 'complete'")
        assert (await page.value(f"{LATEST}.textContent")).count(HOSTILE) >= 3
        assert await page.value("document.querySelectorAll('.turn img, .turn script').length") == 0
        assert await page.value("document.title") == "Chat · evolver"
        assert page.problems == []


async def test_restarts_and_missing_chunks_are_shown(both: Servers, browser: Browser) -> None:
    async with (
        gateway(both) as running,
        writers(both) as answering,
        browser.page(f"{running.url}/#session=sess&user=ada") as page,
    ):
        await connected(page)
        await say(answering.answer(), "first", "try")
        await page.until(f"{LATEST} && {LATEST}.innerText.includes('first try')")
        await say(answering.answer(attempt=2), "second", end=True)
        await page.until(f"{LATEST}.dataset.state === 'complete'")
        assert await page.value(f"{LATEST}.querySelector('.words').textContent") == "second "
        assert "1 restart" in await page.value(f"{LATEST}.innerText")
        assert await page.text("#f-restarts") == "1"


async def test_the_page_goes_on_when_its_connection_broke(both: Servers, browser: Browser) -> None:
    async with (
        gateway(both) as running,
        writers(both) as answering,
        browser.page(f"{running.url}/#session=sess&user=ada") as page,
    ):
        await connected(page)
        answer = answering.answer()
        await say(answer, "a", "b")
        await page.until(f"{LATEST} && {LATEST}.innerText.includes('a b')")
        running.break_connections()
        await say(answer, "c", end=True)
        await page.until(f"{LATEST}.dataset.state === 'complete'")
        assert await page.value(f"{LATEST}.querySelector('.words').textContent") == "a b c "
        await page.until("document.querySelector('#f-reconnects').textContent !== '0'")
        assert await page.text("#f-duplicates") == "0"


async def test_that_nobody_answers_is_said(both: Servers, browser: Browser) -> None:
    async with gateway(both) as running, browser.page(f"{running.url}/#session=sess&user=ada") as page:
        await connected(page)
        await page.type("Hello?")
        await page.click("#send")
        await page.until("document.querySelector('#said').innerText.includes('workflow serve')")
        assert await page.value("document.querySelector('#question').value") == "Hello?"
        assert await page.value("document.querySelectorAll('.turn').length") == 0


async def test_a_token_is_asked_for_and_never_stands_in_an_address(both: Servers, browser: Browser) -> None:
    async with gateway(both, token="sesame") as running, browser.page(running.url) as page:
        assert await page.value("document.activeElement.id") == "token"
        await page.type("wrong")
        await page.press("Enter", 13)
        await page.until("document.querySelector('#state').dataset.state === 'refused'")
        await page.value("document.querySelector('#token').value = ''; document.querySelector('#token').focus()")
        await page.type("sesame")
        await page.press("Enter", 13)
        await connected(page)
        entries = await page.value("performance.getEntriesByType('resource').map((each) => each.name).join()")
        assert "/api/sse" in entries
        assert "sesame" not in entries + await page.value("location.href")


async def test_the_page_asks_no_other_host_and_forbids_what_it_does_not_need(both: Servers, browser: Browser) -> None:
    async with gateway(both) as running:
        policy = (await get(running.url, "/")).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for dark in (False, True):
            async with browser.page(running.url, dark=dark) as page:
                await connected(page)
                entries = await page.value("performance.getEntriesByType('resource').map((each) => each.name)")
                assert all(name.startswith(running.url) for name in entries)
                ground = await page.value("getComputedStyle(document.body).backgroundColor")
                assert (ground == "rgb(15, 20, 19)") is dark
                assert page.problems == []
