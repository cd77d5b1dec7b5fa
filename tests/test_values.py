"""Every public value has a repr of one short line, a print of one screen, a table for notebooks and a dictionary for JSON."""

from __future__ import annotations

import inspect
import json
import random
import time
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from html.parser import HTMLParser
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn import cooling, rational, symmetry, testing, tropical, verify
from exactnn import network as room
from exactnn.claims import EqualClaim
from exactnn.exact.array import RationalArray
from exactnn.exact.writing import from_json_number
from exactnn.texts import brief, number, plain, rounded, vector
from exactnn.value import Value
from exactnn.verdict import Difference

ROOMS = ("", ".network", ".export", ".load", ".symmetry", ".regions", ".tropical", ".rational", ".verify", ".cooling", ".nn", ".testing")
#: classes that need not have the four, and why
EXEMPT = {
    "Operation": "abstract; each operation has them",
    "Activation": "abstract; each activation has them",
    "Transformation": "abstract; each transformation has them",
    "Builder": "a workbench, no value: what it builds is one",
    **dict.fromkeys(("Cooling", "ERA of nn", "FloatNetwork", "Normalised", "SafePade", "Residual"), "a torch module, which torch shows"),
    "PropertyFailed": "an exception",
}

LONG = Fraction(10**100_000 + 1, 7)
X = rational.RationalFunction([0, 1], [1])
SHALLOW = xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, "1/3", 0]), ([[1, 1, 1]], [0])])
LINE = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])
SILU = xn.mlp([([[2]], [1]), ([[3]], [0])], activation="silu")
UNIT = rational.PadeUnit([0, 1], [1], formula="A")
POLES = 1 / (X * X - 2)
NODE = RationalArray.of([["1/2", 3]])
MAP = tropical.extract(SHALLOW)
DEEP = xn.mlp([([[1, 2], [3, -1], [-2, 1]], [0, 1, -1]), ([[1, "1/3", 2], [-1, 1, 0]], [1, 0])])
DATA = ([[1, 1], ["1/2", -2]], [0, 1])
DIAGRAM = cooling.reliability_diagram([["1/5", "4/5"], ["1/2", "1/2"]], [0, 1])
POINTWISE = tropical.extract_at(LINE, [[1], [-1]])


def operation(kind: str, *operands: Any) -> Callable[[], Any]:
    return lambda: getattr(room, kind)(*operands)


def smooth_search() -> Any:
    found = symmetry.search(SHALLOW, solver="exact")
    next(found, None)
    return found


