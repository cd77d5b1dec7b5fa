"""The identities of Cooling: proved on networks that they are about, refuted when broken, refused where an assumption fails."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn import certificate as checker
from exactnn.certificate import _budget
from exactnn.claims import IdentityClaim
from exactnn.cooling import Formula, check_identities, identities
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.cooling._identity_expressions import equal, gradient, inner, minus, output, parameter, plus, softmax, times
from exactnn.errors import ArgumentError, AssumptionBroken, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, BatchNorm, Builder, Conv, Input, MaxPool, Reshape, activation
from tests.strategies import HOMOGENEOUS, law

SOFT = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I21", "I22", "I23", "I26")
EXACT = [name for name, identity in identities.items() if identity.exact]


def dense(seed: int = 0, widths: tuple[int, ...] = (3, 4, 3, 3), unit: str = "relu", bias: int = 3) -> xn.Network:
    rng = np.random.default_rng(seed)
    pairs = itertools.pairwise(widths)
    return xn.mlp([(rng.integers(-4, 5, (n, m)), rng.integers(-bias, bias + 1, n) if bias else [0] * n) for m, n in pairs], unit)


def samples(net: xn.Network, count: int = 4, seed: int = 1) -> tuple[Any, Any]:
    """Small points with labels; the first one is what the network says, the last one not."""
    rng = np.random.default_rng(seed)
    points = rng.integers(-3, 4, (count, net.input_dim)) / 8
    best = net.evaluate(points).to_float().argmax(axis=1)
    labels = rng.integers(0, net.output_dim, count)
    labels[:-1], labels[-1] = best[:-1], (best[-1] + 1) % net.output_dim
    return points, labels


def convolutional() -> xn.Network:
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> RationalArray:
        return RationalArray(rng.integers(-9, 10, shape), 8)

    none, one = ((0, 0), (0, 0)), (1, 1)
    b = Builder()
    b.add("x", Input((1, 4, 4)))
    b.add("conv", Conv(numbers(2, 1, 2, 2), numbers(2), one, none, one, 1), "x")
    b.add("leaky", activation("leaky_relu(1/4)"), "conv")
    b.add("pool", MaxPool((2, 2), one, none, one), "leaky")
    b.add("flat", Reshape((8,)), "pool")
    return b.build(["x"], [b.add("last", Affine(numbers(3, 8), numbers(3)), "flat")])


def binary() -> tuple[xn.Network, Any]:
    """Two classes, margins -1/2, 1, 3, 3."""
    return xn.mlp([([[1], [0]], [0, 0])]), ([["-1/2"], [1], [3], [-3]], [0, 0, 0, 1])


@pytest.mark.parametrize("name", identities)
def test_holds(name: str) -> None:
    net, data = binary() if name == "I21" else (dense(), samples(dense()))
    verdict = identities[name].check(net, data)
    assert verdict.proved, verdict
    assert ("exactly" in verdict.question) == identities[name].exact


@pytest.mark.parametrize("name", [n for n in identities if n not in SOFT and n not in ("I10", "I14")])
def test_holds_for_convolutions(name: str) -> None:
    net = convolutional()
    assert identities[name].check(net, samples(net, 2)).proved


def test_all_at_once_share_their_work() -> None:
    net = dense(3, (2, 3, 2), "leaky_relu(1/5)")
    found = check_identities(net, samples(net))
    assert {name for name, verdict in found.items() if isinstance(verdict, AssumptionBroken)} <= {"I21", "I5"}
    assert all(verdict.proved for verdict in found.values() if not isinstance(verdict, AssumptionBroken))
    assert list(check_identities(net, samples(net), names="I9")) == ["I9"]


@law(12)
@given(st.integers(0, 10**6), st.sampled_from(HOMOGENEOUS), st.sampled_from(EXACT), st.integers(1, 3), st.data())
def test_exact_ones_hold_for_random_networks(seed: int, unit: str, name: str, depth: int, data: st.DataObject) -> None:
    """Kinks included: the points are small integers; the residuals are any numbers."""
    rng = np.random.default_rng(seed)
    net = dense(seed, (2, *rng.integers(1, 4, depth), 2), unit)
    points = rng.integers(-2, 3, (2, 2))
    v = [[data.draw(st.fractions(-3, 3, max_denominator=7)) for _ in range(2)] for _ in range(2)]
    sent = {"upstream": v} if "upstream" in identities[name].parameters else {}  # I24 has numbers of its own
    (found,) = check_identities(net, (points, [0, 1]), names=name, **sent).values()
    if isinstance(found, AssumptionBroken):
        # a layer may have a zero gradient, a unit equal values at both points
        assert (name, found.assumption) in (("I27", "gradient is not zero"), ("I24", "variance is not zero"))
    else:
        assert found.proved


# --- broken ones -------------------------------------------------------------------------------------------------------------


def refuted(formula: Formula) -> bool:
    verdict = formula.check()
    assert verdict.status != "unknown"
    if verdict.refuted:
        assert "fails at entry" in verdict.reason
    return verdict.refuted


@pytest.mark.parametrize("name", identities)
def test_each_equation_can_fail(name: str) -> None:
    """One side moved by 2^-40 of 1, or of itself: refuted; an inequality turned round or moved by its own gap: refuted."""
    net, data = binary() if name == "I21" else (dense(), samples(dense()))
    formula = identities[name].formula(net, data)
    for i, e in enumerate(formula.equations):
        only = replace(formula, equations=(e._replace(right=plus(e.right, "1/1099511627776")),))
        if e.relation == "=":
            assert refuted(only), e.words
        else:
            far = plus(["sum", times(minus(e.left, e.right), minus(e.left, e.right))], 1)  # more than the gap
            assert refuted(replace(formula, equations=(e._replace(left=plus(e.left, far)),))), e.words
            whole = (*formula.equations[:i], e._replace(left=plus(e.left, far)), *formula.equations[i + 1 :])
            assert refuted(replace(formula, equations=whole))


def changed(a: Any, old: Any, new: Any) -> Any:
    """The expression with one number in the place of another."""
    if isinstance(a, list):
        return [changed(b, old, new) for b in a]
    return new if a == old and type(a) is type(old) else a


@pytest.mark.parametrize(
    ("name", "words", "old", "new"),
    [
        ("I9", "G_2 is divided", "4/3", "16/9"),  # alpha^2 for alpha
        ("I9", "g_2 is divided", 2, "4/3"),  # alpha for gamma
        ("I16", "g_2 is divided", "25/16", "5/4"),  # tau^(-1/L) for tau^(-2/L)
        ("I16", "G_2 is divided", "5/4", "25/16"),
        ("I17", "G_2 is divided", "25/16", "5/4"),
        ("I17", "g_3 is divided", "15625/4096", "125/64"),  # tau^(-i/L) for tau^(-i(i+1)/(2L))
        ("I18", "g_2 is divided", "25/16", "5/4"),
        ("I19", "relative gradient of W_1", "625/256", "25/16"),  # tau^(-s/L) for tau^(-2s/L)
        ("I19", "new W_2", "5/32", "1/8"),  # the step
        ("I15", "|W_2|", "1/100", "1/10"),  # eta for eta^2
        ("I20", "G_1", "1/2", 1),
        ("I25", "dl/dV", "2/3", "4/9"),
        ("I25", "a step", "2/45", "1/15"),  # eta s for eta s^2
        ("I8", "k z) = l(k", "3/2", "2/3"),
        ("I22", "(C - 1)/C", "2/3", "1/3"),
        ("I27", "their product", "1/16", "1/4"),
    ],
)
def test_wrong_exponents_are_refuted(name: str, words: str, old: Any, new: Any) -> None:
    formula = identities[name].formula(dense(), samples(dense()))
    chosen = [e for e in formula.equations if words in e.words]
    assert chosen
    assert formula.check().proved
    for e in chosen:
        wrong = e._replace(left=changed(e.left, old, new), right=changed(e.right, old, new))
        assert wrong != e, (e.left, e.right)
        assert refuted(replace(formula, equations=(wrong,)))


@pytest.mark.parametrize("name", ["I12", "I13", "I14"])
def test_a_missing_bias_term_is_refuted(name: str) -> None:
    formula = identities[name].formula(dense(), samples(dense()))
    broken = 0
    for e in formula.equations:
        for side in ("left", "right"):
            term = getattr(e, side)
            if isinstance(term, list) and term[0] == "+":
                for k in range(2, len(term)):
                    fewer = plus(*(t for j, t in enumerate(term[1:], 1) if j != k))
                    assert refuted(replace(formula, equations=(e._replace(**{side: fewer}),)))
                    broken += 1
    assert broken >= 2


def test_broken_softmax_identities() -> None:
    net, data = dense(), samples(dense())
    one = identities["I2"].formula(net, data, tau=2)
    moments, euler = one.equations
    assert refuted(replace(one, equations=(moments._replace(right=minus(["sum", times("q", "z"), [1]], ["sum", times("p", "z"), [1]])),)))
    assert refuted(replace(one, equations=(euler._replace(right=moments.left),)))  # without tau
    three = identities["I3"].formula(net, data)
    second_moment = ["sum", times("p", "z", "z"), [1]]  # not the variance
    assert refuted(replace(three, equations=(three.equations[0]._replace(right=second_moment),)))
    seven = identities["I7"].formula(net, data)
    sign = changed(seven.equations[0].right, -1, 1)
    assert refuted(replace(seven, equations=(seven.equations[0]._replace(right=sign),)))
    six = identities["I6"].formula(net, data, tau=2)
    start = six.equations[0]
    assert refuted(replace(six, equations=(start._replace(right=2),)))  # of three classes
    bound = six.equations[-1]  # (C - 1)/4 is less than 1: too small for a sample of two near classes
    assert refuted(replace(six, equations=(bound._replace(right=times("1/4", bound.right)),)))
    hessian = identities["I23"].formula(net, data)
    trace = hessian.equations[-1]
    assert refuted(replace(hessian, equations=(trace._replace(right=times("1/2", trace.right)),)))
    with pytest.raises(ArgumentError, match="expression"):
        replace(hessian, equations=(trace._replace(left=["sum", "p", [7]]),)).check()
    with pytest.raises(ArgumentError, match="expression"):
        replace(hessian, equations=(trace._replace(left="nothing"),)).check()


def test_residual_networks_break_the_conservation_that_chains_have() -> None:
    """Said by a formula of one's own, since the identity refuses the network."""
    b = Builder()
    b.add("x", Input((2,)))
    first = dense(1, (2, 2))
    b.add("first", first.operation("layer1"), "x")
    b.add("relu", activation("relu"), "first")
    b.add("second", dense(2, (2, 2)).operation("layer1"), "relu")
    b.add("sum", xn.network.Add(), "second", "first")
    b.add("last", dense(3, (2, 2)).operation("layer1"), "sum")
    net = b.build(["x"], ["last"])
    data = samples(net)
    with pytest.raises(AssumptionBroken, match=r"no residual branch.*'first' \(affine\) is read by \['relu', 'sum'\]"):
        identities["I12"].check(net, data)
    v = ("v", minus(softmax(output()), ["*", 1, {"shape": [4, 2], "denominator": 1, "numerators": [1, 0] * 4}]))
    flows = {n: (inner(parameter(n, f), gradient(n, f, "v")) for f in ("weight", "bias")) for n in ("second", "last")}
    (wrong, _), right = flows["last"], plus(*flows["second"])
    assert refuted(Formula("own", {"f": net}, RationalArray.of(data[0]), (v,), (equal(wrong, right, "conservation"),)))


