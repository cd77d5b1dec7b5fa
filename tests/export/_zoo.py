"""One network for each operation of the format, with weights that are small dyadic rationals, and a few larger ones."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Gather,
    Input,
    MaxPool,
    Network,
    Operation,
    PiecewiseLinear,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Slice,
    Smooth,
    Subtract,
    Transpose,
    activation,
    mlp,
)

RNG = np.random.default_rng(3)


def dyadic(*shape: int) -> RationalArray:
    """Eighths between -2 and 2."""
    return RationalArray(RNG.integers(-16, 17, shape), 8)


def single(operation: Operation, *shape: int) -> Network:
    """The operation on an input of this shape."""
    b = Builder()
    return b.build([b.add("x", Input(shape))], [b.add("y", operation, "x")])


def residual() -> Network:
    """Convolutions, batch norm, a skip, pooling, two outputs, one of them twice."""
    b = Builder()
    b.add("x", Input((2, 5, 5)))
    b.add("c", Conv(dyadic(3, 2, 3, 3), dyadic(3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1), "x")
    b.add("n", norm("float32", Fraction(1, 1024)), "c")
    b.add("r", activation("relu"), "n")
    b.add("d", Conv(dyadic(3, 1, 2, 1), dyadic(3), (1, 1), ((1, 0), (0, 0)), (1, 1), 3), "r")
    b.add("s", Add(), "r", "d")
    b.add("m", MaxPool((2, 2), (2, 2), ((0, 1), (0, 1)), (1, 1)), "s")
    b.add("f", Reshape((27,)), "m")
    b.add("o", Affine(dyadic(4, 27), dyadic(4)), "f")
    return b.build(["x"], ["o", "m", "o"])


def norm(precision: str, epsilon: Fraction) -> BatchNorm:
    variance = RationalArray.of(["1/4", 1, "9/4"])
    return BatchNorm(dyadic(3), variance, RationalArray.of(["5/4", -1, "1/2"]), dyadic(3), epsilon, precision)


def several() -> Network:
    """Two inputs of different shapes, sums of different ranks, constants, an input as output."""
    b = Builder()
    b.add("a", Input((3,)))
    b.add("b", Input((2, 3)))
    b.add("k", Constant(dyadic(2, 1)))
    b.add("shared", Constant(dyadic(2, 3)))
    b.add("s", Add(), "a", "b")
    b.add("t", Subtract(), "k", "s")
    b.add("u", Add(), "t", "shared")
    b.add("v", Concat(1), "u", "shared", "b")
    b.add("w", Slice((0, 1), (2, 9), (1, 3)), "v")
    b.add("z", Transpose((1, 0)), "w")
    b.add("g", Gather(RationalArray.of([[5, 0], [2, 2], [1, 3]])), "z")
    b.add("i", Gather(RationalArray.of([2, 0, 2])), "a")
    return b.build(["a", "b"], ["z", "a", "shared", "g", "i"])


def constant_only() -> Network:
    b = Builder()
    b.add("x", Input((2,)))
    b.add("k", Constant(dyadic(3)))
    b.add("s", Add(), "k", "k")
    return b.build(["x"], ["s", "k"])


UNITS = ("relu", "leaky_relu(1/4)", "leaky_relu(-2)", "abs", "relu6", "hardtanh", "clip(-1/2, 3)", "identity")
FUNCTIONS = {
    "lower bound": PiecewiseLinear.of(0, "-1/2", [("-1/2", 1)]),
    "upper bound": PiecewiseLinear.of(1, 0, [("3/2", -1)]),
    "three kinks": PiecewiseLinear.of("1/2", "-3/4", [(-1, 2), (0, "-5/2"), ("3/2", 1)]),
    "tent": PiecewiseLinear.of(0, 0, [(0, 1), (1, -2), (2, 1)]),
    "affine": PiecewiseLinear.of(-2, "1/4", []),
    "constant": PiecewiseLinear.of(0, "5/4", []),
    "wide leaky": PiecewiseLinear.of(Fraction(1, 2**40) + 1, 0, [(0, Fraction(-1, 2**40))]),
}

#: networks whose every number is a float32 (the slope of "wide leaky" aside, a float64; coefficients of P/Q times one number)
DYADIC: dict[str, Callable[[], Network]] = {
    **{unit: (lambda unit=unit: mlp([(dyadic(4, 3), dyadic(4)), (dyadic(2, 4), dyadic(2))], unit)) for unit in UNITS},
    **{name: (lambda f=function: single(f, 3)) for name, function in FUNCTIONS.items()},
    "affine on rows": lambda: single(Affine(dyadic(4, 3), dyadic(4)), 2, 3),
    "conv 1d": lambda: single(Conv(dyadic(4, 1, 2), dyadic(4), (2,), ((0, 1),), (2,), 2), 2, 6),
    "conv 3d": lambda: single(Conv(dyadic(2, 1, 2, 1, 2), dyadic(2), (1, 1, 1), ((0, 0),) * 3, (1, 1, 1), 1), 1, 2, 2, 3),
    "max pool": lambda: single(MaxPool((2,), (3,), ((1, 1),), (2,)), 2, 7),
    "average pool": lambda: single(AveragePool((2, 2), (1, 2), ((0, 0), (1, 0)), False), 2, 3, 3),
    "average pool, padding counts": lambda: single(AveragePool((2, 2), (1, 2), ((0, 0), (1, 1)), True), 2, 3, 3),
    "batch norm": lambda: single(norm("float32", Fraction(1, 1024)), 3, 2),
    "batch norm on a vector": lambda: single(norm("float32", Fraction(1, 1024)), 3),
    "batch norm, epsilon no float": lambda: single(norm("float32", Fraction(1, 100000)), 3, 2),
    "batch norm of half precision": lambda: single(norm("float16", Fraction(1, 1024)), 3, 2),
    "prelu": lambda: single(PRelu(dyadic(3)), 3, 2),
    "prelu on a vector": lambda: single(PRelu(dyadic(3)), 3),
    "reshape": lambda: single(Reshape((3, 4)), 2, 6),
    "flatten": lambda: single(Reshape((12,)), 2, 6),
    "scale": lambda: single(Scale(dyadic(2, 1)), 2, 3),
    "scale by a number": lambda: single(Scale(RationalArray.of("3/2")), 2, 3),
    "scalar input": lambda: single(Scale(RationalArray.of("3/2"))),
    "rational": lambda: single(Rational.of([1, "1/3"], [2, 0, 1]), 3),
    "rational on a grid": lambda: single(Rational.of(["1/3", 0, 0, 7], ["5/7", "1/2", 1]), 2, 3),
    "rational, number by value": lambda: single(Rational.of([3], [5, 0, "1/7"]), 3),
    "rational layers": lambda: mlp([(dyadic(4, 3), dyadic(4)), (dyadic(2, 4), dyadic(2))], Rational.of([0, 1, "1/2"], [1, 0, "1/4"])),
    "square": lambda: single(Rational.of([0, 0, 1], [1]), 3),
    "square over seven": lambda: single(Rational.of([1, 0, "1/7"], [1]), 3),
    "rational that is constant": lambda: single(Rational.of(["5/4"], [1]), 3),
    "rational that is a line over three": lambda: single(Rational.of([1, "1/3"], [1]), 3),
    "residual": residual,
    "several": several,
    "constant only": constant_only,
}
#: networks that only exact formats hold
EXACT: dict[str, Callable[[], Network]] = {
    "thirds": lambda: mlp([([["1/3", 2], [0, "-5/7"]], ["1/11", 0])]),
    "long": lambda: mlp([([[2**70, Fraction(1, 3**100)]], [Fraction(10**4500 + 1, 7)]), ([[1]], [-(10**5000)])], "clip(-1/3, 1/7)"),
    "long kinks": lambda: single(PiecewiseLinear.of(Fraction(1, 3**10000), 10**4400, [(Fraction(-1, 7**6000), 5)]), 1),
    **{f: (lambda f=f: single(Smooth(f), 2)) for f in ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")},
}
