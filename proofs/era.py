"""ERA: poles, range, derivatives, scaling, uniqueness and partial fractions of sigma(x) = a x + b + sum (c x + d)/((x - e)^2 + F).

Statement. E1 to E6, E8, E9 of docs/theory.md 14 for one and for two fractions, and the uniqueness in Theorem R for two.
Assumptions. All symbols real, F = f^2 + epsilon; no denominator 0; E2 and uniqueness need F > 0.
Idea. Each is an identity of rational functions, or an inequality of polynomials. E2: y (u^2 + F) = c u + k has a real zero u exactly if
  its discriminant is >= 0, which is (w^2 - (2 F y - k)^2)/F. Uniqueness: the coefficients of the sum's numerator are linear in the
  parameters, and the determinant is the resultant of both denominators. Any number of fractions: prose/era.md.
Used in. exactnn/rational/era.py, exactnn/rational/partial_fractions.py, exactnn/nn, exactnn/cooling/reparameterise.py
Attacked by. tests/rational/test_era.py, tests/rational/test_partial_fractions.py, tests/proofs/test_algebra.py
References. docs/theory.md 14; Trimmel, Zanfir, Hartley, Sminchisescu: ERA, ECCV 2022
"""

import sympy
import z3

from proofs._prover import Identity, Valid, theorem

x, a, b, t, beta, s, w, y = sympy.symbols("x a b t beta s w y")
FIRST, SECOND = (sympy.symbols(f"c{i} d{i} e{i} F{i}") for i in (1, 2))
c, d, e, F = FIRST
k = c * e + d


def denominator(fraction):
    """D = (x - e)^2 + F."""
    return (x - fraction[2]) ** 2 + fraction[3]


def one(fraction):
    """The fraction (c x + d)/D."""
    return (fraction[0] * x + fraction[1]) / denominator(fraction)


def era(linear=(a, b), fractions=(FIRST, SECOND)):
    """Return sigma(x)."""
    return linear[0] * x + linear[1] + sum(one(fraction) for fraction in fractions)


@theorem(root=2, residue=2)
def poles(*, root=1, residue=1):
    """E1: (x - e)^2 + F is 0 exactly at x = e +- i sqrt(F), never at real x if F > 0; with F = 0 the pole has order 2, or 1 if c e + d =
    0.
    """
    yield Identity(denominator(FIRST), (x - e - root * sympy.I * w) * (x - e + sympy.I * w), relations=((w, 2, F),))
    X, E, G = z3.Reals("x e F")
    yield Valid(z3.Implies(G > 0, (X - E) * (X - E) + G > 0))
    yield Identity(one(FIRST).subs(F, 0), residue * c / (x - e) + k / (x - e) ** 2)


@theorem(half=3)
def range_of_a_fraction(*, half=2):
    """E2: (k - w)/(2 F) <= (c x + d)/D <= (k + w)/(2 F), k = c e + d, w = sqrt(k^2 + c^2 F), and both are attained if c != 0."""
    u, C, K, G, W = z3.Reals("u c k F w")
    value, D = C * u + K, u * u + G
    given = z3.And(G > 0, W >= 0, W * W == K * K + C * C * G)
    yield Valid(z3.Implies(given, half * G * value >= (K - W) * D))
    yield Valid(z3.Implies(given, half * G * value <= (K + W) * D))
    for sign in (1, -1):  # at x = e + c/(2 y), y the bound
        bound = (k + sign * w) / (half * F)
        yield Identity(one(FIRST).subs(x, e + c / (2 * bound)), bound, relations=((w, 2, k**2 + c**2 * F),))


@theorem(four=3)
def range_with_a_pole(*, four=4):
    """E2: if F = 0, (c x + d)/(x - e)^2 + c^2/(4 k) = (c u + 2 k)^2/(4 k u^2), u = x - e: so it is >= -c^2/(4 k) for k > 0, <= for k < 0,
    attained at u = -2 k/c, and all beyond is attained as well, up to infinity at e; with k = 0 it is c/u.
    """
    u = x - e
    yield Identity(one(FIRST).subs(F, 0) + c**2 / (four * k), (c * u + 2 * k) ** 2 / (four * k * u**2))
    yield Identity(one(FIRST).subs(F, 0).subs(x, e - 2 * k / c), -(c**2) / (four * k))


@theorem(four=3)
def values_attained(*, four=4):
    """E2: the discriminant of y u^2 - c u + y F - k is c^2 - 4 y (y F - k) = (w^2 - (2 F y - k)^2)/F, w^2 = k^2 + c^2 F."""
    u, K = sympy.symbols("u k")
    equation = y * (u**2 + F) - (c * u + K)
    yield Identity(sympy.discriminant(equation, u), c**2 - four * y * (y * F - K))
    yield Identity(sympy.discriminant(equation, u), (w**2 - (2 * F * y - K) ** 2) / F, relations=((w, 2, K**2 + c**2 * F),))


@theorem(two=3)
def derivatives(*, two=2):
    """E3: the derivatives by c, d, e, f are x/D, 1/D, 2 (x - e)(c x + d)/D^2, -2 f (c x + d)/D^2."""
    f, eps = sympy.symbols("f epsilon")
    fraction = one(FIRST).subs(F, f**2 + eps)
    D = denominator(FIRST).subs(F, f**2 + eps)
    yield Identity(fraction.diff(c), x / D)
    yield Identity(fraction.diff(d), 1 / D)
    yield Identity(fraction.diff(e), two * (x - e) * (c * x + d) / D**2)
    yield Identity(fraction.diff(f), -two * f * (c * x + d) / D**2)