# --- oracles -----------------------------------------------------------------------------------------------------------------


def test_balls_hold_what_mpmath_finds() -> None:
    net, data = dense(), samples(dense())
    formula = identities["I3"].formula(net, data, tau="7/5")
    values = enclosing(formula.networks, formula.points, formula.definitions, 300)
    logits, labels = net.evaluate(data[0]).to_rows(), data[1]
    with mpmath.workdps(80):
        for i, (row, label) in enumerate(zip(logits, labels, strict=True)):
            z = [mpmath.mpf(q.numerator) / q.denominator for q in row]

            def loss(tau: mpmath.mpf, z: list[mpmath.mpf] = z, label: int = int(label)) -> mpmath.mpf:
                return mpmath.log(sum(mpmath.exp(tau * v) for v in z)) - tau * z[label]

            for order in range(4):
                ball = values.value(["derivative", order, "loss"])
                middle, radius = (a.reshape(-1)[i].item() for a in (ball.middle, ball.radii()))
                expected = mpmath.diff(loss, mpmath.mpf(7) / 5, order) if order else loss(mpmath.mpf(7) / 5)
                assert radius < Fraction(1, 10**70)
                assert abs(mpmath.mpf(middle.numerator) / middle.denominator - expected) < mpmath.mpf(10) ** (-25 if order else -75)
            share = values.value("p")
            total = sum(mpmath.exp(mpmath.mpf(7) / 5 * v) for v in z)
            for j, v in enumerate(z):
                middle = share.middle[i, j].item()
                assert abs(mpmath.mpf(middle.numerator) / middle.denominator - mpmath.exp(mpmath.mpf(7) / 5 * v) / total) < 1e-75


