"""What nodes import: tools, called by name.

Inside a run by evolver-tui every call goes through an inherited socket to the program, which holds the keys and decides
what may be called. By hand, in an environment where evolver-tui is installed, the tools answer as they do offline.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["ToolChain", "call_llm", "call_tool", "call_tools_parallel"]

_MOST_AT_ONCE = 8


def call_tool(tool_name: str, prompt: str, **kwargs: Any) -> str:
    """Call a tool and wait for its answer. Safe in any thread.

    Args:
        tool_name: the tool's name.
        prompt: what the tool works on.
        **kwargs: `temperature`, `max_tokens`, `system_prompt` (each in place of the tool's), `timeout` (seconds), and
            values for further placeholders in the tool's prompt template. `disable_tracking` is accepted and means
            nothing here.

    Returns:
        The answer, always text.

    Raises:
        ValueError: there is no such tool.
        TimeoutError: it took too long.
        RuntimeError: it is not allowed for this node, failed, or there is nothing here that could call it.
    """
    kwargs.pop("disable_tracking", None)
    connection = _connection()
    if connection is not None:
        return connection.ask(str(tool_name), str(prompt), kwargs)
    try:
        from evolver_tui.adapters.llm.offline import offline_tool_reply
        from evolver_tui.adapters.nodes.tool_calls import call_by_hand
    except ImportError:
        raise RuntimeError(
            "There are no tools here. Run this node with `evolver-tui run NODE`, or install evolver-tui in this Python."
        ) from None
    return call_by_hand(str(tool_name), str(prompt), kwargs, offline_tool_reply)


def call_llm(model: str, prompt: str, **kwargs: Any) -> str:
    """Ask the language model that evolver-tui is configured with, by the tool `llm`. Safe in any thread.

    Args:
        model: which model the node's author had in mind. Which one answers is for the person in charge to say.
        prompt: what it is asked.
        **kwargs: as for `call_tool`.

    Returns:
        The answer, always text.

    Raises:
        What `call_tool` raises.
    """
    return call_tool("llm", prompt, **kwargs)


def call_tools_parallel(calls: Sequence[Sequence[Any] | Mapping[str, Any]]) -> list[str]:
    """Call several tools at once.

    Args:
        calls: each one `(tool, prompt)`, `(tool, prompt, kwargs)` or `{"tool": ..., "prompt": ..., "kwargs": {...}}`.

    Returns:
        The answers in the order of the calls.

    Raises:
        What `call_tool` raises, of the first call that failed.
    """
    if not calls:
        return []
    # Imported here, since it takes longer than all the rest and few nodes need it.
    from concurrent.futures import ThreadPoolExecutor

    def call(item: Sequence[Any] | Mapping[str, Any]) -> str:
        if isinstance(item, Mapping):
            return call_tool(item["tool"], item["prompt"], **item.get("kwargs", {}))
        tool, prompt, *rest = item
        return call_tool(tool, prompt, **(rest[0] if rest else {}))

    with ThreadPoolExecutor(min(len(calls), _MOST_AT_ONCE)) as pool:
        return list(pool.map(call, calls))


class ToolChain:
    """Tools one after the other: `ToolChain().call("a", prompt).then("b", "Shorten: {result}").get()`."""

    def __init__(self) -> None:
        self._result = ""

    def call(self, tool_name: str, prompt: str, **kwargs: Any) -> ToolChain:
        """Call the first tool."""
        self._result = call_tool(tool_name, prompt, **kwargs)
        return self

    def then(self, tool_name: str, template: str = "{result}", **kwargs: Any) -> ToolChain:
        """Call a tool with `template`, in which `{result}` stands for the answer before."""
        return self.call(tool_name, template.replace("{result}", self._result), **kwargs)

    def get(self) -> str:
        """The last answer."""
        return self._result


class _Connection:
    """The program's end of the run, over which any number of threads ask at once.

    Whoever waits and finds nobody reading reads for all; answers are handed out by their number.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Open as long as the process: whoever asks next reads on.
        self._lines = open(descriptor, "rb", closefd=False)  # noqa: SIM115
        self._sending = threading.Lock()
        self._turn = threading.Condition()
        self._reading = False
        self._asked = 0
        self._answers: dict[int, dict[str, Any]] = {}

    def ask(self, tool: str, prompt: str, arguments: Mapping[str, Any]) -> str:
        with self._sending:
            self._asked += 1
            number = self._asked
            request = {"id": number, "tool": tool, "prompt": prompt, "arguments": arguments}
            try:
                self._send(json.dumps(request).encode() + b"\n")
            except OSError:
                raise RuntimeError("The program that runs this node does not answer any more.") from None
        answer = self._wait_for(number)
        if isinstance(answer.get("text"), str):
            return str(answer["text"])
        kinds: dict[str, type[Exception]] = {"unknown_tool": ValueError, "timeout": TimeoutError}
        raise kinds.get(str(answer.get("kind")), RuntimeError)(str(answer.get("error", "The tool failed.")))

    def _send(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _wait_for(self, number: int) -> dict[str, Any]:
        while True:
            with self._turn:
                while self._reading and number not in self._answers:
                    self._turn.wait()
                if number in self._answers:
                    return self._answers.pop(number)
                self._reading = True
            answer: dict[str, Any] | None = None
            try:
                answer = self._read()
            finally:
                with self._turn:
                    self._reading = False
                    if answer is not None:
                        self._answers[answer.get("id") or number] = answer
                    self._turn.notify_all()

    def _read(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
            answer = json.loads(line) if line else None
        except (OSError, ValueError):
            answer = None
        if not isinstance(answer, dict):
            raise RuntimeError("The program that runs this node does not answer any more.")
        return answer


_opened: _Connection | None = None
_opening = threading.Lock()


def _connection() -> _Connection | None:
    """The connection of this run; None by hand."""
    global _opened
    with _opening:
        if _opened is None and (descriptor := os.environ.get("EVOLVER_TOOL_FD", "")).isdecimal():
            try:
                _opened = _Connection(int(descriptor))
            except OSError:
                return None
        return _opened
