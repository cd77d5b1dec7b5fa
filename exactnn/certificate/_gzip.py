"""Files compressed by gzip, decompressed piece by piece, so that a small one cannot take much memory or time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from . import _budget
from ._numbers import Rejected, afford, need

_PIECE = 2**14  # compressed bytes at a time: zlib makes at most 1,032 bytes of one, 17 MB of a piece
_UNSUSPICIOUS, _TIMES = 2**22, 32  # bytes that any file may become; beyond them so many times its own
_SHARE = 8  # numbers written as text may be that much shorter when compressed: so much more than the file counts for the budget


def decompressed(data: bytes, step: str, members: int = 1) -> bytes:
    """What gzip compressed in at most so many members; the bytes are counted before any are kept."""
    size, most = 0, _budget.account().factor * max(_UNSUSPICIOUS, _TIMES * len(data))
    for piece in _pieces(data, step, members):
        size += len(piece)
        afford(size <= most, step, f"gzip: more than {most} bytes are compressed in {len(data)}: too large for this checker")
    _budget.allow(max(0, min(size, _SHARE * len(data)) - len(data)))
    return b"".join(_pieces(data, step, members))


def _pieces(data: bytes, step: str, members: int) -> Iterator[bytes]:
    place = begun = 0
    while place < len(data) or not begun:
        need(begun < members, step, f"gzip: more data behind {'the first member' if members == 1 else f'{members} members'}")
        member = zlib.decompressobj(wbits=31)
        begun += 1
        while not member.eof:
            need(place < len(data), step, "gzip: the compressed data end in the middle; the file is truncated")
            piece = data[place : place + _PIECE]
            try:
                yield member.decompress(piece)
            except zlib.error as error:
                raise Rejected(step, f"gzip: the compressed data are damaged ({error})") from None
            place += len(piece) - len(member.unused_data)
