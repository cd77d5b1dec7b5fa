"""The benchmarks run, and their plain baseline computes what the engines compute."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

import exactnn as xn
from benchmarks.equality import classifier, copy_of
from benchmarks.measure import Row, table
from benchmarks.plain import exact, normal_form, value

ROOT = Path(__file__).resolve().parents[1]


def test_plain_fractions_find_the_same_normal_form() -> None:
    for layers in (classifier(6, 9, 3), copy_of(classifier(6, 9, 3))):
        (weight, bias), (outgoing, last) = layers
        jumps, linear, constant = normal_form(*(exact(a.tolist()) for a in (weight, bias, outgoing.T, last)))
        form = xn.symmetry.normal_form(xn.mlp(layers))
        assert jumps == form.kinks
        assert tuple(map(tuple, linear)) == form.linear
        assert tuple(constant) == form.constant


def test_plain_fractions_find_the_same_values() -> None:
    layers = classifier(6, 9, 3)
    x = [Fraction(n, 7) for n in range(6)]
    assert tuple(value([(exact(w.tolist()), exact(b.tolist())) for w, b in layers], x)) == xn.mlp(layers)(x)


def test_the_copy_is_a_copy() -> None:
    first = classifier(6, 9, 3)
    second = copy_of(first)
    assert not np.array_equal(first[0][0], second[0][0])
    assert second[0][0].dtype == np.float32
    assert xn.verify_equal(xn.mlp(first), xn.mlp(second)).proved


def test_table() -> None:
    rows = [Row("a", 0.5, "b", 100.0), Row("c", 2.0, "z3: gave up", 40.0, True), Row("d", 0.0123), Row("e", 1.0, "b", 0.1)]
    lines = table(rows).splitlines()
    assert "200 times faster" in lines[1]
    assert "more than 20 times faster" in lines[2]
    assert "12.3 ms" in lines[3]
    assert "10.0 times slower" in lines[4]


def test_they_run() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "equality", "--only", "evaluation", "--only", "regions"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("times faster") >= 3
    assert "Peak memory" in done.stdout
