"""What goes over all cells of a network and keeps something of them: a count, or terms; results of pieces and tasks are joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from exactnn.cells import Piece, Program, Search, SearchCell, Seed, Signs, Subdivision
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock


class Collector(Protocol):
    """Collects from finished pieces of a subdivision, or from cells of the search."""

    @property
    def key(self) -> str:
        """What is collected, for checkpoints: a definition of regions, say."""

    @property
    def count(self) -> int:
        """How much was collected so far."""

    def piece(self, run: Subdivision, piece: Piece) -> None:
        """Collect from a finished piece."""

    def cell(self, program: Program, cell: SearchCell) -> None:
        """Collect from one cell, the signs of all of whose units are fixed."""

    def pack(self) -> Any:
        """What was collected as JSON; large integers as text in hexadecimal."""

    def unpack(self, packed: Any) -> None:
        """Add what another one packed."""


class Patterns:
    """How many activation patterns cells have."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._total = 0
        self._seen: set[bytes] = set()

    @property
    def count(self) -> int:
        """Their number."""
        return self._total + len(self._seen)

    def add(self, signs: Signs) -> None:
        """Cells (rows), no two of which have the same signs."""
        if self.program.patterns_are_signs:
            self._total += len(signs)
        else:
            self._seen.update(row.tobytes() for row in self.program.patterns(signs))


def search_cells(
    program: Program, collector: Collector, clock: Clock, seed: Seed | None = None, max_regions: int | None = None
) -> Iterator[int]:
    """Collect the cells, within this one, as the search finds them: how many there are so far, again and again.

    Raises Incomplete at the end of the time, and beyond `max_regions` patterns.
    """
    patterns = Patterns(program)
    search = Search(program, clock, seed=seed)
    for cell, unit in search.walk():
        if unit is not None:
            continue
        if max_regions is not None:
            patterns.add(np.array(cell.signs, dtype=np.int8)[None])
            if patterns.count > max_regions:
                raise Incomplete(f"max_regions: there are more than {max_regions} regions")
        collector.cell(program, cell)
        yield search.found