#: a real instance of each class, and harder ones
VALUES: dict[str, list[Callable[[], Any]]] = {
    "Box": [lambda: xn.Box(0, 1), lambda: xn.Box([0, LONG], [1, LONG + 1])],
    "Polyhedron": [
        lambda: xn.Polyhedron([[1, 2], [LONG, 0]], [0, "1/3"]),
        lambda: xn.Polyhedron.whole_space(3),
        lambda: xn.Polyhedron(np.ones((2, 3000)), [1, 2]),
    ],
    "Bin": [lambda: DIAGRAM.bins[-1]],
    "ReliabilityDiagram": [lambda: DIAGRAM],
    "Formula": [lambda: cooling.identities["I12"].formula(DEEP, DATA)],
    "Identity": [lambda: cooling.identities["I12"], lambda: cooling.identities["I24"]],
    "Discrepancy": [lambda: cooling.identities["I12"].measure(DEEP, DATA).equations[0]],
    "Measurement": [lambda: cooling.identities["I12"].measure(DEEP, DATA)],
    "Redistribution": [lambda: cooling.redistribute(DEEP, "1/4"), lambda: cooling.redistribute(DEEP, LONG, [1, LONG])],
    "Scaling of cooling": [lambda: cooling.vector_scaling([[2, 0], [1, 0], [0, 1], [0, 2], [3, 3]], [0, 1, 1, 0, 1])],
    "Temperature": [lambda: cooling.optimal_temperature([[1, 0], [2, 0], [0, 1], [1, 0]], [0, 0, 1, 1])],
    "Relation": [
        lambda: xn.symmetry.relate(SHALLOW, xn.symmetry.Permutation(0, [2, 0, 1]).apply(SHALLOW)),
        lambda: xn.symmetry.relate(SHALLOW, xn.symmetry.Flip([0]).apply(SHALLOW)),
        lambda: xn.symmetry.relate(LINE, xn.mlp([([[LONG]], [0])])),
    ],
    "Network": [
        lambda: SHALLOW,
        lambda: SILU,
        lambda: xn.mlp([([[LONG]], [0])]),
        lambda: xn.mlp([([[1]], [0])] * 300),
        lambda: named("<b>&"),
    ],
    "Verdict": [
        lambda: xn.verify_equal(SHALLOW, SHALLOW),
        lambda: xn.verify_zero(SHALLOW),
        lambda: xn.verify_zero(LINE, tolerance=LONG),
        lambda: xn.verify_equal(SILU, xn.mlp([([[2]], [1]), ([[4]], [0])], activation="silu")),
        lambda: xn.Verdict("unknown", "f = <g>", "x " * 5000),
    ],
    "Difference": [lambda: Difference(LONG, (Fraction(0),) * 64, 3)],
    "Deviation": [
        lambda: xn.max_deviation(SHALLOW, SHALLOW, domain=xn.Box(0, 1)),
        lambda: xn.max_deviation(LINE, xn.mlp([([["1/2"]], [0])]), domain=xn.Box(-1, "1/3"), norm="l1"),
    ],
    "Preserved": [lambda: testing.Preserved(3, 2, 1, tolerance=Fraction(1, 3), ulps=LONG, precision="float32"), testing.Preserved],
    "PoleVerdict": [lambda: xn.verify_pole_free(POLES), lambda: xn.verify_pole_free(X)],
    "Certificate": [lambda: xn.verify_zero(SHALLOW).certificate],
    "Orbits": [lambda: xn.certified_orbits(SHALLOW)],
    "RegionCount": [lambda: xn.certified_region_count(SHALLOW)],
    "ExecutionError": [lambda: xn.execution_error(SHALLOW, domain=xn.Box(0, 1))],
    "ActivationPoles": [lambda: verify.activation_poles(POLES)[0]],
    "Region": [lambda: next(iter(xn.regions.iterate(SHALLOW))), lambda: next(iter(xn.regions.iterate(LINE, xn.Box(0, LONG))))],
    "Inequality": [lambda: next(iter(xn.regions.iterate(SHALLOW))).inequalities[0]],
    "Neuron": [lambda: xn.regions.Neuron("relu1", 3)],
    "Statistics": [lambda: xn.regions.statistics],
    "Permutation": [lambda: symmetry.Permutation(0, [1, 0])],
    "Scaling": [lambda: symmetry.Scaling(0, ["1/3", 2]), lambda: symmetry.Scaling(0, [LONG])],
    "Flip": [lambda: symmetry.Flip([0, 2])],
    "SignFlip": [lambda: symmetry.SignFlip(0, [0])],
    "Composition": [lambda: symmetry.Composition(), lambda: symmetry.Flip([0]) @ symmetry.Permutation(0, range(500))],
    "NormalForm": [lambda: symmetry.normal_form(SHALLOW), lambda: symmetry.normal_form(xn.mlp([([[LONG]], [1]), ([[1]], [0])]))],
    "SmoothNormalForm": [lambda: symmetry.normal_form(SILU)],
    "Fibre": [lambda: symmetry.fibre(SHALLOW), lambda: asked(symmetry.fibre(SHALLOW))],
    "Family": [lambda: symmetry.fibre(LINE).families[0]],
    "SymmetrySearch": [smooth_search],
    "WeightSymmetry": [lambda: symmetry.WeightSymmetry(SHALLOW, (0, 1))],
    "ZeroSearch": [lambda: symmetry.search_zero(1, 2, 1)],
    "Tropical": [lambda: tropical.Tropical("1/3"), lambda: tropical.Tropical(None), lambda: tropical.Tropical(LONG)],
    "TropicalMatrix": [lambda: tropical.TropicalMatrix([[0, None], ["1/3", 2]]), lambda: tropical.TropicalMatrix.zero(100, 100)],
    "TropicalPolynomial": [lambda: MAP.numerators[0], lambda: tropical.TropicalPolynomial({(LONG,): LONG})],
    "TropicalRationalMap": [lambda: MAP],
    "PointwiseMap": [lambda: POINTWISE],
    "OwnTerms": [lambda: POINTWISE.own_terms(0)],
    "CrossTerms": [lambda: POINTWISE.cross_terms([[1.0], [-2.0]])],
    "Terms": [lambda: MAP.numerators[0].terms],
    "LayerMatrices": [lambda: tropical.LayerMatrices.of([[1, -2]], [3])],
    "RegionTerms": [lambda: MAP.regions[0]],
    "Hypersurface": [lambda: MAP.numerators[0].hypersurface()],
    "HypersurfaceCell": [lambda: MAP.numerators[0].hypersurface().cells[0]],
    "DualCell": [lambda: MAP.numerators[0].dual_subdivision()[0]],
    "Decomposition": [lambda: MAP.reduce().proofs[0]],
    "RationalFunction": [lambda: POLES, lambda: rational.RationalFunction([LONG, 1], [1, 0, LONG])],
    "ERA": [lambda: rational.ERA((1, "1/2"), [(0, 1, 0, 2)]), lambda: rational.ERA((LONG, 0), [(0, 1, 0, 2)] * 3)],
    "PadeUnit": [lambda: UNIT],
    "Piece": [lambda: UNIT.pieces[0]],
    "Enclosure": [lambda: POLES.sup_derivative(), lambda: rational.Enclosure(Fraction(1, 3), LONG)],
    "RealRoot": [lambda: POLES.real_poles()[0]],
    "ComplexRoot": [lambda: (1 / (X * X + 2)).poles()[0]],
    "NearestPole": [lambda: POLES.nearest_pole()],
    "Part": [lambda: POLES.partial_fractions().parts[0]],
    "PartialFractions": [lambda: POLES.partial_fractions()],
    "RealPart": [lambda: POLES.real_partial_fractions().parts[0]],
    "RealPartialFractions": [lambda: POLES.real_partial_fractions()],
    "Range": [lambda: UNIT.range()],
    "Report": [lambda: UNIT.report()],
    "Audit": [lambda: rational.audit([0, "1/2", "1/2"], [0, 1], formula="N", target="silu", interval=(-1, 1))],
    "AtInfinity": [lambda: POLES.at_infinity()],
    "DataFile": [lambda: room.DataFile("a", "b")],
    "Source": [lambda: room.Source("a" * 300, "b", "onnx")],
    "Kinks": [lambda: room.Kinks(NODE, NODE, ((Fraction(1, 3), NODE),))],
    "Rewriting": [lambda: room.rewrite.merge_neurons(xn.mlp([([[1], [2]], [0, 0]), ([[1, 1]], [0])]))],
    "Gradient": [lambda: LINE.gradient([[1]], [[1]])],
    "RationalArray": [
        lambda: NODE,
        lambda: RationalArray.of(LONG),
        lambda: RationalArray.zeros((0, 3)),
    ],
    "AffineHull": [lambda: xn.Polyhedron([[1, 1], [-1, -1]], [1, -1]).affine_hull()],
    "ImplicitEquality": [lambda: xn.Polyhedron([[1, 1], [-1, -1]], [1, -1]).affine_hull().equalities[0]],
    "Generators": [lambda: xn.Box(0, 1).in_dimension(2).generators()],
    "EqualClaim": [lambda: EqualClaim(SHALLOW, SHALLOW, None, LONG)],
    "Input": [operation("Input", (3,))],
    "Constant": [operation("Constant", NODE)],
    "Affine": [operation("Affine", NODE, RationalArray.of([LONG]))],
    "BatchNorm": [lambda: room.BatchNorm(*(RationalArray.of([1]) for _ in range(4)), Fraction(1, 10**5), "float32")],
    "Conv": [lambda: room.Conv(RationalArray.zeros((1, 1, 2, 2)), NODE[0, :1], (1, 1), ((0, 0), (0, 0)), (1, 1), 1)],
    "MaxPool": [operation("MaxPool", (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))],
    "AveragePool": [operation("AveragePool", (2, 2), (2, 2), ((0, 0), (0, 0)), True)],
    "Gather": [operation("Gather", RationalArray.of([[0, 1]]))],
    "Slice": [operation("Slice", (0,), (2,), (1,))],
    "Scale": [operation("Scale", RationalArray.of([1]))],
    "Add": [operation("Add")],
    "Subtract": [operation("Subtract")],
    "Concat": [operation("Concat", 0)],
    "Reshape": [operation("Reshape", (2, 2))],
    "Transpose": [operation("Transpose", (1, 0))],
    "Rational": [lambda: room.Rational.of([0, 1], [1, 0, LONG])],
    "Smooth": [operation("Smooth", "tanh")],
    "PiecewiseLinear": [lambda: room.leaky_relu("1/10"), lambda: room.leaky_relu(LONG)],
    "PRelu": [operation("PRelu", RationalArray.of(["1/10"]))],
}