def test_gradients_of_the_cross_entropy_are_torchs() -> None:
    net, (points, labels) = dense(), samples(dense())
    formula = identities["I12"].formula(net, (points, labels), tau="3/2")
    values = enclosing(formula.networks, formula.points, formula.definitions, 300)
    floats = net.to_torch()
    loss = torch.nn.functional.cross_entropy(1.5 * floats.flat(torch.tensor(points)), torch.tensor(labels), reduction="sum")
    loss.backward()
    for number in (1, 2, 3):
        unit = floats.units[floats.keys[f"layer{number}"]]
        for field in ("weight", "bias"):
            ball = values.value(gradient(f"layer{number}", field, "u"))
            assert float(max(ball.radii().to_fractions())) < 1e-80
            np.testing.assert_allclose(ball.middle.to_float(), getattr(unit, field).grad.numpy(), rtol=1e-12, atol=1e-13)


def test_the_optimal_temperature_of_a_closed_form() -> None:
    """T1: logits (m, 0), share a correct: tau* = log(a/(1 - a))/m."""
    net, count = xn.mlp([([[1], [0]], [0, 0])]), 5
    formula = identities["I5"].formula(net, ([[4]] * count, [0] * (count - 1) + [1]), digits=8)
    names = dict(formula.definitions)
    low, high = (Fraction(names[n]) for n in ("lower", "upper"))
    assert low < Fraction("0.346573590279972654") < high
    assert high - low < Fraction(1, 10**8)
    assert formula.check().proved
    for wrong in ([0], [1]):  # all right: tau* is infinite; worse than chance: it is negative
        with pytest.raises(AssumptionBroken, match="an optimal temperature"):
            identities["I5"].check(net, ([[4]], wrong))


