"""The claim that certain networks are all of this width that are the function f."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

from ._claim import Claim
from ._numbers import items, need


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
        step, found = "claim: flips", []
        need(document["domain"] is None, "claim: domain", "null is expected: fibres are those of functions on R^d")
        for neurons in items(document["flips"], step):
            listed = items(neurons, step)
            need(all(type(v) is int and v >= 0 for v in listed), step, "a neuron is a number from 0")
            need(all(a < b for a, b in pairwise(listed)), step, "the neurons of a set are not in increasing order")
            found.append(tuple(listed))
        need(len(set(found)) == len(found), step, "a set is listed twice")
        need(() in found, step, "the empty set is missing")
        self.flips: tuple[tuple[int, ...], ...] = tuple(found)
