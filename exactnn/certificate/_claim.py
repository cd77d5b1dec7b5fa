"""What a certificate claims."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from . import _identity, _poles, _words
from ._models import canonical_hash
from ._numbers import Tensor, integer, items, mapping, need, rational, rationals, show, tensor

MODELS = {"equal": ("f", "g"), "zero": ("f",), "symmetry": ("f",), "regions": ("f",)}
MODELS |= {"same_decision": ("f", "g"), "deviation": ("f", "g"), "orbits": ("f",), "pole_free": ("f",)}
MODELS |= {"equal_at": ("f", "g")}
MODELS |= {"execution_error": ("f",), "identity": ("f", "g")}  # g where an equation has it
# the formats of a run, and a wider one in which it may be known to take its sums
DTYPES = {"float32": "float64", "float64": None, "bfloat16": "float32"}


class Domain(NamedTuple):
    """{x : A x <= b}, A = matrix."""

    matrix: Tensor
    bounds: list[Fraction]

    def row(self, r: int) -> list[int]:
        """Row r of A, as numerators over the denominator of the matrix."""
        d = self.matrix.shape[1]
        return self.matrix.numerators[r * d : (r + 1) * d]

    def rows(self) -> Iterator[tuple[list[int], Fraction]]:
        """All rows (numerators) with their bounds."""
        return ((self.row(r), bound) for r, bound in enumerate(self.bounds))


class Run(NamedTuple):
    """The format of a float run, a wider one of its sums or None, and how far each output may be off."""

    dtype: str
    accumulation: str | None
    bounds: list[Fraction]


class Claim(NamedTuple):
    """The question, the answer claimed for it, and what they speak about."""

    question: str
    answer: str
    tolerance: Fraction
    domain: Domain | None
    transformation: Any  # the list of steps as written; None unless the question is "symmetry"
    regions: int | None = None  # their number; None unless that is the question
    flips: tuple[tuple[int, ...], ...] | None = None  # sets of neurons; None unless the question is "orbits"
    poles: _poles.PoleClaim | None = None  # None unless the question is "pole_free"
    points: Tensor | None = None  # one row for each; None unless the question is "equal_at"
    run: Run | None = None  # None unless the question is "execution_error"
    lower: Fraction | None = None  # None unless the question is "deviation"
    equations: _identity.Equations | None = None  # None unless the question is "identity"
    norm: str = "linf"  # or "l1", where the question is "deviation"
    written: Any = None  # the claim as it stands in the certificate

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the networks that the claim is about."""
        if self.equations is not None:
            return self.equations.networks
        return () if self.poles is not None and self.poles.functions is not None else MODELS[self.question]

    @property
    def least(self) -> Fraction:
        """What the largest deviation reaches at least."""
        return self.tolerance if self.lower is None else self.lower

    @property
    def sha256(self) -> str:
        """The hash of the claim as written, made as for an inline model."""
        return canonical_hash(self.written, "claim")

    @property
    def inhabited(self) -> bool | None:
        """Whether the domain has a point; None where that is not shown."""
        if self.domain is None or self.answer == "refuted" or self.regions or self.question == "deviation":
            return True
        return _words.inhabited(self.domain.rows(), self.domain.matrix.denominator)

    def sentence(self, dimension: int, moves: str = "") -> str:
        """The claim in words; ``moves`` says what keeps the function of every network like f, where the question is "orbits"."""
        if self.equations is not None:
            return self.equations.sentence(self.answer, self.tolerance, self.sha256)
        if self.question == "orbits":
            return f"proved: the networks of this width with the function f are, up to {moves}, {self._orbits()}"
        if self.question == "regions":
            return f"proved: f has exactly {show(self.regions)} activation regions on {self._place(dimension)}{self._details()}"
        if self.question == "equal_at":
            return self._at_points(dimension)
        if self.run is not None:
            return self._run(dimension, self.run)
        place = self._place(dimension)
        if self.question == "deviation":
            return f"proved: {self._bracket()} on {place}{self._details()}"
        if self.question == "same_decision":
            if self.answer == "proved":
                return f"proved: f and g have the same maximal outputs on {place}{self._details()}"
            return f"refuted: at a point of {place.removeprefix('all of ')}, f and g have other maximal outputs{self._details()}"
        other = {"equal": "g", "zero": "0", "symmetry": "T(f)"}[self.question]
        if self.answer == "proved":
            relation = f"f = {other}" if not self.tolerance else f"|f_j - ({other})_j| <= {show(self.tolerance)}"
            return f"proved: {relation} on {place}{self._details()}"
        excess = f" by more than {show(self.tolerance)}" if self.tolerance else ""
        return f"refuted: at a point of {place.removeprefix('all of ')}, f differs from {other}{excess}{self._details()}"

    def _bracket(self) -> str:
        """The largest deviation, or what it lies between."""
        largest = "max sum_j |f_j - g_j|" if self.norm == "l1" else "max |f_j - g_j|"
        if self.least == self.tolerance:
            return f"{largest} = {show(self.tolerance)}"
        return f"{show(self.least)} <= {largest} <= {show(self.tolerance)}"

    def _at_points(self, dimension: int) -> str:
        assert self.points is not None
        count = self.points.shape[0]
        listed = _words.points(self.points.fractions(), dimension)
        shown = f": {listed}" if listed else f"; the claim has the sha256 {self.sha256}"
        where = f"{count} point{'s' if count > 1 else ''} of R^{dimension}{shown}"
        return f"proved: f = g at {where}" if self.answer == "proved" else f"refuted: f differs from g at one of {where}"

    def _run(self, dimension: int, run: Run) -> str:
        bound = max(run.bounds)
        place = f"the inputs of that format on {self._place(dimension)}"
        details = self._details().partition("; the claim has the sha256")[0]
        most = _words.above(bound)
        sums = f", its sums in {run.accumulation}," if run.accumulation else ""
        return (
            f"proved: a {run.dtype} run of f{sums} is off by at most {most}, for {place}{details}; the claim has the sha256 {self.sha256}"
        )

    def _orbits(self) -> str:
        flips = self.flips or ()
        if len(flips) == 1:
            return "f itself"
        sets = _words.sets(flips)
        return f"f with one of {len(flips)} sets of neurons flipped{f': {sets}' if sets else f'; the claim has the sha256 {self.sha256}'}"

    def _place(self, dimension: int) -> str:
        if self.domain is None:
            return f"all of R^{dimension}"
        note = {True: "", False: " (which is empty)", None: " (which may be empty)"}[self.inhabited]
        return f"all of the polyhedron A x <= b in R^{dimension} given by {len(self.domain.bounds)} rows{note}"

    def _details(self) -> str:
        """Rows of the domain and steps of T; where they, or a number, are long, the hash of the claim instead."""
        found, whole = "", None not in map(_words.number, (self.tolerance, self.least)) and (self.regions or 0).bit_length() <= _words.LONG
        if self.domain is not None:
            rows = _words.rows(self.domain.rows(), self.domain.matrix.denominator)
            found += f"; the rows: {rows}" if rows else ""
            whole = whole and rows is not None
        if self.question == "symmetry":
            steps = _words.steps(self.transformation)
            found += f"; T: {steps or 'the identity'}" if steps is not None else f"; T: {len(self.transformation)} steps"
            whole = whole and steps is not None
        return found if whole else f"{found}; the claim has the sha256 {self.sha256}"


