"""One input: how many linear regions there are at most, that so many occur, and why that takes three neurons in each layer.

Statement. ReLU networks of one input and hidden widths n_1, ..., n_L have at most (n_1 + 1) ... (n_L + 1) linear regions if all n_l >= 2,
  which is (1.7) of the thesis for one input; and if all n_l >= 3, some have so many, which is (1.8).
Assumptions. One input. The step from one layer to L layers is an induction (Idea); with it more inputs, in prose/regions.md.
Idea. On a piece every pre-activation is affine, so it vanishes at one point or everywhere: n units cut p pieces into at most p (n + 1)
  (`one_crossing`). For the lower bound a layer of n >= 3 units that folds an interval n + 1 times onto [0, 1], and no affine term beside
  them: the left slope is minus the sum of the jumps of mirrored units, which `fold` meets by mirroring the third one. Each fold repeats
  all cuts of what comes behind.
Used in. exactnn/regions/bounds.py
Attacked by. tests/regions/test_bounds.py, tests/proofs/test_algebra.py
References. docs/theory.md 9; Serra, Tjandraatmadja, Ramalingam: Bounding and counting linear regions, 2018; Montufar, Pascanu, Cho,
  Bengio: On the number of linear regions of deep neural networks, 2014; the thesis, (1.7), (1.8)
"""

import itertools

import sympy
import z3

from proofs._prover import Identity, Possible, Valid, theorem


def relu(z):
    """Return max(z, 0)."""
    return z3.If(z > 0, z, 0)


@theorem(gap=0)
def one_crossing(*, gap=1):
    """An affine function a t + b that is 0 at two points at a distance of 1 or of anything else but 0 is 0 everywhere."""
    a, b, t, step, s = z3.Reals("a b t step s")
    apart = step != 0 if gap else step == step
    return Valid(z3.Implies(z3.And(apart, a * t + b == 0, a * (t + step) + b == 0), a * s + b == 0))


@theorem(one=2)
def pieces(*, one=1):
    """p pieces of which each is cut at up to n points are up to p (n + 1); layer by layer that is the sum over j in {0, 1}^L of
    prod C(n_l, j_l) = prod (n_l + 1), the bound (1.7) where all n_l >= 2 leave each j_l free; L = 1, ..., 4.
    """
    for depth in range(1, 5):
        widths = sympy.symbols(f"n1:{depth + 1}")
        choices = itertools.product((0, 1), repeat=depth)
        total = sum(sympy.prod([n if j else 1 for n, j in zip(widths, choice, strict=True)]) for choice in choices)
        yield Identity(total, sympy.prod([n + one for n in widths]))


def _fold(t, count, third=2):
    """-4 + 3 s(t - 1/2) - 2 s(t - 3/2) + third s(5/2 - t) - 2 s(t - 7/2) + 2 s(t - 9/2) - ..., with `count` units."""
    total = -4 + 3 * relu(t - z3.Q(1, 2)) - 2 * relu(t - z3.Q(3, 2)) + third * relu(z3.Q(5, 2) - t)
    for j in range(4, count + 1):
        total += (2 if j % 2 else -2) * relu(t - z3.Q(2 * j - 1, 2))
    return total


@theorem(third=3)
def fold(*, third=2):
    """h(t) = -4 + 3 s(t - 1/2) - 2 s(t - 3/2) + 2 s(5/2 - t) -+ 2 s(t - (2 j - 1)/2), ..., with n >= 3 units, falls from 1 to 0 on
    [0, 1/2], rises to 1 on [1/2, 3/2], falls to 0 on [3/2, 5/2], and so on: n + 1 pieces, each onto [0, 1]; n = 3, ..., 7.
    """
    t = z3.Real("t")
    for count in range(3, 8):
        h = _fold(t, count, third)
        yield Valid(z3.Implies(z3.And(t >= 0, t <= z3.Q(1, 2)), h == 1 - 2 * t))
        for j in range(count):
            low = z3.Q(2 * j + 1, 2)
            value = t - low if j % 2 == 0 else 1 - (t - low)
            yield Valid(z3.Implies(z3.And(t >= low, t <= low + 1), h == value))


@theorem(jump=0)
def continued(*, jump=2):
    """Any number of units: where h has the slope -m beyond its last kink, a jump of 2 m more turns it back: so n = 3 gives all n."""
    t, k, m, value = z3.Reals("t k m value")
    before = value - m * (t - k)
    return Valid(z3.Implies(t >= k, before + jump * m * relu(t - k) == value + m * (t - k)))


def _slopes(count, skip):
    """Slopes of skip * x + sum a_i s(+-(t - k_i)), k_1 < ... < k_count, for each choice of the signs."""
    jumps, x = [z3.Real(f"a{i}") for i in range(count)], z3.Real("x")
    for mirrored in itertools.product((False, True), repeat=count):
        slope = skip * x - sum(a for a, m in zip(jumps, mirrored, strict=True) if m)
        yield [slope, *(slope + sum(jumps[: i + 1]) for i in range(count))]


@theorem(skip=1)
def three_are_needed(*, skip=0):
    """One and two units, without an affine term, have no 2 and 3 pieces with slopes of alternating signs, but three have 4 of them; so
    the lower bound asks for widths of at least 3.
    """
    for count in (1, 2):
        for slopes in _slopes(count, skip):
            yield Valid(z3.Not(z3.And([a * b < 0 for a, b in itertools.pairwise(slopes)])))
    yield Possible(z3.Or([z3.And([a * b < 0 for a, b in itertools.pairwise(slopes)]) for slopes in _slopes(3, 0)]))


@theorem(sign=-1)
def repeated(*, sign=1):
    """Where g has the slopes c and e about a value, g(h) has m c, m e or -m c, -m e about each place where h takes it with the slope m
    or -m, so a kink if c != e; where h turns from -m to m, g(h) has -m c and m c, a kink if c != 0.
    """
    m, c, e = z3.Reals("m c e")
    yield Valid(z3.Implies(z3.And(m != 0, c != e), z3.And(m * c != m * e, -m * c != -m * e)))
    yield Valid(z3.Implies(z3.And(m != 0, c != 0), -m * c != sign * m * c))