def named(name: str) -> xn.Network:
    builder = room.Builder()
    source = builder.add(name, room.Input((1,)))
    return builder.build([source], [builder.add(name + "\n\x1b", room.relu(), source)])


def asked(fibre: Any) -> Any:
    assert fibre.is_single_orbit in (True, False)
    return fibre


def public_classes() -> dict[str, type]:
    """The classes of the public rooms; a name that two rooms have says of which it is."""
    found: dict[str, type] = {}
    for name in ROOMS:
        place = import_module(f"exactnn{name}")
        for key in place.__all__:
            value = getattr(place, key)
            if inspect.isclass(value):
                new = found.setdefault(key, value) is value
                found |= {} if new else {f"{key} of {name[1:]}": value}
    return found


def test_every_public_class_is_here_or_exempt() -> None:
    classes = public_classes()
    assert len(classes) > 70
    assert sorted(set(classes) - set(VALUES) - set(EXEMPT)) == []
    assert sorted(set(EXEMPT) - set(classes)) == []
    made = {name: type(VALUES[name][0]()) for name in classes if name in VALUES}
    assert {name: kind for name, kind in made.items() if kind is not classes[name]} == {}


#: what is printed as one formula, or one sentence, which the screen breaks
FORMULAS = (
    rational.RationalFunction,
    rational.ERA,
    rational.Part,
    rational.PartialFractions,
    rational.Audit,
    rational.Report,
    tropical.TropicalPolynomial,
)


