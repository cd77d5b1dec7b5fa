"""Arrays of rationals: integer numerators in a numpy array over one common denominator.

    entry[i] = numerators[i] / denominator,   gcd(denominator, all numerators) = 1

Canonical on construction: equal values, equal object, equal hash. Numerators are int64 where they fit and Python integers where
they do not; sums and products are checked for overflow beforehand, and large products go to FLINT. Floats come in as the dyadic
rationals they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq_mat, fmpz, fmpz_mat

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.exact._products import by_limbs
from exactnn.exact.clock import clock_in_force
from exactnn.exact.limbs import CutMatrix
from exactnn.exact.numbers import Number, as_fraction
from exactnn.texts import exactly, number, vector
from exactnn.value import ROWS, Value

_LIMIT = 1 << 62  # int64 numerators stay below this, so that a sum of two cannot overflow
_EXACT_FLOAT = 1 << 53
_WIDE, _FEW = 64, 6  # entries of a row that are looked at when it is printed, and of a wider one
_PRODUCTS = 1 << 26  # words times words in a product of FLINT's matrices, between two looks at the clock


class RationalArray(Value):
    """An immutable array of rationals.

    Examples
    --------
    >>> a = RationalArray.of([[0.5, "1/3"], [2, 0]])
    >>> a.shape, a.denominator
    ((2, 2), 6)
    >>> (a @ a).to_fractions()[0]
    Fraction(11, 12)
    """

    __slots__ = ("_bound", "_cut", "_flint", "_rounded", "denominator", "numerators")

    numerators: np.ndarray[Any, Any]
    denominator: int

    def __init__(self, numerators: np.ndarray[Any, Any], denominator: int = 1) -> None:
        """The array numerators / denominator (integers of numpy's int64 or Python's; denominator > 0)."""
        numerators, denominator = _reduce(np.asarray(numerators), denominator)
        numerators.flags.writeable = False
        self.numerators = numerators
        self.denominator = denominator
        self._bound: int | None = None
        self._flint: fmpz_mat | None = None
        self._cut: CutMatrix | None = None
        self._rounded: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None

    @classmethod
    def of(cls, values: Any, argument: str = "value", *, ndim: int | None = None) -> RationalArray:
        """The array that nested sequences, a numpy array or a torch tensor hold, without rounding.

        Raises NotFiniteError (with the index) for NaN and infinity, ShapeError for ragged lists or, if `ndim` is given, another
        number of axes, ArgumentError for entries that are no numbers.
        """
        array = values if isinstance(values, cls) else _convert(cls, values, argument)
        if ndim is not None and array.ndim != ndim:
            raise ShapeError(f"{argument}: {ndim} axes are needed, got shape {array.shape}")
        return array

    @classmethod
    def zeros(cls, shape: Sequence[int]) -> RationalArray:
        """The zero array."""
        return cls(np.zeros(tuple(shape), dtype=np.int64))

    @classmethod
    def eye(cls, size: int) -> RationalArray:
        """The identity matrix."""
        return cls(np.eye(size, dtype=np.int64))

    @classmethod
    def unit(cls, size: int, place: int) -> RationalArray:
        """The unit vector with 1 in this place."""
        return cls(np.array([int(i == place) for i in range(size)], dtype=np.int64))

    @classmethod
    def from_fractions(cls, values: Iterable[Fraction | int], shape: Sequence[int]) -> RationalArray:
        """The array of these fractions (row-major)."""
        flat = [Fraction(v) for v in values]
        denominator = math.lcm(*(v.denominator for v in flat)) if flat else 1
        return cls(integer_array((v.numerator * (denominator // v.denominator) for v in flat), shape), denominator)

    # --- shape -------------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(int(n) for n in self.numerators.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.numerators.ndim

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(self.numerators.size)

    def reshape(self, *shape: int) -> RationalArray:
        """Row-major reshape."""
        return self._same(self.numerators.reshape(shape))

    def transpose(self, *axes: int) -> RationalArray:
        """Axis i of the result is axis axes[i]; without axes, reversed."""
        return self._same(self.numerators.transpose(*axes))

    @property
    def T(self) -> RationalArray:
        """The transpose."""
        return self.transpose()

    def __getitem__(self, index: Any) -> RationalArray:
        chosen = self.numerators[index]
        if not isinstance(chosen, np.ndarray):
            chosen = _scalar_array(int(chosen))
        return RationalArray(chosen, self.denominator)

    def __len__(self) -> int:
        return len(self.numerators)

    def _same(self, numerators: np.ndarray[Any, Any]) -> RationalArray:
        """A rearrangement of all entries: the denominator stays reduced."""
        new = object.__new__(RationalArray)
        numerators.flags.writeable = False
        new.numerators, new.denominator = numerators, self.denominator
        new._bound, new._flint, new._cut, new._rounded = self._bound, None, None, None
        return new

    # --- values ------------------------------------------------------------------------------------------------------------

    def to_fractions(self) -> tuple[Fraction, ...]:
        """All entries, row-major."""
        d = self.denominator
        return tuple(Fraction(int(n), d) for n in self.numerators.ravel())

    def to_rows(self) -> tuple[tuple[Fraction, ...], ...]:
        """The rows of a matrix."""
        flat, width = self.to_fractions(), self.shape[1]
        return tuple(flat[i * width : (i + 1) * width] for i in range(len(self)))

    def item(self) -> Fraction:
        """The only entry of an array of one entry."""
        if self.size != 1:
            raise ShapeError(f"item: an array of one entry is needed, got shape {self.shape}")
        return Fraction(int(self.numerators.ravel()[0]), self.denominator)

    def to_float(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Nearest float64 numbers, for proposals only; beyond the range of float64, infinities."""
        d = self.denominator
        if self.numerators.dtype != object:
            if d & (d - 1) == 0 and d.bit_length() < 900:  # one rounding, to float64; dividing by a power of two makes none
                return np.asarray(np.ldexp(self.numerators.astype(np.float64), 1 - d.bit_length()))
            if d < _EXACT_FLOAT and self.bound < _EXACT_FLOAT:
                return np.asarray(self.numerators / d, dtype=np.float64)
        flat = [nearest_float(int(n), d) for n in self.numerators.ravel()]
        return np.array(flat, dtype=np.float64).reshape(self.shape)

    @property
    def bound(self) -> int:
        """max |numerators|."""
        if self._bound is None:
            self._bound = _bound(self.numerators)
        return self._bound

    def is_zero(self) -> bool:
        """Whether every entry is 0."""
        return self.bound == 0

    def nonzero(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mask of the entries that are not 0."""
        return np.asarray(self.numerators != 0, dtype=bool)

    def exceeds(self, limit: Fraction) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mask of the entries with |entry| > limit."""
        scaled = limit * self.denominator  # |n| > q for an integer n exactly if |n| > floor(q)
        floor = scaled.numerator // scaled.denominator
        if self.numerators.dtype == object or floor >= _LIMIT:
            return np.asarray(abs(self.numerators.astype(object)) > floor, dtype=bool)
        return np.asarray(np.abs(self.numerators) > floor, dtype=bool)

    def sign(self) -> np.ndarray[Any, np.dtype[np.int8]]:
        """-1, 0 or 1 for each entry."""
        return (self.numerators > 0).astype(np.int8) - (self.numerators < 0).astype(np.int8)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RationalArray):
            return NotImplemented
        return self.denominator == other.denominator and self.shape == other.shape and bool((self.numerators == other.numerators).all())

    def __hash__(self) -> int:
        if self.numerators.dtype == object:
            return hash((self.shape, self.denominator, tuple(self.numerators.ravel())))
        return hash((self.shape, self.denominator, self.numerators.tobytes()))

    def __reduce__(self) -> tuple[Any, ...]:
        return RationalArray, (self.numerators, self.denominator)

    def _parts(self) -> Mapping[str, Any]:
        """As the formats write tensors: integers over one denominator, row-major."""
        return {"shape": self.shape, "denominator": self.denominator, "numerators": self.numerators.ravel().tolist()}

    def _summary(self) -> str:
        short = [exactly(q, 24) or number(q) for q in self.to_fractions()] if self.size <= 6 else ["..."]
        return f"shape={self.shape}, [{', '.join(short)}]"

    def _rows(self) -> list[tuple[str, str]]:
        width = self.shape[-1] if self.ndim else 1
        rows = self.numerators.reshape(-1, width)[:ROWS] if self.size else ()
        shown = [[Fraction(int(n), self.denominator) for n in row[: width if width <= _WIDE else _FEW]] for row in rows]
        more = "" if width <= _WIDE else f"{width} numbers, the first ones "
        return [(str(i), f"{more}{vector(row)}") for i, row in enumerate(shown)]

    # --- arithmetic --------------------------------------------------------------------------------------------------------

    def __add__(self, other: RationalArray | Number) -> RationalArray:
        return _combine(self, _coerce(other), np.add)

    __radd__ = __add__

    def __sub__(self, other: RationalArray | Number) -> RationalArray:
        return _combine(self, _coerce(other), np.subtract)

    def __rsub__(self, other: Number) -> RationalArray:
        return _combine(_coerce(other), self, np.subtract)

    def __neg__(self) -> RationalArray:
        return self._same(np.asarray(-self.numerators, dtype=self.numerators.dtype))

    def __abs__(self) -> RationalArray:
        return self._same(np.asarray(np.abs(self.numerators), dtype=self.numerators.dtype))

    def __mul__(self, other: RationalArray | Number) -> RationalArray:
        other = _coerce(other)
        a, b = self.numerators, other.numerators
        if (a.dtype == object) is not (b.dtype == object) or self.bound * other.bound >= _LIMIT:
            a, b = a.astype(object), b.astype(object)
        return RationalArray(np.asarray(a * b, dtype=a.dtype), self.denominator * other.denominator)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> RationalArray:
        return self * (1 / as_fraction(other, "divisor"))

    def __rtruediv__(self, other: Number) -> RationalArray:
        q = as_fraction(other)
        return RationalArray.from_fractions([q / entry for entry in self.to_fractions()], self.shape)

    def __matmul__(self, other: RationalArray) -> RationalArray:
        """Product of matrices, or of a matrix and a vector."""
        if other.ndim == 1:
            return (self @ other.reshape(-1, 1)).reshape(*self.shape[:-1])
        if self.ndim == 1:
            return (self.reshape(1, -1) @ other).reshape(other.shape[1])
        (m, k), (k2, n) = self.shape, other.shape
        if k != k2:
            raise ShapeError(f"matrix product: inner sizes must agree, got {self.shape} and {other.shape}")
        denominator = self.denominator * other.denominator
        reach = self.bound * other.bound * max(k, 1)
        if self.numerators.dtype != object and other.numerators.dtype != object:
            if reach < _EXACT_FLOAT:  # every partial sum is an integer below 2^53, so that BLAS makes no rounding
                product = self.numerators.astype(np.float64) @ other.numerators.astype(np.float64)
                return RationalArray(product.astype(np.int64), denominator)
            if reach < _LIMIT and m * k * n < 1 << 14:
                return RationalArray(self.numerators @ other.numerators, denominator)
        large = by_limbs(self.numerators, other.numerators, (self.bound, other.bound))
        if large is not None:
            return RationalArray(large, denominator)
        clock = clock_in_force()
        words = (self.bound.bit_length() + other.bound.bit_length()) // 64 + 1
        step = max(_PRODUCTS // (k * n * words + 1), 1)
        if step >= m:
            clock.check("an exact product of matrices was to be computed")
            return RationalArray(integer_array((self.to_flint() * other.to_flint()).entries(), (m, n)), denominator)
        entries: list[Any] = []
        for start in range(0, m, step):
            clock.check(f"an exact product of matrices was being computed, {start} of {m} rows done")
            rows = self.numerators[start : start + step]
            entries += (fmpz_mat(len(rows), k, rows.ravel().tolist()) * other.to_flint()).entries()
        return RationalArray(integer_array(entries, (m, n)), denominator)

    def maximum(self, other: RationalArray | Number) -> RationalArray:
        """Entrywise maximum."""
        return _combine(self, _coerce(other), np.maximum)

    def relu(self) -> RationalArray:
        """max(entry, 0)."""
        return RationalArray(np.asarray(np.maximum(self.numerators, 0), dtype=self.numerators.dtype), self.denominator)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> RationalArray:
        """Sum over axes."""
        numerators = self.numerators
        if numerators.dtype != object and self.bound * max(self.size, 1) >= _LIMIT:
            numerators = numerators.astype(object)
        total = numerators.sum(axis=axis)
        if not isinstance(total, np.ndarray):
            total = _scalar_array(int(total))
        return RationalArray(total, self.denominator)

    def max(self, axis: int) -> RationalArray:
        """Maximum over one axis."""
        return RationalArray(np.asarray(self.numerators.max(axis=axis), dtype=self.numerators.dtype), self.denominator)

    def to_flint(self) -> fmpz_mat:
        """The numerators of a matrix as FLINT's integer matrix (kept, since weights are multiplied often)."""
        if self._flint is None:
            rows, columns = self.shape
            self._flint = fmpz_mat(rows, columns, self.numerators.ravel().tolist())
        return self._flint

    def to_cut(self) -> CutMatrix:
        """The numerators of a matrix for the range of its product with intervals (kept likewise)."""
        if self._cut is None:
            self._cut = CutMatrix(self.numerators)
        return self._cut

    def to_rounded(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
        """The nearest float64 numbers and their sizes, not to be written to (kept likewise)."""
        if self._rounded is None:
            found = self.to_float()
            self._rounded = found, np.abs(found)
        return self._rounded

    def to_fmpq_mat(self) -> fmpq_mat:
        """A matrix as FLINT's rational matrix."""
        return fmpq_mat(self.to_flint()) / fmpz(self.denominator)


def concatenate(arrays: Sequence[RationalArray], axis: int = 0) -> RationalArray:
    """The arrays joined along an axis."""
    denominator = math.lcm(*(a.denominator for a in arrays))
    parts = [_scaled(a, denominator // a.denominator) for a in arrays]
    if len({p.dtype == object for p in parts}) == 2:
        parts = [p.astype(object) for p in parts]
    return RationalArray(np.concatenate(parts, axis=axis), denominator)


def affine_table(column: RationalArray, left: RationalArray, right: RationalArray, row: RationalArray) -> RationalArray:
    """The matrix (column | left right + row), the row added to each row of the product; without arrays in between where it is large.

    Parameters
    ----------
    column, left, right, row : (m,), (m, k), (k, n), (n,)
    """
    denominator = math.lcm(left.denominator * right.denominator, row.denominator, column.denominator)
    factor = denominator // (left.denominator * right.denominator)
    rows, added = _scaled(left, factor), _scaled(row, denominator // row.denominator)
    large = by_limbs(rows, right.numerators, (left.bound * factor, right.bound), added)
    if large is None:
        return concatenate([column.reshape(-1, 1), left @ right + row], axis=1)
    table = np.empty((len(large), 1 + large.shape[1]), dtype=object)
    table[:, 0], table[:, 1:] = _scaled(column, denominator // column.denominator), large
    return RationalArray(table, denominator)


def _combine(a: RationalArray, b: RationalArray, operation: Callable[[Any, Any], np.ndarray[Any, Any]]) -> RationalArray:
    """A sum, difference or maximum over the common denominator (no result exceeds the sum of the two sizes)."""
    denominator = math.lcm(a.denominator, b.denominator)
    x, y = _scaled(a, denominator // a.denominator), _scaled(b, denominator // b.denominator)
    if (x.dtype == object) is not (y.dtype == object):
        x, y = x.astype(object), y.astype(object)
    # without the dtype, numpy would turn Python integers (of arrays without axes) into uint64 or even float64
    return RationalArray(np.asarray(operation(x, y), dtype=x.dtype), denominator)


def _scaled(a: RationalArray, factor: int) -> np.ndarray[Any, Any]:
    if factor == 1:
        return a.numerators
    if a.numerators.dtype == object or max(a.bound, 1) * factor >= _LIMIT:
        return np.asarray(a.numerators.astype(object) * factor, dtype=object)
    return np.asarray(a.numerators * factor)


def _coerce(value: RationalArray | Number) -> RationalArray:
    if isinstance(value, RationalArray):
        return value
    q = as_fraction(value)
    return RationalArray(_scalar_array(q.numerator), q.denominator)


def _scalar_array(value: int) -> np.ndarray[Any, Any]:
    array = np.empty((), dtype=object)
    array[()] = value
    return array


def integer_array(entries: Iterable[Any], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """Integers of any size (row-major) as an array of Python's integers."""
    flat = [int(e) for e in entries]
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(tuple(shape))


def _bound(numerators: np.ndarray[Any, Any]) -> int:
    if numerators.size == 0:
        return 0
    return max(int(numerators.max()), -int(numerators.min()))


def _reduce(numerators: np.ndarray[Any, Any], denominator: int) -> tuple[np.ndarray[Any, Any], int]:
    """Cancel the common factor; int64 exactly when every entry is below 2^62."""
    bound = _bound(numerators)
    if bound == 0:
        return np.zeros(numerators.shape, dtype=np.int64), 1
    if denominator != 1:
        common = _common_factor(numerators, denominator)
        if common != 1:
            if numerators.dtype != object and common < _LIMIT:
                numerators = np.asarray(numerators // common)
            else:
                numerators = np.asarray(numerators.astype(object) // common, dtype=object)
            denominator //= common
            bound //= common
    if bound < _LIMIT:
        if numerators.dtype != np.int64:
            numerators = numerators.astype(np.int64)
    elif numerators.dtype != object:
        numerators = numerators.astype(object)
    return numerators.view() if numerators.flags.writeable is False else numerators, int(denominator)


def _common_factor(numerators: np.ndarray[Any, Any], denominator: int) -> int:
    flat = numerators.ravel()
    common = denominator
    for start in range(0, flat.size, 4096):  # most arrays are done after the first few entries
        chunk = flat[start : start + 4096]
        if chunk.dtype == object:
            common = math.gcd(common, *chunk.tolist())
        else:
            common = math.gcd(common, int(np.gcd.reduce(chunk)))
        if common == 1:
            break
    return common


def nearest_float(numerator: int, denominator: int) -> float:
    """The quotient, infinite beyond the range of float64; denominator > 0."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


# --- conversion ------------------------------------------------------------------------------------------------------------


def _convert(cls: type[RationalArray], values: Any, argument: str) -> RationalArray:
    if hasattr(values, "detach"):
        values = tensor_numbers(values, argument)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ArgumentError(f"{argument}: a number in every place is needed, got a masked array; fill the masked ones first, by .filled(0)")
    if isinstance(values, np.ndarray) and values.dtype != object:
        return _from_numpy(cls, values, argument)
    shape, leaves = _flatten(values, argument)
    try:
        return cls.from_fractions((as_fraction(leaf, argument) for leaf in leaves), shape)
    except ArgumentError:
        for place, leaf in enumerate(leaves if shape else ()):  # once more, to say where
            index = ", ".join(str(int(i)) for i in np.unravel_index(place, shape))
            as_fraction(leaf, f"{argument}[{index}]")
        raise


def _flatten(values: Any, argument: str) -> tuple[tuple[int, ...], list[Any]]:
    if hasattr(values, "detach") or (isinstance(values, np.ndarray) and (values.dtype != object or np.ma.is_masked(values))):
        values = _convert(RationalArray, values, argument)
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.ndim else values.item()
    if isinstance(values, RationalArray):
        return values.shape, list(values.to_fractions())
    if not isinstance(values, (list, tuple, range)):
        return (), [values]
    parts = [_flatten(v, f"{argument}[{i}]") for i, v in enumerate(values)]
    shapes = {shape for shape, _ in parts}
    if len(shapes) > 1:
        raise ShapeError(f"{argument}: rows of equal length are needed, got a ragged list with shapes {sorted(shapes)}")
    inner = shapes.pop() if shapes else ()
    return (len(parts), *inner), [leaf for _, leaves in parts for leaf in leaves]


def tensor_numbers(tensor: Any, argument: str) -> np.ndarray[Any, Any]:
    """The numbers of a torch tensor; float64 holds every narrower float exactly."""
    try:
        tensor = tensor.detach().cpu()
        array: np.ndarray[Any, Any] = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    except (TypeError, RuntimeError) as error:  # sparse, quantised, nested, or on the device "meta"
        kind = f"{getattr(tensor, 'dtype', '')} {getattr(tensor, 'layout', '')} on {getattr(tensor, 'device', '')}"
        raise ArgumentError(
            f"{argument}: a dense tensor that holds its numbers is needed, got one of {kind} ({str(error).splitlines()[0][:100]}); "
            "use .to_dense() or .dequantize()"
        ) from None
    return array


def _from_numpy(cls: type[RationalArray], values: np.ndarray[Any, Any], argument: str) -> RationalArray:
    kind = values.dtype.kind
    if kind in "iu":
        return cls(values.astype(np.int64) if kind == "i" or values.dtype.itemsize < 8 else values.astype(object))
    if kind != "f":
        raise ArgumentError(f"{argument}: integers or floats are needed, got dtype {values.dtype}")
    with np.errstate(invalid="ignore"):  # a signalling NaN; it is found below
        wide = values if values.dtype.itemsize > 8 else values.astype(np.float64)
    if not np.isfinite(wide).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(wide))[0])
        raise NotFiniteError(f"{argument}: finite numbers are needed, got {wide[index]} at index {index}; no rational equals it")
    if wide.dtype.itemsize > 8:  # longdouble, one by one
        return cls.from_fractions((Fraction(*v.as_integer_ratio()) for v in wide.ravel()), wide.shape)
    return _from_floats(cls, wide)


def _from_floats(cls: type[RationalArray], values: np.ndarray[Any, Any]) -> RationalArray:
    """mantissa 2^exponent for each entry, moved to the least exponent that occurs."""
    mantissa_float, exponent = np.frexp(values)
    mantissa = (mantissa_float * 2.0**53).astype(np.int64)
    live = mantissa != 0
    if not live.any():
        return cls.zeros(values.shape)
    lowest_bit = np.where(live, mantissa & -mantissa, 1).astype(np.float64)
    zeros = np.frexp(lowest_bit)[1] - 1
    mantissa >>= zeros
    exponent = exponent.astype(np.int64) - 53 + zeros
    least = int(exponent[live].min())
    shift = np.where(live, exponent - least, 0)
    width = np.frexp(np.abs(mantissa).astype(np.float64))[1] + shift
    numerators = mantissa << shift if int(width.max()) < 62 else mantissa.astype(object) << shift.astype(object)
    if least > 0:
        return cls(numerators.astype(object) << least)
    return cls(np.asarray(numerators), 1 << -least)
