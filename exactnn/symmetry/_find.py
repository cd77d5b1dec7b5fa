"""The search for weight-dependent symmetries of given weights as a question to an SMT solver, over exact rationals.

For every class h of neurons with J_h != 0 two truth values say whether there are neurons on its positive and on its negative side,
a vector N_h of reals how much of J_h lies on the negative side; classes with J_h = 0 may carry a linear pair. The
network has the same function exactly if

    sum_h N_h u_h^T  is what it was,    N_h = 0 without negative, N_h = J_h without positive neurons,    at most n neurons in all.

A solution is looked for in each **type**, the truth values of all classes, so that the search ends: permutations and scalings change no
type. Theory: docs/theory.md 13.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number, as_fraction
from exactnn.network import Network
from exactnn.symmetry._configurations import Neurons, jumps_of, plane_of
from exactnn.symmetry._orbits import flip_sets
from exactnn.symmetry._shallow import Shallow, shallow
from exactnn.symmetry._smt import Script, both, either, term, total
from exactnn.symmetry.transformations import Flip
from exactnn.texts import brief
from exactnn.value import Value

_FROM = ("z3", "exact")
_TERMS = 500_000


@dataclass(frozen=True, repr=False)
class WeightSymmetry(Value):
    """Other weights of the same width with the same function, in another orbit.

    Attributes
    ----------
    network : the network with these weights
    flips : the neurons of the given network that are turned over, where nothing else changes; None if neurons are split, merged or moved
    """

    network: Network
    flips: tuple[int, ...] | None
    _by_rows: bool = True

    def _summary(self) -> str:
        how = "neurons split, merged or moved" if self.flips is None else f"neurons {brief(self.flips, 40)} turned over"
        return f"{how}; {self.network!r}"

    @property
    def transformation(self) -> Flip | None:
        """The flip that leads there from the given network; None if there is none, or if neurons of its layer are several entries each."""
        return Flip(self.flips) if self.flips is not None and self._by_rows else None


class SymmetrySearch(Value):
    """The symmetries one after the other, as they are found; made by `search`.

    Attributes
    ----------
    complete : whether the search has come to its end, so that there is no other type of solution within the bounds
    summary : how many were found, and whether that is all
    """

    def __init__(self, source: Iterator[WeightSymmetry], smt2: Callable[[], str], asked: str, clock: Clock) -> None:
        self.complete = False
        self.found: list[WeightSymmetry] = []
        self._source, self._smt2, self._asked, self._clock = source, smt2, asked, clock

    def __iter__(self) -> SymmetrySearch:
        return self

    def __next__(self) -> WeightSymmetry:
        if self.complete:
            raise StopIteration
        try:
            with self._clock.running():
                found = next(self._source)
        except StopIteration:
            self.complete = True
            raise
        except Incomplete as stopped:
            raise Incomplete(f"search: {stopped}; found by then: {len(self.found)}", list(self.found)) from None
        self.found.append(found)
        return found

    @property
    def summary(self) -> str:
        """In words."""
        state = "complete" if self.complete else "not complete"
        return f"{len(self.found) or 'no'} other type{'s' * (len(self.found) != 1)} of weights with this function, {state}: {self._asked}"

    def smt2(self) -> str:
        """The question in SMT-LIB 2: satisfiable exactly if there is another type of weights with the same function."""
        return self._smt2()

    def _parts(self) -> dict[str, Any]:
        return {"complete": self.complete, "asked": self._asked, "found": self.found}

    def _summary(self) -> str:
        return self.summary


@timed
def search(
    net: Network,
    *,
    solver: Literal["z3", "exact"] = "z3",
    max_weight: Number | None = None,
    max_changes: int | None = None,
    time_limit: Number | None = None,
) -> SymmetrySearch:
    """Weights of the same width and function in other orbits: neurons flipped, split over both sides of a hyperplane, merged, or dead.

    One for each type (which sides of which hyperplanes have neurons), up to permutation and scaling. Only the hyperplanes of the given
    network are used: a linear pair on a new hyperplane is a family of `symmetry.fibre`.

    Parameters
    ----------
    net : one hidden layer of relu, leaky_relu, softplus, silu or gelu (abs, tanh, sigmoid: see `symmetry.orbits`)
    solver : "z3"; or "exact": the flips only, by `symmetry.orbits`' search, which is faster
    max_weight : the outgoing weights on hyperplanes written with coprime integers (smooth activations: as they are) are at most so large
    max_changes : at most so many classes have neurons on other sides than they had
    time_limit : seconds; Incomplete then, `partial` being what was found

    Raises
    ------
    NotOneHiddenLayer, ArgumentError
    Incomplete
        From the iterator, at the time limit; from the call itself where the question is too long to be written in time.
    NotRational
        From the iterator, where a constant neuron of a smooth activation has an irrational value, so that the constant would be irrational.

    Examples
    --------
    >>> from exactnn import mlp
    >>> found = search(mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])]))
    >>> [s.flips for s in found], found.complete
    ([(0, 1)], True)
    """
    if solver not in _FROM:
        raise ArgumentError(f"solver: one of {', '.join(_FROM)} is needed, got {solver!r}")
    clock = clock_in_force()
    with clock.still():
        layer = shallow(net, "search")
    if layer.family == "odd" or not layer.ratio:
        raise ArgumentError(
            f"net: an activation whose flips move a slope is needed, got {getattr(layer.activation, 'name', layer.activation.kind)}, "
            "where every change of sign is a symmetry; symmetry.orbits and symmetry.fibre answer"
        )
    bound = None if max_weight is None else as_fraction(max_weight, "max_weight")
    if bound is not None and bound <= 0:
        raise ArgumentError(f"max_weight: a positive number is needed, got {max_weight}")
    if max_changes is not None and (
        isinstance(max_changes, bool) or not hasattr(max_changes, "__index__") or operator.index(max_changes) < 1
    ):
        raise ArgumentError(f"max_changes: an integer from 1 is needed, got {max_changes!r}")
    with clock.still():
        question = _Question(layer, bound, max_changes)
        if solver == "z3":
            question.script  # noqa: B018 - refused now, if it is too long
    source = question.by_z3(clock) if solver == "z3" else question.by_flips(clock)
    asked = question.asked + ("" if solver == "z3" else "; flips only")
    return SymmetrySearch(source, lambda: question.script.text(), asked, clock)


class _Question:
    def __init__(self, layer: Shallow, bound: Fraction | None, changes: int | None) -> None:
        self.layer, self.bound, self.changes = layer, bound, changes
        jumps = jumps_of(layer)
        known = set(jumps.classes)
        self.planes = [*jumps.classes, *(key for key in layer.members if key not in known)]
        self.count = jumps.count
        m = len(layer.constant)
        self.jumps = [jumps.jumps[:, h].to_fractions() for h in range(self.count)] + [(Fraction(0),) * m] * (len(self.planes) - self.count)
        self.own = self._sides(())
        self.asked = f"at most {layer.width} neurons on {len(self.planes)} hyperplanes"
        if bound is not None:
            self.asked += f", outgoing weights at most {bound}"
        if changes is not None:
            self.asked += f", at most {changes} hyperplanes changed"
        self._rest = jumps.rest

    @cached_property
    def script(self) -> Script:
        """The question; ArgumentError if it is too long."""
        rest, (m, d) = self._rest, self._rest.shape
        if len(self.planes) * rest.size > _TERMS:
            raise ArgumentError(
                f"net: at most {_TERMS} terms (hyperplanes times inputs times outputs) make a question to a solver, got "
                f"{len(self.planes) * rest.size}; symmetry.orbits and symmetry.fibre answer for reduced weights"
            )
        script = Script("QF_LRA", f"Other weights with the function of a network of {self.layer.width} neurons: {self.asked}.")
        sizes, clock = [], clock_in_force()
        for h, jump in enumerate(self.jumps):
            clock.check("the question to the solver was being written")
            positive, negative = script.declare(f"p{h}", "Bool"), script.declare(f"n{h}", "Bool")
            parts = [script.declare(f"v{h}_{j}", "Real") for j in range(m)]
            if h < self.count:
                script.require(
                    either([positive, negative]), f"hyperplane {h}: neurons on the positive and on the negative side, and its share"
                )
            else:
                script.require(term("=", positive, negative), f"hyperplane {h}: a linear pair, or nothing")
            script.require(term("=>", term("not", negative), both(term("=", v, Fraction(0)) for v in parts)))
            script.require(term("=>", term("not", positive), both(term("=", v, q) for v, q in zip(parts, jump, strict=True))))
            script.require(term("=>", negative, either(term("not", term("=", v, Fraction(0))) for v in parts)))
            script.require(term("=>", positive, either(term("not", term("=", v, q)) for v, q in zip(parts, jump, strict=True))))
            if self.bound is not None:
                limit = self.bound * abs(self.layer.jump)
                for v, q in zip(parts, jump, strict=True):
                    script.require(both([term("<=", -limit, v, limit), term("<=", q - limit, v, q + limit)]))
            sizes += [term("ite", side, Fraction(1), Fraction(0)) for side in (positive, negative)]
        script.require(term("<=", total(sizes, Fraction(0)), Fraction(self.layer.width)), "at most as many neurons")
        normals = [[Fraction(u, denominator) for u in plane[:-1]] for plane, denominator in self.planes]
        for j in range(m):
            clock.check("the question to the solver was being written")
            for k in range(d):
                parts = [term("*", normals[h][k], f"v{h}_{j}") for h in range(len(self.planes)) if normals[h][k]]
                script.require(term("=", total(parts, Fraction(0)), -rest[j, k].item()), f"slope of output {j} in input {k}")
        changed = [self._changed(h) for h in range(len(self.planes))]
        script.require(either(changed), "another type than that of the given weights")
        if self.changes is not None:
            moved = total([term("ite", c, Fraction(1), Fraction(0)) for c in changed], Fraction(0))
            script.require(term("<=", moved, Fraction(self.changes)), "few changes")
        return script

    def _changed(self, h: int) -> str:
        """The class has neurons on other sides than it had."""
        positive, negative = self.own[h]
        return term("not", both([term("=", f"p{h}", positive), term("=", f"n{h}", negative)]))

    def by_z3(self, clock: Clock) -> Iterator[WeightSymmetry]:
        """One solution of each type."""
        names = [f"{side}{h}" for h in range(len(self.planes)) for side in "pn"]
        for values in self.script.models(names, clock):
            yield self._symmetry(values)

    def by_flips(self, clock: Clock) -> Iterator[WeightSymmetry]:
        """The flips that lead to other types, within the bounds."""
        seen = {self.own}
        for flips in flip_sets(self.layer, clock).subsets if self._is_small else ():
            sides = self._sides(flips)
            moved = sum(a != b for a, b in zip(sides, self.own, strict=True))
            if sides in seen or (self.changes is not None and moved > self.changes):
                continue
            seen.add(sides)
            yield WeightSymmetry(self.layer.flipped(flips), flips, self.layer.by_rows)

    def _sides(self, flipped: Sequence[int]) -> tuple[tuple[bool, ...], ...]:
        """For every class whether its positive and its negative side have neurons that are read, after a flip."""
        layer, turned = self.layer, set(flipped)
        alive = set(range(layer.width)) - set(layer.dead)
        signs = [-s if i in turned else s for i, s in enumerate(layer.signs)]
        return tuple(tuple(any(signs[i] == s for i in layer.members[key] if i in alive) for s in (1, -1)) for key in self.planes)

    @property
    def _is_small(self) -> bool:
        """Whether the weights are within the bound; flips do not change that."""
        if self.bound is None:
            return True
        layer = self.layer
        return all(
            abs(q) <= self.bound
            for neurons in layer.members.values()
            for i in neurons
            for q in (layer.outgoing[:, i] * layer.factors[i]).to_fractions()
        )

    def _symmetry(self, values: dict[str, int | Fraction | bool]) -> WeightSymmetry:
        layer = self.layer
        m = len(layer.constant)
        neurons = Neurons(m, layer.weight.shape[1], layer.jump)
        for h, (key, jump) in enumerate(zip(self.planes, self.jumps, strict=True)):
            negative = RationalArray.from_fractions([Fraction(values[f"v{h}_{j}"]) for j in range(m)], (m,))
            whole = RationalArray.from_fractions(jump, (m,))
            for there, sign, part in ((values[f"p{h}"], 1, whole - negative), (values[f"n{h}"], -1, negative)):
                if there:
                    neurons.add(plane_of(key), sign, part)
        weight, outgoing = neurons.filled(layer.width)
        network = layer.with_function(weight[:, :-1], weight[:, -1], outgoing)
        return WeightSymmetry(network, self._flips(values), layer.by_rows)

    def _flips(self, values: dict[str, int | Fraction | bool]) -> tuple[int, ...] | None:
        """The flip that does it, if every class has one neuron and keeps one."""
        turned = []
        if self.layer.not_reduced:
            return None
        for h, key in enumerate(self.planes):
            (i,) = self.layer.members[key]
            if (bool(values[f"p{h}"]), bool(values[f"n{h}"])) != self.own[h]:
                turned.append(i)
        return tuple(sorted(turned))
