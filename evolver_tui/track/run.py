"""A run of a training: takes what it is told in well under a microsecond, and hands it to a thread that writes it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from operator import itemgetter
from threading import RLock
from typing import Any, Final

from evolver_tui.core.training.record import COMPLETED, ERROR, FAILED, LONGEST_NAME, MODEL_COMPLETED, Event, RunHeader
from evolver_tui.core.training.totals import as_config
from evolver_tui.track.names import Names
from evolver_tui.track.progress import read_progress
from evolver_tui.track.saying import say_once
from evolver_tui.track.values import Refused, as_json, flat, model_number, reason, taken, whole

_now = time.monotonic
_told_at = itemgetter(0)
_by_time = itemgetter(2)
_MOST_WAITING: Final = 50_000
"""Events that wait for a file that cannot be written, and values of samples."""
_ASLEEP: Final = -math.inf
_LATE_SECONDS: Final = 1.0
"""How late a writer that writes as often as a sample is due has to be before calls keep samples."""
_NOT_TOLD: Final[Any] = None
_WELL: Final = (COMPLETED, "finished", "success")
_MOST_NAMES: Final = 10_000
"""Metrics that wait for one."""

Slots = dict[str, tuple[object, object, float]]
"""Of one model: by metric the value, its step and when it was told, by the monotonic clock."""


Sample = tuple[int, Slots]
"""A model, and what was told of it last at some time."""
Told = tuple[float, int, object, str, object]
"""One metric as it was told last: when, by the monotonic clock; the model, the step, the name and the value."""
Waiting = Told | Event
"""Told numbers, or an event whose time is by the monotonic clock."""


class Run:
    """A run. `track.init` makes it; all that it is told comes here."""

    __slots__ = ("__dict__", "_counter", "_due", "_explicit", "_slots")  # what each call needs lies side by side

    def __init__(self, header: RunHeader, *, first_step: int = 0, interval: float = 0.1) -> None:
        """Args:
        first_step: what steps that are counted begin with.
        interval: seconds between two samples of what is told.
        """
        self._header = header
        self._interval = interval
        self.config = Names(header.config, self._header_changed)
        self.summary = Names({})
        """What belongs to the whole run; told as the event `summary` when it is over."""
        self._lock = RLock()  # a signal's handler may log while its thread does
        self._by_model: dict[int, Slots] = {0: {}}
        self._model = 0
        self._slots = self._by_model[0]
        self._waiting: deque[Sample | Event] = deque()
        self._waiting_events = 0
        self._waiting_values = 0
        self._dropped = 0
        self._counter = count(first_step)
        self._explicit: object = None
        """The step that was given last, where one was given since steps were counted last."""
        self._due: float = _ASLEEP
        """When, by the monotonic clock, a call has to do more than leave its numbers; at once while nobody writes."""
        self._is_over = True
        self._is_kept = False
        """Whether there is, or was, a file to write to."""
        self._wake_writer: Callable[[], None] = lambda: None
        self._hurry_writer: Callable[[], None] = lambda: None
        self._end: Callable[[str, float | None], None] = lambda status, seconds: None
        self._header_is_due = False
        self._steps: dict[int, object] = {}
        """Each model's latest step, of what is on its way to the file."""

    @classmethod
    def nowhere(cls) -> Run:
        """A run that takes what it is told and keeps nothing."""
        return cls(RunHeader("nowhere"))

    # --- what a training calls

    def log(
        self, metrics: Mapping[str, Any] = _NOT_TOLD, step: int | None = None, commit: bool | None = None, *,
        model: int | None = None, data: Mapping[str, Any] | None = None, sync: bool | None = None,
    ) -> None:  # fmt: skip
        """Tell numbers. Nothing waits for them to be written, and nothing is raised.

        Args:
            metrics: by name. Tensors and numbers of other libraries are read when they are written.
            step: which step they belong to; counted by itself where it is left out.
            commit: False says that more follows of a step that is counted.
            model: which of several models is trained, from 0; the one before where it is left out.
            data: the metrics, under the name that others have for them.
            sync: nothing; others have it.
        """
        try:
            slots = self._slots
            if model is not None or commit is not None:
                slots = self._turn_to(model)
                if step is None and commit is False:
                    step = self._step_that_follows()
                    self.log(metrics, step, data=data)
                    self._explicit = step - 1
                    return
            if step is not None:
                self._explicit = step
            elif self._explicit is None:
                step = next(self._counter)
            else:
                step = self._count_on()
            at = _now()
            if metrics.__class__ is dict:
                for name in metrics:
                    value = metrics[name]
                    if value.__class__ is not float and value.__class__ is not int:
                        self._log_others(metrics, slots, step, at)
                        break
                    slots[name] = (value, step, at)
            else:
                self._log_others(metrics, slots, step, at)
            if at < self._due:
                return
            self._catch_up(at)
        except Exception as error:  # noqa: BLE001 - nothing of this may end a training
            if metrics is _NOT_TOLD and data is not None:
                self.log(data, step)
            else:
                self._refuse(error, metrics)

    def event(self, name: str, /, **payload: Any) -> None:
        """Tell that something happened. It is never left out. `step` and `model` say where; else it is here and now."""
        try:
            step, model = _place(payload, "step", whole), _place(payload, "model", model_number)
            at = self._model if model is None else model
            place = self._latest_step(at) if step is None else step
            self._happened(Event(str(name)[:LONGEST_NAME] or "event", _now(), place, at, as_json(payload)))
        except Exception as error:  # noqa: BLE001 - nothing of this may end a training
            self._refuse(error, name)

    def progress_callback(self, progress_data: Mapping[str, Any]) -> None:
        """Take what a trainer tells by a callback, under the names of `core.training.metrics`."""
        try:
            progress = read_progress(progress_data)
            self._take_totals(progress.totals)
            self._turn_to(progress.model)
            if progress.values:
                self.log(progress.values, progress.step)
            if progress.is_model_completed:
                self.event(MODEL_COMPLETED, step=progress.step, model=self._model)
            if progress.event and not (progress.is_model_completed and progress.event == MODEL_COMPLETED):
                self.event(progress.event, **{**progress.payload, "step": progress.step, "model": progress.model})
        except Exception as error:  # noqa: BLE001 - nothing of this may end a training
            self._refuse(error, progress_data)

    def finish(
        self, exit_code: int | str | None = 0, *, status: str = "", seconds: float | None = None, quiet: object = None
    ) -> None:
        """Tell that the training is over, and see that all of it is written.

        Args:
            exit_code: other than 0: it failed.
            status: `completed` or `failed`, instead.
            seconds: to wait at most for a file or a server that is slow; `init` says how long else.
            quiet: nothing; others have it.
        """
        try:
            said = exit_code if isinstance(exit_code, str) else status
            has_failed = said not in _WELL if said else bool(exit_code)
            self._end(FAILED if has_failed else COMPLETED, seconds)
        except Exception as error:  # noqa: BLE001 - nothing of this may end a training
            self._refuse(error, "finish")

    def fail(self, error: BaseException) -> None:
        """Tell that the training is over by an exception."""
        self.event(ERROR, error=type(error).__name__, message=reason(error))
        self.finish(1)

    # --- what it is

    @property
    def id(self) -> str:
        """Its id; its file has its name from it."""
        return self._header.run_id

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self._header.name

    @name.setter
    def name(self, name: object) -> None:
        with self._lock:
            self._header = self._header._replace(name=str(name)[:200])
        self._header_changed()

    @property
    def project(self) -> str:
        """What it belongs to."""
        return self._header.project

    @property
    def is_over(self) -> bool:
        """Whether it takes nothing any more."""
        return self._is_over

    @property
    def step(self) -> int:
        """The latest step of the present model."""
        return self._latest_step(self._model) or 0

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.finish()
        else:
            self.fail(error)

    def __reduce__(self) -> tuple[Any, ...]:
        return Run.nowhere, ()  # in another process it takes nothing

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    # --- on the way to the file

    def _log_others(self, metrics: Mapping[str, Any], slots: Slots, step: object, at: float) -> None:
        for name, value in flat(metrics):
            if name in slots or len(slots) < _MOST_NAMES:
                slots[name] = (taken(value), step, at)
            else:
                self._dropped += 1

    def _turn_to(self, model: object) -> Slots:
        """Have a model's slots be the present ones; None: those of the one before."""
        number = self._model if model is None else model_number(model)
        with self._lock:
            slots = self._by_model.setdefault(number, {})
            if number != self._model:
                self._model, self._slots = number, slots
                self._explicit, self._counter = self._latest_step(number), count()
        return slots

    def _count_on(self) -> int:
        """The step after the one that was given last."""
        with self._lock:
            try:
                last = whole(self._explicit)
            except Refused:
                last = -1
            self._explicit = None
            self._counter = count(last + 1)
            return next(self._counter)

    def _step_that_follows(self) -> int:
        with self._lock:
            return self._count_on() if self._explicit is not None else next(self._counter)

    def _latest_step(self, model: int) -> int | None:
        """The step that was told of a model last; None where none was, or what is none."""
        told = list(self._by_model.get(model, {}).values())
        try:
            return whole(max(told, key=_by_time)[1] if told else self._steps[model])
        except (KeyError, Refused):
            return None

    def _tell_summary(self) -> None:
        """Tell what belongs to the whole run, whatever it is called."""
        if self.summary:
            place = self._latest_step(self._model)
            self._happened(Event("summary", _now(), place, self._model, as_json(self.summary)))

    def _happened(self, event: Event) -> None:
        with self._lock:
            self._keep_sample()
            if self._waiting_events < _MOST_WAITING:
                self._waiting.append(event)
                self._waiting_events += 1
            else:
                self._dropped += 1
        self._rouse()
        self._hurry_writer()

    def _keep_sample(self) -> None:
        """What was told so far comes before what is told from now on, and stays whatever is told then.

        Where as much waits as may, the latest of each metric stays where it is, for the next word to take its place.
        """
        for model, slots in list(self._by_model.items()):
            if self._waiting_values >= _MOST_WAITING:
                self._leave_out_oldest(slots)
            elif slots:
                self._waiting.append(sample := self._latest(model, slots))
                self._waiting_values += len(sample[1])

    def _latest(self, model: int, slots: Slots) -> Sample:
        """What was told last of a model, taken from there. Another thread may tell more meanwhile, which stays."""
        told = list(slots.values())
        if told:
            self._steps[model] = max(told, key=_by_time)[1]
        return model, {name: slot for name in list(slots) if (slot := slots.pop(name, None)) is not None}

    def _leave_out_oldest(self, slots: Slots) -> None:
        """Names that never come again must not fill the memory."""
        if len(slots) <= 2 * _MOST_NAMES:
            return
        told = sorted(slots.items(), key=lambda each: each[1][2])
        for name, _ in told[:-_MOST_NAMES]:
            slots.pop(name, None)
        self._dropped += len(told) - _MOST_NAMES

    def _take_totals(self, totals: Mapping[str, Any]) -> None:
        news: dict[str, Any] = {name: value for name, value in totals.items() if getattr(self._header, name) != value}
        if news:
            with self._lock:
                self._header = self._header._replace(**news)
            self._header_changed()

    def _header_changed(self) -> None:
        if self._is_over:
            return
        self._header_is_due = True
        self._rouse()

    def _catch_up(self, at: float) -> None:
        """Keep a sample where the writer writes seldom or is late; wake it where it sleeps."""
        with self._lock:
            if self._due != _ASLEEP:
                self._keep_sample()
                self._due = at + self._interval
        self._rouse()

    def _rouse(self) -> None:
        """Wake the writer where it sleeps."""
        if self._is_over:  # nobody is there to be woken: so every call comes here
            self._slots.clear()
            self._nothing_waits()
            if self._is_kept:
                say_once(f"over {self.id}", f"The run {self.id} is over; what is told of it after that is not kept.")
            return
        with self._lock:
            is_asleep = self._due == _ASLEEP
            if is_asleep:
                self._due = self._late_at()
        if is_asleep:
            self._wake_writer()

    def _refuse(self, error: BaseException, what: object) -> None:
        try:
            kind = type(what).__name__
            say_once(f"refused {kind}", f"What was told to the run {self.id} is left out ({kind}): {reason(error)}.")
        except Exception:  # noqa: BLE001 - nothing of this may end a training
            pass

    # --- for the writer

    def _take(self) -> tuple[RunHeader | None, list[Waiting], int]:
        """All that is to be written, in its order, and how much had to be left out."""
        header = self._changed_header() if self._header_is_due else None
        with self._lock:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            waiting += [self._latest(model, slots) for model, slots in list(self._by_model.items()) if slots]
            dropped, self._dropped = self._dropped, 0
            self._waiting_events = self._waiting_values = 0
        return header, list(_in_order(waiting)), dropped

    def _changed_header(self) -> RunHeader:
        self._header_is_due = False  # first: what changes while it is read is told the next time
        config = as_json(self.config)
        with self._lock:
            more = _more_totals(self._header, self.config)
            self._header = self._header._replace(config=config, **more)
            return self._header

    def _nothing_waits(self) -> None:
        self._waiting.clear()
        self._waiting_events = self._waiting_values = 0

    def _set_pace(self, is_often: bool) -> None:
        """The writer writes as often as a sample is due, or seldom: then calls keep samples meanwhile."""
        with self._lock:
            if self._due != _ASLEEP:
                self._due = self._late_at() if is_often else _now() + self._interval

    def _late_at(self) -> float:
        """When a writer that is to write after the interval hangs."""
        return _now() + self._interval + _LATE_SECONDS

    def _doze(self) -> None:
        """Have the next call wake the writer, whether it sleeps or not."""
        with self._lock:
            self._due = _ASLEEP

    def _falls_asleep(self) -> bool:
        """Whether there is nothing to write; then the next call wakes the writer."""
        with self._lock:
            before, self._due = self._due, _ASLEEP  # first, since a call leaves its numbers before it looks at this
            has_news = bool(self._waiting or self._header_is_due or any(list(self._by_model.values())))
            if has_news:
                self._due = before
        return not has_news

    def _forget(self) -> None:
        """In a process that was forked: what waits is the parent's to write."""
        self._lock = RLock()
        self._nothing_waits()
        for slots in self._by_model.values():
            slots.clear()
        self._due, self._header_is_due = _ASLEEP, False


def _place(payload: dict[str, Any], name: str, read: Callable[[object], int]) -> int | None:
    """Where an event says that it happened, taken out of it; what says no place stays there."""
    try:
        found = None if payload.get(name) is None else read(payload[name])
    except Refused:
        return None
    payload.pop(name, None)
    return found


def _in_order(waiting: list[Sample | Event]) -> Iterator[Waiting]:
    """The values of samples as they were told, and events between them."""
    told: list[Told] = []
    for each in waiting:
        if isinstance(each, Event):
            yield from sorted(told, key=_told_at)
            told.clear()
            yield each
        else:
            model, slots = each
            told += [(at, model, step, name, value) for name, (value, step, at) in slots.items()]
    yield from sorted(told, key=_told_at)


def _more_totals(header: RunHeader, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config says of how much there is to do, where nobody said so before."""
    untold = {"total_steps": 0, "total_models": 1, "model_params": 0}
    return {name: value for name, value in as_config(config).items() if getattr(header, name) == untold[name]}
