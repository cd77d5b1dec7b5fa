"""Softmax, cross entropy and one temperature: derivatives, convexity, limits, smoothing.

Statement. I1 to I8, I21 to I23 and I26 of docs/theory.md 20, and the closed form of the optimal temperature of equal margins (21).
Assumptions. l = log sum_j exp(tau z_j) - tau q . z with sum q = 1, p = softmax(tau z); 3 classes, symbolic logits, targets and
  temperature, one sample: losses add. More classes: cumulants of log sum exp along a line, docs/theory.md 20.
Idea. After differentiation each exp(tau z_j) is replaced by a symbol E_j > 0; these and the logits are independent, so that an
  identity of rational functions is what is left. Var_p(z) = sum_{j<k} p_j p_k (z_j - z_k)^2 shows its sign.
Used in. exactnn/cooling/_identities_softmax.py, exactnn/cooling/temperature.py, exactnn/cooling/_problem.py
Attacked by. tests/cooling/test_identities.py, tests/cooling/test_temperature.py, tests/proofs/test_algebra.py
References. docs/theory.md 20, 21; proofs/rocq/Temperature.v has I3 for any number of classes;
  Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017
"""

import itertools

import sympy
import z3

from proofs._prover import Identity, Valid, theorem

tau, shift, size = sympy.symbols("tau c k")
Z = sympy.symbols("z0:3")
V = sympy.symbols("v0:3")
E = sympy.symbols("E0:3", positive=True)
Q = (*sympy.symbols("q0:2"), 1 - sympy.Symbol("q0") - sympy.Symbol("q1"))
P = tuple(e / sum(E) for e in E)


def named(expression, factor=tau):
    """Write E_j for exp(factor z_j)."""
    return sympy.sympify(expression).subs({sympy.exp(factor * z): e for z, e in zip(Z, E, strict=True)})


def loss(factor=tau, logits=Z):
    """Return l."""
    return sympy.log(sum(sympy.exp(factor * z) for z in logits)) - factor * sum(q * z for q, z in zip(Q, logits, strict=True))


def mean(values, weights=P):
    """E_p of the values."""
    return sum(p * v for p, v in zip(weights, values, strict=True))


def moment(power, weights=P, values=Z):
    """E_p (z - E_p z)^power."""
    return mean([(v - mean(values, weights)) ** power for v in values], weights)


@theorem(power=2)
def by_logits(*, power=1):
    """I1: dl/dz_j = tau (p_j - q_j), and these add up to 0."""
    for z, p, q in zip(Z, P, Q, strict=True):
        yield Identity(named(loss().diff(z)), tau**power * (p - q))
    yield Identity(sum(tau * (p - q) for p, q in zip(P, Q, strict=True)))


@theorem(two=1)
def one_hot(*, two=2):
    """I1: for a one-hot q, |dl/dz|_1 = 2 tau (1 - p_y), tau > 0."""
    yield Identity((1 - P[0]) + P[1] + P[2], two * (1 - P[0]))


@theorem(power=2)
def by_temperature(*, power=1):
    """I2: dl/dtau = E_p z - q . z, and sum z_j dl/dz_j = tau dl/dtau."""
    slope = mean(Z) - mean(Z, Q)
    yield Identity(named(loss().diff(tau)), slope)
    yield Identity(sum(z * named(loss().diff(z)) for z in Z), tau**power * slope)


@theorem(pairs=2)
def cumulants(*, pairs=1):
    """I3: d2l/dtau2 = Var_p(z) = sum_{j<k} p_j p_k (z_j - z_k)^2, so >= 0, and 0 only if z is constant; d3l/dtau3 = E_p (z - E_p z)^3."""
    yield Identity(named(loss().diff(tau, 2)), moment(2))
    yield Identity(moment(2), pairs * sum(P[j] * P[k] * (Z[j] - Z[k]) ** 2 for j, k in itertools.combinations(range(3), 2)))
    yield Identity(named(loss().diff(tau, 3)), moment(3))


