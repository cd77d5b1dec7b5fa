"""Networks with two hidden layers have symmetries on open sets of weights that one hidden layer does not have.

Statement. f(x) = c + V s(W y + b), y = s(U x + a). (dead) Where a row of W and its entry of b are negative, its column of V is free.
  (active) Where rows A of W and entries of b are positive, (W_A, b_A, V_A, c) -> (Q W_A, Q b_A + delta, V_A Q^-1, c - V_A Q^-1 delta)
  keeps f for (Q, delta) near (1, 0): |A|^2 + |A| dimensions, of which |A| are positive scalings, if W_A has independent rows. Both
  conditions are open, so that such weights have positive measure.
Assumptions. 2 inputs of the second hidden layer for `dead` and `active`, |A| = 1, 2, 3 for the identities. Q invertible, and Q W_A,
  Q b_A + delta positive still, which is so near (1, 0).
Idea. y >= 0 makes the signs of W y + b known for all x; where s is the identity, an affine change goes through it.
Used in. exactnn/symmetry/_find.py, exactnn/symmetry/_smt.py, exactnn/symmetry/_functional_dimension.py
Attacked by. tests/symmetry/test_find.py, tests/symmetry/test_functional_dimension.py, tests/proofs/test_algebra.py
References. docs/theory.md 5, 6; Petzka, Trimmel, Sminchisescu: Notes on the symmetries of 2-layer ReLU-networks; Grigsby, Lindsey,
  Meyerhoff, Wu: Functional dimension of feedforward ReLU neural networks, 2022
"""

import itertools

import sympy
import z3

from proofs._prover import Identity, Possible, Valid, theorem


def relu(z):
    """Return max(z, 0)."""
    return z3.If(z > 0, z, 0)


def _second_layer():
    """Pre-activation of one neuron of the second layer, for any x, U, a: w . s(U x + a) + b, and its weights."""
    z1, z2, w1, w2, b = z3.Reals("z1 z2 w1 w2 b")  # z = U x + a takes any values
    return w1 * relu(z1) + w2 * relu(z2) + b, (w1, w2, b)


@theorem(bias=1)
def dead(*, bias=0):
    """w < 0 and b < 0: v s(w . y + b) = 0 for every v, x, U, a."""
    z, (w1, w2, b) = _second_layer()
    v, other = z3.Reals("v other")
    given = z3.And(w1 < 0, w2 < 0, b < bias)
    yield Valid(z3.Implies(given, v * relu(z) == other * relu(z)))
    yield Possible(given)


@theorem(bias=-1)
def active(*, bias=0):
    """w > 0 and b > 0: s(w . y + b) = w . y + b for every x, U, a."""
    z, (w1, w2, b) = _second_layer()
    given = z3.And(w1 > 0, w2 > 0, b > bias)
    yield Valid(z3.Implies(given, relu(z) == z))
    yield Possible(given)


def _weights(size):
    """V_A, W_A, b_A, c, y, Q, delta: size neurons, 2 inputs, 2 outputs."""
    V, W = sympy.Matrix(2, size, sympy.symbols(f"V:2:{size}")), sympy.Matrix(size, 2, sympy.symbols(f"W:{size}:2"))
    b, c, y = (sympy.Matrix(sympy.symbols(f"{name}0:{count}")) for name, count in (("b", size), ("c", 2), ("y", 2)))
    Q = sympy.Matrix(size, size, sympy.symbols(f"Q:{size}:{size}"))
    return V, W, b, c, y, Q, sympy.Matrix(sympy.symbols(f"delta0:{size}"))


@theorem(sign=1)
def affine_change(*, sign=-1):
    """c + V_A (W_A y + b_A) = c' + V_A' (W_A' y + b_A') with W_A' = Q W_A, b_A' = Q b_A + delta, V_A' = V_A Q^-1, c' = c - V_A' delta."""
    for size in (1, 2, 3):
        V, W, b, c, y, Q, delta = _weights(size)
        moved = V * Q.adjugate() / Q.det(method="berkowitz")
        yield Identity(c + V * (W * y + b), (c + sign * moved * delta) + moved * (Q * W * y + Q * b + delta))


@theorem(power=0)
def dimension(*, power=1):
    """(E, d) -> (E W, E b + d), the derivative by Q and delta at (1, 0), has the determinant det(W)^|A| for square W, and (E, d) has
    |A|^2 + |A| entries; so this family has |A|^2 dimensions more than the |A| scalings, where the rows of W_A are independent.
    """
    for size in (1, 2, 3):
        W, E = sympy.Matrix(size, size, sympy.symbols(f"W:{size}:{size}")), sympy.Matrix(size, size, sympy.symbols(f"E:{size}:{size}"))
        b, d = sympy.Matrix(sympy.symbols(f"b0:{size}")), sympy.Matrix(sympy.symbols(f"d0:{size}"))
        image = sympy.Matrix([*(E * W), *(E * b + d)])
        jacobian = image.jacobian([*E, *d])
        determinant = W.det(method="berkowitz") ** (power * size)
        yield Identity(jacobian.det(method="berkowitz"), determinant)


@theorem(entry=0)
def no_scaling(*, entry=1):
    """For |A| = 2 and Q = ((1, t), (0, 1)), t != 0, the new rows are no permutation and positive scaling of the old ones, which are
    independent: w_1 + t w_2 is a multiple neither of w_1 nor of w_2.
    """
    (w, u), (v, z) = sympy.symbols("w0 w1"), sympy.symbols("v0 v1")
    t = entry * sympy.Symbol("t")
    new = (w + t * v, u + t * z)
    minor = w * z - u * v
    yield Identity(w * new[1] - u * new[0], sympy.Symbol("t") * minor)
    yield Identity(new[0] * z - new[1] * v, minor)


@theorem(low=-1)
def whole_network(*, low=0):
    """All of it, two neurons in each hidden layer, the second active: the same value for every x, with Q = ((1, t), (0, 1))."""
    x, t, c, V1, V2 = z3.Reals("x t c V1 V2")
    u, a = z3.Reals("u1 u2"), z3.Reals("a1 a2")
    y = [relu(p * x + q) for p, q in zip(u, a, strict=True)]
    W, b = [z3.Reals("W11 W12"), z3.Reals("W21 W22")], z3.Reals("b1 b2")
    new_w = [[W[0][j] + t * W[1][j] for j in range(2)], W[1]]
    new_b = [b[0] + t * b[1], b[1]]
    positive = [entry > low for entry in itertools.chain(*W, *new_w[:1], b, new_b[:1])]
    z, new = (
        [sum(p * q for p, q in zip(row, y, strict=True)) + s for row, s in zip(rows, shifts, strict=True)]
        for rows, shifts in ((W, b), (new_w, new_b))
    )
    before = c + V1 * relu(z[0]) + V2 * relu(z[1])
    after = c + V1 * relu(new[0]) + (V2 - t * V1) * relu(new[1])
    return Valid(z3.Implies(z3.And(positive), before == after))
