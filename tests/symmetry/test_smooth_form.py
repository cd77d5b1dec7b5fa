"""The normal form of smooth layers: a function's own, by values to 300 digits from mpmath and by transformations made by hand."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import assume, given
from hypothesis import strategies as st

from exactnn import Box, from_torch, mlp, save, verify_equal
from exactnn.cli import main
from exactnn.errors import ArgumentError, NotOneHiddenLayer, ShapeError, Undecided
from exactnn.exact.array import RationalArray
from exactnn.export.normal_form import digest
from exactnn.network import Add, Affine, Builder, Input, Network, Rational, activation
from exactnn.symmetry import NormalForm, SmoothNormalForm, normal_form, same_function
from exactnn.symmetry._enclosures import phi
from tests.strategies import TINY, Shallow, flipped, law, nudged, numbers, permuted, rows, shallows, split

UNITS = ("tanh", "sigmoid", "silu", "gelu", "softplus")
MIRRORED = ("silu", "gelu", "softplus")
DIGITS = 300


def one(*neurons: tuple[Any, Any, Any], c: Any = 0, unit: str) -> Network:
    """c + sum a phi(w x + b) in one variable, neurons as (a, w, b)."""
    return mlp([([[w] for _, w, _ in neurons], [b for _, _, b in neurons]), ([[a for a, _, _ in neurons]], [c])], activation=unit)


def big(q: Fraction | int) -> Any:
    return mpmath.mpf(Fraction(q).numerator) / Fraction(q).denominator


def level(unit: str, t: Any) -> Any:
    """phi(t) from mpmath."""
    if unit == "tanh":
        return mpmath.tanh(t)
    if unit == "softplus":
        return mpmath.log1p(mpmath.exp(-abs(t))) + max(t, 0)
    if unit == "gelu":
        return t * mpmath.erfc(-t / mpmath.sqrt(2)) / 2
    gate = 1 / (1 + mpmath.exp(-t)) if t > 0 else mpmath.exp(t) / (1 + mpmath.exp(t))
    return gate if unit == "sigmoid" else t * gate


def values(f: Shallow, x: Sequence[Fraction]) -> list[Any]:
    """c + sum a phi(w . x + b), from the lists."""
    found = [big(c) for c in f.constants]
    for w, b, a in f.neurons:
        t = level(str(f.unit), big(sum((p * q for p, q in zip(w, x, strict=True)), b)))
        found = [v + big(q) * t for v, q in zip(found, a, strict=True)]
    return found


def formula(form: NormalForm | SmoothNormalForm, x: Sequence[Fraction]) -> list[Any]:
    """k + M x + sum_h J_h phi(w_h . x + b_h) + sum_b C_b phi(b), from the public dictionaries."""
    found = [big(sum((m * q for m, q in zip(row, x, strict=True)), k)) for k, row in zip(form.constant, form.linear, strict=True)]
    if isinstance(form, NormalForm):
        assert not form.kinks
        return found
    for (*w, b), jump in form.kinks.items():
        t = level(form.activation, big(sum((p * q for p, q in zip(w, x, strict=True)), b)))
        found = [v + big(q) * t for v, q in zip(found, jump, strict=True)]
    for b, column in form.constants.items():
        found = [v + big(q) * level(form.activation, big(b)) for v, q in zip(found, column, strict=True)]
    return found


def of(net: Network) -> tuple[Shallow, str | None]:
    """The numbers of an mlp-like network with one hidden layer, and the name of a node past it."""
    (name,) = net.hidden_layers
    first, last = net.operation(net.operands(name)[0]), net.operation("layer2")
    assert isinstance(first, Affine)
    assert isinstance(last, Affine)
    neurons = tuple(
        (first.weight[i].to_fractions(), first.bias[i].item(), last.weight[:, i].to_fractions()) for i in range(len(first.bias))
    )
    return Shallow(net.input_dim, neurons, last.bias.to_fractions(), net.operation(name).name), None  # type: ignore[attr-defined]


def near(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Equal up to rounding of numbers as large as 2^150."""
    return all(abs(p - q) < mpmath.mpf(10) ** -(DIGITS - 100) for p, q in zip(a, b, strict=True))


