"""Limits of the work that one certificate may ask for (docs/certificate-format.md, "Limits"), so that a few bytes cannot ask for hours.

Who trusts a certificate's author may give it so many times the work: `times`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._numbers import afford

LINE = 2**25  # evidence "line": for each node on each cell 8, and 1 for each entry and each place where it may have a kink
POINTS = 2**28  # claim "equal_at": products of entries and weights, at all points together
VALUES = 2**31  # a network evaluated at one point, and evidence "line": products of entries and weights, slopes and intercepts
FORMS = 2**22  # evidence "forms": forms of one network, those counted that are written entry by entry
PASS = 2**30  # evidence "pass": products of entries and weights, for all nodes and pairs of nodes together
ENCLOSURE = 2**28  # evidence "enclosure": bits of all entries behind nodes that are not affine, of one network
SPANS = 2**28  # and products of spans and weights
TREE = 2**32  # evidence "tree": products of coefficients, on all cells together
BOXES = 2**34  # evidence "boxes": products of a weight and a coefficient, on all leaves together
STAGED = 2**22  # and weights of the units of one network, written over inputs and units
COLUMNS = 2**25  # and coefficients of one value
SHALLOW = 2**26  # claim "orbits": products by which the affine nodes are composed; numbers in vectors; products of an elimination
ROWS = 2**12  # evidence "free" and "lattice": neurons
SUBSETS = 2**20  # evidence "halves": sets that it leaves; "lattice": nodes of its search
TERMS = 2**32  # numbers that are added up to test sets of neurons
STURM = (
    2**38
)  # claim "pole_free": for each function n^4 times the bits of its coefficients, of the ends and of n; n: terms of the longer side
RUN = 2**28  # claim "execution_error": for each entry 4 times the numbers that it is made of
FOLDED = 2**26  # evidence "pass", "boxes" and with "shared": numbers of the weights of folded nodes, of one network
SHARED = 2**28  # evidence with "shared": numbers of two nodes that are compared
SIDES = 2**30  # claim "identity": products in the values of its expressions, each times 1 + bits / 64
CONFIGURATIONS = 2**26  # evidence "enumeration": products, for all configurations


_factor: ContextVar[int] = ContextVar("_factor", default=1)


@contextmanager
def times(factor: int) -> Iterator[None]:
    """Within it every limit above is so many times as large."""
    token = _factor.set(factor)
    try:
        yield
    finally:
        _factor.reset(token)


def within(count: int, most: int, what: str, step: str) -> None:
    """BudgetExceeded if there are more than ``most``, times the factor in force, of something."""
    most *= _factor.get()
    afford(count <= most, step, f"more than {most} {what} are needed: too large for this checker")


class Budget:
    """So much of something, and no more; ``step`` is the place that is named when it is used up."""

    def __init__(self, total: int, what: str, step: str) -> None:
        self.total = self.left = total * _factor.get()
        self.what, self.step = what, step

    def spend(self, count: int) -> None:
        """BudgetExceeded once the total is used up."""
        self.left -= count
        afford(self.left >= 0, self.step, f"more than {self.total} {self.what} are needed: too large for this checker")