@theorem(half=1)
def at_zero(*, half=2):
    """I4, I6: at tau = 0, l = log C + tau (mean z - q . z) + tau^2/2 Var(z) + O(tau^3), mean and Var with equal weights."""
    uniform = [sympy.Rational(1, 3)] * 3
    yield Identity(sympy.exp(loss().subs(tau, 0)), 3)
    yield Identity(loss().diff(tau).subs(tau, 0), mean(Z, uniform) - mean(Z, Q))
    yield Identity(loss().diff(tau, 2).subs(tau, 0) / 2, moment(2, uniform) / half)


@theorem(classes=2)
def towards_infinity(*, classes=3):
    """I4, I6: if z_0 >= z_1, z_2 and tau > 0, then 0 < exp(l - tau (z_0 - q . z)) - 1 = E_1/E_0 + E_2/E_0 <= C - 1, and <= (C - 1)
    exp(-tau m) with margin m.
    """
    yield Identity((E[0] + E[1] + E[2]) / E[0] - 1, E[1] / E[0] + E[2] / E[0])
    first, second, third, bound = z3.Reals("E0 E1 E2 margin")  # bound = exp(-tau m) >= E_j/E_0
    given = z3.And(first > 0, second > 0, third > 0, second <= bound * first, third <= bound * first)
    yield Valid(z3.Implies(given, z3.And(second + third > 0, second + third <= (classes - 1) * bound * first)))


@theorem(two=-2)
def not_convex_in_the_inverse(*, two=2):
    """I5: in T = 1/tau the loss is not convex: d2l/dT2 = tau^3 (2 dl/dtau + tau Var_p(z)) is negative for some softmax p and logits."""
    T = sympy.Symbol("T")
    second = loss(1 / T).diff(T, 2)
    yield Identity(named(second, 1 / T), two * (mean(Z) - mean(Z, Q)) / T**3 + moment(2) / T**4)
    # z = (3 log 2, 0, 0), the first class right, tau = 1/3: exp(tau z) = (2, 1, 1), p_0 = 1/2, and 0 < log 2 < 1
    log2 = z3.Real("log2")
    z, p = 3 * log2, z3.Q(1, 2)
    yield Valid(z3.Implies(z3.And(log2 > 0, log2 < 1), two * (p * z - z) + z3.Q(1, 3) * p * (1 - p) * z * z < 0))


@theorem(power=2)
def entropy(*, power=1):
    """I7: dH(p)/dtau = -tau Var_p(z), H = -sum p log p, and dp_j/dtau = p_j (z_j - E_p z)."""
    total = sum(sympy.exp(tau * z) for z in Z)
    shares = [sympy.exp(tau * z) / total for z in Z]
    yield Identity(
        named(sum(-(s * (tau * z - sympy.log(total))) for s, z in zip(shares, Z, strict=True)).diff(tau)).subs(
            sympy.log(sum(E)), sympy.Symbol("log_total")
        ),
        -(tau**power) * moment(2),
    )
    for share, p, z in zip(shares, P, Z, strict=True):
        yield Identity(named(share.diff(tau)), p * (z - mean(Z)))


@theorem(count=2)
def shift_and_scale(*, count=1):
    """I8: l(tau; z + c 1) = l(tau; z), and l(tau; k z) = l(k tau; z)."""
    moved = [z + shift for z in Z]  # exp(l) = sum exp(tau z)/exp(tau q . z)
    factor = sympy.Symbol("G", positive=True)  # exp(tau c)
    yield Identity(sum(e * factor for e in E) / factor**count, sum(E))
    yield Identity(mean(moved, Q), mean(Z, Q) + count * shift)
    yield Identity(loss(tau, [size * z for z in Z]), loss(size**count * tau))


@theorem(power=1)
def hessian(*, power=2):
    """I23: the Hessian by z is tau^2 (diag p - p p^T): it maps 1 to 0, has trace tau^2 (1 - |p|^2), and v^T H v = tau^2 Var_p(v) >= 0."""
    H = named(sympy.hessian(loss(), Z))
    p = sympy.Matrix(P)
    yield Identity(H, tau**power * (sympy.diag(*P) - p * p.T))
    yield Identity(H * sympy.ones(3, 1), sympy.zeros(3, 1))
    yield Identity(H.trace(), tau**power * (1 - p.dot(p)))
    v = sympy.Matrix(V)
    yield Identity((v.T * H * v)[0], tau**power * moment(2, values=V))


