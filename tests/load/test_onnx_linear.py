"""ONNX operators that move entries or sum them up: the values are onnxruntime's, with an open batch axis and with one point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import LoadError, ShapeError, UnsupportedOperation
from exactnn.load import load
from exactnn.network import Gather, Network, Reshape

from ..strategies import law
from ._onnx_models import disagreement, model, node, read

RNG = np.random.default_rng(1)
N = "n"


def whole(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float32)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def read_unless(proto: onnx.ModelProto, folder: Path, *words: str) -> Network | None:
    """The network, or None if the file is refused with one of these words."""
    try:
        return read(proto, folder)
    except LoadError as error:
        message = str(error)
    assert any(w in message for w in words), message
    return None


def one(kind: str, shape: tuple[int, ...], constants: dict[str, Any] | None = None, *, opset: int = 18, **attributes: Any) -> Any:
    """Two models of one operator that reads x, the first operand, and constants: with an open batch axis, and with one point."""
    names = " ".join(["x", *(constants or {})])
    if "_order" in attributes:
        names = attributes.pop("_order")
    given_ = {k: v for k, v in (constants or {}).items() if k != "-"}

    def make(batch: int | str) -> onnx.ModelProto:
        return model([node(kind, names, **attributes)], {"x": (batch, *shape)}, given_, opset=opset)

    return make


# operators whose values make no rounding on small whole numbers; with an open batch, and with one point
BOTH: dict[str, Callable[[int | str], onnx.ModelProto]] = {
    "tile": one("Tile", (2, 3), {"r": integers(1, 2, 3)}),
    "depth to space DCR": one("DepthToSpace", (8, 2, 3), blocksize=2),
    "depth to space CRD": one("DepthToSpace", (18, 1, 2), blocksize=3, mode="CRD"),
    "space to depth": one("SpaceToDepth", (2, 4, 6), blocksize=2, opset=13),
    "slice backwards": one("Slice", (4, 5), {"a": integers(-1), "b": integers(-(2**62)), "c": integers(2), "d": integers(-2)}),
    "slice backwards, two axes": one(
        "Slice", (4, 5), {"a": integers(3, 1), "b": integers(0, 4), "c": integers(1, -1), "d": integers(-1, 1)}
    ),
    "slice backwards to a place": one("Slice", (6,), {"a": integers(10), "b": integers(-5), "c": integers(1), "d": integers(-3)}),
    "expand": one("Expand", (1, 3), {"s": integers(1, 4, 1)}),
    "expand by one axis's entry": one("Expand", (2, 1), {"s": integers(2, 3)}),
    "gather, any order": one("Gather", (5, 2), {"i": integers(4, 0, 0, -2)}, axis=1),
    "gather, a table": one("Gather", (4, 3), {"i": np.array([[1, 0], [2, 2]])}, axis=-1),
    "gather, one": one("Gather", (4, 3), {"i": np.array(-1)}, axis=2),
    "where, mask": one("Where", (2, 3), {"m": np.array([[True, False, True], [False, False, True]]), "c": whole(3)}, _order="m x c"),
    "where, mask of channels": one("Where", (2, 3), {"m": np.array([[True], [False]]), "c": 0.5}, _order="m c x"),
    "compress": one("Compress", (4, 2), {"m": np.array([True, False, True])}, axis=1),
    "compress, last axis": one("Compress", (2, 3), {"m": np.array([False, True, True])}, axis=-1),
    "upper": one("Trilu", (3, 4)),
    "lower": one("Trilu", (3, 3), {"k": np.array(-1)}, upper=0),
    "upper, far": one("Trilu", (2, 3), {"k": np.array(1)}),
    "pad reflect": one("Pad", (2, 4), {"p": integers(0, 0, 2, 0, 0, 3)}, mode="reflect"),
    "pad reflect, two axes": one("Pad", (1, 3, 4), {"p": integers(0, 0, 1, 2, 0, 0, 2, 1)}, mode="reflect"),
    "pad reflect of channels": one("Pad", (3, 2), {"p": integers(0, 1, 0, 0, 2, 0)}, mode="reflect"),
    "pad edge": one("Pad", (2, 3), {"p": integers(0, 1, 2, 0, 0, 4)}, mode="edge"),
    "pad wrap": one("Pad", (2, 3), {"p": integers(0, 0, 2, 0, 1, 1)}, mode="wrap", opset=19),
    "pad by nothing": one("Pad", (2, 3), {"p": integers(0, 0, 0, 0, 0, 0)}, mode="reflect"),
    "cumulative sum": one("CumSum", (3, 4), {"a": np.array(1)}),
    "cumulative sum, last axis": one("CumSum", (3, 4), {"a": np.array(-1)}, exclusive=1),
    "cumulative sum, backwards": one("CumSum", (3, 4), {"a": np.array(2)}, reverse=1),
    "cumulative sum, backwards without itself": one("CumSum", (5,), {"a": np.array(1)}, reverse=1, exclusive=1),
    "matmul, a stack": one("MatMul", (2, 3, 4), {"w": whole(2, 4, 5)}),
    "matmul, a stack for one matrix": one("MatMul", (1, 3, 4), {"w": whole(1, 3, 4, 2)}),
    "matmul, a stack on the left": one("MatMul", (2, 3, 4), {"w": whole(2, 5, 3)}, _order="w x"),
    "matmul, one matrix of a deep stack": one("MatMul", (2, 3, 4, 2), {"w": whole(3, 2, 5)}),
    "matmul, stacks of stacks": one("MatMul", (2, 1, 3, 4), {"w": whole(1, 2, 5, 4, 2)}),
    "matmul, a column of stacks": one("MatMul", (2, 3, 4, 2), {"w": whole(2, 1, 5, 4)}, _order="w x"),
    "einsum, a matrix": one("Einsum", (3, 4), {"w": whole(4, 5)}, equation="nij,jk->nik"),
    "einsum, channels": one("Einsum", (3, 4), {"w": whole(3, 4, 2)}, equation="nij,ijk->nki"),
    "einsum, by entries": one("Einsum", (3, 4), {"w": whole(3, 4)}, equation="nij,ij->nij"),
    "einsum, sums": one("Einsum", (3, 4), {"w": whole(3, 2)}, equation="nij,ik->nk"),
    "einsum, constant first": one("Einsum", (3, 4), {"w": whole(2, 3)}, equation="ki,nij->njk", _order="w x"),
    "einsum, turned": one("Einsum", (3, 4), equation="nij->nji"),
    "einsum, one sum": one("Einsum", (3, 4), equation="nij->nj"),
    "einsum, implicit": one("Einsum", (3,), {"w": whole(3, 2)}, equation="ai,ib"),
    "einsum, outer": one("Einsum", (3,), {"w": whole(2)}, equation="ai,b->aib"),
    "mean of three": lambda b: model([node("Mean", "x c x d")], {"x": (b, 3)}, {"c": whole(3), "d": 4.0}),
    "conv transpose": one("ConvTranspose", (2, 4), {"w": whole(2, 3, 3)}),
    "conv transpose, strides": one("ConvTranspose", (2, 4), {"w": whole(2, 3, 3), "b": whole(3)}, strides=[2]),
    "conv transpose, pads": one("ConvTranspose", (2, 3, 4), {"w": whole(2, 3, 3, 2)}, strides=[2, 3], pads=[1, 0, 2, 1]),
    "conv transpose, output padding": one(
        "ConvTranspose", (2, 3, 3), {"w": whole(2, 1, 3, 3)}, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0]
    ),
    "conv transpose, dilations": one("ConvTranspose", (1, 3, 3), {"w": whole(1, 2, 2, 2)}, dilations=[2, 1], strides=[1, 2]),
    "conv transpose, groups": one("ConvTranspose", (4, 3), {"w": whole(4, 2, 2), "b": whole(4)}, group=2, strides=[2]),
    "conv transpose, depthwise": one("ConvTranspose", (3, 3, 3), {"w": whole(3, 1, 2, 2)}, group=3, strides=[2, 2]),
    "conv transpose, output shape": one("ConvTranspose", (1, 3), {"w": whole(1, 1, 3)}, strides=[2], output_shape=[6]),
    "conv transpose, upper output shape": one(
        "ConvTranspose", (1, 3), {"w": whole(1, 1, 4)}, strides=[2], output_shape=[7], auto_pad="SAME_UPPER"
    ),
    "conv transpose, same upper": one("ConvTranspose", (1, 3, 3), {"w": whole(1, 1, 3, 4)}, strides=[2, 1], auto_pad="SAME_UPPER"),
    "conv transpose, same lower": one("ConvTranspose", (1, 3, 3), {"w": whole(1, 1, 3, 4)}, strides=[2, 1], auto_pad="SAME_LOWER"),
    "conv transpose, valid": one("ConvTranspose", (1, 3), {"w": whole(1, 1, 3)}, strides=[2], auto_pad="VALID"),
    "conv transpose, long pads": one("ConvTranspose", (1, 4), {"w": whole(1, 1, 2)}, strides=[2], pads=[3, 2]),
    "conv transpose, 3d": one("ConvTranspose", (2, 2, 2, 2), {"w": whole(2, 1, 2, 1, 2)}, strides=[1, 2, 2]),
    "upsample 9": one("Upsample", (2, 3, 2), {"s": [1.0, 1.0, 2.0, 3.0]}, opset=9),
    "upsample 7": one("Upsample", (2, 3, 2), opset=7, scales=[1.0, 1.0, 2.0, 2.0]),
    "upsample linear": one("Upsample", (2, 3, 2), {"s": [1.0, 1.0, 2.0, 4.0]}, opset=9, mode="linear"),
    "resize 10": one("Resize", (1, 2, 3), {"s": [1.0, 1.0, 2.0, 2.0]}, opset=10),
    "resize 10 down": one("Resize", (1, 4, 6), {"s": [1.0, 1.0, 0.5, 0.5]}, opset=10),
    "reduce max": one("ReduceMax", (2, 3, 4), axes=[1], opset=13),
    "reduce max, two axes": one("ReduceMax", (2, 3, 4), axes=[-1, 1], keepdims=0, opset=13),
    "reduce max, channels and places": one("ReduceMax", (2, 3), axes=[1, 2], keepdims=0, opset=13),
    "reduce min": one("ReduceMin", (2, 3, 4), {"a": integers(3)}, keepdims=0),
    "reduce min, first axis": one("ReduceMin", (2, 3), {"a": integers(1)}),
    "reduce L1": one("ReduceL1", (2, 3), {"a": integers(-1)}),
    "reduce sum of squares": one("ReduceSumSquare", (2, 3), {"a": integers(1, 2)}),
    "shrink": one("Shrink", (5,), bias=1.5, lambd=1.5),
    "thresholded": one("ThresholdedRelu", (5,), alpha=0.0),
}
for _mode in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"):
    for _nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        for _sizes in ((3, 8), (7, 2), (5, 1)):
            BOTH[f"resize {_mode} {_nearest} {_sizes}"] = one(
                "Resize",
                (2, 3, 4),
                {"z": integers(*_sizes)},
                axes=[2, 3],
                coordinate_transformation_mode=_mode,
                nearest_mode=_nearest,
                _order="x - - z",
                opset=19,
            )
# with one point only: what reaches over the batch axis, or names it in its indices
SINGLE: dict[str, Callable[[int | str], onnx.ModelProto]] = {
    "tile all axes": one("Tile", (2, 3), {"r": integers(2, 1, 1)}),
    "reverse sequence": one("ReverseSequence", (4, 3), {"l": integers(3)}, batch_axis=0, time_axis=1),
    "gather nd": one("GatherND", (3, 4), {"i": np.array([[0, 1], [0, 2]])}),
    "gather nd, entries": one("GatherND", (3, 4), {"i": np.array([[[0, -1, 1]], [[0, 2, 3]]])}),
    "gather nd, batch": one("GatherND", (3, 4), {"i": np.array([[[1], [2], [0]]])}, batch_dims=1),
    "gather nd, two batches": one("GatherND", (3, 4), {"i": np.array([[[1], [2], [0]]])}, batch_dims=2),
    "gather elements": one("GatherElements", (3, 4), {"i": np.array([[[0, 1, 2, 0], [-1, -2, 0, 0]]])}, axis=1),
    "gather elements, last": one("GatherElements", (3, 4), {"i": np.array([[[3, 0], [1, 1], [2, -1]]])}, axis=-1),
    "scatter elements": one("ScatterElements", (4,), {"i": np.array([[1, -1]]), "u": np.array([[5.0, 7.0]], dtype=np.float32)}, axis=1),
    "scatter elements, added": one(
        "ScatterElements",
        (4,),
        {"i": np.array([[1, 1, 3, 1]]), "u": np.array([[5.0, 7.0, 1.0, 2.0]], dtype=np.float32)},
        axis=1,
        reduction="add",
    ),
    "scatter elements, of the value": one("ScatterElements", (2,), {"d": whole(1, 5), "i": np.array([[3, 1]])}, axis=-1, _order="d i x"),
    "scatter nd": one("ScatterND", (3, 2), {"i": np.array([[0, 2], [0, 0]]), "u": whole(2, 2)}),
    "scatter nd, added": one("ScatterND", (3, 2), {"i": np.array([[0, 2], [0, 2]]), "u": whole(2, 2)}, reduction="add"),
    "scatter nd, the value added": one("ScatterND", (2,), {"d": whole(4), "i": np.array([[[3], [3]]])}, reduction="add", _order="d i x"),
    "compress a row": one("Compress", (3, 2), {"m": np.array([True, False, False, True, True])}),
    "pad edge, all axes": one("Pad", (2,), {"p": integers(1, 0, 0, 1)}, mode="edge"),
    "matmul, more axes": one("MatMul", (3, 4), {"w": whole(5, 1, 4, 2)}),
    "matmul of a row with a stack": one("MatMul", (4,), {"w": whole(3, 4, 2)}),
    "cumulative sum over the batch": one("CumSum", (3,), {"a": np.array(0)}),
    "where, wider": one("Where", (3,), {"m": np.array([[True], [False]]), "c": whole(3)}, _order="m x c"),
    "einsum of all": one("Einsum", (3,), {"w": whole(3)}, equation="ai,i->"),
    "einsum over the batch": one("Einsum", (3,), {"w": whole(2, 1)}, equation="ai,ba->bi"),
    "reduce max of all": one("ReduceMax", (2, 3), opset=13),
    "reduce min over the batch": one("ReduceMin", (2, 3), axes=[0], opset=13),
    "mean, wider": lambda b: model([node("Mean", "x c")], {"x": (b, 3)}, {"c": whole(2, 1, 3)}),
}
ROUNDING: dict[str, Callable[[int | str], onnx.ModelProto]] = {
    "mean of six": lambda b: model([node("Mean", "x c x d x x")], {"x": (b, 3)}, {"c": whole(3), "d": 4.0}),
}
for _mode in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"):
    for _sizes in ((3, 8), (7, 2), (5, 1)):
        ROUNDING[f"resize linear {_mode} {_sizes}"] = one(
            "Resize",
            (2, 3, 4),
            {"z": integers(*_sizes)},
            axes=[2, -1],
            coordinate_transformation_mode=_mode,
            mode="linear",
            _order="x - - z",
            opset=19,
        )
    ROUNDING[f"resize linear {_mode} by scales"] = one(
        "Resize",
        (2, 3, 4),
        {"s": np.array([1, 1, 7 / 3, 0.75], dtype=np.float32)},
        coordinate_transformation_mode=_mode,
        mode="linear",
        _order="x - s",
        opset=19,
    )
ROUNDING |= {
    "resize not larger": one(
        "Resize", (1, 4, 4), {"z": integers(7, 8)}, axes=[2, 3], keep_aspect_ratio_policy="not_larger", _order="x - - z"
    ),
    "resize not smaller": one(
        "Resize", (1, 4, 4), {"z": integers(7, 8)}, axes=[3, 2], keep_aspect_ratio_policy="not_smaller", _order="x - - z"
    ),
    "resize 3d": one("Resize", (1, 2, 3, 2), {"z": integers(4, 3, 5)}, axes=[2, 3, 4], mode="linear", _order="x - - z"),
}


@pytest.mark.parametrize("name", BOTH)
def test_the_value_is_onnxruntimes(name: str, tmp_path: Path) -> None:
    for batch in (N, 1):
        proto = BOTH[name](batch)
        net = read_unless(proto, tmp_path, "rounding decides", "two ways", "leave the entries")
        assert net is None or disagreement(proto, net, batch=3 if batch == N else 1, rounds=2) == 0


@pytest.mark.parametrize("name", SINGLE)
def test_one_point(name: str, tmp_path: Path) -> None:
    proto = SINGLE[name](1)
    assert disagreement(proto, read(proto, tmp_path), rounds=2) == 0


@pytest.mark.parametrize("name", SINGLE)
def test_points_do_not_mix(name: str, tmp_path: Path) -> None:
    """With an open batch axis such a file is refused."""
    proto = SINGLE[name](N)
    with pytest.raises(UnsupportedOperation, match="batch"):
        read(proto, tmp_path)


@pytest.mark.parametrize("name", ROUNDING)
def test_the_value_is_onnxruntimes_up_to_its_rounding(name: str, tmp_path: Path) -> None:
    for batch in (N, 1):
        proto = ROUNDING[name](batch)
        net = read_unless(proto, tmp_path, "two ways", "leave the entries")
        assert net is None or disagreement(proto, net, batch=3 if batch == N else 1, rounds=2) < 2e-6


# --- how they are read -----------------------------------------------------------------------------------------------


def test_moves_are_gathers(tmp_path: Path) -> None:
    net = read(BOTH["depth to space DCR"](N), tmp_path)
    assert [type(net.operation(n)) for n in net.order[1:]] == [Gather]
    assert read(BOTH["pad by nothing"](N), tmp_path).order == ("x",)


def test_moves_that_keep_the_order_make_a_reshape_or_nothing(tmp_path: Path) -> None:
    net = read(model([node("GatherElements", "x i", axis=1)], {"x": (1, 3)}, {"i": np.array([[0, 1, 2]])}), tmp_path)
    assert net.order == ("x",)
    net = read(model([node("GatherND", "x i")], {"x": (1, 3)}, {"i": np.array([[[0, 0]], [[0, 1]], [[0, 2]]])}), tmp_path)
    assert [type(net.operation(n)) for n in net.order[1:]] == [Reshape]


@pytest.mark.parametrize("by_sizes", [False, True])
def test_nearest_entries_that_rounding_decides_are_refused(by_sizes: bool, tmp_path: Path) -> None:
    """Entry 1 of 3 lies at 1/(1/3), and 1/3 is rounded."""
    attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    given_: Any = integers(1, 1, 3) if by_sizes else np.array([1, 1, 1 / 3], dtype=np.float32)
    proto = model([node("Resize", "x - - s" if by_sizes else "x - s", **attributes)], {"x": (1, 1, 9)}, {"s": given_}, opset=18)
    with pytest.raises(UnsupportedOperation, match=r"'y' \(Resize\): entry 1 of axis 2 .*2 and 3, so near that rounding decides"):
        read(proto, tmp_path)


@pytest.mark.parametrize("factor", [2, 3, 5, 7])
def test_entries_repeated_a_whole_number_of_times_are_read(factor: int, tmp_path: Path) -> None:
    attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    proto = model([node("Resize", "x - s", **attributes)], {"x": (1, 1, 9)}, {"s": [1.0, 1.0, float(factor)]}, opset=18)
    assert disagreement(proto, read(proto, tmp_path)) == 0


def test_a_scale_that_leaves_the_size_is_refused(tmp_path: Path) -> None:
    for mode in ("nearest", "linear"):
        proto = model([node("Resize", "x - s", mode=mode)], {"x": (1, 1, 4)}, {"s": [1.0, 1.0, 1.125]}, opset=18)
        with pytest.raises(UnsupportedOperation, match="leave the entries"):
            read(proto, tmp_path)


REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "cubic": (model([node("Resize", "x - s", mode="cubic")], {"x": (N, 1, 4)}, {"s": [1.0, 1.0, 2.0]}), "cubic"),
    "antialias": (
        model([node("Resize", "x - s", mode="linear", antialias=1)], {"x": (N, 1, 4)}, {"s": [1.0, 1.0, 0.5]}, opset=18),
        "antialias",
    ),
    "crop": (
        model([node("Resize", "x r s", coordinate_transformation_mode="tf_crop_and_resize")], {"x": (N, 4)}, {"r": [0.0], "s": [1.0, 2.0]}),
        "half_pixel",
    ),
    "resize the batch": (model([node("Resize", "x - s")], {"x": (N, 4)}, {"s": [2.0, 1.0]}), "batch axis"),
    "three modes of padding": (model([node("Pad", "x p", mode="symmetric")], {"x": (N, 4)}, {"p": integers(0, 1, 0, 1)}), "reflect"),
    "reflect too far": (model([node("Pad", "x p", mode="reflect")], {"x": (N, 3)}, {"p": integers(0, 3, 0, 0)}), "size of the axis"),
    "a product with a number": (model([node("MatMul", "w x")], {"x": ()}, {"w": whole(2, 1, 5, 4)}), "at least one axis"),
    "a cast of nothing": (model([node("Cast", "", to=1)], {"x": (N, 2)}), "input 0 is needed"),
    "a mask of numbers": (model([node("Where", "c x x")], {"x": (N, 2)}, {"c": [1.0, 0.0]}), "truth values"),
    "indices of values": (model([node("GatherND", "c x")], {"x": (N, 1)}, {"c": whole(3)}), "constant"),
    "indices beyond": (model([node("GatherElements", "x i", axis=1)], {"x": (1, 3)}, {"i": np.array([[5]])}), "-3 to 2"),
    "replaced twice": (
        model([node("ScatterElements", "x i u", axis=1)], {"x": (1, 3)}, {"i": np.array([[0, 0]]), "u": whole(1, 2)}),
        "twice",
    ),
    "scattered products": (
        model([node("ScatterND", "x i u", reduction="mul")], {"x": (1, 3)}, {"i": np.array([[0, 0]]), "u": whole(1)}, opset=18),
        "'add'",
    ),
    "two values in a sum of products": (model([node("Einsum", "x x", equation="ni,ni->n")], {"x": (N, 3)}), "not piecewise linear"),
    "an ellipsis": (model([node("Einsum", "x", equation="...i->...")], {"x": (N, 3)}), "ellipsis"),
    "a diagonal": (model([node("Einsum", "x", equation="nii->ni")], {"x": (N, 3, 3)}), "letter"),
    "sizes that differ": (model([node("Einsum", "x w", equation="ni,ij->nj")], {"x": (N, 3)}, {"w": whole(2, 2)}), "agree"),
    "tiles without end": (model([node("Tile", "x r")], {"x": (N, 9)}, {"r": integers(1, 2**40)}), "entries"),
    "a transposed kernel for other channels": (model([node("ConvTranspose", "x w")], {"x": (N, 2, 4)}, {"w": whole(3, 1, 2)}), "channels"),
    "an output that is too long": (
        model([node("ConvTranspose", "x w", output_shape=[99])], {"x": (N, 1, 4)}, {"w": whole(1, 1, 2)}),
        "output_padding",
    ),
    "upsampling that shrinks": (model([node("Upsample", "x s")], {"x": (N, 4)}, {"s": [1.0, 0.5]}, opset=9), "at least 1"),
    "stacks that do not fit": (model([node("MatMul", "x w")], {"x": (N, 3, 2, 3)}, {"w": whole(2, 3, 2)}), "agree"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    proto, words = REFUSED[name]
    with pytest.raises(LoadError) as caught:
        read(proto, tmp_path)
    assert words in str(caught.value)
    assert "node 'y' (" in str(caught.value)


def test_mutations_are_errors_or_networks(tmp_path: Path) -> None:
    """Whatever stands in a file, nothing but the package's own errors comes out."""
    rng, path, loaded = np.random.default_rng(9), tmp_path / "m.onnx", 0
    data = [make(1).SerializeToString() for make in (*list(BOTH.values())[:70], *SINGLE.values())]
    for _ in range(400):
        changed = bytearray(data[rng.integers(len(data))])
        for place in rng.integers(0, len(changed), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(bytes(changed))
        try:
            loaded += isinstance(load(path), Network)
        except (LoadError, ShapeError):
            continue
    assert 0 < loaded < 400


# --- laws ------------------------------------------------------------------------------------------------------------


@law(25)
@given(st.data())
def test_transposed_convolutions(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 2))
    groups, channels, out = (data.draw(st.integers(1, 2)) for _ in range(3))
    sizes, kernel = ([data.draw(st.integers(1, 4)) for _ in range(axes)] for _ in range(2))
    strides, dilations = ([data.draw(st.integers(1, 3)) for _ in range(axes)] for _ in range(2))
    added = [data.draw(st.integers(0, s - 1)) for s in strides]
    full = [s * (n - 1) + a + d * (k - 1) + 1 for s, n, a, d, k in zip(strides, sizes, added, dilations, kernel, strict=True)]
    begin = [data.draw(st.integers(0, min(3, n - 1))) for n in full]
    end = [data.draw(st.integers(0, min(3, n - 1 - b))) for n, b in zip(full, begin, strict=True)]
    weight = np.random.default_rng(data.draw(st.integers(0, 99))).integers(-3, 4, (groups * channels, out, *kernel)).astype(np.float32)
    proto = model(
        [node("ConvTranspose", "x w", strides=strides, dilations=dilations, output_padding=added, pads=[*begin, *end], group=groups)],
        {"x": (N, groups * channels, *sizes)},
        {"w": weight},
    )
    net = read_unless(proto, tmp_path_factory.mktemp("law"), "leaves an entry")
    assert net is None or disagreement(proto, net, batch=2, rounds=1) == 0


