"""All zero networks within bounds, class by class: pruned depth first search with one look-up at the end, in constant memory.

Units (`_zero_classes`) are added in increasing order. A prefix that the finite group can make smaller is given up: if a set is the first
of its orbit, so are its prefixes.

*Irreducible.* Every hyperplane carries a pair with jumps j and -j, and the pairs (j_h, u_h, v_h) make a zero network exactly if their
hyperplanes are distinct and sum_h j_h u_h^T = 0. The last pair is looked up by its j u^T.

*Any.* The jumps on every hyperplane add up to 0, and sum j u^T over the neurons on the negative sides is 0. Units are ordered by
hyperplane, so that the sum of a hyperplane is known to be 0 when the next one begins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from exactnn.exact.clock import Clock
from exactnn.symmetry._zero_classes import Unit, Units, Vector

_STEPS = 2000  # nodes between two looks at the clock


class PairSearch:
    """The irreducible zero networks of `count` hyperplanes."""

    def __init__(self, units: Units, count: int, clock: Clock) -> None:
        self.units, self.count, self.clock = units, count, clock
        self.nodes = 0
        self._load = [_load(unit) for unit in units.units]
        planes: dict[Vector | None, int] = {}
        self._plane = [planes.setdefault(units.plane(u), len(planes)) for u in units.units]
        self._with: dict[Vector, list[int]] = defaultdict(list)
        for i, load in enumerate(self._load):
            self._with[load].append(i)
        self._largest = max((abs(n) for load in self._load for n in load), default=0)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        zero = (0,) * (self.units.inputs * self.units.outputs)
        return self._extended((), zero, self.count)

    def _extended(self, chosen: tuple[int, ...], total: Vector, left: int) -> Iterator[tuple[int, ...]]:
        units, plane = self.units, self._plane
        used = {plane[i] for i in chosen}
        first, last = (chosen[0], chosen[-1]) if chosen else (0, -1)
        candidates: list[int] | range = range(last + 1, len(units.units))
        if left == 1:
            candidates = self._with.get(tuple(-n for n in total), [])
        reach = (left - 1) * self._largest
        for i in candidates:
            self.nodes += 1
            if self.nodes % _STEPS == 1:
                self.clock.check(f"{self.nodes} partial networks were looked at")
            if i <= last or units.least[i] < (first if chosen else i) or plane[i] in used:
                continue
            if left > 1:
                added = tuple(a + b for a, b in zip(total, self._load[i], strict=True))
                if any(abs(n) > reach for n in added):
                    continue
            longer = (*chosen, i)
            if not units.is_first_of_orbit(longer):
                continue
            if left > 1:
                yield from self._extended(longer, added, left - 1)
            elif units.is_first(longer):
                yield longer


class NeuronSearch:
    """All zero networks of `count` neurons, degenerate ones too."""

    def __init__(self, units: Units, count: int, clock: Clock, *, no_linear_pair: bool) -> None:
        self.units, self.count, self.clock, self.no_linear_pair = units, count, clock, no_linear_pair
        self.nodes = 0
        self._planes = [units.plane(u) for u in units.units]
        self._loose = next((i for i, plane in enumerate(self._planes) if plane is None), len(self._planes))
        last = {plane: i + 1 for i, plane in enumerate(self._planes)}
        self._end = [last[plane] for plane in self._planes]  # of the hyperplane

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        outputs, inputs = self.units.outputs, self.units.inputs
        return self._extended((), (0,) * outputs, (0,) * (outputs * inputs), self.count)

    def _extended(self, chosen: tuple[int, ...], jump: Vector, slope: Vector, left: int) -> Iterator[tuple[int, ...]]:
        """`jump`: the sum of the current hyperplane; `slope`: M so far."""
        units = self.units
        if not left:
            if not any(jump) and not any(slope) and units.is_first(chosen):
                yield chosen
            return
        start, stop = chosen[-1] if chosen else 0, len(units.units)
        if any(jump):
            stop = self._end[start]
        elif left == 1 or (chosen and self._planes[start] is None):
            start = max(start, self._loose)
            if any(slope):
                return
        for i in range(start, stop):
            self.nodes += 1
            if self.nodes % _STEPS == 1:
                self.clock.check(f"{self.nodes} partial networks were looked at")
            plane = self._planes[i]
            j, p = units.units[i]
            if plane is None:
                if any(slope):
                    break
                new_jump, new_slope = jump, slope
            else:
                new_jump = tuple(a + b for a, b in zip(jump, j, strict=True))
                if left == 1 and any(new_jump):
                    continue
                new_slope = slope if p == plane else tuple(s + t for s, t in zip(slope, _load(units.units[i]), strict=True))
                if self.no_linear_pair and _makes_linear_pair(units, chosen, i):
                    continue
            longer = (*chosen, i)
            if units.is_first_of_orbit(longer):
                yield from self._extended(longer, new_jump, new_slope, left - 1)


def _load(unit: Unit) -> Vector:
    j, p = unit
    return tuple(n * k for n in j for k in p[:-1])


def _makes_linear_pair(units: Units, chosen: tuple[int, ...], new: int) -> bool:
    """Whether one of the chosen units is opposite to the new one with the opposite jump: the two add up to an affine function."""
    j, p = units.units[new]
    opposite = tuple(-n for n in j), tuple(-n for n in p)
    return any(units.units[k] == opposite for k in chosen)
