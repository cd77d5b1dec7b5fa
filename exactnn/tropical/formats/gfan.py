"""gfan 0.6: max-plus, trivial valuations, exponents of at most nine digits; comments only after the closing brace.

$ gfan _tropicalhypersurface < p.gfan          the fan of one polynomial
$ gfan _tropicalintersection < F.gfan          the common refinement of the hypersurfaces of several
"""

from __future__ import annotations

from exactnn.tropical.formats._form import Form, commented, description, variables, with_terms, wrapped
from exactnn.tropical.formats._lift import Row, lifted

#: gfan's parser stops at integers of ten digits.
MOST = 10**9 - 1


def gfan_text(form: Form) -> str:
    """Q[t, x0, ...] {P0, Q0, P1, ...}: one polynomial with coefficients 1 for each tropical polynomial, lifted by t."""
    named = with_terms(form, "gfan")
    rows, words = lifted(named, "gfan", MOST)
    names = ["t", *variables(form)]
    body = ",\n".join(wrapped([monomial(row, names) for row in found], between=" + ", indent="  ") for found in rows.values())
    order = f"The polynomials above are {', '.join(rows)}, in this order."
    # gfan has no comments, but reads no further than the closing brace.
    return f"Q[{','.join(names)}]\n{{\n{body}\n}}\n" + commented([*description(form), order, *words], "%")


def monomial(exponents: Row, names: list[str]) -> str:
    """t^2*x0, say; 1 where all exponents are 0."""
    return "*".join(name if e == 1 else f"{name}^{e}" for name, e in zip(names, exponents, strict=True) if e) or "1"
