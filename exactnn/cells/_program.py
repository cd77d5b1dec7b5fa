"""Piecewise linear networks as stages of rectified units.

    z_s = sum_k B_sk y_k + c_s,   y_s = max(z_s, 0)   (s = 1, 2, ...),   y_0 = x,   outputs = sum_k B_k y_k + c

Any piecewise linear network is of this form: phi(t) = q t + r + sum_k p_k max(t - t_k, 0) makes a stage of each kink, and a window of
max pooling is a running maximum m <- m + max(z - m, 0). A *unit* is one entry of one stage. Where the signs of all earlier units are
fixed, a unit's pre-activation is affine in x; so the signs of all units cut R^d into cells on which the network is affine.
Inequalities of a domain are a stage of their own, the first, whose units b - A x must not be negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.cells._maps import IntegerMap, Signs, StageMap, common_scale, masked
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import MaxPool, Network

Places = np.ndarray[Any, np.dtype[np.int64]]
_BITS = 62  # maximisers that one number of a pattern tells


@dataclass(frozen=True)
class Stage:
    """Units that a node of the network makes together.

    node : its name; "" for the domain, "=" for a stage that no node makes
    part : number of the kink, or of the step of a running maximum
    places : for each unit the flat index of the node's entry (a window, for max pooling)
    """

    form: StageMap
    node: str
    part: int
    places: Places
    net: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """One or several networks of the same input, and a domain, as stages; `read_program` makes it.

    Attributes
    ----------
    nets, domain : what it was made from; domain None for all of R^d
    stages : in the order in which they are read; stage s gives y_(s+1)
    outputs : for each network its flat outputs as a map of x and the stages
    inputs : the number of inputs, where it is not that of the networks
    """

    nets: tuple[Network, ...]
    domain: Polyhedron | None
    stages: tuple[Stage, ...]
    outputs: tuple[StageMap, ...]
    inputs: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what was computed from the fields: FLINT's matrices cannot be pickled."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def input_dim(self) -> int:
        """d."""
        return self.nets[0].input_dim if self.inputs is None else self.inputs

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of y_0 = x, y_1, y_2, ..."""
        return (self.input_dim, *(stage.form.size for stage in self.stages))

    @cached_property
    def unit_count(self) -> int:
        """The number of units."""
        return sum(self.sizes[1:])

    @cached_property
    def first(self) -> list[int]:
        """The number of each stage's first unit; one entry more at the end."""
        return [0, *np.cumsum(self.sizes[1:], dtype=int).tolist()]

    def stage_of(self, unit: int) -> tuple[int, int]:
        """Stage and row of a unit."""
        stage = int(np.searchsorted(self.first, unit, side="right")) - 1
        return stage, unit - self.first[stage]

    @cached_property
    def domain_units(self) -> int:
        """How many units, the first, are inequalities of the domain."""
        return self.stages[0].form.size if self.stages and self.stages[0].node == "" else 0

    def extended(self, form: StageMap) -> Program:
        """The same with one more stage at the end, of no node; its units divide cells, and give nothing to the outputs."""
        return replace(self, stages=(*self.stages, Stage(form, "=", 0, np.arange(form.size))))

    # --- activation patterns -----------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> list[tuple[int, str]]:
        """(network, node) of each node with kinks, in order."""
        return list(dict.fromkeys((s.net, s.node) for s in self.stages if s.node not in ("", "=")))

    @cached_property
    def _pools(self) -> list[tuple[int, str]]:
        return [n for n in self.nodes if isinstance(self.nets[n[0]].operation(n[1]), MaxPool)]

    @property
    def patterns_are_signs(self) -> bool:
        """Whether two cells have the same pattern only if they are the same cell (not so for max pooling)."""
        return not self._pools

    def patterns(self, signs: Signs) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Activation patterns (rows, entries of all nodes) of faces with these signs (rows, units) of their relative interiors.

        An entry is the number of kinks below the pre-activation (1 for an active ReLU, whose pre-activation is > 0, else 0), and the set
        of maximisers of a window, bit i for its i-th entry, in as many numbers as it takes (`named_pattern` joins them).
        """
        parts = [self._pattern(node, signs) for node in self.nodes]
        return np.concatenate([*parts, np.zeros((len(signs), 0), dtype=np.int64)], axis=1)

    def _pattern(self, node: tuple[int, str], signs: Signs) -> np.ndarray[Any, np.dtype[np.int64]]:
        stages = [(i, s) for i, s in enumerate(self.stages) if (s.net, s.node) == node]
        width = math.prod(self.nets[node[0]].shape(node[1]))
        if node not in self._pools:
            result = np.zeros((len(signs), width), dtype=np.int64)
            for i, s in stages:
                result[:, s.places] += signs[:, self.first[i] : self.first[i + 1]] > 0
            return result
        sets = np.zeros((len(signs), width, self.pattern_words[node]), dtype=np.int64)
        sets[:, :, 0] = 1  # entry 0 is a maximiser until another one exceeds it
        for i, s in stages:
            step = signs[:, self.first[i] : self.first[i + 1]]
            word, bit = divmod(s.part, _BITS)
            old = sets[:, s.places]
            old[step > 0] = 0
            old[:, :, word] |= np.where(step >= 0, np.int64(1) << bit, 0)
            sets[:, s.places] = old
        return sets.reshape(len(signs), -1)

    @cached_property
    def pattern_words(self) -> dict[tuple[int, str], int]:
        """How many numbers each entry of a node's pattern takes: more than one for large windows, 62 maximisers in each."""
        most = {node: max(s.part for s in self.stages if (s.net, s.node) == node) for node in self.nodes}
        return {node: 1 + most[node] // _BITS if node in self._pools else 1 for node in self.nodes}

    def named_pattern(self, row: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[tuple[int, ...], ...]:
        """A row of `patterns` as one tuple for each node, sets of maximisers as one integer each."""
        found, at = [], 0
        for node in self.nodes:
            words = self.pattern_words[node]
            entries = row[at : at + math.prod(self.nets[node[0]].shape(node[1])) * words].reshape(-1, words).tolist()
            at += len(entries) * words
            found.append(tuple(sum(w << (_BITS * i) for i, w in enumerate(entry)) for entry in entries))
        return tuple(found)

    # --- exact values ------------------------------------------------------------------------------------------------------

    @cached_property
    def scales(self) -> list[int]:
        """scales[k] y_k is an integer vector wherever x is one."""
        scales = [1]
        for stage in self.stages:
            scales.append(common_scale(stage.form, scales))
        return scales

    @cached_property
    def integers(self) -> list[IntegerMap]:
        """The stages' forms in integers."""
        return [IntegerMap.of(s.form, self.scales, scale) for s, scale in zip(self.stages, self.scales[1:], strict=True)]

    @cached_property
    def output_integers(self) -> list[IntegerMap]:
        """The outputs' forms in integers, one for each network."""
        return [IntegerMap.of(form, self.scales, common_scale(form, self.scales)) for form in self.outputs]

    def exact_values(self, points: fmpz_mat, weight: Sequence[int | fmpz], signs: Signs, stages: int) -> Iterator[fmpz_mat]:
        """weight_i scales[s+1] z_s at row i / weight_i, for the stages s = 0, 1, ..., `stages`.

        Parameters
        ----------
        points, weight : integer rows (n, d) and positive denominators; weight 0 leaves out all constants (the part of a direction)
        signs : signs (n, units) of the units of the stages before the last; where they are not positive, a unit gives 0
        """
        column = fmpz_mat(len(weight), 1, list(weight))
        values = [points]
        for s in range(stages + 1):
            z = self.integers[s].apply(values, column)
            yield z
            if s < stages:
                values.append(masked(z, signs[:, self.first[s] : self.first[s + 1]]))

    def exact_outputs(self, points: fmpz_mat, weight: Sequence[int | fmpz], signs: Signs) -> list[tuple[fmpz_mat, int]]:
        """For each network (weight_i factor output at row i / weight_i, factor)."""
        column = fmpz_mat(len(weight), 1, list(weight))
        last = max((k for form in self.outputs for k in form.blocks), default=0)
        values = [points]
        if last:
            for s, z in enumerate(self.exact_values(points, weight, signs, last - 1)):
                values.append(masked(z, signs[:, self.first[s] : self.first[s + 1]]))
        return [(form.apply(values, column), form.scale) for form in self.output_integers]

    def cell_maps(self, signs: Signs, upto: int | None = None) -> Iterator[tuple[fmpz_mat, int]]:
        """On cells with these signs (cells, units): each stage's pre-activations as affine functions of x, then each network's outputs.

        Yields (matrix, factor): rows units, columns d + 1 for each cell (coefficients, constant), all times the positive factor.
        `upto`: only the stages before this one, and no outputs.
        """
        d, cells = self.input_dim, len(signs)
        unit = np.zeros((d, cells, d + 1), dtype=np.int64)
        for i in range(d):
            unit[i, :, i] = 1
        values = [fmpz_mat(d, cells * (d + 1), unit.ravel().tolist())]
        ones = fmpz_mat(1, cells * (d + 1), ([0] * d + [1]) * cells)
        stages = len(self.stages) if upto is None else upto
        for s in range(stages):
            form = self.integers[s]
            z = form.applied(values, ones)
            yield z, form.scale
            active = np.repeat(signs[:, self.first[s] : self.first[s + 1]].T, d + 1, axis=1)
            values.append(masked(z, active))
        if upto is None:
            for form in self.output_integers:
                yield form.applied(values, ones), form.scale