@theorem(weight=2)
def linear_part(*, weight=1):
    """E3: sigma = a s_a + b s_b + sum (c s_c + d s_d)."""
    sigma = era()
    linear = (a, b, FIRST[0], FIRST[1], SECOND[0], SECOND[1])
    return Identity(sigma, sum(p * sigma.diff(p) for p in linear[:-1]) + weight * linear[-1] * sigma.diff(linear[-1]))


@theorem(power=1)
def input_scale(*, power=2):
    """E4: sigma(t x; a, b, c, d, e, F) = sigma(x; t a, b, c/t, d/t^2, e/t, F/t^2), t != 0."""
    moved = [(g[0] / t, g[1] / t**power, g[2] / t, g[3] / t**2) for g in (FIRST, SECOND)]
    return Identity(era().subs(x, t * x), era((t * a, b), moved))


@theorem(two=1)
def euler(*, two=2):
    """E4: x sigma' = a s_a - sum (c s_c + 2 d s_d + e s_e + 2 F s_F) = a s_a - sum (c s_c + 2 d s_d + e s_e + f s_f) - 2 epsilon
    s_epsilon.
    """
    sigma = era()
    parts = sum(
        g[0] * sigma.diff(g[0]) + 2 * g[1] * sigma.diff(g[1]) + g[2] * sigma.diff(g[2]) + two * g[3] * sigma.diff(g[3])
        for g in (FIRST, SECOND)
    )
    yield Identity(x * sigma.diff(x), a * sigma.diff(a) - parts)
    f1, f2, eps = sympy.symbols("f1 f2 epsilon")
    split = sigma.subs({FIRST[3]: f1**2 + eps, SECOND[3]: f2**2 + eps})
    parts = sum(
        g[0] * split.diff(g[0]) + 2 * g[1] * split.diff(g[1]) + g[2] * split.diff(g[2]) + f * split.diff(f)
        for g, f in ((FIRST, f1), (SECOND, f2))
    )
    yield Identity(x * split.diff(x), a * split.diff(a) - parts - two * eps * split.diff(eps))


@theorem(power=1)
def cooled(*, power=2):
    """E5: with a' = s a/beta, b' = s b, c' = s beta c, d' = s beta^2 d, e' = beta e, F' = beta^2 F: sigma'(beta z) = s sigma(z)."""
    moved = [(s * beta * g[0], s * beta**2 * g[1], beta * g[2], beta**power * g[3]) for g in (FIRST, SECOND)]
    return Identity(era((s * a / beta, s * b), moved).subs(x, beta * x), s * era())


@theorem(weight=2)
def order_sign_merging(*, weight=1):
    """E6: the order of the fractions and the sign of f do not matter; fractions of equal (e, F) add to one with c1 + c2, d1 + d2."""
    f = sympy.symbols("f")
    yield Identity(era(fractions=(SECOND, FIRST)), era())
    yield Identity(one(FIRST).subs(F, f**2), one(FIRST).subs(F, (-f) ** 2))
    twin = (*SECOND[:2], e, F)
    yield Identity(one(FIRST) + one(twin), one((c + weight * SECOND[0], d + SECOND[1], e, F)))


def _coefficients(fractions, size):
    """The matrix that takes (c1, d1, c2, d2) to the coefficients of the numerator of the sum."""
    first, second = fractions
    numerator = sympy.expand((first[0] * x + first[1]) * denominator(second) + (second[0] * x + second[1]) * denominator(first))
    return sympy.Matrix([[numerator.coeff(x, j).diff(p) for p in (*first[:2], *second[:2])] for j in range(size)])


@theorem(sign=-1)
def unique(*, sign=1):
    """E7: two fractions that are distinct by (e, F), F > 0, and add to the same function have the same c, d: the determinant is ((e1 -
    e2)^2 + (f1 - f2)^2) ((e1 - e2)^2 + (f1 + f2)^2) > 0.
    """
    f1, f2 = sympy.symbols("f1 f2")
    fractions = [(*FIRST[:3], f1**2), (*SECOND[:3], f2**2)]
    gap = FIRST[2] - SECOND[2]
    resultant = (gap**2 + (f1 - f2) ** 2) * (gap**2 + sign * (f1 + f2) ** 2)
    yield Identity(_coefficients(fractions, 4).det(), resultant)
    g, p, q = z3.Reals("gap f1 f2")
    yield Valid(
        z3.Implies(z3.And(p > 0, q > 0, z3.Or(g != 0, p != q)), (g * g + (p - q) * (p - q)) * (g * g + sign * (p + q) * (p + q)) > 0)
    )


@theorem(two=1)
def at_infinity(*, two=2):
    """E8: sigma - (a x + b) - sum c/x = sum ((d + 2 c e) x - c (e^2 + F))/(x D), which is O(x^-2)."""
    rest = sum(((g[1] + two * g[0] * g[2]) * x - g[0] * (g[2] ** 2 + g[3])) / (x * denominator(g)) for g in (FIRST, SECOND))
    return Identity(era() - (a * x + b) - (FIRST[0] + SECOND[0]) / x, rest)


@theorem(shift=1)
def partial_fractions(*, shift=0):
    """E9: N/(D1 D2), deg N < 4, is a sum of two fractions, whose c, d solve a linear system with the determinant of E7."""
    numerator = sympy.symbols("n0 n1 n2 n3")
    system = _coefficients((FIRST, SECOND), 4)
    values = system.adjugate() * sympy.Matrix(numerator)  # times the determinant
    sums = (values[0] * x + values[1] + shift) * denominator(SECOND) + (values[2] * x + values[3]) * denominator(FIRST)
    return Identity(sums, system.det() * sum(n * x**j for j, n in enumerate(numerator)))
