"""Neurons with bounded integer weights up to scaling, sets of them up to symmetry, and the first member of each class.

A neuron a max(w . x + b, 0) is, up to positive scaling, a *unit* (j, p): (w, b) = L p with p primitive, L > 0, and j = L a. It has a
realisation with |entries| <= B exactly if some L <= B / max|p| divides j with |j| <= L B. The degenerate ones: a = 0 is (0, p), and
(w, b) = 0 is (a divided by its gcd, 0), since scaling acts on a alone.

In an irreducible zero network every hyperplane carries two opposite neurons with jumps j and -j (theorem A), and (j, p) and (-j, -p)
mean the same two; the unit with the first non-zero entry of j positive stands for the *pair*.

The group: signed permutations of the inputs and signs of the outputs (finite; acts on units and keeps the bounds), and positive factors
of the outputs. Each class is represented by the smallest of its members within the bounds, as sorted tuples of numbers of units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations, product

from exactnn.errors import ArgumentError
from exactnn.exact.clock import Clock

Vector = tuple[int, ...]
#: (j, p)
Unit = tuple[Vector, Vector]
#: (a, w, b) of one neuron
Neuron = tuple[Vector, Vector, int]

_TABLE = 1 << 23  # entries of the table of the group; seconds


class Units:
    """All units within the bounds, numbered so that small numbers come first; the finite group as permutations of the numbers.

    Parameters
    ----------
    inputs, outputs, bound : the sizes d and m, and B
    pairs : units stand for pairs of opposite neurons (no constant and no degenerate ones), else for single neurons of every kind
    nonzero : only those with all of a, w, b non-zero
    """

    def __init__(self, inputs: int, outputs: int, bound: int, *, pairs: bool, nonzero: bool = False, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self.inputs, self.outputs, self.bound, self.pairs = inputs, outputs, bound, pairs
        symmetries = 2 ** (inputs + outputs) * math.factorial(inputs)
        made: set[Unit] = set()
        for unit in self._all():
            if not nonzero or all(unit[0] + unit[1]):
                made.add(unit)
                if len(made) * symmetries > _TABLE:
                    raise ArgumentError(
                        f"inputs, outputs, max_weight: a smaller search is needed; at most {_TABLE // symmetries} neurons up to scaling "
                        f"(of these sizes, with {symmetries} symmetries of inputs and outputs), got more"
                    )
        self.units: list[Unit] = sorted(made, key=self._order)
        self.number = {u: i for i, u in enumerate(self.units)}
        self.images = self._table()
        #: the smallest number in each unit's orbit, and the rows of `images` that lead there
        self.least = [min(column) for column in zip(*self.images, strict=True)] if self.units else []
        self._leading = [[row for row in self.images if row[i] == least] for i, least in enumerate(self.least)]

    def admissible(self, unit: Unit) -> bool:
        """Whether some neuron within the bounds is this unit."""
        return next(self.factors(unit), None) is not None

    def factors(self, unit: Unit) -> Iterator[int]:
        """The L for which ((1/L) j, L p) is within the bounds."""
        j, p = unit
        size, largest = max(map(abs, p)), max(map(abs, j))
        if not size:
            yield from range(1, self.bound // largest + 1) if largest else (1,)
            return
        divisor = math.gcd(*j)
        for scale in range(1, self.bound // size + 1):
            if divisor % scale == 0 and largest <= scale * self.bound:
                yield scale

    def realisations(self, unit: Unit) -> Iterator[Neuron]:
        """All neurons within the bounds that are this unit."""
        j, p = unit
        degenerate = not any(p)
        for scale in self.factors(unit):
            a = tuple(n * scale for n in j) if degenerate else tuple(n // scale for n in j)
            yield a, tuple(scale * n for n in p[:-1]), scale * p[-1]

    def neurons(self, chosen: Sequence[int]) -> list[Neuron]:
        """A network of these units: the first realisation of each."""
        found = []
        for i in chosen:
            a, w, b = next(self.realisations(self.units[i]))
            found.append((a, w, b))
            if self.pairs:
                found.append((_negative(a), _negative(w), -b))
        return found

    def unit_of(self, neuron: Neuron) -> int:
        """The number of a neuron's unit (of its pair, where units stand for pairs)."""
        a, w, b = neuron
        scale = math.gcd(*w, b)
        if scale:
            return self.number[self.oriented((tuple(n * scale for n in a), tuple(n // scale for n in (*w, b))))]
        return self.number[tuple(n // (math.gcd(*a) or 1) for n in a), (*w, b)]

    def oriented(self, unit: Unit) -> Unit:
        """The unit that stands for it."""
        j, p = unit
        return (_negative(j), _negative(p)) if self.pairs and next((n for n in j if n), 0) < 0 else unit

    # --- classes ---------------------------------------------------------------------------------------------------------

    def is_first_of_orbit(self, chosen: Sequence[int]) -> bool:
        """Whether no element of the finite group makes the sorted tuple smaller. Holds for every prefix of one for which it holds."""
        first = chosen[0]
        if any(self.least[i] < first for i in chosen):
            return False
        own = list(chosen)
        return all(
            sorted([row[k] for k in own]) >= own for i in dict.fromkeys(chosen) if self.least[i] == first for row in self._leading[i]
        )

    def is_first(self, chosen: Sequence[int]) -> bool:
        """Whether this, known to be first of its orbit, is first of its class: factors of the outputs do not make it smaller either."""
        if self.outputs == 1:  # divisors of admissible jumps are admissible
            return math.gcd(*(self.units[i][0][0] for i in chosen if any(self.units[i][1]))) <= 1
        own = tuple(chosen)
        return all(self._first_of_orbit(scaled) >= own for scaled in self.scaled(chosen))

    def first(self, chosen: Sequence[int]) -> tuple[int, ...]:
        """The representative of the class of this one."""
        return min(self._first_of_orbit(scaled) for scaled in self.scaled(chosen))

    def members(self, chosen: Sequence[int]) -> set[tuple[int, ...]]:
        """The whole class within the bounds."""
        return {tuple(sorted(row[i] for i in scaled)) for scaled in self.scaled(chosen) for row in self.images}

    def scaled(self, chosen: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """It, multiplied by positive rational factors of the outputs in all ways within the bounds."""
        mine = [self.units[i] for i in chosen]
        choices = [self._factors(mine, o) for o in range(self.outputs)]
        if not any(any(p) and any(j) for j, p in mine):  # only ratios of factors matter
            first = next((o for o, choice in enumerate(choices) if len(choice) > 1), 0)
            choices[first] = [Fraction(1)]
        for factors in product(*choices):
            numbers = []
            for j, p in mine:
                q = [n * f for n, f in zip(j, factors, strict=True)]
                if not any(p):
                    common = math.lcm(*(x.denominator for x in q))
                    divisor = math.gcd(*(int(x * common) for x in q)) or 1
                    q = [x * common / divisor for x in q]
                number = self.number.get((tuple(map(int, q)), p)) if all(x.denominator == 1 for x in q) else None
                if number is None:
                    break
                numbers.append(number)
            else:
                yield tuple(sorted(numbers))

    def _factors(self, units: list[Unit], output: int) -> list[Fraction]:
        live = next((abs(j[output]) for j, p in units if any(p) and j[output]), None)
        if live is not None:  # within the bounds |j| <= B^2
            return [Fraction(n, live) for n in range(1, self.bound**2 + 1)]
        if self.outputs > 1 and any(j[output] for j, p in units):  # ratios of entries, from output to output
            most = self.bound ** (2 * self.outputs)
            return sorted({Fraction(n, k) for n in range(1, most + 1) for k in range(1, most + 1)})
        return [Fraction(1)]

    def _first_of_orbit(self, chosen: Sequence[int]) -> tuple[int, ...]:
        return min(tuple(sorted(row[i] for i in chosen)) for row in self.images)

    # --- making them -----------------------------------------------------------------------------------------------------

    def _all(self) -> Iterator[Unit]:
        span = range(-self.bound, self.bound + 1)
        outgoing = list(product(span, repeat=self.outputs))
        for p in product(span, repeat=self.inputs + 1):
            if self.pairs and not any(p[:-1]):
                continue
            divisor = math.gcd(*p)
            if divisor > 1:
                continue
            for a in outgoing:
                if divisor == 0:
                    yield tuple(n // (math.gcd(*a) or 1) for n in a), p
                elif not any(a):
                    if not self.pairs:
                        yield a, p
                elif not self.pairs or next(n for n in a if n) > 0:
                    for scale in range(1, self.bound // max(map(abs, p)) + 1):
                        yield tuple(scale * n for n in a), p

    def _order(self, unit: Unit) -> tuple[object, ...]:
        """Plane by plane, each hyperplane's live units together; then what is on no hyperplane, or dead. Small numbers first."""
        j, p = unit
        plane = self.plane(unit)
        if self.pairs or plane is None:
            return (plane is None, *_size(p), _size(j), unit)
        return (False, *_size(plane), p != plane, _size(j), unit)

    def plane(self, unit: Unit) -> Vector | None:
        """The hyperplane of a live unit, first non-zero entry positive; None if there is none."""
        j, p = unit
        lead = next((n for n in p[:-1] if n), 0)
        return None if not lead or not any(j) else p if lead > 0 else _negative(p)

    def _table(self) -> list[list[int]]:
        table: dict[tuple[int, ...], None] = {}
        places = list(permutations(range(self.inputs)))
        for order, signs, turned in product(places, product((1, -1), repeat=self.inputs), product((1, -1), repeat=self.outputs)):
            row = []
            self._clock.check("the symmetries of the inputs were being tabulated")
            for j, p in self.units:
                moved = *(s * p[k] for s, k in zip(signs, order, strict=True)), p[-1]
                row.append(self.number[self.oriented((tuple(s * n for s, n in zip(turned, j, strict=True)), moved))])
            table[tuple(row)] = None
        return [list(row) for row in table]


def offset(neurons: Sequence[Neuron]) -> Vector:
    """The c for which c + sum a max(w . x + b, 0) vanishes, if there is one (docs/theory.md 1)."""
    total = [0] * len(neurons[0][0])
    for a, w, b in neurons:
        lead = next((n for n in w if n), 0)
        value = b if lead < 0 else max(b, 0) if lead == 0 else 0
        total = [t - n * value for t, n in zip(total, a, strict=True)]
    return tuple(total)


def _negative(vector: Vector) -> Vector:
    return tuple(-n for n in vector)


def _size(vector: Vector) -> tuple[int, int, int, Vector]:
    """Small entries first, then few, then few negative ones, the first ones first."""
    return max(map(abs, vector)), sum(map(abs, vector)), sum(n < 0 for n in vector), tuple(-n for n in vector)
