"""Hypersurfaces, dual subdivisions and Newton polytopes against published cases, scipy, and the laws that hold between them."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from exactnn.errors import Incomplete
from exactnn.tropical import Hypersurface, TropicalPolynomial
from tests.strategies import TINY, law
from tests.tropical._drawn import polynomials

P = TropicalPolynomial
Q = Fraction


def ends(h: Hypersurface) -> set[frozenset[tuple[Fraction, ...]]]:
    return {frozenset(cell.ends) for cell in h.cells}


# --- published cases (theory, sections 2.3 and 3) ----------------------------------------------------------------------------


def test_three_terms_in_one_variable() -> None:
    """max(0, x + 1, 2 x + 1): vertices -1 and 0, lengths inf, 1, inf (TropicalNN.jl, statistics.jl)."""
    p = P({(0,): 0, (1,): 1, (2,): 1})
    h = p.hypersurface()
    assert h.vertices == ((-1,), (0,))
    assert [cell.ends for cell in h.cells] == [((0,), (1,)), ((1,), (2,))]
    assert [cell.multiplicity for cell in h.cells] == [1, 1]
    lengths = [p.region(e).volume() if p.region(e).is_bounded() else math.inf for e in p.terms]
    assert lengths == [math.inf, 1, math.inf]


def test_the_case_of_gfan_and_polymake() -> None:
    """max(0, 1/3 + 2x, 2 + y, x + y - 1) has the vertices (-1/6, -2) and (3, 13/3) by gfan and polymake."""
    p = P({(0, 0): 0, (2, 0): "1/3", (0, 1): 2, (1, 1): -1})
    h = p.hypersurface()
    assert h.vertices == ((Q(-1, 6), -2), (3, Q(13, 3)))
    assert {cell.point: cell.exponents for cell in p.dual_subdivision()} == {
        (Q(-1, 6), -2): ((0, 0), (0, 1), (2, 0)),
        (3, Q(13, 3)): ((0, 1), (1, 1), (2, 0)),
    }
    assert ends(h) == {
        frozenset(pair) for pair in [((0, 0), (2, 0)), ((0, 0), (0, 1)), ((0, 1), (2, 0)), ((0, 1), (1, 1)), ((1, 1), (2, 0))]
    }
    assert {cell.ends: cell.multiplicity for cell in h.cells}[(0, 0), (2, 0)] == 2
    assert sorted(len(cell.points) for cell in h.cells) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("terms", "regions"),
    [({(0,): 0, (1,): 0, (2,): 0}, 2), ({(0,): 0, (2,): 0, (1,): -1}, 2), ({(0,): 0, (1,): 0, (2,): -2}, 3), ({(0,): 0, (2,): -2}, 2)],
)
def test_counts_of_pieces(terms: Any, regions: int) -> None:
    assert len(P(terms).upper_hull()) == regions


def test_a_planar_polynomial_of_long_fractions() -> None:
    """The six terms of TropicalNN.jl's statistics.jl: 6 vertices of degree 3, 11 edges, two bounded areas, one vertex exactly."""
    a, b, c = 2**53, 2**55, 2**54
    p = P(
        {
            (Q(6247149566212205, b), Q(6402402109461593, a)): Q(7915717918548363, a),
            (Q(1560644898352435, 2**50), Q(308028398761065, 2**49)): Q(-7126386568116357, b),
            (Q(5123970192597481, c), Q(8573812228218511, a)): Q(5429561850506053, c),
            (Q(8850358768454271, 2**56), Q(6433642560136419, a)): Q(1797871556439715, a),
            (Q(3082055910080279, b), Q(-2092896630110503, 2**51)): Q(-7597859609031347, 2**52),
            (Q(8780149460643975, c), Q(5087317266127709, b)): Q(6086636570648303, 2**52),
        }
    )
    h = p.hypersurface()
    assert (len(h.vertices), len(h.cells)) == (6, 11)
    assert all(sum(v in cell.points for cell in h.cells) == 3 for v in h.vertices)
    assert all(cell.multiplicity is None for cell in h.cells)
    corner = Q(114891024932105469462376023557000, 100773436731723900304245122318991)
    assert corner in {v[0] for v in h.vertices}
    areas = [p.region(e).volume() for e in p.terms if p.region(e).is_bounded()]
    assert sorted(map(float, areas)) == pytest.approx([17.689920806367773, 83.85041171269546])
    assert all(len(cell.points) + len(cell.rays) == 2 for cell in h.cells)


def test_a_tropical_line_and_its_rays() -> None:
    h = P({(0, 0): 0, (1, 0): 3, (0, 1): 5}).hypersurface()
    assert h.vertices == ((-3, -5),)
    assert {cell.ends: cell.rays for cell in h.cells} == {
        ((0, 0), (0, 1)): ((-1, 0),),
        ((0, 0), (1, 0)): ((0, -1),),
        ((0, 1), (1, 0)): ((1, 1),),
    }
    assert all(cell.points == ((-3, -5),) and cell.multiplicity == 1 and not cell.lines for cell in h.cells)


