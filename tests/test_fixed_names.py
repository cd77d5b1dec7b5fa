"""The names that checks from outside call: each exists, takes the parameters written down here, and does its work on a tiny example."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch

import exactnn as xn
from exactnn.cli import main

F = xn.mlp([([[1], [-1]], [0, 0]), ([[2, 1]], [0])])  # 2 max(x, 0) + max(-x, 0)
G = xn.mlp([([[-1], [2]], [0, 0]), ([[1, 1]], [0])])
ABS = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
T3 = xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
UNIT = xn.Box([-1], [1])

SIGNATURES = [
    ("mlp", "layers, activation='relu'"),
    ("load", "path"),
    ("save", "net, path"),
    ("from_torch", "module, input_shape=None, *, compare=True"),
    ("Box", "lower, upper"),
    ("Polyhedron", "A, b"),
    ("verify_equal", "f, g, *, domain=None, tolerance=0, time_limit=None"),
    ("verify_zero", "f, *, domain=None, time_limit=None"),
    ("verify_symmetry", "f, transformation, *, domain=None, time_limit=None"),
    ("verify_pole_free", "r, *, interval=None"),
    ("verify_same_decision", "f, g, *, domain, time_limit=None"),
    ("max_deviation", "f, g, *, domain, norm='linf', time_limit=None"),
    ("execution_error", "net, *, domain, dtype='float32'"),
    ("check", "certificate"),
    ("symmetry.Permutation", "layer, order"),
    ("symmetry.Scaling", "layer, factors"),
    ("symmetry.Flip", "neurons"),
    ("symmetry.SignFlip", "layer, neurons"),
    ("symmetry.normal_form", "net"),
    ("symmetry.orbits", "net"),
    ("symmetry.fibre", "net"),
    ("symmetry.search", "net, *, solver='z3', time_limit=None"),
    ("symmetry.search_zero", "inputs, neurons, max_weight, *, outputs=1, irreducible=True"),
    ("symmetry.align", "f, g"),
    ("symmetry.relate", "f, g"),
    ("symmetry.functional_dimension", "net"),
    ("regions.count", "net, domain=None, *, definition='activation', executor=None, time_limit=None"),
    ("regions.iterate", "net, domain=None"),
    ("regions.bounds", "input_dim, widths"),
    ("regions.restrict", "net, origin, directions"),
    ("regions.chambers", "normals, offsets=None"),
    ("regions.characteristic_polynomial", "normals, offsets=None"),
    ("tropical.extract", "net, domain=None"),
    ("tropical.extract_at", "net, points"),
    ("tropical.TropicalRationalMap.to_network", "self, integer=False"),
    ("tropical.TropicalRationalMap.export", "self, path"),
    ("tropical.TropicalRationalMap.reduce", "self"),
    ("tropical.TropicalRationalMap.witness", "self, output, exponents, of='numerator'"),
    ("rational.RationalFunction", "numerator, denominator"),
    ("rational.ERA", "linear, fractions, epsilon=0"),
    ("rational.ERA.with_squares", "linear, fractions, epsilon=0"),
    ("rational.audit", "numerator, denominator, *, formula='A', target='gelu', interval=(-3, 3)"),
    ("nn.ERA", "degree=4, init='swish', channels=None"),
    ("nn.SafePade", "version='A', degrees=(5, 4), init='leaky_relu'"),
    ("nn.Cooling", "model, validation_data, optimizer=None, redistribute='last'"),
    ("cooling.optimal_temperature", "logits, labels"),
    ("cooling.expected_calibration_error", "probabilities, labels, *, bins=15, norm='l1'"),
    ("cooling.maximum_calibration_error", "probabilities, labels, *, bins=15, weighted=False"),
    ("testing.networks", "*, inputs=None"),
    ("testing.relu_mlps", "*, inputs=None"),
    ("testing.degenerate_networks", "*, inputs=None"),
    ("testing.equal_pairs", "*, inputs=None"),
    ("testing.zero_networks", "*, inputs=None"),
    ("testing.torch_modules", "*, inputs=None"),
    ("testing.assert_same_function", "f, g, *, domain=None, tolerance=0"),
    ("testing.assert_zero", "f"),
    ("testing.assert_preserves", "transformation, *, networks=None, domain=None, tolerance=0, max_examples=100"),
]


def named(path: str) -> Any:
    found: Any = xn
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("name", "written"), SIGNATURES, ids=[name for name, _ in SIGNATURES])
def test_signatures(name: str, written: str) -> None:
    """The parameters written down come first, in this order, with these defaults; further ones are keywords with defaults."""
    real = dict(inspect.signature(named(name)).parameters)
    space: dict[str, Any] = {}
    exec(f"def f({written}): pass", space)  # noqa: S102 - the lines above
    stated = dict(inspect.signature(space["f"]).parameters)
    assert [n for n in real if n in stated] == list(stated)
    for parameter in stated.values():
        own = real[parameter.name]
        if parameter.default is not inspect.Parameter.empty:
            assert own.default == parameter.default
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            assert own.kind is parameter.kind
            assert list(real).index(parameter.name) == list(stated).index(parameter.name)
        else:
            assert own.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert all(own.default is not inspect.Parameter.empty for n, own in real.items() if n not in stated)


# --- networks --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, Fraction(3, 7), "3/7", "0.1", 0.1, np.float32(0.1), np.int64(3), torch.tensor(0.5)])
def test_numbers_are_accepted_everywhere(number: Any) -> None:
    exact = Fraction(number) if isinstance(number, (int, str, Fraction)) else Fraction(float(number))
    net = xn.mlp([([[number]], [number])])
    assert net([number]) == (exact * exact + exact,)
    assert xn.verify_equal(net, net, domain=xn.Box([0], [abs(exact)]), tolerance=number).proved


@pytest.mark.parametrize(
    "unit",
    ["relu", "leaky_relu(1/10)", "abs", "relu6", "hardtanh", "identity", "tanh", "sigmoid", "silu", "gelu", "softplus"],
)
def test_activations(unit: str) -> None:
    net = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=unit)
    assert net.to_torch()(torch.tensor([[-2.0]], dtype=torch.float64)).item() < 3
    assert xn.verify_equal(net, net).proved


def test_a_rational_function_as_activation() -> None:
    net = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=xn.rational.RationalFunction([0, 1], [1, 0, 1]))
    assert net([1]) == (Fraction(1, 2),)


def test_a_network(tmp_path: Path) -> None:
    assert isinstance(F.graph, nx.DiGraph | nx.MultiDiGraph)
    assert nx.is_frozen(F.graph)
    assert (F.input_dim, F.output_dim) == (1, 1)
    assert F(["-1/3"]) == (Fraction(1, 3),)
    module = F.to_torch()
    assert module(torch.tensor([[2.0]], dtype=torch.float64)).dtype == torch.float64
    assert F.to_torch(dtype=torch.float32)(torch.tensor([[2.0]])).dtype == torch.float32
    for name in ("f.json", "f.onnx", "f.nnet"):
        xn.save(F, tmp_path / name)
        assert xn.verify_equal(F, xn.load(tmp_path / name)).proved


def test_edges_carry_the_operand_positions() -> None:
    from exactnn.network import Add, Builder, Input

    b = Builder()
    x = b.add("x", Input((1,)))
    net = b.build([x], [b.add("y", Add(), x, x)])
    positions = [data for *_, data in net.graph.edges(data=True)]
    assert net([3]) == (6,)
    assert len(positions) in (1, 2)
    assert {0, 1} == {p for data in positions for v in data.values() for p in (v if isinstance(v, (tuple, list)) else [v])}


def test_from_torch() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)).eval()
    program = torch.export.export(module, (torch.zeros(1, 2),))
    nets = [xn.from_torch(module, shape) for shape in ((2,), ((2,),), torch.zeros(1, 2), None)]
    nets += [xn.from_torch(module), xn.from_torch(program), xn.from_torch(module, (2,), compare=False)]
    assert all(xn.verify_equal(nets[0], net).proved for net in nets[1:])


def test_domains() -> None:
    assert xn.Box(0, 1) is not None  # scalars broadcast
    assert xn.verify_equal(F, ABS, domain=xn.Polyhedron([[1]], [0])).proved  # unbounded: x <= 0


# --- questions -------------------------------------------------------------------------------------------------------------------


def test_verdicts(tmp_path: Path) -> None:
    proved = xn.verify_equal(F, F)
    assert (proved.status, proved.counterexample) == ("proved", None)
    refuted = xn.verify_equal(F, ABS)
    assert refuted.status == "refuted"
    assert refuted.counterexample is not None
    assert F(refuted.counterexample) != ABS(refuted.counterexample)
    path = tmp_path / "c.json"
    assert refuted.certificate is not None
    refuted.certificate.save(path)
    assert xn.check(path) is True
    assert xn.check(json.loads(path.read_text(encoding="utf-8"))) is True
    assert isinstance(refuted.reason, str)
    with pytest.raises(xn.errors.ExactnnError):
        bool(refuted)
    unknown = xn.verify_equal(F, ABS, time_limit=0)
    assert unknown.status == "unknown"
    assert (unknown.certificate, unknown.counterexample) == (None, None)


def test_the_other_questions() -> None:
    assert xn.verify_zero(xn.mlp([([[1], [-1]], [0, 0]), ([[0, 0]], [0])])).status == "proved"
    assert xn.verify_symmetry(T3, xn.symmetry.Flip([0, 1, 2])).status == "proved"
    r = xn.rational.RationalFunction([1], [-2, 0, 1])
    assert xn.verify_pole_free(r).status == "refuted"
    assert xn.verify_pole_free(r, interval=(-1, 1)).status == "proved"
    two = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0])])
    more = xn.mlp([([[1], [-1]], [0, 0]), ([[2, 0], [0, 2]], [1, 1])])
    assert xn.verify_same_decision(two, more, domain=UNIT).status == "proved"
    found = xn.max_deviation(F, ABS, domain=UNIT, norm="linf")
    assert (found.lower, found.upper) == (1, 1)
    assert abs(F(found.point)[0] - ABS(found.point)[0]) == 1
    assert xn.check(found.certificate)
    error = xn.execution_error(F, domain=UNIT, dtype="float32")
    assert 0 < error.upper < Fraction(1, 10**5)
    assert xn.check(error.certificate)


def test_errors(tmp_path: Path) -> None:
    assert issubclass(xn.errors.CertificateRejected, xn.errors.ExactnnError)
    assert issubclass(xn.errors.CheckBudgetExceeded, xn.errors.ExactnnError)
    assert not issubclass(xn.errors.CheckBudgetExceeded, xn.errors.CertificateRejected)
    certificate = xn.verify_equal(F, F).certificate
    assert certificate is not None
    with pytest.raises(xn.errors.CertificateRejected, match="certificate rejected at"):
        xn.check({**certificate.document, "version": 3})
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    with pytest.raises(xn.errors.CheckBudgetExceeded):
        xn.check(tmp_path / "deep.json")
    with pytest.raises(xn.errors.ExactnnError):
        xn.load(tmp_path / "missing.json")


# --- symmetry --------------------------------------------------------------------------------------------------------------------


def test_transformations() -> None:
    p, s = xn.symmetry.Permutation(0, [1, 0]), xn.symmetry.Scaling(0, [2, 3])
    t = s @ p  # p first
    assert t.apply(F) == s.apply(p.apply(F))
    assert t.inverse().apply(t.apply(F)) == F
    assert xn.symmetry.align(F, p.apply(F)) is not None
    assert xn.symmetry.align(F, xn.mlp([([[1], [5]], [0, 1]), ([[2, 1]], [0])])) is None
    tanh = xn.mlp([([[1], [2]], [1, 0]), ([[2, 1]], [0])], activation="tanh")
    assert xn.verify_symmetry(tanh, xn.symmetry.SignFlip(0, [0])).proved
    assert xn.symmetry.Permutation("relu1", [1, 0]).apply(F) == p.apply(F)


def test_normal_form() -> None:
    nf = xn.symmetry.normal_form(F)
    assert nf.kinks == {(1, 0): (Fraction(3),)}
    assert (nf.linear, nf.constant) == (((Fraction(-1),),), (Fraction(0),))
    assert xn.verify_equal(F, nf.to_network()).proved
    assert nf.minimal_width == 2
    assert hash(nf) == hash(xn.symmetry.normal_form(xn.symmetry.Permutation(0, [1, 0]).apply(F)))


def test_fibre_and_searches() -> None:
    assert xn.symmetry.orbits(T3) == [(), (0, 1, 2)]
    found = xn.symmetry.fibre(T3)
    assert (found.is_single_orbit, found.orbits, found.dimension, found.families) == (False, ((), (0, 1, 2)), 3, ())
    assert [s.flips for s in xn.symmetry.search(T3, solver="z3", time_limit=60)] == [(0, 1, 2)]
    zeros = xn.symmetry.search_zero(1, 4, 1, outputs=1, irreducible=False)
    assert isinstance(zeros, Iterator)
    assert xn.verify_zero(next(zeros)).proved
    relation = xn.symmetry.relate(T3, T3)
    assert relation.kind == "same orbit"
    assert relation.transformation is not None
    assert xn.symmetry.relate(F, ABS).point is not None
    assert xn.symmetry.functional_dimension(T3) == 10


# --- regions ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "count"), [("activation", 2), ("pattern", 3), ("connected", 2), ("closed-connected", 2), ("affine", 2)]
)
def test_regions_by_definition(definition: str, count: int) -> None:
    assert xn.regions.count(F, definition=definition) == count
    assert xn.regions.count(F, UNIT, definition=definition, time_limit=60) == count


@pytest.mark.parametrize("definition", ["activation", "pattern", "connected", "affine"])
def test_regions_by_an_executor(definition: str) -> None:
    executor: Executor
    with ThreadPoolExecutor(2) as executor:
        assert xn.regions.count(T3, definition=definition, executor=executor) == xn.regions.count(T3, definition=definition)


def test_the_rest_of_regions() -> None:
    regions = list(xn.regions.iterate(F, UNIT))
    assert len(regions) == 2
    for r in regions:
        A, b = r.affine_map
        x = r.interior_point
        assert F(x) == (A[0][0] * x[0] + b[0],)
        assert all(sum(n * v for n, v in zip(i.normal, x, strict=True)) < i.offset for i in r.inequalities)
        assert len(r.pattern[0]) == 2
    assert xn.regions.bounds(1, [3, 3]) == (16, 16)
    assert xn.regions.bounds(2, [3]) == (None, 7)
    line = xn.regions.restrict(T3, [0, 0], [[1, 1]])
    assert line([2]) == T3([2, 2])
    assert xn.regions.chambers([[1, 0], [0, 1]]) == 4
    assert xn.regions.chambers([[1, 0], [1, 0]], [0, 1]) == 3
    assert len(xn.regions.characteristic_polynomial([[1, 0], [0, 1]])) == 3


# --- tropical --------------------------------------------------------------------------------------------------------------------


def test_tropical(tmp_path: Path) -> None:
    found = xn.tropical.extract(F)
    assert found([-3]) == F([-3])
    p, q = found.numerators[0], found.denominators[0]
    assert all(len(e) == 1 and isinstance(c, Fraction | int) for e, c in p.terms.items())
    assert (p + q)([2]) == max(p([2]), q([2]))
    assert (p * q)([2]) == p([2]) + q([2])
    assert (p**2)([2]) == 2 * p([2])
    assert xn.verify_equal(F, found.to_network()).proved
    assert xn.verify_equal(F, found.to_network(integer=False)).proved
    assert found.decomposition in {"construction", "irreducible", "minimal"}
    reduced = found.reduce()
    assert reduced.decomposition in {"construction", "irreducible", "minimal"}
    for exponents in reduced.numerators[0].terms:
        x = reduced.witness(0, exponents, of="numerator")
        values = {e: c + e[0] * x[0] for e, c in reduced.numerators[0].terms.items()}
        assert [e for e, v in values.items() if v == max(values.values())] == [exponents]
    for exponents in reduced.denominators[0].terms:
        assert len(reduced.witness(0, exponents, of="denominator")) == 1
    for suffix in ("json", "tex", "sympy", "smt2", "polymake", "m2", "gfan"):
        target = tmp_path / f"f.{suffix}"
        found.export(target)
        assert target.stat().st_size > 0


def test_tropical_at_points() -> None:
    found = xn.tropical.extract_at(F, [[1], [-2], [0]])
    assert all(found(x) == F(x) for x in ([1], [-2], [0]))
    assert len(found.numerators) == len(found.denominators) == 1
    assert xn.check(found.certificate)


# --- rational and torch ----------------------------------------------------------------------------------------------------------


def test_rational() -> None:
    r = xn.rational.RationalFunction([1], [1, 0, 1])
    assert r(1) == Fraction(1, 2)
    assert len(r.real_poles()) == 0
    assert len(r.poles()) == 2
    assert r.partial_fractions() is not None
    assert r.sup_derivative() is not None
    era = xn.rational.ERA(linear=(1, 2), fractions=[(1, 0, 0, 1)], epsilon=0)
    assert era(1) == 1 + 2 + Fraction(1, 2)
    square = xn.rational.ERA.with_squares(linear=(0, 0), fractions=[(0, 1, 0, 2)])
    assert square(0) == Fraction(1, 2)
    for value in (era, square):
        assert len(value.real_poles()) == 0
        assert value.partial_fractions() is not None


@pytest.mark.parametrize(
    ("formula", "denominator"),
    [("A", (0, "1/2")), ("B", (0, "1/2")), ("C", (1, 0, "1/2")), ("D", (0, "1/2")), ("N", (0, "1/2"))],
)
def test_audits(formula: str, denominator: tuple[Any, ...]) -> None:
    found = xn.rational.audit((0, "1/2", "1/2"), denominator, formula=formula, target="gelu", interval=(-3, 3))
    assert found is not None
    assert str(found)


@pytest.mark.parametrize("init", ["swish", "gelu", "relu", "leaky_relu", "tanh", "identity", "random", torch.sin])
def test_era_modules(init: Any) -> None:
    m = xn.nn.ERA(degree=4, init=init, channels=None)
    exact = m.exact()
    assert isinstance(exact, xn.rational.ERA)
    x = torch.tensor([0.5])
    assert abs(float(exact(Fraction(1, 2))) - float(m(x)[0])) < 1e-3


@pytest.mark.parametrize("version", ["A", "B", "C", "D"])
def test_safe_pade(version: str) -> None:
    m = xn.nn.SafePade(version=version, degrees=(5, 4), init="leaky_relu")
    assert m(torch.tensor([1.0])).shape == (1,)


@pytest.mark.parametrize("redistribute", ["last", "all", "equalise", 0.5])
def test_cooling_in_training(redistribute: Any) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x, y = torch.randn(20, 2), torch.tensor([0, 1] * 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cooling = xn.nn.Cooling(model, (x, y), optimizer=optimizer, redistribute=redistribute)
    loss = torch.nn.functional.cross_entropy(cooling(model(x)), y)
    loss.backward()
    optimizer.step()
    assert cooling.step() > 0


# --- cooling and calibration -----------------------------------------------------------------------------------------------------


def test_identities() -> None:
    assert len(xn.cooling.identities) > 5
    net = xn.mlp([([[1, 2], [3, -1]], [0, 0]), ([[1, 1], [2, -1]], [0, 0])])
    name, identity = next(iter(xn.cooling.identities.items()))
    assert isinstance(name, str)
    verdict = identity.check(net, ([[1, 2], [0, 1]], [0, 1]))
    assert verdict.status == "proved"


def test_calibration() -> None:
    found = xn.cooling.optimal_temperature([[2, 0], [1, 0], [0, 1]], [0, 1, 1])
    assert found.lower <= found.value <= found.upper
    with pytest.raises(xn.errors.NoOptimalTemperature):
        xn.cooling.optimal_temperature([[2, 0], [0, 1]], [0, 1])
    rows, labels = [[0.75, 0.25], [0.25, 0.75]], [0, 0]
    assert xn.cooling.expected_calibration_error(rows, labels, bins=15, norm="l1") >= 0
    assert xn.cooling.maximum_calibration_error(rows, labels, bins=15, weighted=False) >= 0
    binary = [0.75, 0.25, 0.5]  # P(class 1)
    for function in (xn.cooling.expected_calibration_error, xn.cooling.maximum_calibration_error):
        assert 0 <= function(binary, [1, 0, 1]) <= 1


# --- the harness -----------------------------------------------------------------------------------------------------------------


def test_the_harness(tmp_path: Path) -> None:
    for name in ("networks", "relu_mlps", "degenerate_networks", "equal_pairs", "zero_networks", "torch_modules"):
        assert named(f"testing.{name}")().example is not None
    xn.testing.assert_same_function(F, F, domain=UNIT, tolerance=0)
    xn.testing.assert_zero(xn.mlp([([[0]], [0])]))
    xn.testing.assert_preserves(xn.symmetry.Permutation(0, [1, 0]).apply, networks=[F], max_examples=2)
    with pytest.raises(xn.errors.PropertyFailed):
        xn.testing.assert_same_function(F, ABS, certificates=tmp_path)


# --- the command line ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, net in (("f", F), ("g", ABS), ("t", T3)):
        xn.save(net, f"{name}.json")
    xn.save(xn.symmetry.Permutation(0, [1, 0]).apply(F), "p.json")
    Path("domain.json").write_text('{"lower": [0], "upper": [1]}', encoding="utf-8")
    Path("r.json").write_text('{"numerator": [1], "denominator": [1, 0, 1]}', encoding="utf-8")
    np.save("z.npy", np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    np.save("y.npy", np.array([0, 1, 1]))
    xn.verify_equal(F, F).certificate.save("c.json")  # type: ignore[union-attr]
    document = json.loads(Path("c.json").read_text(encoding="utf-8"))
    Path("bad.json").write_text(json.dumps({**document, "version": 3}), encoding="utf-8")
    return tmp_path


COMMANDS = [
    ("equal f.json p.json", 0),
    ("equal f.json g.json", 1),
    ("equal f.json g.json --domain 0:1", 1),
    ("equal f.json g.json --domain=-1:0", 0),
    ("equal f.json g.json --domain domain.json --tolerance 1", 0),
    ("equal f.json g.json --time-limit 0", 3),
    ("equal f.json missing.json", 2),
    ("equal f.json p.json --certificate out.json --json --quiet", 0),
    ("zero f.json", 1),
    ("deviation f.json g.json --domain 0:1", 0),
    ("same-decision f.json g.json --domain 0:1", 0),
    ("symmetry verify t.json --flip 0,1,2", 0),
    ("symmetry normal-form f.json", 0),
    ("symmetry align f.json p.json", 0),
    ("symmetry orbits t.json", 0),
    ("symmetry fibre f.json", 0),
    ("symmetry find t.json", 0),
    ("symmetry find f.json p.json", 0),
    ("symmetry find f.json g.json", 1),
    ("symmetry search-zero 1 2 1", 0),
    ("regions count f.json", 0),
    ("regions list f.json", 0),
    ("regions plot t.json --output r.png", 0),
    ("tropical f.json", 0),
    ("poles r.json", 0),
    ("cooling identities", 0),
    ("calibrate z.npy y.npy", 0),
    ("run-error f.json --domain 0:1", 0),
    ("convert f.json f.onnx", 0),
    ("check c.json", 0),
    ("check bad.json", 4),
    ("info f.json", 0),
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("line", "code"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_commands(line: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == code
    out = capsys.readouterr().out
    assert bool(out) == (code != 2)
    if "--json" in line:
        assert json.loads(out)["status"] == "proved"
        assert xn.check("out.json")


@pytest.mark.usefixtures("folder")
def test_the_first_line_is_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    for line, word in (
        ("equal f.json p.json", "PROVED"),
        ("equal f.json g.json", "REFUTED"),
        ("equal f.json g.json --time-limit 0", "UNKNOWN"),
    ):
        main(line.split())
        assert capsys.readouterr().out.startswith(f"{word}: ")
