"""`assert_preserves`: hypothesis throws networks at a transformation, exactnn decides whether the function was kept."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, HypothesisDeprecationWarning, Unsatisfiable

from exactnn.errors import ArgumentError, ExactnnError, PropertyFailed
from exactnn.exact.numbers import Number, as_fraction
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.testing._assertions import check_precision, check_unknown, settled
from exactnn.testing._certificates import Folder, certificate_folder
from exactnn.testing._judge import Judgement, judge
from exactnn.testing._models import RETURNED, Model, kind_of, read_model, unbound
from exactnn.testing._modules_code import module_code
from exactnn.testing._networks import degenerate_networks, relu_mlps
from exactnn.testing._passes import Pass, called, transformed
from exactnn.testing._report import compared, shown_code
from exactnn.testing._running import limit_or_default, note_question
from exactnn.testing._smallest import smallest
from exactnn.texts import exactly, fitted, rounded
from exactnn.value import SCREEN, Value

#: seconds for a network, where nobody says otherwise, and for a smaller one: what needs longer is no example to read
_EACH, _SHORT = 10, 2
#: so many examples hypothesis draws before it begins to make new ones out of old ones
_SHORT_RUN = 10

Domain = Polyhedron | Callable[[Network], Polyhedron | None] | None


@dataclass(repr=False)
class Preserved(Value):
    """What was proved of a transformation: of each example that it keeps the function, exactly or within the tolerance.

    Attributes
    ----------
    examples : how many networks were tried
    exactly : of these, the function was kept exactly
    within : of these, it was changed, by at most the tolerance everywhere on the domain
    unknown : of these, it was not decided
    ulps : the largest change of a weight, in units in the last place, where the function was changed; None where weights were not compared
    """

    examples: int = 0
    exactly: int = 0
    within: int = 0
    unknown: int = 0
    tolerance: Fraction = Fraction(0)
    ulps: Fraction | None = None
    precision: str = ""

    def count(self, found: Judgement) -> None:
        """One more example."""
        self.examples += 1
        self.exactly += found.kind == "kept"
        self.within += found.kind == "within"
        self.unknown += found.kind == "unknown"
        if found.kind == "within" and found.changes is not None and not found.changes.other:
            self.ulps, self.precision = max(self.ulps or Fraction(0), found.changes.ulps), found.changes.precision

    def __str__(self) -> str:
        parts = [f"kept exactly: {self.exactly} of {self.examples}"]
        if self.within:
            ulps = "" if self.ulps is None else exactly(self.ulps, 12) or rounded(self.ulps, 3)[0]
            size = f", weights changed by at most {ulps} units in the last place" if ulps else ""
            size += f" of {self.precision}" if size else ""
            parts.append(f"kept within {rounded(self.tolerance)[0]}: {self.within}{size}")
        return fitted("; ".join([*parts, *([f"not decided: {self.unknown}"] if self.unknown else [])]), SCREEN)


def assert_preserves(
    transformation: Pass,
    *,
    networks: st.SearchStrategy[Any] | Iterable[Any] | None = None,
    domain: Domain = None,
    tolerance: Number = 0,
    max_examples: int = 100,
    inplace: bool = False,
    repeat: bool = True,
    returns: str | None = None,
    precision: str | None = None,
    time_limit: Number | None = None,
    shrink_seconds: float = 30,
    unknown: str = "fail",
    certificates: Folder = None,
    seed: int | None = None,
) -> Preserved:
    """|T(f)(x) - f(x)| <= tolerance for all x of the domain, for every network f that is tried; a failure is shrunk to a small network.

    Parameters
    ----------
    transformation : a callable that takes a model and returns one of the same kind: an exact Network, a torch module, the path of a model
        file, ONNX bytes or a ModelProto, as `networks` gives them; or of the kind that `returns` names
    networks : a strategy of models (`relu_mlps()`, `torch_modules()`, `onnx_models()`, ...), or models; by default exact networks,
        half of them of ReLUs (`relu_mlps()`), half degenerate and with any units without curves (`degenerate_networks()`)
    domain : where the function is to be kept, or a callable that gives it for a network; None for everywhere
    tolerance : as in `exactnn.verify_equal`
    time_limit : seconds for each network; None for pytest's option --exactnn-time-limit, or else 10; math.inf for no limit
    max_examples : how many networks of a strategy are tried; of a list all are
    inplace : whether the transformation may change its argument; what it returns may then be None, for the argument
    repeat : whether it is run twice on each model, to see that it does the same
    returns : "network", "module" or "onnx" for what exports or converts; None for the kind that it is given
    precision, unknown, certificates : as in `assert_same_function`; unknown networks count when no other has failed
    shrink_seconds : how long a smaller network that fails is looked for
    seed : an integer, for the same networks each time

    Returns
    -------
    Preserved
        How many functions were kept exactly, and how many within the tolerance.

    Raises
    ------
    PropertyFailed
        An AssertionError. Its `kind` is "changed" or "rounding" (of the weights), or the transformation "raised", returned another "type"
        or "shape", "mutated" its argument, is "not deterministic", or returned what cannot be read ("refused"); or "unknown".

    Examples
    --------
    >>> import exactnn as xn
    >>> simplify = lambda net: xn.network.rewrite.simplify(net).network
    >>> print(xn.testing.assert_preserves(simplify, max_examples=5))
    kept exactly: 5 of 5
    """
    __tracebackhide__ = True
    check_unknown(unknown)
    if not callable(transformation):
        raise ArgumentError(f"transformation: a callable is needed, got {type(transformation).__name__}")
    if not isinstance(max_examples, int) or isinstance(max_examples, bool) or max_examples < 1:
        raise ArgumentError(f"max_examples: a number >= 1 is needed, got {max_examples!r}")
    if not isinstance(shrink_seconds, (int, float)) or not shrink_seconds >= 0:
        raise ArgumentError(f"shrink_seconds: a number >= 0 is needed, got {shrink_seconds!r}")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise ArgumentError(f"seed: an integer or None is needed, got {seed!r}")
    if returns is not None and not (isinstance(returns, str) and returns in RETURNED):
        raise ArgumentError(f"returns: one of {', '.join(RETURNED)} or None is needed, got {returns!r}")
    check_precision(precision)
    certificate_folder(certificates)  # now, and not when there is a failure to tell
    allowed = as_fraction(tolerance, "tolerance")
    limit = limit_or_default(time_limit, _EACH)
    hunt = _Hunt(transformation, domain, allowed, inplace, repeat, returns, precision, limit, Preserved(tolerance=allowed))
    if networks is None:
        networks = relu_mlps() | degenerate_networks()
    if isinstance(networks, st.SearchStrategy):
        _search(hunt, networks, max_examples, seed)
    else:
        _in_turn(hunt, networks)
    hunt.failure = hunt.failure or hunt.rounded
    if hunt.failure is not None:
        try:
            hunt.shrink(shrink_seconds)
        except KeyboardInterrupt as stop:
            stop.add_note(f"interrupted while a smaller network was looked for; so far:\n{hunt.report('')}")
            raise
        failure = hunt.report(certificates)
        raise failure from failure.__cause__
    if hunt.undecided is not None:
        settled(hunt.undecided, unknown)
    return hunt.preserved


def _search(hunt: _Hunt, networks: st.SearchStrategy[Any], max_examples: int, seed: int | None) -> None:
    """Half of the examples from one run, in which hypothesis makes most from others, and half from short ones, in which it makes each anew.

    The first kind comes to coincidences within a network (equal rows), and often misses a whole kind of networks; the second one does not.
    """
    first = max_examples if max_examples <= _SHORT_RUN else max_examples - max_examples // 2
    _run(hunt, networks, max_examples, seed, range(first))
    for start in range(first, max_examples, _SHORT_RUN):
        if hunt.failure is not None:
            return
        size = min(_SHORT_RUN, max_examples - start)
        # each run begins with the simplest network, which was tried before
        _run(hunt, networks, size + 1, None if seed is None else f"{seed}, from {start}", range(1, size + 1))


def _run(hunt: _Hunt, networks: st.SearchStrategy[Any], size: int, seed: int | str | None, tried: range) -> None:
    """One run of hypothesis, of whose examples those of these numbers are tried."""
    rules = settings(
        max_examples=size,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    number = 0

    def example(model: Any) -> None:
        nonlocal number
        if number in tried:
            hunt.one(model)
        number += 1  # not where the pass assumes more

    try:
        search = rules(given(networks)(example))
        (search if seed is None else seeded(seed)(search))()
    except PropertyFailed:
        return  # the hunt has it
    except FailedHealthCheck:  # all others are off
        raise ArgumentError(
            "networks: a strategy cannot be tried inside a test of @given; draw the network there, and say networks=[network]"
        ) from None
    except Unsatisfiable as error:
        raise ArgumentError(f"networks: a strategy that gives models is needed: {error}") from None


def _in_turn(hunt: _Hunt, models: Iterable[Any]) -> None:
    if kind_of(models) is not None:  # a Sequential goes through its layers
        raise ArgumentError("networks: a strategy or a list of models is needed, got one model; say networks=[model]")
    if not isinstance(models, Iterable) or isinstance(models, Mapping):
        raise ArgumentError(f"networks: a strategy or a list of models is needed, got {type(models).__name__}")
    tried = False
    for model in models:
        tried = True
        try:
            hunt.one(model)
        except PropertyFailed:
            return
    if not tried:
        raise ArgumentError("networks: at least one model is needed, got none")


@dataclass(frozen=True)
class _Failure:
    """One failure: what went wrong, the model, and what was made of it and found about it, as far as it came."""

    error: PropertyFailed
    model: Model | None = None
    made: Model | None = None
    found: Judgement | None = None


@dataclass
class _Hunt:
    """The examples of one call: what was proved, the first failure, and the first one by rounding."""

    transformation: Pass
    domain: Domain
    tolerance: Fraction
    inplace: bool
    repeat: bool
    returns: str | None
    precision: str | None
    time_limit: Number | None
    preserved: Preserved
    failure: _Failure | None = None
    rounded: _Failure | None = None
    undecided: PropertyFailed | None = None

    def one(self, given: Any) -> None:
        """Try one model; PropertyFailed if it fails by more than rounding, and from then on: rounding is less to tell than a bug."""
        if self.failure is None:
            found = self._examined(given)
            if found is not None and found.error.kind == "rounding":
                self.rounded = self.rounded or found
            else:
                self.failure = found
        if self.failure is not None:
            raise self.failure.error

    def _examined(self, given: Any) -> _Failure | None:
        outcome = self._outcome(given, self.repeat, self.time_limit)
        found = outcome.found
        if found is None or outcome.model is None or outcome.made is None:
            return outcome
        self.preserved.count(found)
        note_question(f"assert_preserves({called(self.transformation)})", found.verdict.status, found.seconds)
        if found.kind == "unknown":
            text = f"{called(self.transformation)}: {found.verdict}\n{shown_code(outcome.model.net, 'f')}"
            self.undecided = self.undecided or PropertyFailed(text, "unknown", found.verdict, (outcome.model.net, outcome.made.net))
        return outcome if found.verdict.refuted else None

    def _outcome(self, given: Any, repeat: bool, time_limit: Number | None) -> _Failure:
        model = None
        try:
            try:
                read = read_model(given, "networks")
                model = replace(read, net=unbound(read.net))
            except ExactnnError as error:
                raise PropertyFailed(f"a model to try cannot be read: {error}", "refused") from None
            made = transformed(self.transformation, model, inplace=self.inplace, repeat=repeat, returns=self.returns)
        except PropertyFailed as failure:
            return _Failure(failure, model)
        precision = self.precision or model.precision or made.precision
        found = judge(model.net, made.net, domain=self.where(model), tolerance=self.tolerance, precision=precision, time_limit=time_limit)
        return _Failure(PropertyFailed("", found.kind, found.verdict, (model.net, made.net)), model, made, found)

    def where(self, model: Model) -> Polyhedron | None:
        """The domain for this network."""
        return self.domain(model.net) if callable(self.domain) else self.domain

    def shrink(self, seconds: float) -> None:
        """The failure becomes a small one of the same kind."""
        first = self.failure
        if first is None or first.model is None:
            return
        repeat = first.error.kind == "not deterministic"

        def fails(given: Any) -> bool:
            try:
                found = self._outcome(given, repeat, _SHORT)
            except Exception:  # noqa: BLE001 - the domain may be for other sizes, and a callable raise anything; or the pass assumes more
                return False
            same = found.error.kind == first.error.kind and type(found.error.__cause__) is type(first.error.__cause__)
            if same:
                self.failure = found
            return same

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HypothesisDeprecationWarning)  # a pass may assume() here as before
            smallest(first.model, fails, time.monotonic() + seconds)

    def report(self, certificates: Folder) -> PropertyFailed:
        """The failure with its report."""
        assert self.failure is not None
        failure, model, made, found = self.failure.error, self.failure.model, self.failure.made, self.failure.found
        name = called(self.transformation)
        if model is None:
            return failure
        code = (module_code(model.given) if model.kind == "module" else None) or shown_code(model.net, "f")
        if made is None or found is None:
            head = f"{failure}\nthe smallest model found, after {self.preserved.examples} that passed:"
            whole = PropertyFailed(f"{head}\n{code}", failure.kind)
        else:
            text, path = compared(model.net, made.net, found, domain=self.where(model), certificates=certificates, code=code)
            how = "by rounding of weights" if found.kind == "rounding" else "and not by rounding"
            within = f" by more than {rounded(self.tolerance)[0]}" if self.tolerance else ""
            head = f"{name} changed the function{within}, {how}; the smallest network found, g = {name}(f):"
            whole = PropertyFailed(f"{head}\n{text}", found.kind, found.verdict, (model.net, made.net), path)
        whole.__cause__ = failure.__cause__
        return whole
