"""Certificates of every kind with one number, entry or key changed: what no longer supports its claim is rejected."""

import copy
import random
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected, check
from tests.certificate import _oracle
from tests.certificate._build import number, rehash
from tests.certificate._cases import CASES, SCALES
from tests.certificate._moved import transformed


def paths(value, path=()):
    """Every place in a JSON document."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from paths(item, (*path, i))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def fraction(value):
    try:
        return Fraction(value)
    except (ValueError, TypeError):
        return None


def changes(value):
    """Other values to put in the place of one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, list):
        shorter = [value[:i] + value[i + 1 :] for i in range(len(value))]
        swapped = [[*value[:i], value[i + 1], value[i], *value[i + 2 :]] for i in range(len(value) - 1)]
        return [*shorter, *(s for s in swapped if s != value), [*value, *value[-1:]], None]
    if isinstance(value, dict):
        return [{k: v for k, v in value.items() if k != key} for key in value]
    if fraction(value) is not None:
        v = Fraction(value)
        return [number(w) for w in {v + 1, v - 1, -v, 2 * v, v / 2, Fraction(0)} - {v}]
    words = {
        "atom": ["mirror", "slack", "on"],
        "mirror": ["atom"],
        "slack": ["atom", "chord"],
        "chord": ["atom", "mirror"],
        "on": ["off"],
        "off": ["on"],
    }
    words.update({"proved": ["refuted"], "refuted": ["proved"], "equal": ["zero"], "zero": ["equal"]})
    if isinstance(value, str):
        return words.get(value, [])
    return [[], 0]


def mutants(certificate, generator):
    """All changes to claim and evidence, and some to the models, their hashes made right again."""
    places = [p for p in paths(certificate) if p and p[0] in ("claim", "evidence")]
    inner = [p for p in paths(certificate) if p[:1] == ("models",) and "inline" in p[:-1]]
    for path in places + generator.sample(inner, min(30, len(inner))):
        for value in changes(at(certificate, path)):
            found = copy.deepcopy(certificate)
            at(found, path[:-1])[path[-1]] = value
            yield path, value, rehash(found)


def is_right(certificate, scales):
    method = certificate["evidence"]["method"]
    if certificate["claim"]["question"] == "symmetry":
        f = certificate["models"]["f"]["inline"]
        moved = transformed(f, certificate["claim"]["transformation"])
        certificate = {**certificate, "models": {"f": {"inline": f}, "g": {"inline": moved}}}
    if method in ("point", "enclosure"):
        return (_oracle.refutes if method == "point" else _oracle.keeps_apart)(certificate)
    return _oracle.proves(certificate, scales, 20) and (method in ("tree", "pass") or _oracle.supports(certificate, scales))


def verdict(certificate):
    """None if it is accepted, else the step and the reason."""
    try:
        check(certificate)
    except Rejected as rejected:
        return rejected.step, rejected.reason
    return None


LONG = ("permutation and scaling", "image", "small conv", "elements")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in CASES])
def test_a_changed_certificate_is_rejected_unless_it_is_right_too(name):
    rejected = 0
    for path, value, mutant in mutants(CASES[name], random.Random(name)):
        found = verdict(mutant)
        if found is not None:
            assert all(found)
            rejected += 1
        elif name not in SCALES or path[:1] != ("models",):  # the second opinion does not round scales itself
            assert is_right(mutant, SCALES.get(name, (None, None))), (path, value)
    assert rejected > 10
