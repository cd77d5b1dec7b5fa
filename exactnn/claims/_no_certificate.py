"""A file that is no certificate at all, but a model or a folder: not rejected, but told so."""

from __future__ import annotations

import os
import re
import zlib

from exactnn.errors import LoadError
from exactnn.exact.kinds import KINDS, looks_like

_START = 1 << 16  # bytes that are looked at
_MODELS = ("nnet", "onnx", "pickle", "hdf5")
_FORMAT = re.compile(rb'\s*\{\s*"format"\s*:\s*"(exactnn-[a-z-]+)"')  # of the document, and of no network in it
_ADVICE = (
    "exactnn info tells what is in a model; a certificate comes with an answer: --certificate OUT.json, or verdict.certificate.save(path)"
)


def no_certificate(path: str | os.PathLike[str]) -> LoadError | None:
    """The error for a file that the checker could not read as a certificate; None where a damaged certificate is as likely."""
    name, needed = os.fspath(path), "a certificate is needed, but this"
    try:
        if os.path.isdir(path):
            return LoadError(f"{name}: {needed} is a folder; name one of the files in it")
        if os.path.exists(path) and not os.path.isfile(path):
            return None  # a pipe or a device, which was read and is at its end
        with open(path, "rb") as file:
            start = file.read(_START)
    except (OSError, ValueError) as error:
        return LoadError(f"{name}: {needed} cannot be read: {getattr(error, 'strerror', None) or error}")
    kind = looks_like(start)
    if kind == "gzip":
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, _START)
        except zlib.error:
            return None
        kind = looks_like(start)
    if kind is None and str(name).lower().endswith((".onnx", ".onnx.gz")):
        kind = "onnx"
    if kind in _MODELS:
        return LoadError(f"{name}: {needed} is a model ({KINDS[kind]}); {_ADVICE}")
    if kind == "git-lfs":
        return LoadError(f"{name}: {needed} is {KINDS[kind]}")
    stated = _FORMAT.match(start) if kind == "json" else None
    if stated is not None and stated[1] == b"exactnn-network":
        return LoadError(f"{name}: {needed} is a model (an exact network); {_ADVICE}")
    if stated is not None and stated[1] != b"exactnn-certificate":
        return LoadError(f"{name}: {needed} is a file of the format {stated[1].decode()}; {_ADVICE}")
    return None
