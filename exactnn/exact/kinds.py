"""What the first bytes of a file suggest that it holds: for messages to those who bring the wrong one."""

from __future__ import annotations

import codecs
import re

#: what `looks_like` may say, and how a message names it
KINDS = {
    "json": "JSON text",
    "nnet": "NNET text",
    "onnx": "an ONNX protobuf",
    "pickle": "a pickle, or a zip archive as torch.save writes it",
    "git-lfs": "a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)",
    "hdf5": "an HDF5 file",
    "gzip": "gzip-compressed data",
}
GZIP = b"\x1f\x8b"
_NNET_START = re.compile(rb"\s*(//|\d+\s*,)")


def looks_like(data: bytes) -> str | None:
    """The kind of file, a key of `KINDS`; None if its bytes suggest nothing.

    Examples
    --------
    >>> looks_like(b'{"format": 1}'), looks_like(b"PK\\x03\\x04"), looks_like(b"?")
    ('json', 'pickle', None)
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if data.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "pickle"
    if data.startswith(GZIP):
        return "gzip"
    if data.startswith(b"\x89HDF"):
        return "hdf5"
    if data.startswith(b"version https://git-lfs"):
        return "git-lfs"
    if data.lstrip()[:1] in (b"{", b"["):
        return "json"
    if _NNET_START.match(data):
        return "nnet"
    if data.startswith(b"\x08") and b"\x3a" in data:  # field 1 (ir_version), and somewhere field 7 (graph)
        return "onnx"
    return None