def points(inputs: int) -> list[tuple[Fraction, ...]]:
    rng = np.random.default_rng(inputs)
    return [tuple(Fraction(int(q), 8) for q in rng.integers(-24, 25, inputs)) for _ in range(4)]


@st.composite
def alike(draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None) -> tuple[Shallow, Shallow]:
    """Two parameter lists of one function: shuffled, turned over, split, padded with zeros and with pairs that cancel."""
    f = draw(shallows(inputs, UNITS, width=4, outputs=2))
    g = f
    for _ in range(draw(st.integers(1, 4))):
        count, out = len(g.neurons), tuple(draw(numbers()) for _ in g.constants)
        kind = draw(st.sampled_from(("permute", "turn", "split", "dead", "cancel", "constant")))
        if kind == "permute" and count:
            g = permuted(g, draw(st.permutations(range(count))))
        elif kind == "turn" and count:
            chosen = sorted(draw(st.sets(st.integers(0, count - 1))))
            g = flipped(g, chosen) if g.unit in MIRRORED else turned(g, chosen)
        elif kind == "split" and count:
            g = split(g, draw(st.integers(0, count - 1)), out)
        elif kind == "dead":
            ((w, b),) = draw(rows(g.inputs, 1))
            g = replace(g, neurons=(*g.neurons, (w, b, (Fraction(0),) * len(out))))
        elif kind in ("cancel", "constant"):
            ((w, b),) = draw(rows(g.inputs, 1))
            if kind == "constant":
                w = (Fraction(0),) * g.inputs
            g = replace(g, neurons=((w, b, out), *g.neurons, (w, b, tuple(-q for q in out))))
    return f, g


def turned(f: Shallow, chosen: Sequence[int]) -> Shallow:
    """a phi(l) = -a phi(-l), and for sigmoid a - a phi(-l)."""
    neurons, constants = list(f.neurons), f.constants
    for i in chosen:
        w, b, a = neurons[i]
        neurons[i] = (tuple(-q for q in w), -b, tuple(-q for q in a))
        if f.unit == "sigmoid":
            constants = tuple(c + q for c, q in zip(constants, a, strict=True))
    return replace(f, neurons=tuple(neurons), constants=constants)


# --- what it is -----------------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_theory() -> None:
    form = normal_form(mlp([([[1, -2], [-1, 2], [0, 0]], [3, -3, -2]), ([[5, 7, 11], [0, 1, 1]], [13, 0])], activation="gelu"))
    assert isinstance(form, SmoothNormalForm)
    assert form.activation == "gelu"
    assert form.kinks == {(1, -2, 3): (12, 1)}
    assert form.linear == ((-7, 14), (-1, 2))  # gelu(-l) = gelu(l) - l
    assert form.constants == {2: (11, 1)}  # gelu(-2) = gelu(2) - 2
    assert form.constant == (13 - 21 - 22, -3 - 2)
    assert form.normals == RationalArray.of([[1, -2, 3]])
    assert repr(form) == "SmoothNormalForm(gelu, 2 -> 2, 1 classes, 1 constants)"


def test_tanh_is_odd_and_sigmoid_is_tanh() -> None:
    form = normal_form(one((5, 1, 2), (3, -1, -2), (7, 0, -1), unit="tanh"))
    assert (form.kinks, form.constants) == ({(1, 2): (2,)}, {1: (-7,)})  # type: ignore[union-attr]
    assert (form.linear, form.constant) == (((0,),), (0,))
    form = normal_form(one((5, 2, 4), (3, -2, -4), (1, 0, 2), unit="sigmoid"))  # 5 S(l) + 3 - 3 S(l) = 4 + tanh(l/2)
    assert (form.kinks, form.constants) == ({(1, 2): (1,)}, {1: (Fraction(1, 2),)})  # type: ignore[union-attr]
    assert form.constant == (Fraction(9, 2),)
    half = mlp([([["1/2"]], [0]), ([["1/2"]], ["1/2"])], activation="tanh")
    assert normal_form(half) == normal_form(one((1, 1, 0), unit="sigmoid"))


