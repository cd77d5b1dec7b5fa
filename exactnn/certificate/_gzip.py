"""Files compressed by gzip, decompressed piece by piece, so that a small one cannot take much memory or time."""

from __future__ import annotations

import gzip
import io
import zlib

from . import _budget
from ._numbers import Rejected, afford

_PIECE = 2**20  # bytes at a time
_UNSUSPICIOUS, _TIMES = 2**22, 32  # bytes that any file may become; beyond them so many times its own
_SHARE = 8  # numbers written as text may be that much shorter when compressed: so much more than the file counts for the budget


def decompressed(data: bytes, step: str) -> bytes:
    """What gzip compressed, as far as it is no longer than the file may become."""
    most = _budget.account().factor * max(_UNSUSPICIOUS, _TIMES * len(data))
    found = bytearray()
    try:
        with gzip.open(io.BytesIO(data)) as file:
            while piece := file.read(_PIECE):
                found += piece
                afford(len(found) <= most, step, f"gzip: more than {most} bytes are compressed in {len(data)}: too large for this checker")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Rejected(step, f"gzip: the file is damaged ({error})") from None
    _budget.allow(max(0, min(len(found), _SHARE * len(data)) - len(data)))
    return bytes(found)
