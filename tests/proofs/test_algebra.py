"""What computer algebra and z3 prove: every statement is proved, refuted where a constant is wrong, and about what the package does."""

from __future__ import annotations

import importlib
import itertools
import math
import subprocess
import sys
import types
from fractions import Fraction
from typing import Any

import pytest
import sympy
import z3

import exactnn as xn
from proofs import era
from proofs.__main__ import NAMES
from proofs._prover import Identity, Possible, Theorem, Undecided, Valid, prove, theorem, theorems
from tests.proofs._rocq import ROOT

FILES = {name: importlib.import_module(f"proofs.{name}") for name in NAMES}
ALL = [pytest.param(item, id=f"{name}-{item.name}") for name, module in FILES.items() for item in theorems(module)]
WRONG = [
    pytest.param(item, {key: value}, id=f"{name}-{item.name}-{key}")
    for name, module in FILES.items()
    for item in theorems(module)
    for key, value in item.wrong.items()
]


@pytest.mark.parametrize("item", ALL)
def test_the_statement_is_proved(item: Theorem) -> None:
    assert item.holds()


@pytest.mark.parametrize(("item", "constants"), WRONG)
def test_with_a_wrong_constant_it_is_refuted(item: Theorem, constants: dict[str, Any]) -> None:
    assert not item.holds(**constants)


# --- the prover -----------------------------------------------------------------------------------------------------------------

X, Y = sympy.symbols("x y")
U, V = z3.Reals("u v")


def test_identities_are_decided() -> None:
    assert Identity((X + Y) ** 2, X**2 + 2 * X * Y + Y**2).decide()
    assert not Identity((X + Y) ** 2, X**2 + Y**2).decide()
    assert Identity(1 / X - 1 / Y, (Y - X) / (X * Y)).decide()
    assert Identity(sympy.Matrix([X, Y]) * 2, sympy.Matrix([X + X, Y + Y])).decide()
    assert not Identity(sympy.Matrix([X, Y]), sympy.Matrix([X, X])).decide()
    assert Identity(X**3, 2 * X, relations=((X, 2, 2),)).decide()
    assert not Identity(X**3, 3 * X, relations=((X, 2, 2),)).decide()


def test_what_is_no_identity_of_rational_functions_is_left_open() -> None:
    with pytest.raises(Undecided, match="not a polynomial"):
        Identity(sympy.sin(X) ** 2 + sympy.cos(X) ** 2, 1).decide()
    with pytest.raises(Undecided, match="denominator"):
        Identity(1 / (X**2 - 2), 1, relations=((X, 2, 2),)).decide()


def test_formulas_are_decided() -> None:
    assert Valid(U * U >= 0).decide()
    assert not Valid(U * U > 0).decide()
    assert Possible(U * U == 2).decide()
    assert not Possible(U * U < 0).decide()


def test_an_implication_from_nothing_is_no_theorem() -> None:
    with pytest.raises(Undecided, match="premise"):
        Valid(z3.Implies(U < U, V > 0)).decide()


def test_what_the_solver_leaves_open_is_not_proved() -> None:
    with pytest.raises(Undecided, match="no answer"):
        Valid(2**U > 0).decide()


def test_a_theorem_has_a_statement_and_wrong_constants() -> None:
    def nameless(*, one: int = 1) -> Identity:
        return Identity(X, one * X)

    with pytest.raises(TypeError, match="statement"):
        theorem(one=2)(nameless)
    nameless.__doc__ = "x = x."
    with pytest.raises(TypeError, match="constant"):
        theorem()(nameless)
    with pytest.raises(TypeError, match="constant"):
        theorem(two=1)(nameless)
    assert theorem(one=2)(nameless).holds()


