from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from tests.strategies import law

# Integers on both sides of every size at which the representation changes: 2^53, 2^62, 2^63, 2^64.
EDGES = [s * (2**k + d) for k in (0, 31, 52, 53, 61, 62, 63, 64, 100) for d in (-1, 0, 1) for s in (1, -1)]
INTEGERS = st.integers(-20, 20) | st.sampled_from(EDGES)
ENTRIES = st.builds(Fraction, INTEGERS, st.sampled_from([1, 1, 1, 2, 3, 12, 2**40, 2**62, 3 * 2**62, 2**80]))
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


def grid(values: list[Fraction], shape: tuple[int, ...]) -> Any:
    """A numpy array of Fractions: the oracle."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


@st.composite
def pairs(draw: st.DrawFn, shapes: Any = SHAPES) -> tuple[RationalArray, Any]:
    """An array and the Fractions it holds."""
    shape = draw(shapes)
    size = math.prod(shape)
    values = draw(st.lists(ENTRIES, min_size=size, max_size=size))
    return RationalArray.from_fractions(values, shape), grid(values, shape)


def holds(array: RationalArray, oracle: Any) -> None:
    """The same entries, in canonical form."""
    oracle = np.asarray(oracle, dtype=object)
    assert array.shape == oracle.shape
    entries = [Fraction(v) for v in oracle.ravel()]
    assert list(array.to_fractions()) == entries
    assert array.denominator == math.lcm(*(v.denominator for v in entries)) if entries else array.denominator == 1
    small = all(abs(v * array.denominator) < 2**62 for v in entries)
    assert array.numerators.dtype == (np.int64 if small else object)
    if not small:
        assert all(type(v) is int for v in array.numerators.ravel())
    again = RationalArray.from_fractions(entries, array.shape)
    assert array == again
    assert hash(array) == hash(again)
    assert not array.numerators.flags.writeable


@law(80)
@given(pairs())
def test_construction_is_canonical(pair: tuple[RationalArray, Any]) -> None:
    array, oracle = pair
    holds(array, oracle)
    holds(RationalArray.of(oracle.tolist()), oracle) if 0 not in array.shape[:-1] else None
    holds(RationalArray(array.numerators * 6, array.denominator * 6) if array.numerators.dtype == object else array, oracle)
    assert RationalArray.of(array) is array


@law(80)
@given(pairs())
def test_one_operand(pair: tuple[RationalArray, Any]) -> None:
    array, oracle = pair
    holds(-array, -oracle)
    holds(array.relu(), np.maximum(oracle, 0))
    holds(array.T, oracle.T)
    holds(array.reshape(-1) if array.size else array.reshape(0), oracle.reshape(-1) if array.size else oracle.reshape(0))
    holds(array.sum(), oracle.sum() if array.size else Fraction(0))
    for axis in range(array.ndim):
        if array.shape[axis]:
            holds(array.sum(axis=axis), oracle.sum(axis=axis))
            holds(array.max(axis), oracle.max(axis=axis))
    assert array.is_zero() is all(v == 0 for v in oracle.ravel())
    assert array.nonzero().tolist() == (oracle != 0).tolist()
    assert array.sign().tolist() == ((oracle > 0).astype(int) - (oracle < 0).astype(int)).tolist()
    assert array.bound == max((abs(n) for n in array.numerators.ravel().tolist()), default=0)
    for got, q in zip(array.to_float().ravel(), oracle.ravel(), strict=True):
        assert got == q.numerator / q.denominator


@st.composite
def couples(draw: st.DrawFn) -> tuple[tuple[RationalArray, Any], tuple[RationalArray, Any]]:
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)).input_shapes
    return draw(pairs(st.just(shapes[0]))), draw(pairs(st.just(shapes[1])))


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul], ids=lambda f: f.__name__)
@law(80)
@given(couples())
def test_two_operands_broadcast_as_numpy_does(operation: Callable[[Any, Any], Any], couple: Any) -> None:
    (a, x), (b, y) = couple
    holds(operation(a, b), operation(x, y))
    if operation is operator.add:
        holds(a.maximum(b), np.maximum(x, y))


@law(80)
@given(pairs(), ENTRIES)
def test_with_a_number(pair: tuple[RationalArray, Any], q: Fraction) -> None:
    array, oracle = pair
    holds(array + q, oracle + q)
    holds(q + array, q + oracle)
    holds(array - q, oracle - q)
    holds(q - array, q - oracle)
    holds(array * q, oracle * q)
    holds(q * array, oracle * q)
    holds(array.maximum(q), np.maximum(oracle, q))
    if q:
        holds(array / q, oracle / q)
    holds(array + "1/3", oracle + Fraction(1, 3))
    holds(array * 0.5, oracle / 2)


@law(80)
@given(st.tuples(*[st.integers(0, 4)] * 3), st.data())
def test_matrix_products(sizes: tuple[int, int, int], data: st.DataObject) -> None:
    m, k, n = sizes
    (a, x), (b, y) = data.draw(pairs(st.just((m, k)))), data.draw(pairs(st.just((k, n))))

    def product(x: Any, y: Any) -> Any:
        rows = [sum((x[i, j] * y[j, c] for j in range(k)), Fraction(0)) for i in range(m) for c in range(n)]
        return grid(rows, (m, n))

    holds(a @ b, product(x, y))
    if n:
        holds(a @ b[:, 0], product(x, y)[:, 0])
    if m:
        holds(a[0] @ b, product(x, y)[0])
    if m and n:
        holds(a[0] @ b[:, 0], product(x, y)[0, 0])
    if m and k:
        assert a.to_fmpq_mat().entries() == [v.numerator if v.denominator == 1 else v for v in map(_fmpq, x.ravel())]


def _fmpq(q: Fraction) -> Any:
    from flint import fmpq

    return fmpq(q.numerator, q.denominator)


@pytest.mark.parametrize("size", [2, 40])
@pytest.mark.parametrize("bits", [8, 25, 27, 29, 31, 40, 70])
def test_matrix_products_by_each_way_of_multiplying(size: int, bits: int) -> None:
    # float64 BLAS, int64 or FLINT, depending on how large sums of products can be
    rng = np.random.default_rng(bits)
    x = np.array([int(v) << (bits - 8) for v in rng.integers(-255, 256, size * size)], dtype=object).reshape(size, size) + 1
    y = x.T - 3
    holds(RationalArray(x, 3) @ RationalArray(y, 5), (x @ y) * Fraction(1, 15))


@law(80)
@given(pairs(st.just((3, 4))), st.data())
def test_indexing(pair: tuple[RationalArray, Any], data: st.DataObject) -> None:
    array, oracle = pair
    index = data.draw(hnp.basic_indices((3, 4)) | st.just(np.array([2, 0, 0])) | st.just((slice(None), [1, 1])))
    holds(array[index], oracle[index])
    assert len(array) == 3
    assert array[1, 2].item() == oracle[1, 2]


@law(80)
@given(pairs(st.just((2, 3))), pairs(st.just((1, 3))))
def test_concatenation(one: tuple[RationalArray, Any], two: tuple[RationalArray, Any]) -> None:
    (a, x), (b, y) = one, two
    holds(concatenate([a, b, a]), np.concatenate([x, y, x]))
    holds(concatenate([a, a], axis=1), np.concatenate([x, x], axis=1))


@law(80)
@given(pairs(), pairs())
def test_equality_is_that_of_the_entries(one: tuple[RationalArray, Any], two: tuple[RationalArray, Any]) -> None:
    (a, x), (b, y) = one, two
    assert (a == b) is (x.shape == y.shape and x.tolist() == y.tolist())
    assert a != x.tolist()
    assert (a == a.reshape(*a.shape, 1)) is False


# --- conversion ----------------------------------------------------------------------------------------------------------


@law(80)
@given(hnp.arrays(st.sampled_from([np.float64, np.float32, np.float16]), SHAPES, elements={"allow_nan": False, "allow_infinity": False}))
def test_floats_come_in_without_rounding(values: Any) -> None:
    holds(RationalArray.of(values), grid([Fraction(float(v)) for v in values.ravel()], values.shape))
    if values.dtype != np.float16 and values.size:
        holds(RationalArray.of(torch.from_numpy(values.copy())), grid([Fraction(float(v)) for v in values.ravel()], values.shape))
    back = RationalArray.of(values).to_float()
    assert (back == values).all()


@law(80)
@given(hnp.arrays(hnp.integer_dtypes() | hnp.unsigned_integer_dtypes(), SHAPES))
def test_integers_come_in(values: Any) -> None:
    holds(RationalArray.of(values), grid([Fraction(int(v)) for v in values.ravel()], values.shape))


def test_other_things_that_hold_numbers() -> None:
    expected = [[Fraction(1, 2), Fraction(1, 3)], [Fraction(2), Fraction(-1, 4)]]
    for value in (
        [[0.5, "1/3"], [2, Fraction(-1, 4)]],
        ((0.5, "1/3"), (2, "-0.25")),
        np.array([[0.5, Fraction(1, 3)], [2, -0.25]], dtype=object),
        [RationalArray.of([0.5, "1/3"]), np.array([2, -0.25])],
        [[np.float32(0.5), "1/3"], torch.tensor([2, -0.25])],
        [[torch.tensor(0.5), "1/3"], [np.int8(2), np.array(-0.25)]],
    ):
        holds(RationalArray.of(value), np.array(expected, dtype=object))
    holds(RationalArray.of(range(3)), grid([Fraction(i) for i in range(3)], (3,)))
    holds(RationalArray.of(torch.tensor([1, 2], dtype=torch.int32)), grid([Fraction(1), Fraction(2)], (2,)))
    holds(RationalArray.of(torch.tensor([0.1], dtype=torch.bfloat16)), grid([Fraction(205, 2048)], (1,)))
    holds(RationalArray.of([torch.tensor([2**53 + 1])]), grid([Fraction(2**53 + 1)], (1, 1)))  # no float in between
    holds(RationalArray.of(np.ma.array([1.5, 2.0])), grid([Fraction(3, 2), Fraction(2)], (2,)))
    fine = np.longdouble(1) + np.finfo(np.longdouble).eps
    for longdoubles in (np.array([fine, 2]), [fine, 2], np.array([np.finfo(np.longdouble).max])):
        oracle = [Fraction(*np.longdouble(v).as_integer_ratio()) for v in longdoubles]
        holds(RationalArray.of(longdoubles), grid(oracle, (len(oracle),)))
    holds(RationalArray.of([Decimal("0.1"), Decimal("-2e3")]), grid([Fraction(1, 10), Fraction(-2000)], (2,)))
    holds(RationalArray.of(torch.tensor([0.5], requires_grad=True)), grid([Fraction(1, 2)], (1,)))
    assert RationalArray.of([[], []]).shape == (2, 0)
    assert RationalArray.of([]).shape == (0,)
    assert RationalArray.eye(2) == RationalArray.of([[1, 0], [0, 1]])
    assert RationalArray.zeros((2, 3)).is_zero()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([[1, 2], [3]], ShapeError, r"W: rows of equal length are needed, got a ragged list with shapes \[\(1,\), \(2,\)\]"),
        ([1, [2]], ShapeError, "ragged"),
        ([[[1]], [[2, 3]]], ShapeError, "ragged"),
        (np.array([[1.0, math.nan]]), NotFiniteError, r"W: .* got nan at index \(0, 1\)"),
        (np.array([-math.inf], dtype=np.float32), NotFiniteError, r"got -inf at index \(0,\)"),
        (torch.tensor([[1.0], [math.inf]]), NotFiniteError, r"got inf at index \(1, 0\)"),
        ([[1, 2], [3, math.nan]], NotFiniteError, r"W\[1, 1\]: a finite number is needed, got nan"),
        (math.inf, NotFiniteError, "W: a finite number is needed, got inf"),
        (["1", "x"], ArgumentError, r"W\[1\]: a number like"),
        ([True, False], ArgumentError, r"W\[0\]: a number is needed, got the boolean True"),
        (np.array([True]), ArgumentError, "W: integers or floats are needed, got dtype bool"),
        (torch.tensor([True]), ArgumentError, "dtype bool"),
        (np.array([1j]), ArgumentError, "dtype complex128"),
        (np.array([1, math.nan], dtype=np.longdouble), NotFiniteError, r"got nan at index \(1,\)"),
        ([torch.tensor([True])], ArgumentError, r"W\[0\]: .* dtype bool"),
        ([torch.tensor([1j])], ArgumentError, r"W\[0\]: .* dtype complex64"),
        ([np.array([1, math.nan])], NotFiniteError, r"W\[0\]: .* got nan at index \(1,\)"),
        (torch.eye(2).to_sparse(), ArgumentError, r"W: a dense tensor that holds its numbers .*sparse_coo.*to_dense"),
        (torch.empty((2, 2), device="meta"), ArgumentError, "W: a dense tensor that holds its numbers .* on meta"),
        ([torch.empty(2, device="meta")], ArgumentError, r"W\[0\]: a dense tensor"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), ArgumentError, r"W: a number in every place .* masked array.*filled"),
        ([np.ma.array([1, 2], mask=[False, True], dtype=object)], ArgumentError, r"W\[0\]: .* masked"),
        ([np.array(["1"])], ArgumentError, "dtype <U1"),
        (np.array(["1"]), ArgumentError, "dtype <U1"),
        ([1j], ArgumentError, r"W\[0\]: a number is needed"),
        ({"a": 1}, ArgumentError, "W: a number is needed .* got dict"),
        ([None], ArgumentError, r"W\[0\]: a number is needed .* got NoneType"),
    ],
)
def test_what_is_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RationalArray.of(value, "W")


def test_wrong_shapes() -> None:
    with pytest.raises(ShapeError, match=r"W: 2 axes are needed, got shape \(2,\)"):
        RationalArray.of([1, 2], "W", ndim=2)
    with pytest.raises(ShapeError, match=r"inner sizes must agree, got \(1, 2\) and \(1, 2\)"):
        RationalArray.of([[1, 2]]) @ RationalArray.of([[1, 2]])
    with pytest.raises(ShapeError, match=r"an array of one entry is needed, got shape \(2,\)"):
        RationalArray.of([1, 2]).item()


def test_arrays_are_immutable() -> None:
    array = RationalArray.of([[1, 2], [3, 4]])
    for part in (array, array.T, array[0], -array, array.reshape(4)):
        with pytest.raises(ValueError, match="read-only"):
            part.numerators[..., 0] = 7
    values = np.array([1.0, 2.0])
    array = RationalArray.of(values)
    values[0] = 5
    assert array.to_fractions() == (1, 2)
    whole = np.array([1, 2])
    array = RationalArray.of(whole)
    whole[0] = 5  # the caller's array is the caller's
    assert array.to_fractions() == (1, 2)


def test_floats_beyond_the_range_are_infinite_proposals() -> None:
    assert RationalArray.of([2**2000, -(2**2000), Fraction(1, 2**2000)]).to_float().tolist() == [math.inf, -math.inf, 0.0]


def test_repr() -> None:
    assert repr(RationalArray.of(["1/2", 3])) == "RationalArray(shape=(2,), [1/2, 3])"
    assert repr(RationalArray.zeros((7,))) == "RationalArray(shape=(7,), [...])"


def test_a_long_number_is_shown() -> None:
    assert repr(RationalArray.of(["1e5000"])).startswith("RationalArray(shape=(1,), [1e+5000])")


def test_a_quantised_tensor_is_refused() -> None:
    with pytest.warns(UserWarning, match="quantize"):
        tensor = torch.quantize_per_tensor(torch.tensor([0.5]), 0.25, 0, torch.qint8)
    with pytest.raises(ArgumentError, match=r"W: a dense tensor .*qint8.*dequantize"):
        RationalArray.of(tensor, "W")
