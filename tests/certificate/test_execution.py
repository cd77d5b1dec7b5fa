"""Evidence "rounding": accepted, changed, beyond its limits; the bounds against runs in numpy's float32."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from exactnn.certificate import BudgetExceeded, Rejected, _budget, check
from exactnn.certificate._check import examine
from exactnn.certificate.telling import sentence
from tests.certificate._build import HARDTANH, LEAKY, act, affine, box, certificate, mlp, network, node, number, tensor

WEIGHTS = [[["1/3", "-2/7"], [1, "1/2"], ["-5/3", 2]], ["1/9", 0, -1]], [[[1, "-1/3", "2/3"]], ["1/7"]]


def claimed(
    model: Any, bounds: list[Any], domain: Any = None, dtype: str = "float32", bits: int = 128, wide: str | None = None
) -> dict[str, Any]:
    found = certificate("execution_error", "proved", (model,), {"method": "rounding", "bits": bits}, box((-1, 1), (-1, 1)))
    found["claim"] = {
        "question": "execution_error",
        "answer": "proved",
        "domain": found["claim"]["domain"] if domain is None else domain,
        "dtype": dtype,
        "accumulation": wide,
        "bounds": [number(b) for b in bounds],
    }
    return found


def least(model: Any, outputs: int = 1, **options: Any) -> list[Fraction]:
    """The least bounds that are accepted, by bisection: nothing of the engine is used."""
    found = []
    for j in range(outputs):
        low, high = Fraction(0), Fraction(1, 2**8)
        for _ in range(40):
            middle = (low + high) / 2
            try:
                check(claimed(model, [middle if i == j else 2**200 for i in range(outputs)], **options))
                high = middle
            except Rejected:
                low = middle
        found.append(high)
    return found


def test_a_bound_of_the_formula_by_hand() -> None:
    """|W| = 1, two weights that float32 holds, m = 1, no bias: gamma_3 (2 + ...), and nothing below it."""
    (bound,) = least(mlp(([[1, 1]], [0])))
    gamma = Fraction(3, 2**24 - 3)
    assert 2 * gamma < bound < 2 * gamma + Fraction(1, 2**40)


def test_runs_in_numpy_stay_below() -> None:
    model = mlp(*WEIGHTS)
    (bound,) = least(model)
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    worst = Fraction(0)
    for point in points:
        run, exact = point, [Fraction(float(x)) for x in point]
        for k, (weight, bias) in enumerate(WEIGHTS):
            rows = [[Fraction(w) for w in row] for row in weight]  # type: ignore[union-attr]
            added = [Fraction(b) for b in bias]  # type: ignore[arg-type]
            run = np.array([[float(w) for w in row] for row in rows], np.float32) @ run + np.array([float(b) for b in added], np.float32)
            exact = [sum((w * x for w, x in zip(row, exact, strict=True)), b) for row, b in zip(rows, added, strict=True)]
            if k == 0:
                run, exact = np.maximum(run, np.float32(0)), [max(x, Fraction(0)) for x in exact]
        worst = max(worst, abs(Fraction(float(run[0])) - exact[0]))
    assert worst <= bound <= 100 * worst


def pooled() -> Any:
    """Convolution, batch norm, both poolings, activations of all kinds, a residual sum."""
    statistics = {name: tensor([value]) for name, value in (("mean", "1/3"), ("variance", 2), ("weight", "1/2"), ("bias", 1))}
    return network(
        [
            node("x", "input", shape=[1, 2]),
            node("c", "constant", value=tensor([["1/3", 1]])),
            node("a", "add", "x", "c"),
            node(
                "k", "conv", "a", weight=tensor([[["1/3", 1]]]), bias=tensor(["1/5"]), stride=[1], padding=[[1, 0]], dilation=[1], groups=1
            ),
            node("n", "batch_norm", "k", **statistics, epsilon="1/1000", precision="float32"),
            act("r", "n", HARDTANH),
            act("l", "r", LEAKY),
            node("p", "prelu", "l", slopes=tensor(["-1/3"])),
            node("m", "max_pool", "p", kernel=[2], stride=[1], padding=[[0, 1]], dilation=[1]),
            node("v", "average_pool", "m", kernel=[2], stride=[1], padding=[[1, 0]], count_padding=True),
            node("s", "scale", "v", factor=tensor([["2/3", 1]])),
            node("d", "subtract", "s", "x"),
            act("g", "d", {"slope": "1/3", "constant": 1, "kinks": [["1/7", "2/3"], [2, -3]]}),
            node("f", "reshape", "g", shape=[2]),
        ]
    )


def test_all_operations() -> None:
    bounds = least(pooled(), 2)
    assert check(claimed(pooled(), bounds))
    for j in range(2):
        lower = [b - b / 2**20 if i == j else b for i, b in enumerate(bounds)]
        with pytest.raises(Rejected, match=f"output {j}"):
            check(claimed(pooled(), lower))


GOOD = claimed(mlp(*WEIGHTS), [Fraction(1, 2**18)])


def changed(path: str, value: Any) -> dict[str, Any]:
    found = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    place = found
    for key in way:
        place = place[key]
    place[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("claim.bounds", ["1/1000000000"], "output 0: the bound of the pass is above"),
        ("claim.bounds", [], "one bound >= 0"),
        ("claim.bounds", [-1], "one bound >= 0"),
        ("claim.bounds", [1, 1], "2 bounds for 1 outputs"),
        ("claim.dtype", "bfloat16", "output 0: the bound of the pass is above"),
        ("claim.dtype", "float16", "expected one of"),
        ("claim.dtype", 32, "expected one of"),
        ("claim.accumulation", "bfloat16", "does not go with float32"),
        ("claim.accumulation", 64, "does not go with float32"),
        ("claim.domain", box((-1, 1), (-1000, 1000)), "output 0: the bound of the pass is above"),
        ("claim.domain", {"A": tensor([[1, 0], [-1, 0]]), "b": tensor([1, 1])}, "input 1 is not bounded"),
        ("claim.domain", {"A": tensor([[1, 1], [-1, 1], [0, -1]]), "b": tensor([1, 1, 1])}, "input 0 is not bounded"),
        ("claim.domain", box((-1, 1)), "no 2 columns"),
        ("claim.domain", None, "on a box only"),
        ("claim.domain", box((-1, 1), (-(2**127), 2**127)), "node h0: a run may overflow"),
        ("claim.answer", "refuted", "not 'refuted'"),
        ("claim.tolerance", 0, "unknown key"),
        ("evidence.method", "forms", "cannot support"),
        ("evidence.bits", 15, "at least 16 bits"),
        ("evidence.bits", 4097, "index from 0 to 4096"),
        ("evidence.bits", 20, "output 0: the bound of the pass is above"),
        ("evidence.more", 0, "unknown key"),
    ],
)
def test_a_changed_certificate_is_rejected(path: str, value: Any, reason: str) -> None:
    assert check(copy.deepcopy(GOOD))
    with pytest.raises(Rejected) as found:
        check(changed(path, value))
    assert reason in str(found.value)


def test_other_rows_and_repeated_ones_leave_the_box() -> None:
    rows = {"A": tensor([[2, 0], [1, 0], [-1, 0], [0, 3], [0, -1], [1, 1]]), "b": tensor([2, 5, 1, 3, 1, 0])}
    assert check(changed("claim.domain", rows))


@pytest.mark.parametrize("op", ["smooth", "rational"])
def test_other_functions_have_no_rule(op: str) -> None:
    fields = {"function": "tanh"} if op == "smooth" else {"numerator": [1], "denominator": [1, 0, 1]}
    model = network([node("x", "input", shape=[2]), node("t", op, "x", **fields)])
    with pytest.raises(Rejected, match=f"node t: {op} has no rule"):
        check(claimed(model, [1, 1]))


def test_too_many_roundings() -> None:
    model = network([node("x", "input", shape=[2]), node("r", "gather", "x", index=tensor([0] * 255)), affine("h", "r", [[1] * 255], [0])])
    assert check(claimed(model, [1]))
    with pytest.raises(Rejected, match="node h: so many roundings"):
        check(claimed(model, [10**9], dtype="bfloat16"))
    assert check(claimed(model, [3], dtype="bfloat16", wide="float32"))


def test_a_number_beyond_the_format() -> None:
    with pytest.raises(Rejected, match="node h0: a number beyond"):
        check(claimed(mlp(([[2**130, 1]], [0])), [1]))


def test_work_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "WORK", (300, 0))
    with pytest.raises(BudgetExceeded, match=r"node .*more than 300 operations"):
        check(copy.deepcopy(GOOD))


def test_the_sentence_names_a_bound_that_is_not_below() -> None:
    said = sentence(examine(copy.deepcopy(GOOD), (), None))
    assert "proved: a float32 run of f is off by at most 3.815e-6, for the inputs of that format on all of the polyhedron" in said
    huge = changed("claim.bounds", ["0x1" + "0" * 10**4])
    assert "at most the bound in the certificate" in sentence(examine(huge, (), None))
