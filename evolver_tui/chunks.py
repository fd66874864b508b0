"""What a reader of streamed answers needs. Importing this loads neither the console nor a database nor any library.

from evolver_tui.chunks import ReorderBuffer

buffer = ReorderBuffer()

def on_message(data: bytes) -> None:              # e.g. of chat.pod.{pod}.response, or an event's `data`
    release = buffer.take(data, time.monotonic())
    if release.is_restart:
        clear()                                   # the answer is begun again
    for chunk in release.chunks:
        show(chunk.chunk)

def every_few_seconds() -> None:
    for message in buffer.sweep(time.monotonic()):
        show(f"Chunks {message.missing} never came.")
"""

from __future__ import annotations

from evolver_tui.core.workflow.chunk import Chunk, ChunkError, ChunkType, FinishReason, read_chunk
from evolver_tui.core.workflow.reorder_buffer import BufferState, Dropped, GivenUp, Release, ReorderBuffer

__all__ = (
    "BufferState",
    "Chunk",
    "ChunkError",
    "ChunkType",
    "Dropped",
    "FinishReason",
    "GivenUp",
    "Release",
    "ReorderBuffer",
    "read_chunk",
)
