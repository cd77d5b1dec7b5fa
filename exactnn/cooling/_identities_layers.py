"""I9 to I15, I20, I25: weights, biases and their gradients in chains of homogeneous layers; exact for rational residuals.

v_n = dl/d(tau f(x_n)) stands for any residuals; G_i, g_i are the gradients by W_i, b_i, that is of  sum_n tau v_n . f(x_n).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from exactnn.cooling._identity_chain import Chain
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.cooling._identity_expressions import (
    Equation,
    Expression,
    derivative,
    equal,
    gradient,
    inner,
    minus,
    number,
    output,
    parameter,
    plus,
    reshape,
    softmax,
    tensor,
    times,
    total,
)
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._identity_setting import Setting, positive
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction
from exactnn.network import Add, Affine, Constant, Conv, Network, Scale
from exactnn.network.edit import Draft


class Symbols:
    """W_i, b_i, G_i, g_i of a network as expressions, i from 1; what is sent back is a definition."""

    def __init__(self, s: Setting, network: str = "f", upstream: str = "u") -> None:
        self._chain, self._network, self._upstream = s.chain, network, upstream

    def weight(self, i: int) -> Expression:
        """W_i."""
        return parameter(self._chain.name(i), "weight", self._network)

    def bias(self, i: int) -> Expression:
        """b_i."""
        return parameter(self._chain.name(i), "bias", self._network)

    def by_weight(self, i: int) -> Expression:
        """G_i."""
        return gradient(self._chain.name(i), "weight", self._upstream, self._network)

    def by_bias(self, i: int) -> Expression:
        """g_i."""
        return gradient(self._chain.name(i), "bias", self._upstream, self._network)

    def flow(self, i: int) -> tuple[Expression, Expression]:
        """<W_i, G_i> and <b_i, g_i>."""
        return inner(self.weight(i), self.by_weight(i)), inner(self.bias(i), self.by_bias(i))


def _factors(values: Any, count: int, argument: str, each: str) -> list[Fraction]:
    """So many positive factors; one number stands for all."""
    listed = [values] * count if not isinstance(values, (list, tuple)) else list(values)
    if len(listed) != count:
        raise ArgumentError(f"{argument}: one factor for each of {count} {each} is needed, got {len(listed)}")
    return [positive(value, f"{argument}[{i}]") for i, value in enumerate(listed)]


def unit_factors(chain: Chain, factors: Sequence[Sequence[Number]]) -> list[RationalArray]:
    """For each hidden layer one positive factor for each unit, and 1 for the outputs: as `Chain.rescaled` has them."""
    widths = [chain.weight(i).shape[0] for i in range(1, len(chain))]
    if len(factors) != len(widths):
        raise ArgumentError(f"factors: one list for each of {len(widths)} hidden layers is needed, got {len(factors)}")
    rows = [_factors(list(row), width, f"factors[{i}]", "units") for i, (row, width) in enumerate(zip(factors, widths, strict=True))]
    return [*map(RationalArray.of, rows), RationalArray.of(1)]


def tied(f: Symbols, g: Symbols, alphas: Sequence[Fraction]) -> list[Equation]:
    """g is the network that it is said to be: W_i times alpha_i, b_i times alpha_1 ... alpha_i."""
    found, gamma = [], Fraction(1)
    for i, alpha in enumerate(alphas, 1):
        gamma *= alpha
        found += [
            equal(g.weight(i), times(number(alpha), f.weight(i)), f"W_{i} is multiplied by alpha_{i}"),
            equal(g.bias(i), times(number(gamma), f.bias(i)), f"b_{i} is multiplied by alpha_1 ... alpha_{i}"),
        ]
    return found


def _sent(s: Setting, tau: Fraction, upstream: Any) -> list[tuple[str, Expression]]:
    """v, and u = tau v, which is sent back through f."""
    return [*s.residuals(tau, upstream), ("u", times(number(tau), "v"))]


def rescaling(s: Setting, *, tau: Number = 1, alpha: Any = None, upstream: Any = None) -> Formula:
    """I9: g has the weights alpha_i W_i and biases gamma_i b_i, gamma_i = alpha_1 ... alpha_i; its logits are multiplied by tau/gamma_L."""
    scale, count = positive(tau, "tau"), len(s.chain)
    default = [Fraction(i + 2, i + 1) for i in range(1, count + 1)]
    alphas = _factors(default if alpha is None else alpha, count, "alpha", "layers")
    gammas = list(itertools.accumulate(alphas, lambda a, b: a * b))
    g = s.chain.rescaled([RationalArray.of(gamma) for gamma in gammas])
    f, h, last = Symbols(s), Symbols(s, "g", "w"), gammas[-1]
    equations = [*tied(f, h, alphas), equal(output("g"), times(number(last), output()), "g = gamma_L f")]
    for i, (a, gamma) in enumerate(zip(alphas, gammas, strict=True), 1):
        equations += [
            equal(times(number(a), h.by_weight(i)), f.by_weight(i), f"G_{i} is divided by alpha_{i}"),
            equal(times(number(gamma), h.by_bias(i)), f.by_bias(i), f"g_{i} is divided by gamma_{i}"),
        ]
    equations.append(equal(inner("v", output("g")), times(number(last), inner("v", output())), "dl/dtau is multiplied by gamma_L"))
    return s.formula("I9", [*_sent(s, scale, upstream), ("w", times(number(scale / last), "v"))], equations, g)


def rescaling_by_unit(s: Setting, *, tau: Number = 1, factors: Any = None, upstream: Any = None) -> Formula:
    """I10: W_i -> D_i W_i D_{i-1}^-1, b_i -> D_i b_i; `factors`: for each hidden layer one positive number for each unit."""
    scale, chain = positive(tau, "tau"), s.chain
    widths = [chain.weight(i).shape[0] for i in range(1, len(chain))]
    default = [[Fraction(k % 5 + 2, k % 3 + 1) for k in range(width)] for width in widths]
    scales = unit_factors(chain, default if factors is None else factors)
    g = chain.rescaled(scales)
    f, h = Symbols(s), Symbols(s, "g")
    equations = [equal(output("g"), output(), "the function is the same")]
    before: Expression = 1
    for i in range(1, len(chain) + 1):
        rows: Expression = 1 if i == len(chain) else tensor(scales[i - 1].reshape(-1, 1))
        units: Expression = 1 if i == len(chain) else tensor(scales[i - 1])
        equations += [
            equal(times(h.weight(i), before), times(rows, f.weight(i)), f"W_{i} -> D_{i} W_{i} D_{i - 1}^-1"),
            equal(h.bias(i), times(units, f.bias(i)), f"b_{i} -> D_{i} b_{i}"),
            equal(times(rows, h.by_weight(i)), times(f.by_weight(i), before), f"G_{i} -> D_{i}^-1 G_{i} D_{i - 1}"),
            equal(times(units, h.by_bias(i)), f.by_bias(i), f"g_{i} -> D_{i}^-1 g_{i}"),
        ]
        before = units
    return s.formula("I10", _sent(s, scale, upstream), equations, g)


def invariants(s: Setting, *, tau: Number = 1, alpha: Any = None, upstream: Any = None) -> Formula:
    """I11: under the rescaling of I9."""
    base = rescaling(s, tau=tau, alpha=alpha, upstream=upstream)
    f, h = Symbols(s), Symbols(s, "g", "w")
    equations = list(base.equations[: 2 * len(s.chain)])  # what g is
    for i in range(1, len(s.chain) + 1):
        for words, mine, other in zip(("W", "b"), f.flow(i), h.flow(i), strict=True):
            equations.append(equal(other, mine, f"<{words}_{i}, its gradient> is the same"))
        pairs = [(side.weight(i), side.by_weight(i), side.bias(i), side.by_bias(i)) for side in (f, h)]
        for words, k in (("W", 0), ("b", 2)):
            first, second = (times(inner(p[k], p[k]), inner(p[k + 1], p[k + 1])) for p in pairs)
            equations.append(equal(second, first, f"|{words}_{i}|^2 |its gradient|^2 is the same"))
    return replace(base, title="I11", equations=tuple(equations))


def conservation(s: Setting, *, tau: Number = 1, upstream: Any = "softmax") -> Formula:
    """I12."""
    scale, f = positive(tau, "tau"), Symbols(s)
    equations = [
        equal(f.flow(i + 1)[0], plus(*f.flow(i)), f"<W_{i + 1}, G_{i + 1}> = <W_{i}, G_{i}> + <b_{i}, g_{i}>")
        for i in range(1, len(s.chain))
    ]
    head, definitions = _head(s, scale, upstream)
    return s.formula("I12", definitions, [*equations, equal(plus(*f.flow(len(s.chain))), head, "<W_L, G_L> + <b_L, g_L> = tau dl/dtau")])


def _head(s: Setting, tau: Fraction, upstream: Any) -> tuple[Expression, list[tuple[str, Expression]]]:
    """tau dl/dtau: of the loss itself where it is known, else <v, tau f>."""
    sent = _sent(s, tau, upstream)
    if upstream == "softmax":
        return times(number(tau), derivative(1, total("loss"))), [*sent, ("z", output()), ("loss", s.loss(tau))]
    return inner("u", output()), sent


def conservation_summed(s: Setting, *, tau: Number = 1, upstream: Any = "softmax") -> Formula:
    """I13; without biases also every <W_i, G_i>."""
    scale, f, count = positive(tau, "tau"), Symbols(s), len(s.chain)
    head, definitions = _head(s, scale, upstream)
    biases = [f.flow(i)[1] for i in range(1, count + 1)]
    equations = [equal(head, plus(f.flow(1)[0], *biases), "tau dl/dtau = <W_1, G_1> + sum_i <b_i, g_i>")]
    if all(s.chain.bias(i).is_zero() for i in range(1, count + 1)):
        equations += [equal(f.flow(i)[0], head, f"no biases: <W_{i}, G_{i}> = tau dl/dtau") for i in range(1, count + 1)]
    return s.formula("I13", definitions, equations)


def conservation_by_unit(s: Setting, *, tau: Number = 1, upstream: Any = None) -> Formula:
    """I14."""
    f, equations = Symbols(s), []
    for i in range(1, len(s.chain)):
        width = s.chain.weight(i).shape[0]
        into = plus(total(times(f.weight(i), f.by_weight(i)), [1]), reshape(times(f.bias(i), f.by_bias(i)), (width, 1)))
        out = total(times(f.weight(i + 1), f.by_weight(i + 1)), [0])
        equations.append(equal(into, reshape(out, (width, 1)), f"what enters a unit of layer {i} leaves it"))
    return s.formula("I14", _sent(s, positive(tau, "tau"), upstream), equations)


def gradient_step(s: Setting, *, tau: Number = 1, eta: Number = "1/10", upstream: Any = None) -> Formula:
    """I15."""
    f, rate, equations = Symbols(s), as_fraction(eta, "eta"), []

    def change(value: Expression, slope: Expression) -> Expression:
        """|value - eta slope|^2 - |value|^2."""
        moved = minus(value, times(number(rate), slope))
        return minus(inner(moved, moved), inner(value, value))

    for i in range(1, len(s.chain)):
        before = [(f.weight(i), f.by_weight(i)), (f.bias(i), f.by_bias(i))]
        left = minus(minus(change(f.weight(i + 1), f.by_weight(i + 1)), change(*before[0])), change(*before[1]))
        squares = [inner(slope, slope) for slope in (f.by_weight(i + 1), before[0][1], before[1][1])]
        right = times(number(rate * rate), minus(minus(squares[0], squares[1]), squares[2]))
        equations.append(
            equal(left, right, f"|W_{i + 1}|^2 - |W_{i}|^2 - |b_{i}|^2 changes by eta^2 (|G_{i + 1}|^2 - |G_{i}|^2 - |g_{i}|^2)")
        )
    return s.formula("I15", _sent(s, positive(tau, "tau"), upstream), equations)


def final_scale(s: Setting, *, tau: Number = "1/2") -> Formula:
    """I20: g is f with a final factor tau, so that its gradients are those of the loss by definition."""
    scale = positive(tau, "tau")
    draft = Draft(s.net)
    draft.outputs = (draft.add("temperature", Scale(RationalArray.of(scale)), s.net.outputs[0]),)
    f, g = Symbols(s, "f", "v"), Symbols(s, "g", "v")
    definitions = [("q", tensor(s.targets)), ("v", minus(softmax(output("g")), "q"))]
    equations: list[Equation] = [equal(output("g"), times(number(scale), output()), "g = tau f")]
    for i in range(1, len(s.chain) + 1):
        equations += [
            equal(g.by_weight(i), times(number(scale), f.by_weight(i)), f"G_{i}(tau) = tau sum J_{i}^T (p(tau) - q)"),
            equal(g.by_bias(i), times(number(scale), f.by_bias(i)), f"g_{i}(tau) likewise"),
        ]
    return s.formula("I20", definitions, equations, draft.network())


def scaled_parameter(
    s: Setting, *, tau: Number = 1, layer: int = 1, factor: Number = "2/3", eta: Number = "1/10", upstream: Any = None
) -> Formula:
    """I25: g computes s (V h) + b with s V = W_i, i = `layer` from 1."""
    scale, by, rate = positive(tau, "tau"), positive(factor, "factor"), as_fraction(eta, "eta")
    if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= len(s.chain):
        raise ArgumentError(f"layer: a number from 1 to {len(s.chain)} is needed, got {layer!r}")
    f, g, name = Symbols(s), Symbols(s, "g"), s.chain.name(layer)
    equations = [
        equal(times(number(by), g.weight(layer)), f.weight(layer), "s V = W"),
        equal(output("g"), output(), "the function is the same"),
        equal(g.by_weight(layer), times(number(by), f.by_weight(layer)), "dl/dV = s dl/dW"),
        equal(
            times(number(by), minus(g.weight(layer), times(number(rate), g.by_weight(layer)))),
            minus(f.weight(layer), times(number(rate * by * by), f.by_weight(layer))),
            "a step eta in V is one of eta s^2 in W",
        ),
    ]
    return s.formula("I25", _sent(s, scale, upstream), equations, _with_factor(s.net, name, by))


def _with_factor(net: Network, name: str, factor: Fraction) -> Network:
    """The layer as a layer V without bias, a factor, and the addition of the bias."""
    draft, operation = Draft(net), net.operation(name)
    assert isinstance(operation, (Affine, Conv))
    shape = (*operation.bias.shape, *(1,) * (len(net.shape(name)) - 1)) if isinstance(operation, Conv) else operation.bias.shape
    readers = draft.readers(name)
    draft.operations[name] = replace(operation, weight=operation.weight * (1 / factor), bias=operation.bias * 0)
    scaled = draft.add(f"{name}_factor", Scale(RationalArray.of(factor)), name)
    constant = draft.add(f"{name}_bias", Constant(operation.bias.reshape(*shape)))
    added = draft.add(f"{name}_sum", Add(), scaled, constant)
    for reader in readers:
        draft.operands[reader] = tuple(added if o == name else o for o in draft.operands[reader])
    draft.outputs = tuple(added if o == name else o for o in draft.outputs)
    return draft.network()


def norms(s: Setting, tau: Fraction, upstream: Any) -> list[Fraction]:
    """(|G_i| / |W_i|)^2 for each layer, exactly, with residuals as `Setting.residuals` makes them (rational ones)."""
    f = Symbols(s)
    values = enclosing({"f": s.net}, s.points, _sent(s, tau, upstream), 64)
    found = []
    for i in range(1, len(s.chain) + 1):
        top, bottom = (values.value(inner(a, a)).middle.item() for a in (f.by_weight(i), f.weight(i)))
        found.append(top / bottom if bottom else Fraction(0))
    return found
