"""Assertions for tests: they return the verdict that proves them, or fail with a report of one screen.

`__tracebackhide__` lets pytest show the line of the test above the report, and not those of this room.
"""

from __future__ import annotations

import unittest
from typing import Any, NoReturn, TypeVar

from exactnn.errors import ArgumentError, PropertyFailed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.rounding import FORMATS
from exactnn.symmetry import Transformation
from exactnn.testing._certificates import Folder, write_certificate
from exactnn.testing._judge import judge
from exactnn.testing._models import check_sizes, read_model
from exactnn.testing._report import compared, shown_code, vector
from exactnn.testing._running import asked, limit_or_default, note_question
from exactnn.verdict import Verdict
from exactnn.verify import PoleVerdict, verify_pole_free, verify_symmetry, verify_zero

V = TypeVar("V", bound=Verdict)


def assert_same_function(
    f: Any,
    g: Any,
    *,
    domain: Polyhedron | None = None,
    tolerance: Number = 0,
    input_shape: Any = None,
    precision: str | None = None,
    time_limit: Number | None = None,
    unknown: str = "fail",
    certificates: Folder = None,
) -> Verdict:
    """|f_j(x) - g_j(x)| <= tolerance for all x of the domain and all outputs j, in real arithmetic.

    Parameters
    ----------
    f, g : networks, torch modules, paths of model files, ONNX bytes or ModelProtos, in any mixture
    domain, tolerance : as in `exactnn.verify_equal`
    input_shape : of torch modules, as in `exactnn.from_torch`
    precision : the float format whose units in the last place tell rounding from a bug; by default that of f's weights, or float64
    time_limit : seconds; None for pytest's option --exactnn-time-limit, or else for no limit, as math.inf
    unknown : what to do where it is not decided: "fail", "skip" or "xfail" the test
    certificates : a folder for the certificate of a failure; by default a folder of the test below pytest's option
        --exactnn-certificates, or the environment's EXACTNN_CERTIFICATES (empty for none), or `exactnn-certificates` beside the test

    Returns
    -------
    Verdict
        Proved, with its certificate; unless `unknown` says otherwise.

    Raises
    ------
    PropertyFailed
        An AssertionError. Its `kind` is "rounding" where all weights are the old ones but for 16 units in the last place, else "changed",
        or "unknown".
    LoadError, ArgumentError, ShapeError
        A model cannot be read, or the two do not fit together.

    Examples
    --------
    >>> import exactnn as xn
    >>> f = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
    >>> g = xn.mlp([([[-1], [2]], [0, 0]), ([["1", "1/2"]], [0])])
    >>> xn.testing.assert_same_function(f, g).status
    'proved'
    """
    __tracebackhide__ = True
    check_unknown(unknown)
    check_precision(precision)
    first, second = read_model(f, "f", input_shape), read_model(g, "g", input_shape)
    check_sizes(first.net, second.net)
    found = judge(
        first.net,
        second.net,
        domain=domain,
        tolerance=tolerance,
        precision=precision or first.precision or second.precision,
        time_limit=limit_or_default(time_limit),
    )
    note_question("assert_same_function", found.verdict.status, found.seconds)
    if found.holds:
        return found.verdict
    text, path = compared(first.net, second.net, found, domain=domain, certificates=certificates)
    heads = {
        "changed": "f and g are different functions",
        "rounding": "f and g are different functions, by rounding of weights",
        "unknown": "it is not decided whether f and g are the same function",
    }
    within = f" within {tolerance}" if tolerance else ""
    failure = PropertyFailed(f"{heads[found.kind]}{within}\n{text}", found.kind, found.verdict, (first.net, second.net), path)
    return settled(failure, unknown)


