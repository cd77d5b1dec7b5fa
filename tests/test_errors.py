"""Errors keep their fields when they are pickled: they come back from worker processes."""

from __future__ import annotations

import copy
import inspect
import json
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import exactnn as xn
from exactnn import errors
from exactnn.errors import AssumptionBroken, CertificateRejected, CheckBudgetExceeded, ExactnnError, Incomplete, Undecided


def classes(root: type[ExactnnError] = ExactnnError) -> Iterator[type[ExactnnError]]:
    yield root
    for below in root.__subclasses__():
        yield from classes(below)


def instances() -> list[ExactnnError]:
    named = {
        Incomplete: Incomplete("at its limit", {"regions": 7}),
        Undecided: Undecided("between", 3, 5),
        CertificateRejected: CertificateRejected("step 2", "the sum is 1"),
        CheckBudgetExceeded: CheckBudgetExceeded("step 2", "more than 7 products are needed"),
        AssumptionBroken: AssumptionBroken("no residual branch", "node 'add' reads 2 values"),
    }
    return [named.get(c) or c("argument: what is needed, what arrived") for c in sorted(set(classes()), key=lambda c: c.__name__)]


def test_every_error_is_tried() -> None:
    tried = {type(e) for e in instances()}
    assert tried >= {c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ExactnnError)}
    assert len(tried) >= 20


@pytest.mark.parametrize("error", instances(), ids=lambda e: type(e).__name__)
def test_errors_survive_pickling_and_copying(error: ExactnnError) -> None:
    for again in (*(pickle.loads(pickle.dumps(error, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)), copy.copy(error)):  # noqa: S301 - our own
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_errors_come_back_from_a_process(tmp_path: Path) -> None:
    net = xn.mlp([([[1, 0], [0, 1], [0, -1]], [0] * 3), ([[1, 0, 0], [1, -1, 1]], [0, 0]), ([[-1, 1]], [0])])
    path = tmp_path / "certificate.json"
    xn.verify_equal(net, net).certificate.save(path)  # type: ignore[union-attr]
    document = json.loads(path.read_text(encoding="utf-8"))
    document["format"] = "another"
    path.write_text(json.dumps(document), encoding="utf-8")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(CertificateRejected) as rejected:
            pool.submit(xn.check, path).result()
        assert rejected.value.step
        assert rejected.value.reason
        with pytest.raises(Incomplete) as incomplete:
            pool.submit(xn.regions.count, net, max_regions=2).result()
        assert incomplete.value.partial > 2
        with pytest.raises(Undecided) as undecided:
            pool.submit(xn.regions.count, net, definition="convex").result()
        assert (undecided.value.lower, undecided.value.upper) == (3, 5)
        assert pool.submit(xn.regions.count, net).result() == 5
