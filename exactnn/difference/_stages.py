"""Two networks as stages of rectified units in float64, for bounds that account for every rounding.

    z_s = sum_k B_sk y_k + c_s,   y_s = max(z_s, 0),   outputs = sum_k B_k y_k + c

The weights are the exact ones rounded to the nearest float64; `Combination.error` bounds what that and the rounding of the sums change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.cells import Program, StageMap, read_program
from exactnn.difference._pass import NotBounded
from exactnn.exact.array import RationalArray
from exactnn.network import Network

Floats = np.ndarray[Any, np.dtype[np.float64]]

ROUND = 2.0**-52  # twice the unit roundoff
TINY = 1e-290  # more than all underflows of a sum
LARGEST = 2.0**1000  # no value may exceed it, and no weight but 0 be less than its inverse
_ENTRIES = 1 << 25  # of all matrices of both networks
_WEIGHTS = 1 << 20  # that are not 0, of one network: the checker counts each at most four times, up to 2^22


class Combination:
    """sum_k blocks[k] y_k + constant; `absolute` the same with absolute values, `error` times them bounds the rounding of a float sum."""

    def __init__(self, blocks: dict[int, RationalArray], constant: RationalArray) -> None:
        self.blocks = {k: _floats(b) for k, b in blocks.items() if not b.is_zero()}
        self.absolute = {k: np.abs(b) for k, b in self.blocks.items()}
        self.constant = _floats(constant)
        self.size = len(self.constant)
        terms = sum(b.shape[1] for b in self.blocks.values())
        self.error = (terms + len(self.blocks) + 16) * ROUND

    @classmethod
    def of(cls, form: StageMap) -> Combination:
        """The form as it is."""
        return cls(form.blocks, form.constant)

    @classmethod
    def minus(cls, first: StageMap, second: StageMap) -> Combination:
        """The exact difference of the coefficients of two forms."""
        blocks = {k: _minus(first.blocks.get(k), second.blocks.get(k)) for k in first.blocks.keys() | second.blocks.keys()}
        return cls(dict(sorted(blocks.items())), first.constant - second.constant)


class Stages:
    """f, and g if there is one, stage by stage; `paired` where both have equally many stages of equal sizes.

    Attributes
    ----------
    nets : for each network its stages, the outputs last
    changes : for paired networks, for each stage (outputs last) the coefficients of f less those of g
    sizes : of y_0 = x and the stages of f
    """

    def __init__(self, f: Network, g: Network | None) -> None:
        programs = [read_program([net]) for net in (f, g) if net is not None]
        if sum(_entries(p) for p in programs) > _ENTRIES:
            raise NotBounded(f"linear bounds need matrices of more than {_ENTRIES} entries")
        forms = [_forms(p) for p in programs]
        if any(sum(int(b.nonzero().sum()) for form in own for b in form.blocks.values()) > _WEIGHTS for own in forms):
            raise NotBounded(f"linear bounds are made of at most {_WEIGHTS} weights of a network")
        #: bits of the largest integer of all weights over common denominators
        self.grain = max((_grain(form) for own in forms for form in own), default=1)
        self.nets = [[Combination.of(form) for form in own] for own in forms]
        self.sizes = programs[0].sizes
        self.paired = len(programs) == 2 and programs[0].sizes == programs[1].sizes
        self.changes = [Combination.minus(a, b) for a, b in zip(*forms, strict=True)] if self.paired else []

    @property
    def units(self) -> int:
        """The number of units of f."""
        return sum(self.sizes[1:])

    def rounding(self) -> float:
        """An estimate: by how many units of 2^-bits ranges of the outputs are off that are computed in such units, as the checker does.

        No bound: a range that is off also changes lam a little. MARGIN leaves 16 times as much; acceptance rests on it, no proof does.

        An affine function rounds each coefficient by a unit, and passes on sum |w| e; max(a, 0) and delta round it once or twice more.
        """
        terms = 4.0 * (1 + self.sizes[0] + 2 * sum(sum(len(stage.constant) for stage in stages) for stages in self.nets))
        before: list[list[Floats]] = []
        with np.errstate(over="ignore", invalid="ignore"):
            for stages in self.nets:
                errors = [np.ones(self.sizes[0])]
                for stage in stages:
                    errors.append(_passed_on(stage, errors) + terms)
                before.append(errors)
            apart = [np.zeros(self.sizes[0])]
            for stage, change in zip(self.nets[-1], self.changes, strict=False):
                k = len(apart)
                apart.append(_passed_on(stage, apart) + _passed_on(change, before[0]) + before[0][k] + terms)
        largest = sum(float(errors[-1].sum()) for errors in before) + float(apart[-1].sum())
        return largest if np.isfinite(largest) else float(np.finfo(np.float64).max)

    def values(self, x: Floats) -> list[tuple[Floats, list[Floats]]]:
        """For each network its outputs (outputs, points) at the columns of x (inputs, points), and which units are active."""
        with np.errstate(over="ignore", invalid="ignore"):  # proposals only
            return [_run(stages, x) for stages in self.nets]

    def gradient(self, rows: Sequence[Floats], active: Sequence[list[Floats]], inputs: int) -> Floats:
        """(inputs, points): the gradient of sum_i rows[i] . outputs of network i, on the cells with these active units."""
        total: Floats = np.zeros((inputs, rows[0].shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):
            for stages, row, on in zip(self.nets, rows, active, strict=True):
                back: dict[int, Floats] = {k: b.T @ row for k, b in stages[-1].blocks.items()}
                for s in range(len(stages) - 2, -1, -1):
                    own = back.pop(s + 1, None)
                    if own is not None:
                        for k, b in stages[s].blocks.items():
                            back[k] = back.get(k, 0.0) + b.T @ (own * on[s])
                total += back.get(0, 0.0)
        return total


def on_grid(x: Floats, bits: int) -> Floats:
    """The nearest multiples of 2^-bits; numbers of many bits are multiples already, which may be too large for float64 in such units."""
    with np.errstate(over="ignore"):
        units = np.ldexp(x, bits)
    return np.where(np.abs(units) < 2.0**53, np.ldexp(np.rint(units), -bits), x)


def _run(stages: list[Combination], x: Floats) -> tuple[Floats, list[Floats]]:
    values, active = [x], []
    for stage in stages:
        z = sum((b @ values[k] for k, b in stage.blocks.items()), stage.constant[:, None])
        active.append((z > 0).astype(np.float64))
        values.append(np.maximum(z, 0))
    return np.broadcast_to(z, (len(z), x.shape[1])), active[:-1]


def _grain(form: StageMap) -> int:
    return max(n.bit_length() for a in (*form.blocks.values(), form.constant) for n in (a.denominator, a.bound))


def _passed_on(stage: Combination, errors: Sequence[Floats]) -> Floats:
    """sum_k |B_k| errors[k]."""
    return np.asarray(sum((b @ errors[k] for k, b in stage.absolute.items()), np.zeros(stage.size)))


def _forms(program: Program) -> list[StageMap]:
    (output,) = program.outputs
    return [*(stage.form for stage in program.stages), output]


def _entries(program: Program) -> int:
    return sum(b.size for form in _forms(program) for b in form.blocks.values())


def _minus(a: RationalArray | None, b: RationalArray | None) -> RationalArray:
    if a is None:
        assert b is not None
        return -b
    return a if b is None else a - b


def _floats(a: RationalArray) -> Floats:
    found = a.to_float()
    size = np.abs(found)
    if not ((size < LARGEST) & ((size > 1 / LARGEST) | ~a.nonzero())).all():
        raise NotBounded("a number of a network is beyond the range of float64")
    return found
