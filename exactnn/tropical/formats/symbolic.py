"""sympy: Max(...) - Max(...) with Rational numbers; nothing is scaled.

Max is told not to simplify (evaluate=False): its comparisons of all pairs of terms take minutes from a hundred terms on.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.exact.numbers import rational_text
from exactnn.tropical.formats._form import Form, Term, polynomials, terms, variables, wrapped
from exactnn.tropical.polynomial import TropicalPolynomial

if TYPE_CHECKING:
    import sympy


def to_sympy(form: Form) -> Any:
    """The form as sympy expressions in real symbols x0, x1, ....

    Returns
    -------
    sympy.Expr
        Of a polynomial: Max(...), or its term if it has just one, or -oo without any.
    tuple of sympy.Expr
        Of a rational map: Max(...) - Max(...) for each output.

    Examples
    --------
    >>> from exactnn.tropical import TropicalPolynomial
    >>> to_sympy(TropicalPolynomial({(0, 0): 0, (2, 1): "-1/3"}))
    Max(0, 2*x0 + x1 - 1/3)
    """
    import sympy

    symbols = [sympy.Symbol(name, real=True) for name in variables_of(form)]
    found = [_expression(terms(p), symbols) for p in polynomials(form).values()]
    if isinstance(form, TropicalPolynomial):
        return found[0]
    return tuple(top - bottom for top, bottom in zip(found[::2], found[1::2], strict=True))


def sympy_text(form: Form) -> str:
    """Text that sympy.sympify reads: an expression of a polynomial, a tuple of a map."""
    named = polynomials(form)
    names = variables(form)
    found = [_text(terms(p), names) for p in named.values()]
    if isinstance(form, TropicalPolynomial):
        return f"{found[0]}\n"
    pairs = [
        f"{top} - {bottom if bottom.startswith('Max') else f'({bottom})'}" for top, bottom in zip(found[::2], found[1::2], strict=True)
    ]
    return "(" + ",\n".join(pairs) + ("," if len(pairs) == 1 else "") + ")\n"


def variables_of(form: Form) -> list[str]:
    """The names of the symbols; ArgumentError for what is no form."""
    polynomials(form)
    return variables(form)


def _expression(rows: Sequence[Term], symbols: Sequence[Any]) -> sympy.Expr:
    import sympy

    found = []
    for c, a in rows:
        parts = [_rational(c), *(_rational(v) * x for v, x in zip(a, symbols, strict=True) if v)]
        found.append(sympy.Add(*parts))
    if len(found) < 2:
        return found[0] if found else -sympy.oo
    return sympy.Max(*found, evaluate=False)


def _rational(value: Fraction) -> Any:
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


def _text(rows: Sequence[Term], names: Sequence[str]) -> str:
    found = [_term(c, a, names) for c, a in rows]
    if len(found) < 2:
        return found[0] if found else "-oo"
    return f"Max({wrapped([*found, 'evaluate=False'], indent='    ')})"


def _term(c: Fraction, a: Sequence[Fraction], names: Sequence[str]) -> str:
    """Rational(1, 3) + 2*x0 - x1."""
    text = ""
    for value, name in [(c, ""), *zip(a, names, strict=True)]:
        if value:
            size = _size(abs(value))
            part = size if not name else name if abs(value) == 1 else f"{size}*{name}"
            text += (" - " if text else "-") + part if value < 0 else (" + " if text else "") + part
    return text or "0"


def _size(value: Fraction) -> str:
    top, _, bottom = rational_text(value).partition("/")
    return f"Rational({top}, {bottom})" if bottom else top
