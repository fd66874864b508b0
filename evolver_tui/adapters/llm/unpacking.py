"""An answer's bytes, unpacked where a server compressed them unasked, and never more than a piece of them at once."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

import httpx

_PIECE_BYTES = 64 * 1024
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""By the names that HTTP has for what zlib unpacks."""


async def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in pieces of at most 64 KiB beyond what arrived at once: whoever reads counts, and can stop in time.

    httpx would unpack whatever arrived as a whole, and one packing within another: 64 KiB of that are gigabytes.

    Raises:
        httpx.DecodingError: it is packed in another way, more than once, or not as it says.
    """
    named = response.headers.get("content-encoding", "identity").strip().lower()
    if named in ("", "identity"):
        async for arrived in response.aiter_raw():
            yield arrived
        return
    if named not in _WINDOW_BITS:
        raise httpx.DecodingError("It is compressed in a way that was not asked for.", request=response.request)
    unpacker = zlib.decompressobj(_WINDOW_BITS[named])
    async for arrived in response.aiter_raw():
        while not unpacker.eof:
            try:
                piece = unpacker.decompress(arrived, _PIECE_BYTES)
            except zlib.error as error:
                raise httpx.DecodingError(str(error), request=response.request) from error
            arrived = unpacker.unconsumed_tail
            if piece:
                yield piece
            if not arrived and len(piece) < _PIECE_BYTES:  # a full piece may have left a rest within zlib
                break
