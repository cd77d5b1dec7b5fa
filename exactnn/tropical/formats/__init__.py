"""Tropical forms as files that other systems load; docs/tropical-formats.md says how each of them reads its own.

    suffix        who reads it               how the maximum of c + a . x is written
    .json         exactnn                    exact integers over denominators; `read_json` gives the form back
    .tex          people, LaTeX (amsmath)    as it is, with \\tfrac
    .sympy        sympy                      Max(..., evaluate=False) with Rational; `to_sympy` gives the expressions
    .smt2         z3 and other SMT solvers   ite, logic QF_LRA
    .polymake     polymake                   homogeneous integer exponents, rational coefficients
    .m2           Macaulay2                  coefficients lifted to exponents of t
    .gfan         gfan                       coefficients lifted to exponents of t
    .jl           OSCAR                      integer exponents, rational coefficients

What was scaled and shifted stands in the file, as a comment. All are max-plus, and variables are x0, x1, ... everywhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from exactnn.errors import ArgumentError
from exactnn.exact.files import write_text
from exactnn.exact.numbers import shown
from exactnn.tropical.formats._form import Form
from exactnn.tropical.formats.gfan import gfan_text
from exactnn.tropical.formats.json import json_text, read_json
from exactnn.tropical.formats.latex import latex_text
from exactnn.tropical.formats.macaulay2 import macaulay2_text
from exactnn.tropical.formats.oscar import oscar_text
from exactnn.tropical.formats.polymake import polymake_text
from exactnn.tropical.formats.smtlib import smtlib_text
from exactnn.tropical.formats.symbolic import sympy_text, to_sympy

__all__ = ["FORMATS", "read_json", "text", "to_sympy", "write"]

#: suffix -> what makes the text of a form
FORMATS = {
    ".json": json_text,
    ".tex": latex_text,
    ".sympy": sympy_text,
    ".smt2": smtlib_text,
    ".polymake": polymake_text,
    ".m2": macaulay2_text,
    ".gfan": gfan_text,
    ".jl": oscar_text,
}


def write(form: Form, path: str | os.PathLike[str]) -> None:
    """Write a tropical polynomial or rational map in the format that the suffix of the path names; the file appears whole or not at all.

    Parameters
    ----------
    form : TropicalPolynomial or TropicalRationalMap
    path : ends with one of `FORMATS`

    Raises
    ------
    ArgumentError
        For other suffixes.
    NotRepresentable
        If the system that reads the format cannot hold the form (an exponent beyond its integers, a polynomial without terms).
    SaveError
        If the file cannot be written.
    """
    try:
        suffix = Path(os.fspath(path)).suffix
    except TypeError:
        raise ArgumentError(f"path: the path of a file is needed, got {type(path).__name__}") from None
    if suffix.lower() not in FORMATS:
        raise ArgumentError(f"path: a file name that ends with one of {', '.join(FORMATS)} is needed, got {shown(str(path))}")
    write_text(path, text(form, suffix))


def text(form: Form, format: str) -> str:
    """The text that `write` puts into a file.

    Parameters
    ----------
    form : TropicalPolynomial or TropicalRationalMap
    format : a suffix of `FORMATS`, with or without its dot

    Examples
    --------
    >>> from exactnn.tropical import TropicalPolynomial
    >>> text(TropicalPolynomial({(0,): 0, (2,): "1/3"}), "sympy")
    'Max(0, Rational(1, 3) + 2*x0, evaluate=False)\\n'
    """
    suffix = f".{format.lower().removeprefix('.')}" if isinstance(format, str) else ""
    if suffix not in FORMATS:
        names = ", ".join(name.removeprefix(".") for name in FORMATS)
        raise ArgumentError(f"format: one of {names} is needed, got {shown(format)}")
    return FORMATS[suffix](form)
