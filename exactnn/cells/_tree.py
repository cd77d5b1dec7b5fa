"""The search written down as a tree that can be re-checked (docs/certificate-format.md, "tree").

Each node of the search is one entry, in preorder: the units that were fixed there with their Farkas proofs, then the unit that is split, or
the end of a leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import fmpz_mat

from exactnn.cells._program import Program
from exactnn.cells._search_cell import SearchCell
from exactnn.cells._search_lp import AffineRow, Farkas
from exactnn.exact.writing import json_integer

#: The checker finds the multipliers of so many inequalities itself, at a cost of their number to the third.
_SOLVED = 6


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

    def split(self, cell: SearchCell, unit: int) -> None:
        """The cell is cut by a unit."""
        self.nodes.append(["split", self._facts(cell), unit - self._first])

    def leaf(self, cell: SearchCell, end: Any) -> None:
        """The cell is a leaf."""
        self.nodes.append(["leaf", self._facts(cell), end])

    def proof(self, cell: SearchCell, proof: Farkas) -> list[Any]:
        """The inequalities alone, if they are few and independent; else [factor, [[inequality, multiplier]...]]."""
        made = cell.made
        beyond = self._rows - sum([m < 0 for m in made])  # the rows of the domain come first
        terms = [(-1 - made[i] if made[i] < 0 else beyond + i, y) for i, y in proof.terms]
        if len(terms) <= _SOLVED and (proof.independent or independent([cell.forms[i] for i, _ in proof.terms])):
            return [place for place, _ in terms]
        return [json_integer(proof.factor), [[place, json_integer(y)] for place, y in terms]]

    def _facts(self, cell: SearchCell) -> list[Any]:
        return [[unit - self._first, sign, self.proof(cell, proof)] for unit, sign, proof in cell.facts]


def independent(rows: Sequence[AffineRow]) -> bool:
    """Whether their coefficients (without the constants) are linearly independent."""
    if len(rows) < 2:
        return all(any(row[:-1]) for row in rows)
    return int(fmpz_mat([list(row[:-1]) for row in rows]).rank()) == len(rows)


def is_short(proof: list[Any]) -> bool:
    """Whether it is by the inequalities alone."""
    return all(isinstance(i, int) for i in proof)
