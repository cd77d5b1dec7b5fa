"""Atoms: the functions of the input that forms are combinations of (docs/certificate-format.md, "forms")."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ExactnnError
from exactnn.forms._forms import Row
from exactnn.network.operations import Shape

#: what the certificate says about one channel or entry of a node
Line = list[Any] | None
#: a decided sign of a row: "on" (form >= 0) or "off" (form <= 0), with the certificate's proof
Fact = tuple[str, list[list[Any]]]
Decide = Callable[[Row, "Atoms"], Fact | None]

FORMS = 1 << 22  # forms of one network, counted as docs/certificate-format.md does, that the checker goes through


class NotTreated(ExactnnError):
    """An operation that this method has no rule for, in the layout at hand."""


@dataclass
class Atom:
    """A function that occurs in forms. For "max" it is max(l, 0) with l the integer row (ids, nums, constant).

    `unit` is c where the certificate's atom is max(c l, 0) in its place; None until a line says so.
    """

    kind: str
    key: Hashable
    spatial: Shape
    row: Row | None = None
    number: int | None = None
    unit: Fraction | None = None


@dataclass
class Atoms:
    """The atoms of a proof: ids 0 .. dimension - 1 are the coordinates, the others are made as they occur."""

    dimension: int
    made: list[Atom] = field(default_factory=list)
    by_key: dict[Hashable, int] = field(default_factory=dict)
    elements: dict[int, int] = field(default_factory=dict)
    numbered: int = 0

    def get(self, identity: int) -> Atom | None:
        """The atom, None for a coordinate."""
        return None if identity < self.dimension else self.made[identity - self.dimension]

    def intern(self, kind: str, key: Hashable, spatial: Shape, row: Row | None = None) -> int:
        """The id of the atom with this key, made if it is new."""
        whole = (kind, key, spatial)
        identity = self.by_key.get(whole)
        if identity is None:
            identity = self.dimension + len(self.made)
            self.by_key[whole] = identity
            self.made.append(Atom(kind, key, spatial, row))
        return identity

    def number(self, identity: int) -> int:
        """Its number in the certificate, given at the first line that names it."""
        atom = self.made[identity - self.dimension]
        if atom.number is None:
            atom.number = self.numbered
            self.numbered += 1
        return atom.number

    def places(self, identity: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The ids of its entries, row-major over its spatial shape."""
        atom = self.made[identity - self.dimension]
        size = math.prod(atom.spatial)
        if atom.kind == "input":
            assert isinstance(atom.key, int)
            return np.arange(size) + atom.key
        if identity not in self.elements:
            self.elements[identity] = self.dimension + len(self.made)
            self.made.extend(Atom("element", (identity, p), ()) for p in range(size))
        return np.arange(size) + self.elements[identity]

    def is_ridge(self, identity: int) -> bool:
        """Whether it is a coordinate, or max(l, 0) with l affine in the coordinates."""
        atom = self.get(identity)
        return atom is None or (atom.kind == "max" and atom.row is not None and (not atom.row.ids or atom.row.ids[-1] < self.dimension))