class Tags(HTMLParser):
    """Which elements a text has, and which are open at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert not attrs
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


EVERY = [pytest.param(make, id=f"{name}{i or ''}") for name, makes in VALUES.items() for i, make in enumerate(makes)]


#: of these the dictionaries are long, and take long
LARGE = [
    pytest.param(lambda: xn.Box(0, 1).in_dimension(10**6), id="box"),
    pytest.param(lambda: xn.mlp([(np.zeros((1, 10**6)), [0])]), id="network"),
    pytest.param(lambda: symmetry.Permutation(0, range(10**5)), id="permutation"),
    pytest.param(lambda: RationalArray.zeros((9, 10**6)), id="array"),
]


@pytest.mark.parametrize("make", EVERY + LARGE)
def test_the_four_faces(make: Callable[[], Any]) -> None:
    value = make()
    assert isinstance(value, Value)
    start = time.thread_time()
    line, page, table = repr(value), str(value), value._repr_html_()
    assert time.thread_time() - start < 5
    assert len(line) <= 120
    assert line.isprintable()
    assert " at 0x" not in line + page
    assert "Fraction(" not in line + page
    lines = page.split("\n")
    assert len(lines) <= 24
    if not isinstance(value, FORMULAS):
        assert max(map(len, lines)) <= 120
    assert len(page) <= 24 * 120
    assert all(text.isprintable() for text in lines)
    tags = Tags()
    tags.feed(table)
    assert (tags.open, tags.seen <= {"table", "caption", "tbody", "tr", "th", "td"}) == ([], True)
    assert len(table) < 30_000


@pytest.mark.parametrize("make", EVERY)
def test_the_dictionary_is_plain_json(make: Callable[[], Any]) -> None:
    value = make()
    found, again = value.to_dict(), make().to_dict()
    assert list(found) == list(again)
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    if not isinstance(value, xn.verify.Certificate):  # which has the seconds it took
        assert text == json.dumps(again, allow_nan=False)


def test_dictionaries_keep_every_number() -> None:
    verdict = xn.verify_equal(LINE, xn.mlp([([["1/3"]], [0])]))
    found = verdict.to_dict()
    assert (found["type"], found["status"], found["certificate"]) == ("Verdict", "refuted", "point")
    assert tuple(map(Fraction, found["counterexample"])) == verdict.counterexample
    assert tuple(map(Fraction, found["values"]["g"])) == verdict.values[1]  # type: ignore[index]
    assert Fraction(found["difference"]) == verdict.difference
    assert verdict.largest is not None
    assert Fraction(found["largest"]["value"]) == verdict.largest.value
    box = xn.Box([0, LONG], ["1/3", LONG + 1])
    ends = [[from_json_number(q) for q in box.to_dict()[side]] for side in ("lower", "upper")]
    assert xn.Box(*ends) == box
    assert rational.from_document(POLES.to_dict()) == POLES
    assert rational.from_document(UNIT.to_dict()) == UNIT
    terms = MAP.to_dict()["numerators"][0]["terms"]
    assert {tuple(map(Fraction, t["exponents"])): Fraction(t["coefficient"]) for t in terms} == dict(MAP.numerators[0].terms)


def test_a_network_and_a_certificate_give_the_documents_of_their_formats(tmp_path: Any) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps(SHALLOW.to_dict()))
    assert xn.load(path) == SHALLOW
    verdict = xn.verify_zero(SHALLOW)
    assert verdict.certificate is not None
    assert xn.check(json.loads(json.dumps(verdict.certificate.to_dict())))  # type: ignore[attr-defined]


def test_a_verdict_on_the_screen() -> None:
    f, g = xn.mlp([([[1]], [0]), ([[1]], [0])]), xn.mlp([([[1]], [0]), ([["2/3"]], [0])])
    text = str(xn.verify_equal(f, g, domain=xn.Box(-1, 1)))
    assert text.startswith("REFUTED: f = g on the domain (Box([-1, 1]^1)) (real arithmetic). ")
    assert "\n  difference at x: 1/3, about 0.3333\n" in text
    assert "\n  largest difference found: 1/3, about 0.3333, output 0, at x\n" in text
    assert repr(xn.verify_equal(f, f)) == "Verdict(proved: f = g on all of R^1)"


def test_a_fibre_shows_what_was_asked_and_asks_nothing() -> None:
    fibre = symmetry.fibre(SHALLOW)
    assert "not asked yet: .is_single_orbit computes it" in str(fibre)
    assert fibre.to_dict()["is_single_orbit"] is None
    assert asked(fibre).to_dict()["is_single_orbit"] is False
    assert "is_single_orbit=False" in repr(fibre)


# --- the texts ---------------------------------------------------------------------------------------------------------------


def test_decimals_are_rounded_correctly() -> None:
    draw = random.Random(18)
    for _ in range(3000):
        size, digits = draw.randint(1, 30), draw.choice((1, 2, 4, 6))
        q = Fraction(draw.randint(-(10**size), 10**size), draw.randint(1, 10 ** draw.randint(1, 30)))
        text, exact = rounded(q, digits)
        assert exact == (Fraction(text) == q)
        nearest = Fraction(Context(prec=digits).divide(Decimal(q.numerator), Decimal(q.denominator)))
        if 10**digits <= abs(q) < 10**6:  # no digit before the point is lost
            nearest = Fraction(round(q))
        assert abs(Fraction(text) - q) == abs(nearest - q)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(-2453195495472253, 2**53), "-2453195495472253/2^53, about -0.2724"),
        (Fraction(1, 10**400), "1e-400"),
        (Fraction(1, 3 * 10**400), "about 3.33333e-401"),
        (Fraction(10**400), "1e+400"),
        (Fraction(-(10**400), 7), "about -1.42857e+399"),
        (Fraction(9999995, 10), "1999999/2, about 1e+6"),
        (Fraction(1, 4), "1/4 = 0.25"),
        (Fraction(-12), "-12"),
        (Fraction(0), "0"),
    ],
)
def test_a_number_with_its_decimal(value: Fraction, text: str) -> None:
    assert number(value) == text


def test_long_numbers_are_quick() -> None:
    start = time.thread_time()
    assert number(LONG).startswith("about ")
    assert brief([LONG] * 5).startswith("about (")
    assert vector([Fraction(0)] * 10**6).startswith("1000000 numbers: (0, 0, 0, 0, 0, 0, ...)")
    assert time.thread_time() - start < 5
    assert from_json_number(plain(LONG)) == LONG


def test_a_hostile_name_stays_text() -> None:
    table = named("<b>&")._repr_html_()
    assert "<b>" not in table
    assert "&lt;b&gt;&amp;" in table
    assert "\x1b" not in str(named("<b>&"))
