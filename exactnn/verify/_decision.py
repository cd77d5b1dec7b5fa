"""One question about f - g on its way to a verdict: value numbering, points, proofs of signs, enclosures; in order of cost.

Source: docs/theory.md 1 - 3 for one hidden layer (complete), 6 for deep networks (sound), 8 for one smooth hidden layer (complete but for
how near to 0 a difference is), 10 for all that is piecewise linear (complete).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from exactnn.claims import Certificate, Comparison, EqualClaim, accepted
from exactnn.difference import NEAR, Distance, NotBounded, Resources, Splitting, in_common, upper_bound
from exactnn.errors import Incomplete, NotRational
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box
from exactnn.exact.progress import doing
from exactnn.forms import Atoms, Decide, Fact, Forms, Line, NotTreated, Numbering, Row, TooLarge
from exactnn.network import Network
from exactnn.network.parts import Shared
from exactnn.network.poles import node_with_pole
from exactnn.symmetry.ridge_forms import NormalForm, ridge_form
from exactnn.symmetry.smooth_forms import PRECISIONS, SmoothNormalForm, smooth_parts, vanishes
from exactnn.symmetry.witnesses import simplified, witness
from exactnn.verdict import Verdict
from exactnn.verify import _search
from exactnn.verify._boxes import LONG_SHARE, Failure, OpenBoxes, coarse, concluded, few_resist, fingerprint, splitting
from exactnn.verify._complete import Complete
from exactnn.verify._denominators import with_denominators
from exactnn.verify._domain import Coordinates, coordinates
from exactnn.verify._lattice import ByLattice
from exactnn.verify._matched import matched, read_by_checker
from exactnn.verify._near import at_most
from exactnn.verify._parts import decide_in_parts
from exactnn.verify._refuting import Refuting
from exactnn.verify._ridge_domain import crossing_witness, signs_of_hyperplanes
from exactnn.verify._signs import Signs, scaled
from exactnn.verify._smooth_bracket import is_smooth

#: the search over cells is tried so far before floats propose points, and by default stops there without a time limit
_QUICK_CELLS, _QUICK_SECONDS = 200, 1.0
_CELLS, _SECONDS = 20_000, 120.0
#: inputs up to which the face lattice comes before boxes are given more time, and before the search; its share of the time that is left;
#: inputs up to which it takes turns with the search, the first turn in seconds, and each one twice as long as the one before
_PLANAR, _LATTICE_SHARE, _LOW, _TURN = 3, 3 / 4, 5, 1.0
#: cells to which the face lattice is tried before linear programs over the neurons, where there are more units than a few, and about as
#: many weights at most
_FEW_CELLS, _FEW_UNITS, _MODEST = 500, 24, 1 << 19
#: seconds for boxes; of networks with few units, before linear programs over the neurons and cells are tried; how many units are few
_BOXES_SECONDS, _QUICK_BOXES, _SMALL = 60.0, 5.0, 100
#: points, at each precision, at which a smooth difference was seen and the checker is asked whether it sees it too
_ATTEMPTS = 8
#: points at which networks that are not the same function are told apart before more is tried
_GLANCE = 4
#: points for a larger difference than that of a counterexample
_AROUND = 32


class Decision:
    """One question on its way to a verdict: methods in order of cost, the first that decides answers."""

    def __init__(self, claim: Comparison, clock: Clock, means: Resources, near: RationalArray | None = None) -> None:
        self.claim, self.clock, self.means = claim, clock, means
        self.f, self.g = claim.f, claim.g
        self.nets = [net for net in (claim.f, claim.g) if net is not None]
        self.tried: list[str] = []
        self.points = Refuting(claim, clock, near, self._around)
        self._complete: Complete | None = None
        self._rest: Decision | None = None  # about what the networks do not share
        self._open_boxes = OpenBoxes(claim)
        self._is_matched = False  # whether g's neurons are in the order and at the scale of f's already
        self.too_large: TooLarge | None = None  # what value numbering refused for its size: then nothing here is complete

    def verdict(self) -> Verdict:
        """Proved, Refuted, or Unknown with what was tried."""
        try:
            with self.clock.running():
                found = self._decide()
        except Incomplete as stopped:
            return self._unknown(f"{stopped}")
        if found is not None:
            return found
        reason = "neither the proof of equality by value numbering nor the search for a differing point succeeded; "
        if self.too_large is not None:
            return self._unknown(f"{reason}value numbering entry by entry was given up for its size ({self.too_large})")
        return self._unknown(f"{reason}the procedure is complete for piecewise linear networks")

    def _decide(self) -> Verdict | None:
        self.clock.check("nothing was tried")
        _ = self.where  # EmptyDomain, which anything would be true on
        linear = all(net.is_piecewise_linear for net in self.nets)
        shallow = all(_depth(net) <= 1 for net in self.nets)
        found = self._whole()
        if found is None:
            found = self._by_pass()
        if found is None:
            found = self._as_matched()
        if found is None:
            found = self.points.at_data()
        if found is None:
            found = self._without_shared(Decision._cancelling)
        if found is None and shallow and self._on_grids:  # before forms of all entries: one for a whole grid, and points
            found = self._cancelling()
            if found is None:
                found = self._at_small_points()
        if found is not None:
            return found
        found = self._by_forms(mirror=shallow, elements=shallow)
        if found is not None:
            return found
        if self._one_variable:
            found = self._by_lattice(1)
            if found is not None:
                return found
        self.clock.check("value numbering did not prove equality")
        found = self._at_small_points()
        if found is not None:
            return found
        self.clock.check("value numbering did not prove equality, and no small point refuted it")
        found = self._by_boxes(min(_QUICK_BOXES, self.clock.left() / 4) if self._small else self._long)
        if found is not None:
            return found
        if self._smooth and self.claim.tolerance:
            found = self._by_enclosure()
        if found is None:
            found = self._by_coarse_boxes(min(_BOXES_SECONDS, self.clock.left() / 4))
        if found is not None:
            return found
        if linear and self._modest and sum(self._layers) > _FEW_UNITS:
            found = self._by_lattice(1 / 4, _FEW_CELLS)
            if found is not None:
                return found
        samples = _search.sample_points(self.where).to_float()
        signs = Signs(self.where.region, samples, self.clock)
        found = self._by_forms(mirror=True, elements=True, decide=signs.decide, signs=signs)
        if found is not None:
            return found
        if not linear:
            return self._by_enclosure() if not self.claim.tolerance else None
        if self.where.dimension <= _PLANAR:
            found = self._by_lattice(_LATTICE_SHARE)
            if found is not None:
                return found
        if self._small:
            found = self._by_boxes(min(_BOXES_SECONDS, self.clock.left() / 2))
            if found is not None:
                return found
        found = self._without_shared(Decision._by_some_cells)
        if found is not None:
            return found
        try:
            return self._by_cells(self.clock.at_most(_QUICK_SECONDS), _QUICK_CELLS)
        except Incomplete:
            self.clock.check("value numbering did not prove equality, and no point was found at which the outputs differ")
        with doing("points proposed by floats"):
            point = _search.proposed_point(self.f, self.g, self.where, self.claim.tolerance, self.clock)
        if point is not None:
            return self.points.refuted(point, "a point proposed by floats, confirmed exactly")
        self.clock.check("value numbering did not prove equality, and no differing point was found")
        if self.means.any and not self.claim.tolerance:
            return self._by_parts()
        if _PLANAR < self.where.dimension <= _LOW:
            found = self._by_turns()
            if found is not None:
                return found
        if self.clock.limit is not None:
            return self._by_cells(self.clock, None)
        try:
            return self._by_cells(Clock(_SECONDS), _CELLS)
        except Incomplete as stopped:
            raise Incomplete(f"{stopped}; give a time_limit for a longer search", stopped.partial) from None

    def at_once(self) -> Verdict | None:
        """Proved, where that takes moments: all nodes are the same; of small networks the outputs cancel, but for a few cells."""
        with self.clock.running():
            found = self._whole()
            if found is None and self._modest and all(net.is_piecewise_linear for net in self.nets):
                few = self.where.to_input(_search.sample_points(self.where, _GLANCE))
                if _search.differing_point(self.f, self.g, few, self.claim.tolerance) is not None:
                    return None
                found = self._cancelling()
                if found is None:
                    found = self._by_lattice(1 / 8, _FEW_CELLS)
        return found if found is not None and found.proved else None

    @cached_property
    def _lattice(self) -> ByLattice:
        return ByLattice(self.claim, self.where, self.clock)

    @cached_property
    def _layers(self) -> list[int]:
        """About how many units each node with kinks has, in both networks."""
        return [prod(n.shape(x)) for n in self.nets for x in n.order if not n.operation(x).is_affine and x not in n.inputs]

    @property
    def _modest(self) -> bool:
        """Whether both networks are small enough to be read as one program early."""
        weights = sum(self._layers) * max([self.f.input_dim, *self._layers])
        return weights <= _MODEST and (not self.claim.tolerance or self.where.dimension <= _LOW)

    @cached_property
    def where(self) -> Coordinates:
        """The domain in coordinates of its affine hull."""
        return coordinates(self.claim.domain, self.claim.f.input_dim)

    # --- methods -----------------------------------------------------------------------------------------------------------

    @doing("parts that both networks share")
    def _whole(self) -> Verdict | None:
        """Nothing but nodes that are the same in both."""
        if self.shared is None or not self.shared.whole:
            return None
        return self._without_shared(Decision._cancelling, "both networks are the same operations with the same numbers")

    def _without_shared(self, method: Callable[[Decision], Verdict | None], how: str = "") -> Verdict | None:
        """A proof for what is left of the networks without the parts that both have, whatever these are."""
        if self.shared is None or (self.shared.whole and not how):
            return None
        if self._rest is None:
            self._rest = Decision(EqualClaim(self.shared.f, self.shared.g, None, self.claim.tolerance), self.clock, self.means)
        found = method(self._rest)
        if found is None or not found.proved or found.certificate is None:
            return None
        stated = [[first, second] for first, second in self.shared.groups]
        evidence = with_denominators({**found.certificate.evidence, "shared": stated}, self.nets)
        certificate = Certificate(self.claim, "proved", evidence, self.clock)
        if read_by_checker(self.nets) and not accepted(certificate):  # where the checker reads a file itself, and sees other parts
            return None
        how = how or f"{found.reason}; what both networks have in common was taken as given"
        return Verdict("proved", self.claim.describe(), how, certificate)

    @cached_property
    def shared(self) -> Shared | None:
        """What is left without the parts that both networks have; None where these are the inputs alone, or may have a pole."""
        if self.g is None or self._pole is not None:
            return None
        return in_common(self.f, self.g)

    @doing("bounds of the difference layer by layer")
    def _by_pass(self) -> Verdict | None:
        """Intervals for the difference, layer by layer, on the box around the domain."""
        if not self.claim.tolerance:
            return None
        try:
            found = upper_bound(self.f, self.g, self.claim.domain, enough=self.claim.tolerance, clock=self.clock)
        except NotBounded as reason:
            self.tried.append(f"there are no bounds of the difference layer by layer ({reason})")
            return None
        if found.value > self.claim.tolerance:
            return None
        if (self._smooth or read_by_checker(self.nets)) and not self._accepted(found.evidence):
            return None
        return self._proved(found.evidence, f"bounds of the difference layer by layer: at most {found.text}")

    @doing("neurons of g in the order and at the scale of those of f")
    def _as_matched(self) -> Verdict | None:
        """The same question with g's neurons in the order and at the scale of f's, if they seem to be in others."""
        if not self.claim.tolerance or not isinstance(self.claim, EqualClaim) or self._is_matched:
            return None
        other = matched(self.f, self.g)
        if other is None:
            return None
        inner = Decision(replace(self.claim, g=other.network), self.clock, self.means, self.points.near)
        inner._is_matched = True
        found = inner._decide()
        if found is None or found.certificate is None:
            return None
        certificate = Certificate(self.claim, found.status, other.stated(found.certificate.evidence), self.clock)
        return replace(found, reason=f"{found.reason}, g's neurons taken in the order and at the scale of f's", certificate=certificate)

    def _accepted(self, evidence: dict[str, Any]) -> bool:
        """Whether the checker, which encloses smooth functions and reads some nodes of a file in its own way, sees it too."""
        return accepted(Certificate(self.claim, "proved", evidence, self.clock))

    @doing("bounds on boxes")
    def _by_boxes(self, seconds: float) -> Verdict | None:
        """Joint zonotopes on a tree of boxes, for at most so many seconds more; if few boxes resist, those cell by cell."""
        tree = self._tree
        if tree is None:
            return None
        tolerance = self.claim.tolerance
        clock = self.clock.at_most(seconds)
        tree.run(clock, tolerance=tolerance, gap=NEAR)
        if not few_resist(self.claim, tree, tolerance):
            tree.run(clock, tolerance=tolerance)
        try:
            return self._concluded(self.clock.at_most(seconds))
        except Incomplete:
            return None

    def _concluded(self, clock: Clock) -> Verdict | None:
        """What the boxes say; Incomplete at the end of the time for the cells of those that resist, from where the next call goes on."""
        assert self._tree is not None
        found = concluded(self.claim, self._tree, self.claim.tolerance, clock, self._open_boxes)
        if found is None:
            return None
        if isinstance(found, Failure):
            return self.points.refuted(*found)
        return self._proved(found.evidence, f"linear bounds of the difference on {found.boxes}")

    @doing("bounds on boxes")
    def _by_coarse_boxes(self, seconds: float) -> Verdict | None:
        """Intervals on a tree of boxes, where there are no linear bounds."""
        if self._tree is not None or not self.claim.tolerance or self.claim.domain is None:
            return None
        tree = coarse(self.claim, self.clock, self.claim.tolerance)
        if isinstance(tree, str):  # the pass over the whole domain has said so
            return None
        tree.run(self.clock.at_most(seconds), self.claim.tolerance)
        count = len(tree.boxes.leaves)
        evidence = tree.evidence()
        if tree.open(self.claim.tolerance) or not self._accepted(evidence):
            self.tried.append(f"intervals of the difference on {count} boxes are too wide")
            return None
        return self._proved(evidence, f"intervals of the difference on {count} boxes")

    @property
    def _long(self) -> float:
        """Seconds for boxes where nothing else is likely to decide; nearly all there are where people bring an executor or a checkpoint."""
        left = self.clock.left()
        return left * LONG_SHARE if self.means.any else min(_BOXES_SECONDS, left / 2)

    @property
    def _small(self) -> bool:
        """Whether linear programs over the neurons and the search over cells are worth a try before boxes are given time."""
        return self._tree is not None and self._tree.stages.units <= _SMALL

    @cached_property
    def _tree(self) -> Splitting | None:
        if not self.claim.tolerance or self.claim.domain is None:
            return None
        found = splitting(self.claim, Distance(), self.clock, self.claim.tolerance, self.means)
        if isinstance(found, str):
            self.tried.append(found)
            return None
        return found

    @doing("value numbering")
    def _by_forms(self, *, mirror: bool, elements: bool, decide: Decide | None = None, signs: Signs | None = None) -> Verdict | None:
        """Value numbering of both networks; for one hidden layer both answers."""
        if self._pole is not None:
            return None
        numbering = self._numbering(mirror=mirror, elements=elements, decide=decide)
        try:
            forms, evidence = self._run(numbering)
        except (TooLarge, NotTreated) as reason:
            if isinstance(reason, TooLarge):
                self.too_large = reason
            if elements and decide is None:  # one form for each channel needs less, and decides less
                return self._by_forms(mirror=mirror, elements=False)
            self.tried.append(f"value numbering does not treat {reason}")
            return None
        if forms.vanish():
            return self._same_forms(self._with_bounds(evidence, signs, numbering.atoms))
        form = ridge_form(forms, numbering.atoms) if mirror else None
        if form is not None and not self.claim.tolerance:
            return self._ridge(form)
        if mirror and not self.claim.tolerance:
            parts = smooth_parts(forms, numbering.atoms)
            if parts is not None:
                return self._smooth_layer(parts)
        if self.claim.tolerance and not self._one_variable and (signs is not None or self.claim.domain is None):  # boxes come first
            return self._within_tolerance(forms, numbering.atoms, evidence, form, signs)
        return None

    @doing("value numbering")
    def _cancelling(self) -> Verdict | None:
        """Value numbering with one form for a whole grid, where the forms of the outputs are the same."""
        if self._pole is not None:
            return None
        try:
            forms, evidence = self._run(self._numbering(mirror=True, elements=False))
        except (TooLarge, NotTreated):
            return None
        return self._same_forms(evidence) if forms.vanish() else None

    def _same_forms(self, evidence: dict[str, Any]) -> Verdict:
        what = "the outputs cancel to 0" if self.g is None else "both outputs are the same combination of the same neurons"
        return self._proved(evidence, f"value numbering: {what}")

    def _numbering(self, *, mirror: bool, elements: bool, decide: Decide | None = None) -> Numbering:
        named = decide is not None or self.claim.tolerance > 0  # proofs of signs name atoms
        where = self.where
        return Numbering(
            where.dimension, mirror=mirror, base=where.base, decide=decide, elements=elements, as_made=not named, clock=self.clock
        )

    def _run(self, numbering: Numbering) -> tuple[Forms, dict[str, Any]]:
        forms, lines = numbering.run(self.f)
        by_net: dict[str, dict[str, list[Line]]] = {"f": lines, "g": {}}
        if self.g is not None:
            other, by_net["g"] = numbering.run(self.g)
            forms = forms - other
        layout = {"elements": True} if numbering.elements else {}
        evidence = {"method": "forms", "hull": self.where.hull, **layout, **by_net, "output": None}
        return forms, with_denominators(evidence, self.nets)

    @doing("the face lattice of both networks")
    def _by_lattice(self, share: float, most: int | None = None) -> Verdict | None:
        """The complete procedure for few inputs, in a share of the time that is left, and up to so many cells."""
        if not self.where.dimension:
            return None
        try:
            return self._on_the_lattice(self.clock.at_most(share * min(self.clock.left(), _SECONDS)), most)
        except Incomplete:
            return None

    def _on_the_lattice(self, clock: Clock, most: int | None = None) -> Verdict:
        """Incomplete beyond the time or the number of cells, from where the next call goes on."""
        return self._on_all_cells(self._lattice.decide(clock, most), self._lattice.found)

    @doing("the face lattice of both networks, and the search, by turns")
    def _by_turns(self) -> Verdict | None:
        """Whichever ends first; None if the time ends, or if the lattice has too many cells."""
        clock, seconds = self.clock if self.clock.limit is not None else Clock(_SECONDS), _TURN
        while clock.left() > 0 and self._lattice.ended is None:
            with suppress(Incomplete):
                return self._on_the_lattice(clock.at_most(seconds))
            with suppress(Incomplete):
                return self._by_cells(clock.at_most(seconds), None if self.clock.limit is not None else _CELLS)
            seconds *= 2
        return None

    @doing("cells of both networks")
    def _by_cells(self, clock: Clock, limit: int | None) -> Verdict:
        """The complete procedure; Incomplete beyond the time or the number of cells, from where the next call goes on.

        Only on the boxes that resist, where there are such boxes and they are few.
        """
        if "_tree" in self.__dict__ and self._tree is not None and len(self._tree.boxes.leaves) > 1:
            found = self._concluded(clock)
            if found is not None:
                return found
        if self._complete is None:
            part = self._lattice.needed(clock) if self._compares_units else None
            self._complete = Complete(self.claim, self.where, clock, limit, part=part)
        search = self._complete.search
        try:
            return self._on_all_cells(self._complete.decide(clock, limit), search.found)
        except Incomplete as stopped:
            reason = f"{stopped}".partition(";")[0]
            raise Incomplete(
                f"the search cell by cell ended after {search.found} cells without a difference: {reason}", search.found
            ) from None

    @property
    def _compares_units(self) -> bool:
        """Whether only what the difference depends on is searched, equal units being one, as the lattice has read it."""
        return self._modest and self.where.dimension > 0

    @doing("cells of both networks")
    def _by_parts(self) -> Verdict:
        """The same in tasks."""
        signs = self._lattice.signs(self.clock) if self._compares_units else None
        return self._on_all_cells(*decide_in_parts(self.claim, self.where, self.clock, self.means, fingerprint(self.claim), signs))

    def _on_all_cells(self, answer: RationalArray | dict[str, Any], count: int) -> Verdict:
        cells = f"{count} cell{'s' if count != 1 else ''}"
        if isinstance(answer, RationalArray):
            point = _search.fewer_bits(self.f, self.g, answer, self.where, self.claim.tolerance)
            return self.points.refuted(point, f"the outputs differ on a cell of the networks, found after {cells} without a difference")
        agree = "are within the tolerance" if self.claim.tolerance else "agree"
        return self._proved(answer, f"both functions {agree} on all {cells} on which their inner units are affine")

    def _by_some_cells(self) -> Verdict | None:
        """The complete procedure for a part of the time."""
        try:
            return self._by_cells(self.clock.at_most(min(_SECONDS, self.clock.left()) / 4), _CELLS)
        except Incomplete:
            self.clock.check("cells of what the networks do not share were being searched")
            return None

    def _ridge(self, form: NormalForm) -> Verdict | None:
        """One hidden layer: the difference is k + M t + sum J_h max(l_h, 0), not identically zero."""
        if self.where.region is None or self.where.simple is None:
            return self._differs(form, witness(form), "the normal forms differ (theorem A)")
        region, inside = self.where.region, self.where.inside
        facts, affine = signs_of_hyperplanes(form, region, self.clock)
        crossing = [h for h, fact in enumerate(facts) if fact is None]
        point = crossing_witness(form, crossing, affine, self.where.simple, inside)
        if point is not None:
            return self._differs(form, self._simpler(form, point), "the normal forms differ inside the domain (theorem A)")
        known = {_row_key(form, h): fact for h, fact in enumerate(facts)}

        def decide(row: Row, atoms: Atoms) -> Fact | None:
            for own, names in ((row, {"on": "on", "off": "off"}), (row.mirrored(), {"on": "off", "off": "on"})):
                fact = known.get((own.ids, own.nums, own.constant))
                if fact is not None:
                    name, proof = scaled(fact, row.factor)
                    return names[name], proof
            return None

        forms, evidence = self._run(self._numbering(mirror=True, elements=True, decide=decide))
        assert forms.vanish()
        return self._proved(evidence, "the normal forms agree on the domain; Farkas certificates for the kinks that do not meet it")

    def _differs(self, form: NormalForm, t: RationalArray, how: str) -> Verdict | None:
        """Refuted at t, where f - g is known to be form(t) != 0; with smooth neurons, that cancel, by enclosures."""
        x = self.where.to_input(t.reshape(1, -1))[0]
        if not self._smooth:
            return self.points.refuted(x, how)
        size = [abs(q) for q in form(t.reshape(1, -1)).to_fractions()]
        return self.points.enclosed(x, size.index(max(size)), (64, 256, 1024, 4096))

    def _simpler(self, form: NormalForm, t: RationalArray) -> RationalArray:
        """A point of fewer bits where the difference is not zero either, if one is found near."""
        region = self.where.simple
        assert region is not None
        samples = _search.sample_points(self.where, 24)
        for candidate in (simplified(form, t), *(samples[i] for i in range(len(samples)))):
            if _bits(candidate) < _bits(t) and region.contains(candidate.to_fractions()) and not form(candidate.reshape(1, -1)).is_zero():
                t = candidate
        return t

    @doing("the tolerance by linear programs")
    def _within_tolerance(
        self, forms: Forms, atoms: Atoms, evidence: dict[str, Any], form: NormalForm | None, signs: Signs | None
    ) -> Verdict | None:
        """tolerance +- (f - g)_j >= 0 by linear programming over the atoms; else a point beyond the tolerance."""
        tolerance = self.claim.tolerance
        if form is not None:
            points = _search.far_out(_search.sample_points(self.where, 128), self.where)
            values = form(points)
            hits = np.flatnonzero(values.exceeds(tolerance).any(axis=1))
            if len(hits):
                found = self._differs(form, points[int(hits[0])], "an exact value beyond the tolerance")
                if found is not None:
                    return found
        if signs is None:
            signs = Signs(self.where.region, _search.sample_points(self.where).to_float(), self.clock)
        output = []
        size = len(forms)
        bound = RationalArray.from_fractions([tolerance] * size, (size,))
        minus = RationalArray(np.full(size, -1))
        for below, above in zip(forms.scaled(minus).plus_constant(bound).rows(), forms.plus_constant(bound).rows(), strict=True):
            proofs = [signs.nonnegative(row, atoms) for row in (below, above)]
            if None in proofs:
                return None
            output.append(proofs)
        evidence = self._with_bounds({**evidence, "output": output}, signs, atoms)
        return self._proved(evidence, "bounds of the difference by linear programming over the neurons")

    @staticmethod
    def _with_bounds(evidence: dict[str, Any], signs: Signs | None, atoms: Atoms) -> dict[str, Any]:
        bounds = signs.evidence(atoms) if signs is not None else []
        return {**evidence, "bounds": bounds} if bounds else evidence

    @cached_property
    def _pole(self) -> str | None:
        """A rational node with a real pole, where the networks may have no value; value numbering would not see that."""
        for net in self.nets:
            name = node_with_pole(net)
            if name is not None:
                self.tried.append(
                    f"node {name!r} (rational) has a pole at a real number, and equality is proved of functions without poles"
                )
                return name
        return None

    @cached_property
    def _smooth(self) -> bool:
        """Whether some values are irrational."""
        return is_smooth(self.nets)

    @cached_property
    def _on_grids(self) -> bool:
        """Whether an input has spatial axes, along which one form may hold."""
        return any(len(net.shape(name)) > 1 for net in self.nets for name in net.inputs)

    @cached_property
    def _one_variable(self) -> bool:
        return self.f.input_dim == 1 and all(net.is_piecewise_linear for net in self.nets)

    @doing("points at which smooth networks differ")
    def _by_enclosure(self) -> Verdict | None:
        """Smooth networks: at a point where floats differ the values are irrational; the checker's enclosures decide that they differ."""
        for t, j in _search.proposed_outputs(self.f, self.g, self.where, self.claim.tolerance):
            found = self.points.enclosed(self.where.to_input(t.reshape(1, -1))[0], j, (64, 256))
            if found is not None:
                return found
        self.tried.append("no point was found at which enclosures of the outputs keep apart")
        return None

    def _smooth_layer(self, parts: Sequence[SmoothNormalForm]) -> Verdict | None:
        """One hidden layer with smooth neurons: the difference is the sum of the parts, mostly not 0 (theorems S, L)."""
        kinds = {p.activation for p in parts}
        if "relu" in kinds and self.where.region is not None:  # the hyperplanes need not meet the domain
            return None
        zero = vanishes(parts)
        if zero:  # and yet not the same atoms
            return self._unknown("the functions are equal by laws between tanh, sigmoid and silu (docs/theory.md 8) that certificates lack")
        nowhere = f"at none of {_search.SEPARATING} points do enclosures of {PRECISIONS[-1]} bits keep apart"
        if zero is False:
            self.tried.append("the functions differ (theorems S and L, docs/theory.md 8)")
        elif "gelu_tanh" in kinds:
            nowhere = f"{nowhere}, and no independence theorem is known to us for gelu_tanh"
        if nowhere in self.tried:
            return None
        clock = self.clock if self.clock.limit is not None else Clock(_SECONDS)
        for bits in PRECISIONS:
            for t, j, k in islice(_search.separating_points(parts, self.where, bits, clock), _ATTEMPTS):
                enough = (64 + 32 * -(-k // 32), *(b for b in PRECISIONS if b >= bits))  # and more, where weights are large
                found = self.points.enclosed(self.where.to_input(t.reshape(1, -1))[0], j, sorted({min(b, PRECISIONS[-1]) for b in enough}))
                if found is not None:
                    return found
        if zero is False:
            return self._unknown(nowhere)
        if "gelu_tanh" in kinds:
            self.tried.append(nowhere)
            return None
        text = " + ".join(p.constant_text() for p in parts if p.biases)
        return self._unknown(
            f"no theorem is known to us that says whether {text} is 0, and its enclosure at {PRECISIONS[-1]} bits contains 0"
        )

    @doing("exact values at small points")
    def _at_small_points(self) -> Verdict | None:
        if self._smooth:
            return None
        points = _search.sample_points(self.where)
        if self.claim.tolerance:
            points = _search.far_out(points, self.where)
        points = self.where.to_input(points)
        if all(net.is_piecewise_linear for net in self.nets):
            return self.points.at_inputs(points, "small points")
        for i in range(len(points)):
            try:
                found = self.points.at_inputs(points[i : i + 1], "small points")
            except NotRational:  # a pole
                continue
            if found is not None:
                return found
        return None

    # --- answers -----------------------------------------------------------------------------------------------------------

    def _proved(self, evidence: dict[str, Any], how: str) -> Verdict:
        return Verdict("proved", self.claim.describe(), how, Certificate(self.claim, "proved", evidence, self.clock))

    def _around(self) -> Iterator[RationalArray]:
        """Inputs at which a larger difference than that of a counterexample may easily be seen."""
        if "_tree" in self.__dict__ and self._tree is not None and self._tree.points.point is not None:
            yield RationalArray.of([self._tree.points.point])
        if self.claim.domain is None or isinstance(self.claim.domain, Box):
            yield self.where.to_input(_search.sample_points(self.where, at_most(self.nets, _AROUND)))

    def _unknown(self, reason: str) -> Verdict:
        lattice = self.__dict__.get("_lattice")
        engines = [lattice.progress] if lattice is not None and lattice.cells else []
        return Verdict("unknown", self.claim.describe(), "; ".join([*self.tried, *engines, reason]))


def _depth(net: Network) -> int:
    """The largest number of nodes with kinks on a path."""
    depth: dict[str, int] = {}
    for name in net.order:
        own = 0 if net.operation(name).is_affine or name in net.inputs else 1
        depth[name] = own + max((depth[o] for o in net.operands(name)), default=0)
    return max(depth[o] for o in net.outputs)


def _bits(point: RationalArray) -> int:
    return sum(abs(q.numerator).bit_length() + q.denominator.bit_length() for q in point.to_fractions())


def _row_key(form: NormalForm, h: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    plane = form.hyperplanes[h]
    ids = tuple(i for i, n in enumerate(plane[:-1]) if n)
    return ids, tuple(plane[i] for i in ids), plane[-1]
