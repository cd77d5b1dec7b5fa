"""The laws of piecewise linear units: mirror, scale, kinks, maxima and minima, flips, clipping.

Statement. The laws by which exactnn rewrites ReLU, leaky ReLU, abs, relu6, hardtanh, max and min, and the flip of a neuron for each.
Assumptions. Real numbers; a slope alpha where named, any unless said otherwise.
Idea. z3 splits max(t, 0) into its two cases; all is polynomial then.
Used in. exactnn/network/activation_facts.py, exactnn/network/pieces.py, exactnn/forms/_activations.py, exactnn/symmetry/ridge_forms.py
Attacked by. tests/network/test_operations.py, tests/symmetry/test_normal_form.py, tests/proofs/test_algebra.py
References. docs/theory.md 1, 5, 6, 13; proofs/rocq/Independence.v has the first two for any real field
"""

import z3

from proofs._prover import Valid, theorem

t, u, v, alpha, factor, q, r, p, k = z3.Reals("t u v alpha L q r p k")


def relu(z):
    """Return s(z) = max(z, 0)."""
    return z3.If(z > 0, z, 0)


def leaky(z, slope=alpha):
    """Return z where it is > 0, slope z where not."""
    return z3.If(z > 0, z, slope * z)


def larger(a, b):
    """Return max(a, b)."""
    return z3.If(a > b, a, b)


def clipped(z, low, high):
    """Return z, but low below it and high above it."""
    return z3.If(z < low, low, z3.If(z > high, high, z))


@theorem(sign=1)
def mirror(*, sign=-1):
    """s(-t) = s(t) - t, so that |t| = s(t) + s(-t) and t = s(t) - s(-t)."""
    yield Valid(relu(-t) == relu(t) + sign * t)
    yield Valid(larger(t, -t) == relu(t) + relu(-t))
    yield Valid(t == relu(t) + sign * relu(-t))


@theorem(least=-1)
def scale(*, least=0):
    """s(L t) = L s(t), and phi(L t) = L phi(t) for leaky ReLU of any slope, for L >= 0."""
    given = factor >= least
    yield Valid(z3.Implies(given, relu(factor * t) == factor * relu(t)))
    yield Valid(z3.Implies(given, leaky(factor * t) == factor * leaky(t)))


@theorem(one=2)
def leaky_relu(*, one=1):
    """phi(t) = alpha t + (1 - alpha) s(t), phi(t) - phi(-t) = (1 + alpha) t, phi(t) + phi(-t) = (1 - alpha)|t|; max(t, alpha t) if
    alpha <= 1.
    """
    yield Valid(leaky(t) == alpha * t + (one - alpha) * relu(t))
    yield Valid(leaky(t) - leaky(-t) == (one + alpha) * t)
    yield Valid(leaky(t) + leaky(-t) == (one - alpha) * larger(t, -t))
    yield Valid(z3.Implies(alpha <= one, leaky(t) == larger(t, alpha * t)))


@theorem(two=1)
def one_kink(*, two=2):
    """phi(t) = p s(t) + q t has phi(t) - phi(-t) = (p + 2 q) t: flips of leaky ReLU (p = 1 - alpha, q = alpha) and abs (p = 2, q = -1)."""

    def phi(z):
        return p * relu(z) + q * z

    yield Valid(phi(t) - phi(-t) == (p + two * q) * t)
    yield Valid(z3.Implies(z3.And(p == 1 - alpha, q == alpha), phi(t) == leaky(t)))
    yield Valid(z3.Implies(z3.And(p == 2, q == -1), phi(t) == larger(t, -t)))


@theorem(right=2)
def clip(*, right=1):
    """clip(t, l, h) = l + s(t - l) - s(t - h) for l <= h: hardtanh s(t + 1) - s(t - 1) - 1, relu6 s(t) - s(t - 6)."""
    low, high = z3.Reals("l h")
    yield Valid(z3.Implies(low <= high, clipped(t, low, high) == low + relu(t - low) - right * relu(t - high)))
    yield Valid(clipped(t, z3.RealVal(-1), z3.RealVal(1)) == relu(t + 1) - right * relu(t - 1) - 1)
    yield Valid(clipped(t, z3.RealVal(0), z3.RealVal(6)) == relu(t) - right * relu(t - 6))


