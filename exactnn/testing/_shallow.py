"""Networks with one hidden layer as plain lists of Fractions, changed without the package's own transformations.

A `Shallow` is a parameter list; `permuted`, `scaled`, `split`, `flipped`, ... give other parameter lists of the same function by the
identity that stands in their docstrings, so that they are independent of `exactnn.symmetry` and `exactnn.network.rewrite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Input, Network, PRelu, activation
from exactnn.testing._numbers import HOMOGENEOUS, PIECEWISE, SMOOTH, TINY, Vector, numbers, positives
from exactnn.testing._rows import rows


@dataclass(frozen=True)
class Shallow:
    """c + sum_i a_i phi(w_i . x + b_i): rows (w_i, b_i), columns a_i, constants c; `unit` names phi, or gives a prelu's slopes."""

    inputs: int
    neurons: tuple[tuple[Vector, Fraction, Vector], ...]
    constants: Vector
    unit: str | Vector = "relu"

    def network(self) -> Network:
        builder = Builder()
        current = builder.add("input", Input((self.inputs,)))
        if not self.neurons:
            zero = RationalArray.zeros((len(self.constants), self.inputs))
            return builder.build(["input"], [builder.add("layer1", Affine(zero, RationalArray.of(self.constants)), current)])
        w, b, a = zip(*self.neurons, strict=True)
        current = builder.add("layer1", Affine(RationalArray.of(w), RationalArray.of(b)), current)
        unit = activation(self.unit) if isinstance(self.unit, str) else PRelu(RationalArray.of(self.unit))
        current = builder.add("unit1", unit, current)
        last = Affine(RationalArray.of(a).T, RationalArray.of(self.constants))
        return builder.build(["input"], [builder.add("layer2", last, current)])

    def kinks(self) -> list[Vector]:
        """The lines (w, b + shift) off which the function is affine."""
        known: dict[str, tuple[Fraction | int, ...]] = {"relu6": (0, 6), "hardtanh": (-1, 1), "clip(-1/2, 3)": (Fraction(-1, 2), 3)}
        shifts = known.get(str(self.unit), (0,))
        return [(*w, b - t) for w, b, _ in self.neurons for t in shifts]

    @property
    def mirror(self) -> Fraction | None:
        """r with phi(t) - phi(-t) = r t."""
        if self.unit in ("relu", "silu", "gelu", "gelu_tanh", "softplus"):
            return Fraction(1)
        if self.unit == "abs":
            return Fraction(0)
        if isinstance(self.unit, str) and self.unit.startswith("leaky"):
            return 1 + Fraction(self.unit[len("leaky_relu(") : -1])
        return Fraction(2) if self.unit == "identity" else None

    @property
    def homogeneous(self) -> bool:
        return not isinstance(self.unit, str) or self.unit in (*HOMOGENEOUS, "identity")


@st.composite
def shallows(
    draw: st.DrawFn,
    inputs: st.SearchStrategy[int] | None = None,
    units: Sequence[str] = (*PIECEWISE, "prelu"),
    width: int = 5,
    outputs: int = 3,
) -> Shallow:
    """One hidden layer, degenerate in every way that `rows` knows."""
    d = draw(st.integers(1, 3) if inputs is None else inputs)
    m = draw(st.integers(1, outputs))
    count = draw(st.integers(0, width))
    unit: str | Vector = draw(st.sampled_from(units))
    if unit == "prelu":
        unit = tuple(draw(st.sampled_from([Fraction(q) for q in (0, 1, -1, "1/4", 2)])) for _ in range(count))
    made = draw(rows(d, count))
    neurons = tuple((w, b, tuple(draw(numbers()) for _ in range(m))) for w, b in made)
    return Shallow(d, neurons, tuple(draw(numbers()) for _ in range(m)), unit)


def permuted(f: Shallow, order: Sequence[int]) -> Shallow:
    """Neurons in another order."""
    unit = f.unit if isinstance(f.unit, str) else tuple(f.unit[i] for i in order)
    return replace(f, neurons=tuple(f.neurons[i] for i in order), unit=unit)


def flipped(f: Shallow, chosen: Sequence[int]) -> Shallow:
    """phi(t) = phi(-t) + r t for some neurons, the linear functions that are left written as pairs; for r != 0.

    sum_T a_i phi(l_i) = sum_T a_i phi(-l_i) + sum_j e_j L_j,  L_j = r sum_T a_ij (w_i x + b_i) = (phi(L_j) - phi(-L_j)) / r.
    """
    r, neurons = f.mirror, list(f.neurons)
    assert r is not None
    residue = [[Fraction(0)] * (f.inputs + 1) for _ in f.constants]
    for i in chosen:
        w, b, a = neurons[i]
        neurons[i] = (tuple(-q for q in w), -b, a)
        for line, own in zip(residue, a, strict=True):
            for k, q in enumerate((*w, b)):
                line[k] += r * own * q
    constants = list(f.constants)
    for j, (*slope, shift) in enumerate(residue):
        constants[j] += shift
        if any(slope):
            axis = tuple((1 / r if i == j else Fraction(0)) for i in range(len(constants)))
            neurons += [(tuple(slope), Fraction(0), axis), (tuple(-q for q in slope), Fraction(0), tuple(-q for q in axis))]
    return replace(f, neurons=tuple(neurons), constants=tuple(constants))


