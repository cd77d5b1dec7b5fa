"""Fewer terms: other decompositions F = P - Q into convex functions that are affine on the cells of F.

On the cells of a network the weights w of Q obey  w >= max(0, -w_F)  on every facet (then P = F + Q has weights >= max(0, w_F)).

minimal      If w = max(0, -w_F) are the weights of a function, P and Q have the fewest terms among all decompositions, at once: any
             other Q' has at least these weights, so that Q' - Q is convex and Q' has a region inside each region of Q, and so for P.
             One hidden layer is always of this kind: these are the sums over positive and negative kinks of the normal form.
irreducible  Else the least weights for a positive objective: no convex function that is affine on the cells, but not affine, can be taken
             from both. They are sought below the weights of the denominator that is there, so that no term is won anywhere.

Reference: Brandenburg, Grillo, Hertrich, arXiv 2410.04907; theory/tropical.md section 1; docs/theory.md 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from flint import fmpq

from exactnn.cells import DIMENSIONS, Interior, Piece, Program, StageMap, Subdivision, full_dimensional, read_program
from exactnn.errors import ArgumentError
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number, fraction
from exactnn.regions.collect import check_max_regions
from exactnn.tropical._complex import Complex, complex_of
from exactnn.tropical._networks import max_pool_network
from exactnn.tropical._shift import denominator_form, shift_of
from exactnn.tropical._weights import Classes
from exactnn.tropical.extract import map_of
from exactnn.tropical.origin import Gathered, Origin, Row
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap


@dataclass(frozen=True)
class Decomposition:
    """Why P - Q, for one output, has few terms: a point of a linear program with its proof that none is better, facet by facet.

    For weights w' of functions that are affine on the cells, with  lower <= w' <= upper,  lower = max(0, -jumps):

        sum of objective w' = sum of (y - u) w' >= sum of (y lower - u upper) = sum of (y - u) w = sum of objective w

    Attributes
    ----------
    kind : "irreducible" or "minimal"
    jumps : the weights of f
    weights : w, those of Q
    upper : those of the denominator that was there before, than which Q has no more terms
    objective : positive numbers
    lower_multipliers, upper_multipliers : y >= 0, positive only where w = lower; u >= 0, positive only where w = upper
    """

    kind: str
    jumps: tuple[Fraction, ...]
    weights: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]
    objective: tuple[Fraction, ...]
    lower_multipliers: tuple[Fraction, ...]
    upper_multipliers: tuple[Fraction, ...]
    complex: Complex = field(repr=False)

    def check(self) -> bool:
        """Repeat the proof exactly, from the complex: True, or AssertionError naming the step that fails."""
        lower = [max(Fraction(0), -w) for w in self.jumps]
        _need(all(w >= bound for w, bound in zip(self.weights, lower, strict=True)), "a weight is below its lower bound")
        for name, values in (("Q", self.weights), ("f", self.jumps)):
            _need(
                all(_closes(self.complex, way, values) for way in self.complex.rounds), f"the weights of {name} do not close around a ridge"
            )
        if self.kind == "minimal":
            _need(list(self.weights) == lower, "a weight is above its lower bound")
            return True
        _need(min(self.objective) > 0, "the objective is not positive")
        for y, bounds in ((self.lower_multipliers, lower), (self.upper_multipliers, self.upper)):
            _need(min(y) >= 0, "a multiplier is negative")
            tight = [w == bound for w, bound in zip(self.weights, bounds, strict=True)]
            _need(all(t or not v for t, v in zip(tight, y, strict=True)), "a multiplier is positive where a bound is not reached")
        classes = Classes(self.complex, Clock())
        form = [fmpq(0)] * classes.count
        for k, c, least, most in zip(classes.of, self.objective, self.lower_multipliers, self.upper_multipliers, strict=True):
            rest = c - least + most
            form[k] += fmpq(rest.numerator, rest.denominator)
        _need(classes.vanishes(form), "the multipliers do not combine to the objective")
        return True


def reduced_map(F: TropicalRationalMap, max_regions: int | None, time_limit: Number | None) -> TropicalRationalMap:
    """What `TropicalRationalMap.reduce` does."""
    check_max_regions(max_regions)
    clock = Clock(time_limit)
    if F.decomposition != "construction":
        return F
    if F.origin is not None and F.origin.whole and F.input_dim <= DIMENSIONS:
        program = F.origin.program
        shift = shift_of(program.nets[0], nonnegative=False)
        program = replace(program, outputs=(*program.outputs, denominator_form(program, shift)))
    else:
        program = _program_of(F)
    origin, proofs = decompositions(program, clock, max_regions)
    kind = "minimal" if all(proof.kind == "minimal" for proof in proofs) else "irreducible"
    return replace(map_of(origin, F.domain, kind), proofs=proofs)


def _program_of(F: TropicalRationalMap) -> Program:
    """A program whose first outputs are F and whose second ones are its denominators, for a map without a network."""
    one = TropicalPolynomial.constant(0, F.input_dim)
    distinct = list({id(q): q for q in F.denominators}.values())
    denominators = F.denominators if len(distinct) > 1 else distinct
    network = max_pool_network((*F.numerators, *denominators), (*F.denominators, *(one for _ in denominators)))
    program = read_program([network], full_dimensional(F.domain, F.input_dim))
    (whole,), m = program.outputs, F.output_dim
    parts = [
        StageMap({k: block[rows] for k, block in whole.blocks.items()}, whole.constant[rows]) for rows in (slice(None, m), slice(m, None))
    ]
    return replace(program, outputs=tuple(parts))


def decompositions(program: Program, clock: Clock, max_regions: int | None) -> tuple[Origin, tuple[Decomposition, ...]]:
    """For each output a numerator and a denominator with few terms, as tables of an `Origin`, and why there are few.

    program : of one network, its outputs f and as a second form a denominator that all share, or one for each
    """
    if program.input_dim > DIMENSIONS:
        raise ArgumentError(
            f"reduce: the ridges of the cells are known up to {DIMENSIONS} inputs, got {program.input_dim}; "
            "take the network on a slice of its input (exactnn.regions.restrict)"
        )
    complex_, run, piece = complex_of(program, clock, max_regions)
    classes = Classes(complex_, clock)
    scale = lcm(*complex_.scales)
    functions, before = ([_times(rows, scale // s) for rows in form] for form, s in zip(complex_.outputs, complex_.scales, strict=True))
    found, maps, scales = [], [], []
    for j, f in enumerate(functions):
        own = _decomposition(complex_, classes, complex_.weights(f), complex_.weights(before[min(j, len(before) - 1)]), scale)
        common = lcm(scale, *(w.denominator for w in own.weights))
        q = complex_.function([int(w * common) for w in own.weights], program.input_dim + 1)
        maps.append(_normalised(_times(f, common // scale), q))
        scales.append(common)
        found.append(own)
    return _origin(program, run, piece, maps, scales), tuple(found)


def _decomposition(complex_: Complex, classes: Classes, jumps: Sequence[int], before: Sequence[int], scale: int) -> Decomposition:
    """The weights of f and of the old denominator are given `scale` times."""
    lower = [max(0, -w) for w in jumps]
    objective = [max(map(abs, h[:-1])) for h in complex_.forms]
    if all(_closes(complex_, way, lower) for way in complex_.rounds):
        kind, weights = "minimal", list(map(fmpq, lower))
        y, u = list(map(fmpq, objective)), [fmpq(0)] * len(lower)
    else:
        bounds, tops = [0] * classes.count, [0] * classes.count
        for k, least, most in zip(classes.of, lower, before, strict=True):
            bounds[k], tops[k] = least, most
        best = classes.least(bounds, tops)
        kind, weights = "irreducible", [best.weights[k] for k in classes.of]
        shares = [fmpq(c, classes.sizes[k]) for k, c in zip(classes.of, objective, strict=True)]
        y, u = ([share * side[k] for k, share in zip(classes.of, shares, strict=True)] for side in (best.lower, best.upper))
    return Decomposition(
        kind,
        tuple(Fraction(w, scale) for w in jumps),
        tuple(fraction(w) / scale for w in weights),
        tuple(Fraction(w, scale) for w in before),
        tuple(map(Fraction, objective)),
        tuple(map(fraction, y)),
        tuple(map(fraction, u)),
        complex_,
    )


def _times(rows: Sequence[Row], factor: int) -> list[Row]:
    return [tuple(factor * v for v in row) for row in rows]


def _origin(program: Program, run: Subdivision, piece: Piece, maps: Sequence[tuple[list[Row], list[Row]]], scales: Sequence[int]) -> Origin:
    outputs = len(maps)
    gathered = Gathered(program, 2 * outputs)
    new: list[tuple[int, int]] = []
    for cell, signs in enumerate(piece.signs):
        if gathered.is_new(signs):
            rows = [p[cell] for p, _ in maps] + [q[cell] for _, q in maps]
            new += [(table, cell) for table in gathered.add(signs, rows)]
    cells = sorted({cell for _, cell in new})
    points = dict(zip(cells, Interior(run, piece).points(cells), strict=True))
    for table, cell in new:
        gathered.points[table].append(points[cell])
    return gathered.origin([*scales, *scales], range(outputs, 2 * outputs))


def _closes(complex_: Complex, way: Sequence[tuple[int, int]], weights: Sequence[int] | Sequence[Fraction]) -> bool:
    width = len(complex_.forms[way[0][0]])
    return all(sum(sign * weights[f] * complex_.forms[f][i] for f, sign in way) == 0 for i in range(width))


def _normalised(f: Sequence[Row], q: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """P and Q on all cells, one affine function added to both: the least exponents are 0, and the first term of Q is 0 at 0."""
    p = [tuple(a + b for a, b in zip(u, v, strict=True)) for u, v in zip(f, q, strict=True)]
    *least, _ = (min(column) for column in zip(*p, *q, strict=True))
    shift = (*least, min(q)[-1])
    return [tuple(a - s for a, s in zip(row, shift, strict=True)) for row in p], [
        tuple(a - s for a, s in zip(row, shift, strict=True)) for row in q
    ]


def _need(holds: bool, reason: str) -> None:
    if not holds:
        raise AssertionError(f"the proof of a decomposition does not check: {reason}")
