"""The orbits of a fibre, with a certificate that they are all (docs/certificate-format.md, "Orbits")."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn.claims import Certificate, OrbitsClaim, accepted
from exactnn.errors import NotRational, Undecided
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.network import Network
from exactnn.symmetry._fibre import Fibre
from exactnn.symmetry._orbits import check_reduced, flip_sets
from exactnn.symmetry._shallow import Shallow, shallow
from exactnn.symmetry._subset_sums import Found, Subset
from exactnn.value import Value

#: weights from which the checker takes seconds; what it reads at most; its largest number of neurons
_TRIED, _READ, _ROWS = 1 << 17, 1 << 24, 1 << 12


@dataclass(frozen=True, repr=False)
class Orbits(Value):
    """The flip sets of reduced weights, one for each orbit of the fibre, and what the standalone checker needs to re-check that
    these are all.

    `certificate` is None where the search was too large for the checker to repeat.
    """

    flips: tuple[Subset, ...]
    certificate: Certificate | None
    reason: str

    def _parts(self) -> dict[str, Any]:
        kind = None if self.certificate is None else self.certificate.kind
        return {"orbits": len(self.flips), "flips": self.flips, "reason": self.reason, "certificate": kind}


@timed
def certified_orbits(f: Network, *, time_limit: Number | None = None) -> Orbits:
    """The list of `symmetry.orbits` with a certificate that it is complete.

    Parameters and errors as for `symmetry.orbits`.

    Examples
    --------
    >>> from exactnn import check, mlp
    >>> found = certified_orbits(mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])]))
    >>> found.flips, check(found.certificate)
    (((), (0, 1, 2)), True)
    """
    clock = clock_in_force()
    layer = shallow(f, "certified_orbits")
    check_reduced(layer)
    found = flip_sets(layer, clock)
    return Orbits(found.subsets, _certificate(layer, found, clock), found.how)


def single_orbit(found: Fibre, clock: Clock) -> tuple[Certificate | None, str]:
    """Of a fibre that is a single orbit: the certificate, None where the checker cannot repeat the search; and how it was found."""
    if found.is_reduced:
        flips = found.flips_found
        return _certificate(found.layer, flips, clock), flips.how
    how = "all ways to put the neurons on the hyperplanes were gone through"
    return _accepted(found.layer, ((),), {"method": "enumeration"}, clock), how


def outside_orbit(found: Fibre) -> tuple[Network, str]:
    """A network of the fibre outside the orbit, and what it is."""
    for family in found.families:
        if family.base is not found.network:
            return family.base, "there are other weights with the function that lie in a continuous family"
        for step in (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3)):
            for still in (False, True):  # b of a constant neuron stays
                values = [v if still and k == len(family.origin) - 1 else v + step + k for k, v in enumerate(family.origin)]
                with contextlib.suppress(NotRational):  # its value at another b
                    other = family.at(*values)
                    if found.is_elsewhere(other):
                        return other, f"{family.description} ({family.kind})"
    if found.flip is not None:
        which = f"neuron{'s' * (len(found.flip) != 1)} {', '.join(map(str, found.flip))}"
        return found.layer.flipped(found.flip), f"flipping {which} keeps the function, and leads to another orbit"
    for other in found.isolated:
        if found.is_elsewhere(other):
            return other, "the neurons can lie on the hyperplanes in another way"
    raise Undecided("they have irrational weights, since the value of a constant neuron is irrational")


def _certificate(layer: Shallow, found: Found, clock: Clock) -> Certificate | None:
    """The list with the evidence of the search, its columns as (output, input)."""
    if found.evidence is None:
        return None
    evidence = dict(found.evidence)
    if "columns" in evidence:
        d = layer.weight.shape[1]
        evidence["columns"] = [[c // d, c % d] for c in evidence["columns"]]
    return _accepted(layer, found.subsets, evidence, clock)


def _accepted(layer: Shallow, flips: tuple[Subset, ...], evidence: dict[str, Any], clock: Clock) -> Certificate | None:
    """The certificate, if it is within the checker's limits and its rules for networks.

    That is tried out, except where it takes seconds and is known: independent terms of a plain network of the size that the checker allows.
    """
    certificate = Certificate(OrbitsClaim(layer.net, flips), "proved", evidence, clock)
    n, d = layer.weight.shape
    plain = layer.by_rows and [layer.net.operation(x).kind for x in layer.net.order][::2] == ["input", layer.activation.kind]
    if evidence["method"] == "free" and plain and _TRIED < n * d <= _READ and n <= _ROWS:
        return certificate
    return certificate if accepted(certificate) else None
