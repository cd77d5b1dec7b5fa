"""A client's typed script passes mypy --strict, and runs; a wrong one does not pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLIENT = '''
"""What people do with the package, with types."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

import exactnn as xn
from exactnn.symmetry import Flip, Permutation


def main(folder: Path) -> None:
    f: xn.Network = xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    xn.save(f, folder / "f.json")
    g = xn.load(folder / "f.json")
    value: tuple[Fraction, ...] = g([1, "1/2"])
    exact: Fraction = value[0] + 1
    batch = g(np.zeros((2, 2)))
    box: xn.Box = xn.Box(-1, 1)

    verdict: xn.Verdict = xn.verify_equal(f, g, domain=box, near=[[0, 0]], time_limit=10)
    if verdict.certificate is not None:
        path: Path = verdict.certificate.save(folder / "equal.json")
        checked: bool = xn.check(path)
        print(verdict.proved, checked)
    kept = xn.verify_symmetry(f, Flip([0, 1, 2]) @ Permutation(0, [0, 1, 2]))
    found = xn.max_deviation(f, xn.mlp([([[1, 1]], [0])]), domain=box)
    lower: Fraction = found.lower
    point: tuple[Fraction, ...] = found.point
    refuted = xn.verify_zero(f)
    if refuted.counterexample is not None and refuted.largest is not None:
        size: Fraction = refuted.largest.value
        print(size, refuted.counterexample[0] + 1)
    alike = xn.verify_same_decision(f, g, domain=None)
    error: Fraction = xn.execution_error(f, domain=box).upper

    form = xn.symmetry.normal_form(f)
    fibre = xn.symmetry.fibre(f)
    single: bool = fibre.is_single_orbit
    count = xn.regions.count(f, box)
    for region in xn.regions.iterate(f):
        print(region.interior_point[0] + 1, region.is_bounded)
    F = xn.tropical.extract(f)
    terms: int = len(F.numerators[0])
    r = xn.rational.RationalFunction([0, 1], [1, 0, 1])
    era = xn.rational.ERA(linear=(1, 0), fractions=[(0, 1, 0, 2)])
    half: Fraction = r(1) + era(0)
    poles = xn.verify_pole_free(r)
    for answer in (verdict, kept, found, refuted, alike, form, fibre, F, r, era, poles, box, f):
        line, page, table, text = repr(answer), str(answer), answer._repr_html_(), json.dumps(answer.to_dict())
        print(line, len(page), len(table), len(text))
    print(exact, batch, lower, point, error, single, count, terms, half)
    rooms(f, g, box, folder)
    torch_side()


def rooms(f: xn.Network, g: xn.Network, box: xn.Box, folder: Path) -> None:
    """The rooms, one after the other."""
    half_space: xn.Polyhedron = xn.Polyhedron([[1, 1]], [1])
    at: xn.Verdict = xn.verify_equal_at(f, g, [[0, 0]])
    one: xn.Verdict = xn.verify_single_orbit(f)
    regions_value: int = xn.certified_region_count(f, half_space).value
    flips: tuple[tuple[int, ...], ...] = xn.certified_orbits(f).flips
    inner: Fraction = f.gradient([[1, 2]], [[1]]).inputs.to_rows()[0][0]
    width: int = f.input_dim + f.output_dim + len(f.graph)

    T: xn.symmetry.Transformation = xn.symmetry.Scaling(0, [1, 2, "1/3"]) @ xn.symmetry.Permutation(0, [2, 0, 1])
    moved: xn.Network = T.inverse().apply(T.apply(f))
    found: xn.symmetry.Transformation | None = xn.symmetry.align(f, moved)
    related: xn.symmetry.Relation = xn.symmetry.relate(f, moved)
    kind: str = related.kind
    rank: int = xn.symmetry.functional_dimension(f)
    form = xn.symmetry.normal_form(f)
    kinks = form.kinks
    orbits = xn.symmetry.orbits(f)
    searched = list(xn.symmetry.search(f, time_limit=5))
    zero: xn.Network = next(iter(xn.symmetry.search_zero(2, 4, 1)))

    bounds: tuple[int | None, int] = xn.regions.bounds(2, [3])
    chambers: int = xn.regions.chambers([[1, 0], [0, 1]])
    line: xn.Network = xn.regions.restrict(f, *xn.regions.through([[0, 0], [1, 1]]))
    pairs: int = xn.regions.adjacency(f, box).number_of_edges()

    F: xn.tropical.TropicalRationalMap = xn.tropical.extract(f).reduce()
    value: tuple[Fraction, ...] = F([1, 2])
    p: xn.tropical.TropicalPolynomial = F.numerators[0] + F.denominators[0] ** 2
    back: xn.Network = F.to_network()
    F.export(folder / "form.json")
    G = xn.tropical.extract_at(f, [[1, 2]])
    sure: bool = xn.check(G.certificate)

    r = xn.rational.RationalFunction([0, 1], [1, 0, 1])
    steepest: Fraction | float = r.sup_derivative().upper
    audit: xn.rational.Audit = xn.rational.audit([0, 1], [1, 0], target="identity", interval=(-1, 1))
    real = [pole.midpoint for pole in r.real_poles()]

    data = ([[1, 2], [0, 1]], [0, 0])
    verdict: xn.Verdict = xn.cooling.identities["I12"].check(xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1], [1, 0]], [0, 0])]), data)
    tau: float = xn.cooling.optimal_temperature([[2, 1], [1, 2], [2, 1]], [0, 1, 1]).value
    error: Fraction | float = xn.cooling.expected_calibration_error([[0.75, 0.25], [0.5, 0.5]], [0, 1])
    largest: Fraction | float = xn.cooling.maximum_calibration_error([[0.75, 0.25], [0.5, 0.5]], [0, 1])
    spread: xn.cooling.Redistribution = xn.cooling.redistribute(xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])]), 2)
    print(at, one, regions_value, flips, inner, width, found, kind, rank, kinks, orbits, searched, zero, bounds, chambers, line, pairs)
    print(value, p, back, sure, steepest, audit, real, verdict.status, tau, error, largest, spread.network)
    testing(f, moved)


