"""Macaulay2 1.21 with its package Tropical: min-plus unless loaded with tropicalMax, trivial valuations.

    i1 : load "F.m2"
    i2 : rays tropicalPrevariety {first numerators}        -- the hypersurface; columns (u, v)
    i3 : valueAt(first numeratorTerms, {1/2, 1})            -- the exact value at a point

tropicalPrevariety of one polynomial is its hypersurface, and as gfan, which it calls, it takes exponents of nine digits.
tropicalVariety goes through Groebner bases and stops at total degrees of about 32,000.
"""

from __future__ import annotations

from exactnn.exact.numbers import rational_text
from exactnn.tropical.formats._form import Form, Term, commented, description, variables, with_terms, wrapped
from exactnn.tropical.formats._lift import Row, lifted
from exactnn.tropical.formats.gfan import MOST, monomial


def macaulay2_text(form: Form) -> str:
    """Lists of polynomials over QQ[t, x0, ...] lifted by t, the exact terms beside them, and a function for values."""
    named = with_terms(form, "Macaulay2")
    rows, words = lifted(named, "Macaulay2", MOST)
    names = ["t", *variables(form)]
    words += [
        "The package Tropical is loaded with max-plus. In a session that loaded it with min-plus all rays have the other sign.",
        "The hypersurface of f is tropicalPrevariety {f}; tropicalVariety ideal f stops at total degrees of about 32,000.",
    ]
    head = commented([*description(form), *words], "--")
    head += 'needsPackage("Tropical", Configuration => {"tropicalMax" => true})\n'
    head += f"R = QQ[{', '.join(names)}]\n"
    head += "-- the value of the maximum of terms {c, {a}} at a point\n"
    head += "valueAt = (terms, x) -> max apply(terms, term -> term#0 + sum(term#1, x, times))\n"
    if "p" in named:
        return head + f"p = {_polynomial(rows['p'], names)}\npTerms = {_terms(named['p'])}\n"
    for word, letter in (("numerator", "P"), ("denominator", "Q")):
        own = [name for name in named if name[0] == letter]
        polynomials = ",\n  ".join(_polynomial(rows[name], names) for name in own)
        terms = ",\n  ".join(_terms(named[name]) for name in own)
        head += f"{word}s = {{\n  {polynomials}}}\n{word}Terms = {{\n  {terms}}}\n"
    return head


def _polynomial(rows: list[Row], names: list[str]) -> str:
    # A sum of a list: a chain of thousands of + would be nested as deeply. The first entry makes a ring element of 1.
    return "sum {" + wrapped([f"{monomial(row, names)}_R" if not any(row) else monomial(row, names) for row in rows], indent="    ") + "}"


def _terms(rows: list[Term]) -> str:
    return "{" + wrapped([f"{{{rational_text(c)}, {{{', '.join(map(rational_text, a))}}}}}" for c, a in rows], indent="    ") + "}"