def test_a_plane_in_space() -> None:
    h = P({(0, 0, 0): 0, (1, 0, 0): 0, (0, 1, 0): 0, (0, 0, 1): 0}).hypersurface()
    assert h.vertices == ((0, 0, 0),)
    assert len(h.cells) == 6
    assert all(len(cell.rays) == 2 for cell in h.cells)


def test_a_grid_in_four_dimensions() -> None:
    """prod_i max(0, x_i, 2 x_i - 1) cuts R^4 into 81 boxes with 4 * 2 * 27 walls; many boxes share a square only."""
    p = P.constant(0, 4)
    for x in P.variables(4):
        p = p * (0 + x + x**2 * -1)
    h = p.hypersurface()
    assert set(h.vertices) == set(itertools.product((0, 1), repeat=4))
    assert len(h.cells) == 216
    assert {cell.multiplicity for cell in h.cells} == {1}
    assert {len(cell.exponents) for cell in p.dual_subdivision()} == {16}


# --- degenerate ones ---------------------------------------------------------------------------------------------------------


def test_one_term_bends_nowhere() -> None:
    for p in (P({(2, 1): 3}), P({(): 5}), P({(1,): 0})):
        assert p.hypersurface().vertices == p.hypersurface().cells == ()
        (cell,) = p.dual_subdivision()
        assert cell.exponents == p.newton_polytope() == tuple(p.terms)
    assert P({}, 2).hypersurface() == Hypersurface((), (), ())
    assert P({}, 2).dual_subdivision() == P({}, 2).newton_polytope() == ()


def test_exponents_that_do_not_span() -> None:
    p = P({(0, 0): 0, (1, 1): 0, (2, 2): -1, (3, 3): -9})
    h = p.hypersurface()
    assert h.vertices == ()
    assert len(h.lines) == 1
    assert len(h.cells) == 3
    assert all(cell.multiplicity == 1 and len(cell.points) == 1 and cell.lines == h.lines and not cell.rays for cell in h.cells)
    assert {sum(cell.point): cell.exponents for cell in p.dual_subdivision()} == {
        0: ((0, 0), (1, 1)),
        1: ((1, 1), (2, 2)),
        8: ((2, 2), (3, 3)),
    }
    assert p.newton_polytope() == ((0, 0), (3, 3))


def test_collinear_exponents_and_high_multiplicity() -> None:
    p = P({(k, 0): 0 for k in range(0, 13, 2)})
    (cell,) = p.hypersurface().cells
    assert cell.exponents == tuple((k, 0) for k in range(0, 13, 2))
    assert cell.ends == ((0, 0), (12, 0))
    assert cell.multiplicity == 12
    assert cell.polyhedron.contains((0, 5))
    assert not cell.polyhedron.contains((TINY, 5))
    star = P({(a, b): 0 for a in range(4) for b in range(4)}).hypersurface()
    assert star.vertices == ((0, 0),)
    assert [cell.multiplicity for cell in star.cells] == [3] * 4


def test_terms_2_to_the_minus_60_apart() -> None:
    p = P({(0, 0): 0, (1, 0): 0, (1 + TINY, 0): -TINY, (0, 1): 0, (1, 1): TINY})
    h = p.hypersurface()
    assert all(len(p.argmax(v)) >= 3 for v in h.vertices)
    near = P({(0,): 0, (1,): 0, (1 + TINY,): -TINY})
    assert near.hypersurface().vertices == ((0,), (1,))
    touching = P({(0,): 0, (1,): 0, (2,): -TINY})
    assert touching.hypersurface().vertices == ((0,), (TINY,))


def test_too_many_rays_are_refused() -> None:
    p = P({e: -sum(v * v for v in e) for e in itertools.product(range(3), repeat=3)})
    with pytest.raises(Incomplete):
        p.hypersurface(limit=5)


# --- laws and oracles --------------------------------------------------------------------------------------------------------