def test_what_cannot_be_proved_is_said_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def module(**items: Theorem) -> types.ModuleType:
        made = types.ModuleType("made", "Made here.")
        vars(made).update(items)
        return made

    true = Theorem("true", "x = x", lambda: Identity(X, X), {})
    false = Theorem("false", "x = y", lambda: Identity(X, Y), {})
    empty = Theorem("empty", "nothing", lambda: [], {})
    assert prove([module(true=true)]) == 0
    assert "proved: true: x = x" in capsys.readouterr().out
    assert prove([module(true=true, false=false, empty=empty)]) == 1
    printed = capsys.readouterr().out
    assert "REFUTED: the statement is false: false: x = y" in printed
    assert "NOT PROVED: nothing has to be shown: empty" in printed
    assert "2 of these statements could not be proved." in printed


def test_the_command() -> None:
    def ran(*names: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "proofs", *names], cwd=ROOT, capture_output=True, text=True, check=False)

    good, bad = ran("satisfiability"), ran("geometry")
    assert good.returncode == 0, good.stderr
    assert good.stdout.count("  proved: ") == len(theorems(FILES["satisfiability"]))
    assert bad.returncode == 2
    assert "no file is called 'geometry'" in bad.stderr
    told = ran("--help")
    assert told.returncode == 0
    assert told.stdout.startswith("usage: python -m proofs [NAME ...]")


# --- what was proved, and what the package does ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("c", "k", "square"), [(2, 3, 4), (3, -4, 1), (0, 5, 2), (2, 3, 0), (-3, -2, 0)])
def test_ranges_of_fractions(c: int, k: int, square: int) -> None:
    """The package's bounds are those of E2, in numbers where w is rational."""
    e = Fraction(1, 3)
    (found,) = xn.rational.ERA.with_squares((0, 0), [(c, k - c * e, e, square)]).fraction_ranges()
    if square:
        w = sympy.sqrt(k**2 + c**2 * square)
        assert w.is_rational
        expected: list[Fraction | float] = [Fraction(k - int(w), 2 * square), Fraction(k + int(w), 2 * square)]
    else:
        expected = sorted([Fraction(-c * c, 4 * k), math.inf if k > 0 else -math.inf])
    for bound, value in zip((found.lower, found.upper), expected, strict=True):
        assert bound.lower <= value <= bound.upper


def test_era_networks_are_cooled_as_proved() -> None:
    numbers = {era.a: 2, era.b: -1, era.s: 3, era.beta: sympy.Rational(5, 2)}
    numbers |= dict(zip((*era.FIRST, *era.SECOND), (1, -2, 3, 4, 5, 0, -1, 2), strict=True))
    sigma = xn.rational.ERA.with_squares((2, -1), [(1, -2, 3, 4), (5, 0, -1, 2)])
    cooled = sigma.scale_output(3).scale_input(Fraction(2, 5))
    for x in (0, 1, Fraction(-7, 3)):
        at = sympy.Rational(x.numerator, x.denominator)
        assert sigma(x) == Fraction(str(era.era().subs(numbers).subs(era.x, at)))
        assert cooled(Fraction(5, 2) * x) == 3 * sigma(x)


def fold(units: int) -> tuple[list[Any], list[Any], list[Any], Fraction]:
    """Weights, biases, outgoing weights and constant of proofs/line.py's layer, scaled to [0, 1]."""
    end = units + Fraction(1, 2)
    weights = [[end], [end], [-end], *([end] for _ in range(3, units))]
    biases = [Fraction(-1, 2), Fraction(-3, 2), Fraction(5, 2), *(-Fraction(2 * j - 1, 2) for j in range(4, units + 1))]
    return weights, biases, [3, -2, 2, *(2 if j % 2 else -2 for j in range(4, units + 1))], Fraction(-4)


@pytest.mark.parametrize("widths", [(3,), (3, 3), (3, 4), (5, 3), (3, 3, 3)])
def test_folds_have_as_many_regions_as_there_can_be(widths: tuple[int, ...]) -> None:
    layers, row, constant = [], [[Fraction(1)]], [Fraction(0)]
    for units in widths:
        weights, biases, out, shift = fold(units)
        first = [[w[0] * v for v in row[0]] for w in weights]
        layers.append((first, [b + w[0] * constant[0] for b, w in zip(biases, weights, strict=True)]))
        row, constant = [out], [shift]
    net = xn.mlp([*layers, (row, constant)])
    lower, upper = xn.regions.bounds(1, widths)
    product = 1
    for units in widths:
        product *= units + 1
    assert lower == upper == product
    assert xn.regions.count(net, definition="connected") == product


