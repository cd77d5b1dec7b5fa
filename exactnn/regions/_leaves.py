"""From the leaves of the search to regions, in any dimension: a leaf's inequalities without the redundant ones, and who makes each.

Max pooling has several cells of one pattern. Their union is convex, so that its facets lie in those hyperplanes of its cells' facets
that no cell crosses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flint import fmpz_mat

from exactnn.cells import AffineRow, Leaf, Program, Search, polyhedron_of
from exactnn.exact.clock import Clock
from exactnn.exact.lp import Nonnegative
from exactnn.exact.numbers import primitive
from exactnn.exact.polyhedron import Polyhedron
from exactnn.regions._cells import affine_map, matrices, neuron_of, rank
from exactnn.regions.region import Inequality, Neuron, Region


def searched_regions(program: Program, clock: Clock) -> Iterator[Region]:
    """The regions, as the search finds their cells; with max pooling at its end, since a region may have cells anywhere."""
    leaves = Search(program, clock).leaves()
    if program.patterns_are_signs:
        for found, leaf in enumerate(leaves):
            yield _region(program, [leaf], clock, found)
        return
    groups: dict[bytes, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault(program.patterns(leaf.signs[None]).tobytes(), []).append(leaf)
    for found, group in enumerate(groups.values()):
        yield _region(program, group, clock, found)


def _region(program: Program, leaves: Sequence[Leaf], clock: Clock, before: int) -> Region:
    """The region of these cells, before which so many were found."""
    found: dict[AffineRow, set[Neuron]] = {}
    cells = [polyhedron_of(leaf.inequalities, program.input_dim) for leaf in leaves]
    for leaf, cell in zip(leaves, cells, strict=True):
        stages, outputs = matrices(program, leaf.signs[None])
        redundant, makers = cell.redundant_rows(), _makers(program, leaf, stages)
        for i, row in enumerate(leaf.inequalities):
            clock.check(f"the inequalities of a region were being sought; {before} regions were found", before)
            if i not in redundant and all(other is cell or _holds(row, other) for other in cells):
                found.setdefault(row, set()).update(makers[row])
    return Region(
        program.named_pattern(program.patterns(leaves[0].signs[None])[0]),
        leaves[0].interior_point,
        tuple(Inequality(tuple(-c for c in row[:-1]), row[-1], tuple(sorted(found[row], key=rank))) for row in found),
        affine_map(outputs[0], 0, program.input_dim),
        all(cell.is_bounded() for cell in cells),
    )


def _makers(program: Program, leaf: Leaf, stages: Sequence[tuple[fmpz_mat, int]]) -> dict[AffineRow, set[Neuron]]:
    """For each hyperplane, as the row that is >= 0 on the leaf, the units that vanish there, and the sides of a box."""
    found: dict[AffineRow, set[Neuron]] = {}
    for row, unit in zip(leaf.inequalities, leaf.units, strict=True):
        if unit < 0:
            found.setdefault(row, set()).add(Neuron("domain", -1 - unit))
    for first, (matrix, _) in zip(program.first[:-1], stages, strict=True):
        for unit, form in enumerate(matrix.tolist(), first):
            sign = int(leaf.signs[unit])
            if sign:
                found.setdefault(primitive([sign * int(v) for v in form]), set()).add(neuron_of(program, unit))
    return found


def _holds(row: AffineRow, cell: Polyhedron) -> bool:
    return isinstance(cell.nonnegative(row[:-1], row[-1]), Nonnegative)
