"""Models in: files of exact JSON, NNET and ONNX, and torch modules, as networks without rounding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exactnn.errors import LoadError
from exactnn.exact.calls import helpful
from exactnn.exact.kinds import KINDS
from exactnn.load._file import ModelFile, naming
from exactnn.network import Network

if TYPE_CHECKING:
    from exactnn.load.torch import from_torch

__all__ = ["from_torch", "load"]

#: the suffix of a file -> the kind of file that it says
_SUFFIXES = {".json": "json", ".nnet": "nnet", ".onnx": "onnx", ".onnx.gz": "gzip"}
_PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".pt2")
_NEVER = (
    "pickled files run code when they are read, so they are never unpickled; "
    "load the module with torch yourself and call exactnn.from_torch(module, input_shape)"
)


@helpful
def load(path: str | os.PathLike[str], *, raw: bool = False, compare: bool = True) -> Network:
    """The network in a file, to the last bit.

    Parameters
    ----------
    path : a file whose suffix is .onnx, .onnx.gz, .nnet or .json (the exact format of docs/network-format.md)
    raw : for NNET, read the network without its normalisation of inputs and outputs; the other formats have none
    compare : for ONNX, run the file with onnxruntime (or the evaluator of the package onnx) at three points, if it holds operations whose
        meaning programs dispute (casts, integer arithmetic, windows that are rounded up or padded automatically, a fixed batch, say), and
        refuse it if the values differ by more than rounding; `net.reading` says what was done. Nothing that the file brings is executed

    Returns
    -------
    Network whose `source` holds the absolute path and the SHA-256 of the bytes that were read, and those of further files with weights

    Raises
    ------
    LoadError
        The file is missing, truncated, damaged, of another kind than its suffix says, or too large; UnsupportedOperation
        names the operation and the node, or output, point and values where a run of the
        file differs. NaN and infinite weights are also a NotFiniteError, naming tensor and index.
    ShapeError
        Shapes in the file do not fit together.
    MissingDependency
        An ONNX file, and the package onnx is not installed.

    Notes
    -----
    ONNX: the first axis of an input is the batch axis if it is dynamic or 1 (so an input of shape (1, 1, 1, 5) is a
    point of shape (1, 1, 5)); the network is the model at batch size 1, in real arithmetic. An input of fixed shape
    without such an axis is a point itself, but for one case: where every input and every output has at least two axes,
    all with the same first one B > 1, and the whole graph keeps its B rows apart and treats them alike, the model was
    exported for batches of B points, and is read as the network of one of them. So a ReLU of shape (2, 5) has 5 inputs;
    with W x in front, W of shape (2, 2), it has 10. `net.reading` says which it is. Export a model with a dynamic first
    axis, or one of size 1, to leave no doubt.

    Weights that an ONNX file keeps in other files (torch.onnx.export writes NAME.onnx.data) are read from its own folder and those below,
    never through links; certificates bind these files, too. Nodes may stand in any order.

    NNET numbers are the decimals written; ONNX weights the floats stored. A rational activation, which ONNX spells out in sums, products
    and quotients, is read as the function of the floats there; an export may have rounded them, while `from_torch` takes the module's.

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.load("model.onnx")  # doctest: +SKIP
    >>> net.input_dim, net.source.sha256[:8]  # doctest: +SKIP
    (784, '3f9c21aa')
    """
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
    if str(name).lower().endswith(_PICKLED):
        raise LoadError(f"{name}: {_NEVER}")
    file = ModelFile.read(path)
    if file.suffix not in _SUFFIXES:
        found = f"; it looks like {KINDS[file.looks_like]}" if file.looks_like else ""
        raise LoadError(f"{name}: the suffix .onnx, .onnx.gz, .nnet or .json is needed to say the format, got {file.suffix!r}{found}")
    _check_kind(file, str(name))
    with naming(str(name)), _enough_memory():
        if file.suffix == ".json":
            from exactnn.load.json import read_json

            return read_json(file)
        if file.suffix == ".nnet":
            from exactnn.load.nnet import read_nnet

            return read_nnet(file, raw=raw)
        from exactnn.load.onnx import read_onnx

        return read_onnx(file, compare=compare)


@contextmanager
def _enough_memory() -> Iterator[None]:
    """What Python cannot hold is too large to be read."""
    try:
        yield
    except (MemoryError, RecursionError) as error:
        raise LoadError(f"the model is too large, or too deep, for the memory there is ({type(error).__name__})") from None


def _check_kind(file: ModelFile, name: str) -> None:
    kind, said = file.looks_like, _SUFFIXES[file.suffix]
    if kind == said or (kind is None and said != "gzip"):
        return
    if kind is None:
        raise LoadError(f"{name}: the suffix says that the file is compressed by gzip, but it does not begin like that; it is damaged")
    advice = _NEVER if kind == "pickle" else f"rename it to .{kind}" if kind in ("json", "nnet", "onnx") else ""
    if kind == "gzip":
        advice = "rename it to .onnx.gz, or decompress it (gunzip)" if said == "onnx" else "decompress it first (gunzip)"
    raise LoadError(f"{name}: the suffix says {said.upper()}, but the file holds {KINDS[kind]}" + (f"; {advice}" if advice else ""))


def __getattr__(name: str) -> Any:
    if name == "from_torch":  # torch takes a second to import
        from exactnn.load.torch import from_torch

        return from_torch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
