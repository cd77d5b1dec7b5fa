"""What flows through an ONNX graph while it is read: constant tensors, and values that depend on the input.

Tensors are decoded here and not by the onnx package: sizes in the file are checked against the bytes that are there, and
bfloat16 and float16 stay the dyadic rationals they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from exactnn.errors import ArgumentError, LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.load._external import DataFiles
from exactnn.load._file import naming
from exactnn.load._limits import checked_size
from exactnn.network.operations import Shape

if TYPE_CHECKING:
    import onnx

    from exactnn.load._onnx.reader import Reader

#: ONNX element types that are read: number -> name, numpy type of the raw bytes, field that holds unpacked values
_TYPES: dict[int, tuple[str, str, str]] = {
    1: ("float32", "<f4", "float_data"),
    2: ("uint8", "<u1", "int32_data"),
    3: ("int8", "<i1", "int32_data"),
    4: ("uint16", "<u2", "int32_data"),
    5: ("int16", "<i2", "int32_data"),
    6: ("int32", "<i4", "int32_data"),
    7: ("int64", "<i8", "int64_data"),
    9: ("bool", "<u1", "int32_data"),
    10: ("float16", "<f2", "int32_data"),
    11: ("float64", "<f8", "double_data"),
    12: ("uint32", "<u4", "uint64_data"),
    13: ("uint64", "<u8", "uint64_data"),
    16: ("bfloat16", "<u2", "int32_data"),
}
FLOATS = ("float16", "bfloat16", "float32", "float64")
#: what is no tensor of the file, but a number on the way, which is not rounded
EXACT = "exact"
#: their numbers in the file, and those of integers
FLOAT_TYPES = {number: kind for number, (kind, _, _) in _TYPES.items() if kind in FLOATS}
INTEGER_TYPES = {number: kind for number, (kind, _, _) in _TYPES.items() if kind not in (*FLOATS, "bool")}
#: where the data of a tensor lie, if not in the model
EXTERNAL = 1
_MAX_INDEX_LIST = 1 << 16


@dataclass(frozen=True, eq=False)
class Tensor:
    """A constant; its shape counts every axis. `kind` is its element type, "float32" or "int64" say."""

    name: str
    kind: str
    data: np.ndarray[Any, Any] | RationalArray = field(repr=False)

    @property
    def shape(self) -> Shape:
        """Lengths of all axes."""
        return tuple(int(n) for n in self.data.shape)

    @property
    def is_integer(self) -> bool:
        """Whether arithmetic on it is that of integers."""
        return self.kind not in (*FLOATS, EXACT)

    @cached_property
    def rational(self) -> RationalArray:
        """The exact entries; NotFiniteError names tensor and index."""
        return RationalArray.of(self.data, f"tensor {shown(self.name)}")

    @property
    def only_infinite(self) -> bool:
        """Whether it is one entry, and infinite: a bound that bounds nothing."""
        return isinstance(self.data, np.ndarray) and self.data.size == 1 and bool(np.isinf(self.data).all())

    def integers(self) -> list[int]:
        """The entries of a short list of integers, or of a single one (shapes, axes, positions)."""
        if not self.is_integer or len(self.shape) > 1 or math.prod(self.shape) > _MAX_INDEX_LIST:
            raise LoadError(f"tensor {shown(self.name)}: a list of integers is needed, got {self.kind} of shape {list(self.shape)}")
        array = self.data.numerators if isinstance(self.data, RationalArray) else self.data
        return [int(v) for v in array.ravel()]


@dataclass(frozen=True)
class OnnxValue:
    """A value that depends on the input: a node of the network.

    `shape` leaves the batch axis out; it is the first axis in the file if `batched`, and there is none otherwise. `batch` is its size.
    """

    node: str
    shape: Shape
    batched: bool
    batch: int = 1

    @property
    def full(self) -> Shape:
        """The shape in the file, at batch size 1 if it leaves that open."""
        return (self.batch, *self.shape) if self.batched else self.shape


Operand = Tensor | OnnxValue


class Deferred:
    """What has no value of its own here: a comparison, an error function. Nodes that read it may make a value of it."""

    def settled(self, reader: Reader) -> Operand:
        """The value, for a node that can do nothing else with it; UnsupportedOperation if there is none."""
        raise NotImplementedError  # pragma: no cover - every one overrides this


def exact(array: RationalArray) -> Tensor:
    """Numbers on the way, which are not rounded."""
    return Tensor("", EXACT, array)


def item(operand: Operand) -> str | RationalArray:
    """The node of a value, or the numbers of a constant."""
    return operand.node if isinstance(operand, OnnxValue) else operand.rational


def full_shape(operand: Operand) -> Shape:
    """The shape in the file, at batch size 1 if it leaves that open."""
    return operand.full if isinstance(operand, OnnxValue) else operand.shape


def decode_tensor(proto: onnx.TensorProto, name: str, files: DataFiles) -> Tensor:
    """A tensor of the file, or of one beside it; LoadError if its bytes are not what its header says."""
    place = f"tensor {shown(name)}"
    if proto.HasField("segment"):
        raise LoadError(f"{place}: it is stored in segments, which no known writer makes")
    if proto.data_type not in _TYPES:
        known = ", ".join(kind for kind, _, _ in _TYPES.values())
        raise LoadError(f"{place}: element type {known} is needed, got type number {proto.data_type}")
    kind, dtype, unpacked = _TYPES[proto.data_type]
    shape = tuple(int(n) for n in proto.dims)
    with naming(place):
        checked_size(tuple(n or 1 for n in shape))  # an empty tensor is an empty list of axes, say
    entries = math.prod(shape)
    if proto.data_location == EXTERNAL or len(proto.external_data):
        if proto.data_location != EXTERNAL or proto.raw_data or len(getattr(proto, unpacked)):
            raise LoadError(f"{place}: its data lie either in the model or in another file, but the file says both")
        with naming(place):
            data = files.piece([(entry.key, entry.value) for entry in proto.external_data], entries * np.dtype(dtype).itemsize)
        array = np.frombuffer(data, dtype=dtype)
    elif proto.raw_data or not len(getattr(proto, unpacked)):
        array = _from_bytes(proto.raw_data, np.dtype(dtype), entries, place)
    else:
        array = _from_list(getattr(proto, unpacked), np.dtype(dtype), entries, place)
    if kind == "bfloat16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return Tensor(name, kind, array.reshape(shape))


def _from_bytes(data: bytes, dtype: np.dtype[Any], entries: int, place: str) -> np.ndarray[Any, Any]:
    if len(data) != entries * dtype.itemsize:
        raise LoadError(f"{place}: {entries * dtype.itemsize} bytes are needed for its shape, got {len(data)}")
    return np.frombuffer(data, dtype=dtype)


def _from_list(values: Any, dtype: np.dtype[Any], entries: int, place: str) -> np.ndarray[Any, Any]:
    if len(values) != entries:
        raise LoadError(f"{place}: {entries} entries are needed for its shape, got {len(values)}")
    if dtype.kind == "f" and dtype.itemsize > 2:
        return np.array(values, dtype=dtype)
    wide = np.array(values, dtype=np.uint64 if dtype == np.uint64 else np.int64)
    bits = np.dtype("<u2") if dtype.kind == "f" else dtype  # float16 is listed by its bits
    narrow = wide.astype(bits)
    if (narrow != wide).any():
        raise LoadError(f"{place}: an entry does not fit into its element type")
    return narrow.view(dtype)


class Attributes:
    """The attributes of a node, each read under its expected type; those nobody expects are refused."""

    def __init__(self, node: onnx.NodeProto, known: frozenset[str], files: DataFiles) -> None:
        self._files = files
        self._found: dict[str, onnx.AttributeProto] = {}
        for attribute in node.attribute:
            if attribute.name in self._found:
                raise LoadError(f"attribute {shown(attribute.name)}: it is given twice")
            if attribute.name not in known:
                raise UnsupportedOperation(
                    f"attribute {shown(attribute.name)} is not known here" + (f" (known: {', '.join(sorted(known))})" if known else "")
                )
            if attribute.ref_attr_name:
                raise LoadError(f"attribute {attribute.name}: it refers to a function's attribute, outside of any function")
            self._found[attribute.name] = attribute

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def _get(self, name: str, kind: int) -> onnx.AttributeProto | None:
        attribute = self._found.get(name)
        if attribute is not None and attribute.type != kind:
            raise LoadError(f"attribute {name}: type number {kind} is needed, got {attribute.type}")
        return attribute

    def number(self, name: str, default: float) -> float:
        """A float32, as the float64 of the same value; a default is rounded to float32 as the standard's is."""
        attribute = self._get(name, 1)
        value = float(np.float32(default)) if attribute is None else attribute.f
        if not math.isfinite(value):
            raise ArgumentError(f"attribute {name}: a finite number is needed, got {value}")
        return value

    def raw_number(self, name: str) -> float | None:
        """A float32, which may be infinite, or None if it is not given."""
        attribute = self._get(name, 1)
        return None if attribute is None else attribute.f

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer; without a default it must be given."""
        attribute = self._get(name, 2)
        if attribute is None:
            if default is None:
                raise LoadError(f"attribute {name}: it is needed, but not given")
            return default
        return int(attribute.i)

    def flag(self, name: str, default: bool = False) -> bool:
        """An integer that is 0 or 1."""
        value = self.integer(name, int(default))
        if value not in (0, 1):
            raise LoadError(f"attribute {name}: 0 or 1 is needed, got {value}")
        return bool(value)

    def text(self, name: str, default: str) -> str:
        """A text."""
        attribute = self._get(name, 3)
        return default if attribute is None else attribute.s.decode("utf-8", errors="replace")

    def integers(self, name: str) -> list[int] | None:
        """A list of integers, or None if it is not given."""
        attribute = self._get(name, 7)
        return None if attribute is None else [int(v) for v in attribute.ints]

    def floats(self, name: str) -> list[float] | None:
        """A list of floats, or None if it is not given."""
        attribute = self._get(name, 6)
        return None if attribute is None else [float(v) for v in attribute.floats]

    def tensor(self, name: str, owner: str) -> Tensor | None:
        """A tensor, or None if it is not given."""
        attribute = self._get(name, 4)
        return None if attribute is None else decode_tensor(attribute.t, owner, self._files)
