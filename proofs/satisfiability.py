"""3-SAT as a network with one hidden layer: whether it is positive anywhere is NP-hard, and whether s(f) = 0 coNP-hard.

Statement. For clauses over variables x_1, ..., x_n let g(x) = 1 - sum_i p(x_i) - sum_clauses s(1 - (l_1 + l_2 + l_3)), a literal l being
  x_i or 1 - x_i, p(t) = min(|t|, |t - 1|). Then g(x) > 0 for some real x exactly if all clauses can be satisfied together.
Assumptions. Each clause has three literals of different variables (fewer: the same proof).
Idea. p has four rectifiers. At a satisfying 0-1 point g = 1. If g(x) > 0, then sum p + (clause's term) < 1, so that the rounded literals
  of each clause add up to more than 0. The rest of the reduction is in prose/hardness.md.
Used in. docs/theory.md
Attacked by. tests/proofs/test_algebra.py
References. docs/theory.md 6; Froese, Grillo, Skutella: Complexity of injectivity and verification of ReLU neural networks, 2025
"""

import z3

from proofs._prover import Possible, Valid, theorem


def relu(z):
    """Return max(z, 0)."""
    return z3.If(z > 0, z, 0)


def size(z):
    """Return |z|."""
    return z3.If(z > 0, z, -z)


def penalty(t):
    """Return p(t), the distance from 0 and 1."""
    return z3.If(size(t) < size(t - 1), size(t), size(t - 1))


X = z3.Reals("x1 x2 x3")
ROUNDED = z3.Reals("r1 r2 r3")
NEAREST = z3.And([z3.And(z3.Or(r == 0, r == 1), size(x - r) == penalty(x)) for x, r in zip(X, ROUNDED, strict=True)])


@theorem(two=1)
def four_rectifiers(*, two=2):
    """p(t) = s(-t) + s(t) - 2 s(t - 1/2) + 2 s(t - 1)."""
    t = z3.Real("t")
    return Valid(penalty(t) == relu(-t) + relu(t) - two * relu(t - z3.Q(1, 2)) + two * relu(t - 1))


@theorem(bound=2)
def rounding_satisfies(*, bound=1):
    """If p(x_1) + p(x_2) + p(x_3) + s(1 - l_1 - l_2 - l_3) < 1, the literals are not all 0 at the nearest 0-1 point; each sign of them."""
    for signs in range(8):
        literals = [[1 - v if signs >> i & 1 else v for i, v in enumerate(values)] for values in (X, ROUNDED)]
        small = sum(penalty(x) for x in X) + relu(1 - sum(literals[0])) < bound
        yield Valid(z3.Implies(z3.And(NEAREST, small), sum(literals[1]) >= 1))


@theorem(least=0)
def satisfied_point(*, least=1):
    """At a 0-1 point p is 0, and s(1 - l_1 - l_2 - l_3) is 0 exactly if a literal is 1."""
    zero_one = z3.And([z3.Or(x == 0, x == 1) for x in X])
    yield Valid(z3.Implies(zero_one, sum(penalty(x) for x in X) == 0))
    yield Valid(z3.Implies(zero_one, (relu(1 - sum(X)) == 0) == (sum(X) >= least)))
    yield Possible(z3.And(zero_one, relu(1 - sum(X)) > 0))
