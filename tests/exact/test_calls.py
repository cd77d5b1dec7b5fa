"""Calls that do not fit: one sentence names the argument, from all functions that people call; nothing else about them changes."""

from __future__ import annotations

import inspect
import pickle
import pydoc
from collections.abc import Callable
from typing import Any

import pytest

import exactnn as xn
from exactnn.errors import ArgumentError, CallError
from exactnn.exact.calls import helpful

NET = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])
BOX = xn.Box(-1, 1)

#: what people call most, with the arguments that it needs
NEEDED: dict[str, tuple[Callable[..., Any], str]] = {
    "mlp": (xn.mlp, "layers"),
    "load": (xn.load, "path"),
    "save": (xn.save, "net path"),
    "from_torch": (xn.from_torch, "module"),
    "Box": (xn.Box, "lower upper"),
    "Polyhedron": (xn.Polyhedron, "A b"),
    "check": (xn.check, "certificate"),
    "verify_equal": (xn.verify_equal, "f g"),
    "verify_equal_at": (xn.verify_equal_at, "f g points"),
    "verify_zero": (xn.verify_zero, "f"),
    "verify_symmetry": (xn.verify_symmetry, "f transformation"),
    "verify_same_decision": (xn.verify_same_decision, "f g domain"),
    "verify_single_orbit": (xn.verify_single_orbit, "f"),
    "verify_pole_free": (xn.verify_pole_free, "r"),
    "max_deviation": (xn.max_deviation, "f g domain"),
    "execution_error": (xn.execution_error, "net domain"),
    "certified_region_count": (xn.certified_region_count, "net"),
    "certified_orbits": (xn.certified_orbits, "f"),
    "gradient": (NET.gradient, "points upstream"),
    "count": (xn.regions.count, "net"),
    "iterate": (xn.regions.iterate, "net"),
    "plot": (xn.regions.plot, "net"),
    "restrict": (xn.regions.restrict, "net origin directions"),
    "bounds": (xn.regions.bounds, "input_dim widths"),
    "chambers": (xn.regions.chambers, "normals"),
    "extract": (xn.tropical.extract, "net"),
    "extract_at": (xn.tropical.extract_at, "net points"),
    "normal_form": (xn.symmetry.normal_form, "net"),
    "fibre": (xn.symmetry.fibre, "net"),
    "align": (xn.symmetry.align, "f g"),
    "relate": (xn.symmetry.relate, "f g"),
    "search_zero": (xn.symmetry.search_zero, "inputs neurons max_weight"),
    "Flip": (xn.symmetry.Flip, "neurons"),
    "RationalFunction": (xn.rational.RationalFunction, "numerator"),
    "ERA": (xn.rational.ERA, "linear"),
    "audit": (xn.rational.audit, "numerator denominator"),
    "optimal_temperature": (xn.cooling.optimal_temperature, "logits labels"),
    "expected_calibration_error": (xn.cooling.expected_calibration_error, "probabilities labels"),
    "check_identities": (xn.cooling.check_identities, "network data"),
    "Cooling": (xn.nn.Cooling, "model validation_data"),
}


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_argument_is_named(name: str) -> None:
    function, needed = NEEDED[name]
    for missing in needed.split():
        given = {other: None for other in needed.split() if other != missing}
        with pytest.raises(CallError, match=rf"^{missing}: {name} needs it, and it was not given") as caught:
            function(**given)
        assert f"; call {name}({needed.split()[0]}" in str(caught.value)
        assert len(str(caught.value)) < 350


@pytest.mark.parametrize(
    "name", sorted(set(NEEDED) - {"check_identities"})
)  # which takes parameters of any name, and says itself which there are
def test_a_misspelt_argument_is_named(name: str) -> None:
    function, _ = NEEDED[name]
    last = list(inspect.signature(function).parameters)[-1]
    with pytest.raises(CallError, match=rf"^{last}x: {name} has no argument of that name; did you mean {last}\?$"):
        function(**{f"{last}x": None})


def test_what_is_meant_and_what_there_is() -> None:
    for wrong, words in {"tol": "did you mean tolerance", "timeout": "did you mean time_limit", "zzz": "it has f, g, domain, tol"}.items():
        with pytest.raises(CallError, match=f"^{wrong}: verify_equal has no argument of that name; {words}"):
            xn.verify_equal(NET, NET, **{wrong: 1})


def test_values_without_names() -> None:
    with pytest.raises(
        CallError, match=r"^max_deviation: 2 values without a name are taken \(f, g\), got 3; give the others by name: domain="
    ):
        xn.max_deviation(NET, NET, BOX)  # type: ignore[call-arg, misc]
    with pytest.raises(CallError, match=r"^Box: 2 values without a name are taken \(lower, upper\), got 3$"):
        xn.Box(0, 1, 2)  # type: ignore[call-arg]
    with pytest.raises(CallError, match=r"^f: it was given twice, by its place and by its name; leave one out"):
        xn.verify_zero(NET, f=NET)  # type: ignore[misc]


def test_the_docstring_says_what_is_missing() -> None:
    with pytest.raises(CallError) as caught:
        xn.max_deviation(NET, NET)  # type: ignore[call-arg]
    assert str(caught.value) == (
        "domain: max_deviation needs it, and it was not given (domain: a bounded Box or Polyhedron); call max_deviation(f, g, domain=...)"
    )

    @helpful
    def undocumented(x: int) -> int:
        return x

    with pytest.raises(CallError, match=r"^x: undocumented needs it, and it was not given; call undocumented\(x\)$"):
        undocumented()  # type: ignore[call-arg]


def test_other_errors_of_types_are_left_alone() -> None:
    @helpful
    def broken(x: int, y: int = 0) -> int:
        return x + "a"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand") as caught:
        broken(1)
    assert not isinstance(caught.value, CallError)


def test_nothing_else_changes() -> None:
    assert str(inspect.signature(xn.Box)) == "(lower: 'Any', upper: 'Any') -> 'None'"
    assert list(inspect.signature(xn.max_deviation).parameters)[:4] == ["f", "g", "domain", "norm"]
    assert "The network in a file, to the last bit." in pydoc.plain(pydoc.render_doc(xn.load))
    assert b"count" in pickle.dumps(xn.regions.count)  # an error unless it is found under its name
    assert issubclass(CallError, ArgumentError)
    assert issubclass(CallError, TypeError)