def scaled(f: Shallow, factors: Sequence[Fraction]) -> Shallow:
    """Incoming times a factor, outgoing divided."""
    neurons = tuple((tuple(s * q for q in w), s * b, tuple(q / s for q in a)) for (w, b, a), s in zip(f.neurons, factors, strict=True))
    return replace(f, neurons=neurons)


def split(f: Shallow, which: int, share: Vector) -> Shallow:
    """A neuron as two neurons with the same incoming weights; the second one gets the share."""
    w, b, a = f.neurons[which]
    rest = tuple(q - s for q, s in zip(a, share, strict=True))
    neurons = (*f.neurons[:which], (w, b, rest), *f.neurons[which + 1 :], (w, b, share))
    unit = f.unit if isinstance(f.unit, str) else (*f.unit, f.unit[which])
    return replace(f, neurons=neurons, unit=unit)


def with_constant_neuron(f: Shallow, bias: Fraction, out: Vector) -> Shallow:
    """One more neuron without incoming weights, its value taken off the constants; for piecewise linear units."""
    net = replace(f, neurons=(((Fraction(0),) * f.inputs, bias, out),), constants=(Fraction(0),) * len(out), unit=_first(f.unit)).network()
    level = net([0] * f.inputs)
    constants = tuple(c - q for c, q in zip(f.constants, level, strict=True))
    unit = f.unit if isinstance(f.unit, str) else (*f.unit, *_first(f.unit))
    return replace(f, neurons=(*f.neurons, ((Fraction(0),) * f.inputs, bias, out)), constants=constants, unit=unit)


def _first(unit: str | Vector) -> str | Vector:
    return unit if isinstance(unit, str) else (unit[:1] or (Fraction(1, 2),))


@st.composite
def equal_shallows(
    draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None, units: Sequence[str] = (*PIECEWISE, "prelu"), width: int = 4
) -> tuple[Shallow, Shallow]:
    """Two parameter lists of one function: neurons permuted, scaled, split, added dead or constant, flipped, linear pairs slid."""
    f = draw(shallows(inputs, units, width))
    g = f
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("permute", "scale", "split", "dead", "constant", "flip", "slide")))
        count, out = len(g.neurons), tuple(draw(numbers()) for _ in g.constants)
        if kind == "permute" and count:
            g = permuted(g, draw(st.permutations(range(count))))
        elif kind == "scale" and g.homogeneous:
            g = scaled(g, [draw(positives()) for _ in range(count)])
        elif kind == "split" and count:
            g = split(g, draw(st.integers(0, count - 1)), out)
        elif kind == "dead" and isinstance(g.unit, str):
            ((w, b),) = draw(rows(g.inputs, 1))
            g = replace(g, neurons=(*g.neurons, (w, b, (Fraction(0),) * len(out))))
        elif kind == "constant" and g.unit not in SMOOTH:
            g = with_constant_neuron(g, draw(numbers()), out)
        elif kind == "flip" and g.homogeneous and g.mirror:
            g = flipped(g, sorted(draw(st.sets(st.integers(0, count - 1)))) if count else [])
        elif kind == "flip" and g.mirror == 0 and count:
            i = draw(st.integers(0, count - 1))
            w, b, a = g.neurons[i]
            g = replace(g, neurons=(*g.neurons[:i], (tuple(-q for q in w), -b, a), *g.neurons[i + 1 :]))
        elif kind == "slide" and g.mirror is not None:
            ((w, b),), move = draw(rows(g.inputs, 1)), draw(numbers())
            more = [(w, b, out), (tuple(-q for q in w), -b, tuple(-q for q in out))]
            more += [(w, b + move, tuple(-q for q in out)), (tuple(-q for q in w), -b - move, out)]
            constants = tuple(c + g.mirror * move * q for c, q in zip(g.constants, out, strict=True))
            g = replace(g, neurons=(*g.neurons, *more), constants=constants)
    return f, g


def nudged(f: Shallow, place: int, step: Fraction = TINY) -> Shallow:
    """One parameter, chosen by its number, changed by `step`."""
    d, m = f.inputs, len(f.constants)
    size = d + 1 + m
    place %= len(f.neurons) * size + m
    if place >= len(f.neurons) * size:
        at = place - len(f.neurons) * size
        return replace(f, constants=tuple(c + step * (i == at) for i, c in enumerate(f.constants)))
    i, at = divmod(place, size)
    w, b, a = f.neurons[i]
    flat = [q + step * (k == at) for k, q in enumerate((*w, b, *a))]
    return replace(f, neurons=(*f.neurons[:i], (tuple(flat[:d]), flat[d], tuple(flat[d + 1 :])), *f.neurons[i + 1 :]))
