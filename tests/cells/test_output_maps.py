"""Affine maps of outputs, prefix by prefix, are those that all stages on all cells give."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from exactnn.cells import Subdivision, output_maps, read_program
from exactnn.exact.clock import Clock
from exactnn.network import Network
from tests.strategies import graphs, law


@law(40)
@given(graphs())
def test_the_maps_are_those_of_the_stages(net: Network) -> None:
    if net.input_dim > 3 or not net.is_piecewise_linear:
        return
    program = read_program([net, net])
    run = Subdivision(program, Clock(), max_cells=2_000)
    signs = next(run.pieces()).signs[:60]
    order = np.random.default_rng(len(signs)).permutation(len(signs))
    found = output_maps(program, signs[order])
    *_, first, second = program.cell_maps(signs[order])
    assert found == [first, second]


def test_no_cell_and_no_stage() -> None:
    import exactnn as xn

    net = xn.mlp([([[2, 3]], [1])])
    ((matrix, factor),) = output_maps(read_program([net]), np.zeros((2, 0), dtype=np.int8))
    assert (matrix.tolist(), factor) == ([[2, 3, 1, 2, 3, 1]], 1)
