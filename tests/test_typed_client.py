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