@theorem(sign=-1)
def kinks(*, sign=1):
    """A continuous function with slopes m_0, m_1, m_2 and kinks k_1 < k_2 is m_0 t + r + sum (m_j - m_{j-1}) s(t - k_j)."""
    m0, m1, m2, k2 = z3.Reals("m0 m1 m2 k2")
    first = m0 * t + r
    second = m0 * k + r + m1 * (t - k)
    third = m0 * k + r + m1 * (k2 - k) + m2 * (t - k2)
    function = z3.If(t <= k, first, z3.If(t <= k2, second, third))
    return Valid(z3.Implies(k < k2, function == first + (m1 - m0) * relu(t - k) + sign * (m2 - m1) * relu(t - k2)))


@theorem(sign=1)
def maxima(*, sign=-1):
    """max(u, v) = v + s(u - v), min(u, v) = u + v - max(u, v) = u - s(u - v), and max(u, v, t) step by step."""
    yield Valid(larger(u, v) == v + relu(u - v))
    yield Valid(z3.If(u < v, u, v) == u + v + sign * larger(u, v))
    yield Valid(z3.If(u < v, u, v) == u + sign * relu(u - v))
    yield Valid(larger(larger(u, v), t) == larger(u, v) + relu(t + sign * larger(u, v)))


@theorem(share=2)
def flips(*, share=1):
    """Two neurons with a_1 w_1 + a_2 w_2 = 0 flipped, (a, w, b) -> (a, -w, -b), c -> c + a_1 b_1 + a_2 b_2: the same function; with
    phi(t) - phi(-t) = rho t, rho (a_1 b_1 + a_2 b_2) is added.
    """
    a1, a2, w1, w2, b1, b2, x = z3.Reals("a1 a2 w1 w2 b1 b2 x")
    given = a1 * w1 + a2 * w2 == 0
    for phi, rho in ((relu, z3.RealVal(1)), (leaky, 1 + alpha)):
        before = a1 * phi(w1 * x + b1) + a2 * phi(w2 * x + b2)
        after = a1 * phi(-w1 * x - b1) + a2 * phi(-w2 * x - b2) + share * rho * (a1 * b1 + a2 * b2)
        yield Valid(z3.Implies(given, before == after))


@theorem(sign=1)
def merged(*, sign=-1):
    """Neurons on one hyperplane are one and an affine function: a s(L z) + b s(-M z) = (a L + b M) s(z) - b M z, L, M >= 0."""
    a, b, other = z3.Reals("a b M")
    given = z3.And(factor >= 0, other >= 0)
    both = a * relu(factor * t) + b * relu(-other * t)
    return Valid(z3.Implies(given, both == (a * factor + b * other) * relu(t) + sign * b * other * t))


@theorem(four=3)
def second_difference(*, four=4):
    """About a kink: s(z + e) + s(z - e) - 2 s(z) = |e| at z = 0, 0 where |z| >= |e|, and never below 0 or above |e|: so the jump of
    one hyperplane is seen at three points.
    """
    e = z3.Real("e")
    size = larger(e, -e)
    total = 4 * (relu(t + e) + relu(t - e) - 2 * relu(t))
    yield Valid(z3.Implies(t == 0, total == four * size))
    yield Valid(z3.Implies(larger(t, -t) >= size, total == 0))
    yield Valid(z3.And(total >= 0, total <= four * size))


@theorem(share=2)
def linear_pair_slides(*, share=1):
    """P s(t) - P s(-t) = P t, so that the pair moved to t + q is the same function up to the constant P q."""
    return Valid(p * relu(t + q) - p * relu(-t - q) - share * p * q == p * relu(t) - p * relu(-t))


@theorem(sign=1)
def two_sided_hyperplanes_exchange(*, sign=-1):
    """If mu_1 u_1 + mu_2 u_2 = 0 (one input, or along any line), N_h + mu_h delta and P_h - mu_h delta on both sides of both hyperplanes
    change the function by the constant -delta sum mu_h v_h only.
    """
    x, delta, mu1, mu2, u1, u2, v1, v2 = z3.Reals("x delta mu1 mu2 u1 u2 v1 v2")
    change = sum(mu * delta * (relu(-(n * x + o)) - relu(n * x + o)) for mu, n, o in ((mu1, u1, v1), (mu2, u2, v2)))
    return Valid(z3.Implies(mu1 * u1 + mu2 * u2 == 0, change == sign * delta * (mu1 * v1 + mu2 * v2)))
