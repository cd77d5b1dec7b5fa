"""Files compressed by gzip, decompressed piece by piece, so that a small one cannot take much memory or time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ._numbers import Rejected, afford, need

MAGIC = b"\x1f\x8b"
_PIECE = 2**14  # compressed bytes at a time: zlib makes at most 1,032 bytes of one, 17 MB of a piece
_UNSUSPICIOUS, _TIMES = 2**26, 100  # bytes that any file may become; beyond them so many times its own


def largest(data: bytes) -> int:
    """The bytes that a compressed certificate may be made of."""
    return max(_UNSUSPICIOUS, _TIMES * len(data))


def decompressed(data: bytes, step: str, most: int, members: int = 1) -> bytes:
    """What gzip compressed in at most so many members; at most `most` bytes, which are counted before any are kept."""
    size = 0
    for piece in _pieces(data, step, members):
        size += len(piece)
        afford(size <= most, step, f"gzip: more than {most} bytes are compressed in {len(data)}: too large for this checker")
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
