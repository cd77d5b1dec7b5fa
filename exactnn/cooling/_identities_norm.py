"""I24: a layer z = W h + b before a normalisation by the statistics of the data themselves; exact, though its sigma is irrational.

    zhat = (z - mean)/sigma,  sigma^2 = var + eps:   sigma^3 dl/dz = sigma^2 (u - mean u) - (z - mean) mean(u (z - mean)),  u = dl/dzhat

u = sigma^3 a with any rational a: the gradients G, g by W, b are linear in u, positive factors do not matter, and now dl/dz is rational.
Then  sum z dl/dz = (sigma^2 - var) sum a (z - mean) = eps sum a (z - mean)  over each group of numbers with one mean and one sigma.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.cooling._identity_balls import Balls
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.cooling._identity_evaluate import Evaluator
from exactnn.cooling._identity_expressions import (
    Equation,
    Expression,
    at_most,
    equal,
    gradient,
    inner,
    minus,
    number,
    output,
    parameter,
    plus,
    reshape,
    tensor,
    times,
    total,
)
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._identity_setting import ASSUMPTIONS, Definition, Setting, positive
from exactnn.errors import ArgumentError, AssumptionBroken, ShapeError
from exactnn.exact.array import RationalArray, nearest_float
from exactnn.exact.numbers import Number, as_fraction
from exactnn.network import Affine, BatchNorm, Conv, Network
from exactnn.network.edit import Draft, replaced
from exactnn.network.parameters import with_parameters

#: the axes of (points, tokens, channels, places) over which numbers are averaged
_AXES = {"batch": (0, 1, 3), "instance": (1, 3), "layer": (2, 3)}


@dataclass(frozen=True)
class _Normed:
    """A network cut off at a layer, whose values are seen as (points, tokens, channels, places), and how they are normalised."""

    net: Network
    name: str
    points: RationalArray
    norm: str

    @property
    def layer(self) -> Affine | Conv:
        """The layer."""
        operation = self.net.operation(self.name)
        assert isinstance(operation, (Affine, Conv))
        return operation

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """An affine layer acts on the last axis of its operand, a convolution has its channels first."""
        own = self.net.shape(self.name)
        if isinstance(self.layer, Conv):
            return len(self.points), 1, own[0], math.prod(own[1:])
        return len(self.points), math.prod(own[:-1]), own[-1], 1

    @property
    def axes(self) -> tuple[int, ...]:
        """Those of one group: what has one mean and one sigma."""
        return _AXES[self.norm]

    def mean(self, a: Expression) -> Expression:
        """The mean of each group."""
        return times(number(Fraction(1, math.prod(self.shape[axis] for axis in self.axes))), total(a, self.axes))

    def definitions(self, network: str, a: Expression, eps: Fraction, mark: str = "") -> list[Definition]:
        """z - mean, var + eps, and dl/dz for dl/dzhat = sigma^3 a, as what is sent back through the network."""
        z, centred, var, square = (name + mark for name in ("z", "centred", "var", "square"))
        slope = minus(times(square, minus(a, self.mean(a))), times(centred, self.mean(times(a, centred))))
        return [
            (z, reshape(output(network), self.shape)),
            (centred, minus(z, self.mean(z))),
            (var, self.mean(times(centred, centred))),
            (square, plus(var, number(eps))),
            ("u" + mark, reshape(slope, (len(self.points), self.net.output_dim))),
        ]

    def symbols(self, network: str, upstream: str) -> list[tuple[Expression, Expression]]:
        """(W, G) and (b, g)."""
        return [(parameter(self.name, f, network), gradient(self.name, f, upstream, network)) for f in ("weight", "bias")]

    def by_channel(self, a: Expression, axes: tuple[int, ...]) -> Expression:
        """Sums over all axes but that of the channels, flat."""
        return reshape(total(a, axes), (self.shape[2],))


def normalised(
    s: Setting, *, layer: int | str | None = None, norm: str = "batch", eps: Number = 0, c: Number = "3/2", sent: Any = None
) -> Formula:
    """I24; `sent`: a, one number for each value of the layer."""
    if norm not in _AXES:
        raise ArgumentError(f"norm: one of {', '.join(map(repr, _AXES))} is needed, got {norm!r}")
    small, factor = as_fraction(eps, "eps"), positive(c, "c")
    if small < 0:
        raise ArgumentError(f"eps: a number >= 0 is needed, got {small}")
    n = _Normed(*_cut(s, layer), s.points, norm)
    ASSUMPTIONS["piecewise linear network"](Setting(n.net, s.points, s.targets))  # only what comes before the norm
    fields = {"weight": n.layer.weight * factor, "bias": n.layer.bias * factor}
    g = replaced(n.net, {n.name: with_parameters(n.layer, fields)})
    definitions = [
        ("a", tensor(_sent(n, sent))),
        *n.definitions("f", "a", small),
        ("a_g", times(number(factor**-3), "a")),  # sigma_g = c sigma: the same u = sigma_g^3 a_g
        *n.definitions("g", "a_g", factor**2 * small, "_g"),
    ]
    values = enclosing({"f": n.net}, s.points, definitions[:6], 64)
    least = _least_square(n, values.value("square").middle)
    (weight, by_weight), (bias, by_bias) = n.symbols("f", "u")
    (other, by_other), (shift, by_shift) = n.symbols("g", "u_g")
    scale = number(factor)
    left: Expression = times(number(small), "a", "centred") if small else 0
    equations = [
        equal(other, times(scale, weight), "the weight of g is c W"),
        equal(shift, times(scale, bias), "its bias is c b"),
        at_most(number(least), "square", "the variance, with eps, is not zero"),
        *_flows(n, (weight, by_weight), (bias, by_bias), left),
        equal("var_g", times(number(factor**2), "var"), "the variance of c z is c^2 var"),
        equal(times(scale, by_other), by_weight, "G(c W, c b) = G(W, b)/c, with c^2 eps for eps"),
        equal(times(scale, by_shift), by_bias, "g(c W, c b) = g(W, b)/c, with c^2 eps for eps"),
    ]
    return Formula(_title(n, values, left), {"f": n.net, "g": g}, s.points, tuple(definitions), tuple(equations))


def _flows(n: _Normed, w: tuple[Expression, Expression], b: tuple[Expression, Expression], left: Expression) -> list[Equation]:
    """<W, G> + <b, g>, by channel where each has its own statistics; `left`: what eps leaves of it, entry by entry, 0 without."""
    words, eps = ("eps sum a (z - mean)", _residue(n, left)) if left else ("0", 0)
    if n.norm == "layer":
        return [equal(plus(inner(*w), inner(*b)), eps, f"<W, G> + <b, g> = {words}")]
    row = n.by_channel(times(*w), tuple(range(1, n.layer.weight.ndim)))
    return [
        equal(plus(row, times(*b)), eps, f"<W_c, G_c> + b_c g_c = {words} for each channel c"),
        equal(b[1], 0, "g_c = 0: the mean takes the bias away"),
        equal(row, eps, f"so <W_c, G_c> = {words}"),
    ]


def _residue(n: _Normed, left: Expression) -> Expression:
    """The sum of what eps leaves: of each channel, or of all."""
    return total(left) if n.norm == "layer" else n.by_channel(left, (0, 1, 3))


def _title(n: _Normed, values: Evaluator[Balls], left: Expression) -> str:
    """With eps > 0 it says how large what it leaves is."""
    if not left:
        return f"I24, norm {n.norm!r}"
    found = values.value(_residue(n, left)).middle
    return f"I24, norm {n.norm!r}, where eps leaves up to {nearest_float(found.bound, found.denominator):.3g}"


def _cut(s: Setting, layer: int | str | None) -> tuple[Network, str]:
    """The network up to a layer: given by its number among all layers, from 1, or its name; else the first one before a batch norm."""
    net = s.net
    names = [name for name in net.order if isinstance(net.operation(name), (Affine, Conv))]
    if layer is None:
        before = [name for name in names if any(isinstance(net.operation(r), BatchNorm) for r in net.consumers(name))]
        name = (before or names)[0]
    elif isinstance(layer, int) and not isinstance(layer, bool) and 1 <= layer <= len(names):
        name = names[layer - 1]
    elif isinstance(layer, str) and layer in names:
        name = layer
    else:
        raise ArgumentError(f"layer: a number from 1 to {len(names)}, or a node of {names}, is needed, got {layer!r}")
    draft = Draft(net)
    draft.outputs = (name,)
    return draft.network(), name


def _sent(n: _Normed, sent: Any) -> RationalArray:
    """One number for each value of the layer; without any the same fixed ones every time."""
    if sent is None:
        source = random.Random(24)
        return RationalArray(np.array([source.getrandbits(6) - 31 for _ in range(math.prod(n.shape))], dtype=np.int64), 8).reshape(*n.shape)
    given = RationalArray.of(sent, "sent")
    own = (len(n.points), *n.net.shape(n.name))
    if given.shape not in (own, (own[0], math.prod(own[1:]))):
        raise ShapeError(f"sent: one number for each value of node {n.name!r}, shape {own}, is needed, got {given.shape}")
    return given.reshape(*n.shape)


def _least_square(n: _Normed, squares: RationalArray) -> Fraction:
    """The least var + eps; AssumptionBroken where it is 0."""
    zero = np.argwhere(~squares.nonzero())
    if len(zero):
        point, token, channel, _ = (int(i) for i in zero[0])
        places = {"batch": f"channel {channel}", "instance": f"channel {channel} at point {point}", "layer": f"point {point}"}
        what = places[n.norm] + (f", token {token}" if n.norm == "layer" and n.shape[1] > 1 else "")
        raise AssumptionBroken(
            "variance is not zero", f"the values of node {n.name!r} are all equal in {what}, so that nothing normalises them"
        )
    return Fraction(int(squares.numerators.min()), squares.denominator)
