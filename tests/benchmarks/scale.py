"""How far one PostgreSQL carries: more workers, more waiting jobs, and workers that have nothing to do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from evolver_tui.adapters.database.database import Database
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import REPOSITORY
from tests.support.servers import PostgreSQLServer

WORKERS = (1, 2, 4, 8, 16, 32)
_PENDING = "(3::bigint << 56) | (2::bigint << 52)"
"""The rank of a fresh job of medium priority, but for its number."""
_FILL = f"""
    INSERT INTO job (seq, task_id, task_name, task_type, priority, state, rank, since, node, error, attempt, fence,
                     received_at, session_id, raw_json)
    SELECT n, 'task-' || n, 'Analyze data', 'summarize', 'medium', 'pending', {_PENDING} | n, 0, '', '', 1, 0, 0, 's',
           '{{"id":"task-' || n || '","taskName":"Analyze data","llmTaskType":"summarize"}}'
    FROM generate_series(%d, %d) AS n;
    INSERT INTO tally (state, outcome, shard, jobs) VALUES ('pending', '', 0, %d)
    ON CONFLICT (state, outcome, shard) DO UPDATE SET jobs = tally.jobs + excluded.jobs;
    SELECT setval('job_seq_seq', %d)
"""
_ASK = """
    UPDATE job SET state = 'paused', asks = 'question', rank = (1::bigint << 56) | seq WHERE state = 'pending';
    INSERT INTO question (job, name, kind, message, form_json, subject_json, asked_at)
    SELECT seq, 'option', 'question', 'Which?', '{}', '{}', 0 FROM job;
    UPDATE tally SET state = 'paused' WHERE state = 'pending'
"""


def scale(is_quick: bool) -> Iterator[Row]:
    """Claims and answers a second, the cost of one claim, and of idleness."""
    seconds = 1.0 if is_quick else 4.0
    with ExitStack() as stack:
        server = PostgreSQLServer()
        stack.callback(server.close)
        for workers in WORKERS:
            crew = _crew(_filled(server, 20_000), "claim", workers, seconds)
            yield told(f"claimed and ended, {workers} workers", [crew["a_second"]], " jobs/s")
        for workers in WORKERS:
            url = _filled(server, 10_000)
            server.execute(_ASK, _name(url))
            yield told(f"answered, {workers} workers", [_crew(url, "answer", workers, seconds)["a_second"]], "/s")
        yield from _flat(server, is_quick)
        yield _idle(server)


def _flat(server: PostgreSQLServer, is_quick: bool) -> Iterator[Row]:
    """The same claim from a short queue and a long one, in turn."""
    many = 100_000 if is_quick else 1_000_000
    short, long = _filled(server, 1_000), _filled(server, many)
    few_times, many_times = [], []
    for _ in range(3 if is_quick else 7):
        few_times.append(_crew(short, "claim", 1, 0.5)["ms"])
        many_times.append(_crew(long, "claim", 1, 0.5)["ms"])
        _fill(server, short, 1_000)
    yield told("one claim, 1,000 waiting", few_times, " ms")
    yield told(f"one claim, {many:,} waiting", many_times, " ms")
    ratios = [long_one / short_one for long_one, short_one in zip(many_times, few_times, strict=True)]
    yield at_most("... / 1,000 waiting", ratios, 1.2)


def _idle(server: PostgreSQLServer) -> Row:
    """What eight idle workers ask in ten seconds, once all of them have looked."""
    url = _filled(server, 0)
    with subprocess.Popen(_command(url, "idle", 8, 20.0), cwd=REPOSITORY, stdout=subprocess.DEVNULL) as process:
        time.sleep(8)
        ((since,),) = server.execute("SELECT now()::text")
        time.sleep(10)
        ((asking,),) = server.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{_name(url)}' AND query_start > '{since}'"
        )
        process.wait()
    return at_most("connections of 8 idle workers that asked anything in 10 s", [float(asking)], 0, "")


def _filled(server: PostgreSQLServer, count: int) -> str:
    url = server.new_database()
    asyncio.run(_lay_out(url))
    _fill(server, url, count)
    return url


async def _lay_out(url: str) -> None:
    store = Database(url)
    await store.open()
    await store.close()


def _fill(server: PostgreSQLServer, url: str, count: int) -> None:
    if count:
        ((last,),) = server.execute("SELECT coalesce(max(seq), 0) FROM job", _name(url))
        server.execute(_FILL % (last + 1, last + count, count, last + count), _name(url))


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def _command(url: str, kind: str, workers: int, seconds: float) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.crew", url, kind, str(workers), str(seconds)]


def _crew(url: str, kind: str, workers: int, seconds: float) -> dict[str, float]:
    command = _command(url, kind, workers, seconds)
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