@law(25)
@given(data=st.data())
def test_the_hypersurface_is_where_two_terms_win(data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    p = data.draw(polynomials(d, 7, convention=data.draw(st.sampled_from(["max", "min"]))))
    h, cells = p.hypersurface(), p.dual_subdivision()
    needed = set(p.reduced().terms)
    for cell in cells:
        assert p.argmax(cell.point) == cell.exponents
    assert set(h.vertices) <= {cell.point for cell in cells}
    for wall in h.cells:
        x = wall.polyhedron.interior_point()
        assert p.argmax(x) == wall.exponents
        assert wall.polyhedron.dimension == d - 1
        assert set(wall.ends) <= needed
        found = wall.polyhedron.generators()
        assert set(found.rays) == set(wall.rays) or h.lines
        assert set(found.points) == set(wall.points) or h.lines
    # by the module of polyhedra: two regions are neighbours if they share a set of dimension d - 1
    for e, f in itertools.combinations(sorted(needed), 2):
        common = p.region(e).intersection(p.region(f))
        assert (frozenset((e, f)) in ends(h)) == (common.dimension == d - 1)
    # the cells cover the Newton polytope: each of its vertices lies in one of them
    assert set(p.newton_polytope()) <= {e for cell in cells for e in cell.exponents}


@law(20)
@given(data=st.data())
def test_planar_curves_are_balanced_and_areas_add_up(data: Any) -> None:
    shape = st.tuples(st.integers(0, 4), st.integers(0, 4))
    p = P(data.draw(st.dictionaries(shape, st.integers(-6, 6), min_size=3, max_size=9)))
    h = p.hypersurface()
    if h.lines:
        return
    for v in h.vertices:
        total = [Q(0), Q(0)]
        for cell in h.cells:
            if v in cell.points:
                out = next((tuple(b - a for a, b in zip(v, w, strict=True)) for w in cell.points if w != v), None) or cell.rays[0]
                a, b = (out[0], out[1])
                scale = Q(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)
                assert cell.multiplicity is not None
                total = [t + cell.multiplicity * c / scale for t, c in zip(total, (a, b), strict=True)]
        assert total == [0, 0]
    whole = ConvexHull(np.array(list(p.terms), dtype=float)).volume
    assert sum(ConvexHull(np.array(c.exponents, dtype=float)).volume for c in p.dual_subdivision()) == pytest.approx(whole)


@law(20)
@given(data=st.data())
def test_newton_polytopes_against_scipy(data: Any) -> None:
    d = data.draw(st.integers(2, 3))
    shape = st.tuples(*[st.integers(-4, 4)] * d)
    p = P(dict.fromkeys(data.draw(st.sets(shape, min_size=d + 2, max_size=14)), 0))
    spread = np.array([list(map(int, e)) for e in p.terms])
    if np.linalg.matrix_rank(spread - spread[0]) < d:
        return
    hull = ConvexHull(spread)
    assert set(p.newton_polytope()) == {tuple(row) for row in spread[hull.vertices].tolist()}


@law(20)
@given(data=st.data())
def test_subdivisions_against_scipy(data: Any) -> None:
    """The dual points are the gradients of the upper facets of the lifted points."""
    shape = st.tuples(st.integers(0, 4), st.integers(0, 4))
    terms = data.draw(st.dictionaries(shape, st.integers(-6, 6), min_size=4, max_size=9))
    p = P(terms)
    lifted = np.array([[*e, c] for e, c in terms.items()], dtype=float)
    if np.linalg.matrix_rank(lifted - lifted[0]) < 3 or np.linalg.matrix_rank(lifted[:, :2] - lifted[0, :2]) < 2:
        return
    facets = [row[:2] / row[2] for row in ConvexHull(lifted).equations if row[2] > 1e-9]
    assert rounded([c.point for c in p.dual_subdivision()]) == rounded(facets)


def rounded(many: Any) -> set[tuple[float, ...]]:
    return {tuple(np.round(np.array(v, dtype=float), 6) + 0.0) for v in many}


@law(20)
@given(data=st.data())
def test_the_newton_polytope_of_a_product_is_the_minkowski_sum(data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    p, q = data.draw(polynomials(d)), data.draw(polynomials(d))
    sums = {tuple(a + b for a, b in zip(e, f, strict=True)): 0 for e in p.newton_polytope() for f in q.newton_polytope()}
    assert (p * q).newton_polytope() == P(sums).newton_polytope()
    union = P({**dict.fromkeys(p.terms, 0), **dict.fromkeys(q.terms, 0)})
    assert (p + q).newton_polytope() == union.newton_polytope()
    assert p.negated().newton_polytope() == tuple(sorted(tuple(-a for a in e) for e in p.newton_polytope()))


@law(20)
@given(data=st.data())
def test_both_conventions_have_the_same_geometry(data: Any) -> None:
    p = data.draw(polynomials(2, 6))
    h, m, n = p.hypersurface(), p.converted("min").hypersurface(), p.negated().hypersurface()
    assert h.vertices == n.vertices == tuple(sorted(tuple(-v for v in x) for x in m.vertices))
    assert ends(h) == ends(m)
    assert [c.multiplicity for c in h.cells] == [c.multiplicity for c in m.cells]
    assert p.newton_polytope() == p.converted("min").newton_polytope()
    assert {c.exponents for c in p.dual_subdivision()} == {c.exponents for c in p.converted("min").dual_subdivision()}


@law(20)
@given(p=polynomials(2, 4), q=polynomials(2, 4))
def test_the_hypersurface_of_a_product_is_the_union(p: P, q: P) -> None:
    both = p * q
    for f in (p, q):
        for cell in f.hypersurface().cells:
            assert len(both.argmax(cell.polyhedron.interior_point())) > 1
    for cell in both.hypersurface().cells:
        x = cell.polyhedron.interior_point()
        assert max(len(p.argmax(x)), len(q.argmax(x))) > 1