def test_folds_of_a_square_have_the_regions_of_the_lower_bound() -> None:
    """prose/regions.md for widths 6 and 7: lines y = 2 t x - t^2 cross inside the square, and their signs change twice at most along t."""
    weights, biases, out, shift = fold(3)
    first = [[w[0], 0] for w in weights] + [[0, w[0]] for w in weights]
    points = [Fraction(i, 8) for i in range(1, 8)]
    rows, offsets = [], []
    for i, t in enumerate(points):
        side = (-1) ** i
        rows.append([side * 2 * t * v for v in out] + [-side * v for v in out])
        offsets.append(side * (2 * t * shift - shift - t * t))
    net = xn.mlp([(first, biases * 2), (rows, offsets), ([[10**i for i in range(7)]], [0])])
    found = xn.regions.count(net, xn.Box(0, 1).in_dimension(2), definition="connected")
    assert found == xn.regions.bounds(2, [6, 7])[0] == 16 * 29


def clauses(found: list[tuple[int, ...]], variables: int) -> xn.Network:
    """s(g) of proofs/satisfiability.py; a clause is a tuple of literals, i for x_i, -i for its negation, i from 1."""
    rows, biases, out = [], [], []
    for i in range(variables):
        unit = [int(i == j) for j in range(variables)]
        rows += [[-v for v in unit], unit, unit, unit]
        biases += [0, 0, Fraction(-1, 2), -1]
        out += [-1, -1, 2, -2]
    for clause in found:  # 1 - the sum of x_i and of 1 - x_i
        rows.append([-int(i + 1 in clause) + int(-i - 1 in clause) for i in range(variables)])
        biases.append(1 - sum(literal < 0 for literal in clause))
        out.append(-1)
    return xn.mlp([(rows, biases), ([out], [1]), ([[1]], [0])])


@pytest.mark.parametrize(
    "found",
    [
        [(1, 2), (-1, 2), (1, -2)],
        [(1, 2), (-1, 2), (1, -2), (-1, -2)],
        [(1, 2, 3), (-1, -2), (-1, -3), (-2, -3)],
        [(1, 2, 3), (-1, -2), (-1, -3), (-2, -3), (-1, 2), (-2, 3), (-3, 1)],
    ],
)
def test_a_network_is_zero_exactly_if_nothing_satisfies_the_clauses(found: list[tuple[int, ...]]) -> None:
    count = max(map(abs, itertools.chain(*found)))
    choices = list(itertools.product((0, 1), repeat=count))
    satisfying = [choice for choice in choices if all(any(choice[abs(i) - 1] == (i > 0) for i in clause) for clause in found)]
    net = clauses(found, count)
    answer = xn.verify_zero(net)
    assert answer.status == ("refuted" if satisfying else "proved")
    for choice in choices:
        assert net(choice) == (int(choice in satisfying),)


POSITIVE = [([[1, 2], [-3, 1], [2, 5]], [1, -1, 2]), ([[1, 2, 3], [2, 1, 5]], [1, 2]), ([[1, -1], [2, 3]], [0, 4])]


