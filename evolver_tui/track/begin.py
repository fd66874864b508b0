"""Begins a run: who it is, where its file lies, and what that file says already."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from evolver_tui.core.training.record import LONGEST_NAME, TRAINING_RESUMED, RunHeader
from evolver_tui.core.training.totals import as_config
from evolver_tui.track.folder import default_folder
from evolver_tui.track.process import this_process
from evolver_tui.track.recording import Recording
from evolver_tui.track.run import Run
from evolver_tui.track.run_file import Past, RunFile, latest_unfinished, open_run_file, safe_id
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import Refused, as_json, as_mapping, reason, seconds_of, totals_of, whole

if TYPE_CHECKING:
    from evolver_tui.track.sender import Sender

SERVER_VARIABLE: Final = "EVOLVER_TRACK_SERVER"
TOKEN_VARIABLE: Final = "EVOLVER_PROGRESS_TOKEN"
_LEAST_INTERVAL: Final = 0.01


def begin(
    *, project: str, name: str, config: object, run_id: str, resume: bool | str | None, step: int | None,
    totals: Mapping[str, int], folder: str | None, server: str | None, token: str | None, interval: float,
    seconds: float,
) -> Run:  # fmt: skip
    """Begin a run; see `track.init`. One that cannot be kept takes what it is told, and says once why it is not."""
    if _is_helper_process():
        return Run.nowhere()
    project, name = str(project)[:LONGEST_NAME], str(name)[:LONGEST_NAME]
    file = None
    try:
        where = os.path.abspath(os.path.expanduser(folder)) if folder else default_folder(os.environ)
        file = _open(where, project, name, str(run_id), resume)
    except OSError as error:
        say_once("folder", f"The run is not kept: {error.strerror or error}{_of(error)}.")
        return Run.nowhere()
    header = _header(file, project, name, as_mapping(config), totals)
    checkpoint = _checkpoint(step)
    past_step = None if file.past is None else file.past.last_step
    first = checkpoint if checkpoint is not None else 0 if past_step is None else past_step + 1
    pause = max(_LEAST_INTERVAL, seconds_of(interval, 0.1))
    run = Run(header, first_step=first, interval=pause)
    recording = Recording(
        run, file, interval=pause, sender=_sender(file, server, token), seconds=seconds_of(seconds, 3.0)
    )
    recording.begin()
    if file.past is not None and checkpoint is not None:
        run.event(TRAINING_RESUMED, step=checkpoint)
    return run


def _open(folder: str, project: str, name: str, run_id: str, resume: bool | str | None) -> RunFile:
    is_resumed = bool(resume) and resume != "never"
    chosen = safe_id(run_id)
    if run_id and chosen != run_id:
        say_once(f"id {run_id}", f"A run cannot have the id {run_id!a}; it has {chosen or 'one of its own'!a}.")
    if not chosen and is_resumed:
        chosen = latest_unfinished(folder, project, name) or ""
    wanted = chosen or _new_id(name)
    file = open_run_file(folder, wanted, is_new=not chosen or resume == "never")
    if chosen and file.run_id != chosen:
        say_once(f"taken {chosen}", f"Another process has the run {chosen}; this one is {file.run_id}.")
    return file


def _new_id(name: str) -> str:
    """Sorted by time, told from others by chance, with a person's words in front."""
    return "-".join(filter(None, (safe_id(name)[:40], time.strftime("%Y%m%d-%H%M%S"), os.urandom(3).hex())))


def _header(
    file: RunFile, project: str, name: str, config: dict[str, Any], totals: Mapping[str, int]
) -> RunHeader:  # fmt: skip
    past = file.past or Past(None, None, False)
    before = past.header or RunHeader(file.run_id, started_at=round(time.time(), 3))
    told, refused = totals_of(totals)
    for field in refused:
        say_once(f"total {field}", f"{field} is left out, since it is no whole number that there can be.")
    said = as_config(config) | told
    return RunHeader(
        file.run_id, name or before.name, project or before.project, as_json(config or before.config),
        before.started_at, said.get("total_steps", before.total_steps), said.get("total_models", before.total_models),
        said.get("model_params", before.model_params), this_process(),
    )  # fmt: skip


def _checkpoint(step: object) -> int | None:
    try:
        return None if step is None else whole(step)
    except Refused as refusal:
        say_once("checkpoint", f"The step to go on from is left out where {refusal}.")
        return None


def _sender(file: RunFile, server: str | None, token: str | None) -> Sender | None:
    url = server if server is not None else os.environ.get(SERVER_VARIABLE, "").strip()
    if not url:
        return None
    from evolver_tui.track.sender import Sender, read_address

    try:
        address = read_address(url)
    except ValueError as error:
        say_once("server", f"The run is not sent anywhere, since the server's address is none: {reason(error)}.")
        return None
    secret = token if token is not None else os.environ.get(TOKEN_VARIABLE, "").strip()
    if not (secret.isascii() and secret.isprintable()):
        say_once("token", "The run is not sent anywhere, since no token can have what stands in this one.")
        return None
    return Sender(file.path, file.run_id, address, secret)


def _is_helper_process() -> bool:
    """Whether a process of `multiprocessing`, e.g. one that loads data, imports a main module without a guard."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and bool(getattr(process.current_process(), "_inheriting", False))


def _of(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""
