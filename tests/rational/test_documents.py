"""Rational activations as plain objects: back and forth, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.rational import BOULLE, ERA, PadeUnit, RationalFunction, from_document, to_document
from tests.rational._cases import functions, small
from tests.strategies import law

eras = st.builds(
    lambda a, t, e: ERA.with_squares(a, [(c, d, x, s * s) for c, d, x, s in t], epsilon=abs(e)),
    st.tuples(small, small),
    st.lists(st.tuples(small, small, small, small), max_size=3),
    small,
)
units = st.builds(
    lambda a, b, f, basis: PadeUnit(a, b, formula=f, basis=basis),
    st.lists(small, min_size=1, max_size=4),
    st.lists(small, max_size=4),
    st.sampled_from("ABCDN"),
    st.sampled_from(["power", "laguerre"]),
)


@law(60)
@given(st.one_of(functions, eras, units))
def test_back_and_forth(f: RationalFunction | ERA | PadeUnit) -> None:
    again = from_document(json.loads(json.dumps(to_document(f))))
    assert type(again) is type(f)
    assert again == f
    if isinstance(f, ERA):
        assert again.epsilon == f.epsilon


def test_decimals_are_exact() -> None:
    assert from_document({"linear": [1, 2]}) == ERA((1, 2))
    assert from_document({"squares": [[0, 1, 0, 2]]}) == ERA.with_squares((0, 0), [(0, 1, 0, 2)])
    assert from_document({"numerator": ["0.0218", "0.5", "1.5957", "1.1915"], "denominator": [1, 0, "2.383"]}) == BOULLE
    assert from_document({"numerator": [1], "denominator": [1], "formula": "C"})(0) == Fraction(10, 11)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (3, "rational function is needed.*got a int"),
        ({}, "rational function is needed.*keys"),
        ({"numerator": [1]}, "numerator"),
        ({"numerator": [1], "denominator": [1], "epsilon": 0}, "epsilon"),
        ({"numerator": [1], "denominator": [0]}, "denominator"),
        ({"numerator": [0, 1], "denominator": [-1, -2], "basis": "legendre"}, 'a "basis" needs a "formula"'),
        ({"epsilon": 1}, "epsilon"),
        ({"numerator": "1", "denominator": [1]}, "numerator"),
        ({"numerator": [1], "denominator": ["x"]}, r"denominator\[0\]"),
        ({"numerator": [1], "denominator": [1], "formula": "E"}, "formula"),
        ({"numerator": [1], "denominator": [1], "formula": 3}, "formula"),
        ({"linear": [1, 2], "fractions": [[1, 2, 3]]}, r"fractions\[0\]"),
        ({"linear": [1, 2], "fractions": [], "squares": []}, "squares"),
        ({"linear": [1, 2], "fractions": [], "epsilon": -1}, "epsilon"),
        ({"linear": [1], "fractions": []}, "linear"),
    ],
)
def test_refused(document: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        from_document(document)
    with pytest.raises(ArgumentError, match="f: "):
        to_document(document)