# --- what is refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "net", "assumption"),
    [
        ("I9", xn.mlp([([[1]], [0]), ([[1], [2]], [0, 0])], "relu6"), "homogeneous activations"),
        ("I2", xn.mlp([([[1]], [0]), ([[1], [2]], [0, 0])], "gelu"), "rational logits"),
        ("I12", xn.mlp([([[1]], [0]), ([[1], [2]], [0, 0])], xn.rational.RationalFunction([0, 1], [1, 0, 1])), "piecewise linear network"),
        ("I15", xn.mlp([([[1], [2]], [0, 0])]), "at least two layers"),
        ("I1", xn.mlp([([[1]], [0])]), "at least two classes"),
        ("I21", xn.mlp([([[1], [2], [3]], [0, 0, 0])]), "two classes"),
        ("I21", xn.mlp([([[9], [-9]], [0, 0])]), "margins above x0"),
    ],
)
def test_a_broken_assumption_is_named(name: str, net: xn.Network, assumption: str) -> None:
    with pytest.raises(AssumptionBroken) as caught:
        identities[name].check(net, ([[1]], [net.output_dim - 1]))
    assert caught.value.assumption == assumption
    assert assumption in str(caught.value)


def test_more_assumptions() -> None:
    soft = ([[1, 0, 1]], [["1/2", "1/4", "1/4"]])
    assert identities["I3"].check(dense(), soft).proved
    net, data = dense(), samples(dense())
    smoothed = RationalArray(np.eye(3, dtype=np.int64)[data[1]] * 8 + 1, 11)
    assert identities["I5"].check(net, (data[0], smoothed)).proved
    with pytest.raises(AssumptionBroken, match="labels are classes"):
        identities["I22"].check(dense(), soft)
    net = convolutional()
    with pytest.raises(AssumptionBroken, match="fully connected layers"):
        identities["I14"].check(net, samples(net, 2))
    b, ones = Builder(), RationalArray.of([1, 1])
    b.add("x", Input((2,)))
    b.add("first", Affine(RationalArray.eye(2), ones), "x")
    norm = b.build(["x"], [b.add("norm", BatchNorm(ones, ones, ones, ones, Fraction(0), "float32"), "first")])
    with pytest.raises(AssumptionBroken, match=r"no normalisation layer.*fold"):
        identities["I16"].check(norm, ([[1, 2]], [0]))
    dead = xn.mlp([([[1], [1]], [0, 0]), ([[0, 0], [0, 0]], [1, 0])])
    with pytest.raises(AssumptionBroken, match=r"gradient is not zero.*'layer1'"):
        identities["I27"].check(dead, ([[1]], [0]))


