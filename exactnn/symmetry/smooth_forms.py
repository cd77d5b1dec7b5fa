"""The normal form of a network with one hidden layer of tanh, sigmoid, SiLU, GELU or softplus neurons.

    f(x) = k + M x + sum_h J_h phi(w_h . x + b_h) + sum_b C_b phi(b)

The classes (w_h, b_h), w_h != 0, are distinct and not opposite to each other: phi(-t) is -phi(t), or phi(t) - t, so that a sign can be
chosen, and there is no other freedom, as phi does not scale. By theorem S (docs/theory.md 8) the functions phi(w_h . x + b_h), x_1, ...,
x_d, 1 are linearly independent, so that J and M depend on the function alone. The last sum is what neurons without incoming weights
contribute, b > 0 rational; its terms and 1 are independent over the rationals by the theorem of Lindemann, but for GELU, where a
question stays open (`SmoothNormalForm`). A sigmoid is written as sigmoid(t) = (1 + tanh(t/2))/2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from exactnn.errors import ArgumentError, Undecided
from exactnn.exact.array import RationalArray, concatenate, integer_array
from exactnn.exact.numbers import approximately, fraction
from exactnn.forms import Atom, Atoms, Forms
from exactnn.network import Add, Affine, Builder, Input, Network, Smooth
from exactnn.symmetry._enclosures import Ball, value
from exactnn.value import Value

#: (w_1, ..., w_d, b)
Class = tuple[Fraction, ...]

#: phi of which theorem S speaks; with "relu" they are still independent on all of R^d
INDEPENDENT = ("tanh", "silu", "gelu", "softplus", "relu")
#: those with phi(t) - phi(-t) = t
_MIRRORED = ("silu", "gelu", "softplus")
#: bits of enclosures, one after the other; a certificate has at most 4096
PRECISIONS = (64, 256, 1024, 4096)


@dataclass(frozen=True, repr=False)
class SmoothNormalForm(Value):
    """k + M x + sum_h J_h phi(w_h . x + b_h) + sum_b C_b phi(b); see the module's text.

    `==` and `hash` are about these numbers. Forms that are equal are one function. For tanh (sigmoid too), silu and softplus forms that
    differ are different functions. So they are for gelu unless they differ in k and C alone; then no theorem decides about every
    choice of k and C, and `symmetry.same_function` looks at the numbers.

    Attributes
    ----------
    activation : "tanh" (for sigmoid too), "silu", "gelu" or "softplus"
    normals : matrix (classes, inputs + 1) with the rows (w_h, b_h), in lexicographic order; the first non-zero entry of w_h is positive
    jumps : matrix (outputs, classes) whose columns are the J_h, none of them 0
    slope : matrix M (outputs, inputs)
    offset : vector k
    biases : the b of phi(b), ascending; b > 0, for softplus b >= 0
    levels : matrix (outputs, biases) whose columns are the C_b, none of them 0

    Examples
    --------
    >>> from exactnn import mlp, symmetry
    >>> f = mlp([([[1], [-1], [0]], [3, -3, 1]), ([[5, 2, 7]], [0])], activation="silu")
    >>> form = symmetry.normal_form(f)                      # silu(-x - 3) = silu(x + 3) - x - 3
    >>> form.kinks, form.linear, form.constant
    ({(Fraction(1, 1), Fraction(3, 1)): (Fraction(7, 1),)}, ((Fraction(-2, 1),),), (Fraction(-6, 1),))
    >>> form.constants
    {Fraction(1, 1): (Fraction(7, 1),)}
    """

    activation: str
    normals: RationalArray
    jumps: RationalArray
    slope: RationalArray
    offset: RationalArray
    biases: tuple[Fraction, ...]
    levels: RationalArray

    @cached_property
    def classes(self) -> tuple[Class, ...]:
        """The rows of `normals`."""
        return self.normals.to_rows()

    @cached_property
    def kinks(self) -> dict[Class, tuple[Fraction, ...]]:
        """(w_1, ..., w_d, b) -> J."""
        return dict(zip(self.classes, self.jumps.T.to_rows(), strict=True))

    @cached_property
    def linear(self) -> tuple[tuple[Fraction, ...], ...]:
        """M, row by row."""
        return self.slope.to_rows()

    @cached_property
    def constant(self) -> tuple[Fraction, ...]:
        """k, the rational part of the constant."""
        return self.offset.to_fractions()

    @cached_property
    def constants(self) -> dict[Fraction, tuple[Fraction, ...]]:
        """b -> C, the part that is made of the numbers phi(b)."""
        return dict(zip(self.biases, self.levels.T.to_rows(), strict=True))

    def __hash__(self) -> int:
        return hash((self.activation, self.normals, self.jumps, self.slope, self.offset, self.biases, self.levels))

    def is_zero(self) -> bool:
        """Whether the function is 0 everywhere.

        Raises
        ------
        Undecided
            For gelu, where k + sum_b C_b phi(b) alone is left, no theorem says whether it is 0, and its enclosures at 4096 bits contain 0.
        """
        return is_zero((self,))

    def enclose(self, point: Sequence[Fraction], bits: int) -> tuple[tuple[Fraction, Fraction], ...]:
        """For each output two multiples of 2^-bits between which its value at the point (inputs,) lies.

        They are near to each other if `bits` is larger than the number of bits of the terms' integer parts.

        Examples
        --------
        >>> from exactnn import mlp, symmetry
        >>> form = symmetry.normal_form(mlp([([[2]], [0]), ([[1]], [0])], activation="tanh"))
        >>> [(str(low), str(high)) for low, high in form.enclose([Fraction(1)], 8)]    # tanh(2) = 0.964...
        [('123/128', '247/256')]
        """
        return tuple(ball.between(bits) for ball in enclosures((self,), point, bits))

    def to_network(self, *, activation: str | None = None) -> Network:
        """A canonical network with this function: one neuron for each class and each bias.

        M = sum_r c_r m_r, m_r the pivot rows of its echelon form, as c_r m_r . x = c_r (phi(m_r . x) - phi(-m_r . x)); for tanh, where M
        comes from a connection past the layer, by such a connection.

        Parameters
        ----------
        activation : "sigmoid" for a form of tanh: tanh(t) = 2 sigmoid(2 t) - 1; else None, or the form's own

        Raises
        ------
        ArgumentError
            If the form is not one of this activation.
        """
        if activation not in (None, self.activation) and (activation, self.activation) != ("sigmoid", "tanh"):
            raise ArgumentError(f"activation: a form of {self.activation} has no network with {activation!r}")
        width, outputs = self.slope.shape[1], len(self.offset)
        biases = [q for b in self.biases for q in (*([Fraction(0)] * width), b)]
        rows = concatenate([self.normals, RationalArray.from_fractions(biases, (len(self.biases), width + 1))])
        columns, offset = concatenate([self.jumps, self.levels], axis=1), self.offset
        if activation == "sigmoid":
            rows, columns, offset = rows * 2, columns * 2, offset - columns.sum(axis=1)
        skip = not self.slope.is_zero()
        if skip and self.activation in _MIRRORED:
            echelon, rank = self.slope.to_fmpq_mat().rref()
            table = [[fraction(q) for q in row] for row in echelon.table()[:rank]]
            pivots = [next(i for i, q in enumerate(row) if q) for row in table]
            more = RationalArray.from_fractions([q for row in table for q in (*row, Fraction(0))], (rank, width + 1))
            rows = concatenate([rows, more, -more])
            columns = concatenate([columns, self.slope[:, pivots], -self.slope[:, pivots]], axis=1)
            skip = False
        builder = Builder()
        source = builder.add("input", Input((width,)))
        if not len(rows):
            return builder.build(["input"], [builder.add("layer1", Affine(self.slope, offset), source)])
        name = activation or self.activation
        current = builder.add("layer1", Affine(rows[:, :-1], rows[:, -1]), source)
        current = builder.add(f"{name}1", Smooth(name), current)
        current = builder.add("layer2", Affine(columns, offset), current)
        if skip:
            past = builder.add("linear", Affine(self.slope, RationalArray.zeros((outputs,))), source)
            current = builder.add("sum", Add(), current, past)
        return builder.build(["input"], [current])

    def constant_text(self) -> str:
        """k + sum_b C_b phi(b) in words, one output that has a phi(b) in it."""
        j = next((j for j in range(len(self.levels)) if not self.levels[j].is_zero()), 0)
        levels = zip(self.biases, self.levels[j].to_fractions(), strict=True)
        terms = [f"{approximately(c)} {self.activation}({approximately(b)})" for b, c in levels if c]
        shown = terms if len(terms) <= 4 else [*terms[:3], "..."]
        return " + ".join([approximately(self.offset[j].item()), *shown])

    def _summary(self) -> str:
        rows, columns = self.slope.shape
        constants = f", {len(self.biases)} constants" if self.biases else ""
        return f"{self.activation}, {columns} -> {rows}, {len(self.normals)} classes{constants}"


def smooth_parts(forms: Forms, atoms: Atoms) -> tuple[SmoothNormalForm, ...] | None:
    """Forms over coordinates and atoms phi(l), l affine, one part for each phi; their sum is the function. None if other atoms occur.

    phi may be "relu" and "gelu_tanh" too. Without atoms there is one part, of the activation "identity". The first part has k and M.
    """
    ids, matrix = forms.combined()
    width, outputs = atoms.dimension, len(forms)
    linear = ids < width
    slope = np.zeros((outputs, width), dtype=matrix.numerators.dtype)
    slope[:, ids[linear]] = matrix.numerators[:, linear]
    affine = RationalArray(slope, matrix.denominator), forms.constant
    neurons: dict[str, list[_Neuron]] = {}
    for column in np.flatnonzero(~linear).tolist():
        neuron = _neuron(atoms.made[int(ids[column]) - width], width, column)
        if neuron is None:
            return None
        neurons.setdefault(neuron.activation, []).append(neuron)
    parts = []
    for name, own in neurons.items():
        rows = RationalArray(integer_array((v for n in own for v in n.row), (len(own), width + 1))) * _vector(
            [n.factor for n in own]
        ).reshape(-1, 1)
        columns = matrix[:, [n.column for n in own]] * _vector([n.share for n in own])
        more = columns @ _vector([n.constant for n in own])
        part = assembled(name, rows, columns, affine[0], affine[1] + more)
        if len(part.normals) or part.biases:
            parts.append(part)
            affine = RationalArray.zeros((outputs, width)), RationalArray.zeros((outputs,))
        else:
            affine = part.slope, part.offset
    return tuple(parts) or (assembled("identity", RationalArray.zeros((0, width + 1)), RationalArray.zeros((outputs, 0)), *affine),)


def assembled(
    activation: str, rows: RationalArray, columns: RationalArray, slope: RationalArray, offset: RationalArray
) -> SmoothNormalForm:
    """k + M x + the sum of the columns times phi(w . x + b), (w, b) the rows, of normalised sign; those of equal rows are added up."""
    keys = [tuple(row) for row in rows.numerators.tolist()]
    order = sorted(range(len(keys)), key=keys.__getitem__)  # over one denominator integers are ordered as the rationals are
    starts = [i for i in range(len(order)) if not i or keys[order[i]] != keys[order[i - 1]]]
    rows, columns = rows[order], columns[:, order]
    if len(starts) < len(order):
        rows = rows[starts]
        columns = RationalArray(np.add.reduceat(columns.numerators.astype(object), starts, axis=1), columns.denominator)
    live = columns.nonzero().any(axis=0)
    kinked = rows[:, :-1].nonzero().any(axis=1)
    classes, constants = np.flatnonzero(live & kinked), np.flatnonzero(live & ~kinked)
    biases = rows[constants, -1].to_fractions()
    return SmoothNormalForm(activation, rows[classes], columns[:, classes], slope, offset, biases, columns[:, constants])


def vanishes(parts: Sequence[SmoothNormalForm]) -> bool | None:
    """Whether the sum of parts with different phi is 0 on all of R^d, by docs/theory.md 8; None where that does not say.

    Without a part of the activation "relu" the sum is analytic, so that the same holds on every set with interior points.
    """
    if any((len(p.normals) or p.biases) and p.activation not in (*INDEPENDENT, "identity") for p in parts):
        return None
    slope = sum((p.slope for p in parts[1:]), parts[0].slope)
    offset = sum((p.offset for p in parts[1:]), parts[0].offset)
    if any(len(p.normals) for p in parts) or not slope.is_zero():
        return False
    constants = [p for p in parts if p.biases]
    if not constants:
        return offset.is_zero()
    if len(constants) == 2 and {p.activation for p in constants} == {"tanh", "silu"}:
        joined = _joined(constants)
        return joined.levels.is_zero() and (offset + joined.offset).is_zero()
    if len(constants) > 1:
        return None
    (part,) = constants
    if part.activation != "gelu":
        return False
    biases = _vector(part.biases)
    rational = (offset + part.levels @ biases / 2).nonzero()  # b Phi(b) = b/2 + a multiple of 1/sqrt(2 pi) integral_0^b exp(-s^2/2) ds
    irrational = part.levels.nonzero().any(axis=1)
    return False if (rational != irrational).any() else None


def _joined(parts: Sequence[SmoothNormalForm]) -> SmoothNormalForm:
    """The numbers phi(b) of a part of tanh and one of silu, by silu(b) = b/2 + (b/2) tanh(b/2), without k and M."""
    rows, columns, offset = [], [], RationalArray.zeros(parts[0].offset.shape)
    for p in parts:
        biases, levels = _vector(p.biases), p.levels
        if p.activation == "silu":
            biases, levels = biases / 2, levels * (biases / 2)
            offset = offset + levels.sum(axis=1)
        rows.append(biases)
        columns.append(levels)
    zero = RationalArray.zeros(parts[0].slope.shape)
    return assembled("tanh", concatenate(rows).reshape(-1, 1), concatenate(columns, axis=1), zero, offset)


def enclosures(parts: Sequence[SmoothNormalForm], point: Sequence[Fraction], bits: int) -> list[Ball]:
    """The sum of the parts at a point, output by output, enclosed with errors of about 2^-bits times the size of terms."""
    t = _vector(point).reshape(-1, 1)
    exact = [p.offset + (p.slope @ t).reshape(-1) for p in parts]
    terms: list[tuple[str, Fraction, RationalArray]] = []
    for p in parts:
        places = (p.normals[:, :-1] @ t).reshape(-1) + p.normals[:, -1]
        terms += [(p.activation, place, p.jumps[:, i]) for i, place in enumerate(places.to_fractions())]
        terms += [(p.activation, place, p.levels[:, i]) for i, place in enumerate(p.biases)]
    start = sum(exact[1:], exact[0]).to_fractions()
    return value(start, [(name, place, column.to_fractions()) for name, place, column in terms], bits)


def is_zero(parts: Sequence[SmoothNormalForm]) -> bool:
    """Whether the sum of parts with different phi is 0 everywhere; Undecided where `vanishes` and enclosures do not say."""
    found = vanishes(parts)
    if found is not None:
        return found
    origin = [Fraction(0)] * parts[0].slope.shape[1]  # by `vanishes` the sum is constant
    if any(ball.distance() is not None for bits in PRECISIONS for ball in enclosures(parts, origin, bits)):
        return False
    text = " + ".join(p.constant_text() for p in parts if p.biases)
    raise Undecided(f"{text}: no theorem is known to us that says whether this is 0, and its enclosure at {PRECISIONS[-1]} bits contains 0")


@dataclass(frozen=True)
class _Neuron:
    """share phi(factor row . (x, 1)) + share constant times a column of the forms' matrix."""

    activation: str
    row: list[int]
    factor: Fraction
    column: int
    share: Fraction = Fraction(1)
    constant: Fraction = Fraction(0)


def _neuron(atom: Atom, width: int, column: int) -> _Neuron | None:
    """The atom phi(w . x + b); None if it is none."""
    if atom.spatial:
        return None
    if atom.kind == "max" and atom.row is not None:
        name: object = "relu"
        ids, nums, constant, factor = atom.row.ids, atom.row.nums, atom.row.constant, Fraction(1)
    elif atom.kind == "act":
        name, ids, nums, constant, factor = atom.key  # type: ignore[misc]  # as Activations.elementwise makes it
    else:
        return None
    if not isinstance(name, str) or (ids and ids[-1] >= width):
        return None
    row = [0] * (width + 1)
    for i, n in zip(ids, nums, strict=True):
        row[i] = n
    row[-1] = constant
    if name == "sigmoid":
        return _Neuron("tanh", row, factor / 2, column, Fraction(1, 2), Fraction(1))
    return _Neuron(name, row, factor, column)


def _vector(values: Sequence[Fraction]) -> RationalArray:
    return RationalArray.from_fractions(values, (len(values),))
