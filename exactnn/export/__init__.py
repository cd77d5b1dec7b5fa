"""Networks out: exact JSON, ONNX, NNET."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from exactnn.errors import ArgumentError, SaveError
from exactnn.exact.calls import helpful
from exactnn.network import Network, check_network

__all__ = ["save"]


def __dir__() -> list[str]:
    return sorted(__all__)


@helpful
def save(net: Network, path: str | os.PathLike[str], *, dtype: Any = None, rounding: bool = False) -> None:
    """Write a network to a file, whole or not at all.

    Parameters
    ----------
    net : the network
    path : its suffix says the format: .json (exact, any network), .onnx (floats), .nnet (decimals; a plain ReLU chain,
        to which consecutive affine maps are folded, exactly)
    dtype : "float32" (the default) or "float64", the floats of an ONNX file; numpy's and torch's dtypes will do
    rounding : whether weights that are no numbers of `dtype` may be rounded to the nearest one (ties to even); otherwise
        they are an error, so that what is loaded from the file is the same function to the last bit

    Raises
    ------
    NotRepresentable
        A weight is no number of the format; the message names the first tensor and index, and how many there are.
    SaveError
        The suffix is unknown, the format cannot hold an operation, or the file cannot be written.
    MissingDependency
        ONNX is asked for, and the package onnx is not installed.

    Notes
    -----
    ONNX has no rational functions; P(x)/Q(x) is written by Horner's rule, both times a number that makes their coefficients floats if they
    came from float coefficients. Those of an ERA are sums of products of floats, and in general need `rounding`; where that would make
    a real pole, NotRepresentable is raised. A float run gives NaN where powers of x overflow.

    Examples
    --------
    >>> import exactnn as xn, os, tempfile
    >>> net = xn.mlp([([["1/3"]], [0])])
    >>> path = os.path.join(tempfile.mkdtemp(), "third.json")
    >>> xn.save(net, path)
    >>> xn.load(path) == net
    True
    """
    check_network(net)
    try:
        suffix = Path(os.fspath(path)).suffix.lower()
    except TypeError:
        raise ArgumentError(f"path: the path of a file is needed, got {type(path).__name__}") from None
    if suffix == ".onnx":
        from exactnn.export.onnx import save_onnx

        save_onnx(net, path, dtype="float32" if dtype is None else dtype, rounding=rounding)
        return
    if suffix not in (".json", ".nnet"):
        raise SaveError(f"{os.fspath(path)}: the suffix .json, .onnx or .nnet is needed to say the format, got {suffix!r}")
    if dtype is not None:
        raise ArgumentError(f"dtype: {suffix} files hold exact numbers and take no dtype; leave it out, or save as .onnx")
    if suffix == ".json":
        from exactnn.export.json import save_json

        save_json(net, path)
    else:
        from exactnn.export.nnet import save_nnet

        save_nnet(net, path)
