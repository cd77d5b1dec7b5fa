"""Constants in the element types of the standard: their numpy arrays, casts between types, and the rounding of exact results.

bfloat16 numbers are held as float32 ones. A sum, product, quotient or root of float16 or bfloat16 numbers, computed in float32 and rounded
once more, is the correctly rounded one: float32 has more than twice their bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.exact.rounding import round_rational
from exactnn.load._onnx.values import EXACT, FLOAT_TYPES, FLOATS, INTEGER_TYPES, Operand, Tensor

Array = np.ndarray[Any, Any]

#: element types by their numbers in the file
KINDS = {**FLOAT_TYPES, **INTEGER_TYPES, 9: "bool"}
#: bits of the mantissa, and the least and the largest exponent
_FORMS = {"bfloat16": (8, -126, 127), "float16": (11, -14, 15), "float32": (24, -126, 127), "float64": (53, -1022, 1023)}


def numbers(tensor: Tensor) -> Array:
    """The entries as numpy computes with them."""
    tensor = settled(tensor)
    assert isinstance(tensor.data, np.ndarray)
    return tensor.data.astype(_dtype(tensor.kind))


def truths(tensor: Tensor) -> Array:
    """The entries of a constant of truth values."""
    if tensor.kind != "bool":
        raise LoadError(f"tensor {shown(tensor.name)}: truth values are needed, got {tensor.kind}")
    return numbers(tensor)


def _dtype(kind: str) -> np.dtype[Any]:
    return np.dtype("float32" if kind == "bfloat16" else kind)


def tensor_of(name: str, kind: str, array: Any) -> Tensor:
    """The constant with these entries, which numpy has computed in the type of the kind."""
    array = np.asarray(array)
    if kind == "bfloat16":
        array = _to_bfloat16(array.astype(np.float32))
    return Tensor(name, kind, array.astype("u1" if kind == "bool" else _dtype(kind)))


def settled(tensor: Tensor) -> Tensor:
    """The constant with entries of its type: an exact result is rounded once if it is one of floats, and wraps if it is one of integers."""
    if isinstance(tensor.data, np.ndarray) or tensor.kind == EXACT:
        return tensor
    exact, kind = tensor.data, tensor.kind
    if kind in FLOATS:
        return Tensor(tensor.name, kind, _rounded(exact, kind))
    if exact.denominator != 1:
        raise UnsupportedOperation(
            f"the result has the type {kind}, and the exact one is no whole number; programs cut it off in several ways; "
            "cast the operands to a float type first"
        )
    plain = np.dtype("u1" if kind == "bool" else kind)
    if exact.numerators.dtype != object:
        return Tensor(tensor.name, kind, exact.numerators.astype(plain))
    bits = plain.itemsize * 8
    wrapped = np.array([int(n) & ((1 << bits) - 1) for n in exact.numerators.ravel()], dtype=np.uint64)
    return Tensor(tensor.name, kind, wrapped.astype(f"u{bits // 8}").view(plain).reshape(exact.shape))


def _rounded(exact: RationalArray, kind: str) -> Array:
    wide = exact.to_float()
    if kind == "float64":
        return wide
    with np.errstate(all="ignore"):
        near = _to_bfloat16(wide.astype(np.float32)) if kind == "bfloat16" else wide.astype(kind)
    if kind == "bfloat16":
        doubtful = near != wide
    else:  # rounding twice does harm only where float64 ends up half way between two neighbours
        beyond = np.where(wide > near, np.inf, -np.inf).astype(kind)
        with np.errstate(all="ignore"):
            doubtful = (near != wide) & (wide - near == np.nextafter(near, beyond) - wide)
    doubtful = doubtful & (wide != 0)
    flat = near.reshape(-1)
    for i in np.flatnonzero(doubtful):
        flat[i] = float(round_rational(RationalArray(exact.numerators.reshape(-1)[i : i + 1], exact.denominator).item(), kind))
    return near


def _to_bfloat16(array: Array) -> Array:
    """float32 numbers rounded to bfloat16 ones, ties to even."""
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isfinite(array), rounded, array)


def holds(kind: str, other: str) -> bool:
    """Whether each number of the float type `other` is one of `kind`."""
    (bits, least, largest), (less, higher, lower) = _FORMS[kind], _FORMS[other]
    return bits >= less and least - bits <= higher - less and largest >= lower


def cast(tensor: Tensor, kind: str) -> Tensor:
    """The constant in another type: rounded to floats, wrapped among integers, cut off from floats to integers."""
    array = numbers(tensor)
    if kind == "bool":
        return tensor_of(tensor.name, kind, array != 0)
    if kind in FLOATS:
        return tensor_of(tensor.name, kind, _to_floats(array, kind))
    if tensor.kind in FLOATS:
        array = np.trunc(array.astype(np.float64))
        info = np.iinfo(kind)
        if not (np.isfinite(array) & (array >= float(info.min)) & (array < float(info.max) + (kind not in ("int64", "uint64")))).all():
            raise UnsupportedOperation(f"a cast of numbers beyond {kind}, which programs do differently; let the file hold the integers")
    with np.errstate(all="ignore"):
        return tensor_of(tensor.name, kind, array.astype(kind))


def _to_floats(array: Array, kind: str) -> Array:
    with np.errstate(all="ignore"):
        if kind not in ("float16", "bfloat16") or array.dtype in (np.float32, np.float16, np.bool_):
            return array if kind == "bfloat16" else array.astype(kind)
        narrow = array.astype(np.float32)
        if kind == "bfloat16":
            disputed = (narrow != array) & ((narrow.view(np.uint32) & 0xFFFF) == 0x8000)
        else:
            disputed = narrow.astype(np.float16) != array.astype(np.float16)
            disputed &= ~np.isnan(narrow)
    if np.any(disputed):
        raise UnsupportedOperation(
            f"a cast to {kind}, which programs round once or twice, with different results here; use float32 between"
        )
    return narrow


def one_kind(*tensors: Tensor) -> str:
    """The element type that all of them have; LoadError if there are several."""
    kinds = {t.kind for t in tensors}
    if len(kinds) > 1:
        raise LoadError(f"operands of one element type are needed, got {', '.join(sorted(kinds))}")
    return tensors[0].kind


#: operators whose operands have one type, those of Where behind the first
_ONE_TYPE = frozenset(
    {"Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "MatMul", "Gemm", "Conv", "ConvTranspose", "PRelu", "Concat", "Clip"}
    | {"Einsum", "BatchNormalization", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Where"}
    | {"FusedGemm", "FusedConv", "FusedMatMul"}
)


def check_one_type(operator: str, operands: Sequence[Operand | None]) -> None:
    """LoadError if a constant of integers meets values, which are floats, in an operator whose operands have one type."""
    found = [o for o in operands[operator == "Where" :] if isinstance(o, Tensor)]
    wrong = [t for t in found if t.kind not in (*FLOATS, EXACT)]
    if operator in _ONE_TYPE and wrong and len(found) < len(operands[operator == "Where" :]):
        raise LoadError(
            f"operands of one element type are needed, but {shown(wrong[0].name)} has {wrong[0].kind} and the values are floats"
        )
