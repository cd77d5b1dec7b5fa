"""What all formats ask of a form: its polynomials by their names, their terms as Fractions, what it is in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from exactnn.errors import ArgumentError, NotRepresentable
from exactnn.exact.numbers import rational_text, sum_text
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap

Form: TypeAlias = TropicalPolynomial | TropicalRationalMap
Term: TypeAlias = tuple[Fraction, tuple[Fraction, ...]]  # coefficient, exponents


def polynomials(form: Form) -> dict[str, TropicalPolynomial]:
    """{"p": a polynomial}, or {"P0": numerator 0, "Q0": denominator 0, "P1": ...} of a map."""
    if isinstance(form, TropicalPolynomial):
        if form.convention != "max":
            raise ArgumentError(f"form: a max-plus polynomial is needed, got {form!r}; -p is p.negated(), -p(-x) is p.converted('max')")
        return {"p": form}
    if isinstance(form, TropicalRationalMap):
        pairs = zip(form.numerators, form.denominators, strict=True)
        return {name: p for j, (top, bottom) in enumerate(pairs) for name, p in ((f"P{j}", top), (f"Q{j}", bottom))}
    raise ArgumentError(f"form: a TropicalPolynomial or a TropicalRationalMap is needed, got {type(form).__name__}")


def with_terms(form: Form, reader: str) -> dict[str, list[Term]]:
    """The terms of each polynomial by its name; NotRepresentable if one has none, because `reader` has no -infinity."""
    found = {name: terms(p) for name, p in polynomials(form).items()}
    for name, rows in found.items():
        if not rows:
            raise NotRepresentable(f"{reader}: {name} has no term and is -infinity, which this format has no word for; use .json or .tex")
    return found


def terms(polynomial: TropicalPolynomial) -> list[Term]:
    """(coefficient, exponents) of each term, in the order of its table."""
    return [(coefficient, tuple(exponents)) for exponents, coefficient in polynomial.terms.items()]


def dimension(form: Form) -> int:
    """The number of variables."""
    return form.dimension if isinstance(form, TropicalPolynomial) else form.input_dim


def variables(form: Form) -> list[str]:
    """x0, x1, ..."""
    return [f"x{i}" for i in range(dimension(form))]


def description(form: Form) -> list[str]:
    """What the form is, for the comment at the beginning of a file."""
    names = variables(form)
    if isinstance(form, TropicalPolynomial):
        return [f"Tropical polynomial p(x) = max over {len(form.terms)} terms c + a . x (max-plus), x in R^{len(names)}."]
    count = sum(len(p.terms) for p in (*form.numerators, *form.denominators))
    words = [
        f"Tropical rational map F from R^{len(names)} to R^{form.output_dim}, F_j = P_j - Q_j for j = 0, 1, ...,",
        f"each P_j and Q_j a maximum of terms c + a . x (max-plus); {count} terms together. Decomposition: {form.decomposition}.",
    ]
    if form.decomposition == "partial":
        words += ["It equals its network only at the data points, or on the regions, that it was made of."]
    if form.domain is not None:
        words += ["It stands for its network on the domain", *(f"  {line}" for line in inequalities(form))]
    return words


def inequalities(form: TropicalRationalMap) -> list[str]:
    """The inequalities of the domain as text."""
    return [f"{sum_text(zip(row, variables(form), strict=True))} <= {rational_text(bound)}" for row, bound in domain_rows(form)]


def domain_rows(form: TropicalRationalMap) -> list[tuple[tuple[Fraction, ...], Fraction]]:
    """(a, b) for each inequality a . x <= b of the domain; none without a domain."""
    if form.domain is None:
        return []
    A, b = form.domain.in_dimension(form.input_dim).rows
    return [(A[i].to_fractions(), bound) for i, bound in enumerate(b.to_fractions())]


def commented(lines: Iterable[str], mark: str) -> str:
    """Each line behind the comment mark."""
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in lines)


def wrapped(pieces: Sequence[str], *, indent: str, between: str = ", ", width: int = 120) -> str:
    """The pieces with `between` them, broken into lines of about `width` characters, all but the first indented."""
    lines = [""]
    for i, piece in enumerate(pieces):
        word = piece + (between if i < len(pieces) - 1 else "")
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return ("\n" + indent).join(line.rstrip() for line in lines)
