"""The ONNX standard's own node tests: each loads and gives the expected outputs, or is refused with the name of the node."""

from __future__ import annotations

import functools
import math
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from exactnn.errors import ExactnnError, NotRational
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.load import load
from exactnn.network import Network

#: so many cases load; more is progress, and the number goes up with it
LOADED, LOADED_OPEN = 393, 87
#: expected outputs that are written down with fewer digits
TOLERANCES = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-4}
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


@functools.cache
def cases() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return collect_testcases()


def prepared(case: Any, place: int, *, open_batch: bool) -> tuple[onnx.ModelProto, np.ndarray] | None:
    """The model with every input but one of floats as a constant, and the value of that one; None if there is none.

    `open_batch`: its first axis, of size 1, is left open.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(case.model)
    inputs, _ = case.data_sets[0]
    found: np.ndarray | None = None
    for info, value in zip(list(proto.graph.input), inputs, strict=False):
        if not isinstance(value, np.ndarray) or not info.type.HasField("tensor_type"):
            return None
        floats = info.type.tensor_type.elem_type in FLOATS and bool(value.size)
        if floats and not place:
            found = value
            if open_batch and value.shape[:1] == (1,) and value.ndim > 1:
                info.type.tensor_type.shape.dim[0].dim_param = "n"
            elif open_batch:
                return None
        else:
            proto.graph.initializer.append(numpy_helper.from_array(value, info.name))
            proto.graph.input.remove(info)
        place -= floats
    return None if found is None else (proto, found)


def refusal(proto: onnx.ModelProto, path: Path) -> tuple[Network | None, str]:
    """The network, or the message of its refusal."""
    path.write_bytes(proto.SerializeToString())
    try:
        return load(path), ""
    except ExactnnError as error:
        return None, str(error)


def outcome(case: Any, folder: Path, place: int = 0, *, open_batch: bool = False) -> str:
    """ "loaded", "refused", or "" for a case without an input of floats; AssertionError for one that is read as another function."""
    made = prepared(case, place, open_batch=open_batch)
    if made is None:
        return ""
    proto, x = made
    net, message = refusal(proto, folder / "case.onnx")
    if net is None:
        names = [*(o for n in proto.graph.node for o in n.output), *(v.name for v in (*proto.graph.input, *proto.graph.initializer))]
        assert any(shown(name) in message for name in names) or "operator set" in message, f"{case.name}: {message}"
        return "refused"
    batch = x.size // net.input_dim if any("per sample" in sentence for sentence in net.reading) else 1
    wanted = np.concatenate([np.asarray(v).astype(np.float64).reshape(batch, -1) for v in case.data_sets[0][1]], axis=1).ravel()
    if not np.isfinite(x.astype(np.float64)).all():
        return "loaded"  # an infinite input is no point of the network
    try:
        found = net.evaluate(RationalArray.of(x.astype(np.float64).reshape(batch, -1))).to_float().ravel()
    except NotRational:
        if math.prod(x.shape) != batch * net.input_dim:
            raise
        import torch

        with torch.no_grad():
            found = net.to_torch()(torch.tensor(x.astype(np.float64).reshape(batch, -1))).numpy().ravel()
    assert found.shape == wanted.shape, f"{case.name}: {found.shape} {wanted.shape}"
    size = max(1.0, float(np.abs(wanted).max()))
    tolerance = 1e-2 if x.dtype.itemsize < 4 else TOLERANCES.get(case.name, 2e-6)
    assert float(np.abs(found - wanted).max()) <= tolerance * size, f"{case.name}: {found[:5]}, not {wanted[:5]}"
    return "loaded"


def test_the_standards_node_tests(tmp_path: Path) -> None:
    counted: Counter[str] = Counter(outcome(case, tmp_path) for case in cases())
    assert counted["loaded"] >= LOADED


def test_the_standards_node_tests_with_an_open_batch(tmp_path: Path) -> None:
    counted: Counter[str] = Counter(outcome(case, tmp_path, open_batch=True) for case in cases())
    assert counted["loaded"] >= LOADED_OPEN


@pytest.mark.slow
@pytest.mark.parametrize(("place", "loaded"), [(1, 133), (2, 57), (3, 0)])
def test_the_standards_node_tests_with_another_input_free(place: int, loaded: int, tmp_path: Path) -> None:
    counted: Counter[str] = Counter(outcome(case, tmp_path, place) for case in cases())
    assert counted["loaded"] >= loaded
