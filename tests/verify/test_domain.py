"""One hidden layer on domains of every kind, against exact values at all vertices (one and two variables) and z3 (three)."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, Verdict, check, mlp, verify_equal, verify_symmetry, verify_zero
from exactnn.errors import EmptyDomain
from exactnn.exact.array import RationalArray
from exactnn.exact.lp import LinearSystem
from exactnn.network import Affine
from exactnn.symmetry import Flip, Permutation, normal_form
from exactnn.verify._domain import coordinates
from tests.strategies import TINY, Rows, Shallow, box, domains, equal_pairs, law, nudged, polyhedron, shallows
from tests.verify._oracles import assert_sound, same_in_the_plane, z3_differ


def relu(*neurons: tuple[Any, Any, Any], c: Any = 0) -> Network:
    """c + sum a s(w x + b), neurons as (a, w, b)."""
    rows = [w if isinstance(w, list) else [w] for _, w, _ in neurons]
    return mlp([(rows, [b for _, _, b in neurons]), ([[a for a, _, _ in neurons]], [c])])


def proved(verdict: Verdict) -> bool:
    assert verdict.proved, str(verdict)
    return check(verdict.certificate)


def judged(f: Network, g: Network, domain: Rows) -> str:
    """The status on the domain, sound; "empty" where the package says that there is no point."""
    try:
        verdict = verify_equal(f, g, domain=polyhedron(domain, f.input_dim))
    except EmptyDomain:
        return "empty"
    return assert_sound(verdict, f, g, domain)


@pytest.mark.parametrize("fixed", list(itertools.product([False, True], repeat=3)))
def test_the_hull_of_a_box_is_that_of_its_rows(fixed: tuple[bool, ...]) -> None:
    low = [Fraction(-1, 3), Fraction(2), Fraction(0)]
    box = Box(low, [v if still else v + 5 for v, still in zip(low, fixed, strict=True)])
    found, expected = coordinates(box, 3), coordinates(Polyhedron(*box.rows), 3)
    assert (found.dimension, found.hull, found.region) == (expected.dimension, expected.hull, expected.region)
    t = RationalArray.from_fractions([Fraction(k + 1, 7) for k in range(found.dimension)], (1, found.dimension))
    assert found.to_input(t) == expected.to_input(t)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_few_of_many_inputs_are_free(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sides of the others, which have no variables there, are in no linear program."""
    rng = np.random.default_rng(layers)
    sizes = [(4, 200), *[(4, 4)] * (layers - 1), (2, 4)]
    f = mlp([(rng.integers(-9, 10, shape), rng.integers(-9, 10, shape[0])) for shape in sizes])
    g = Permutation(0, [2, 0, 3, 1]).apply(f)
    middle = rng.integers(-9, 10, 200).tolist()
    domain = Box([v - (k < 2) for k, v in enumerate(middle)], [v + (k < 2) for k, v in enumerate(middle)])
    rows, initial = [], LinearSystem.__init__

    def counted(self: LinearSystem, A: Any, *rest: Any, **named: Any) -> None:
        rows.append(A.nrows() if hasattr(A, "nrows") else len(A))
        initial(self, A, *rest, **named)

    monkeypatch.setattr(LinearSystem, "__init__", counted)
    moved = mlp([*((op.weight, op.bias) for op in affine(f)[:-1]), (affine(f)[-1].weight, affine(f)[-1].bias + Fraction(1, 2**40))])
    assert proved(verify_equal(f, g, domain=domain))
    assert proved(verify_equal(f, moved, domain=domain, tolerance=Fraction(1, 2**39)))
    assert verify_equal(f, moved, domain=domain).refuted
    assert max(rows, default=0) < 50


def affine(net: Network) -> list[Affine]:
    return [op for op in map(net.operation, net.order) if isinstance(op, Affine)]


# --- one kind of domain after the other -----------------------------------------------------------------------------------


