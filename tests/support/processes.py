"""Real processes of the product for tests, and the servers that they talk to.

`run_command` is a fresh interpreter with `python -m evolver_tui`. `Connect` is `evolver-tui connect` in a process that
is forked from one which has the vendors imported: a start costs a tenth, so that many can be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from http.server import BaseHTTPRequestHandler
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from evolver_tui.core.question import Answer, AnswerAction, QuestionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.signal import Signal
from tests.support.http_server import QuietServer
from tests.support.provider_server import SSE_HEAD, openai_events
from tests.support.sessions import approval, running, send, workspace_in

PATIENCE_SECONDS = 30.0
"""Only a hang takes so long."""

OFTEN_KILLED = "[worker]\nmax_takeovers = 1000\n"
"""The config of a home whose workers are killed more often than a job bears otherwise."""

REPOSITORY = Path(__file__).parents[2]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "evolver_tui.cli.main", "evolver_tui.wiring", "evolver_tui.adapters.database.database",
        "evolver_tui.adapters.signalr.link",
        "evolver_tui.adapters.llm.openai", "evolver_tui.adapters.llm.offline", "evolver_tui.adapters.nodes.library",
        "evolver_tui.engine.headless", "tests.support.processes",
    ]
)  # fmt: skip

T = TypeVar("T")
Event = dict[str, Any]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a process of a person with an empty home folder sees."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "USER": "ada", "PYTHONPATH": str(REPOSITORY), **more}


def run_command(
    *arguments: str, home: Path, stdin: bytes = b"", cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run `evolver-tui ARGUMENTS` to its end, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "evolver_tui", *arguments],
        input=stdin, capture_output=True, timeout=PATIENCE_SECONDS, cwd=cwd or home, env=environment(home, **environ),
        check=False,
    )  # fmt: skip
    stdout, stderr = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)


class ForkedProcess:
    """A process that runs `target(*arguments)` and tells of events, a JSON object a line, on stderr."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self.lines: list[str] = []
        self._events: list[Event] = []
        self._lines_read = 0
        self._news = threading.Condition()
        self._is_silent = False
        reading, writing = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=target, args=(writing, *arguments), daemon=True)
        self._process.start()
        writing.close()
        self._reader = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._reader.start()

    def _read(self, reading: Connection) -> None:
        with reading, os.fdopen(os.dup(reading.fileno()), encoding="utf-8") as lines:
            for line in lines:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._is_silent = True
            self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.kill()

    @property
    def events(self) -> list[Event]:
        """Everything that was told so far."""
        for line in self.lines[self._lines_read :]:
            self._lines_read += 1
            if line.startswith('{"event": '):
                self._events.append(json.loads(line))
        return self._events

    def names(self) -> list[str]:
        """The events' names so far."""
        return [event["event"] for event in self.events]

    def told(self, name: str, **fields: object) -> list[Event]:
        """The events of this name with these fields, so far."""
        return [event for event in self.events if event["event"] == name and fields.items() <= event.items()]

    def until(self, name: str, count: int = 1, **fields: object) -> Event:
        """The `count`th event of this name with these fields."""
        return self.wait_until(lambda: self.told(name, **fields)[count - 1 : count])[0]

    def wait_until(self, is_true: Callable[[], T]) -> T:
        """Wait until this is true of what the process wrote; fails when the process has ended without it."""
        with self._news:
            self._news.wait_for(lambda: is_true() or self._is_silent, PATIENCE_SECONDS)
            value = is_true()
            assert value, "".join(self.lines[-30:]) or "the process wrote nothing"
            return value

    @property
    def pid(self) -> int:
        """Its process number."""
        assert self._process.pid is not None
        return self._process.pid

    def send(self, signal_number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal_number)

    def kill(self) -> None:
        """kill -9; everything that it wrote before is read when this returns."""
        self._process.kill()
        self.wait()

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; returns the exit code."""
        self._process.join(seconds)
        self._reader.join(PATIENCE_SECONDS)
        assert self._process.exitcode is not None, "".join(self.lines[-30:])
        return self._process.exitcode


class Connect(ForkedProcess):
    """`evolver-tui connect` with its database, nodes and config under `home`."""

    def __init__(self, home: Path, config: Mapping[str, Any] | bytes, *options: str) -> None:
        home.mkdir(exist_ok=True)
        self._result_file = home / "result.json"
        stdin = config if isinstance(config, bytes) else json.dumps(config).encode()
        arguments = ["connect", "--home", str(home), "--nodes", str(home / "nodes"), *options]
        super().__init__(_run_connect, str(self._result_file), stdin, arguments, environment(home))

    def interrupt(self) -> None:
        """Ctrl+C."""
        self.send(signal.SIGINT)

    def result(self) -> tuple[int, dict[str, Any]]:
        """Wait for its end; returns exit code and result object. Fails when it wrote a line that is no event."""
        code = self.wait()
        assert len(self.events) == len(self.lines), "".join(self.lines[-30:])
        result: dict[str, Any] = json.loads(self._result_file.read_bytes())
        return code, result

    def finish(self) -> tuple[int, dict[str, Any]]:
        """Ctrl+C, and wait for its end."""
        self.interrupt()
        return self.result()


def _run_connect(
    writing: Connection, result_file: str, stdin: bytes, arguments: Sequence[str], environ: Mapping[str, str]
) -> None:
    """In the forked process: what the shell does, then the program."""
    become(writing, environ)
    os.dup2(os.open(result_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    from evolver_tui.cli.main import main

    sys.exit(main(arguments))


def become(writing: Connection, environ: Mapping[str, str]) -> None:
    """In a forked process: write stderr to the test, see this environment."""
    os.dup2(writing.fileno(), 2)
    writing.close()
    sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(environ["HOME"])


class Reviewer(ForkedProcess):
    """A session in which a person approves every draft and answers every question at once, until it is killed.

    Each line tells of a signal; `decided` and `answered` tell that the call for the question `question` has returned.
    """

    def __init__(self, home: Path, tasks: Sequence[Mapping[str, Any]]) -> None:
        home.mkdir(exist_ok=True)
        super().__init__(_review, str(home), list(tasks), environment(home))


def _review(writing: Connection, home: str, tasks: Sequence[Mapping[str, Any]], environ: Mapping[str, str]) -> None:
    become(writing, environ)
    asyncio.run(_review_for_ever(Path(home), tasks))


async def _review_for_ever(home: Path, tasks: Sequence[Mapping[str, Any]]) -> None:
    def tell(event: str, **fields: object) -> None:
        print(json.dumps({"event": event, **fields}), file=sys.stderr, flush=True)

    async with running(workspace_in(home)) as (session, _):
        waiting = asyncio.Event()

        def hear(told: Signal) -> None:
            tell(told.name, task_id=told.context.get("task_id"))
            waiting.set()

        session.bus.registry.register_all(hear)
        await send(session, {"tasks": tasks})
        while True:
            for question in await session.store.open_questions():
                if question.question.kind == QuestionKind.REVIEW:
                    await session.inbox.decide(question.id, approval(ReviewSubject.of(question)))
                    tell("decided", question=question.id)
                else:
                    await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, {"llmTaskType": "summarize"}))
                    tell("answered", question=question.id)
            if not (await session.store.counts()).live:
                tell("nothing left")
            await waiting.wait()
            waiting.clear()


# --- servers -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def in_thread(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """A server of coroutines in an event loop of its own, for tests that wait for processes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(PATIENCE_SECONDS)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.close()


