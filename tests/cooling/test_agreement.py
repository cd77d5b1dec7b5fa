"""Random expressions: the engine's balls and the checker's intervals hold one number, exactly the same one where nothing is rounded."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

import exactnn as xn
from exactnn.certificate import Rejected, _claim, _sides
from exactnn.certificate._models import read_models
from exactnn.certificate._numbers import BudgetExceeded
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.errors import ExactnnError
from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_number, json_tensor
from exactnn.network.document import canonical_hash, document

NET = xn.mlp([([[1, -2], [3, 1], ["1/3", 0]], [0, "1/2", -1]), ([[1, "1/3", 2], [-1, 2, 1]], ["1/4", -1])], "leaky_relu(1/5)")
POINTS = RationalArray.of([[1, "1/2"], ["-1/3", 2], [0, 0]])  # the last one on a kink
MOVING = ["*", ["+", "1/2", "t"], ["softmax", ["*", ["+", 1, "t"], ["output", "f"]]]]
#: where one side may refuse, since its numbers are wider
LIMITS = ("too large to be enclosed", "logits times tau")


def leaf(source: random.Random) -> Any:
    table = RationalArray.of([[Fraction(source.randint(-4, 4), 2) for _ in range(2)] for _ in range(3)])
    number = json_number(Fraction(source.randint(-3, 3), source.randint(1, 4)))
    fixed = [["output", "f"], ["parameter", "f", "layer1", "weight"], ["gradient", "f", "layer2", "weight", ["output", "f"]], "t", "moving"]
    return source.choice([number, json_tensor(table), json_tensor(table[:1]), *fixed])


def expression(source: random.Random, depth: int) -> Any:
    if depth == 0:
        return leaf(source)
    inner = expression(source, depth - 1)
    kind = source.choice(["+", "*", "-", "sum", "sums", "max", "exp", "logsumexp", "softmax", "derivative", "gradient", "reshape"])
    if kind in ("+", "*", "-"):
        return [kind, inner, expression(source, depth - 1)]
    return {
        "sum": ["sum", inner],
        "sums": ["sum", inner, [source.randint(0, 1)]],
        "derivative": ["derivative", source.randint(0, 4), inner],
        "gradient": ["gradient", "f", "layer1", source.choice(["weight", "bias"]), inner],
        "reshape": ["reshape", inner, source.choice([[6], [2, 3], [3, 2], [3, 1, 2]])],
    }.get(kind, [kind, inner])


def by_engine(a: Any, bits: int) -> Any:
    try:
        return enclosing({"f": NET}, POINTS, [("moving", MOVING)], bits).value(a)
    except ExactnnError as error:
        return str(error)


def by_checker(a: Any, bits: int) -> Any:
    claim = {"question": "identity", "answer": "proved", "points": json_tensor(POINTS), "definitions": [["moving", MOVING]]}
    inline = document(NET)
    try:
        read = _claim.read_claim(claim | {"equations": [[a, "=", 0]], "tolerance": 0})
        f = read_models({"f": {"sha256": canonical_hash(inline), "inline": inline}}, read.names, ".", ())["f"].network
        return _sides.Values(read.rows(f), {"f": f}, bits).series(read.equations[0][0], 0, "side")[0]  # a - 0
    except (Rejected, BudgetExceeded) as rejected:
        return str(rejected)


@pytest.mark.parametrize("seed", [0, 1, pytest.param(range(2, 60), marks=pytest.mark.slow)])
def test_they_meet(seed: int | range) -> None:
    met = 0
    for number in seed if isinstance(seed, range) else [seed]:
        source = random.Random(number)
        for _ in range(60):
            a, bits = expression(source, source.randint(1, 4)), source.choice((64, 200))
            found, other = by_engine(a, bits), by_checker(a, bits)
            if isinstance(found, str) or isinstance(other, str):
                both = isinstance(found, str) and isinstance(other, str)
                assert both or any(limit in str(side) for side in (found, other) for limit in LIMITS), (a, found, other)
                continue
            assert found.shape == other.shape, a
            low, high = (end.to_fractions() for end in found.ends())
            for below, above, least, most in zip(*(end.fractions() for end in other.ends()), low, high, strict=True):
                assert below <= most, a
                assert least <= above, a
                assert found.radius is not None or below == above == least, a
            met += 1
    assert met > 10
