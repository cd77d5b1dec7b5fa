"""The fibre of given weights: all weights of the same width with the same function (theorems D and E, docs/theory.md 5 and 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, wraps
from itertools import combinations
from math import comb
from typing import Any, TypeVar

from exactnn.errors import Incomplete, Undecided
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.network import Network
from exactnn.symmetry._configurations import Configuration, Jumps, jumps_of, realised
from exactnn.symmetry._families import Family, families
from exactnn.symmetry._orbits import flip_sets
from exactnn.symmetry._shallow import Shallow, shallow
from exactnn.symmetry._subset_sums import Found, Subset
from exactnn.texts import brief
from exactnn.value import SCREEN, Value

#: sets of hyperplanes with two neurons each that are gone through at most
_SETS = 20_000
_ASKED = ("is_single_orbit", "dimension", "orbits", "isolated", "families")

_T = TypeVar("_T")


def _by_its_clock(answer: Callable[[Fibre], _T]) -> Callable[[Fibre], _T]:
    """What a fibre is asked later, by the clock that began when it was made."""

    @wraps(answer)
    def asked(fibre: Fibre) -> _T:
        with fibre._clock.still():
            return answer(fibre)

    return asked


@dataclass(frozen=True, eq=False, repr=False)
class Fibre(Value):
    """{weights of the same width and activation : same function}, as far as it is asked; see `fibre`.

    An **orbit** is what permutations and (relu, leaky_relu, abs) positive scalings, for tanh and sigmoid sign flips, make of one
    network. The
    fibre consists of isolated orbits and of families.
    """

    network: Network
    layer: Shallow
    _clock: Clock

    def _parts(self) -> dict[str, Any]:
        """What needs no search, and the answers to what was asked; None for what was not."""
        known = {name: vars(self).get(name) for name in _ASKED}
        return {"width": self.width, "family": self.family, "is_reduced": self.is_reduced, "not_reduced": self.not_reduced, **known}

    def _summary(self) -> str:
        answers = [f"{name}={brief(vars(self)[name], 20)}" for name in ("is_single_orbit", "dimension") if name in vars(self)]
        return ", ".join([f"{self.width} neurons, {self.family}, {'' if self.is_reduced else 'not '}reduced", *answers])

    def _rows(self) -> list[tuple[str, str]]:
        unasked = {name: f"not asked yet: .{name} computes it" for name in _ASKED if name not in vars(self)}
        return [(name.replace("_", " "), unasked.get(name, brief(part, SCREEN))) for name, part in self._parts().items()]

    @property
    def width(self) -> int:
        """n, the number of neurons."""
        return self.layer.width

    @property
    def family(self) -> str:
        """The kind of activation: "homogeneous" (relu, leaky_relu, abs), "mirror" (softplus, silu, gelu) or "odd" (tanh, sigmoid)."""
        return self.layer.family

    @property
    @_by_its_clock
    def hyperplanes(self) -> int:
        """K, the number of classes of neurons whose jumps do not cancel."""
        return self.width - self._spare

    @property
    def is_reduced(self) -> bool:
        """Whether every neuron has incoming and outgoing weights and a hyperplane of its own."""
        return not self.layer.not_reduced

    @property
    def not_reduced(self) -> tuple[str, ...]:
        """What keeps the weights from being reduced, in words."""
        return self.layer.not_reduced

    @cached_property
    @_by_its_clock
    def orbits(self) -> tuple[Subset, ...]:
        """The flip sets T that keep the function, one for each orbit that flips of the given weights reach; the empty one first.

        For reduced weights these are all orbits of the fibre, the list of `symmetry.orbits`. Raises Incomplete if the search does not end.
        """
        if self.layer.family == "odd":
            return ((),)
        found = self.flips_found.subsets
        if self.is_reduced:
            return found
        kept: dict[object, Subset] = {}
        for flips in found:
            kept.setdefault(_orbit_key(self.layer, flips), flips)
        return tuple(kept.values())

    @cached_property
    @_by_its_clock
    def families(self) -> tuple[Family, ...]:
        """The continuous families through the given weights; without any, those through other weights of the fibre, if there are some.

        Raises Undecided where it is not known whether there are others.
        """
        if self._own_families or self._spare <= 0 or not self._has_slopes:
            return self._own_families
        self._decide()
        if self._elsewhere is None:
            return ()
        return tuple(families(shallow(self._network_of(self._elsewhere), "fibre")))

    @cached_property
    @_by_its_clock
    def isolated(self) -> tuple[Network, ...]:
        """One network of each isolated orbit.

        Undecided or Incomplete if they are not all known; NotRational where a constant neuron of irrational value is in the way.
        """
        if self._spare <= 0:
            if self.layer.family == "odd":
                return (self.network,)
            return tuple(self.layer.flipped(t) for t in self.orbits)
        if not self._has_slopes:
            return ()  # a neuron to spare can be dead
        return tuple(self._network_of(c) for c in self._isolated(None))

    @cached_property
    @_by_its_clock
    def is_single_orbit(self) -> bool:
        """Whether all networks of the fibre are one orbit; Undecided or Incomplete, with the reason, if that is not known.

        `exactnn.verify_single_orbit` gives a verdict with a certificate.
        """
        if self._own_families:
            return False
        if self.layer.family == "odd":
            return True  # reduced, since everything else leaves a family
        if self._spare <= 0:
            return self.flip is None
        return not self._decide()

    @cached_property
    @_by_its_clock
    def flip(self) -> Subset | None:
        """The first set found, other than none, whose flip keeps the function and leads to another orbit; None if there is no such set."""
        if self.layer.family == "odd":
            return None
        sets: tuple[Subset, ...]
        try:
            sets = self.flips_found.subsets if "flips_found" in self.__dict__ or not self.is_reduced else self._few.subsets
        except Incomplete as stopped:
            sets = stopped.partial if isinstance(stopped.partial, tuple) else ()
            if not any(self._leads_away(t) for t in sets):
                raise
        return next((t for t in sets if self._leads_away(t)), None)

    def _leads_away(self, flips: Subset) -> bool:
        return bool(flips) and (self.is_reduced or _orbit_key(self.layer, flips) != _orbit_key(self.layer, ()))

    @cached_property
    @_by_its_clock
    def dimension(self) -> int:
        """The largest dimension of a part of the fibre, scalings included (n for a reduced relu network).

        Raises Undecided, with `lower`, where the least number of linear pairs is not known.
        """
        layer = self.layer
        scaled = 1 if layer.family == "homogeneous" else 0
        (n, d), m = layer.weight.shape, len(layer.constant)
        alone = max(d, m) + 1  # a neuron to spare, dead or constant
        e = self._spare
        k = n - e
        if e <= 0 or not self._has_slopes:
            return k * scaled + e * alone
        jumps = self._jumps
        if jumps.solutions((), self._clock, most=1).subsets:
            return k * scaled + e * alone
        if any(jumps.solutions((h,), self._clock, most=1).subsets for h in range(jumps.count)):
            return k * scaled + scaled + (e - 1) * alone
        if m == 1:
            return k * scaled + 2 + scaled + (e - 2) * alone
        best = -1
        try:
            for c in jumps.brute(e, self._clock):
                o, rho = len(c.both), c.rank
                r = int(jumps.normals[list(c.both)].to_fmpq_mat().rank()) if o else 0
                part = scaled * o + (2 + scaled) * rho + rho * (rho - 1) + rho * r + m * (o - r) + (e - o - 2 * rho) * alone
                best = max(best, k * scaled + part)
        except Undecided as error:
            raise Undecided(f"dimension of the fibre: {error}", n * scaled, None) from None
        return best

    def summary(self) -> str:
        """The answer in a few lines."""
        lines = [
            f"width {self.layer.width}, {self._spare} more than the hyperplanes of the function" if self._spare > 0 else "reduced weights"
        ]
        for name, text in (("is_single_orbit", "single orbit"), ("dimension", "dimension")):
            try:
                lines.append(f"{text}: {getattr(self, name)}")
            except (Undecided, Incomplete) as error:
                lines.append(f"{text}: not decided ({error})")
        return "\n".join(lines)

    # --- how -----------------------------------------------------------------------------------------------------------------

    @cached_property
    @_by_its_clock
    def flips_found(self) -> Found:
        """The flips that keep the function, with the evidence that there is no other one."""
        if "_few" in self.__dict__:
            return self._few  # there are no more
        return flip_sets(self.layer, self._clock)

    @cached_property
    def _few(self) -> Found:
        """The same, but Incomplete as soon as there are more than two: the empty one and another."""
        return flip_sets(self.layer, self._clock, 2)

    def is_elsewhere(self, other: Network) -> bool:
        """Whether another network of one hidden layer lies outside the orbit of the given weights."""
        return _orbit_key(self.layer, ()) != _orbit_key(shallow(other, "fibre"), ())

    @cached_property
    def _own_families(self) -> tuple[Family, ...]:
        return tuple(families(self.layer))

    @property
    def _has_slopes(self) -> bool:
        """Whether a flip can change the slope (r != 0)."""
        return self.layer.family != "odd" and bool(self.layer.ratio)

    @cached_property
    def _jumps(self) -> Jumps:
        return jumps_of(self.layer)

    @cached_property
    def _spare(self) -> int:
        """e, the neurons beyond one for each class with J_h != 0."""
        layer = self.layer
        odd = layer.family == "odd"
        alive = 0
        for neurons in layer.members.values():
            factors = [layer.factors[i] * (layer.signs[i] if odd else 1) for i in neurons]
            total = layer.outgoing[:, neurons] @ RationalArray.from_fractions(factors, (len(factors),))
            alive += not total.is_zero()
        return layer.width - alive

    def _isolated(self, most: int | None) -> list[Configuration]:
        """(S, O) with |O| = e, rho = 0, independent normals and neither side without weight; `most` of them if there are more."""
        jumps, e = self._jumps, self._spare
        if comb(jumps.count, e) > _SETS:
            raise Undecided(f"isolated orbits: {e} of {jumps.count} hyperplanes carry two neurons, in more than {_SETS} ways")
        found: list[Configuration] = []
        for both in combinations(range(jumps.count), e):
            self._clock.check("the hyperplanes that can carry two neurons were being gone through", found)
            if int(jumps.normals[list(both)].to_fmpq_mat().rank()) == e:
                found += [Configuration(t, both, 0) for t in jumps.solutions(both, self._clock, most).subsets]
            if most is not None and len(found) >= most:
                break
        return [c for c in found if self._is_isolated(c)]

    def _is_isolated(self, c: Configuration) -> bool:
        moved = self._jumps.moved(c.turned, c.both)
        if moved is None:
            return False
        jumps = self._jumps.jumps[:, list(c.both)]
        rest = jumps - moved
        return all(not moved[:, i].is_zero() and not rest[:, i].is_zero() for i in range(len(c.both)))

    @cached_property
    def _elsewhere(self) -> Configuration | None:
        """A configuration that leaves something free, if there is one (only asked with neurons to spare and no family of one's own)."""
        jumps, e, m = self._jumps, self._spare, len(self.layer.constant)
        level = jumps.solutions((), self._clock, most=1).subsets
        if level:
            return Configuration(level[0], (), 0)
        if e == 1:
            return None
        if m == 1:
            return Configuration((), (), 1)
        for c in jumps.brute(e, self._clock):
            if len(c.both) + 2 * c.rank < e or c.rank or jumps.moved(c.turned, c.both) is None:
                return c
        return None

    def _decide(self) -> bool:
        """Whether the fibre is more than the orbit of the given weights, which is isolated."""
        return self._elsewhere is not None or len(self._isolated(2)) > 1  # without families all that are found are isolated

    def _network_of(self, c: Configuration) -> Network:
        rows, outgoing = realised(self._jumps, c, self.layer.width, self.layer.jump)
        return self.layer.with_function(rows[:, :-1], rows[:, -1], outgoing)


def _orbit_key(layer: Shallow, flips: Subset) -> object:
    """The orbit of the weights, flipped: their neurons up to order and scale (for odd activations up to sign), constants with their
    values' sign."""
    turned, odd = set(flips), layer.family == "odd"
    neurons = []
    for i in range(layer.width):
        own = layer.classes[i]
        sign = layer.signs[i] * (-1 if i in turned else 1)
        factor = layer.factors[i]
        if own is None:  # w_i = 0: (a, b) up to (a / L, L b)
            b = layer.bias[i].item() * (-1 if i in turned else 1)
            lead = next((q for q in layer.outgoing[:, i].to_fractions() if q), Fraction(1))
            own, sign, factor = ((), 0), (b > 0) - (b < 0), Fraction(1)
            if layer.family == "homogeneous":
                factor = abs(b) if b else 1 / abs(lead)
            elif odd:
                turn = sign or (1 if lead > 0 else -1)
                own, sign, factor = (((b * turn).numerator,), b.denominator), 1, Fraction(turn)
            else:
                own = ((b.numerator,), b.denominator)
        elif odd:
            sign, factor = 1, factor * sign
        neurons.append((own, sign, tuple((layer.outgoing[:, i] * factor).to_fractions())))
    return tuple(sorted(neurons))


@timed
def fibre(net: Network, *, time_limit: Number | None = None) -> Fibre:
    """All weights of the same width and activation that compute the same function.

    Let f = k + M x + sum_h J_h max(l_h, 0), K hyperplanes, and n neurons, e = n - K of them to spare.
    Reduced weights (e = 0): the fibre is the orbits of
    the flips T with sum_T a_i w_i^T = 0 (theorem D).
    Otherwise dead, constant, duplicate neurons, linear pairs and dependent opposite pairs leave
    continuous families; opposite pairs on independent hyperplanes do not (theorem E): 2 max(x, 0) + max(-x, 0) is one orbit.

    Parameters
    ----------
    net : one hidden layer of relu, leaky_relu, abs, softplus, silu, gelu, tanh or sigmoid
    time_limit : seconds for all that is asked of the result; None for none

    Returns
    -------
    Fibre
        with `is_single_orbit`, `orbits` (flip sets), `isolated` (networks), `families`, `dimension`, each computed when first asked.

    Raises
    ------
    NotOneHiddenLayer
        For deep networks and other activations.
    ArgumentError
        If `net` is no network, or the time limit is none.

    Examples
    --------
    >>> from exactnn import mlp
    >>> found = fibre(mlp([([[1], [-1]], [0, 0]), ([[2, 1]], [0])]))      # 2 max(x, 0) + max(-x, 0)
    >>> found.is_single_orbit, found.dimension, found.families
    (True, 2, ())
    """
    clock = clock_in_force()
    with clock.still():
        return Fibre(net, shallow(net, "fibre"), clock)
