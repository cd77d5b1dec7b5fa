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
from dataclasses import replace
from fractions import Fraction
from math import lcm

from flint import fmpq

from exactnn.cells import DIMENSIONS, Interior, Piece, Program, StageMap, Subdivision, full_dimensional, read_program
from exactnn.errors import ArgumentError
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number, fraction
from exactnn.regions.collect import check_max_regions
from exactnn.tropical._complex import Complex, complex_of
from exactnn.tropical._networks import max_pool_network
from exactnn.tropical._shift import denominator_form, shift_of
from exactnn.tropical._weights import Classes
from exactnn.tropical.decomposition import Decomposition, closes_around
from exactnn.tropical.extract import map_of
from exactnn.tropical.origin import Gathered, Origin, Row
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap


@timed
def reduced_map(F: TropicalRationalMap, max_regions: int | None, *, time_limit: Number | None) -> TropicalRationalMap:
    """What `TropicalRationalMap.reduce` does."""
    check_max_regions(max_regions)
    clock = clock_in_force()
    if F.decomposition in ("irreducible", "minimal"):
        return F
    if F.origin is not None and F.origin.whole and F.input_dim <= DIMENSIONS:
        program = F.origin.program
        shift = shift_of(program.nets[0], nonnegative=False)
        program = replace(program, outputs=(*program.outputs, denominator_form(program, shift)))
        of_network = True
    else:
        program, of_network = _program_of(F), False
    origin, proofs = decompositions(program, clock, max_regions)
    kind = "minimal" if all(proof.kind == "minimal" for proof in proofs) else "irreducible"
    reduced = map_of(origin, F.domain, kind)
    return replace(reduced, proofs=proofs, origin=origin if of_network else None)


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
    f, before = complex_.outputs
    found = [
        _decomposition(complex_, classes, j, complex_.weights(own), complex_.weights(before[min(j, len(before) - 1)]))
        for j, own in enumerate(f)
    ]
    return _origin(program, run, piece, [proof.sides() for proof in found]), tuple(found)


def _decomposition(complex_: Complex, classes: Classes, output: int, f: Sequence[int], q: Sequence[int]) -> Decomposition:
    """f, q : the weights of the output and of the old denominator, times the scales of the complex."""
    scale = lcm(*complex_.scales)
    jumps, before = ([w * (scale // s) for w in weights] for weights, s in zip((f, q), complex_.scales, strict=True))
    lower = [max(0, -w) for w in jumps]
    objective = [max(map(abs, h[:-1])) for h in complex_.forms]
    if all(closes_around(complex_, way, lower) for way in complex_.rounds):
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
        complex_,
        output,
        tuple(Fraction(w, scale) for w in jumps),
        tuple(fraction(w) / scale for w in weights),
        tuple(Fraction(w, scale) for w in before),
        tuple(map(Fraction, objective)),
        tuple(map(fraction, y)),
        tuple(map(fraction, u)),
    )


def _origin(program: Program, run: Subdivision, piece: Piece, sides: Sequence[tuple[list[Row], list[Row], int]]) -> Origin:
    outputs = len(sides)
    scales = [scale for _, _, scale in sides]
    gathered = Gathered(program, 2 * outputs)
    new: list[tuple[int, int]] = []
    for cell, signs in enumerate(piece.signs):
        if gathered.is_new(signs):
            rows = [p[cell] for p, _, _ in sides] + [q[cell] for _, q, _ in sides]
            new += [(table, cell) for table in gathered.add(signs, rows)]
    cells = sorted({cell for _, cell in new})
    points = dict(zip(cells, Interior(run, piece).points(cells), strict=True))
    for table, cell in new:
        gathered.points[table].append(points[cell])
    return gathered.origin([*scales, *scales], range(outputs, 2 * outputs))
