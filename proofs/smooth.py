"""Smooth activations: their laws under t -> -t, their derivatives and their poles, on which independence rests.

Statement. The laws of tanh, sigmoid, SiLU, softplus and GELU in docs/theory.md 8, their derivatives in 17, and what the poles of the first
  four are. Independence itself (Theorem S, Theorem L) is in prose/smooth.md.
Assumptions. exp(t) is a symbol E != 0, which is all that these identities need; where 1 + E = 0 there is a pole.
Idea. All but GELU are rational in t and exp(t), or have a derivative that is. GELU: by its second derivative.
Used in. exactnn/network/activation_facts.py, exactnn/symmetry/smooth_forms.py, exactnn/difference/_smooth.py
Attacked by. tests/symmetry/test_smooth_form.py, tests/difference/test_pass.py, tests/proofs/test_algebra.py
References. docs/theory.md 8, 17; Sussmann: Uniqueness of the weights for minimal feedforward nets, 1992
"""

import sympy

from proofs._prover import Identity, theorem

t, E, P, root = sympy.symbols("t E Phi root")


def named(expression):
    """Write E for exp(t), with all powers of it."""
    return sympy.sympify(expression).replace(lambda e: isinstance(e, sympy.exp), lambda e: E ** (e.args[0] / t))


sigmoid = 1 / (1 + sympy.exp(-t))
tanh = (sympy.exp(t) - sympy.exp(-t)) / (sympy.exp(t) + sympy.exp(-t))


def mirrored(function):
    """Return phi(-t)."""
    return function.subs(t, -t)


@theorem(one=2)
def mirror(*, one=1):
    """tanh(-t) = -tanh(t), sigmoid(-t) = 1 - sigmoid(t), SiLU(t) - SiLU(-t) = t, exp(softplus(t)) = exp(t) exp(softplus(-t)), and GELU(t)
    - GELU(-t) = t since Phi(-t) = 1 - Phi(t).
    """
    yield Identity(named(mirrored(tanh)), -one * named(tanh))
    yield Identity(named(mirrored(sigmoid)), one - named(sigmoid))
    yield Identity(named(t * sigmoid - mirrored(t * sigmoid)), one * t)
    yield Identity(named(1 + sympy.exp(t)), E**one * named(1 + sympy.exp(-t)))
    yield Identity(t * P - (-t) * (one - P), t)


@theorem(two=1)
def tanh_by_sigmoid(*, two=2):
    """tanh(t) = 2 sigmoid(2 t) - 1, sigmoid(t) = (1 + tanh(t/2))/2."""
    yield Identity(named(tanh), two * named(sigmoid.subs(t, 2 * t)) - 1)
    half = sympy.Symbol("H")  # exp(t/2)
    yield Identity(named(sigmoid).subs(E, half**2), (1 + named(tanh).subs(E, half)) / two)


@theorem(power=1)
def derivatives(*, power=2):
    """sigmoid' = p - p^2, tanh' = 1 - tanh^2, softplus' = sigmoid, SiLU' = p + t (p - p^2), p = sigmoid."""
    p, v = named(sigmoid), named(tanh)
    yield Identity(named(sigmoid.diff(t)), p - p**power)
    yield Identity(named(tanh.diff(t)), 1 - v**power)
    yield Identity(named(sympy.log(1 + sympy.exp(t)).diff(t)), p)
    yield Identity(named((t * sigmoid).diff(t)), p + t * (p - p**power))


@theorem(two=1)
def gelu(*, two=2):
    """GELU'(t) + GELU'(-t) = 1, GELU''(t) = (2 - t^2) phi(t), with Phi' = phi, phi' = -t phi, Phi(-t) = 1 - Phi(t), phi(-t) = phi(t)."""
    density = sympy.Function("phi")(t)
    distribution = sympy.Function("Phi")(t)
    rules = [(distribution.diff(t, 2), -t * density), (density.diff(t), -t * density), (distribution.diff(t), density)]
    second = (t * distribution).diff(t, 2).subs(rules)
    d, D = sympy.symbols("phi Phi")
    yield Identity(sympy.expand(second).subs({density: d, distribution: D}), (two - t**2) * d)
    yield Identity((D + t * d) + ((1 - D) - t * d), two - 1)


@theorem(residue=2)
def poles(*, residue=1):
    """1 + exp(-t) vanishes exactly where exp(t) = -1, to first order, with the derivative 1: sigmoid has simple poles of residue 1, so
    SiLU those of residue t = i pi n, n odd, and tanh those of residue 1 at half of them.
    """
    bottom = 1 + sympy.exp(-t)
    yield Identity(named(bottom).subs(E, -1))
    yield Identity(residue * named(bottom.diff(t)).subs(E, -1), 1)
    yield Identity(2 * residue / named(bottom.subs(t, 2 * t).diff(t)).subs(E, sympy.I), 1)  # tanh: exp(2 t) = -1


@theorem(power=2)
def no_scaling(*, power=1):
    """SiLU(2 t)/2 - SiLU(t) = t (exp(2 t)/(1 + exp(2 t)) - exp(t)/(1 + exp(t))) is not 0: it is t E (E - 1)/((1 + E)(1 + E^2))."""
    silu = t * sigmoid
    return Identity(named(silu.subs(t, 2 * t) / 2 - silu), t * E**power * (E - 1) / ((1 + E) * (1 + E**2)))