def read_claim(document: Any) -> Claim:
    """The claim of a certificate; the domain's dimension is compared with the models' later."""
    step = "claim"
    need(type(document) is dict, step, f"expected an object, found {show(document)}")
    question, answer = document.get("question"), document.get("answer")
    need(type(question) is str and question in MODELS, step, f"unknown question {show(question)}")
    need(type(answer) is str and answer in ("proved", "refuted"), step, f"unknown answer {show(answer)}")
    if question == "pole_free":
        return Claim(question, answer, Fraction(0), None, None, poles=_poles.read_pole_claim(document), written=document)
    if question == "equal_at":
        mapping(document, step, ("question", "answer", "points"))
        points = tensor(document["points"], "claim: points")
        need(len(points.shape) == 2, "claim: points", "one row for each point is expected")
        return Claim(question, answer, Fraction(0), None, None, points=points, written=document)
    if question == "execution_error":
        return _read_run(document)
    if question == "identity":
        equations, tolerance = _identity.read_equations(document)
        return Claim(question, answer, tolerance, None, None, equations=equations, written=document)
    keys = {"symmetry": ("tolerance", "transformation"), "regions": ("count",), "same_decision": (), "orbits": ("flips",)}
    extra = keys.get(question, ("tolerance",))
    mapping(document, step, ("question", "answer", "domain", *extra), ("lower", "norm") if question == "deviation" else ())
    tolerance = rational(document.get("tolerance", 0), "claim: tolerance")
    need(tolerance >= 0, "claim: tolerance", "a negative tolerance")
    lower = rational(document["lower"], "claim: lower") if "lower" in document else None
    need(lower is None or 0 <= lower <= tolerance, "claim: lower", "it is not between 0 and the tolerance")
    norm = document.get("norm", "linf")
    need(type(norm) is str and norm in ("linf", "l1"), "claim: norm", f'expected "linf" or "l1", found {show(norm)}')
    count = integer(document["count"], "claim: count") if question == "regions" else None
    need(question not in ("regions", "deviation") or answer == "proved", step, "a number is proved, not refuted")
    flips = _flips(document["flips"]) if question == "orbits" else None
    need(question != "orbits" or answer == "proved", step, "a list of orbits is proved, not refuted")
    need(question != "orbits" or document["domain"] is None, "claim: domain", "null is expected: fibres are those of functions on R^d")
    domain = _read_domain(document["domain"])
    steps = document.get("transformation")
    return Claim(question, answer, tolerance, domain, steps, count, flips, lower=lower, norm=norm, written=document)


