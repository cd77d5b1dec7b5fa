"""Units that have one sign on the whole domain, as far as points tell, where this makes a difference of two networks simpler.

What no bound of a single neuron shows, |a + b| <= |a| + |b| for instance, is seen on the cells of the few units that it depends on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exactnn.cells import DIMENSIONS, FloatMap, Merged, Program
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.verify._domain import Coordinates
from exactnn.verify._joint import Cells, at_once, in_steps
from exactnn.verify._search import sample_points

Floats = np.ndarray[Any, np.dtype[np.float64]]

_POINTS, _MIXED = 64, 512
#: an assumption is not followed to more cells than this
_CELLS = 4_000
#: values smaller than this, relative to a unit's largest one, have no sign
_NEAR = 1e-9
#: assumptions that are tried: those first that depend on the fewest other units
_FEW = 24


def settled(program: Program, where: Coordinates, clock: Clock) -> tuple[Merged, Cells | None]:
    """The program's units put together, with signs that some of them have on the whole domain.

    Returns
    -------
    (merged, cells)
        The latter where nothing else has to be known: those of the difference, too.
    """
    merged = one_sided(program, where, clock)
    while merged.assumed:
        alone = merged.needed == merged.grounds
        try:
            found = at_once(in_steps(merged.part(difference=alone), where, clock, _CELLS))
        except Incomplete:
            clock.check("signs of units were being proved")
            return Merged(program, clock=clock), None
        wrong = two_sided(merged, found)
        if not wrong:
            return merged, found if alone else None
        merged = Merged(program, {unit: sign for unit, sign in merged.fixed.items() if unit not in wrong}, clock=clock)
    return merged, None


def one_sided(program: Program, where: Coordinates, clock: Clock) -> Merged:
    """The program's units put together, some of them with a sign that is yet to be proved, if fewer of the others have to be known then."""
    plain = Merged(program, clock=clock)
    if not plain.needed:
        return plain
    signs = _signs(program, where)
    own = [i for i in plain.needed if len(plain.nets[i]) == 1 and signs[plain.functions[i].unit]]
    closures = {plain.functions[i].unit: len(plain.read_by([plain.functions[i].h])) for i in own}
    best = plain
    share = clock.at_most(clock.left() / 8)
    for unit in sorted(closures, key=lambda unit: (closures[unit], unit))[:_FEW]:
        if share.left() <= 0:
            break
        more = Merged(program, {**best.fixed, unit: signs[unit]}, best, clock)
        if _unknown(more) < _unknown(best):
            best = more
            if best.needed == best.grounds:
                break
    return best if _unknown(best) + len(best.fixed) < _unknown(plain) else plain


def two_sided(merged: Merged, cells: Cells) -> set[int]:
    """The units that do not have the sign that they were given, on cells of a part in which they are."""
    signs = cells.run.vertices.signs[cells.piece.ids]
    units = [number + merged.program.domain_units for number in cells.part.numbers]
    given = [(place, unit, merged.fixed[unit]) for place, unit in enumerate(units) if unit in merged.fixed]
    return {unit for place, unit, sign in given if (signs[:, place] == -sign).any()}


def _unknown(merged: Merged) -> int:
    return len(merged.needed - set(merged.assumed))


def _signs(program: Program, where: Coordinates) -> list[int]:
    """For each unit the sign that it has at points of the domain, 0 if both occur."""
    values = [_points(where)]
    result: list[int] = []
    with np.errstate(all="ignore"):  # proposals only
        for stage in program.stages:
            form = FloatMap(stage.form)
            z = sum((values[k] @ m for k, m in form.matrices.items()), np.tile(form.constant, (len(values[0]), 1)))
            level = _NEAR * np.abs(z).max(axis=0, initial=0.0)
            above, below = (z > level).any(axis=0), (z < -level).any(axis=0)
            result += (above.astype(int) - below.astype(int)).tolist()
            values.append(np.maximum(z, 0.0))
    return result


def _points(where: Coordinates) -> Floats:
    """Small points and points between them; on all of R^d also points of other sizes.

    In more dimensions than the face lattice has, cells are those of all of R^d (`in_steps`), and so must the signs be.
    """
    if where.dimension > DIMENSIONS:
        where = Coordinates(where.dimension, None)
    own = sample_points(where, _POINTS).to_float()
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.full(4, 0.5), _MIXED)
    mixed = np.einsum("ij,ijk->ik", shares, own[random.integers(0, len(own), (_MIXED, 4))])
    if where.region is not None:
        return np.concatenate([own, mixed])
    wide = random.standard_normal((_MIXED, where.dimension)) * 2.0 ** random.uniform(-4, 8, (_MIXED, 1))
    return np.concatenate([own, mixed, wide])
