"""ONNX models to draw: networks whose every weight is a float, written as the package writes them."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.export.onnx import to_onnx
from exactnn.network import Network
from exactnn.testing._graphs import convolutional_networks, residual_networks
from exactnn.testing._networks import networks as dense_networks
from exactnn.testing._numbers import float_numbers

FORMS = ("proto", "bytes", "path")


def onnx_models(
    *, networks: st.SearchStrategy[Network] | None = None, form: str = "proto", dtype: str = "float32"
) -> st.SearchStrategy[Any]:
    """ONNX models whose weights are the networks' to the last bit.

    Parameters
    ----------
    networks : a strategy of networks whose numbers the dtype holds; by default dense, convolutional and residual ones
    form : "proto" for an onnx.ModelProto, "bytes", or "path" for the path of a file (in a folder that goes when Python ends)
    dtype : "float32" or "float64"
    """
    if form not in FORMS:
        raise ArgumentError(f"form: one of {', '.join(FORMS)} is needed, got {form!r}")
    if dtype not in ("float32", "float64"):
        raise ArgumentError(f"dtype: 'float32' or 'float64' is needed, got {dtype!r}")
    if networks is not None and not isinstance(networks, st.SearchStrategy):
        raise ArgumentError(f"networks: a strategy of networks or None is needed, got {type(networks).__name__}")
    if networks is None:
        entries = float_numbers(dtype)
        units = ("relu", "leaky_relu(1/4)", "abs", "hardtanh")
        networks = (
            dense_networks(activation=units, weights=entries)
            | convolutional_networks(activation=units, weights=entries)
            | residual_networks(activation=units, weights=entries)
        )
    return networks.map(lambda net: as_onnx(net, form, dtype))


def as_onnx(net: Network, form: str, dtype: str) -> Any:
    """The network as a ModelProto, its bytes or the path of its file."""
    if not isinstance(net, Network):
        raise ArgumentError(f"networks: a strategy of networks is needed, got one that gave {type(net).__name__}")
    model = to_onnx(net, dtype=dtype)
    if form == "proto":
        return model
    data: bytes = model.SerializeToString(deterministic=True)
    if form == "bytes":
        return data
    path = _folder() / f"{hashlib.sha256(data).hexdigest()[:16]}.onnx"
    path.write_bytes(data)
    return str(path)


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="exactnn-testing-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
