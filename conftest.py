"""What holds for every test, and every example in a docstring: whatever certificate an answer carries, the checker accepts it,
and it fits the schema of the format.

Answers are recorded when they are made. Those that no test has checked itself are checked when the test is over: those of fixtures,
made before it, too. No figure of pyplot outlives its test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from exactnn import certificate as checker
from exactnn.claims import Certificate
from exactnn.cooling import Temperature
from exactnn.difference import ExecutionError
from exactnn.errors import NoOptimalTemperature
from exactnn.regions.certified import RegionCount
from exactnn.symmetry.certified import Orbits
from exactnn.tropical import PointwiseMap
from exactnn.verdict import Verdict
from exactnn.verify import Deviation
from exactnn.verify.relation import Relation
from tests.certificate._schema import misfits
from tests.proofs._recorder import record

#: The classes with a certificate; tests/test_structure.py looks for others.
ANSWERS = (Verdict, Deviation, ExecutionError, RegionCount, Orbits, PointwiseMap, Temperature, NoOptimalTemperature, Relation)

pytest_plugins = ["pytester", "exactnn.testing.plugin"]

_made: list[Any] = []
_accepted: dict[int, Any] = {}  # documents by their identity
_check = checker.check


def _recorded(cls: type[Any], *_: Any, **__: Any) -> Any:
    answer = Exception.__new__(cls, *_) if issubclass(cls, Exception) else object.__new__(cls)
    _made.append(answer)
    return answer


def _checked(source: Any, *, models: Any = None, **options: Any) -> bool:
    try:
        accepted = _check(source, models=models, **options)
    except checker.Rejected as rejected:
        record(source, (rejected.step, rejected.reason))
        raise
    record(source)
    assert not isinstance(source, dict) or misfits(source) == []
    if isinstance(source, dict) and not models:
        _accepted[id(source)] = source
    return accepted


for _kind in ANSWERS:
    _kind.__new__ = staticmethod(_recorded)  # type: ignore[assignment, method-assign]
checker.check = _checked


@pytest.fixture(autouse=True)
def figures_are_closed() -> Iterator[None]:
    """pyplot keeps every figure until it is told to close it, and warns when there are many."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture(autouse=True)
def every_certificate_is_accepted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up before and torn down behind the other fixtures of a test, so that no budget is patched any more."""
    yield
    answers, own = _made[:], dict(_accepted)
    _made.clear()
    _accepted.clear()
    for answer in () if request.node.get_closest_marker("changes_models") else answers:
        # some are made when they are asked for, and may take long; an answer whose making failed has no attributes
        certificate = vars(answer).get("certificate")
        if certificate is None:
            continue
        assert isinstance(certificate, Certificate)
        assert set(certificate.document["about"]) == {"tool", "seconds"}
        if id(certificate.document) not in own:
            assert _check(certificate.document)
            assert misfits(certificate.document) == []
        record(certificate)
