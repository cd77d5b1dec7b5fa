"""All subsets with a given sum:  {T : sum_{i in T} v_i = t},  v_i in Z^D, decided completely.

Four ways, the cheapest that fits (deciding whether there is any such T is NP-complete):

    free      v_i, i not in F, independent modulo a prime: each of the 2^|F| choices on F leaves at most one T
    halves    meet in the middle: sums of both halves as words (a linear hash modulo the prime 2^61 - 1), equal words compared exactly
    lattice   {x in Z^n : sum x_i v_i = 0} has a reduced basis (LLL); the coordinates of x in it, last first, lie in intervals given by
              0 <= x_i <= 1, and these are gone through
    split     the first few elements in all ways, the rest by halves

z3 tries what is left, if there is a time limit.

Words and floats propose; every subset is tested exactly, and that none is missing rests on exact arithmetic: a sum that vanishes has
hash 0, a set that is independent modulo a prime is independent, and the intervals are those of integers. The evidence is written for the
checker (docs/certificate-format.md, "Orbits"). Theory: docs/theory.md 13.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat, nmod_mat

from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import fraction
from exactnn.exact.writing import json_number
from exactnn.symmetry._smt import Script, term, total

PRIMES = (2**20 - 3, 2**20 - 5)
WORD = 2**61 - 1  # a prime; sums of two words fit into 64 bits
FREE = 16  # 2^16 choices of the free elements at most
MORE = 22  # where nothing else goes, without evidence
HALF = 25  # at most 2^25 sums of one half at a time
WIDEST = 56  # elements that `split` goes through at most
NODES = 1 << 19  # partial assignments in the lattice; the checker allows twice as many
SUBSETS = 1 << 20  # subsets that are listed at most
_CHUNK = 1 << 20
_ROWS, _ENTRIES = 1 << 12, 1 << 18  # joined halves, and entries of the terms, between two looks at the clock
_PANEL = 64
_PRODUCT = 0.3e-6  # seconds for an entry of the terms, about
_BLOCK = 1 << 16
_REDUCED = 1 << 25
_PATIENT = 30  # seconds

Subset = tuple[int, ...]
Integers = np.ndarray[Any, Any]
Words = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class Vectors:
    """v_0, ..., v_{n-1} in Z^D. `columns(list)` gives their entries there, an integer matrix (n, len(list)), dtype object."""

    count: int
    size: int
    columns: Callable[[Sequence[int]], Integers]


@dataclass(frozen=True)
class Found:
    """The subsets, sorted by size, and what shows that there is no other one (None where a checker could not repeat it)."""

    subsets: tuple[Subset, ...]
    evidence: dict[str, Any] | None
    how: str


def subset_sums(vectors: Vectors, target: Sequence[int] | None = None, clock: Clock | None = None, limit: int = SUBSETS) -> Found:
    """All T with sum_{i in T} v_i = target (0 if None).

    Raises
    ------
    Incomplete
        When the time is up, there are more than `limit` subsets, or there are too many elements; `partial` has those found so far.
    """
    return _Search(vectors, target, Clock() if clock is None else clock, limit).run()


class _Search:
    def __init__(self, vectors: Vectors, target: Sequence[int] | None, clock: Clock, limit: int) -> None:
        self.vectors, self.clock, self.limit = vectors, clock, limit
        self.n = vectors.count
        self.target = None if target is None or not any(target) else [int(t) for t in target]
        self.prime = PRIMES[0]
        self.basis: list[int] = []  # columns that span all of them modulo the prime
        self.table = np.zeros((self.n, 0), dtype=object)  # their entries
        self.independent: list[int] = []  # elements that are independent there; elimination finds its pivots in the columns' order
        self._all: tuple[Integers, Integers] | None = None
        self._hashed: tuple[Words, int] | None = None

    def run(self) -> Found:
        """The cheapest way that fits."""
        self.clock.check("no subset was tried", ())
        if not self.n or not self.vectors.size:
            return self._few()
        self._choose_columns()
        if len(self.basis) < min(self.n, self.vectors.size) and self.n <= 256:
            self._try_another_prime()
        rank = len(self.basis)
        if not rank and self.target is None and not self.vectors.columns(range(self.vectors.size)).any():
            return self._few()
        if self.n - rank <= FREE:
            return self._free()
        if self.n <= 26:
            return self._halves()
        sparse = sum(int(np.abs(self.table[:, c]).sum()).bit_length() for c in range(rank)) > self.n
        if (sparse or self.n > WIDEST) and self._reducible():
            found = self._lattice()
            if found is not None:
                return found
        if self.n > WIDEST and self.n - rank <= MORE:
            return self._free()
        if self.n > WIDEST and self.clock.limit is not None:
            return self._solver()
        if self.n > WIDEST:
            found_small, size = self._small()
            raise Incomplete(
                f"{self.n} neurons whose terms have rank {rank} have too many sets to go through (at most {WIDEST} neurons, or {FREE} more "
                f"than the rank, or few enough sets after lattice reduction; with a time limit z3 tries); of the sets of at most {size} "
                f"neurons all but {len(found_small)} are excluded",
                found_small,
            )
        return self._halves()

    # --- columns -----------------------------------------------------------------------------------------------------------

    def _choose_columns(self) -> None:
        """Columns that are independent modulo the prime and span the others, a block at a time until the rank cannot grow."""
        block = max(64, self.n + self.n // 4)
        for start in range(0, self.vectors.size, block):
            new = list(range(start, min(start + block, self.vectors.size)))
            self.clock.check("linear algebra did not end", (), seconds=self.n * len(new) * _PRODUCT)
            table = np.concatenate([self.table, self.vectors.columns(new)], axis=1)
            names = [*self.basis, *new]
            self.independent, pivots = _elimination(table, self.prime, self.clock)
            self.basis, self.table = [names[c] for c in pivots], table[:, pivots]
            if len(self.basis) == self.n:
                break

    def _try_another_prime(self) -> None:
        """The rank may be larger than it is modulo one prime."""
        first = self.basis, self.table, self.independent
        self.basis, self.table, self.independent = [], np.zeros((self.n, 0), dtype=object), []
        self.prime = PRIMES[1]
        self._choose_columns()
        if len(self.basis) <= len(first[0]):
            self.prime = PRIMES[0]
            self.basis, self.table, self.independent = first

    def _reducible(self) -> bool:
        """Whether LLL, which cannot be interrupted, takes seconds at most."""
        rank = len(self.basis)
        bits = rank * max((int(abs(v)).bit_length() for v in self.table.ravel()), default=0)
        return rank > 0 and self.n * (self.n + rank) * (self.n + bits) <= _REDUCED

    def _hashes(self) -> tuple[Words, int]:
        """The words of the elements, over all columns, and that of the target."""
        if self._hashed is None:
            rng = np.random.default_rng(1)
            factors = [int(v) for v in rng.integers(1, WORD, size=self.vectors.size)]
            words = [0] * self.n
            for part in self._parts("the terms of the neurons were being hashed"):
                for i, row in enumerate(self.vectors.columns(part).tolist()):
                    words[i] = (words[i] + sum(f * int(v) for f, v in zip(factors[part.start : part.stop], row, strict=True))) % WORD
            goal = 0 if self.target is None else sum(f * t for f, t in zip(factors, self.target, strict=True)) % WORD
            self._hashed = np.array(words, dtype=np.uint64), goal
        return self._hashed

    def _parts(self, progress: str) -> Iterator[range]:
        """All columns, some at a time, the clock being asked before each part."""
        step = max(1, _ENTRIES // max(self.n, 1))
        for start in range(0, self.vectors.size, step):
            self.clock.check(progress, ())
            yield range(start, min(start + step, self.vectors.size))

    def _exact(self, rows: Integers) -> Integers:
        """Those of the rows of booleans whose sum is the target."""
        if self._all is None:
            parts = [self.vectors.columns(part) for part in self._parts("the terms of the neurons were being computed")]
            whole = np.concatenate(parts, axis=1) if parts else self.vectors.columns(range(0))
            target = np.array(self.target or [0] * self.vectors.size, dtype=object)
            largest = max((abs(int(v)) for part in (whole, target) for v in part.ravel()), default=0)
            kind = np.int64 if (self.n + 1) * largest < 2**62 else object
            self._all = whole.astype(kind), target.astype(kind)
        whole, target = self._all
        good: list[Integers] = [np.zeros(0, dtype=bool)]
        for start in range(0, len(rows), 1 << 16):
            part = rows[start : start + (1 << 16)]
            equal = np.asarray(part.astype(whole.dtype) @ whole == target, dtype=bool)
            good.append(np.asarray(equal.all(axis=1)))
        return np.asarray(rows[np.concatenate(good)])

    def _basis_target(self) -> list[int]:
        return [0] * len(self.basis) if self.target is None else [self.target[c] for c in self.basis]

    # --- ways --------------------------------------------------------------------------------------------------------------

    def _few(self) -> Found:
        """No columns, so that every subset is one."""
        if self.n > 20 or 1 << self.n > self.limit:
            some = ((), *((i,) for i in range(min(self.n, self.limit))))
            raise Incomplete(f"all 2^{self.n} sets of neurons are solutions, more than the limit of {self.limit}", some)
        return self._found([self._exact(_bits(np.arange(1 << self.n), self.n))], {"method": "halves", "columns": []}, "every set is one")

    def _free(self) -> Found:
        """Choices on F, the rest determined modulo the prime."""
        order = self.independent
        free = sorted(set(range(self.n)) - set(order))
        evidence: dict[str, Any] | None = {"method": "free", "prime": self.prime, "columns": list(self.basis), "free": free}
        if len(free) > FREE:
            evidence = None
        how = "the terms of the neurons are linearly independent" if not free else f"linear algebra, and 2^{len(free)} choices of the rest"
        if not free and self.target is None:
            return Found(((),), evidence, how)
        right = np.concatenate([np.array([self._basis_target()], dtype=object).T, -self.table[free].T], axis=1)
        left = _modular(self.table[order].T, self.prime)
        solved = left.solve(_modular(right, self.prime)) if order else None
        table = np.array([int(e) for e in solved.entries()], dtype=np.int64).reshape(len(order), -1) if solved is not None else None
        found: list[Integers] = []
        for start in range(0, 1 << len(free), 1 << 12):
            self._check(f"{start} of {1 << len(free)} choices were gone through", found)
            chosen = _bits(np.arange(start, min(start + (1 << 12), 1 << len(free))), len(free))
            whole = np.zeros((len(chosen), self.n), dtype=bool)
            whole[:, free] = chosen
            alive = np.arange(len(chosen))
            if table is not None:
                for row, i in enumerate(order):  # most choices fail at the first few
                    value = (table[row, 0] + chosen[alive] @ table[row, 1:]) % self.prime
                    alive, value = alive[value <= 1], value[value <= 1]
                    whole[alive, i] = value == 1
            found.append(self._exact(whole[alive]))
        return self._found(found, evidence, how)

    def _halves(self) -> Found:
        """Meet in the middle; beyond 2 HALF elements the first ones in all ways."""
        words, goal = self._hashes()
        half = HALF if self.clock.left() > _PATIENT else HALF - 3  # sums of a half are not interrupted
        fixed = max(0, self.n - 2 * half)
        middle = fixed + (self.n - fixed) // 2
        found: list[Integers] = []
        left = np.sort(_sums(words[fixed:middle]))
        for outer in range(1 << fixed):
            head = _bits(np.array([outer]), fixed)[0]
            rest = np.uint64((goal - sum(words[:fixed][head].tolist())) % WORD)
            for start, part in _chunks(words[middle:], _CHUNK):
                share = f"{100 * (outer + start / (1 << (self.n - middle))) / (1 << fixed):.1f} % of all sets were gone through"
                self._check(share, found)
                wanted = _difference(rest, part)
                ordered = np.sort(wanted)  # in order, so that neighbours in time are neighbours in memory
                met = ordered[left[np.minimum(np.searchsorted(left, ordered), len(left) - 1)] == ordered]
                if not len(met):
                    continue
                hits = np.flatnonzero(np.isin(wanted, met))
                for rows in self._joined(head, words[fixed:middle], wanted[hits], start + hits):
                    self._check(share, found)
                    found.append(self._exact(rows))
                    if sum(map(len, found)) > self.limit:
                        raise self._too_many(found)
        evidence = {"method": "halves", "columns": list(self.basis)} if self.n <= 42 else None
        return self._found(found, evidence, f"meet in the middle over all 2^{self.n} sets of neurons")

    def _joined(self, head: Integers, left: Integers, wanted: Integers, right: Integers) -> Iterator[Integers]:
        """All pairs of a left half with the wanted word and a right half, as rows of booleans, some at a time."""
        order = np.argsort(wanted, kind="stable")
        values, firsts, counts = np.unique(wanted[order], return_index=True, return_counts=True)
        rows: list[Integers] = []
        made = 0
        for start, part in _chunks(left, _CHUNK):
            place = np.minimum(np.searchsorted(values, part), len(values) - 1)
            for i in np.flatnonzero(values[place] == part).tolist():
                k = int(place[i])
                halves = right[order[firsts[k] : firsts[k] + counts[k]]]
                made += len(halves)
                row = np.empty((len(halves), self.n), dtype=bool)
                row[:, : len(head)] = head
                row[:, len(head) : len(head) + len(left)] = _bits(np.array([start + i]), len(left))
                row[:, len(head) + len(left) :] = _bits(halves, self.n - len(head) - len(left))
                rows.append(row)
                if made >= _BLOCK or len(rows) >= _ROWS:
                    yield np.concatenate(rows)
                    rows, made = [], 0
        if rows:
            yield np.concatenate(rows)

    def _solver(self) -> Found:
        """z3, for what remains; Incomplete at the time limit, with what the small sets say."""
        small, size = self._small()
        script = Script("QF_LIA", "A set with the given sum, other than those of few elements.")
        names = [script.declare(f"t{i}", "Bool") for i in range(self.n)]
        for c, goal in enumerate(self._basis_target()):
            parts = [term("ite", name, int(v), 0) for name, v in zip(names, self.table[:, c], strict=True) if v]
            script.require(term("=", total(parts), goal))
        script.require(term(">", total(term("ite", name, 1, 0) for name in names), size), "the smaller ones are known")
        found = [self._rows(small)]
        try:
            for model in script.models(names, self.clock):
                found.append(self._exact(np.array([[bool(model[name]) for name in names]])))
        except Incomplete as stopped:
            less = f"of the sets of at most {size} neurons all but {len(small)} are excluded"
            raise Incomplete(f"{self.n} neurons whose terms have rank {len(self.basis)}: {stopped}; {less}", _tuples(found)) from None
        return self._found(found, None, "z3 went through all sets")

    def _small(self) -> tuple[tuple[Subset, ...], int]:
        """All solutions of at most so many elements: two sets of at most s elements whose sums are opposite."""
        words, goal = self._hashes()
        level = np.zeros((1, 0), dtype=np.int64)
        sets, sums = [tuple[int, ...]()], [np.zeros(1, dtype=np.uint64)]
        size = 0
        while size < self.n and sum(len(v) for v in sums) * (self.n - size) <= 2 * _CHUNK:
            first = level[:, -1] + 1 if size else np.zeros(1, dtype=np.int64)
            count = self.n - first
            rows = np.repeat(np.arange(len(level)), count)
            new = first[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
            sums.append(_sum(sums[-1][rows], words[new]))
            level = np.concatenate([level[rows], new[:, None]], axis=1)
            sets += [tuple(t) for t in level.tolist()]
            size += 1
        left = np.concatenate(sums)
        order = np.argsort(left)
        ordered = left[order]
        wanted = _difference(np.uint64(goal), left)
        lower, upper = np.searchsorted(ordered, wanted, "left"), np.searchsorted(ordered, wanted, "right")
        found: set[Subset] = set()
        for i in np.flatnonzero(upper > lower).tolist():
            if self.clock.left() <= 0:
                self.clock.check("small sets were being gone through", _tuples([self._exact(self._rows(found))]))
            if len(found) > 2 * self.limit:
                found = set(self._limited(found))
            for j in order[lower[i] : upper[i]].tolist():
                if set(sets[i]).isdisjoint(sets[j]):
                    found.add(tuple(sorted((*sets[i], *sets[j]))))
        return self._limited(found), 2 * size

    def _limited(self, subsets: Collection[Subset]) -> tuple[Subset, ...]:
        """Those with the right sum; Incomplete if there are more than the limit."""
        good = [self._exact(self._rows(subsets))]
        if len(good[0]) > self.limit:
            raise self._too_many(good)
        return _tuples(good)

    def _rows(self, subsets: Collection[Subset]) -> Integers:
        rows = np.zeros((len(subsets), self.n), dtype=bool)
        for row, subset in zip(rows, subsets, strict=True):
            row[list(subset)] = True
        return rows

    def _lattice(self) -> Found | None:
        """Coordinates in a reduced basis of the lattice of relations; None if there are too many."""
        wide = self.table if self.target is None else np.concatenate([self.table, -np.array([self._basis_target()], dtype=object)])
        relations = _Relations(wide, self.clock)
        chosen = relations.points(NODES)
        if chosen is None:
            return None
        if self.target is not None:
            chosen = chosen[chosen[:, -1]][:, :-1]
        evidence = None if self.target is not None else {"method": "lattice", "columns": list(self.basis), **relations.evidence()}
        return self._found([self._exact(chosen)], evidence, f"lattice reduction: {relations.nodes} partial assignments were gone through")

    # --- answers -----------------------------------------------------------------------------------------------------------

    def _check(self, progress: str, found: Sequence[Integers]) -> None:
        """Incomplete at the time limit; the rows found are made a list only then."""
        if self.clock.left() <= 0:
            self.clock.check(progress, _tuples(found))

    def _too_many(self, found: Sequence[Integers]) -> Incomplete:
        return Incomplete(f"more than {self.limit} sets of neurons", _tuples(found)[: self.limit])

    def _found(self, found: Sequence[Integers], evidence: dict[str, Any] | None, how: str) -> Found:
        """The answer, of rows that were compared exactly."""
        if sum(map(len, found)) > self.limit:
            raise self._too_many(found)
        return Found(_tuples(found), evidence, how)


class _Relations:
    """{x in Z^n : x V = 0} for an integer matrix V (n, r) of rank r.

    LLL of [I | K V], K large, gives a unimodular U whose first q = n - r rows are a reduced basis of the lattice. x = c U has
    c_j = y_j . x with y_j the columns of U^{-1}; on the lattice c_j = 0 for j >= q.
    """

    def __init__(self, table: Integers, clock: Clock) -> None:
        n, r = table.shape
        self.table, self.clock, self.nodes = table, clock, 0
        largest = max(abs(int(v)) for v in table.ravel())
        weight = 1 << (n + r * (largest * n).bit_length())  # the lattice has a basis of minors, < (n largest)^r; LLL loses less than 2^n
        rows = [[int(i == j) for j in range(n)] + [weight * int(v) for v in table[i]] for i in range(n)]
        clock.check("the lattice was not reduced", ())
        reduced = fmpz_mat(rows).lll()
        whole = np.array([int(e) for e in reduced.entries()], dtype=object).reshape(n, n + r)
        self.rank = n - r
        assert not whole[: self.rank, n:].any()
        self.basis = whole[: self.rank, :n]
        inverse = fmpz_mat(whole[:, :n].tolist()).inv()
        dual = np.array([_whole(e) for e in inverse.entries()], dtype=object).reshape(n, n)
        self.directions = [dual[:, j].tolist() for j in range(self.rank - 1, -1, -1)]  # the last coordinate first
        self._bound()

    def _bound(self) -> None:
        """g_t = y_t + sum z_s v^(s) + sum_{i<t} m_i y_i, close to the Gram-Schmidt vector b*_j / |b*_j|^2, m and z rounded."""
        n, r = self.table.shape
        q = self.rank
        largest = max((abs(int(v)).bit_length() for v in self.basis.ravel()), default=0)
        floats = (self.basis // (1 << max(0, largest - 900))).astype(np.float64)  # what is lost makes intervals longer, no more
        _, upper = np.linalg.qr(floats.T) if q else (None, np.zeros((0, 0)))
        scale = 1 << 40
        fine = 1 << (60 + int(max(abs(int(v)) for v in self.table.ravel())).bit_length())
        columns = fmpz_mat([[int(v) for v in row] for row in self.table])
        gram = fmpq_mat(columns.transpose() * columns).inv()
        project = fmpq_mat(columns) * gram  # (n, r)
        self.multipliers: list[list[fmpq]] = []
        self.low: list[fmpq] = []
        self.high: list[fmpq] = []
        self.coordinates: list[list[int]] = []  # the m over `scale`
        for t in range(q):
            self.clock.check("the lattice was not reduced", ())
            j = q - 1 - t
            m = [_rounded(upper[j, q - 1 - i], upper[j, j], scale) for i in range(t)]
            g = [fmpq(v) for v in self.directions[t]]
            for i, a in enumerate(m):
                if a:
                    g = [v + fmpq(a, scale) * w for v, w in zip(g, self.directions[i], strict=True)]
            z = (fmpq_mat(1, n, g) * project).entries() if r else []
            rounded = [fmpq(-int((v * fine).floor()), fine) for v in z]
            for s, share in enumerate(rounded):
                g = [v + share * int(w) for v, w in zip(g, self.table[:, s], strict=True)]
            self.multipliers.append([*rounded, *(fmpq(a, scale) for a in m)])
            self.coordinates.append(m)
            self.low.append(sum((v for v in g if v < 0), fmpq(0)))
            self.high.append(sum((v for v in g if v > 0), fmpq(0)))
        self.scale = scale

    def points(self, limit: int) -> Integers | None:
        """The x in {0, 1}^n of the lattice, as rows of booleans; None if more than `limit` partial assignments have to be gone through."""
        n = len(self.table)
        partial = np.zeros((1, 0), dtype=object)
        for t in range(self.rank):
            self.clock.check(f"{t} of {self.rank} coordinates in the reduced basis were gone through", ())
            shift = partial @ np.array(self.coordinates[t], dtype=object) if t else np.zeros(len(partial), dtype=object)
            low, high = int((self.low[t] * self.scale).ceil()), int((self.high[t] * self.scale).floor())
            first = -((shift - low) // self.scale)  # ceil((low - shift) / scale)
            count = np.maximum((high - shift) // self.scale - first + 1, 0)
            self.nodes += int(count.sum())
            if self.nodes > limit:
                return None
            rows = np.repeat(np.arange(len(partial)), count.astype(np.int64))
            starts = np.repeat(np.cumsum(count) - count, count.astype(np.int64))
            values = first[rows] + (np.arange(len(rows)) - starts)
            partial = np.concatenate([partial[rows], values.reshape(-1, 1).astype(object)], axis=1)
        x = partial @ self.basis[::-1] if self.rank else np.zeros((1, n), dtype=object)
        inside = ((x == 0) | (x == 1)).all(axis=1)
        return np.asarray(x[inside] == 1, dtype=bool)

    def evidence(self) -> dict[str, Any]:
        """Directions and multipliers, as the checker reads them."""
        return {"directions": self.directions, "multipliers": [[json_number(fraction(v)) for v in row] for row in self.multipliers]}


# --- words, bits, columns ---------------------------------------------------------------------------------------------------


def _tuples(found: Sequence[Integers]) -> tuple[Subset, ...]:
    """Rows of booleans as sets, by size."""
    subsets = [tuple(np.flatnonzero(row).tolist()) for rows in found for row in rows]
    return tuple(sorted(subsets, key=lambda t: (len(t), t)))


def _bits(numbers: Integers, width: int) -> Integers:
    """The binary digits of numbers as rows of booleans; element 0 is the lowest."""
    return np.asarray((numbers.astype(np.int64)[:, None] >> np.arange(width)) & 1, dtype=bool)


def _sum(a: Words, b: Any) -> Words:
    """a + b modulo WORD."""
    total = a + b
    return np.asarray(np.where(total >= WORD, total - np.uint64(WORD), total))


def _difference(a: Any, b: Words) -> Words:
    """a - b modulo WORD."""
    return np.asarray(np.where(b > a, a + np.uint64(WORD) - b, a - b))


def _sums(words: Words) -> Words:
    """The sums of all subsets; subset number s has the elements of s's binary digits."""
    sums = np.zeros(1 << len(words), dtype=np.uint64)
    for i, word in enumerate(words):
        part = sums[1 << i : 2 << i]
        np.add(sums[: 1 << i], word, out=part)
        np.subtract(part, np.uint64(WORD), out=part, where=part >= WORD)
    return sums