def test_an_affine_change_of_active_neurons_keeps_the_function() -> None:
    """Q = ((1, 1/4), (0, 1)), delta = (1/3, -1/2): all of W_A, b_A stays positive."""
    (U1, a1), (W, b), (V1, c) = POSITIVE
    quarter, delta = Fraction(1, 4), (Fraction(1, 3), Fraction(-1, 2))
    moved_w = [[p + quarter * q for p, q in zip(*W, strict=True)], W[1]]
    moved_b = [b[0] + quarter * b[1] + delta[0], b[1] + delta[1]]
    moved_v = [[v[0], v[1] - quarter * v[0]] for v in V1]
    moved_c = [k - v[0] * delta[0] - v[1] * delta[1] for k, v in zip(c, moved_v, strict=True)]
    f, g = xn.mlp(POSITIVE), xn.mlp([(U1, a1), (moved_w, moved_b), (moved_v, moved_c)])
    assert xn.verify_equal(f, g).status == "proved"
    wrong = xn.mlp([(U1, a1), (moved_w, moved_b), (moved_v, c)])
    assert xn.verify_equal(f, wrong).status == "refuted"


def test_active_neurons_cost_the_dimensions_that_were_proved() -> None:
    """All parameters but the scalings of the first layer, and |A|^2 + |A| for the second, which is active."""
    for layers, active in ((POSITIVE, 2), ([POSITIVE[0], ([[1, 2, 3]], [1]), ([[1]], [0])], 1)):
        parameters = sum(len(weights) * (len(weights[0]) + 1) for weights, _ in layers)
        assert xn.symmetry.functional_dimension(xn.mlp(layers)) == parameters - 3 - (active**2 + active)


def possible(kinks: dict[tuple[int, ...], tuple[Fraction, ...]], linear: Any, spare: float) -> list[tuple[int, int, bool]]:
    """(|O|, rank, whether U_O is independent) of all disjoint S, O with |O| + 2 rank <= spare: prose/minimal_width.md, prose/fibre.md."""
    planes = list(kinks)
    slope = sympy.Matrix([[sympy.Rational(v.numerator, v.denominator) for v in row] for row in linear])
    found = []
    for sides in itertools.product((0, 1, 2), repeat=len(planes)):
        rest, two_sided = slope, sympy.zeros(0, slope.cols)
        for plane, side in zip(planes, sides, strict=True):
            normal = sympy.Matrix([plane[:-1]])
            if side == 1:
                rest += sympy.Matrix([sympy.Rational(j.numerator, j.denominator) for j in kinks[plane]]) * normal
            if side == 2:
                two_sided = two_sided.col_join(normal)
        span = two_sided.rank()
        rank = rest.col_join(two_sided).rank() - span
        if two_sided.rows + 2 * rank <= spare:
            found.append((two_sided.rows, rank, span == two_sided.rows))
    return found


NETWORKS = [
    ([[1], [-1]], [0, 0], [[2, 1]]),
    ([[1], [1]], [0, -1], [[2, 3]]),
    ([[1], [-1], [1]], [0, 0, -1], [[2, 1, 3]]),
    ([[1], [-1], [1], [-1]], [0, 0, -1, 1], [[2, 1, 3, 1]]),
    ([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]]),
    ([[1, 0], [-1, 0], [0, 1]], [0, 0, 0], [[1, 3, 1]]),
    ([[1, 0], [-1, 0], [0, 1], [0, -1]], [0, 0, 1, -1], [[1, 3, 1, 2], [1, 1, 2, 5]]),
    ([[1, 0], [-1, 0], [1, 0], [-1, 0]], [0, 0, 1, -1], [[1, 3, 1, 2], [1, 1, 2, 5]]),
    ([[1, 2], [2, 1], [1, 1]], [0, 1, 2], [[1, 2, 3], [2, -1, 1]]),
]


@pytest.mark.parametrize(("weights", "biases", "out"), NETWORKS)
def test_fibres_and_least_widths_are_those_of_the_theorems(weights: Any, biases: Any, out: Any) -> None:
    net = xn.mlp([(weights, biases), (out, [0] * len(out))])
    form = xn.symmetry.normal_form(net)
    count, width = len(form.kinks), len(biases)
    least = count + min(two + 2 * rank for two, rank, _ in possible(form.kinks, form.linear, math.inf))
    assert form.minimal_width == least
    pairs, spare = possible(form.kinks, form.linear, width - count), width - count
    assert (pairs == [(spare, 0, True)]) == xn.symmetry.fibre(net).is_single_orbit