def test_weights_that_are_multiples_stay_apart() -> None:
    form = normal_form(one((1, 1, 0), (1, 2, 0), (1, 1 + TINY, 0), unit="softplus"))
    assert list(form.kinks) == [(1, 0), (1 + TINY, 0), (2, 0)]


@given(shallows(units=UNITS, width=5, outputs=2))
@law(50)
def test_its_form_its_formula_and_its_network(f: Shallow) -> None:
    form = normal_form(f.network())
    if isinstance(form, SmoothNormalForm):
        for *w, _ in form.kinks:
            assert next(q for q in w if q) > 0
        assert list(form.kinks) == sorted(form.kinks)
        assert all(any(column) for column in (*form.kinks.values(), *form.constants.values()))
        assert all(b > 0 or (b == 0 and f.unit == "softplus") for b in form.constants)
        again = form.to_network()
        assert normal_form(again) == form
        assert again.order == normal_form(again).to_network().order
    with mpmath.workdps(DIGITS):
        for x in points(f.inputs):
            expected = values(f, x)
            assert near(formula(form, x), expected)
            if isinstance(form, SmoothNormalForm):
                assert near(values(of(again)[0], x), expected)
                for (low, high), q in zip(form.enclose(x, 320), expected, strict=True):
                    assert big(low) - mpmath.mpf(10) ** -150 <= q <= big(high) + mpmath.mpf(10) ** -150
                    assert high - low < Fraction(1, 2**120)


def test_a_connection_past_a_layer_of_tanh() -> None:
    b = Builder()
    x = b.add("x", Input((2,)))
    layer = b.add("t", activation("tanh"), b.add("a", Affine(RationalArray.of([[1, 2], [3, 4]]), RationalArray.of([0, 1])), x))
    net = b.build([x], [b.add("sum", Add(), layer, x)])
    form = normal_form(net)
    assert isinstance(form, SmoothNormalForm)
    assert form.linear == ((1, 0), (0, 1))
    assert form.kinks == {(1, 2, 0): (1, 0), (3, 4, 1): (0, 1)}
    again = form.to_network()
    assert normal_form(again) == form
    assert verify_equal(net, again).proved


def test_functions_that_are_affine_have_the_form_of_affine_functions() -> None:
    for unit in MIRRORED:
        f = one((1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1), c=1, unit=unit)  # T17
        assert normal_form(f) == normal_form(mlp([([[0]], [0])]))
        assert normal_form(f).is_zero()
        assert normal_form(one((2, 1, 0), (-2, -1, 0), unit=unit)) == normal_form(mlp([([[2]], [0])]))
    assert normal_form(one((1, 1, 0), (1, -1, 0), unit="tanh")).is_zero()  # T18
    assert normal_form(one((1, 0, 1), (1, 0, -1), unit="tanh")).is_zero()
    assert normal_form(one((1, 1, 3), (1, -1, -3), unit="sigmoid")) == normal_form(mlp([([[0]], [1])]))


def test_t18_constants() -> None:
    form = normal_form(one((1, 0, 1), (-1, 0, 2), unit="tanh"))
    assert form.constants == {1: (1,), 2: (-1,)}  # type: ignore[union-attr]
    assert not form.is_zero()


# --- equal exactly for equal functions ------------------------------------------------------------------------------------


