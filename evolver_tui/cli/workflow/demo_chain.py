"""The processes of the demonstration: started one after the other, and ended in the other direction."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.output import say, tell
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal_name import SignalName

if TYPE_CHECKING:
    from evolver_tui.adapters.private_servers import PrivateServer
    from evolver_tui.settings.workflow_config import WorkflowConfig

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 15.0
_LONGEST_LINE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started, and where that is."""

    folder: Path
    servers: Sequence[PrivateServer]
    """Those of our own."""
    config: WorkflowConfig
    """What leads everything to the servers."""
    nats: str
    redis: str
    """Where they are, to be shown."""


async def run_chain(plan: Plan, port: int, instances: int) -> ExitCode:
    """Start everything, say where it is, wait for Ctrl+C or for something to end, and end the rest.

    Raises:
        EvolverError: something did not start; the rest is ended.
    """
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told_to_end.set)
    ending = asyncio.create_task(told_to_end.wait())
    async with contextlib.AsyncExitStack() as stack:
        working = asyncio.create_task(_work(plan, port, instances, stack))
        await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
        if told_to_end.is_set():
            tell("evolver-tui: Everything is being ended.")
        ending.cancel()
        working.cancel()
        (result,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(result, Exception):
            raise result
    return ExitCode.DONE


async def _work(plan: Plan, port: int, instances: int, stack: contextlib.AsyncExitStack) -> None:
    """Start everything and say so. Raises EvolverError when something has not started, or ends."""
    _write_config(plan)
    for server in plan.servers:
        stack.push_async_callback(server.end)
        await server.start()
    parts = [await stack.enter_async_context(_part(plan, "gateway", "gateway", "--port", str(port)))]
    url = await _in_time(parts[0].url, "The gateway")
    for number in range(1, instances + 1):
        parts.append(await stack.enter_async_context(_part(plan, f"instance {number}", "serve")))
    for part in parts[1:]:
        await _in_time(part.serves, part.name.capitalize())
    say("\n".join(_words(plan, url, instances)), sys.stdout)
    sys.stdout.flush()
    waits: list[tuple[str, Coroutine[Any, Any, object]]] = [(part.name, part.process.wait()) for part in parts]
    waits += [(server.name, server.ended()) for server in plan.servers]
    ends = {asyncio.create_task(wait): name for name, wait in waits}
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ends:
            each.cancel()
    raise EvolverError(f"The demonstration is over: {ends[done.pop()]} ended.", "What it said stands above.")


def _write_config(plan: Plan) -> None:
    from evolver_tui.settings.config import Config, show_config

    (plan.folder / "config").mkdir()
    (plan.folder / "config" / "config.toml").write_text(show_config(Config(workflow=plan.config)), "utf-8")


class _Part:
    """A process of this program, whose words are told with its name before each line."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.process = process
        self.url: asyncio.Future[str] = loop.create_future()
        self.serves: asyncio.Future[str] = loop.create_future()
        self._reading = [asyncio.create_task(self._read_output()), asyncio.create_task(self._read_words())]

    async def _read_output(self) -> None:
        assert self.process.stdout is not None
        async for line in _lines(self.process.stdout):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                url = str(json.loads(line)["gateway_url"])
                if not self.url.done():
                    self.url.set_result(url)
        self._is_over(self.url)

    async def _read_words(self) -> None:
        assert self.process.stderr is not None
        async for line in _lines(self.process.stderr):
            if SignalName.WORKFLOW_SERVING in line and not self.serves.done():
                self.serves.set_result("")
            tell(f"{self.name}: {safe_text(line, _LONGEST_LINE)}")
        self._is_over(self.serves)

    def _is_over(self, awaited: asyncio.Future[str]) -> None:
        if not awaited.done():
            awaited.set_exception(EvolverError(f"The {self.name} ended at its start.", "What it said stands above."))
            awaited.exception()  # whoever waits hears it; nobody may

    async def end(self) -> None:
        """End it in order, by force where that takes long."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), _END_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await asyncio.wait(self._reading)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Its lines; what is longer than a line ever should be comes in pieces."""
    rest = b""
    while data := await stream.read(65_536):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
        if len(rest) > _LONGEST_LINE * 4:
            yield rest.decode("utf-8", "replace")
            rest = b""
    if rest:
        yield rest.decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def _part(plan: Plan, name: str, *command: str) -> AsyncIterator[_Part]:
    from evolver_tui.adapters.private_servers import not_to_outlive_us

    words = (sys.executable, "-m", "evolver_tui", "workflow", *command, "--home", str(plan.folder))
    process = await asyncio.create_subprocess_exec(
        *not_to_outlive_us(*words),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
    )  # fmt: skip
    part = _Part(name, process)
    try:
        yield part
    finally:
        await part.end()


async def _in_time(awaited: asyncio.Future[str], name: str) -> str:
    try:
        return await asyncio.wait_for(awaited, _START_SECONDS)
    except TimeoutError:
        raise EvolverError(f"{name} did not start within {_START_SECONDS:g} s.") from None


def _words(plan: Plan, url: str, instances: int) -> Iterator[str]:
    """What a person needs to know."""
    own = {server.name for server in plan.servers}
    count = "1 instance answers" if instances == 1 else f"{instances} instances answer"
    yield f"NATS     {plan.nats}{' (its own)' if 'nats-server' in own else ''}"
    yield f"Redis    {plan.redis}{' (its own)' if 'redis-server' in own else ''}"
    yield f"Answers  {count} with the demonstration, and no model"
    yield f"Page     {url}"
    yield ""
    yield "Open the page, or chat by hand in two terminals:"
    yield ""
    yield f'  curl -N "{url}/api/sse?session_id=test&user_id=user1"'
    yield ""
    yield f'  curl -X POST {url}/api/chat -H "Content-Type: application/json" \\'
    yield '    -d \'{"session_id": "test", "user_id": "user1", "message": "Hello, how are you?"}\''
    yield ""
    if own == {"nats-server", "redis-server"}:
        host, _, port = plan.redis.rpartition(":")
        yield "Watch it with key 3 of the console:"
        yield ""
        yield f"  NATS_URL={plan.nats} REDIS_HOST={host} REDIS_PORT={port} evolver-tui"
        yield ""
    yield "Ctrl+C ends everything."
