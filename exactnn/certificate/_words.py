"""Claims, numbers, domains, steps and sets in short words; what would be long raises Long, and other words stand for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Context
from fractions import Fraction
from hashlib import sha256
from typing import Any

from ._load import load
from ._models import canonical
from ._numbers import rational, show, tensor

LONG = 200  # characters, and bits of a number


class Long(Exception):
    """A text that nobody would read."""


def about(claim: Any) -> dict[str, Any]:
    """The hash of the claim as written, made as for an inline model, and whether its domain has a point."""
    return {"claim_sha256": sha256(canonical(claim.written, "claim")).hexdigest(), "domain_has_points": has_points(claim)}


def accepted(claim: Any, models: Mapping[str, Any]) -> str:
    """A claim, and which models are taken on slices."""
    sliced = (f"; {name}(t) = model {name} at {shown_slice(model.slice)}" for name, model in models.items() if model.slice is not None)
    return sentence(claim, models["f"].network if "f" in models else None) + "".join(sliced)


def sentence(claim: Any, f: Any) -> str:
    """A claim in words, with its hash where they would be long."""
    # what is claimed, in words that are never long, and then the rest, in words that may be
    says = load(f"_words.{claim.question}")(claim, f)
    said, instead = next(says), "; the claim has the sha256 {}"
    return f"{claim.answer}: {said}{short(lambda: ''.join(says), lambda: instead.format(about(claim)['claim_sha256']))}"


def short(text: Callable[[], str], instead: Callable[[], str]) -> str:
    """A text, or the other one where it would be long."""
    try:
        return text()
    except Long:
        return instead()


def equal(claim: Any, f: Any) -> Iterator[str]:
    """f and what it is compared with; the rows of the domain, and the steps."""
    other = {"equal": "g", "zero": "0", "symmetry": "T(f)"}[claim.question]
    if claim.answer == "proved":
        yield f"{f'|f_j - ({other})_j| <= {show(claim.tolerance)}' if claim.tolerance else f'f = {other}'} on all of {place(claim, f)}"
    else:
        excess = f" by more than {show(claim.tolerance)}" if claim.tolerance else ""
        yield f"at a point of {place(claim, f)}, f differs from {other}{excess}"
    yield inequalities(claim, claim.tolerance)
    if claim.question == "symmetry":
        yield f"; T: {steps(claim.transformation)}"


zero = symmetry = equal


def inequalities(claim: Any, *numbers: Fraction) -> str:
    """The rows of the domain, where these numbers are short, too."""
    for value in numbers:
        number(value)
    return "" if claim.domain is None else f"; the rows: {rows(claim.domain.rows(), claim.domain.matrix.denominator)}"


def place(claim: Any, f: Any) -> str:
    """The domain, and whether it is known to have a point."""
    if claim.domain is None:
        return f"R^{f.input_size}"
    note = {True: "", False: " (which is empty)", None: " (which may be empty)"}[has_points(claim)]
    return f"the polyhedron A x <= b in R^{f.input_size} given by {len(claim.domain.bounds)} rows{note}"


def has_points(claim: Any) -> bool | None:
    """Whether the domain has a point: of a deviation the evidence has one, a region has interior points; None where it is not shown."""
    shown = claim.domain is None or claim.answer == "refuted" or claim.question == "deviation"
    if shown or (claim.question == "regions" and claim.regions):
        return True
    return inhabited(claim.domain.rows())


def regions(claim: Any, f: Any) -> Iterator[str]:
    """Their number; the rows of the domain."""
    yield f"f has exactly {show(claim.regions)} activation regions on all of {place(claim, f)}"
    yield inequalities(claim, Fraction(claim.regions))


def same_decision(claim: Any, f: Any) -> Iterator[str]:
    """Whether they are the same; the rows of the domain."""
    same = f"f and g have the same maximal outputs on all of {place(claim, f)}"
    yield same if claim.answer == "proved" else f"at a point of {place(claim, f)}, f and g have other maximal outputs"
    yield inequalities(claim)


def deviation(claim: Any, f: Any) -> Iterator[str]:
    """The maximum, or what it lies between; the rows of the domain."""
    largest, most = "max sum_j |f_j - g_j|" if claim.norm == "l1" else "max |f_j - g_j|", show(claim.tolerance)
    exact = claim.least == claim.tolerance
    yield f"{f'{largest} = {most}' if exact else f'{show(claim.least)} <= {largest} <= {most}'} on all of {place(claim, f)}"
    yield inequalities(claim, claim.least, claim.tolerance)


def equal_at(claim: Any, f: Any) -> Iterator[str]:
    """How many points; the points."""
    count = claim.points.shape[0]
    relation = "f = g at" if claim.answer == "proved" else "f differs from g at one of"
    yield f"{relation} {count} point{'s' * (count > 1)} of R^{f.input_size}"
    yield f": {points(claim.points.fractions(), f.input_size)}"


def identity(claim: Any, f: Any) -> Iterator[str]:
    """How many equations; all of them are in the claim."""
    count, many = claim.points.shape[0], len(claim.equations)
    within = f"within {above(claim.tolerance)}" if claim.tolerance else "exactly"
    who = f"{many} equation{'s' * (many > 1)} between weights, gradients and values of {' and '.join(claim.names)}"
    holds = f"hold{'s' * (many == 1)}" if claim.answer == "proved" else "do not all hold" if many > 1 else "does not hold"
    yield f"{who} {holds} {within} at {count} point{'s' * (count > 1)}"
    raise Long


def execution_error(claim: Any, f: Any) -> Iterator[str]:
    """The largest bound; all of them are in the claim."""
    sums = f", its sums in {claim.accumulation}," if claim.accumulation else ""
    most = above(max(claim.bounds))
    yield f"a {claim.dtype} run of f{sums} is off by at most {most}, for the inputs of that format on all of {place(claim, f)}"
    raise Long


def orbits(claim: Any, f: Any) -> Iterator[str]:
    """How many there are; the sets."""
    count = len(claim.flips)
    found = "f itself" if count == 1 else f"f with one of {count} sets of neurons flipped"
    moves = f"permutations{load('_shallow.MOVES')[load('_shallow.family')(f, 'f')[0]]} of neurons"
    yield f"the networks of this width with the function f are, up to {moves}, {found}"
    if count > 1:
        yield f": {joined(f'{{{joined(map(str, neurons))}}}' for neurons in claim.flips)}"


def pole_free(claim: Any, f: Any) -> Iterator[str]:
    """How many functions, or which, and where; nothing more, if they and the interval are short."""
    (no, none), count = ("no", "none") if claim.answer == "proved" else ("a", "one"), len(claim.functions(f))
    instead = f"{count} rational functions" if count > 1 else "the rational function of the claim"
    shown = short(lambda: joined(map(_function, claim.stated or ())), lambda: instead)
    who = f"{none} of {shown} has a pole" if count > 1 else f"{shown} has {no} pole"
    if claim.stated is None:
        who = f"{no} rational activation of f has a pole"
    yield f"{who} on {short(lambda: _interval(claim), lambda: 'the interval of the claim')}"
    joined(map(_function, claim.stated or ()))
    _interval(claim)


def _interval(claim: Any) -> str:
    lower, upper = claim.interval
    if lower is None and upper is None:
        return "the real line"
    return f"the interval from {'-infinity' if lower is None else number(lower)} to {'infinity' if upper is None else number(upper)}"


def _function(written: Any) -> str:
    if type(written) is not list:
        return f"({_polynomial(written.numerator)})/({_polynomial(written.denominator)})"
    below = (number(t.constant) + "".join(f" + |{_polynomial(p)}|" for p in t.absolute) for t in written)
    return joined((f"({_polynomial(t.numerator)})/({bottom})" for t, bottom in zip(written, below, strict=True)), " + ")


def _polynomial(coefficients: Sequence[Fraction]) -> str:
    return terms((c, f"x^{k}" if k > 1 else "x" * k) for k, c in enumerate(coefficients))


def shown_slice(written: Any) -> str:
    """The points of a slice; where they are long, its hash."""
    origin, directions = (tensor(written[key], "slice") for key in ("origin", "directions"))
    k, d = directions.shape
    texts = (points(v.fractions()[i : i + d], d) for v in (origin, directions) for i in range(0, len(v.numerators), d))
    instead = f"origin + sum t_i direction_i, {k} of R^{d}; the slice has the sha256 {sha256(canonical(written, 'slice')).hexdigest()}"
    return short(lambda: joined((f"t_{i} {text}" if i >= 0 else text for i, text in enumerate(texts, -1)), " + "), lambda: instead)


def number(value: Fraction) -> str:
    """p or p/q."""
    if max(abs(value.numerator), value.denominator).bit_length() > LONG:
        raise Long
    return str(value)


def joined(texts: Iterable[str], separator: str = ", ") -> str:
    """The texts, as far as they are short together."""
    found = ""
    for text in texts:
        found += separator * bool(found) + text
        if len(found) > LONG:
            raise Long
    return found


def terms(pairs: Iterable[tuple[Fraction, str]]) -> str:
    """The sum of numbers times names: x_0 - 1/2 x_1"""
    shown = ((number(c), name) for c, name in pairs if c)
    written = (name if name and size == "1" else f"-{name}" if name and size == "-1" else f"{size} {name}".strip() for size, name in shown)
    return joined(written, " + ").replace("+ -", "- ") or "0"


def rows(matrix: Iterable[tuple[Sequence[int], Fraction]], denominator: int) -> str:
    """x_0 + 2 x_1 <= 1/2, -x_1 <= 0"""
    lefts = ((((Fraction(n, denominator), f"x_{k}") for k, n in enumerate(row)), bound) for row, bound in matrix)
    return joined(f"{terms(left)} <= {number(bound)}" for left, bound in lefts)


def points(entries: Sequence[Fraction], size: int) -> str:
    """(1, 1/2), (0, 3)"""
    return joined(f"({joined(map(number, entries[k : k + size]))})" for k in range(0, len(entries), size))


def steps(transformation: Sequence[Any]) -> str:
    """flip [0, 2] at 'relu1', then scaling [1/2, 3] at 'relu2'; the steps have been checked before."""
    fields = load("_transform.FIELDS")
    listed = ((step, joined(number(rational(v, "")) for v in step[fields[step["kind"]]])) for step in transformation)
    return joined((f"{step['kind']} [{numbers}] at {step['layer']!a}" for step, numbers in listed), ", then ") or "the identity"


def above(value: Fraction) -> str:
    """A short decimal that is not below a number >= 0."""
    if max(value.numerator, value.denominator).bit_length() > 2**14:
        return "the bound in the certificate"
    return f"{Context(prec=4, rounding=ROUND_CEILING).divide(value.numerator, value.denominator):.3e}".replace("+", "") if value else "0"


def inhabited(matrix: Iterable[tuple[Sequence[int], Fraction]]) -> bool | None:
    """Whether A x <= b has a solution x; None where that takes more than a look: every row bounds one entry, or 0 is a solution."""
    sides: dict[tuple[int, bool], Fraction] = {}  # for an entry, above and below, the least b / |a|
    by_entries = at_zero = True
    for row, bound in matrix:
        places = [k for k, n in enumerate(row) if n]
        if not places and bound < 0:
            return False
        at_zero, by_entries = at_zero and bound >= 0, by_entries and len(places) <= 1
        if len(places) == 1:
            a = row[places[0]]
            side = places[0], a > 0
            sides[side] = min(sides.get(side, bound / abs(a)), bound / abs(a))
    if any(up and end + sides.get((k, False), -end) < 0 for (k, up), end in sides.items()):
        return False
    return True if by_entries or at_zero else None
