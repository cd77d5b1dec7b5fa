"""Max-plus: the laws of the semiring, of polynomials and of differences of them, and the steps of the extraction from a network.

Statement. With a (+) b = max(a, b), a (.) b = a + b and -infinity: a commutative, idempotent semiring; powers; sums, products, maxima and
  multiples of rational functions P - Q; the shift that makes all terms convex (docs/theory.md 16), for one unit and one entry.
Assumptions. Real numbers and -infinity, which is a pair (is it infinite?, value); terms of polynomials are real numbers at a point.
Idea. All statements are about values at one point, so about real numbers and maxima of them, which z3 splits into cases. A polynomial of
  many terms is a maximum taken step by step.
Used in. exactnn/tropical/semiring.py, exactnn/tropical/polynomial.py, exactnn/tropical/rational_map.py, exactnn/tropical/_shift.py
Attacked by. tests/tropical/test_semiring.py, tests/tropical/test_polynomial.py, tests/tropical/test_shift.py, tests/proofs/test_algebra.py
References. docs/theory.md 16; proofs/rocq/Tropical.v has the shifts for whole networks;
  Zhang, Naitzat, Lim: Tropical geometry of deep neural networks, 2018; the thesis, 8.1
"""

import z3

from proofs._prover import Possible, Valid, theorem


def larger(*values):
    """Return the largest of these numbers."""
    first, *rest = values
    for value in rest:
        first = z3.If(first >= value, first, value)
    return first


def relu(z):
    """Return max(z, 0)."""
    return larger(z, z3.RealVal(0))


class Tropical:
    """A number, or -infinity."""

    def __init__(self, infinite, value):
        self.infinite, self.value = infinite, value

    def __add__(self, other):
        value = z3.If(self.infinite, other.value, z3.If(other.infinite, self.value, larger(self.value, other.value)))
        return Tropical(z3.And(self.infinite, other.infinite), value)

    def __mul__(self, other):
        return Tropical(z3.Or(self.infinite, other.infinite), self.value + other.value)

    def equals(self, other):
        """Both -infinity, or equal numbers."""
        return z3.And(self.infinite == other.infinite, z3.Or(self.infinite, self.value == other.value))


def number(name):
    """Any number, or -infinity."""
    return Tropical(z3.Bool(f"{name}_infinite"), z3.Real(name))


def constant(value):
    """A number of the semiring."""
    return Tropical(z3.BoolVal(value is None), z3.RealVal(value or 0))


a, b, c = map(number, "abc")
x, y, z, w = z3.Reals("x y z w")


@theorem(zero=0, one=1)
def laws(*, zero=None, one=0):
    """(+) and (.) are associative and commutative, (.) distributes over (+), -infinity and 0 are neutral, -infinity absorbs."""
    for law in (Tropical.__add__, Tropical.__mul__):
        yield Valid(law(law(a, b), c).equals(law(a, law(b, c))))
        yield Valid(law(a, b).equals(law(b, a)))
    yield Valid((a * (b + c)).equals(a * b + a * c))
    yield Valid((a + constant(zero)).equals(a))
    yield Valid((a * constant(one)).equals(a))
    yield Valid((a * constant(zero)).equals(constant(zero)))


@theorem(shift=1)
def idempotent(*, shift=0):
    """a (+) a = a; so there is no additive inverse but of -infinity, and a cancels in products, not in sums."""
    yield Valid((a + a).equals(a * constant(shift)))
    yield Valid(z3.Implies(z3.And(z3.Not(a.infinite), (a * b).equals(a * c)), b.equals(c)))
    yield Possible(z3.And((a + b).equals(a + c), z3.Not(b.equals(c))))
    yield Valid(z3.Implies((a + b).infinite, z3.And(a.infinite, b.infinite)))


@theorem(weight=2)
def powers(*, weight=1):
    """(a (+) b)^n = a^n (+) b^n, n >= 0: the mixed terms i a + (n - i) b never exceed both."""
    n, i = z3.Reals("n i")
    yield Valid(z3.Implies(n >= 0, n * larger(x, y) == larger(n * x, n * y)))
    yield Valid(z3.Implies(z3.And(i >= 0, i <= n), i * x + weight * (n - i) * y <= larger(n * x, n * y)))


@theorem(count=2)
def products(*, count=1):
    """max(x, y) + max(z, w) = max(x + z, x + w, y + z, y + w): the terms of a product are the sums of terms."""
    return Valid(larger(x, y) + larger(z, w) == larger(x + z, x + w, y + z, y + count * w))


P1, Q1, P2, Q2 = z3.Reals("P1 Q1 P2 Q2")


