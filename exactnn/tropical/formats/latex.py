"""LaTeX for people: a fragment for \\input that needs amsmath, one align* with the maxima broken over lines."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactnn.exact.numbers import rational_text
from exactnn.tropical.formats._form import Form, Term, commented, description, domain_rows, polynomials, terms
from exactnn.tropical.polynomial import TropicalPolynomial

_WIDTH = 64  # of a line, in characters as they are printed
_BREAK = " \\\\\n"


def latex_text(form: Form) -> str:
    """F_j(x) = P_j(x) - Q_j(x), the maxima in aligned lines that may be broken over pages."""
    named = polynomials(form)
    lines = (
        [] if isinstance(form, TropicalPolynomial) else [f"{_entry('F', j)} &= {_entry('P', j)} - {_entry('Q', j)}" for j in _outputs(form)]
    )
    lines += [_BREAK.join(_polynomial(name, terms(p))) for name, p in named.items()]
    lines += [f"&{_sum([(v, _variable(i)) for i, v in enumerate(a)])} \\le {number(b)}" for a, b in _domain(form)]
    words = [*description(form), "Nothing was scaled. Needs \\usepackage{amsmath}; use by \\input."]
    return commented(words, "%") + "{\\allowdisplaybreaks\n\\begin{align*}\n" + _BREAK.join(lines) + "\n\\end{align*}}\n"


def _outputs(form: Form) -> range:
    return range(0 if isinstance(form, TropicalPolynomial) else form.output_dim)


def _domain(form: Form) -> list[tuple[tuple[Fraction, ...], Fraction]]:
    return [] if isinstance(form, TropicalPolynomial) else domain_rows(form)


def _polynomial(name: str, rows: Sequence[Term]) -> list[str]:
    left = f"{name}(x)" if name == "p" else _entry(name[0], int(name[1:]))
    if not rows:
        return [f"{left} &= -\\infty"]
    found = [_sum([(c, ""), *((v, _variable(i)) for i, v in enumerate(a))]) for c, a in rows]
    if len(found) == 1:
        return [f"{left} &= {found[0]}"]
    lines = [f"{left} &= \\max\\{{"]
    room = _WIDTH
    for i, term in enumerate(found):
        word = term + ("\\}" if i == len(found) - 1 else ", ")
        size = _printed(word)
        if i and size > room:
            lines[-1] = lines[-1].rstrip()
            lines.append("&\\qquad ")
            room = _WIDTH
        lines[-1] += word
        room -= size
    return lines


def _entry(letter: str, j: int) -> str:
    return f"{letter}_{{{j}}}(x)"


def _variable(i: int) -> str:
    return f"x_{{{i}}}"


def _printed(text: str) -> int:
    """About how wide a formula is: commands and braces are not printed, and a fraction is half as wide as its digits."""
    return len(text.replace("\\tfrac", "").replace("_", "").replace("{", "").replace("}", ""))


def number(value: Fraction) -> str:
    r"""3, -3, \tfrac{1}{3}, -\tfrac{1}{3}."""
    top, _, bottom = rational_text(abs(value)).partition("/")
    size = f"\\tfrac{{{top}}}{{{bottom}}}" if bottom else top
    return f"-{size}" if value < 0 else size


def _sum(pairs: Sequence[tuple[Fraction, str]]) -> str:
    text = ""
    for value, name in pairs:
        if value:
            size = number(abs(value))
            part = size if not name else name if abs(value) == 1 else f"{size} {name}"
            text += (" - " if text else "-") + part if value < 0 else (" + " if text else "") + part
    return text or "0"