def _read_domain(document: Any) -> Domain | None:
    if document is None:
        return None
    raw = mapping(document, "claim: domain", ("A", "b"))
    matrix = tensor(raw["A"], "claim: domain: A")
    need(len(matrix.shape) == 2, "claim: domain: A", "a matrix has two axes")
    return Domain(matrix, tensor(raw["b"], "claim: domain: b", matrix.shape[:1]).fractions())


def _read_run(document: Any) -> Claim:
    """A float run's distance: proved, on a domain."""
    step = "claim"
    mapping(document, step, ("question", "answer", "domain", "dtype", "accumulation", "bounds"))
    need(document["answer"] == "proved", step, "a bound is proved, not refuted")
    dtype = document["dtype"]
    need(type(dtype) is str and dtype in DTYPES, "claim: dtype", f"expected one of {list(DTYPES)}, found {show(dtype)}")
    wide = document["accumulation"]
    need(wide is None or (type(wide) is str and wide == DTYPES[dtype]), "claim: accumulation", f"{show(wide)} does not go with {dtype}")
    bounds = rationals(document["bounds"], "claim: bounds")
    need(bool(bounds) and min(bounds) >= 0, "claim: bounds", "one bound >= 0 for each output is expected")
    domain = _read_domain(document["domain"])
    need(domain is not None, "claim: domain", "a run has a bound on a box only")
    return Claim(document["question"], "proved", Fraction(0), domain, None, run=Run(dtype, wide, bounds), written=document)


def _flips(raw: Any) -> tuple[tuple[int, ...], ...]:
    """Different sets of neurons, the empty one among them."""
    step = "claim: flips"
    found = []
    for neurons in items(raw, step):
        listed = items(neurons, step)
        need(all(type(v) is int and v >= 0 for v in listed), step, "a neuron is a number from 0")
        need(all(a < b for a, b in pairwise(listed)), step, "the neurons of a set are not in increasing order")
        found.append(tuple(listed))
    need(len(set(found)) == len(found), step, "a set is listed twice")
    need(() in found, step, "the empty set is missing")
    return tuple(found)
