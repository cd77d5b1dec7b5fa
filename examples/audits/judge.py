"""What a pass does to one model, or to models that are drawn: kept, rounded with a bound, changed, or it fails, each with its reason.

`exactnn.testing.assert_preserves` decides, exactly. A change is then looked at a second time, in the runtime, which runs both models at
the point.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from audits.means import read
from audits.runtime import NotRun, outputs, run
from audits.smallest import differing_runs, smallest_by_runs
from hypothesis.strategies import SearchStrategy
from study.tables import down, up

import exactnn as xn
from exactnn import testing
from exactnn.errors import ExactnnError

BOX = xn.Box(-1, 1)
TOLERANCE = Fraction(1, 10**5)
DIFFERENT = ("changed", "rounding")
#: kinds of `PropertyFailed` that are no verdict on a function -> outcome
FAILED = dict.fromkeys(("raised", "mutated", "type", "not deterministic"), "failed") | {"unknown": "not decided"}


@dataclass(frozen=True)
class Budget:
    """How many models are drawn, and seconds for a bound, for a smaller model, and for the question whether a function was kept."""

    examples: int
    bound: float
    shrink: float
    question: float = 120


FULL, SLOW, QUICK = Budget(30, 5, 10), Budget(5, 5, 10), Budget(4, 1, 1)
#: a bound is good enough once it is so near to what a point shows
GAP = Fraction(1, 20)


@dataclass
class Trial:
    """The outcome for one model, or for drawn ones: "kept", "rounding", "changed", "failed", "refused" or "not decided".

    Attributes
    ----------
    bound : for rounding: |f - g| <= bound on [-1, 1]^n, certified
    deviation : for a change: lower <= max |f - g| <= upper on [-1, 1]^n, certified; None where it is not known
    point, exact : where f and g differ, and both values
    run : what runtimes give for both models there
    report : the network, its image and the point, as `exactnn.testing` shows them
    """

    model: str
    outcome: str
    reason: str = ""
    examples: int = 1
    exactly: int = 0
    bound: str | None = None
    deviation: tuple[str, str] | None = None
    point: list[str] = field(default_factory=list)
    exact: list[list[str]] = field(default_factory=list)
    run: list[list[float]] = field(default_factory=list)
    report: str = ""


class Recorder:
    """The pass, which remembers what it was given and what it made of it."""

    def __init__(self, transformation: Callable[[Any], Any]) -> None:
        self.transformation, self.__name__ = transformation, transformation.__name__
        self.calls: list[tuple[Any, Any]] = []

    def __call__(self, model: Any) -> Any:
        before = copy.deepcopy(model)
        made = self.transformation(model)
        self.calls.append((before, made))
        return made


def tried(
    transformation: Callable[[Any], Any], name: str, models: Any, budget: Budget, *, certificates: Path | None = None, **given: Any
) -> Trial:
    """The pass tried on a model, or on models that a strategy draws; certificates: the folder for those of changes.

    given: `inplace`, `repeat` and `returns` of `assert_preserves`.
    """
    drawn = isinstance(models, SearchStrategy)
    recorder = Recorder(transformation)
    options: dict[str, Any] = {
        "networks": models if drawn else [models],
        "max_examples": budget.examples,
        "seed": 0,
        "time_limit": budget.question,
        **given,
    }
    on_box: dict[str, Any] = {"domain": BOX, "tolerance": TOLERANCE, "shrink_seconds": budget.shrink, "certificates": certificates}
    try:
        if drawn:  # most passes round some: the box first, and everywhere what is kept there
            found = testing.assert_preserves(recorder, **on_box, **options)
            if found.exactly < found.examples:
                return Trial(name, "rounding", examples=found.examples, exactly=found.exactly, bound=up(TOLERANCE))
        kept = testing.assert_preserves(recorder, shrink_seconds=budget.shrink if drawn else 0, **options)
        return Trial(name, "kept", examples=kept.examples, exactly=kept.exactly)
    except testing.PropertyFailed as failure:
        if failure.kind not in DIFFERENT:
            return _no_verdict(failure, recorder, name, budget, models if drawn else None)
        if drawn:
            return _different(failure, recorder, name, budget.examples, budget)
        bracket = _bracket(failure, budget)
        if bracket is not None and not bracket[1]:  # beyond the box only
            return _different(failure, recorder, name, 1, budget)
        if bracket is not None and (failure.kind == "rounding" or bracket[1] <= TOLERANCE):
            return Trial(name, "rounding", bound=up(bracket[1]))
    try:
        found = testing.assert_preserves(recorder, **on_box, **options)
        return Trial(name, "rounding", exactly=found.exactly, bound=up(TOLERANCE))
    except testing.PropertyFailed as failure:
        if failure.kind not in DIFFERENT:
            return _no_verdict(failure, recorder, name, budget)
        return _different(failure, recorder, name, 1, budget)


def _different(failure: testing.PropertyFailed, recorder: Recorder, name: str, count: int, budget: Budget) -> Trial:
    bracket = _bracket(failure, budget)
    trial = Trial(name, "changed", examples=count, report=str(failure))
    if failure.kind == "rounding":
        trial.outcome, trial.bound = "rounding", None if bracket is None else up(bracket[1])
        return trial
    trial.deviation = None if bracket is None or not bracket[1] else (down(bracket[0]), up(bracket[1]))
    point = failure.verdict.counterexample
    assert point is not None  # it is refuted
    trial.point = [str(q) for q in point]
    values = [net(point) for net in failure.networks]
    trial.exact = [[str(q) for q in value] for value in values]
    trial.run = _confirmed(recorder, point, values)
    if not trial.run:
        trial.outcome, trial.reason = "not decided", "exact arithmetic says changed, but the runtime does not show it"
        try:
            run(recorder.calls[0][1], Fraction(1))  # of the model itself: later ones are smaller
        except NotRun as error:
            trial.outcome, trial.reason = "failed", f"the result does not run: {error}"
    return trial


def _confirmed(recorder: Recorder, point: tuple[Fraction, ...], values: list[tuple[Fraction, ...]]) -> list[list[float]]:
    """The runs of a model and its image, found among those of the search, that give both exact values but for rounding; else nothing."""
    for before, made in reversed(recorder.calls):
        try:
            runs = [run(model, point) for model in (before, made)]
        except NotRun:
            continue
        gap = max(abs(p - q) for p, q in zip(*values, strict=True))
        near = all(
            len(run) == len(value) and all(abs(Fraction(a) - q) <= gap / 100 for a, q in zip(run, value, strict=True))
            for run, value in zip(runs, values, strict=True)
        )
        if near:
            return runs
    return []


def _bracket(failure: testing.PropertyFailed, budget: Budget) -> tuple[Fraction, Fraction] | None:
    """lower <= max |f - g| <= upper on the box, its certificate checked; None where it is not found in time."""
    f, g = failure.networks
    try:
        found = xn.max_deviation(f, g, domain=BOX, gap=GAP, time_limit=budget.bound)
    except ExactnnError:
        return None
    assert xn.check(found.certificate)
    return found.lower, found.upper


def _no_verdict(failure: testing.PropertyFailed, recorder: Recorder, name: str, budget: Budget, drawn: Any = None) -> Trial:
    """Where `assert_preserves` did not compare: why, or what runs say; drawn: the strategy of the model, if there is one."""
    reason = str(failure).splitlines()[0]
    if failure.kind in FAILED or not recorder.calls:
        return Trial(name, FAILED.get(failure.kind, failure.kind), reason + _cause(failure))
    before, made = recorder.calls[-1]
    try:
        ours = outputs(before)
    except NotRun as error:
        return Trial(name, "refused", f"{reason}; nor does the model run before: {error}")
    try:
        theirs = outputs(made)
    except NotRun as error:
        return Trial(name, "failed", f"the result does not run: {error}")
    shapes = [[value.shape for value in side] for side in (ours, theirs)]
    if shapes[0] != shapes[1]:
        return Trial(name, "changed", f"run, outputs of shapes {shapes[0]} became {shapes[1]}")
    if failure.kind == "shape":
        return _flat(before, made, name, budget)
    return _by_runs(before, made, name, reason) if drawn is None else _drawn_by_runs(recorder, drawn, name, reason, budget)


def _flat(before: Any, made: Any, name: str, budget: Budget) -> Trial:
    """Both were read with other axes, but run with the same ones: compared as vectors."""
    f, g = read(before), read(made)
    if xn.verify_equal(f, g, time_limit=budget.question).proved:
        return Trial(name, "kept", exactly=1)
    found = xn.max_deviation(f, g, domain=BOX, gap=GAP, time_limit=budget.bound)
    if found.upper <= TOLERANCE:
        return Trial(name, "rounding", bound=up(found.upper))
    values = [[str(q) for q in net(found.point)] for net in (f, g)]
    runs = [run(model, found.point) for model in (before, made)]
    return Trial(name, "changed", deviation=(down(found.lower), up(found.upper)), point=list(map(str, found.point)), exact=values, run=runs)


def _by_runs(before: Any, made: Any, name: str, reason: str) -> Trial:
    """What exactnn does not read, run at two points: a difference that is no rounding is a change, without a certificate."""
    found = differing_runs(before, made)
    if found is None:
        return Trial(name, "refused", reason)
    x, ours, theirs = found
    values = f"{[float(f'{a:.6g}') for a in ours]} became {[float(f'{b:.6g}') for b in theirs]}"
    return Trial(name, "changed", f"run at x = ({x}, ...): {values}; {reason}", run=[ours, theirs])


def _drawn_by_runs(recorder: Recorder, models: Any, name: str, reason: str, budget: Budget) -> Trial:
    """The same for models that are drawn: the smallest one found whose runs differ; the right value is the exact one."""
    found = smallest_by_runs(recorder.transformation, models, budget.examples, budget.shrink)
    if found is None:
        return Trial(name, "refused", reason, examples=budget.examples)
    net = read(found.model)
    point = (found.x,) * net.input_dim
    return Trial(
        name,
        "changed",
        reason,
        examples=budget.examples,
        point=[str(q) for q in point],
        exact=[[str(q) for q in net(point)], [str(Fraction(v)) for v in found.theirs]],
        run=[found.ours, found.theirs],
        report=testing.network_code(net, "f"),
    )


def _cause(failure: BaseException) -> str:
    """What lies behind an exception of the pass."""
    error = failure.__cause__
    deepest = error
    while deepest is not None and deepest.__cause__ is not None:
        deepest = deepest.__cause__
    return "" if deepest is error else f", from {type(deepest).__name__}: {str(deepest).strip()[:150]}"
