"""SMT-LIB 2.6, logic QF_LRA: real constants x0, x1, ... and the form as terms over them, exact rationals all.

$ z3 F.smt2                       after an (assert ...) about F0, F1, ... and (check-sat) were added
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactnn.exact.numbers import rational_text
from exactnn.tropical.formats._form import Form, commented, description, domain_rows, variables, with_terms
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap


def smtlib_text(form: Form) -> str:
    """Declarations of x0, ...; definitions of the polynomials, of F_j = P_j - Q_j, and of the domain as a Bool (none for a partial map)."""
    named = with_terms(form, "SMT-LIB")
    names = variables(form)
    partial = isinstance(form, TropicalRationalMap) and form.decomposition == "partial"
    words = ["p is the value." if "p" in named else "F0, F1, ... are the outputs."]
    words += [] if "p" in named or partial else ["domain is the set where they are those of the network."]
    words += ["Nothing is asserted here, and nothing was scaled."]
    text = commented([*description(form), *words], ";") + "(set-logic QF_LRA)\n"
    text += "".join(f"(declare-fun {name} () Real)\n" for name in names)
    text += "(define-fun max2 ((a Real) (b Real)) Real (ite (>= a b) a b))\n"
    for name, rows in named.items():
        text += f"(define-fun {name} () Real\n  {_maximum([_affine(c, a, names) for c, a in rows])})\n"
    if isinstance(form, TropicalPolynomial):
        return text
    text += "".join(f"(define-fun F{j} () Real (- P{j} Q{j}))\n" for j in range(form.output_dim))
    if partial:
        return text
    rows_of_domain = [f"(<= {_affine(Fraction(0), a, names)} {number(b)})" for a, b in domain_rows(form)]
    return text + f"(define-fun domain () Bool {_applied('and', rows_of_domain, 'true')})\n"


def number(value: Fraction) -> str:
    """3, (- 3), (/ 1 3), (- (/ 1 3)): numerals are reals in this logic."""
    top, _, bottom = rational_text(abs(value)).partition("/")
    size = f"(/ {top} {bottom})" if bottom else top
    return f"(- {size})" if value < 0 else size


def _affine(constant: Fraction, slopes: Sequence[Fraction], names: Sequence[str]) -> str:
    products = [name if a == 1 else f"(* {number(a)} {name})" for a, name in zip(slopes, names, strict=True) if a]
    return _applied("+", ([number(constant)] if constant or not products else []) + products, "0")


def _applied(function: str, operands: Sequence[str], empty: str) -> str:
    return f"({function} {' '.join(operands)})" if len(operands) > 1 else operands[0] if operands else empty


def _maximum(operands: Sequence[str]) -> str:
    """max2 of two halves: depth log n, since solvers and their readers recurse."""
    rows = list(operands)
    while len(rows) > 1:
        rows = [f"(max2 {' '.join(rows[i : i + 2])})" if i + 1 < len(rows) else rows[i] for i in range(0, len(rows), 2)]
    return rows[0].replace(" (max2", "\n  (max2")
