"""One linear region: its activation pattern, a point inside it, its inequalities, its affine map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from exactnn.exact.numbers import sum_text
from exactnn.exact.polyhedron import Polyhedron
from exactnn.texts import number, vector
from exactnn.value import ROWS, Value

Point = tuple[Fraction, ...]
_FEW = 8  # outputs that are printed


@dataclass(frozen=True, repr=False)
class Neuron(Value):
    """A unit that makes a facet: entry `index` of the node `layer`, at its kink (or pooling step) number `part`.

    layer is "domain" for an inequality of the domain, and index its row (for a box the rows are x_j <= upper_j, then -x_j <= -lower_j).
    """

    layer: str
    index: int
    part: int = 0


@dataclass(frozen=True, repr=False)
class Inequality(Value):
    """normal . x <= offset in coprime integers, and every neuron whose pre-activation vanishes on that facet."""

    normal: tuple[int, ...]
    offset: int
    neurons: tuple[Neuron, ...]


@dataclass(frozen=True, repr=False)
class Region(Value):
    """A full-dimensional set of one activation pattern, {x : normal . x <= offset for all inequalities}, on which net(x) = A x + b.

    Attributes
    ----------
    pattern : for each activation node in order, one number for each of its entries: how many of its kinks lie below the pre-activation
        (for ReLU: 1 if it is > 0, else 0); for max pooling the set of maximisers (bit i for the window's i-th entry)
    interior_point : a rational point strictly inside, with few bits
    inequalities : irredundant: each makes a facet
    affine_map : (A, b), A one row for each output
    is_bounded : whether it lies in a ball
    """

    pattern: tuple[tuple[int, ...], ...]
    interior_point: Point
    inequalities: tuple[Inequality, ...]
    affine_map: tuple[tuple[Point, ...], Point]
    is_bounded: bool

    def _summary(self) -> str:
        facets = f"{len(self.inequalities)} facet{'s' * (len(self.inequalities) != 1)}"
        return f"{facets}, {'' if self.is_bounded else 'un'}bounded, around {vector(self.interior_point, 60)}"

    def _rows(self) -> list[tuple[str, str]]:
        A, b = self.affine_map
        rows = [("pattern", " ".join("".join(map(str, layer[:ROWS])) for layer in self.pattern[:ROWS]))]
        rows.append(("inside", vector(self.interior_point)))
        rows += [(f"f_{j}", _affine(row, c)) for j, (row, c) in enumerate(zip(A[:_FEW], b, strict=False))]
        rows += [("facet", f"{_affine(i.normal, 0)} <= {number(i.offset)}") for i in self.inequalities[:ROWS]]
        return rows

    @cached_property
    def polyhedron(self) -> Polyhedron:
        """The closed region as a polyhedron."""
        if not self.inequalities:
            return Polyhedron.whole_space(len(self.interior_point))
        return Polyhedron([i.normal for i in self.inequalities], [i.offset for i in self.inequalities])

    def vertices(self) -> tuple[Point, ...]:
        """The vertices, in lexicographic order."""
        return self.polyhedron.vertices()

    def volume(self) -> Fraction:
        """The volume; ArgumentError if the region is unbounded."""
        return self.polyhedron.volume()


def _affine(row: Sequence[Fraction | int], constant: Fraction | int) -> str:
    """row . x + constant, as many terms as a line may hold."""
    terms = [(Fraction(q), f"x{j}") for j, q in enumerate(row[:ROWS])]
    return sum_text([*terms, (Fraction(constant), "")]) + (" + ..." if len(row) > ROWS else "")
