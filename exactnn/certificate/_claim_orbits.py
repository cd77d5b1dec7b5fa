"""The claim that certain networks are all of this width that are the function f."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ._claim import Claim
from ._numbers import COUNT, index, items, need


class Orbits(Claim):
    """The networks of f's width that are f are, but for moves that keep every network, f with one of these sets of neurons flipped."""

    keys = ("domain", "flips")
    names = ("f",)
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {
            "free": "_fibre.check_free",
            "odd": "_fibre.check_odd",
            "halves": "extra.halves.check_halves",
            "lattice": "extra.lattice.check_lattice",
            "enumeration": "extra.enumeration.check_enumeration",
        }
    }

    def read(self, document: dict[str, Any]) -> None:
        """Different sets of neurons, the empty one among them."""
        step = "claim: flips"
        need(document["domain"] is None, "claim: domain", "null is expected: fibres are those of functions on R^d")
        self.flips = [tuple(index(v, COUNT, step) for v in items(neurons, step)) for neurons in items(document["flips"], step)]
        need(all(list(t) == sorted(set(t)) for t in self.flips), step, "the neurons of a set are not in increasing order")
        need(len(set(self.flips)) == len(self.flips), step, "a set is listed twice")
        need(() in self.flips, step, "the empty set is missing")