HARMLESS = "import json\nimport sys\n\ndata = json.load(sys.stdin)\nprint(json.dumps({{'task': {task_id!r}}}))\n"
FLAGGED = "import subprocess\n" + HARMLESS
THREADED = "import threading\n" + HARMLESS
BROKEN = "def broken(:\n"


def node_answer(task_id: str, code: str = HARMLESS) -> str:
    """What a model says: one JSON object with a node for this task."""
    return json.dumps(
        {
            "workflow_code": code.format(task_id=task_id) if "{" in code else code,
            "workflow_name": f"Node of {task_id}",
            "suggested_node_id": node_of(task_id),
            "tools_used": [],
            "estimated_complexity": "simple",
        }
    )


def node_of(task_id: str) -> str:
    """The node id that `node_answer` suggests."""
    return "node_" + task_id.replace("-", "_")


TRIED = "a trial"
"""In place of a task's id, where the model is only asked whether it answers."""


class Model:
    """A provider of chat completions: each request's bytes come from `play(task_id)`, which may wait in between.

    Without one it answers each task with a harmless node of its own.
    """

    def __init__(self, play: Callable[[str], Iterator[bytes]] | None = None) -> None:
        self._play = play or whole_answer
        self.asked: list[str] = []
        """The task id of every request, in order."""
        self.requests: list[Any] = []
        """What it was told in each, beside its instructions; texts as they are, the author's as JSON."""
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.socket.close()

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def config(self) -> str:
        """The config file that chooses this model."""
        return f'[backend]\nkind = "openai"\nmodel = "m"\nbase_url = "{self.url}/v1"\n'

    def configure(self, home: Path, more: str = "") -> None:
        """Write that config, and more, under `home`."""
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "config.toml").write_text(self.config + more)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                try:
                    body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                except (OSError, ValueError):  # a client that thought better of it hangs up
                    return
                said = body["messages"][-1]["content"]
                request = json.loads(said) if said.startswith("{") else said
                task_id = request["task"]["id"] if isinstance(request, dict) else TRIED
                model.requests.append(request)
                model.asked.append(task_id)
                with contextlib.suppress(OSError):
                    for part in model._play(task_id):
                        self.wfile.write(part)
                        self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def whole_answer(task_id: str, code: str = HARMLESS) -> Iterator[bytes]:
    """A good answer, at once."""
    yield SSE_HEAD + openai_events(node_answer(task_id, code))


def half_answer(task_id: str) -> bytes:
    """The beginning of a good answer: some code has come, its end has not."""
    events = openai_events(*_pieces(node_answer(task_id)))
    return SSE_HEAD + events[: len(events) // 2]


def _pieces(text: str) -> Sequence[str]:
    return [text[start : start + 10] for start in range(0, len(text), 10)]