@theorem(sign=-1)
def rational_functions(*, sign=1):
    """(P1 - Q1) + (P2 - Q2) = (P1 + P2) - (Q1 + Q2); max(P1 - Q1, P2 - Q2) = max(P1 + Q2, P2 + Q1) - (Q1 + Q2);
    -(P1 - Q1) = Q1 - P1; L (P1 - Q1) = L P1 - L Q1, with maxima multiplied term by term for L >= 0.
    """
    yield Valid((P1 + P2) - (Q1 + sign * Q2) == (P1 - Q1) + (P2 - Q2))
    yield Valid(larger(P1 - Q1, P2 - Q2) == larger(P1 + Q2, P2 + Q1) - (Q1 + sign * Q2))
    yield Valid(Q1 - sign * P1 == -(P1 - Q1))
    L = z3.Real("L")
    yield Valid(z3.Implies(L >= 0, L * (larger(x, y) - larger(z, w)) == larger(L * x, L * y) - sign * larger(L * z, L * w)))


@theorem(sign=1)
def equal_differences(*, sign=-1):
    """P1 - Q1 = P2 - Q2 exactly if P1 + Q2 = P2 + Q1: no division is needed to compare two of them."""
    return Valid((P1 - Q1 == P2 - Q2) == (P1 + Q2 + sign * (P2 + Q1) == 0))


B, Lo, Hi, bias, slope, plus, minus, kink, other = z3.Reals("B Lo Hi r q p_plus p_minus t_plus t_minus")
BETWEEN = z3.And(Lo <= B, Hi >= B, Lo <= 0, Hi >= 0)


@theorem(sign=1)
def shifted_unit(*, sign=-1):
    """With phi = q z + r + phi+ - phi-, both parts convex: B phi + (Hi phi- - Lo phi+) = B (q z + r) + (B - Lo) phi+ + (Hi - B) phi-,
    where Lo <= B <= Hi leaves no negative factor.
    """
    up, down = plus * relu(z - kink), minus * relu(z - other)
    phi = slope * z + bias + up - down
    yield Valid(B * phi + (Hi * down + sign * Lo * up) == B * (slope * z + bias) + (B - Lo) * up + (Hi - B) * down)
    yield Valid(z3.Implies(BETWEEN, z3.And(B - Lo >= 0, Hi - B >= 0)))


@theorem(sign=-1)
def bounds_behind_a_unit(*, sign=1):
    """The slopes of B (q z + r) + (B - Lo) phi+ + (Hi - B) phi-, Lo <= B <= Hi, lie between the least and the largest of the values
    at B = Lo and B = Hi on each piece: they are affine in B.
    """
    up, down = z3.Reals("up down")  # the slopes of phi+ and phi- on a piece
    term = B * slope + (B - Lo) * up + (Hi - B) * down
    ends = Lo * slope + (Hi - Lo) * down, Hi * slope + sign * (Hi - Lo) * up
    return Valid(z3.Implies(BETWEEN, z3.And(term <= larger(*ends), -larger(*(-e for e in ends)) <= term)))


@theorem(sign=-1)
def shifted_affine(*, sign=1):
    """Behind y = W h + c, Lo <= B <= Hi entry by entry gives Lo W+ - Hi W- <= B W <= Hi W+ - Lo W-; with the shift K = Hi W- - Lo W+,
    as far as that is >= 0, all of B W + K is >= 0.
    """
    W = z3.Real("W")
    positive, negative = relu(W), relu(-W)
    K = relu(Hi * negative - sign * Lo * positive)
    yield Valid(z3.Implies(BETWEEN, z3.And(Lo * positive - Hi * negative <= B * W, Hi * positive - sign * Lo * negative >= B * W)))
    yield Valid(z3.Implies(z3.And(Lo <= B, Hi >= B), B * W + K >= 0))


@theorem(sign=1)
def shifted_window(*, sign=-1):
    """For y = max(z, w): B y - Lo (y - z) = Lo z + (B - Lo) y, a maximum of two terms, as B >= Lo."""
    top = larger(z, w)
    yield Valid(B * top + sign * Lo * (top - z) == Lo * z + (B - Lo) * top)
    yield Valid(z3.Implies(BETWEEN, Lo * z + (B - Lo) * top == larger(Lo * z + (B - Lo) * z, Lo * z + (B - Lo) * w)))


@theorem(one=-1)
def larger_shifts(*, one=1):
    """If P - Q = f and c >= 1, then f = (P + (c - 1) Q) - c Q, and for P, Q convex both parts are."""
    f, factor, P, Q = z3.Reals("f c P Q")
    yield Valid(z3.Implies(f == P - Q, (P + (factor - one) * Q) - factor * Q == f))
    yield Valid(z3.Implies(factor >= one, factor - one >= 0))


@theorem(half=1)
def convex(*, half=2):
    """A maximum of affine functions is at most the mean of its values at two points, in the middle: so P and Q are convex."""
    p0, p1, q0, q1 = z3.Reals("p0 p1 q0 q1")  # two affine functions at both points
    return Valid(half * larger((p0 + p1) / 2, (q0 + q1) / 2) <= larger(p0, q0) + larger(p1, q1))
