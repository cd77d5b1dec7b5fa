"""What is known of max(a, 0), of its difference in two networks, of cuts of edges and of rounding: the rules of the bounds.

Statement. The rules of docs/theory.md 7, 11, 17, 18, 19 for one unit, one entry, one edge, one rounding.
Assumptions. Real numbers; a is the value in f, b that in g, d = a - b, within the bounds that are named.
Idea. z3 splits max(t, 0); products with lam, slopes and bounds stay polynomial.
Used in. exactnn/difference/_units.py, exactnn/difference/_zonotope.py, exactnn/verify/_signs.py, exactnn/cells/_vertices.py,
  exactnn/difference/execution.py
Attacked by. tests/difference/test_pass.py, tests/difference/test_zonotope.py, tests/difference/test_execution.py,
  tests/proofs/test_algebra.py
References. docs/theory.md 7, 11, 17, 18, 19; proofs/rocq/Pass.v has the whole pass; Teuber et al.: VeryDiff, 2024; Higham: Accuracy
  and stability of numerical algorithms, 3.1
"""

import sympy
import z3

from proofs._prover import Identity, Valid, theorem

a, b, d, l, u, dl, du, lam = z3.Reals("a b d l u dl du lam")  # noqa: E741


def relu(z):
    """Return max(z, 0)."""
    return z3.If(z > 0, z, 0)


def larger(p, q):
    """Return max(p, q)."""
    return z3.If(p > q, p, q)


def smaller(p, q):
    """Return min(p, q)."""
    return z3.If(p < q, p, q)


@theorem(sign=1)
def affine_difference(*, sign=-1):
    """(W h + c) - (V k + e) = (W - V) h + V (h - k) + (c - e), entry by entry."""
    W, V, h, k, c, e = sympy.symbols("W V h k c e")
    return Identity((W * h + c) - (V * k + e), (W - V) * h + V * (h + sign * k) + (c - e))


@theorem(steepest=2)
def slope_rule(*, steepest=1):
    """phi(a) - phi(b) = m d with a mean m of slopes, so for leaky ReLU with a slope in [0, 1] it lies between min(0, d) and max(0, d)."""
    m = z3.Real("m")

    def phi(z):
        return z3.If(z > 0, z, m * z)

    given, difference = z3.And(m >= 0, m <= steepest, d == a - b), phi(a) - phi(b)
    return Valid(z3.Implies(given, z3.And(difference >= smaller(z3.RealVal(0), d), difference <= larger(z3.RealVal(0), d))))


@theorem(sign=1)
def known_signs(*, sign=-1):
    """max(a, 0) - max(b, 0) is min(d, a) where a >= 0, max(d, -b) where b >= 0, -max(b, 0) where a <= 0, max(a, 0) where b <= 0."""
    difference = relu(a) - relu(b)
    for given, value in ((a >= 0, smaller(a - b, a)), (b >= 0, larger(a - b, sign * b)), (a <= 0, sign * relu(b)), (b <= 0, relu(a))):
        yield Valid(z3.Implies(given, difference == value))


@theorem(sign=-1)
def monotone_differences(*, sign=1):
    """max(a, 0) - max(a - d, 0) grows with d, and with a where d >= 0, and falls with a where d <= 0."""
    more = z3.Real("more")

    def difference(p, q):
        return relu(p) - relu(p - sign * q)

    yield Valid(z3.Implies(more >= 0, difference(a, d + more) >= difference(a, d)))
    yield Valid(z3.Implies(z3.And(more >= 0, d >= 0), difference(a + more, d) >= difference(a, d)))
    yield Valid(z3.Implies(z3.And(more >= 0, d <= 0), difference(a + more, d) <= difference(a, d)))


@theorem(sign=1)
def maximum_difference(*, sign=-1):
    """max(a, a') - max(b, b') lies between the least and the largest of a - b and a' - b'."""
    p, q = z3.Reals("p q")
    ends = a + sign * b, p - q
    difference = larger(a, p) - larger(b, q)
    return Valid(z3.And(difference >= smaller(*ends), difference <= larger(*ends)))


