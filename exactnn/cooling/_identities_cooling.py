"""I16 to I19, I27: what redistributing a temperature does to gradients; tau = r^L or r^(q L), so that its roots are rational."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

from exactnn.cooling._identities_layers import Symbols, tied
from exactnn.cooling._identity_expressions import at_most, equal, inner, minus, number, output, times
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._identity_setting import Setting, positive
from exactnn.cooling.reparameterise import equalising_factors
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction


def _cooled(s: Setting, title: str, alphas: list[Fraction], tau: Fraction, final: Fraction, upstream: Any) -> Formula:
    """g has the weights alpha_i W_i, biases gamma_i b_i and a final factor; against f with the final factor tau = gamma_L final."""
    gammas = list(itertools.accumulate(alphas, lambda a, b: a * b))
    f, g = Symbols(s), Symbols(s, "g", "w")
    equations = [*tied(f, g, alphas), equal(times(number(final), output("g")), times(number(tau), output()), "the function is tau f")]
    for i, (alpha, gamma) in enumerate(zip(alphas, gammas, strict=True), 1):
        equations += [
            equal(g.by_weight(i), times(number(1 / alpha), f.by_weight(i)), f"G_{i} is divided by alpha_{i}"),
            equal(g.by_bias(i), times(number(1 / gamma), f.by_bias(i)), f"g_{i} is divided by alpha_1 ... alpha_{i}"),
        ]
    definitions = [*s.residuals(tau, upstream), ("u", times(number(tau), "v")), ("w", times(number(final), "v"))]
    return s.formula(title, definitions, equations, s.chain.rescaled([RationalArray.of(gamma) for gamma in gammas]))


def cumulative(s: Setting, *, root: Number = "4/5", upstream: Any = None) -> Formula:
    """I16: alpha_i = r, tau = r^L."""
    r, count = positive(root, "root"), len(s.chain)
    return _cooled(s, "I16", [r] * count, r**count, Fraction(1), upstream)


def literal(s: Setting, *, root: Number = "4/5", upstream: Any = None) -> Formula:
    """I17: alpha_i = r^i, and a final factor r^(L (1 - L)/2)."""
    r, count = positive(root, "root"), len(s.chain)
    return _cooled(s, "I17", [r**i for i in range(1, count + 1)], r**count, r ** (count * (1 - count) // 2), upstream)


def _share(share: Number) -> Fraction:
    found = as_fraction(share, "share")
    if not 0 <= found <= 1:
        raise ArgumentError(f"share: a number from 0 (all in the final factor) to 1 (all in the layers) is needed, got {found}")
    return found


def partial(s: Setting, *, root: Number = "4/5", share: Number = "1/2", upstream: Any = None) -> Formula:
    """I18: share p/q, tau = r^(q L), alpha_i = r^p, final factor r^((q - p) L)."""
    r, count, part = positive(root, "root"), len(s.chain), _share(share)
    p, q = part.numerator, part.denominator
    return _cooled(s, "I18", [r**p] * count, r ** (q * count), r ** ((q - p) * count), upstream)


def relative_gradient(s: Setting, *, root: Number = "4/5", share: Number = "1/2", eta: Number = "1/10", upstream: Any = None) -> Formula:
    """I19, in squares of norms."""
    base, rate = partial(s, root=root, share=share, upstream=upstream), as_fraction(eta, "eta")
    r, p = positive(root, "root"), _share(share).numerator
    f, g = Symbols(s), Symbols(s, "g", "w")
    equations = list(base.equations[: 2 * len(s.chain)])  # what g is
    for i in range(1, len(s.chain) + 1):
        for letter, power in (("W", p), ("b", p * i)):
            old, new = ((side.weight(i), side.by_weight(i)) if letter == "W" else (side.bias(i), side.by_bias(i)) for side in (f, g))
            left, right = (times(inner(a[1], a[1]), inner(b[0], b[0])) for a, b in ((new, old), (old, new)))
            equations.append(equal(left, times(number(r ** (-4 * power)), right), f"the relative gradient of {letter}_{i} (squared)"))
            step = minus(new[0], times(number(rate), new[1]))
            same = times(number(r**power), minus(old[0], times(number(rate * r ** (-2 * power)), old[1])))
            equations.append(equal(step, same, f"a step eta in the new {letter}_{i} is one of eta r^{-2 * power} in the old one"))
    return replace(base, title="I19", equations=tuple(equations))


def equalising(s: Setting, *, tau: Number = "1/2", bits: int = 40, upstream: Any = None) -> Formula:
    """I27, with factors rounded to so many bits; the last one keeps the function."""
    scale = positive(tau, "tau")
    alphas = equalising_factors(s, scale, upstream=upstream, bits=bits)
    base = _cooled(s, "I27", alphas, scale, Fraction(1), upstream)
    f, g, count = Symbols(s), Symbols(s, "g", "w"), len(s.chain)
    slack = number(1 + Fraction(1, 1 << (bits // 2)))

    def squares(side: Symbols, i: int) -> tuple[Any, Any]:
        return inner(side.by_weight(i), side.by_weight(i)), inner(side.weight(i), side.weight(i))

    equations = list(base.equations[: 2 * count + 1])  # what g is, and that its function is tau f
    for i in range(1, count):
        (top, bottom), (other, below) = squares(g, i), squares(g, i + 1)
        first, second = times(top, below), times(other, bottom)
        equations += [
            at_most(first, times(slack, second), f"the relative gradient of layer {i} is at most that of layer {i + 1}"),
            at_most(second, times(slack, first), "and at least that, but for the rounding of the factors"),
        ]
    tops = [squares(g, i)[0] for i in range(1, count + 1)], [squares(f, i)[0] for i in range(1, count + 1)]
    bottoms = [squares(f, i)[1] for i in range(1, count + 1)], [squares(g, i)[1] for i in range(1, count + 1)]
    equations.append(
        equal(
            times(number(scale**4), *tops[0], *bottoms[0]),
            times(*tops[1], *bottoms[1]),
            "their product (squared) is tau^-4 times the one before",
        )
    )
    return replace(base, equations=tuple(equations))
