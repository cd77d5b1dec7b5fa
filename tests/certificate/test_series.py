"""Balls of the checker hold what they stand for: power series of exponentials against mpmath, gradients sent back against exact ones."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath

from exactnn.certificate import _balls, check
from exactnn.certificate._evaluate import Numbers
from exactnn.certificate._gradient import gradients
from exactnn.certificate._meaning import steps
from exactnn.certificate._models import read_models
from exactnn.certificate._numbers import Tensor
from exactnn.certificate._walk import made
from exactnn.network.document import canonical_hash
from tests.certificate._build import affine, network, node, tensor
from tests.certificate.test_identity import GRAPH, identity


def real(q):
    return mpmath.mpf(q.numerator) / q.denominator


def drawn(source, width):
    """Numbers, or balls, over one denominator, and numbers that they hold: often their ends."""
    over = source.choice((1, 3, 7, 1 << 20, 10**9 + 7, 1 << 100))
    size = source.choice((1, 5, 40)) * over
    lows, highs, chosen = [], [], []
    for _ in range(width):
        low = source.randint(-size, size)
        high = low + source.choice((0, 0, 1, over // 8, over))
        lows.append(low)
        highs.append(high)
        chosen.append(Fraction(source.choice((low, high)), over))
    return between(lows, highs, over), chosen


def between(lows, highs, over):
    return _balls.between(*(Tensor((len(ends),), ends, over) for ends in (lows, highs)))


def sent(lows, highs):
    """Rows between bounds, in thirds."""
    return _balls.between(*(Tensor((len(rows), len(rows[0])), [n for row in rows for n in row], 3) for rows in (lows, highs)))


def bounds(ball):
    """The ends of each entry."""
    return list(zip(*(end.fractions() for end in ball.ends()), strict=True))


def taylor(points):
    """The coefficients of exp, log-sum-exp and softmax of a series, by division of series."""
    width, order = len(points[0]), len(points) - 1
    e = [[mpmath.exp(real(c)) for c in points[0]]]
    for k in range(1, order + 1):
        e.append([sum(j * real(points[j][i]) * e[k - j][i] for j in range(1, k + 1)) / k for i in range(width)])
    whole = [sum(row) for row in e]
    shares, logs = [], [mpmath.log(whole[0])]
    for k in range(order + 1):
        shares.append([(e[k][i] - sum(whole[j] * shares[k - j][i] for j in range(1, k + 1))) / whole[0] for i in range(width)])
    for k in range(1, order + 1):
        logs.append((k * whole[k] - sum(j * logs[j] * whole[k - j] for j in range(1, k))) / (k * whole[0]))
    return e, shares, [[value] for value in logs]


def holds(found, exact):
    slack = mpmath.mpf(10) ** -60
    for coefficient, values in zip(found, exact, strict=True):
        for (low, high), value in zip(bounds(coefficient), values, strict=True):
            assert real(low) - slack - abs(value) * slack <= value <= real(high) + slack + abs(value) * slack


def test_power_series():
    source = random.Random(1)
    with mpmath.workdps(100):
        for _ in range(60):
            width, order, bits = source.randint(1, 3), source.randint(0, 3), source.choice((16, 17, 40, 130))
            series, points = map(list, zip(*(drawn(source, width) for _ in range(order + 1)), strict=True))
            e, shares, logs = taylor(points)
            holds(_balls.exponential(series, bits), e)
            found, rest = _balls.logsumexp(series, bits)
            holds(found, logs)
            holds(_balls.exponential(rest, bits), shares)


def test_exponentials_far_below_the_precision_are_not_zero():
    (found,) = _balls.exponential([_balls.Ball(Tensor((1,), [-100], 1))], 16)
    assert bounds(found) == [(0, Fraction(1, 2**16))]


def test_rounding_goes_outwards():
    source = random.Random(2)
    for _ in range(100):
        tensor_of, points = drawn(source, 3)
        for (low, high), point in zip(bounds(tensor_of.rounded(5)), points, strict=True):
            assert low <= point <= high


def test_gradients_of_balls():
    """Every operation: what is sent back lies between bounds, and so does the gradient."""
    source, step = random.Random(3), "gradients"
    net = read_models({"f": {"sha256": canonical_hash(GRAPH), "inline": GRAPH}}, ("f",), ".", ())["f"].network
    points = [[Fraction(source.randint(-9, 9), 4) for _ in range(net.input_size)] for _ in range(2)]
    program = tuple(steps(net))
    runs = [[value for _, value in made(net, Numbers(point, step), program)] for point in points]
    lows = [[source.randint(-9, 9) for _ in range(net.output_size)] for _ in points]
    highs = [[low + source.choice((0, 1, 5)) for low in row] for row in lows]
    centres, radii = gradients(net, program, runs, sent(lows, highs), step)
    for _ in range(8):
        chosen = [[source.choice(pair) for pair in zip(a, b, strict=True)] for a, b in zip(lows, highs, strict=True)]
        (exact,) = gradients(net, program, runs, sent(chosen, chosen), step)
        assert exact.keys() == centres.keys() == radii.keys()
        for where, value in exact.items():
            for (low, high), entry in zip(bounds(_balls.Ball(centres[where], radii[where])), value.fractions(), strict=True):
                assert low <= entry <= high, where


def test_the_left_slope_of_a_prelu_counts_at_zero():
    net = network([node("x", "input", shape=[1]), affine("h", "x", [[1]], [-1]), node("k", "prelu", "h", slopes=tensor(["1/5"]))])
    assert check(
        identity("proved", (net,), {"v": tensor([[1]])}, [[["gradient", "f", "h", "bias", "v"], "=", tensor(["1/5"])]], points=[[1]])
    )
