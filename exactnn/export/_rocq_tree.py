"""Evidence `tree` of a certificate as a tree of the verified checker (proofs/rocq/Tree.v).

Multipliers are carried over as they stand, so that a certificate with a wrong one makes a file that Rocq refuses. Where the certificate
names the rows alone, they are solved for here, as its checker does, and a file without a solution is refused by Rocq, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from typing import Any

from flint import fmpq_mat

from exactnn.export import _rocq_words as words
from exactnn.export._rocq_state import Hint, Layer, Proof, Row, State, add, integral, opposite

Key = tuple[tuple[int, int], ...]
Text = list[Any]  # strings, and lists of the same kind


@dataclass
class _Branch:
    """One way through the tree: the state, the hints for the layer at hand, and what is known of units."""

    state: State
    out: Text
    open: int = 0  # parentheses to be closed at its end
    turned: bool = False
    passed: int = 0  # units of layers that are behind
    hints: dict[tuple[int, int], Hint] = field(default_factory=dict)
    opened: dict[int, tuple[int, bool]] = field(default_factory=dict)  # a unit to its atom, and whether it is the mirror
    known: dict[Key, Hint] = field(default_factory=dict)  # h, its first coefficient positive, to why it has a sign

    def copy(self, out: Text) -> _Branch:
        return replace(
            self, state=self.state.copy(), out=out, open=0, hints=dict(self.hints), opened=dict(self.opened), known=dict(self.known)
        )

    @property
    def units(self) -> int:
        """The number of units of the layer at hand."""
        return prod(self.state.units)

    def place(self, number: int) -> tuple[int, int]:
        """Entry and kink of a unit of the layer at hand: all entries of one kink come before those of the next."""
        kink, entry = divmod(number - self.passed, self.state.units[0])
        return entry, kink


def write_tree(f: Sequence[Layer], g: Sequence[Layer], inputs: int, cell: list[Row], tolerance: Fraction, nodes: Sequence[Any]) -> str:
    """The nodes of the evidence, in preorder, as text."""
    root: Text = []
    waiting = [_Branch(State(f, inputs, cell), root)]
    for kind, facts, end in nodes:
        branch = waiting.pop()
        for number, side, proof in facts:
            _fix(branch, g, number, side, rows(*proof) if len(proof) == 2 and isinstance(proof[1], list) else proof)
        if kind == "split":
            waiting += _split(branch, g, end)
        else:
            _leaf(branch, g, tolerance, end)
    if waiting:
        raise IndexError(f"tree: {len(waiting)} nodes are missing at its end")
    return "\n".join(flat(root))


def flat(text: Text) -> Iterator[str]:
    """The strings in nested lists, in order."""
    waiting = [iter(text)]
    while waiting:
        for piece in waiting[-1]:
            if isinstance(piece, str):
                yield piece
            else:
                waiting.append(iter(piece))
                break
        else:
            waiting.pop()


def rows(factor: Any, terms: Sequence[Any]) -> Proof:
    """A proof of the evidence `tree`."""
    return Proof(_integer(factor), [("row", int(i), _integer(y)) for i, y in terms])


def _proof(branch: _Branch, form: Row, given: Proof | list[int]) -> Proof:
    """The proof that a form is >= 0, its multipliers found where the rows alone are given."""
    if isinstance(given, Proof):
        return given
    chosen = [branch.state.cell[i] for i in given]
    places = sorted({k for row in (form, *chosen) for k in row} - {0})
    table = fmpq_mat(len(places), len(chosen) + 1, [row.get(k, 0) for k in places for row in (*chosen, form)])
    reduced, rank = table.rref()
    if rank != len(chosen) or any(reduced[i, i] != 1 for i in range(rank)):
        return Proof(1, [])
    found = [reduced[i, rank] for i in range(rank)]
    return integral([("row", i, Fraction(int(y.p), int(y.q))) for i, y in zip(given, found, strict=True)])


def _integer(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value)


def _reach(branch: _Branch, g: Sequence[Layer], number: int) -> None:
    while number >= branch.passed + branch.units:
        if branch.turned and branch.state.next is None:
            raise IndexError(f"tree: there is no unit {number}")
        _complete(branch, g)


def _complete(branch: _Branch, g: Sequence[Layer]) -> None:
    """Behind the layer at hand, or from the first network to the second."""
    state = branch.state
    branch.open += 1
    if state.next is None:
        branch.turned = True
        branch.out.append("(Turn")
        state.turn(g)
        return
    count, (entries, kinks) = branch.units, state.units
    for place in ((i, k) for i in range(entries) for k in range(kinks)):
        h = state.unit(*place)[1]
        if place not in branch.hints and h.keys() - {0}:  # on the hyperplane of a unit that is fixed
            key, mirrored = _key(h)
            if key in branch.known:
                branch.hints[place] = _turned(branch.known[key], mirrored)
    branch.out.append(f"(Step {hints(branch.hints, entries, kinks)}")

    def opened(entry: int, kink: int, atom: int, mirrored: bool) -> None:
        branch.opened[branch.passed + kink * entries + entry] = atom, mirrored

    state.step(lambda entry, kink: branch.hints.get((entry, kink)), opened)
    branch.passed += count
    branch.hints = {}


def hints(given: dict[tuple[int, int], Hint], entries: int, kinks: int) -> str:
    """The list of hints, entry by entry; those at its end that say nothing are left out."""
    found = [given.get((i, k)) for i in range(entries) for k in range(kinks)]
    while found and found[-1] is None:
        found.pop()
    return words.listed(map(words.hint, found))


def _fix(branch: _Branch, g: Sequence[Layer], number: int, side: int, given: Proof | list[int]) -> None:
    _reach(branch, g, number)
    if number in branch.opened:
        atom, mirrored = branch.opened[number]
        h, sign = branch.state.atoms[atom], -side if mirrored else side
        hint = Hint(sign, _proof(branch, h if sign > 0 else opposite(h), given))
    else:
        place = branch.place(number)
        h = branch.state.unit(*place)[1]
        hint = branch.hints[place] = Hint(side, _proof(branch, h if side > 0 else opposite(h), given))
    key, mirrored = _key(h)
    branch.known[key] = _turned(hint, mirrored)


def _turned(hint: Hint, mirrored: bool) -> Hint:
    """The hint about h, or about -h if it is mirrored."""
    return hint._replace(sign=-hint.sign) if mirrored else hint


def _key(h: Row) -> tuple[Key, bool]:
    """h or its opposite, the one whose first coefficient is positive; whether it is the opposite."""
    mirrored = h[min(h, key=lambda k: (k == 0, k))] < 0
    return tuple(sorted((opposite(h) if mirrored else h).items())), mirrored


def _split(branch: _Branch, g: Sequence[Layer], number: int) -> list[_Branch]:
    _reach(branch, g, number)
    state = branch.state
    above, below = branch.copy([]), branch.copy([])
    mirrored = False
    if number in branch.opened:
        atom, mirrored = branch.opened[number]
        form = opposite(state.atoms[atom]) if mirrored else state.atoms[atom]
        head = f"(split_atom {words.number(atom)}"
    else:
        entry, kink = branch.place(number)
        form = state.unit(entry, kink)[1]
        head = f"(split {words.number(state.number(entry, kink))}"
    proof = Proof(1, [("row", len(state.cell), 1)])
    for part, side in ((above, 1), (below, -1)):
        part.state.cell.append(form if side > 0 else opposite(form))
        _fix(part, g, number, side, proof)
    # Rocq's first part is the one where h_a >= 0
    parts = [below.out, above.out] if mirrored else [above.out, below.out]
    branch.out += [head, *parts, ")" * (1 + branch.open)]
    return [below, above]


def _leaf(branch: _Branch, g: Sequence[Layer], tolerance: Fraction, end: Any) -> None:
    state = branch.state
    while state.layers or not branch.turned:
        _complete(branch, g)
    assert state.done is not None
    used = {place for row in (*state.values, *state.done[1]) for place in row}
    for a in reversed(range(len(state.atoms))):
        hint = _known(branch, a)
        if hint is not None and state.first + a in used:
            branch.out.append(f"(settle {words.number(a)} ({words.hint(hint)})")
            branch.open += 1
    proofs = (
        None if end is None else [(_end(branch, j, -1, tolerance, p), _end(branch, j, 1, tolerance, q)) for j, (p, q) in enumerate(end)]
    )
    branch.out.append(ends(proofs) + ")" * branch.open)


def _known(branch: _Branch, atom: int) -> Hint | None:
    key, mirrored = _key(branch.state.atoms[atom])
    return _turned(branch.known[key], mirrored) if key in branch.known else None


def _end(branch: _Branch, output: int, sign: int, tolerance: Fraction, given: list[Any]) -> Proof:
    """The proof that tolerance + sign (f - g) >= 0, which is over the inputs alone once the atoms are settled."""
    if len(given) == 2 and isinstance(given[1], list):
        return rows(*given)
    state, form = branch.state, branch.state.margin(output, sign, tolerance)[1]
    for a in reversed(range(len(state.atoms))):
        y, hint = form.pop(state.first + a, 0), _known(branch, a)
        if y and hint is not None and hint.sign > 0:
            form = add(form, state.atoms[a], y)
    return _proof(branch, form, given)


def ends(proofs: Sequence[tuple[Proof, Proof]] | None) -> str:
    """How the outputs are compared."""
    if proofs is None:
        return "End"
    return f"(Ends {words.listed(f'({words.farkas(p)}, {words.farkas(q)})' for p, q in proofs)})"
