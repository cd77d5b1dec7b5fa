"""Claims, numbers, domains, steps and sets in short words; what would be long raises Long, and the hash of the claim stands for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from typing import Any

from ._load import load
from ._models import canonical
from ._numbers import rational, show, tensor

LONG = 200  # characters, and bits of a number
_LISTS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}


class Long(Exception):
    """A text that nobody would read."""


def about(claim: Any) -> dict[str, Any]:
    """The hash of the claim as written, made as for an inline model, and whether its domain has a point."""
    return {"claim_sha256": sha256(canonical(claim.written, "claim")).hexdigest(), "domain_has_points": has_points(claim)}


def accepted(claim: Any, models: Mapping[str, Any]) -> str:
    """A claim, and which models are taken on slices."""
    sliced = [(name, model.slice) for name, model in models.items() if model.slice is not None]
    slices = "".join(f"; {name}(t) = model {name} at {shown_slice(written)}" for name, written in sliced)
    return f"{sentence(claim, models['f'].network if 'f' in models else None)}{slices}"


def sentence(claim: Any, f: Any) -> str:
    """A claim in words, with its hash where they would be long."""
    says, more = WORDS[claim.question]
    try:
        details = more(claim, f)
    except Long:
        details = f"; the claim has the sha256 {about(claim)['claim_sha256']}"
    return f"{claim.answer}: {says(claim, f)}{details}"


def comparison(claim: Any, f: Any) -> str:
    """f and what it is compared with."""
    other = {"equal": "g", "zero": "0", "symmetry": "T(f)"}[claim.question]
    if claim.answer == "proved":
        return f"{f'|f_j - ({other})_j| <= {show(claim.tolerance)}' if claim.tolerance else f'f = {other}'} on {place(claim, f)}"
    excess = f" by more than {show(claim.tolerance)}" if claim.tolerance else ""
    return f"at a point of {place(claim, f).removeprefix('all of ')}, f differs from {other}{excess}"


def inequalities(claim: Any, f: Any) -> str:
    """The rows of the domain."""
    number(claim.tolerance)
    return "" if claim.domain is None else f"; the rows: {rows(claim.domain.rows(), claim.domain.matrix.denominator)}"


def moved(claim: Any, f: Any) -> str:
    """The rows of the domain, and the steps."""
    return f"{inequalities(claim, f)}; T: {steps(claim.transformation)}"


def place(claim: Any, f: Any) -> str:
    """The domain, and whether it is known to have a point."""
    if claim.domain is None:
        return f"all of R^{f.input_size}"
    note = {True: "", False: " (which is empty)", None: " (which may be empty)"}[has_points(claim)]
    return f"all of the polyhedron A x <= b in R^{f.input_size} given by {len(claim.domain.bounds)} rows{note}"


def has_points(claim: Any) -> bool | None:
    """Whether the domain has a point: of a deviation the evidence has one, a region has interior points; None where it is not shown."""
    shown = claim.domain is None or claim.answer == "refuted" or claim.question == "deviation"
    if shown or (claim.question == "regions" and claim.regions):
        return True
    return inhabited(claim.domain.rows())


def regions(claim: Any, f: Any) -> str:
    """Their number."""
    return f"f has exactly {show(claim.regions)} activation regions on {place(claim, f)}"


def of_regions(claim: Any, f: Any) -> str:
    """The rows of the domain."""
    number(Fraction(claim.regions))
    return inequalities(claim, f)


def decisions(claim: Any, f: Any) -> str:
    """Whether they are the same."""
    if claim.answer == "proved":
        return f"f and g have the same maximal outputs on {place(claim, f)}"
    return f"at a point of {place(claim, f).removeprefix('all of ')}, f and g have other maximal outputs"


def deviation(claim: Any, f: Any) -> str:
    """The maximum, or what it lies between."""
    largest, most = "max sum_j |f_j - g_j|" if claim.norm == "l1" else "max |f_j - g_j|", show(claim.tolerance)
    exact = claim.least == claim.tolerance
    return f"{f'{largest} = {most}' if exact else f'{show(claim.least)} <= {largest} <= {most}'} on {place(claim, f)}"


def of_deviation(claim: Any, f: Any) -> str:
    """The rows of the domain."""
    number(claim.least)
    return inequalities(claim, f)


def at_points(claim: Any, f: Any) -> str:
    """How many points."""
    count = claim.points.shape[0]
    relation = "f = g at" if claim.answer == "proved" else "f differs from g at one of"
    return f"{relation} {count} point{'s' * (count > 1)} of R^{f.input_size}"


def listed_points(claim: Any, f: Any) -> str:
    """The points."""
    return f": {points(claim.points.fractions(), f.input_size)}"


def identity(claim: Any, f: Any) -> str:
    """How many equations."""
    count, many = claim.equations.points.shape[0], len(claim.equations.triples)
    within = f"within {above(claim.tolerance)}" if claim.tolerance else "exactly"
    who = f"{many} equation{'s' * (many > 1)} between weights, gradients and values of {' and '.join(claim.names)}"
    holds = f"hold{'s' * (many == 1)}" if claim.answer == "proved" else "do not all hold" if many > 1 else "does not hold"
    return f"{who} {holds} {within} at {count} point{'s' * (count > 1)}"


def by_the_hash(claim: Any, f: Any) -> str:
    """All equations, or the bounds of all outputs, are in the claim."""
    raise Long


def run(claim: Any, f: Any) -> str:
    """The largest bound."""
    sums = f", its sums in {claim.accumulation}," if claim.accumulation else ""
    most = above(max(claim.bounds))
    return f"a {claim.dtype} run of f{sums} is off by at most {most}, for the inputs of that format on {place(claim, f)}"


def orbits(claim: Any, f: Any) -> str:
    """How many there are."""
    count = len(claim.flips)
    found = "f itself" if count == 1 else f"f with one of {count} sets of neurons flipped"
    return f"the networks of this width with the function f are, up to {load('_shallow.family')(f, 'f').moves}, {found}"


def flipped(claim: Any, f: Any) -> str:
    """The sets."""
    sets = (f"{{{joined(map(str, neurons))}}}" for neurons in claim.flips)
    return "" if len(claim.flips) == 1 else f": {joined(sets)}"


def poles(claim: Any, f: Any) -> str:
    """How many functions, or which, and where."""
    has, count = ("no pole" if claim.answer == "proved" else "a pole"), len(claim.functions(f))
    try:
        shown = None if claim.stated is None else joined(map(_function, claim.stated))
    except Long:
        shown = f"{count} rational functions" if count > 1 else "the rational function of the claim"
    if shown is None:
        who = f"{'no' if claim.answer == 'proved' else 'a'} rational activation of f has a pole"
    else:
        who = f"{shown} has {has}" if count == 1 else f"{'none' if claim.answer == 'proved' else 'one'} of {shown} has a pole"
    return f"{who} on {_interval(claim)}"


def _interval(claim: Any) -> str:
    if claim.interval == (None, None):
        return "the real line"
    try:
        lower, upper = ("" if end is None else number(end) for end in claim.interval)
    except Long:
        return "the interval of the claim"
    return f"the interval from {lower or '-infinity'} to {upper or 'infinity'}"


def functions(claim: Any, f: Any) -> str:
    """Nothing more, if the functions and the interval are short."""
    joined(map(_function, claim.stated or ()))
    joined(number(end) for end in claim.interval if end is not None)
    return ""


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
    try:
        first, *others = (points(v.fractions()[i : i + d], d) for v in (origin, directions) for i in range(0, len(v.numerators), d))
        return joined((first, *(f"t_{i} {text}" for i, text in enumerate(others))), " + ")
    except Long:
        return f"origin + sum t_i direction_i, {k} of R^{d}; the slice has the sha256 {sha256(canonical(written, 'slice')).hexdigest()}"


#: for each question what is claimed, in words that are never long, and the rest, in words that may be
WORDS: dict[str, tuple[Callable[[Any, Any], str], Callable[[Any, Any], str]]] = {
    "equal": (comparison, inequalities),
    "zero": (comparison, inequalities),
    "symmetry": (comparison, moved),
    "equal_at": (at_points, listed_points),
    "same_decision": (decisions, inequalities),
    "deviation": (deviation, of_deviation),
    "execution_error": (run, by_the_hash),
    "regions": (regions, of_regions),
    "orbits": (orbits, flipped),
    "identity": (identity, by_the_hash),
    "pole_free": (poles, functions),
}


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
    listed = ((step, joined(number(rational(v, "")) for v in step[_LISTS[step["kind"]]])) for step in transformation)
    return joined((f"{step['kind']} [{numbers}] at {step['layer']!a}" for step, numbers in listed), ", then ") or "the identity"


def above(value: Fraction) -> str:
    """A short decimal that is not below a number >= 0."""
    top, bottom = value.numerator, value.denominator
    if max(top, bottom).bit_length() > 2**14:
        return "the bound in the certificate"
    exponent = (top.bit_length() - bottom.bit_length()) * 30103 // 100000 - 4
    digits = -(-top * 10 ** max(-exponent, 0) // (bottom * 10 ** max(exponent, 0)))
    while digits >= 10**4:
        digits, exponent = -(-digits // 10), exponent + 1
    shown = str(digits)
    return f"{shown[0]}.{shown[1:] or '0'}e{exponent + len(shown) - 1}" if digits else "0"


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
