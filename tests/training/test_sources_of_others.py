"""What other programs write is watched as it grows: TensorBoard, Hugging Face, CSV, lines of JSON, trackio."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.training_files.metric_table import MetricTable
from evolver_tui.adapters.training_files.places import FilePlace
from evolver_tui.adapters.training_files.reading import PIECE
from evolver_tui.adapters.training_files.source import FileSource
from evolver_tui.core.errors import UsageError
from evolver_tui.core.training.record import Point
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.source import RunSource
from evolver_tui.settings.training_config import TrainingConfig
from evolver_tui.wiring.training import make_source, make_training_monitor
from tests.support.sessions import workspace_in
from tests.support.training_sources import opened, until

pytestmark = pytest.mark.anyio


def source_of(path: Path) -> FileSource:
    return FileSource(str(path), FilePlace(path, clock=lambda: 0.0), lambda process: False, seconds=0.01)


def numbers(run: TrainingRun, name: str) -> list[tuple[int, float]]:
    return [(step, value) for step, _, value in run.series[0, name]]


async def first_run(source: RunSource) -> TrainingRun:
    await until(lambda: source.runs, "a run")
    return next(iter(source.runs.values()))


# --- lines of JSON


async def test_lines_of_json_are_a_run_under_whatever_names_they_have(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    rows: list[dict[str, Any]] = [
        {"_step": 5, "train/loss": 1.5, "_timestamp": 1000.0, "note": "text", "max_steps": 20},
        {"_step": 6, "train/loss": "NaN", "_timestamp": 1001.0},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"_step": 7, "train/loss": 1e400}\n')
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        assert [step for step, _ in numbers(run, "train/loss")] == [5, 6, 7]
        assert math.isnan(numbers(run, "train/loss")[1][1])
        assert math.isinf(numbers(run, "train/loss")[2][1])
        assert run.header.total_steps == 20
        with file.open("a") as out:
            out.write('{"_step": 8, "train/loss": 1.0}')  # whole, though its end is not there
        await until(lambda: run.step == 8)
        assert run.metrics()["perplexity"] == 2.72
        assert source.standing.way == "JSON lines"


async def test_lines_without_a_step_count_as_steps(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"loss": 2}\n{"loss": 1, "epoch": 0.5}\n[]\n{"loss": 0.5, "step": "x"}\n')
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        assert numbers(run, "loss") == [(0, 2.0), (1, 1.0), (3, 0.5)]
        assert "1 of its lines" in source.standing.reason


async def test_lines_may_begin_with_what_the_run_is_about(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('\n{"event": "config", "args": {"lr": 0.1}}\n')
    async with opened(make_source(workspace_in(tmp_path / "home"), str(file))) as source:
        await until(lambda: "nothing in it yet" in source.standing.reason)
        with file.open("a") as out:
            out.write('{"step": 4, "loss": 0.5}\n')
        run = await first_run(source)
        assert numbers(run, "loss") == [(4, 0.5)]
        assert source.standing.reason == ""


# --- tables


async def test_a_table_with_empty_cells_grows_and_gets_another_head(tmp_path: Path) -> None:
    file = tmp_path / "lightning_logs/version_0/metrics.csv"
    file.parent.mkdir(parents=True)
    file.write_text("epoch,step,train_loss\n0,9,1.5\n0,19,1.25\n")
    async with opened(source_of(tmp_path)) as source:
        run = await first_run(source)
        assert run.run_id == "lightning_logs/version_0/metrics"
        file.write_text("epoch,step,train_loss,val_loss\n0,9,1.5,\n0,19,1.25,\n0,19,,1.75\n")
        await until(lambda: "val_loss" in run.latest)
        assert numbers(run, "train_loss") == [(9, 1.5), (19, 1.25)]
        assert numbers(run, "val_loss") == [(19, 1.75)]
        assert run.metric_names[0] == "train_loss"
        with file.open("a") as out:
            out.write("1,29,1.0,\n1,39")
        await until(lambda: run.step >= 29)
        assert run.latest["train_loss"] == 1.0


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_a_table_has_any_of_the_usual_delimiters(tmp_path: Path, delimiter: str) -> None:
    file = tmp_path / "m.csv"
    rows = [["step", "loss, of training", "text"], ["1", "0.5", "a"], ["2", "0.25", ""]]
    quoted = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    file.write_text("\r\n".join(quoted))
    os.utime(file, (1000, 1000))  # the last row has no end, and is whole since nobody writes any more
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        await until(lambda: run.step == 2)
        assert numbers(run, "loss, of training") == [(1, 0.5), (2, 0.25)]


@pytest.mark.parametrize(
    "remarks",
    [
        '#{"t_start": 1764000000.0, "env_id": "CartPole-v1"}\n',
        "# made by a program\n#\n",
        "\ufeff# of a person\n",
        "# ",
    ],
    ids=["JSON", "words", "mark", "head"],
)
async def test_a_table_whose_first_lines_tell_of_it(tmp_path: Path, remarks: str) -> None:
    file = tmp_path / "monitor.csv"
    file.write_text(f"{remarks}r,l,t\n21.5,22,0.5\n14.0,14,0.75\n")
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        await until(lambda: run.points == 2)
        assert sorted(run.metric_names) == ["l", "r", "t"]
        assert numbers(run, "r") == [(0, 21.5), (1, 14.0)]


async def test_a_head_that_gets_longer_at_its_far_end_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    names = ",".join(f"metrics/with_a_long_name_{number:02}" for number in range(20))
    row = ",".join("0.5" for _ in range(20))
    file.write_text(f"step,{names}\n" + "".join(f"{step},{row}\n" for step in range(9)))
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        await until(lambda: run.step == 8)
        rows = "".join(f"{step},{row},\n" for step in range(9))
        file.write_text(f"step,{names},val_loss\n{rows}9,{row},1.75\n")
        await until(lambda: run.step == 9)
        assert numbers(run, "val_loss") == [(9, 1.75)]


def records_of(reader: MetricTable) -> dict[int, dict[str, float]]:
    """What a table has: the values of each step."""
    found: dict[int, dict[str, float]] = {}
    for _ in range(3):
        reading = reader.read(PIECE)
        found = {} if reading.is_anew else found
        found |= {record.step: dict(record.values) for record in reading.records if isinstance(record, Point)}
    return found


def test_half_a_row_of_a_writer_that_keeps_the_rest_back_is_no_row(tmp_path: Path) -> None:
    file, clock = tmp_path / "m.csv", [1_000.0]
    file.write_text("step,loss,acc\n1,0.5,0.25\n12,0.4")
    os.utime(file, (1_000, 1_000))
    table = MetricTable(file, lambda: clock[0])
    assert set(records_of(table)) == {1}
    clock[0] = 2_000.0  # it has too few cells, however long nothing comes
    assert records_of(table) == {}
    file.write_text("step,loss,acc\n1,0.5,0.25\n12,0.45,0.5\n13,0.25,0.7")
    os.utime(file, (2_000, 2_000))
    assert records_of(table) == {12: {"loss": 0.45, "acc": 0.5}}
    clock[0] = 2_030.0  # all cells are there, and nothing comes
    assert records_of(table) == {13: {"loss": 0.25, "acc": 0.7}}
    with file.open("a") as out:
        out.write("5\n14,0.2,0.8\n")
    rows = {1: 0.25, 12: 0.5, 13: 0.75, 14: 0.8}
    assert {step: values["acc"] for step, values in records_of(table).items()} == rows


async def test_a_table_as_it_is_written_where_a_comma_is_in_numbers(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("step;loss;acc\n1;0,5;0,75\n2;-1,5e-3;1.25\n")
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        assert numbers(run, "loss") == [(1, 0.5), (2, -0.0015)]
        assert numbers(run, "acc") == [(1, 0.75), (2, 1.25)]


async def test_capital_letters_of_a_step_and_of_a_time_count_as_small_ones(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("Wall time,Step,Value\n1700000000.5,10,0.5\n1700000004.5,20,0.25\n")
    (tmp_path / "n.jsonl").write_text('{"Epoch": 3, "Loss": 2}\n{"Epoch": 4, "Loss": 1}\n')
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 2)
        of_tensorboard, lines = source.runs["m"], source.runs["n"]
        assert numbers(of_tensorboard, "Value") == [(10, 0.5), (20, 0.25)]
        assert (list(of_tensorboard.latest), of_tensorboard.elapsed) == (["Value"], 4.0)
        assert numbers(lines, "Loss") == [(3, 2.0), (4, 1.0)]


async def test_how_long_something_took_is_a_metric_and_no_time_of_the_day(tmp_path: Path) -> None:
    (tmp_path / "yolo.csv").write_text("epoch,time,train/loss\n1,12.5,0.5\n2,25,0.25\n")
    (tmp_path / "mmdet.jsonl").write_text('{"iter": 50, "time": 0.35, "loss": 2}\n')
    for name in ("yolo.csv", "mmdet.jsonl"):
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 2)
        assert numbers(source.runs["yolo"], "time") == [(1, 12.5), (2, 25.0)]
        assert numbers(source.runs["mmdet"], "time") == [(50, 0.35)]
        assert {run.last_at for run in source.runs.values()} == {1_700_000_000}


# --- Hugging Face


def trainer_state(count: int, **more: Any) -> str:
    history = [{"epoch": n / 10, "loss": 2 - n / 10, "step": n * 10} for n in range(1, count + 1)]
    return json.dumps({"global_step": count * 10, "max_steps": 100, "log_history": history} | more)


async def test_the_state_of_a_trainer_is_read_from_its_latest_checkpoint(tmp_path: Path) -> None:
    for number in (10, 20):
        (tmp_path / f"checkpoint-{number}").mkdir()
    (tmp_path / "checkpoint-10/trainer_state.json").write_text(trainer_state(1))
    os.utime(tmp_path / "checkpoint-10/trainer_state.json", (1000, 1000))
    async with opened(source_of(tmp_path)) as source:
        run = await first_run(source)
        assert (run.step, run.header.total_steps) == (10, 100)
        (tmp_path / "checkpoint-20/trainer_state.json").write_text(trainer_state(2)[:40])  # in the middle of a write
        await until(lambda: "not JSON" in source.standing.reason)
        (tmp_path / "checkpoint-20/trainer_state.json").write_text(trainer_state(2))
        await until(lambda: run.step == 20)
        assert numbers(run, "loss") == [(10, 1.9), (20, 1.8)]
        assert len(source.runs) == 1
        state = json.loads(trainer_state(3))
        state["log_history"].append({"step": 30, "train_loss": 1.8, "train_runtime": 60.0})
        (tmp_path / "trainer_state.json").write_text(json.dumps(state))
        await until(lambda: run.is_over)
        assert run.elapsed == pytest.approx(60.0)


def test_a_checkpoint_that_goes_while_it_is_looked_at_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (10, 20):
        (tmp_path / f"checkpoint-{number}").mkdir()
        (tmp_path / f"checkpoint-{number}/trainer_state.json").write_text(trainer_state(number // 10))
    is_file = Path.is_file

    def once_more(path: Path) -> bool:
        found = is_file(path)
        if path.parent.name == "checkpoint-10":
            path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", once_more)
    ((_, make),) = FilePlace(tmp_path).find().items()
    (tmp_path / "checkpoint-10/trainer_state.json").write_text(trainer_state(1))
    assert [record.step for record in make().read(PIECE).records if isinstance(record, Point)] == [10, 20]


async def test_a_trainer_that_began_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "trainer_state.json"
    file.write_text(trainer_state(5))
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        file.write_text(trainer_state(1, log_history=[{"step": 10, "loss": 9.0}]))
        await until(lambda: run.step == 10)
        assert numbers(run, "loss") == [(10, 9.0)]


# --- TensorBoard


def event(step: int, at: float = 100.0, **values: float) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    stored = [Summary.Value(tag=name.replace("_", "/"), simple_value=value) for name, value in values.items()]
    return Event(wall_time=at, step=step, summary=Summary(value=stored))


async def test_folders_of_event_files_are_runs_and_grow(tmp_path: Path) -> None:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writers = [EventFileWriter(str(tmp_path / "logdir/runs" / name)) for name in ("one", "two")]
    for writer in writers:
        writer.add_event(event(1, train_loss=1.5, lr=0.1))
        writer.flush()
    async with opened(source_of(tmp_path / "logdir")) as source:
        await until(lambda: set(source.runs) == {"runs/one", "runs/two"})
        run = source.runs["runs/one"]
        writers[0].add_event(event(2, train_loss=1.25))
        writers[0].flush()
        await until(lambda: run.step == 2)
        again = EventFileWriter(str(tmp_path / "logdir/runs/one"), filename_suffix=".2")
        again.add_event(event(3, train_loss=1.0))
        again.flush()
        await until(lambda: run.step == 3)
        assert numbers(run, "train/loss") == [(1, 1.5), (2, 1.25), (3, 1.0)]
        assert run.metric_names == ["train/loss", "lr"]
        for writer in (*writers, again):
            writer.close()


async def test_scalars_may_be_tensors_and_other_things_are_passed_over(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def stored(step: int, plugin: str, tensor: TensorProto) -> Event:
        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
        value = Summary.Value(tag="loss", metadata=metadata, tensor=tensor)
        return Event(wall_time=1, step=step, summary=Summary(value=[value]))

    writer = EventFileWriter(str(tmp_path))
    writer.add_event(stored(3, "scalars", TensorProto(dtype=1, float_val=[0.5])))
    writer.add_event(stored(4, "text", TensorProto(dtype=7, string_val=[b"x" * 3_000_000])))
    writer.add_event(stored(4, "histograms", TensorProto(dtype=2, double_val=[1, 2, 3])))
    writer.add_event(stored(5, "scalars", TensorProto(dtype=1, tensor_content=struct.pack("<f", 0.25))))
    writer.add_event(stored(6, "", TensorProto(dtype=2, tensor_content=struct.pack("<d", 0.125))))
    writer.close()
    async with opened(source_of(tmp_path)) as source:
        run = await first_run(source)
        assert numbers(run, "loss") == [(3, 0.5), (5, 0.25), (6, 0.125)]
        assert source.standing.reason == ""


async def test_a_torn_event_waits_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path / "whole"))
    for step in (1, 2):
        writer.add_event(event(step, loss=1.0))
    writer.close()
    data = next((tmp_path / "whole").iterdir()).read_bytes()
    file = tmp_path / "torn/events.out.tfevents.1.host"
    file.parent.mkdir()
    file.write_bytes(data[:-5])
    async with opened(source_of(file.parent)) as source:
        run = await first_run(source)
        assert run.step == 1
        with file.open("ab") as out:
            out.write(data[-5:])
        await until(lambda: run.step == 2)
        with file.open("ab") as out:
            out.write(b"\xff" * 100)
        await until(lambda: "damaged" in source.standing.reason)
        assert run.points == 2


# --- trackio

SCHEMA = """
CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, timestamp TEXT NOT NULL,
    run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL, log_id TEXT, space_id TEXT);
CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, run_name TEXT NOT NULL,
    config TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE(run_id));
CREATE TABLE alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, timestamp TEXT NOT NULL,
    run_name TEXT NOT NULL, title TEXT NOT NULL, text TEXT, level TEXT NOT NULL DEFAULT 'warn', step INTEGER,
    alert_id TEXT);
"""


def log(database: sqlite3.Connection, run: str, step: int, **metrics: Any) -> None:
    database.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)",
        (f"id-{run}", f"2026-01-01T00:00:{step:02}+00:00", run, step, json.dumps(metrics)),
    )
    database.commit()


async def test_a_database_of_trackio_is_read_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "project.db"
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(SCHEMA)
    log(database, "red-fox", 1, loss=1.5, text="x")
    database.execute(
        "INSERT INTO configs (run_id, run_name, config, created_at) VALUES ('id-red-fox', 'red-fox', ?, 'now')",
        (json.dumps({"max_steps": 30, "_Created": "2026-01-01T00:00:00+00:00"}),),
    )
    database.commit()
    async with opened(source_of(tmp_path)) as source:
        run = await first_run(source)
        assert (run.run_id, run.name, run.header.total_steps) == ("id-red-fox", "red-fox", 30)
        log(database, "red-fox", 2, loss="NaN", accuracy=0.5)
        log(database, "blue-owl", 1, loss=3.0)
        database.execute(
            "INSERT INTO alerts (run_id, timestamp, run_name, title, step) VALUES (?, ?, ?, ?, ?)",
            ("id-red-fox", "2026-01-01T00:00:03+00:00", "red-fox", "diverges", 2),
        )
        database.commit()
        await until(lambda: run.step == 2 and len(source.runs) == 2 and run.events)
        assert math.isnan(run.latest["loss"])
        assert run.elapsed == 3.0
        assert run.events[0].payload["title"] == "diverges"
    database.close()


async def test_runs_of_a_project_may_have_the_same_name(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "project.db")
    database.executescript(SCHEMA)
    insert = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, '2026-01-01', 'fox', 1, ?)"
    database.execute(insert, ("a", '{"loss": 1}'))
    database.commit()
    async with opened(source_of(tmp_path)) as source:
        run = await first_run(source)
        database.execute(insert, ("b", '{"loss": 2}'))
        database.commit()
        await until(lambda: len(source.runs) == 2)
        assert source.runs["a"] is run
        assert {key: (each.name, each.loss) for key, each in source.runs.items()} == {"a": ("fox", 1), "b": ("fox", 2)}
    database.close()


# --- what a path is


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"hello\n"),
        ("a.jsonl", b"\x1b[2Jno\n"),
        ("data.db", b"SQLite format 3\0broken"),
        ("x.csv", b"1,2\n3,4\n"),
    ],
)
def test_a_file_that_is_none_of_them_is_refused_with_what_is_looked_for(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        make_source(workspace_in(tmp_path / "home"), str(file))
    assert "CSV" in str(refused.value) or "SQLite" in str(refused.value)


async def test_a_place_of_the_config_that_can_be_none_keeps_the_others_watched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    workspace = workspace_in(tmp_path / "home")
    places = TrainingConfig(watch=(str(tmp_path / "notes.txt"), "http://", str(tmp_path)))
    workspace = workspace._replace(config=replace(workspace.config, training=places))
    monitor = make_training_monitor(workspace)
    _, notes, nowhere, folder = monitor.sources
    assert (notes.standing.is_up, nowhere.standing.is_up) == (False, False)
    assert "notes.txt" in notes.standing.reason
    assert "address" in nowhere.standing.reason
    await monitor.open()
    try:
        await until(lambda: folder.standing.is_up)
    finally:
        await monitor.close()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no file"):
        make_source(workspace_in(tmp_path / "home"), str(tmp_path / "pipe"))


async def test_a_folder_may_hold_all_kinds_and_be_a_circle(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/again").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "m.csv").write_text("step,loss\n1,2\n")
    (tmp_path / "deep/m.jsonl").write_text('{"step": 1, "loss": 2}\n')
    (tmp_path / "trainer_state.json").write_text(trainer_state(1))
    (tmp_path / "\x1b[2J.csv").write_text("step,loss\n1,2\n")
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 4)
        assert source.standing.way == "folder"


async def test_files_that_differ_in_their_ends_alone_are_runs_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("step,loss\n1,2\n")
    async with opened(source_of(tmp_path)) as source:
        run = await first_run(source)
        (tmp_path / "m.tsv").write_text("step\tloss\n1\t3\n")
        (tmp_path / "m.jsonl").write_text('{"step": 1, "loss": 4}\n')
        await until(lambda: len(source.runs) == 3)
        assert source.runs["m"] is run
        losses = {name: each.loss for name, each in source.runs.items()}
        assert losses == {"m": 2.0, "m (CSV)": 3.0, "m (JSON lines)": 4.0}


async def test_an_empty_folder_is_waited_for_and_says_what_is_looked_for(tmp_path: Path) -> None:
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: "trainer_state.json" in source.standing.reason)
        (tmp_path / "m.csv").write_text("step,loss\n1,2\n")
        await until(lambda: source.runs and not source.standing.reason)


# --- strangers' bytes


async def test_hostile_lines_cost_no_memory_and_stop_nothing(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    with file.open("wb") as out:
        out.write(b'{"step": 1, "loss": 1}\n')
        out.write(b'{"step": 2, "loss": ' + b"9" * 5_000 + b"}\n")
        out.write(b'{"step": 2, "loss": "' + b"9" * 5_000 + b'"}\n')
        out.write(b"[" * 100_000 + b"\n")
        out.write(b'{"x": "' + b"y" * 5_000_000 + b'"}\n')
        out.write(json.dumps({f"m{n}": n for n in range(50_000)}).encode() + b"\n")
        out.write(b'{"step": -5, "loss": 2, "\\u001b]0;x": 1}\n')
        out.write(b'{"step": 1e300, "loss": 2}\n')
        out.write(b'{"step": 9, "loss": 3}\n')
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        await until(lambda: run.step == 9)
        assert len(run.series) <= 1_000
        assert "3 of its lines" in source.standing.reason


async def test_a_table_of_a_million_columns_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    columns = ",".join(f"c{n}" for n in range(100_000))
    file.write_text(f"step,{columns}\n1{',2' * 99}\n")
    async with opened(source_of(file)) as source:
        run = await first_run(source)
        assert len(run.series) == 99


async def test_a_head_that_is_too_long_is_told(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("step," + "x" * 5_000_000 + "\n1,2\n2,3\n")
    async with opened(source_of(file)) as source:
        await until(lambda: "could not be read" in source.standing.reason)
        assert not source.runs