@theorem(four=5)
def variance_bound(*, four=4):
    """I23: Var_p(v) = (M - E)(E - m) - sum p_j (M - v_j)(v_j - m) <= (M - m)^2/4 <= |v|^2/2, m <= v_j <= M: so eigenvalues are at most
    tau^2/2.
    """
    top, low = sympy.symbols("M m")
    E1 = mean(V)
    yield Identity(moment(2, values=V), (top - E1) * (E1 - low) - mean([(top - v) * (v - low) for v in V]))
    M, m, e = z3.Reals("M m E")
    yield Valid((M - e) * (e - m) * four <= (M - m) * (M - m))
    yield Valid((M - m) * (M - m) <= 2 * (M * M + m * m))


@theorem(sign=1)
def smoothing(*, sign=-1):
    """I21: for w = tau/(1 + exp(tau m)), d log w/dtau = 1/tau - m s(tau m), s the sigmoid: so d log(w_1/w_2)/dtau = m_2 s(tau m_2) - m_1
    s(tau m_1).
    """
    m, e = sympy.symbols("m e")
    slope = sympy.log(tau / (1 + sympy.exp(tau * m))).diff(tau).subs(sympy.exp(tau * m), e)
    yield Identity(slope, 1 / tau + sign * m * e / (1 + e))


@theorem(shift=2)
def swish_slope(*, shift=1):
    """I21: x s(x), s the sigmoid, increases exactly where 1 + exp(x) + x exp(x)/exp(x)... = 1 + x + exp(x) > 0 holds after division by
    positive terms.
    """
    x, e = sympy.symbols("x e")
    slope = (x / (1 + sympy.exp(-x))).diff(x).subs(sympy.exp(-x), 1 / e)
    yield Identity(slope, e * (shift + x + e) / (1 + e) ** 2)


def _confidence(exponentials, power=1):
    """p_0 at tau = power, the exponentials being those at tau = 1."""
    first, *rest = (e if power == 1 else e * e for e in exponentials)
    return first / (first + sum(rest))


@theorem(classes=3)
def order_of_two(*, classes=2):
    """I26: for C = 2 a confidence is larger exactly where E_0/E_1 = exp(tau m) is, so where the margin m is, whatever tau > 0."""
    first, second = ([z3.Real(f"{name}{i}") for i in range(classes)] for name in "EF")
    confident = z3.And([z3.And(e[0] >= other, other > 0) for e in (first, second) for other in e[1:]])
    smaller = _confidence(first) < _confidence(second)
    return Valid(z3.Implies(confident, smaller == (first[0] * second[1] < second[0] * first[1])))


@theorem(third=1)
def order_of_three(*, third=0):
    """I26: for C = 3 not: exponentials (10, 9, 1/100) and (2, 1, 1) give 1000/1901 > 1/2, their squares, with 2 tau, less than 2/3."""
    first, second = [z3.Q(10, 1), z3.Q(9, 1), z3.Q(1 + 10000 * third, 100)], [z3.Q(2, 1), z3.Q(1, 1), z3.Q(1, 1)]
    yield Valid(_confidence(first) > _confidence(second))
    yield Valid(_confidence(first, 2) < _confidence(second, 2))


@theorem(one=2)
def equal_margins(*, one=1):
    """21: logits (m, 0, ..., 0), a share a right, C classes: dl/dtau = 0 exactly if exp(tau m) = a (C - 1)/(1 - a), and then the
    confidence is a.
    """
    m, share, C, e = sympy.symbols("m a C e")
    confidence = e / (e + C - 1)
    slope = m * confidence - share * m  # E_p z minus the mean of z_y: m where it is right, 0 where it is wrong
    optimum = share * (C - one) / (1 - share)
    yield Identity(slope.subs(e, optimum))
    yield Identity(confidence.subs(e, optimum), share)


@theorem(less=2)
def residual_at_zero(*, less=1):
    """I22: p = (1/C, ..., 1/C) has |p - e_y|^2 = (C - 1)/C: the residuals of all samples are as long where tau -> 0."""
    C = sympy.Symbol("C")
    return Identity((1 / C - 1) ** 2 + (C - 1) / C**2, (C - less) / C)
