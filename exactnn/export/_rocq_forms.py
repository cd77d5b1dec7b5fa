"""Evidence `forms` of a certificate as a tree of the verified checker (proofs/rocq/Tree.v), one without splits.

The evidence speaks of functions l_a with max(l_a, 0) for its atoms, Rocq's checker of primitive h with l_a = rho h. A term of a proof is
scaled accordingly, and its multipliers are brought to integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from exactnn.errors import SaveError
from exactnn.export import _rocq_words as words
from exactnn.export._rocq_graph import Named
from exactnn.export._rocq_state import Hint, Proof, Row, State, integral
from exactnn.export._rocq_tree import ends, hints

Atom = tuple[int, Fraction]  # Rocq's number of an atom, and rho


def write_forms(
    f: Sequence[Named], g: Sequence[Named], inputs: int, cell: list[tuple[Fraction, Row]], tolerance: Fraction, evidence: dict[str, Any]
) -> str:
    """The tree; ``cell``: the slacks of the domain's rows, each a factor and a primitive row."""
    return _Writer(f, g, inputs, cell, tolerance, evidence).text()


class _Writer:
    def __init__(
        self,
        f: Sequence[Named],
        g: Sequence[Named],
        inputs: int,
        cell: list[tuple[Fraction, Row]],
        tolerance: Fraction,
        evidence: dict[str, Any],
    ) -> None:
        self._networks = (f, evidence["f"]), (g, evidence["g"])
        self._state = State([layer for layer, _ in f], inputs, [row for _, row in cell])
        self._scales = [scale for scale, _ in cell]  # of the rows: the function meant is scale times the row
        self._tolerance, self._output = tolerance, evidence["output"]
        self._bounds = {entry[0]: entry for entry in evidence.get("bounds", [])}
        self._chords: dict[int, int] = {}  # an atom to the row of its chord
        self._atoms: dict[int, Atom] = {}
        self._taken: dict[str, int] = {}  # how many of a node's lines are behind
        self._out: list[str] = []

    def text(self) -> str:
        state = self._state
        for number, (layers, lines) in enumerate(self._networks):
            if number:
                self._out.append("(Turn")
                state.turn([layer for layer, _ in layers])
                self._taken = {}
            for layer, name in layers:
                if state.layers and layer is state.layers[0]:
                    count = prod(state.units)
                    start = self._taken.get(name, 0)
                    self._taken[name] = start + count
                    self._step(lines.get(name, [])[start : start + count])
        end = None if self._output is None else [(self._margin(j, -1, p), self._margin(j, 1, q)) for j, (p, q) in enumerate(self._output)]
        return "\n".join([*self._out, ends(end) + ")" * len(self._out)])

    def _step(self, lines: Sequence[Any]) -> None:
        state, (entries, kinks) = self._state, self._state.units
        given: dict[tuple[int, int], Hint] = {}
        opening: dict[tuple[int, int], Any] = {}
        for place, line in enumerate(lines):
            k, i = divmod(place, entries)
            if line is None:
                continue
            scale, _ = state.unit(i, k)
            if line[0] == "atom":
                opening[i, k] = line
            else:
                given[i, k] = Hint(1 if line[0] == "on" else -1, self._proof(1 / scale, line[1]))
        scales = {place: state.unit(*place)[0] for place in opening}
        self._out.append(f"(Step {hints(given, entries, kinks)}")

        def opened(i: int, k: int, atom: int, mirrored: bool) -> None:
            if (i, k) in opening:  # z = s F l, and z = scale h or scale (-h)
                _, a, s, factor = opening[i, k]
                self._atoms.setdefault(a, (atom, scales[i, k] * s / rational(factor) * (-1 if mirrored else 1)))

        state.step(lambda i, k: given.get((i, k)), opened)

    def _proof(self, scale: Fraction, terms: Sequence[Any]) -> Proof:
        """scale * form = gamma + sum of the terms, as written for the form."""
        return integral([self._term(kind, number, scale * rational(y)) for kind, number, y in terms])

    def _term(self, kind: str, number: Any, y: Fraction) -> tuple[str, int, Fraction]:
        if kind == "slack":
            return "row", number, y * self._scales[number]
        if kind == "chord":
            row = self._chord(number)
            return "row", row, y * self._scales[row]
        if number not in self._atoms:
            raise SaveError(f"atom {number}: only maxima of numbers, each made before it is used, can be written for Rocq")
        a, rho = self._atoms[number]
        return ("atom" if (kind == "atom") == (rho > 0) else "mirror"), a, y * abs(rho)

    def _chord(self, number: int) -> int:
        """The row hi (k h - lo) - k (hi - lo) max(h, 0), with lo <= k h <= hi."""
        if number not in self._chords:
            _, low, below, high, above = self._bounds[number]
            a, rho = self._atoms[number]
            sides = [(rational(low) / rho, below), (rational(high) / rho, above)]
            (lo, first), (hi, second) = sides if rho > 0 else sides[::-1]
            k = lo.denominator * hi.denominator
            low_proof, high_proof = (self._proof(k / abs(rho), proof) for proof in (first, second))
            lowest, highest = int(lo * k), int(hi * k)
            h, place = self._state.atoms[a], self._state.first + a
            row = {key: highest * k * v for key, v in h.items()}
            row[0] = row.get(0, 0) - highest * lowest
            row[place] = row.get(place, 0) - k * (highest - lowest)
            self._state.cell.append({key: v for key, v in row.items() if v})
            self._scales.append(abs(rho) / (k * (highest - lowest)))
            self._chords[number] = len(self._state.cell) - 1
            numbers = " ".join(map(words.argument, (a, k, lowest, highest)))
            self._out.append(f"(chord {numbers} {words.farkas(low_proof)} {words.farkas(high_proof)}")
        return self._chords[number]

    def _margin(self, output: int, sign: int, terms: Sequence[Any]) -> Proof:
        scale, _ = self._state.margin(output, sign, self._tolerance)
        return self._proof(1 / scale, terms)


def rational(value: Any) -> Fraction:
    """A Rational of the certificate format."""
    if isinstance(value, str):
        numerator, _, denominator = value.partition("/")
        return Fraction(_whole(numerator), _whole(denominator) if denominator else 1)
    return Fraction(value)


def _whole(text: str) -> int:
    return int(text, 16 if "x" in text else 10)
