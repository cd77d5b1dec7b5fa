"""One claim about f - g at points: exact differences, the user's data first, and the refutation at a point where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.claims import Certificate, Comparison, accepted
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.writing import json_number
from exactnn.verdict import Verdict
from exactnn.verify import _search
from exactnn.verify._near import Largest, at_most, inside, moved, with_value
from exactnn.verify._smooth_bracket import is_smooth

#: data points at once; points on the way to data
_BLOCK, _TRIES = 256, 40


class Refuting:
    """Tries a claim at points; what is found is Refuted, near the user's data where there are some.

    around : gives blocks of inputs at which a larger difference than that of a counterexample may be seen, to be told beside it
    """

    def __init__(self, claim: Comparison, clock: Clock, near: RationalArray | None, around: Callable[[], Iterable[RationalArray]]) -> None:
        self.claim, self.clock, self.near, self._around = claim, clock, near, around
        self.f, self.g = claim.f, claim.g
        self.nets = [net for net in (claim.f, claim.g) if net is not None]
        self.seen = Largest()

    def at_data(self) -> Verdict | None:
        """The data point of the largest difference, if the claim fails at some; of smooth networks one where floats differ."""
        if self.near is None:
            return None
        data = self.near[np.flatnonzero(inside(self.claim.domain, self.near))]
        if is_smooth(self.nets):
            for t, j in _search.differing_outputs(self.f, self.g, data, self.claim.tolerance) if len(data) else ():
                found = self.enclosed(t, j, (64, 256))
                if found is not None:
                    return found
            return None
        for start in range(0, len(data), _BLOCK):
            self.clock.check(f"the values at {start} of {len(data)} data points agreed, the others were being computed")
            self._see(data[start : start + _BLOCK])
        best = self.seen.found
        if best is None or best.value <= self.claim.tolerance:
            return None
        self.near = None  # it is one of them
        return self.refuted(RationalArray.of(best.point), "exact values at the data")

    def at_inputs(self, points: RationalArray, what: str) -> Verdict | None:
        """Refuted at the first of these inputs where the claim fails."""
        found = _search.differing_point(self.f, self.g, points, self.claim.tolerance, self.clock, self.seen)
        return None if found is None else self.refuted(found, f"exact values at {what}")

    def enclosed(self, point: RationalArray, output: int, precisions: Sequence[int]) -> Verdict | None:
        """Refuted if enclosures of this output at the point do not meet at one of these precisions."""
        x = point.to_fractions()
        for bits in precisions:
            self.clock.check("points at which smooth networks differ were being sought")
            evidence = {"method": "enclosure", "point": [json_number(q) for q in x], "output": output, "bits": bits}
            certificate = Certificate(self.claim, "refuted", evidence, self.clock)
            if accepted(certificate):  # else they are not far enough apart at this precision
                how = f"enclosures of output {output} at {bits} bits do not meet"
                return Verdict("refuted", self.claim.describe(), how, certificate, x)
        return None

    def refuted(self, point: RationalArray, how: str) -> Verdict:
        """The verdict at an input where the claim fails, or at one nearer to the data."""
        for some in (point.reshape(1, -1), *self._around()):
            self._see(some)
        if self.near is not None:
            tries = at_most(self.nets, _TRIES)
            point, where = moved(point, self.near, self.claim.domain, self._fails, tries)
            how = f"{how}; {where}"
        x = point.to_fractions()
        f_value = self.f(x)
        g_value = self.g(x) if self.g is not None else (Fraction(0),) * len(f_value)
        evidence = {
            "method": "point",
            "point": [json_number(q) for q in x],
            "f": [json_number(q) for q in f_value],
            "g": [json_number(q) for q in g_value],
        }
        assert any(abs(a - b) > self.claim.tolerance for a, b in zip(f_value, g_value, strict=True))
        certificate = Certificate(self.claim, "refuted", evidence, self.clock)
        return Verdict("refuted", self.claim.describe(), how, certificate, x, (f_value, g_value), largest=self.seen.found)

    def _see(self, points: RationalArray) -> None:
        found = with_value(self._difference, points)
        if found is not None:
            self.seen.offer(*found)

    def _difference(self, points: RationalArray) -> RationalArray:
        values = self.f.evaluate(points)
        return values if self.g is None else values - self.g.evaluate(points)

    def _fails(self, points: RationalArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where some output differs by more than the tolerance; not at poles."""
        found = [with_value(self._difference, points[i : i + 1]) for i in range(len(points))]
        return np.array([v is not None and bool(v[1].exceeds(self.claim.tolerance).any()) for v in found])
