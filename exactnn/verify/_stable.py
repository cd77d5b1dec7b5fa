"""Units that have one sign on the whole domain, as far as points tell, where this makes a difference of two networks simpler.

What no bound of a single neuron shows, |a + b| <= |a| + |b| for instance, is seen on the cells of the few units that it depends on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from exactnn.cells import FloatMap, Merged, Part, Piece, Program, Subdivision
from exactnn.verify._domain import Coordinates
from exactnn.verify._search import sample_points

Cells = tuple[Part, Subdivision, Piece]
Floats = np.ndarray[Any, np.dtype[np.float64]]

_POINTS, _MIXED = 64, 512
#: values smaller than this, relative to a unit's largest one, have no sign
_NEAR = 1e-9
#: of more units in one stage than this all are needed, or none
_FEW = 24


def settled(program: Program, where: Coordinates, cells: Callable[[Part], Cells]) -> tuple[Merged, Cells | None]:
    """The program's units put together, the signs that were given to some being right.

    Parameters
    ----------
    cells : makes the cells of a part

    Returns
    -------
    (merged, cells)
        The latter where nothing else has to be known: those of the difference, too.
    """
    merged = one_sided(program, where)
    while merged.assumed:
        alone = merged.needed == merged.grounds
        found = cells(merged.part(difference=alone))
        wrong = two_sided(merged, *found)
        if not wrong:
            return merged, found if alone else None
        merged = Merged(program, {unit: sign for unit, sign in merged.fixed.items() if unit not in wrong})
    return merged, None


def one_sided(program: Program, where: Coordinates) -> Merged:
    """The program's units put together, some of them with a sign that is yet to be proved, if fewer units have to be known then."""
    plain = Merged(program)
    if not plain.needed:
        return plain
    signs = _signs(program, where)
    own = [plain.functions[i] for i in sorted(plain.needed)]
    guessed = {x.unit: signs[x.unit] for x in own if signs[x.unit] and len(x.nets) == 1}
    if not guessed:
        return plain
    best = Merged(program, guessed)
    if _unknown(best) >= _unknown(plain):
        return plain
    stages = itertools.groupby(sorted(guessed, reverse=True), lambda unit: program.stage_of(unit)[0])
    for group in [list(units) for _, units in stages]:
        single = [[unit] for unit in group] if 1 < len(group) <= _FEW else []
        for units in [group, *single]:
            fewer = Merged(program, {unit: sign for unit, sign in best.fixed.items() if unit not in units})
            if _unknown(fewer) <= _unknown(best):
                best = fewer
                if units is group:
                    break
    return best


def two_sided(merged: Merged, part: Part, run: Subdivision, piece: Piece) -> set[int]:
    """The units that do not have the sign that they were given, on the cells of a part in which they are."""
    signs = run.vertices.signs[piece.ids]
    given = [(place, unit, merged.fixed[unit]) for place, unit in enumerate(part.numbers) if unit in merged.fixed]
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
    """Small points and points between them; on all of R^d also points of other sizes."""
    own = sample_points(where, _POINTS).to_float()
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.full(4, 0.5), _MIXED)
    mixed = np.einsum("ij,ijk->ik", shares, own[random.integers(0, len(own), (_MIXED, 4))])
    if where.region is not None:
        return np.concatenate([own, mixed])
    wide = random.standard_normal((_MIXED, where.dimension)) * 2.0 ** random.uniform(-4, 8, (_MIXED, 1))
    return np.concatenate([own, mixed, wide])