def assert_zero(
    f: Any,
    *,
    domain: Polyhedron | None = None,
    tolerance: Number = 0,
    input_shape: Any = None,
    time_limit: Number | None = None,
    unknown: str = "fail",
    certificates: Folder = None,
) -> Verdict:
    """|f_j(x)| <= tolerance for all x of the domain; arguments as for `assert_same_function`.

    Examples
    --------
    >>> import exactnn as xn
    >>> xn.testing.assert_zero(xn.mlp([([[1], [-1], [1], [-1]], [1, -1, 2, -2]), ([[1, -1, -1, 1]], [1])])).status
    'proved'
    """
    __tracebackhide__ = True
    check_unknown(unknown)
    net = read_model(f, "f", input_shape).net
    limit = limit_or_default(time_limit)
    verdict = asked("assert_zero", lambda: verify_zero(net, domain=domain, tolerance=tolerance, time_limit=limit))
    return _judged(verdict, "f is not zero", [shown_code(net, "f")], (net,), unknown, certificates)


def assert_symmetry(
    f: Any,
    transformation: Transformation,
    *,
    domain: Polyhedron | None = None,
    tolerance: Number = 0,
    input_shape: Any = None,
    time_limit: Number | None = None,
    unknown: str = "fail",
    certificates: Folder = None,
) -> Verdict:
    """T(f) = f as functions, T a transformation of `exactnn.symmetry`; other arguments as for `assert_same_function`.

    Examples
    --------
    >>> import exactnn as xn
    >>> f = xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    >>> xn.testing.assert_symmetry(f, xn.symmetry.Flip([0, 1, 2])).status
    'proved'
    """
    __tracebackhide__ = True
    check_unknown(unknown)
    net = read_model(f, "f", input_shape).net
    limit = limit_or_default(time_limit)
    options: Any = {"domain": domain, "tolerance": tolerance, "time_limit": limit}
    verdict = asked("assert_symmetry", lambda: verify_symmetry(net, transformation, **options))
    lines = [shown_code(net, "f"), f"T = {transformation}"]
    return _judged(verdict, "T is no symmetry of f", lines, (net,), unknown, certificates)


def assert_pole_free(r: Any, *, interval: Any = None, unknown: str = "fail", certificates: Folder = None) -> PoleVerdict:
    """r has no pole in the interval (None: on the whole line), what cancels having been cancelled; r as for `verify_pole_free`.

    Examples
    --------
    >>> import exactnn as xn
    >>> xn.testing.assert_pole_free(xn.rational.RationalFunction([1], [1, 0, 1])).status
    'proved'
    """
    __tracebackhide__ = True
    check_unknown(unknown)
    verdict = asked("assert_pole_free", lambda: verify_pole_free(r, interval=interval))
    return _judged(verdict, "r has a pole", [f"r = {r!r}"], (), unknown, certificates)


def _judged(verdict: V, head: str, lines: list[str], networks: tuple[object, ...], unknown: str, certificates: Folder) -> V:
    """The verdict if it is proved; else the failure, or what `unknown` says."""
    __tracebackhide__ = True
    if verdict.proved:
        return verdict
    if verdict.unknown:
        head = f"not decided: {verdict.question}"
    if verdict.counterexample is not None:
        lines = [*lines, f"at x = {vector(verdict.counterexample)}"]
        lines += [f"  {name} = {vector(value)}" for name, value in zip(("value", "wanted"), verdict.values or (), strict=False)]
    told, path = write_certificate(verdict.certificate, certificates)
    kind = "unknown" if verdict.unknown else "changed"
    return settled(PropertyFailed("\n".join([head, *lines, verdict.reason, *told]), kind, verdict, networks, path), unknown)


def check_unknown(unknown: str) -> None:
    """ArgumentError unless it says what to do."""
    if unknown not in ("fail", "skip", "xfail"):
        raise ArgumentError(f'unknown: "fail", "skip" or "xfail" is needed, got {unknown!r}')


def check_precision(precision: object) -> None:
    """ArgumentError unless it is a float format, or None."""
    if precision is not None and not (isinstance(precision, str) and precision in FORMATS):
        raise ArgumentError(f"precision: one of {', '.join(FORMATS)} or None is needed, got {precision!r}")


def settled(failure: PropertyFailed, unknown: str) -> NoReturn:
    """Raise the failure, or skip or xfail the test where it is an unknown one and that is what was asked for."""
    __tracebackhide__ = True
    if failure.kind != "unknown" or unknown == "fail":
        raise failure
    if unknown == "skip":
        raise unittest.SkipTest(str(failure)) from failure
    import pytest

    pytest.xfail(str(failure))
