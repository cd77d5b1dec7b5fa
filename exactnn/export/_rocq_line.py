"""Evidence `line` of a certificate as evidence `tree`: the line is cut at every kink, and each sign is proved by an end of the cell.

The checker of `line` needs no evidence, since it finds the cells itself; the verified checker of proofs/rocq does not look for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from exactnn.errors import SaveError
from exactnn.export._rocq_state import Hint, Layer, Proof, Row, State


class _End(NamedTuple):
    """A cell's end: the number of the row c + a x >= 0 that says so, and the row."""

    number: int
    row: Row

    @property
    def x(self) -> Fraction:
        return Fraction(-self.row.get(0, 0), self.row[1])


class _Cell(NamedTuple):
    """An interval; None where it has no end."""

    rows: int
    low: _End | None
    high: _End | None

    def within(self, row: Row) -> _Cell:
        """With one more row."""
        cell = self._replace(rows=self.rows + 1)
        end = _End(self.rows, row)
        if row.get(1, 0) > 0 and (self.low is None or end.x > self.low.x):
            return cell._replace(low=end)
        if row.get(1, 0) < 0 and (self.high is None or end.x < self.high.x):
            return cell._replace(high=end)
        return cell

    def proof(self, h: Row) -> Proof | None:
        """That h >= 0 here: factor h = gamma + y g, g the end where h is least."""
        slope = h.get(1, 0)
        if not slope:
            return Proof(1, []) if h.get(0, 0) >= 0 else None
        end = self.low if slope > 0 else self.high
        if end is None or h.get(0, 0) + slope * end.x < 0:
            return None
        return Proof(abs(end.row[1]), [("row", end.number, abs(slope))])


class _Part(NamedTuple):
    """What is to be done on a cell: units are numbered on from ``passed``; of the layer at hand, some are known."""

    state: State
    cell: _Cell
    passed: int
    turned: bool
    known: dict[tuple[int, int], Hint]


def line_nodes(f: Sequence[Layer], g: Sequence[Layer], rows: list[Row], tolerance: Fraction) -> list[Any]:
    """The nodes of a tree, in preorder, as the evidence `tree` has them, for two networks of one input."""
    cell = _Cell(0, None, None)
    for row in rows:
        cell = cell.within(row)
    if cell.low is not None and cell.high is not None and cell.low.x > cell.high.x:
        raise SaveError("a proof on an empty domain is not written for Rocq")
    found: list[Any] = []
    waiting = [_Part(State(f, 1, list(rows)), cell, 0, False, {})]
    while waiting:
        part, facts = waiting.pop(), []
        split = None
        while split is None and not (part.turned and part.state.bend is None):
            if part.state.bend is None:
                part.state.turn(g)
                part = part._replace(turned=True)
                continue
            new, split = _signs(part)
            facts += new
            if split is None:
                count, known = len(part.state.values) * len(part.state.bend.kinks), part.known
                part.state.step(lambda i, k, known=known: known.get((i, k)), lambda *_: None)  # type: ignore[misc]
                part = part._replace(passed=part.passed + count, known={})
        if split is None:
            found.append(["leaf", facts, _end(part, tolerance)])
            continue
        found.append(["split", facts, split])
        waiting += [_side(part, split, -1), _side(part, split, 1)]
    return found


def _place(part: _Part, number: int) -> tuple[int, int]:
    """Entry and kink of a unit."""
    kink, entry = divmod(number - part.passed, len(part.state.values))
    return entry, kink


def _signs(part: _Part) -> tuple[list[Any], int | None]:
    """Facts about the units of the layer at hand, up to one that has both signs on the cell."""
    assert part.state.bend is not None
    facts: list[Any] = []
    for number in range(part.passed, part.passed + len(part.state.values) * len(part.state.bend.kinks)):
        place = _place(part, number)
        h = part.state.unit(*place)[1]
        if place in part.known or not h.get(1, 0):  # constants are fixed by themselves
            continue
        proofs = {side: part.cell.proof({k: side * v for k, v in h.items()}) for side in (1, -1)}
        side, proof = next(((side, proof) for side, proof in proofs.items() if proof is not None), (0, None))
        if proof is None:
            return facts, number
        part.known[place] = Hint(side, proof)
        facts.append([number, side, _written(proof)])
    return facts, None


def _side(part: _Part, number: int, side: int) -> _Part:
    """Where the unit is >= 0 (1) or <= 0 (-1)."""
    place = _place(part, number)
    row = {k: side * v for k, v in part.state.unit(*place)[1].items()}
    state = part.state.copy()
    state.cell.append(row)
    hint = Hint(side, Proof(1, [("row", part.cell.rows, 1)]))
    return part._replace(state=state, cell=part.cell.within(row), known={**part.known, place: hint})


def _end(part: _Part, tolerance: Fraction) -> Any:
    outputs = range(len(part.state.values))
    if not tolerance and not any(part.state.margin(j, 1, tolerance)[1] for j in outputs):
        return None  # one function; on a single point two functions may agree that are not
    ends = []
    for j in outputs:
        pair = [part.cell.proof(part.state.margin(j, sign, tolerance)[1]) for sign in (-1, 1)]
        if None in pair:
            raise SaveError(f"output {j}: the networks are not within the tolerance on a cell")
        ends.append([_written(proof) for proof in pair if proof is not None])
    return ends


def _written(proof: Proof) -> list[Any]:
    return [proof.factor, [[i, y] for _, i, y in proof.terms]]
