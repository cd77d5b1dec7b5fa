"""polymake 4: projective max-plus hypersurfaces, with homogeneous integer exponents and rational coefficients.

polytope > application "tropical";
tropical > ($numerators, $denominators) = @{script("F.polymake")};
tropical > print $numerators->[0]->VERTICES;         # rows (1, 0, y): points, (0, 0, y): rays
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exactnn.exact.numbers import rational_text, short
from exactnn.tropical.formats._form import Form, Term, commented, description, with_terms
from exactnn.tropical.formats._lift import Row, check, exponent_scale

#: polymake's Int.
MOST = 2**63 - 1


def polymake_text(form: Form) -> str:
    """A script whose value is a Hypersurface<Max>, or for a map the pair of its numerators and its denominators."""
    named = with_terms(form, "polymake")
    scale = exponent_scale(named)
    rows = {name: homogeneous([scale.integers(a) for _, a in found]) for name, found in named.items()}
    check(rows, "polymake", MOST, f"exponents times {short(scale.factor)}, made homogeneous")
    words = [
        "A row (b_h, b) of MONOMIALS stands for the exponents a_i = s_i + b_i / S; b_h, in front, makes all rows of a polynomial have",
        "the same sum (homogenised by polymake's x_0; our x0 is its x_1). COEFFICIENTS are as they are.",
        f"  exponents:     S = {rational_text(scale.factor)}, s = {scale.shift_text}",
        "so that p(x) = s . x + max (c + b . x / S). A row (1, 0, y) of VERTICES is the point x = S y of the hypersurface of p.",
        "A polynomial with one term has no hypersurface, and polymake's vertices of it mean nothing.",
    ]
    text = commented([*description(form), *words], "#") + 'use application "tropical";\n'
    if "p" in named:
        return text + f"my $p = {_hypersurface('p', named, rows)};\n$p;\n"
    for word, letter in (("numerators", "P"), ("denominators", "Q")):
        text += f"my @{word} = ();\n"
        text += "".join(f"push @{word}, {_hypersurface(name, named, rows)};\n" for name in named if name[0] == letter)
    return text + "[\\@numerators, \\@denominators];\n"


def homogeneous(rows: Sequence[Row]) -> list[Row]:
    """The rows with one more entry >= 0 in front that makes all sums equal."""
    degree = max(map(sum, rows))
    return [(degree - sum(row), *row) for row in rows]


def _hypersurface(name: str, named: Mapping[str, Sequence[Term]], rows: Mapping[str, Sequence[Row]]) -> str:
    monomials = ",\n    ".join(f"[{','.join(map(str, row))}]" for row in rows[name])
    coefficients = ",\n    ".join(f'"{rational_text(c)}"' for c, _ in named[name])
    return f'new Hypersurface<Max>("{name}",\n  MONOMIALS=>[\n    {monomials}],\n  COEFFICIENTS=>[\n    {coefficients}])'
