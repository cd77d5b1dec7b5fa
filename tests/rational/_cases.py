"""The ground truth of theory/era_cooling.md, section 6, and hypothesis strategies."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from exactnn.rational import RationalFunction

X = RationalFunction.x()

small = st.fractions(min_value=-6, max_value=6, max_denominator=6)
coefficients = st.lists(small, min_size=1, max_size=5)
functions = st.builds(RationalFunction, coefficients, coefficients.filter(any))


@st.composite
def from_factors(draw: st.DrawFn) -> tuple[list[Fraction], list[Fraction]]:
    """Coefficients of a polynomial with known real roots (with repetitions), times quadratics without any."""
    roots = draw(st.lists(st.fractions(min_value=-4, max_value=4, max_denominator=5), max_size=4))
    product = RationalFunction([draw(small.filter(bool))])
    for root in roots:
        product *= X - root
    for e, f in draw(st.lists(st.tuples(small, st.fractions(min_value=Fraction(1, 50), max_value=3)), max_size=2)):
        product *= (X - e) ** 2 + f
    return list(product.numerator), roots