@given(alike())
@law(80)
def test_equal_functions_have_equal_forms_hashes_and_documents(pair: tuple[Shallow, Shallow]) -> None:
    f, g = (normal_form(s.network()) for s in pair)
    assert f == g
    assert hash(f) == hash(g)
    assert digest(f) == digest(g)
    assert same_function(f, g)


@given(alike(st.integers(1, 2)), st.integers(0, 10**6), st.sampled_from([TINY, Fraction(1), Fraction(-1, 3)]))
@law(60)
def test_other_functions_have_other_forms(pair: tuple[Shallow, Shallow], place: int, step: Fraction) -> None:
    """What 300 digits tell apart has different forms; what has equal forms they do not tell apart."""
    f, g = pair[0], nudged(pair[1], place, step)
    left, right = (normal_form(s.network()) for s in (f, g))
    assert (digest(left) == digest(right)) is (left == right)
    with mpmath.workdps(DIGITS):
        apart = any(not near(values(f, x), values(g, x)) for x in points(f.inputs))
    assert not (apart and left == right)
    assume(not (f.unit == "gelu" and any(abs(b) > 2**60 and not any(w) for w, b, _ in (*f.neurons, *g.neurons))))  # see below
    assert same_function(left, right) is (left == right)


def test_a_constant_beyond_all_theorems() -> None:
    """gelu(2^70) - 2^70 is about exp(-2^139), and no theorem is known that says that it is not 0."""
    left, right = (mlp([([[1], [0]], [0, b]), ([[1, a]], [c])], activation="gelu") for a, b, c in ((1, 2**70, 0), (0, 0, 2**70)))
    with pytest.raises(Undecided, match="no theorem is known"):
        same_function(normal_form(left), normal_form(right))


@pytest.mark.parametrize("unit", UNITS)
def test_small_integer_relations_of_constants_are_not_found(unit: str) -> None:
    """Theorem L, by a search of mpmath's for integer relations with coefficients up to 1000."""
    with mpmath.workdps(60):
        numbers = [mpmath.mpf(1), *(level(unit, mpmath.mpf(b)) for b in (0.5, 1, 2, 3))]
        if unit == "softplus":
            numbers.append(mpmath.log(2))
        assert mpmath.pslq(numbers, maxcoeff=1000, maxsteps=10**5) is None


@pytest.mark.parametrize("unit", UNITS)
def test_constants_that_differ(unit: str) -> None:
    form = normal_form(one((1, 0, 1), (1, 1, 0), unit=unit))
    for a, b, c in [(1, 2, 0), (1, 1 + TINY, 0), (2, 1, 0), (1, 1, TINY), (0, 1, 0)]:
        other = normal_form(one((a, 0, b), (1, 1, 0), c=c, unit=unit))
        assert form != other
        assert not same_function(form, other)
        assert not same_function(other, form)


def close_to(unit: str, digits: int = 1600) -> Fraction:
    """A rational within 10^-digits of phi(1)."""
    with mpmath.workdps(digits + 50):
        return Fraction(int(mpmath.floor(level(unit, mpmath.mpf(1)) * mpmath.mpf(10) ** digits)), 10**digits)


@pytest.mark.parametrize("unit", ["tanh", "silu", "softplus"])
def test_constants_that_no_enclosure_tells_apart_differ_by_a_theorem(unit: str) -> None:
    form = normal_form(one((1, 0, 1), unit=unit))
    rational = normal_form(mlp([([[0]], [close_to(unit)])]))
    assert not same_function(form, rational)
    assert not same_function(rational, form)
    assert not normal_form(one((1, 0, 1), c=-close_to(unit), unit=unit)).is_zero()


