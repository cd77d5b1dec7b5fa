"""`exactnn symmetry orbits` and `fibre`: which other weights of one hidden layer have its function, and how many neurons it needs.

Reduced weights have a list of flip sets, one for each orbit; any others have orbits, continuous families and a dimension. Each part of the
answer is asked on its own, as each may stay undecided where the others are known.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from exactnn.cli._options import add_output, add_question, add_raw, check_folder, check_target, load, make_folder, question
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, certificate_line, line, listed, log, report
from exactnn.cli._questions import answer, models
from exactnn.cli._words import in_options
from exactnn.errors import ArgumentError, Incomplete, NotOneHiddenLayer, NotRational, NotReduced, Undecided
from exactnn.exact.clock import Clock
from exactnn.network import Network
from exactnn.symmetry import Family, Fibre, NormalForm

Known = TypeVar("Known")

#: what makes an orbit, by the family of the activation
_GROUP = {"homogeneous": "permutations and positive scalings", "mirror": "permutations", "odd": "permutations and sign flips"}
#: other orbits that --save writes at most, and lines of a list that people are shown
_SAVED, _SHOWN = 1000, 20
#: families with a neuron that can go: dead, merged with another one, or taken up by the constants
_SPARED = ("dead", "duplicate", "constant")
#: entries of all J_h u_h^T together, and hyperplanes under a time limit, up to which the minimal width is asked for
_WIDTH_EFFORT, _QUICK = 100_000, 32


def add_orbits(parser: argparse.ArgumentParser) -> None:
    """symmetry orbits F."""
    parser.description = (
        "All flips that keep the function of a network with one hidden layer and reduced weights (every neuron has incoming "
        "and outgoing weights, no two share a hyperplane): every network of the same width with this function is one of these flips of F, "
        "up to permutations and positive scalings of neurons (softplus, silu, gelu: permutations; tanh, sigmoid: permutations and sign "
        "flips)."
    )
    _add_common(parser, _orbits)
    parser.add_argument("--limit-shown", metavar="N", type=int, default=_SHOWN, help=f"show N sets at most; --json has all ({_SHOWN})")


def add_fibre(parser: argparse.ArgumentParser) -> None:
    """symmetry fibre F."""
    parser.description = (
        "Whether permutations and positive scalings of neurons (softplus, silu, gelu: permutations; tanh, sigmoid: "
        "permutations and sign flips) lead to every network of the same width with the function of F. PROVED: they do. REFUTED: there are "
        "others; the certificate has one, and proves that it equals F. Then what else is known of these networks, and the minimal width."
    )
    _add_common(parser, _fibre)
    parser.add_argument(
        "--save",
        metavar="FOLDER",
        help="write the other orbits, a member of each family and a minimal network, if it has fewer neurons, in a new or empty folder",
    )


def _add_common(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], Outcome]) -> None:
    parser.add_argument("f", metavar="F", help="a model with one hidden layer: .onnx, .nnet or exact .json")
    add_question(parser, domain=False)
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def time_limit(options: argparse.Namespace) -> Any:
    """--time-limit, refused before long work if it is none."""
    limit = question(options)["time_limit"]
    Clock(limit)
    return limit


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """What cannot be asked about this network, with the name of its file and in the words of the command line."""
    try:
        yield
    except (NotOneHiddenLayer, NotReduced, ArgumentError) as error:
        raise type(error)(f"{line(path)}: {in_options(str(error))}") from None


def neurons_text(neurons: tuple[int, ...]) -> str:
    """ "neuron 3" or "neurons 0, 1, 2"."""
    return f"neuron{'s' * (len(neurons) != 1)} {listed([str(i) for i in neurons], 40)}"


# --- orbits ----------------------------------------------------------------------------------------------------------------


def _orbits(options: argparse.Namespace) -> Outcome:
    from exactnn.symmetry import fibre
    from exactnn.verify import certified_orbits

    limit = time_limit(options)
    if options.limit_shown < 0:
        raise ArgumentError(f"--limit-shown: a number >= 0 is needed, got {options.limit_shown}")
    check_target(options.certificate, "--certificate", [options.f])
    (f,) = load(options, options.f)
    start = time.perf_counter()
    with naming(options.f):
        known = fibre(f)
    group, width = _GROUP[known.family], _count(known.width, "neuron")
    written, certificate, stopped = None, None, ""
    try:
        with naming(options.f):
            found = certified_orbits(f, time_limit=limit)
        flips, reason, certificate = found.flips, found.reason, found.certificate
    except Incomplete as stop:
        flips = tuple(stop.partial) if isinstance(stop.partial, (list, tuple)) else ()
        stopped = reason = str(stop)
    log(options, f"searched in {time.perf_counter() - start:.2f} s")
    details = [f"  {f'flip {neurons_text(t)}' if t else 'f itself, nothing flipped'}" for t in flips[: options.limit_shown]]
    if len(flips) > options.limit_shown:
        details.append(f"  ... ({len(flips)} sets in all; --json lists them)")
    if options.certificate is not None:
        if certificate is None:
            why = "the verdict is unknown" if stopped else "the search is too large for the checker to repeat"
            log(options, f"no certificate written to {options.certificate}: {why}")
        else:
            written = str(certificate.save(options.certificate))
            details.append(certificate_line(written))
    document = report(
        options,
        "unknown" if stopped else "done",
        start,
        width=known.width,
        group=group,
        count=len(flips),
        complete=not stopped,
        orbits=[list(t) for t in flips],
        reason=reason,
        models=models({"f": f}),
        certificate=written,
    )
    if stopped:
        asked = f"how many orbits the networks of {width} with the function of f have"
        headline = f"UNKNOWN: {asked} (real arithmetic). {reason}; found by then: {_count(len(flips), 'set')}"
        return Outcome(UNKNOWN, headline, document, details)
    if len(flips) == 1:
        headline = f"1 orbit: only {group} of neurons lead from f to networks of {width} with its function (real arithmetic). {reason}"
    else:
        ways = f"{group} of neurons and {_count(len(flips) - 1, 'flip')}"
        headline = f"{len(flips)} orbits: {ways} lead from f to all networks of {width} with its function (real arithmetic). {reason}"
    return Outcome(DONE, headline, document, details)


# --- the fibre -------------------------------------------------------------------------------------------------------------


def _fibre(options: argparse.Namespace) -> Outcome:
    from exactnn.symmetry import fibre
    from exactnn.verify import verify_single_orbit

    limit = time_limit(options)
    check_target(options.certificate, "--certificate", [options.f])
    check_folder(options.save)
    (f,) = load(options, options.f)
    with naming(options.f):
        known = fibre(f, time_limit=limit)  # its clock runs from now on
    found = answer(options, {"f": f}, lambda: verify_single_orbit(known))
    parts = _Parts(known, found.document["status"] == "proved", limit is not None)
    files = None if options.save is None else _Files(options, parts).write()
    details = list(parts.lines())
    certificate = found.document["certificate"]
    if certificate is not None:
        details.append(certificate_line(certificate))
        if found.document["status"] == "refuted":
            details.append("  it has a network in another orbit, and proves that this equals f")
    if files is not None:
        count = len(files["orbits"]) + len(files["families"]) + (files["minimal"] is not None)
        written = f"{count} network{'s' * (count != 1)} with the function of f: {line(options.save)}"
        details.append(f"  {written}" if count else f"  nothing to write to {line(options.save)}")
    document = {**found.document, **parts.document(), "saved": options.save, "files": files}
    return Outcome(found.code, found.headline, document, details)


class _Parts:
    """What is known of a fibre; `undecided` has the reasons for what is not."""

    def __init__(self, known: Fibre, single: bool, limited: bool) -> None:
        self.known, self.single, self._limited = known, single, limited
        self.undecided: dict[str, str] = {}
        self.dimension = self._part("dimension", lambda: known.dimension)
        self.families = self._part("families", lambda: known.families)
        self.isolated = 1 if single else self._part("isolated_orbits", self._isolated)
        self.form = self._part("minimal_width", self._form)
        self.least = None if self.form is None else self._least(self.form)

    def _part(self, name: str, ask: Callable[[], Known]) -> Known | None:
        try:
            return ask()
        except (Incomplete, Undecided, NotRational, NotOneHiddenLayer) as error:
            self.undecided[name] = str(error).removeprefix(f"{name} of the fibre: ")
            return None

    def _isolated(self) -> int:
        return len(self.known.orbits if self.known.is_reduced else self.known.isolated)

    @property
    def _is_relu(self) -> bool:
        """Whether phi is a multiple of relu."""
        return self.known.family == "homogeneous" and not self.known.layer.activation_slope

    def _form(self) -> NormalForm | None:
        """The normal form of a piecewise linear function."""
        from exactnn.symmetry import normal_form

        form = normal_form(self.known.network) if self.known.family == "homogeneous" else None
        return form if isinstance(form, NormalForm) else None

    def _least(self, form: NormalForm) -> tuple[int, int]:
        """Bounds of the least number of relu neurons, equal where it is decided."""
        width, count = self.known.width, len(form.hyperplanes)
        if self._is_relu and self.known.is_reduced:
            return width, width
        lower, upper = count, count + 2 * int(form.slope.to_fmpq_mat().rank())
        if self._is_relu:
            upper = min(upper, width - sum(family.kind in _SPARED for family in self.families or ()))
        if lower < upper:
            try:
                if self._is_too_large(form):
                    why = f"{count} hyperplanes are too many to look for fewer neurons{' in little time' * self._limited}"
                    raise Undecided(why, lower, upper)
                lower = upper = form.minimal_width
            except Undecided as error:
                self.undecided["minimal_width"] = str(error).removeprefix("minimal width: ")
                if isinstance(error.lower, int) and isinstance(error.upper, int):
                    lower, upper = max(lower, error.lower), min(upper, error.upper)
        return lower, upper

    @property
    def reducible(self) -> bool | None:
        """Whether fewer neurons of the same activation would do; None if that is not known."""
        if self.known.is_reduced:
            return False
        if self._is_relu and self.least is not None:
            lower, upper = self.least
            if upper < self.known.width or lower == self.known.width:
                return upper < self.known.width
        spared = _SPARED if self.known.family == "homogeneous" else _SPARED[:2]  # other constants would be irrational
        return True if any(family.kind in spared for family in self.families or ()) else None

    def minimal(self) -> Network | None:
        """A relu network with fewer neurons, if one is found with what was computed for the bounds."""
        if self.form is None or self.least is None or self.least[1] >= self.known.width:
            return None
        if "minimal_width" in self.undecided or self._is_too_large(self.form):
            return None
        return self.form.to_network()

    def _is_too_large(self, form: NormalForm) -> bool:
        """Whether the search for the minimal width, which knows no clock, would take long."""
        count = len(form.hyperplanes)
        return count * form.slope.size > _WIDTH_EFFORT or (self._limited and count > _QUICK)

    def lines(self) -> Iterator[str]:
        """For people."""
        known = self.known
        state = "reduced weights"
        if not known.is_reduced:
            more = len(known.not_reduced) - 3
            state = "not reduced: " + "; ".join(known.not_reduced[:3]) + (f"; and {more} more (--json has all)" if more > 0 else "")
        yield f"  width {known.width}; {state}"
        kind = "hyperplanes" if known.family == "homogeneous" else "classes of neurons"
        yield f"  {kind}: {known.hyperplanes}, neurons to spare: {known.width - known.hyperplanes}"
        yield f"  dimension of the fibre: {self._said('dimension', self.dimension)}"
        yield f"  isolated orbits: {self._said('isolated_orbits', self.isolated)}"
        yield f"  families: {self._said('families', None if self.families is None else len(self.families))}"
        families = self.families or ()
        for family in families[:_SHOWN]:
            yield f"    {family.kind}, {neurons_text(family.neurons)}, free {listed(list(family.parameters), 6)}: {family.description}"
        if len(families) > _SHOWN:
            yield f"    ... ({len(families)} in all; --json lists them)"
        yield f"  {self._narrower()}"

    def _said(self, name: str, value: int | None) -> str:
        return f"not decided ({self.undecided[name]})" if value is None else str(value)

    def _narrower(self) -> str:
        known, least = self.known, self.least
        if known.is_reduced:
            text = "not reducible: no network of this activation with fewer neurons has this function"
        elif self._is_relu and least is not None and least[0] == least[1]:
            narrower = least[0] < known.width
            return f"minimal width {least[0]}: " + (f"reducible, from {_count(known.width, 'neuron')}" if narrower else "not reducible")
        else:
            text = f"this activation needs at least {_count(known.hyperplanes, 'neuron')}"
            text += "; reducible" if self.reducible else "; whether fewer than now would do is not known"
        if least is not None and not (self._is_relu and known.is_reduced):
            width = str(least[0]) if least[0] == least[1] else f"between {least[0]} and {least[1]}"
            text += f"; minimal width as a relu network {width}"
        if "minimal_width" in self.undecided:
            text += f" (not decided: {self.undecided['minimal_width']})"
        return text

    def document(self) -> dict[str, Any]:
        """For --json."""
        known = self.known
        families = [
            {"kind": g.kind, "neurons": list(g.neurons), "parameters": list(g.parameters), "description": g.description}
            for g in self.families or ()
        ]
        return {
            "width": known.width,
            "group": _GROUP[known.family],
            "reduced": known.is_reduced,
            "not_reduced": list(known.not_reduced),
            "hyperplanes": known.hyperplanes,
            "dimension": self.dimension,
            "isolated_orbits": self.isolated,
            "families": None if self.families is None else families,
            "minimal_width": None if self.least is None else {"lower": self.least[0], "upper": self.least[1]},
            "reducible": self.reducible,
            "undecided": self.undecided,
        }


class _Files:
    """The networks of a fibre as files, each proved to equal f before it is written."""

    def __init__(self, options: argparse.Namespace, parts: _Parts) -> None:
        self.options, self.parts, self.known = options, parts, parts.known

    def write(self) -> dict[str, Any]:
        """Their paths."""
        orbits = [self._file(f"orbit-{k:04d}", net) for k, net in enumerate(self._others(), 1)]
        families = [self._file(f"family-{k:04d}", self._member(family)) for k, family in enumerate(self.parts.families or (), 1)]
        return {
            "orbits": [path for path in orbits if path is not None],
            "families": [path for path in families if path is not None],
            "minimal": self._file("minimal", self.parts.minimal()),
        }

    def _others(self) -> Iterator[Network]:
        """The isolated orbits that f is not in."""

        known = self.known
        if self.parts.isolated is None or self.parts.single:
            return
        if known.is_reduced:
            others = (known.layer.flipped(t) for t in known.orbits[1:])
        else:
            others = (net for net in known.isolated if known.is_elsewhere(net))
        for count, net in enumerate(others):
            if count == _SAVED:
                log(self.options, f"only the first {_SAVED} other orbits are written to {line(self.options.save)}")
                return
            yield net

    def _member(self, family: Family) -> Network | None:
        """A network of the family in another orbit than f's, or in another place of it."""
        count = family.dimension
        for first, last in itertools.product((1, 2, 3), repeat=2):
            values = [v + (first if k + 1 < count else last) for k, v in enumerate(family.origin)]
            try:
                net = family.at(*values)
            except NotRational as error:
                log(self.options, f"no member of a family is written: {error}")
                return None
            if self.known.is_elsewhere(net):
                return net
        return None

    def _file(self, name: str, net: Network | None) -> str | None:
        from exactnn.export import save
        from exactnn.verify import verify_equal

        if net is None:
            return None
        verdict = verify_equal(self.known.network, net)
        if verdict.refuted:
            raise AssertionError(f"{name}: a network of the fibre is another function: {verdict}; please report this")
        if verdict.unknown:
            log(self.options, f"{name} is not written: it is not proved to equal f: {verdict.reason}")
            return None
        make_folder(self.options.save)
        path = Path(self.options.save) / f"{name}.json"
        save(net, path)
        return str(path)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