def test_bad_arguments() -> None:
    net, (points, labels) = dense(), samples(dense())
    check = identities["I9"].check
    with pytest.raises(ArgumentError, match=r"labels\[1\]: a class from 0 to 2 is needed, got 3"):
        check(net, (points, [0, 3, 0, 0]))
    with pytest.raises(ArgumentError, match=r"labels\[0\]: probabilities that sum to 1"):
        check(net, (points[:1], [["1/2", "1/4", 0]]))
    with pytest.raises(ShapeError, match="labels: 4"):
        check(net, (points, [0, 1]))
    with pytest.raises(ArgumentError, match="points: at least one point"):
        check(net, (np.zeros((0, 3)), []))
    with pytest.raises(ArgumentError, match="data: a pair"):
        check(net, points)
    with pytest.raises(ArgumentError, match=r"eta: a parameter of I9 is needed, tau, alpha, upstream"):
        check(net, (points, labels), eta=1)
    with pytest.raises(ArgumentError, match="tau: a positive number"):
        check(net, (points, labels), tau=0)
    with pytest.raises(ArgumentError, match="alpha: one factor for each of 3 layers"):
        check(net, (points, labels), alpha=[1, 2])
    assert "within 1e-5000" in identities["I2"].check(net, (points, labels), precision="1e-5000").question  # beyond str of an integer
    with pytest.raises(ArgumentError, match="precision: a positive number"):
        check(net, (points, labels), precision=0)
    with pytest.raises(ShapeError, match="upstream"):
        check(net, (points, labels), upstream=[[1, 2, 3]])
    with pytest.raises(ArgumentError, match="layer: a number from 1 to 3"):
        identities["I25"].check(net, (points, labels), layer=4)
    with pytest.raises(ArgumentError, match="share"):
        identities["I18"].check(net, (points, labels), share=2)
    with pytest.raises(ArgumentError, match="names: some of"):
        check_identities(net, (points, labels), names=["I28"])


