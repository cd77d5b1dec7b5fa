"""What a failing assertion says and writes, and where."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import exactnn as xn
from exactnn import testing as xt
from exactnn.errors import ArgumentError
from exactnn.testing._certificates import certificate_folder
from exactnn.testing._weights import ulp, weight_changes

F = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])  # |x|


def failed(call: Any, *arguments: Any, **options: Any) -> xt.PropertyFailed:
    with pytest.raises(xt.PropertyFailed) as caught:
        call(*arguments, **options)
    assert isinstance(caught.value, AssertionError)
    return caught.value


def test_the_report_has_point_values_and_node() -> None:
    g = xn.mlp([([[1], [-1]], [0, 0]), ([[1, "4/3"]], [0])])
    found = failed(xt.assert_same_function, F, g, domain=xn.Box(-1, "1/3"))
    x = found.verdict.counterexample  # type: ignore[attr-defined]
    lines = str(found).splitlines()
    assert lines[0] == "f and g are different functions"
    assert lines[2].startswith("g = xn.mlp([([[1], [-1]], [0, 0]), ([[1, '4/3']], [0])], 'relu')")
    assert f"  f(x) = ({F(x)[0]})" in str(found)
    assert f"  g(x) = ({g(x)[0]})" in str(found)
    assert "first node whose values differ: 'layer2'" in str(found)
    assert "certified on the domain: max |f - g| = 0.333333" in str(found)
    assert found.path is not None
    assert xn.check(found.path)


def test_certificates_go_where_they_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    g = xn.mlp([([[1]], [0])])
    there = tmp_path / "there"
    assert Path(str(failed(xt.assert_same_function, F, g, certificates=there).path)).parent == there
    monkeypatch.setenv("EXACTNN_CERTIFICATES", "")
    assert failed(xt.assert_same_function, F, g).path is None
    monkeypatch.delenv("EXACTNN_CERTIFICATES")
    monkeypatch.chdir(tmp_path)
    assert failed(xt.assert_same_function, F, g, certificates="").path is None
    assert failed(xt.assert_zero, g, certificates="").path is None
    assert failed(xt.assert_preserves, lambda net: g, networks=[F], certificates="").path is None
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    test = tmp_path / "test_it.py"
    test.touch()
    monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{test}::test_a[b] (call)")
    assert certificate_folder(None) == tmp_path / "exactnn-certificates"
    found = failed(xt.assert_zero, g)
    assert Path(str(found.path)).name.startswith("test_a-b-")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "elsewhere/test_it.py::test_a (call)")
    assert certificate_folder(None) is None


def test_zero_symmetry_and_poles() -> None:
    found = failed(xt.assert_zero, F)
    assert str(found).startswith("f is not zero")
    assert F(found.verdict.counterexample) != (0,)  # type: ignore[attr-defined]
    assert xt.assert_zero(F, domain=xn.Box(0, 0)).proved
    found = failed(xt.assert_symmetry, F, xn.symmetry.Flip([0]))
    assert "T is no symmetry of f" in str(found)
    found = failed(xt.assert_pole_free, xn.rational.RationalFunction([1], [-1, 1]))
    assert "r has a pole" in str(found)
    assert xt.assert_pole_free(xn.rational.RationalFunction([1], [-1, 1]), interval=(2, None)).proved


@pytest.mark.parametrize("value", [Fraction(1), Fraction(3, 7), Fraction(-5), Fraction(2) ** -130, Fraction(2) ** 20 - 1])
def test_ulp_is_numpys(value: Fraction) -> None:
    import numpy as np

    assert ulp(value, "float32") == Fraction(float(np.spacing(np.float32(abs(float(value))))))
    assert ulp(value, "float64") == Fraction(float(np.spacing(abs(float(value)))))


def test_changes_of_weights() -> None:
    third = xn.mlp([([["1/3"]], [0]), ([[1]], [2])])
    rounded = xn.mlp([([[float(1 / 3)]], [0]), ([[1]], [2])])
    changes = weight_changes(third, rounded, "float64")
    assert changes is not None
    assert (changes.changed, changes.total, changes.nearest, changes.is_rounding) == (1, 4, "float64", True)
    assert changes.ulps <= Fraction(1, 2)
    leaky = weight_changes(third, xn.mlp([([["1/3"]], [0]), ([[1]], [2])], "leaky_relu(1/10)"), "float64")
    assert leaky is not None
    assert str(leaky) == "node 'relu1': relu became leaky_relu(1/10)"
    assert not leaky.is_rounding
    # different structures that fold to the same one: y -> 2 y -> |.|
    split = xn.mlp([([["1/3"]], [0]), ([[1]], [1]), ([[1]], [1])])
    assert weight_changes(third, split, "float64") is None


def test_a_failure_knows_what_it_is_about() -> None:
    found = failed(xt.assert_same_function, F, xn.mlp([([[1]], [0])]))
    assert found.networks == (F, xn.mlp([([[1]], [0])]))
    assert found.kind == "changed"
    assert os.path.exists(str(found.path))


def test_calibration_is_compared_exactly() -> None:
    rows, labels = ["1/4", "1/4", "11/20", "3/4", "3/4"], [0, 0, 1, 1, 1]
    assert xt.assert_calibrated(rows, labels, bound=Fraction(29, 100), bins=2) == Fraction(29, 100)
    found = failed(xt.assert_calibrated, rows, labels, bound=Fraction(29, 100) - Fraction(1, 10**30), bins=2)
    lines = str(found).splitlines()
    assert lines[0].startswith("the calibration error (l1) is 29/100")
    assert "3 of 5" in lines[1]
    assert xt.assert_calibrated(rows, labels, bound="19/60", norm="max", bins=2) == Fraction(19, 60)
    failed(xt.assert_calibrated, rows, labels, bound="0.3", norm="max", bins=2)
    failed(xt.assert_calibrated, [["1/4", "3/4"]], [0], bound=0, mode="classwise")
    for options, words in [({"bound": -1}, "bound"), ({"bound": 1, "norm": "l2"}, "norm"), ({"bound": 1, "bins": 0}, "bins")]:
        with pytest.raises(ArgumentError, match=words):
            xt.assert_calibrated(rows, labels, **options)
