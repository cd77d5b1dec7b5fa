"""Every certificate in the repository is decided within a small part of the budget, and none does much that is not charged."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import exactnn as xn
from exactnn import symmetry
from exactnn.rational import RationalFunction
from tests.certificate import test_at_points, test_fibre, test_identity, test_mutations_of_bounds, test_poles, test_tree
from tests.certificate._account import account_of, assert_paid
from tests.certificate._build import box, certificate, tensor
from tests.certificate._cases import CASES, linear
from tests.certificate._trees import by_tree
from tests.certificate.test_budget import flat, tents
from tests.verify import test_certificates

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "examples" / "zero_networks" / "certificates").glob("*.json"))
BY_HAND = {
    f"{name}: {key}": document
    for name, cases in {
        "cases": CASES,
        "orbits": test_fibre.CASES,
        "poles": test_poles.RIGHT,
        "points": test_at_points.CASES,
        "identities": test_identity.CASES,
        "trees": test_tree.GOOD,
        "bounds": test_mutations_of_bounds.CASES,
    }.items()
    for key, document in cases.items()
}


def test_those_written_by_hand() -> None:
    for name, document in BY_HAND.items():
        assert_paid(document, name)


def test_those_of_the_examples() -> None:
    assert len(FILES) > 100
    for path in FILES:
        assert_paid(path, path.name)


def test_those_of_the_engines() -> None:
    for name in test_certificates.CASES:
        assert_paid(test_certificates.text(name), name)


# --- larger ones, which take long enough for the clock -----------------------------------------------------------------------


def layers(*sizes: int, seed: int = 0) -> Any:
    pick = random.Random(seed)

    def some() -> Fraction:
        return Fraction(pick.randint(-999, 999), 512)

    return [([[some() for _ in range(n)] for _ in range(m)], [some() for _ in range(m)]) for n, m in itertools.pairwise(sizes)]


def near(f: list[Any]) -> list[Any]:
    (weight, bias), *rest = f
    return [([[q + Fraction(1, 2**20) for q in row] for row in weight], bias), *rest]


def permuted(width: int) -> Any:
    f = xn.mlp(layers(60, width, 5))
    order = list(range(width))[::-1]
    return xn.verify_equal(f, (symmetry.Scaling(0, [3] * width) @ symmetry.Permutation(0, order)).apply(f))


def denominator(degree: int) -> Any:
    """(x^2 + x + 1)^(degree/2) + 1: large coefficients, no real zero."""
    p = [1]
    for _ in range(degree // 2):
        p = [sum(p[k - j] for j in range(3) if 0 <= k - j < len(p)) for k in range(len(p) + 2)]
    return xn.verify_pole_free(RationalFunction([1], [p[0] + 1, *p[1:]]))


def softmaxes(rows: int) -> Any:
    """The entries of a softmax at many points sum up to 1."""
    f = linear([[1, 2], [3, -1], [0, 1]], [0, 1, 2])
    points = tensor([[Fraction(k, 7), Fraction(-k, 5)] for k in range(rows)])
    equations = [[["sum", ["softmax", ["output", "f"]], [1]], "=", 1]]
    document = certificate("identity", "proved", (f,), {"method": "sides", "bits": 64}, points=points, definitions=[], equations=equations)
    document["claim"]["tolerance"] = f"1/{2**40}"
    del document["claim"]["domain"]
    return document


def deviation(width: int) -> Any:
    f = layers(4, width, width, 2)
    return xn.verify_equal(xn.mlp(f), xn.mlp(near(f)), domain=xn.Box([-1] * 4, [1] * 4), tolerance=Fraction(1, 1000))


LARGER: dict[str, Callable[[], Any]] = {
    "forms": lambda: permuted(120),
    "signs": lambda: denominator(60),
    "pass": lambda: deviation(60),
    "run": lambda: xn.execution_error(xn.mlp(layers(40, 40, 5)), domain=xn.Box([-1] * 40, [1] * 40)),
    "sides": lambda: softmaxes(60),
    "tree": lambda: by_tree(tents(7), flat(7), box((0, 1))),
    "point": lambda: xn.verify_equal(xn.mlp(layers(60, 100, 100, 2)), xn.mlp(layers(60, 100, 100, 2, seed=1))),
}


@pytest.mark.parametrize("name", LARGER)
def test_larger_ones(name: str) -> None:
    found = LARGER[name]()
    document = found if isinstance(found, dict) else found.certificate.document
    assert_paid(document, name)
    _, account = account_of(document)
    assert account.work > 10**4