def test_a_constant_of_gelu_may_be_undecided() -> None:
    form, rational = normal_form(one((1, 0, 1), unit="gelu")), normal_form(mlp([([[0]], [close_to("gelu")])]))
    with pytest.raises(Undecided, match=r"gelu\(1\)"):
        same_function(form, rational)
    with pytest.raises(Undecided, match=r"gelu\(1\)"):
        normal_form(one((1, 0, 1), c=-close_to("gelu"), unit="gelu")).is_zero()
    for other in (mlp([([[1]], [close_to("gelu")])]), mlp([([[0]], [close_to("gelu", 100)])])):
        assert not same_function(form, normal_form(other))
    with_kink = normal_form(one((1, 0, 1), (1, 1, 0), unit="gelu"))
    assert not same_function(with_kink, rational)
    near_by = normal_form(one((1, 0, 1), (1, 0, 2), (-1, 0, 3), c=Fraction(1, 2) * (3 - 1 - 2), unit="gelu"))
    assert not near_by.is_zero()


def test_forms_of_different_activations() -> None:
    forms = [normal_form(one((1, 1, 0), unit=unit)) for unit in (*UNITS, "relu")]
    for f, g in itertools.combinations(forms, 2):
        assert f != g
        assert not same_function(f, g)
    constants = [normal_form(one((1, 0, 1), unit=unit)) for unit in UNITS]
    for (f, left), (g, right) in itertools.combinations(zip(constants, UNITS, strict=True), 2):
        assert same_function(f, g) is ({left, right} == {"sigmoid", "silu"})  # silu(1) = sigmoid(1)
    three, two = normal_form(one((1, 0, 3), unit="silu")), one((3, 0, 3), unit="sigmoid")
    assert same_function(three, normal_form(two))
    assert same_function(normal_form(two), three)
    assert not same_function(three, normal_form(one((3, 0, 3), c=TINY, unit="sigmoid")))
    assert not same_function(three, normal_form(one((3, 0, 3), (1, 0, 1), unit="sigmoid")))
    half = Fraction(1, 2)
    assert same_function(normal_form(one((1, 1, 1), unit="sigmoid")), normal_form(one((half, half, half), c=half, unit="tanh")))
    close = normal_form(one((1, 0, 1), c=close_to("silu") - close_to("softplus"), unit="softplus"))
    with pytest.raises(Undecided, match=r"silu\(1\).*softplus\(1\)"):
        same_function(normal_form(one((1, 0, 1), unit="silu")), close)
    close = normal_form(one((1, 0, 1), c=close_to("silu") - close_to("tanh"), unit="tanh"))
    assert not same_function(normal_form(one((1, 0, 1), unit="silu")), close)


def test_arguments_of_same_function() -> None:
    f, g = normal_form(one((1, 1, 0), unit="tanh")), normal_form(mlp([([[1, 2]], [0])]))
    with pytest.raises(ShapeError, match=r"\(1, 1\) and \(1, 2\)"):
        same_function(f, g)
    with pytest.raises(ArgumentError, match=r"g: a normal form.*got Network"):
        same_function(f, g.to_network())  # type: ignore[arg-type]


# --- enclosures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [*UNITS, "gelu_tanh", "relu"])
@pytest.mark.parametrize("t", [0, 1, "-1/3", 40, -40, 5000, -5000, 2**70, -(2**70), TINY, -(10**400)])
def test_balls_hold_the_values(unit: str, t: Any) -> None:
    if unit == "sigmoid":
        return  # a sigmoid is written as tanh
    t = Fraction(t)
    with ctx.workprec(200):
        ball = phi(unit, t)
        assert ball.is_finite()
        with mpmath.workdps(120):
            if unit == "relu":
                exact = big(max(t, Fraction(0)))
            elif unit == "gelu_tanh":
                inner = big(t) * (mpmath.mpf("0.7978845608028654") + mpmath.mpf("0.035677408136300125") * big(t) ** 2)
                exact = big(t) * (1 + mpmath.tanh(inner)) / 2
            else:
                exact = level(unit, max(min(big(t), mpmath.mpf(2) ** 80), -(mpmath.mpf(2) ** 80)) if t < 0 else big(t))
            scaled = Fraction(int(mpmath.nint(exact * mpmath.mpf(2) ** 150)), 2**150)
        error = abs(ball - arb(fmpq(scaled.numerator, scaled.denominator)))
        assert error < arb(2) ** -140 * max(arb(1), abs(arb(fmpq(t.numerator, t.denominator))) * arb(2) ** -40)


