"""Every method and every kind of evidence is accepted where it is right."""

import copy

import pytest

from exactnn.certificate import check
from tests.certificate import _oracle
from tests.certificate._cases import CASES, SCALES

FORMS = [n for n, c in CASES.items() if c["evidence"]["method"] == "forms" and c["claim"]["question"] != "symmetry"]
TREES = [n for n, c in CASES.items() if c["evidence"]["method"] == "tree"]
POINTS = [n for n, c in CASES.items() if c["evidence"]["method"] == "point" and c["claim"]["question"] != "symmetry"]


@pytest.mark.parametrize("name", CASES)
def test_true_claims_are_accepted(name):
    before = copy.deepcopy(CASES[name])
    assert check(CASES[name]) is True
    assert before == CASES[name]


# The tests of mutations rest on this second opinion: here it agrees with what is known to be true.
@pytest.mark.parametrize("name", FORMS)
def test_the_second_opinion_supports_the_forms(name):
    assert _oracle.supports(CASES[name], SCALES.get(name, (None, None)))


@pytest.mark.parametrize("name", [*FORMS, *TREES])
def test_the_second_opinion_finds_no_counterexample(name):
    assert _oracle.proves(CASES[name], SCALES.get(name, (None, None)), count=20)


@pytest.mark.parametrize("name", POINTS)
def test_the_second_opinion_supports_the_points(name):
    assert _oracle.refutes(CASES[name])
