"""Rational activations, exactly: rational functions as values, partial fractions, poles, certified bounds, ERA."""

from exactnn.exact.enclosure import Enclosure
from exactnn.exact.roots import ComplexRoot, RealRoot
from exactnn.rational._analysis import NearestPole, Range, Report
from exactnn.rational._audit import Audit, audit, maximum_error
from exactnn.rational._plot import plot
from exactnn.rational.documents import from_document, to_document
from exactnn.rational.era import ERA
from exactnn.rational.function import AtInfinity, RationalFunction
from exactnn.rational.pade import BOULLE, PadeUnit, Piece
from exactnn.rational.partial_fractions import Part, PartialFractions, RealPart, RealPartialFractions

__all__ = [
    "AtInfinity",
    "Audit",
    "BOULLE",
    "ComplexRoot",
    "ERA",
    "Enclosure",
    "NearestPole",
    "PadeUnit",
    "Part",
    "PartialFractions",
    "Piece",
    "Range",
    "RationalFunction",
    "RealPart",
    "RealPartialFractions",
    "RealRoot",
    "Report",
    "audit",
    "from_document",
    "maximum_error",
    "plot",
    "to_document",
]


def __dir__() -> list[str]:
    return sorted(__all__)
