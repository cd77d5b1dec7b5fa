"""OSCAR (Julia): polynomials over tropical_semiring(max), with integer exponents and rational coefficients.

julia> include("F.jl")
julia> tropical_hypersurface(numerators[1])
julia> evaluate(numerators[1], T.(QQ.([1//2, 1])))     # the maximum at y, x = S y
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactnn.exact.numbers import rational_text, short
from exactnn.tropical.formats._form import Form, Term, commented, description, variables, with_terms
from exactnn.tropical.formats._lift import Row, check, exponent_scale

#: Julia's Int.
MOST = 2**63 - 1


def oscar_text(form: Form) -> str:
    """Julia code that makes `p`, or the vectors `numerators` and `denominators`, over tropical_semiring(max)."""
    named = with_terms(form, "OSCAR")
    scale = exponent_scale(named)
    rows = {name: [scale.integers(a) for _, a in found] for name, found in named.items()}
    check(
        {name: [(sum(row),) for row in found] for name, found in rows.items()},
        "OSCAR",
        MOST,
        f"exponents times {short(scale.factor)}, of each term together",
    )
    words = [
        "The monomial of exponents b stands for the exponents a_i = s_i + b_i / S; coefficients are as they are.",
        f"  exponents:     S = {rational_text(scale.factor)}, s = {scale.shift_text}",
        "so that p(x) = s . x + max (c + b . x / S). A point y of the tropical hypersurface is the point x = S y of that of p.",
    ]
    names = ", ".join(f'"{name}"' for name in variables(form))
    text = commented([*description(form), *words], "#")
    text += f"using Oscar\nT = tropical_semiring(max)\nR, x = polynomial_ring(T, [{names}])\n"
    text += "tropical(terms) = sum(T(c) * monomial(R, b) for (c, b) in terms)\n"
    if "p" in named:
        return text + f"p = {_polynomial(named['p'], rows['p'])}\n"
    for word, letter in (("numerators", "P"), ("denominators", "Q")):
        inside = ",\n  ".join(_polynomial(named[name], rows[name]) for name in named if name[0] == letter)
        text += f"{word} = [\n  {inside}]\n"
    return text


def _polynomial(terms: Sequence[Term], rows: Sequence[Row]) -> str:
    pairs = ",\n    ".join(f"({_number(c)}, [{', '.join(map(str, row))}])" for (c, _), row in zip(terms, rows, strict=True))
    return f"tropical([\n    {pairs}])"


def _number(value: Fraction) -> str:
    """QQ(1//3); Julia's literals of more than 64 bits differ in type, and are written as big integers."""
    top, bottom = (
        (_integer(part) for part in rational_text(value).split("/")) if value.denominator != 1 else (_integer(rational_text(value)), "")
    )
    return f"QQ({top}//{bottom})" if bottom else f"QQ({top})"


def _integer(text: str) -> str:
    return text if len(text) < 19 else f'big"{text}"'
