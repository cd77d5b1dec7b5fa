"""A moment curve t -> p + t v_1 + ... + t^d v_d meets a hyperplane that does not hold all of it in at most d points.

Statement. If v_0 + v_1 t + ... + v_d t^d is 0 at d + 1 distinct t, then v = 0; so points and directions off finitely many hyperplanes
  exist, and among K d + 1 integers t there is one at which the curve misses K of them.
Assumptions. A field with that many elements. d <= 4 here; any d by induction: a root r splits off a factor t - r (see `root`), which
  lowers the degree by one, so that a polynomial of degree d that is not 0 has at most d roots.
Idea. The Vandermonde determinant is the product of all t_j - t_i, and adj(V) V c = det(V) c.
Used in. exactnn/symmetry/witnesses.py, exactnn/symmetry/zero_networks.py, docs/theory.md
Attacked by. tests/regions/test_arrangement.py, tests/symmetry/test_normal_form.py, tests/proofs/test_algebra.py
References. docs/theory.md 2, 8; Ziegler: Lectures on polytopes, 0.6
"""

import itertools

import sympy

from proofs._prover import Identity, theorem


def _vandermonde(degree):
    """The points t_0, ..., t_d and the matrix of their powers 0, ..., d."""
    points = sympy.symbols(f"t0:{degree + 1}")
    return points, sympy.Matrix([[t**j for j in range(degree + 1)] for t in points])


@theorem(factor=2)
def vandermonde(*, factor=1):
    """det (t_i^j) = prod_{i<j} (t_j - t_i): not 0 where the t are distinct; d = 1, ..., 4."""
    for degree in range(1, 5):
        points, matrix = _vandermonde(degree)
        yield Identity(matrix.det(method="berkowitz"), factor * sympy.prod([b - a for a, b in itertools.combinations(points, 2)]))


@theorem(missing=1)
def coefficients(*, missing=0):
    """So d + 1 values at distinct points determine the d + 1 coefficients: adj(V) V c = det(V) c; d = 1, 2, 3."""
    for degree in range(1, 4):
        points, matrix = _vandermonde(degree)
        c = sympy.Matrix(sympy.symbols(f"c0:{degree + 1}"))
        values = matrix * c
        values[-1] *= 1 - missing
        determinant = sympy.prod([b - a for a, b in itertools.combinations(points, 2)])
        yield Identity(matrix.adjugate() * values, determinant * c)


@theorem(last=0)
def root(*, last=1):
    """t^n - r^n = (t - r) sum_k t^k r^(n-1-k), n = 1, ..., 8: if p(r) = 0, then p(t) is a multiple of t - r."""
    t, r = sympy.symbols("t r")
    for n in range(1, 9):
        terms = [t**k * r ** (n - 1 - k) for k in range(n)]
        yield Identity(t**n - r**n, (t - r) * (sum(terms[:-1]) + last * terms[-1]))


@theorem(power=1)
def meets(*, power=2):
    """(t, t^2, t^3) with u . p(t) + v = u_3 (t - r_1)(t - r_2)(t - r_3) exactly if v, u_1, u_2 are the symmetric functions of the three
    points times u_3: a plane that meets the curve in three given points is determined up to a factor.
    """
    t, u, *r = sympy.symbols("t u r1 r2 r3")
    pairs = sum(a * b for a, b in itertools.combinations(r, 2))
    plane = -u * sympy.prod(r) + u * pairs * t - u * sum(r) * t**power + u * t**3
    return Identity(plane, u * sympy.prod([t - a for a in r]))
