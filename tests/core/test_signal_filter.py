"""What a person types to find signals."""

from __future__ import annotations

import json

import pytest

from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_filter import SignalFilter

SIGNALS = {
    "start": Signal("llm.generation_start", {"model": "qwen", "backend": "local"}, {"task_id": "task-1"}),
    "error": Signal("llm.generation_error", {"error": "Too many Requests"}, {"task_id": "task-1", "level": "error"}),
    "asked": Signal("question.asked", {"message": "Which language?"}, {"task_id": "task-12", "level": "warning"}),
    "odd": Signal("custom.ready", {"n": 2}, {"level": "loud"}),
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "start error asked odd"),
        ("  ", "start error asked odd"),
        ("LLM.*", "start error"),
        ("*.asked", "asked"),
        ("qwen", "start"),
        ("generation QWEN", "start"),
        ("level:warning", "error asked"),
        ("level:err", "error"),
        ("level:info", "start error asked odd"),
        ("level:", "start error asked odd"),
        ("level:loud", ""),
        ("task:task-1", "start error"),
        ("task:TASK-12 level:w", "asked"),
        ("-llm.*", "asked odd"),
        ("task:task-1 -level:error", "start"),
        ('"too many"', "error"),
        ('"many too"', ""),
        ("many too", "error"),
        ('"too ma', "error"),
        ("name:model", ""),
        ("model", "start"),
        ("name:gen", "start error"),
        ("-", "start error asked odd"),
        ("http://nowhere", ""),
        ('"n": 2', "odd"),
    ],
)  # fmt: skip
def test_words_find(text: str, found: str) -> None:
    wanted = SignalFilter.of(text)
    matching = [
        name for name, signal in SIGNALS.items() if wanted.matches(signal, lambda each: json.dumps(dict(each.payload)))
    ]
    assert matching == found.split()
