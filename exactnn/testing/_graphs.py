"""Convolutional and residual networks to draw: small ones, with weights of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, AveragePool, BatchNorm, Builder, Conv, Input, MaxPool, Network, Reshape
from exactnn.network import activation as as_activation
from exactnn.testing._networks import Units, unit_of
from exactnn.testing._numbers import Size, Weights, size_of, tensors, weights_of


@st.composite
def convolutional_networks(
    draw: st.DrawFn,
    *,
    channels: Size | None = None,
    outputs: Size | None = None,
    side: Size | None = None,
    activation: Units = None,
    weights: Weights = None,
    batch_norm: bool | None = None,
    pool: Sequence[str] = ("none", "max", "average"),
) -> Network:
    """conv [batch norm] unit [pool] flatten affine, on images of `side` x `side`.

    Parameters
    ----------
    channels : of the input and of the convolution, each 1 or 2
    outputs, side : sizes as in `networks`; 1 or 2 outputs, images of 2 x 2 to 3 x 3
    activation, weights : as in `networks`
    batch_norm : whether there is one; None for both
    pool : of which to choose
    """
    entries, n = weights_of(weights), draw(size_of(side, (2, 3), "side"))
    c, k = (draw(size_of(channels, (1, 2), "channels")) for _ in range(2))
    kernel, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    builder = Builder()
    name = builder.add("input", Input((c, n, n)))
    conv = Conv(draw(tensors((k, c, kernel, kernel), entries)), draw(tensors((k,), entries)), (1, 1), ((padding,) * 2,) * 2, (1, 1), 1)
    name = builder.add("conv", conv, name)
    grid = n + 2 * padding - kernel + 1
    if draw(st.booleans()) if batch_norm is None else batch_norm:
        name = builder.add("norm", draw(norms(k)), name)
    name = builder.add("unit", as_activation(draw(unit_of(activation))), name)
    kind = draw(st.sampled_from(tuple(pool)))
    if kind != "none" and grid > 1:
        places = ((2, 2), (1, 1), ((0, 0), (0, 0)))
        name = builder.add("pool", MaxPool(*places, (1, 1)) if kind == "max" else AveragePool(*places, True), name)
        grid -= 1
    size = k * grid * grid
    name = builder.add("flat", Reshape((size,)), name)
    m = draw(size_of(outputs, (1, 2), "outputs"))
    last = Affine(draw(tensors((m, size), entries)), draw(tensors((m,), entries)))
    return builder.build(["input"], [builder.add("affine", last, name)])


@st.composite
def residual_networks(
    draw: st.DrawFn,
    *,
    inputs: Size | None = None,
    outputs: Size | None = None,
    width: Size | None = None,
    blocks: Size | None = None,
    activation: Units = None,
    weights: Weights = None,
) -> Network:
    """affine, then blocks x + V s(W x + b), then affine: neurons that an addition reads; arguments as for `networks`."""
    entries = weights_of(weights)
    n, w = draw(size_of(inputs, (1, 3), "inputs")), draw(size_of(width, (1, 3), "width"))

    def affine(out: int, size: int) -> Affine:
        return Affine(draw(tensors((out, size), entries)), draw(tensors((out,), entries)))

    builder = Builder()
    name = builder.add("first", affine(w, n), builder.add("input", Input((n,))))
    unit = as_activation(draw(unit_of(activation)))
    for i in range(1, draw(size_of(blocks, (1, 2), "blocks")) + 1):
        hidden = draw(st.integers(1, 2))
        inner = builder.add(f"unit{i}", unit, builder.add(f"down{i}", affine(hidden, w), name))
        name = builder.add(f"sum{i}", Add(), name, builder.add(f"up{i}", affine(w, hidden), inner))
    last = builder.add("last", affine(draw(size_of(outputs, (1, 2), "outputs")), w), name)
    return builder.build(["input"], [last])


@st.composite
def norms(draw: st.DrawFn, channels: int) -> BatchNorm:
    """A batch norm of float32 numbers, with a mean that is not 0."""
    entries = st.sampled_from([Fraction(q) for q in (1, 0, -1, 2, "1/2", "-3/4")])
    variance = RationalArray.of([draw(st.sampled_from([Fraction(1), Fraction(1, 4), Fraction(2)])) for _ in range(channels)])
    mean, weight, bias = (draw(tensors((channels,), entries)) for _ in range(3))
    return BatchNorm(mean, variance, weight, bias, Fraction(1, 1024), "float32")