def test_a_neuron_is_on_or_off_or_neither_on_a_box() -> None:
    f, identity, zero = relu((1, 1, 0)), mlp([([[1]], [0])]), mlp([([[0]], [0])])
    assert proved(verify_equal(f, identity, domain=Box(0, 1)))
    assert proved(verify_equal(f, zero, domain=Box(-1, 0)))
    for other in (identity, zero):
        domain, rows = box([-1], [1])
        assert assert_sound(verify_equal(f, other, domain=domain), f, other, rows) == "refuted"


@pytest.mark.parametrize("side", [TINY, Fraction(1, 2**900)])
def test_the_kink_enters_the_domain_by_a_hair(side: Fraction) -> None:
    f, identity = relu((1, 1, 0)), mlp([([[1]], [0])])
    domain, rows = box([-side], [1])
    verdict = verify_equal(f, identity, domain=domain)
    assert assert_sound(verdict, f, identity, rows) == "refuted"
    assert verdict.counterexample is not None
    assert -side <= verdict.counterexample[0] < 0


def test_unbounded_domains() -> None:
    f, identity = relu((1, [1, 1], 0)), mlp([([[1, 1]], [0])])
    half = Polyhedron([[-1, -1]], [0])
    assert proved(verify_equal(f, identity, domain=half))
    quadrant = Polyhedron([[-1, 0], [0, -1]], [0, 0])
    assert proved(verify_equal(f, identity, domain=quadrant))
    lower = Polyhedron([[-1, -1]], [TINY])
    assert assert_sound(verify_equal(f, identity, domain=lower), f, identity, [((Fraction(-1), Fraction(-1)), TINY)]) == "refuted"


def test_the_whole_space_as_a_polyhedron() -> None:
    f = relu((1, 1, 0), (-1, -1, 0))
    assert proved(verify_equal(f, mlp([([[1]], [0])]), domain=Polyhedron.whole_space(1)))
    assert assert_sound(verify_zero(f, domain=Polyhedron.whole_space(1)), f) == "refuted"


def test_lines_and_points() -> None:
    """On the line x + y = 1 the functions agree, and nowhere else; hyperplanes merge there."""
    f = relu((1, [1, 0], 0), (-1, [0, -1], 1))  # s(x) - s(1 - y)
    line = Polyhedron([[1, 1], [-1, -1]], [1, -1])
    assert proved(verify_zero(f, domain=line))
    assert verify_zero(f).refuted
    beside = Polyhedron([[1, 1], [-1, -1]], [1 + TINY, -1])
    rows = [((Fraction(1),) * 2, 1 + TINY), ((Fraction(-1),) * 2, Fraction(-1))]
    assert assert_sound(verify_zero(f, domain=beside), f, None, rows) == "refuted"
    point = Polyhedron([[1, 0], [-1, 0], [0, 1], [0, -1]], ["1/3", "-1/3", 5, -5])
    assert proved(verify_equal(f, mlp([([[0, 0]], ["1/3"])]), domain=point))
    g = mlp([([[0, 0]], [0])])
    verdict = verify_equal(f, g, domain=point)
    assert verdict.refuted
    assert verdict.counterexample == (Fraction(1, 3), 5)
    assert check(verdict.certificate)


def test_flat_boxes() -> None:
    f, g = relu((1, [1, 1], 0), (1, [1, -1], 0)), mlp([([[2, 0]], [0])])
    assert proved(verify_equal(f, g, domain=Box([1, 0], [2, 0])))
    assert proved(verify_equal(f, g, domain=Box([1, 1], [1, 1])))
    assert verify_equal(f, g, domain=Box([-1, 0], [2, 0])).refuted


def test_hyperplanes_at_the_boundary() -> None:
    """Every kink touches the box and none enters it."""
    kinks = [[1, 0], [0, 1], [1, 1], [-1, 0], [0, -1]]
    f = relu(*((j + 1, w, 0) for j, w in enumerate(kinks)))
    inside = mlp([([[1 + 3, 2 + 3]], [0])])
    domain, rows = box([0, 0], [1, 1])
    assert proved(verify_equal(f, inside, domain=domain))
    domain, rows = box([-TINY, 0], [1, 1])
    assert assert_sound(verify_equal(f, inside, domain=domain), f, inside, rows) == "refuted"