# --- what is refused ------------------------------------------------------------------------------------------------------


def mixed() -> Network:
    b = Builder()
    x = b.add("x", Input((1,)))
    return b.build([x], [b.add("sum", Add(), b.add("t", activation("tanh"), x), b.add("r", activation("silu"), x))])


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (one((1, 1, 0), unit="gelu_tanh"), "gelu_tanh: no theorem is known"),
        (mlp([([[1]], [0]), ([[1]], [0])], activation=Rational.of([0, 1], [1, 0, 1])), "rational activation"),
        (mlp([([[1]], [0]), ([[1]], [1]), ([[1]], [0])], activation="silu"), "2 activation layers"),
        (mixed(), "mixes silu and tanh"),
    ],
)
def test_others_are_refused(net: Network, words: str) -> None:
    with pytest.raises(NotOneHiddenLayer, match=words):
        normal_form(net)


@pytest.mark.parametrize("unit", UNITS)
def test_torch_modules(unit: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    units = {"tanh": "Tanh", "sigmoid": "Sigmoid", "silu": "SiLU", "gelu": "GELU", "softplus": "Softplus"}
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), getattr(torch.nn, units[unit])(), torch.nn.Linear(5, 2))
    f = from_torch(module, (3,))
    first, last = module[0], module[2]
    g = mlp([(-first.weight[[2, 0, 1, 4, 3]], -first.bias[[2, 0, 1, 4, 3]]), (last.weight[:, [2, 0, 1, 4, 3]], last.bias)], unit)
    form = normal_form(f)
    assert isinstance(form, SmoothNormalForm)
    assert len(form.kinks) == 5
    assert form != normal_form(g)
    assert form == normal_form(mlp([(first.weight, first.bias), (last.weight, last.bias)], activation=unit))
    assert form == normal_form(form.to_network())
    assert verify_equal(f, form.to_network(activation=unit), domain=Box(-1, 1)).proved


# --- command line ---------------------------------------------------------------------------------------------------------


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = [([[1, -2], [-1, 2], [0, 0]], [3, -3, -2]), ([[5, 7, 11], [0, 1, 1]], [13, 0])]
    save(mlp(layers, activation="gelu"), tmp_path / "f.json")
    save(normal_form(mlp(layers, activation="gelu")).to_network(), tmp_path / "g.json")
    save(mlp(layers, activation="gelu_tanh"), tmp_path / "h.json")
    first = []
    for name in "fg":
        assert main(["symmetry", "normal-form", str(tmp_path / f"{name}.json")]) == 0
        lines = capsys.readouterr().out.splitlines()
        first.append(lines[0])
        assert lines[1:] == [
            "  inputs 2, outputs 2, classes 1, constants 1",
            "  f(x) = k + M x + sum of J gelu(w.x + b) over the classes (w, b) + sum of C gelu(b) over the constants b; M has rank 1",
            "  w = (1, -2), b = 3: J = (12, 1)",
            "  gelu(2): C = (11, 1)",
        ]
    assert first[0] == first[1]
    assert main(["symmetry", "normal-form", str(tmp_path / "f.json"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["activation"], document["classes"], document["constants"]) == ("gelu", 1, 1)
    form = document["normal_form"]
    assert form["classes"] == {"shape": [1, 3], "denominator": 1, "numerators": [1, -2, 3]}
    assert form["biases"]["numerators"] == [2]
    assert form["levels"]["numerators"] == [11, 1]
    canonical = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert first[0] == "NORMAL FORM sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
    assert main(["symmetry", "normal-form", str(tmp_path / "h.json")]) == 2
    assert "no theorem is known" in capsys.readouterr().err