def test_parameters() -> None:
    net, data = dense(), samples(dense())
    assert identities["I9"].check(net, data, tau="1/3", alpha=[2, "1/2", 5], upstream="softmax").proved
    assert identities["I10"].check(net, data, factors=[[1, 2, 3, 4], ["1/2", 1, 7]]).proved
    assert identities["I12"].check(net, data, upstream=[[1, 2, -3]] * 4).question.startswith("I12: 3 equations exactly")
    assert identities["I13"].check(dense(bias=0), data).question.startswith("I13: 4 equations")
    assert identities["I18"].check(net, data, share=0).proved
    assert identities["I18"].check(net, data, share=1, root="2/3").proved
    assert identities["I2"].check(net, data, precision="1e-200").question.endswith("within 1e-200 at 4 points")
    assert "assumes" in identities["I16"].sentence
    assert list(identities["I22"].parameters) == []
    assert identities["I23"].check(net, data, direction=[1, 2, 3]).proved


def test_a_time_limit() -> None:
    net, data = dense(), samples(dense())
    found = check_identities(net, data, time_limit=0)
    assert {verdict.status for verdict in found.values() if not isinstance(verdict, AssumptionBroken)} == {"unknown"}
    assert "time limit of 0.0 s was reached" in str(found["I3"])
    assert identities["I3"].check(net, data, time_limit=60).proved


def test_what_is_too_much_for_the_checker_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine has a limit of its own, in products; the checker takes a few operations for each."""
    net, data = dense(), samples(dense())
    for name in ("I2", "I9", "I23"):
        with _budget.opened() as account, monkeypatch.context() as patch:
            patch.setattr(_budget, "opened", lambda factor, account=account: nullcontext(account))
            assert checker.check(identities[name].check(net, data).certificate.document)
        with monkeypatch.context() as patch:
            patch.setattr(IdentityClaim, "WORK", account.work // 8)
            assert identities[name].check(net, data).unknown


def test_residuals_of_confident_networks_do_not_vanish() -> None:
    """All classes are right, by margins of 20 to 90: 12 bits of the largest residual, against mpmath."""
    net, data = xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[40, 0], [0, 40]], [1, 1])]), ([[1, 0], [0, 1], ["3/2", 1]], [0, 1, 0])
    v = dict(identities["I9"].formula(net, data).definitions)["v"]
    with mpmath.workdps(60):
        rows = [[mpmath.mpf(q.numerator) / q.denominator for q in row] for row in net.evaluate(data[0]).to_rows()]
        exact = []
        for row, label in zip(rows, data[1], strict=True):
            total = sum(mpmath.exp(z) for z in row)
            exact += [mpmath.exp(z) / total - (j == label) for j, z in enumerate(row)]
        found = [mpmath.mpf(n) / v["denominator"] for n in v["numerators"]]
        assert max(abs(a - b) for a, b in zip(exact, found, strict=True)) <= max(map(abs, exact)) / 2**11
    assert identities["I27"].check(net, data).proved


@pytest.mark.filterwarnings("error")
def test_residuals_of_huge_logits_are_numbers() -> None:
    formula = identities["I9"].formula(xn.mlp([([[10**400, 0], [0, 1]], [0, 0])]), ([[1, 0]], [1]))
    assert dict(formula.definitions)["v"]["numerators"] == [1, -1]


@pytest.mark.parametrize("bits", [0, 19, 51, True, "x"])
def test_bits_of_factors(bits: Any) -> None:
    """With 2 bits, and with 100, of which floats have 53, a true I27 was refuted."""
    with pytest.raises(ArgumentError, match="bits: a whole number from 20 to 50"):
        identities["I27"].check(dense(), samples(dense()), bits=bits)


def test_logits_out_of_reach_are_refused() -> None:
    with pytest.raises(ArgumentError, match="logits times tau"):
        identities["I2"].check(xn.mlp([([[10**6], [0]], [0, 0])]), ([[1]], [0]))