def _chunks(words: Words, size: int) -> Iterator[tuple[int, Words]]:
    """The sums of all subsets in order, at most `size` at a time."""
    low = min(len(words), size.bit_length() - 1)
    first = _sums(words[:low])
    for k in range(1 << (len(words) - low)):
        shift = sum(words[low:][_bits(np.array([k]), len(words) - low)[0]].tolist()) % WORD
        yield k << low, _sum(first, np.uint64(shift))


def _rounded(a: float, b: float, scale: int) -> int:
    """a / b times scale, as an integer; 0 where that is no number."""
    with np.errstate(all="ignore"):
        quotient = float(np.divide(a, b))
    return round(quotient * scale) if abs(quotient) < 2.0**60 else 0


def _modular(table: Integers, prime: int) -> nmod_mat:
    rows, columns = table.shape
    return nmod_mat(rows, columns, [int(v) for v in np.asarray(table % prime, dtype=object).ravel()], prime)


def _elimination(table: Integers, prime: int, clock: Clock) -> tuple[list[int], list[int]]:
    """Rows, greedily from the first, that are independent modulo the prime, and the columns where elimination by rows finds their pivots.

    A panel of rows is reduced to the identity on its pivots, then taken from the rows behind it: floats, whose sums stay below 2^53.
    """
    rest = np.asarray(table % prime, dtype=np.float64)
    rows: list[int] = []
    columns: list[int] = []
    for start in range(0, len(rest), _PANEL):
        clock.check("linear algebra did not end", ())
        panel = rest[start : start + _PANEL].astype(np.int64) % prime
        own: list[int] = []
        for i in range(len(panel)):
            live = np.flatnonzero(panel[i])
            if not len(live):
                continue
            pivot = int(live[0])
            panel[i] = panel[i] * pow(int(panel[i, pivot]), -1, prime) % prime
            others = np.flatnonzero(panel[:, pivot])
            others = others[others != i]
            panel[others] = (panel[others] - panel[others, pivot, None] * panel[i]) % prime
            rows.append(start + i)
            own.append(i)
            columns.append(pivot)
        behind = rest[start + _PANEL :]
        behind -= behind[:, columns[len(columns) - len(own) :]] @ panel[own].astype(np.float64)
        behind -= prime * np.floor(behind / prime)  # up to one multiple too much or too little
    return rows, columns


def _whole(entry: Any) -> int:
    value = fmpq(entry)
    assert value.q == 1
    return int(value.p)
