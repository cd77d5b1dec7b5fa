"""Which of the units that cut a cell cuts it first: one in the middle, so that the others are shared out.

On a line through the interior point the hyperplanes meet the cell in places; the unit at their median is taken. This bears on the size of
the tree only (a thousand parallel hyperplanes: n log n proofs instead of n^2), so that floats may decide.
"""

from __future__ import annotations

from operator import mul

from exactnn.cells._search_cell import SearchCell

#: Fewer pending units are taken as they come.
_FEW = 6


def middle(cell: SearchCell) -> int:
    """The place in its stage of a pending unit."""
    if len(cell.pending) < _FEW:
        return cell.pending[0]
    try:
        return _median(cell)
    except OverflowError:
        return cell.pending[0]


def _median(cell: SearchCell) -> int:
    inner = cell.inner
    origin = [v / inner[-1] for v in inner[:-1]]
    direction = [1.0 + ((0.618 * j) % 1.0) for j in range(len(origin))]
    low, high = float("-inf"), float("inf")
    for form in cell.forms:
        value, slope = _along(form, origin, direction)
        if slope > 0:
            low = max(low, -value / slope)
        elif slope < 0:
            high = min(high, -value / slope)
    places = []
    for j in cell.pending:
        value, slope = _along(cell.rows[j], origin, direction)
        if slope:
            place = -value / slope
            if low < place < high:
                places.append((place, j))
    if not places:
        return cell.pending[0]
    places.sort()
    return places[len(places) // 2][1]


def _along(form: tuple[int, ...], origin: list[float], direction: list[float]) -> tuple[float, float]:
    """The form's value at the origin and its slope in the direction."""
    value: float = sum(map(mul, form, origin), float(form[-1]))
    slope: float = sum(map(mul, form, direction))
    return value, slope