@law(60)
@given(st.data())
def test_products_of_stacks(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Shapes that broadcast in every way, the value on either side, with an open batch and with one point."""
    k, batch = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([N, 1]))
    stack = [data.draw(st.integers(1, 3)) for _ in range(data.draw(st.integers(0, 2)))]
    own = [data.draw(st.sampled_from([1, n])) for n in stack]
    others = [1] * data.draw(st.integers(0, 1)) + [data.draw(st.sampled_from([1, n])) for n in stack]
    others = others[data.draw(st.integers(0, len(others))) :]
    left = data.draw(st.booleans())
    value = (*own, k, data.draw(st.integers(1, 3))) if left else (*own, data.draw(st.integers(1, 3)), k)
    weight = whole(*others, data.draw(st.integers(1, 3)), k) if left else whole(*others, k, data.draw(st.integers(1, 3)))
    proto = model([node("MatMul", "w x" if left else "x w")], {"x": (batch, *value)}, {"w": weight})
    net = read(proto, tmp_path_factory.mktemp("law"))
    assert disagreement(proto, net, batch=1 if batch == 1 else 3, rounds=1) == 0


@law(60)
@given(st.data())
def test_sums_of_products(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    sizes = {c: data.draw(st.integers(1, 3)) for c in "nabcd"}
    own = "".join(data.draw(st.permutations("abc"))[: data.draw(st.integers(0, 3))])
    others = "".join(data.draw(st.permutations("abcd"))[: data.draw(st.integers(0, 4))])
    letters = sorted(set(own + others))
    result = "n" + "".join(data.draw(st.permutations(letters))[: data.draw(st.integers(0, len(letters)))])
    first = data.draw(st.booleans())
    equation = f"n{own},{others}->{result}" if first else f"{others},n{own}->{result}"
    proto = model(
        [node("Einsum", "x w" if first else "w x", equation=equation)],
        {"x": (N, *(sizes[c] for c in own))},
        {"w": whole(*(sizes[c] for c in others))},
    )
    net = read(proto, tmp_path_factory.mktemp("law"))
    assert disagreement(proto, net, batch=2, rounds=1) == 0


@law(25)
@given(st.data())
def test_nearest_entries(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    size, after = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 20))
    attributes = {
        "coordinate_transformation_mode": data.draw(st.sampled_from(["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])),
        "nearest_mode": data.draw(st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])),
    }
    proto = model([node("Resize", "x - - z", axes=[2], **attributes)], {"x": (N, 1, size)}, {"z": integers(after)}, opset=18)
    net = read_unless(proto, tmp_path_factory.mktemp("law"), "rounding decides")
    assert net is None or disagreement(proto, net, batch=2, rounds=1) == 0