def test_a_flip_that_is_a_symmetry_on_half_the_space() -> None:
    f = relu((1, [1, 1], 0))
    # s(x + y) = x + y there, the flip gives s(-x - y) = 0
    assert verify_symmetry(f, Flip([0]), domain=Polyhedron([[-1, -1]], [0])).refuted
    line = Polyhedron([[1, 1], [-1, -1]], [0, 0])
    assert proved(verify_symmetry(f, Flip([0]), domain=line))


def test_many_dimensions() -> None:
    rng = np.random.default_rng(3)
    w = rng.integers(-3, 4, (30, 25))
    reach = [int(abs(row).sum()) for row in w]
    f = mlp([(w, reach), (rng.integers(-2, 3, (2, 30)), [0, 0])])
    out = f.operation("layer2").weight  # type: ignore[attr-defined]
    affine = mlp([([[int(q) for q in row] for row in (out.numerators @ w)], (out.numerators @ np.array(reach)))])
    assert proved(verify_equal(f, affine, domain=Box([-1] * 25, [1] * 25)))
    domain, rows = box([-1 - TINY] * 25, [1] * 25)
    assert assert_sound(verify_equal(f, affine, domain=domain), f, affine, rows) == "refuted"


def test_an_empty_domain_is_an_error() -> None:
    with pytest.raises(EmptyDomain):
        verify_zero(relu((1, 1, 0)), domain=Polyhedron([[1], [-1]], [0, -TINY]))


# --- laws -----------------------------------------------------------------------------------------------------------------


@given(equal_pairs(st.integers(1, 2), width=3), st.integers(0, 10**6), st.data())
@law(60)
def test_one_changed_parameter_on_a_domain(pair: tuple[Shallow, Shallow], place: int, data: st.DataObject) -> None:
    f, g = pair[0], nudged(pair[1], place, data.draw(st.sampled_from([TINY, Fraction(1), Fraction(0)])))
    domain = data.draw(domains(f.inputs))
    same = same_in_the_plane(f.network(), g.network(), [*f.kinks(), *g.kinks()], domain)
    assert judged(f.network(), g.network(), domain) == {None: "empty", True: "proved", False: "refuted"}[same]


@given(shallows(st.integers(1, 2), units=("relu", "abs", "hardtanh", "prelu"), width=3, outputs=2), st.data())
@law(50)
def test_any_network_and_its_affine_piece(f: Shallow, data: st.DataObject) -> None:
    """f against the affine function that it is near one point of the domain: equal where no kink enters."""
    domain = data.draw(domains(f.inputs))
    whole = polyhedron(domain, f.inputs)
    if whole.is_empty():
        return
    at = whole.interior_point()
    nf = normal_form(f.network())
    slope, constant = [list(row) for row in nf.linear], list(nf.constant)
    for (*u, v), jump in nf.kinks.items():
        if sum(p * q for p, q in zip(u, at, strict=True)) + v > 0:
            for j, q in enumerate(jump):
                slope[j] = [s + q * p for s, p in zip(slope[j], u, strict=True)]
                constant[j] += q * v
    g = mlp([(slope, constant)])
    same = same_in_the_plane(f.network(), g, f.kinks(), domain)
    assert judged(f.network(), g, domain) == ("proved" if same else "refuted")


@given(equal_pairs(st.just(3), units=("relu", "leaky_relu(2)"), width=3), st.integers(0, 10**6), st.data())
@law(25)
def test_three_variables_against_z3(pair: tuple[Shallow, Shallow], place: int, data: st.DataObject) -> None:
    f, g = pair[0].network(), nudged(pair[1], place, data.draw(st.sampled_from([TINY, Fraction(1)]))).network()
    domain = data.draw(domains(3))
    status = judged(f, g, domain)
    differ = z3_differ(f, g, domain)
    assert status in ("proved", "refuted", "empty")
    assert differ is None or differ is (status == "refuted")


@given(shallows(st.integers(1, 3), width=4), st.data())
@law(20)
def test_equal_everywhere_is_equal_on_every_domain(f: Shallow, data: st.DataObject) -> None:
    domain = data.draw(domains(f.inputs))
    assert judged(f.network(), normal_form(f.network()).to_network(), domain) in ("proved", "empty")
