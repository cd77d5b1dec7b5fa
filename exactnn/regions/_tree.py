"""The search written down as a tree that can be re-checked (docs/certificate-format.md, "tree").

Each node of the search is one entry, in preorder: the units that were fixed there with their Farkas proofs, then the unit that is split, or
the end of a leaf.
"""

from __future__ import annotations

from typing import Any

from exactnn.errors import ArgumentError
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import MaxPool, Network
from exactnn.regions._program import Program
from exactnn.regions._search import Search
from exactnn.regions._search_cell import Cell
from exactnn.regions._search_lp import Farkas
from exactnn.regions._search_points import simplified

_LONG = 10**4000  # Python refuses to read decimals of more than 4,300 digits


class Tree:
    """Entries of a tree, in preorder.

    Parameters
    ----------
    program : the networks; the units of a domain are no units of the certificate
    rows : the number of rows of the domain, which are inequalities 0, 1, ... of every cell
    """

    def __init__(self, program: Program, rows: int) -> None:
        self._first, self._rows = program.domain_units, rows
        self.nodes: list[Any] = []

    def split(self, cell: Cell, unit: int) -> None:
        """The cell is cut by a unit."""
        self.nodes.append(["split", self._facts(cell), unit - self._first])

    def leaf(self, cell: Cell, end: Any) -> None:
        """The cell is a leaf."""
        self.nodes.append(["leaf", self._facts(cell), end])

    def proof(self, cell: Cell, proof: Farkas) -> list[Any]:
        """[factor, [[inequality, multiplier]...]]."""
        domain = sum(m < 0 for m in cell.made)
        places = [-1 - m if m < 0 else self._rows + i - domain for i, m in enumerate(cell.made)]
        return [_integer(proof.factor), [[places[i], _integer(y)] for i, y in proof.terms]]

    def _facts(self, cell: Cell) -> list[Any]:
        return [[unit - self._first, sign, *self.proof(cell, proof)] for unit, sign, proof in cell.facts]


def count_with_tree(
    net: Network, domain: Polyhedron | None = None, clock: Clock | None = None, limit: int | None = None
) -> tuple[int, Any]:
    """The number of activation regions on a full-dimensional domain, and the evidence for it.

    Raises
    ------
    NotPiecewiseLinear, ArgumentError (max pooling), DomainError, Incomplete (with the number of regions found)
    """
    pools = [name for name in net.order if isinstance(net.operation(name), MaxPool)]
    if pools:
        raise ArgumentError(f"net: a network without max pooling is needed for a certified number of regions, got one at node {pools[0]!r}")
    program = Program([net], domain)
    search = Search(program, clock, limit=limit)
    tree = Tree(program, 0 if domain is None else len(domain.rows[0]))
    for cell, unit in search.walk():
        if unit is not None:
            tree.split(cell, unit)
        else:
            *numerators, weight = simplified(cell.inner, cell.forms)
            tree.leaf(cell, [_integer(weight), [_integer(v) for v in numerators]])
    return search.found, {"method": "tree", "hull": None, "tree": tree.nodes}


def _integer(value: int) -> int | str:
    return value if -_LONG < value < _LONG else hex(value)