@theorem(share=2)
def one_unit(*, share=1):
    """l <= a <= u, lam in [0, 1]: 0 <= max(a, 0) - lam a <= max((1 - lam) u, -lam l)."""
    given, rest = z3.And(l <= a, a <= u, lam >= 0, lam <= share), relu(a) - lam * a
    return Valid(z3.Implies(given, z3.And(rest >= 0, rest <= larger((1 - lam) * u, -lam * l))))


@theorem(least=1)
def chord(*, least=0):
    """l <= a <= u, l <= 0 <= u: (u - l) max(a, 0) <= u (a - l)."""
    return Valid(z3.Implies(z3.And(l <= a, a <= u, l <= least, u >= 0), (u - l) * relu(a) <= u * (a - l)))


@theorem(half=3)
def coupled_unit(*, half=2):
    """delta = max(a, 0) - max(b, 0) is off d/2 by at most |d|/2; with dl <= d <= du, dl <= 0 <= du it lies between two chords."""
    delta, gap = relu(a) - relu(b), a - b
    yield Valid(z3.And(half * delta - gap <= larger(gap, -gap), half * delta - gap >= -larger(gap, -gap)))
    given = z3.And(dl <= gap, gap <= du, dl <= 0, du >= 0)
    yield Valid(z3.Implies(given, z3.And(dl * (du - gap) <= (du - dl) * delta, (du - dl) * delta <= du * (gap - dl))))


@theorem(sign=-1)
def separate_unit(*, sign=1):
    """With b = a - d: (lam_f a + e_f) - (lam_g b + e_g) = lam_g d + (lam_f - lam_g) a + e_f - e_g."""
    p, q, e, g, x, y = sympy.symbols("lam_f lam_g e_f e_g a d")
    return Identity((p * x + e) - (q * (x - y) + g), sign * q * y + (p - q) * x + e - g)


@theorem(sign=1)
def cut_edge(*, sign=-1):
    """The edge from a (l > 0) to b (l < 0) is cut at t = l_a/(l_a - l_b), and with values off by alpha, beta the cut is off by
    (alpha (1 - t) + beta t)/(l_a - l_b + alpha - beta).
    """
    p, q, alpha, beta = sympy.symbols("l_a l_b alpha beta")
    t, exact = p / (p - q), (p + alpha) / (p + alpha - q - beta)
    yield Identity(p + t * (q - p))
    yield Identity(exact - t, (alpha * (1 - t) + beta * t) / (p - q + alpha + sign * beta))


@theorem(sign=-1)
def cut_edge_bound(*, sign=1):
    """So |t* - t| <= ((1 - t) r_a + t r_b)/(l_a - l_b - r_a - r_b) where |alpha| <= r_a, |beta| <= r_b and the denominator is > 0."""
    t, p, q, alpha, beta, gap = z3.Reals("t r_a r_b alpha beta gap")  # gap = l_a - l_b
    error = z3.Real("error")
    given = z3.And(t >= 0, t <= 1, larger(alpha, -alpha) <= p, larger(beta, -beta) <= q, gap - p - q > 0)
    defined = error * (gap + alpha - beta) == alpha * (1 - t) + beta * t
    bound = (1 - t) * p + sign * t * q
    yield Valid(z3.Implies(z3.And(given, defined), error * (gap - p - q) <= bound))
    yield Valid(z3.Implies(z3.And(given, defined), -error * (gap - p - q) <= bound))


@theorem(ones=0)
def roundings(*, ones=1):
    """gamma_k = k u/(1 - k u): (1 + gamma_k)(1 + u) <= 1 + gamma_{k+1} and (1 + gamma_k)/(1 - u) <= 1 + gamma_{k+1}, k >= 0, (k + 1) u < 1;
    so k factors (1 + d)^(+-1), |d| <= u, are 1 + t with |t| <= gamma_k.
    """
    k, v, g, h = z3.Reals("k u gamma_k gamma_next")
    given = z3.And(k >= 0, v > 0, (k + 1) * v < 1, g * (1 - k * v) == k * v, h * (1 - (k + 1) * v) == (k + ones) * v)
    yield Valid(z3.Implies(given, (1 + g) * (1 + v) <= 1 + h))
    yield Valid(z3.Implies(given, 1 + g <= (1 + h) * (1 - v)))
    yield Valid(z3.Implies(given, z3.And(1 - h <= (1 - g) * (1 - v), (1 - h) * (1 + v) <= 1 - g)))