def testing(f: xn.Network, g: xn.Network) -> None:
    """The harness."""
    from exactnn import testing as t

    def reverse(net: xn.Network) -> xn.Network:
        return xn.symmetry.Permutation(0, [1, 0]).apply(net)

    t.assert_same_function(f, g, domain=xn.Box(-1, 1), tolerance="1/1000")
    t.assert_zero(xn.mlp([([[0]], [0])]))
    kept = t.assert_preserves(reverse, networks=t.relu_mlps(depth=1, width=2), max_examples=2)
    strategies = [t.networks(), t.degenerate_networks(), t.equal_pairs(), t.zero_networks(), t.torch_modules()]
    print(kept, len(strategies))


def torch_side() -> None:
    """Modules in, modules out, in a training loop."""
    import torch

    from exactnn import nn

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), nn.ERA(degree=4, init="swish"), torch.nn.Linear(3, 2))
    activation = model[1]
    assert isinstance(activation, nn.ERA)
    exact: xn.rational.ERA | list[xn.rational.ERA] = activation.exact()
    unit: torch.nn.Module = nn.SafePade(version="A", degrees=(5, 4))
    net: xn.Network = xn.from_torch(model, (2,))
    back: torch.nn.Module = net.to_torch(dtype=torch.float64)
    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    x, y = torch.randn(60, 2), torch.arange(60) % 2
    cooling = nn.Cooling(plain, (x, y), optimizer=optimizer, redistribute="last")
    loss: torch.Tensor = torch.nn.functional.cross_entropy(cooling(plain(x)), y)
    optimizer.step()
    tau: float = cooling.step()
    print(exact, unit, back, net, loss.item() > 0, tau > 0)


if __name__ == "__main__":
    import sys

    try:
        main(Path(sys.argv[1]))
    except xn.errors.Incomplete as stopped:
        print(stopped.partial)
'''


def mypy(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(folder / "cache"), str(path)]
    environment = {**os.environ, "MYPYPATH": "", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)


@pytest.mark.slow
def test_a_typed_client(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    client = tmp_path / "client.py"
    client.write_text(CLIENT, encoding="utf-8")
    found = mypy(client, tmp_path)
    assert "Success" in found.stdout, found.stdout + found.stderr
    wrong = tmp_path / "wrong.py"
    text = 'import exactnn as xn\nnet = xn.load(3)\nflat: int = net([1, 2])\nxn.verify_equal(net, "g")\n'
    text += "xn.max_deviation(net, net)\nxn.Box(1)\nxn.regions.count(net, definitoin='affine')\nnet.gradient([[1]])\n"
    wrong.write_text(text, encoding="utf-8")
    assert mypy(wrong, tmp_path).stdout.count("error:") == 7


def test_the_client_runs(tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    client.write_text(CLIENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, str(client), str(tmp_path)], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == "True True"
