"""Verdicts about the fibre of a network with one hidden layer (docs/certificate-format.md, "Orbits")."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn._version import __version__
from exactnn.errors import ArgumentError, CertificateRejected, ExactnnError, Incomplete, NotRational, Undecided
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number
from exactnn.network import Network
from exactnn.symmetry._fibre import Fibre, fibre
from exactnn.symmetry._orbits import check_reduced, flip_sets
from exactnn.symmetry._shallow import Shallow, shallow
from exactnn.symmetry._subset_sums import Found, Subset
from exactnn.verdict import Verdict
from exactnn.verify.certificates import Certificate, Claim, check
from exactnn.verify.equality import verify_equal

#: weights from which the checker takes seconds; what it reads at most; its largest number of neurons
_TRIED, _READ, _ROWS = 1 << 17, 1 << 24, 1 << 12


@dataclass(frozen=True)
class Orbits:
    """The flip sets of reduced weights, one for each orbit of the fibre, and what the standalone checker needs to re-check that
    these are all.

    `certificate` is None where the search was too large for the checker to repeat.
    """

    flips: tuple[Subset, ...]
    certificate: Certificate | None
    reason: str


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
    start = time.perf_counter()
    layer = shallow(f, "certified_orbits")
    check_reduced(layer)
    found = flip_sets(layer, Clock(time_limit))
    return Orbits(found.subsets, _certificate(layer, found, start), found.how)


def verify_single_orbit(f: Network | Fibre, *, time_limit: Number | None = None) -> Verdict:
    """Whether permutations and positive scalings (tanh, sigmoid: sign flips) of neurons lead to every network of f's width with f's
    function.

    Proved, with a certificate of the checker; refuted, with a certificate that another network g, which the reason describes, is equal
    to f; unknown, with what was excluded.

    Parameters
    ----------
    f : one hidden layer of relu, leaky_relu, abs, softplus, silu, gelu, tanh or sigmoid; or `fibre(net)`, with what it knows and its clock
    time_limit : seconds; None for none

    Raises
    ------
    NotOneHiddenLayer, ArgumentError

    Examples
    --------
    >>> from exactnn import mlp
    >>> verify_single_orbit(mlp([([[1], [-1]], [0, 0]), ([[2, 1]], [0])])).status
    'proved'
    >>> print(verify_single_orbit(mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])])).reason)
    flipping neurons 0, 1 keeps the function, and leads to another orbit
    """
    start = time.perf_counter()
    if isinstance(f, Fibre) and time_limit is not None:
        raise ArgumentError("time_limit: a fibre has a time limit of its own; give it to fibre(net, time_limit=...)")
    found = f if isinstance(f, Fibre) else fibre(f, time_limit=time_limit)
    group = {"homogeneous": "permutations and positive scalings", "mirror": "permutations", "odd": "permutations and sign flips"}
    question = f"all networks of {_neurons(found.width)} with the function of f arise from f by {group[found.family]}"
    try:
        single = found.is_single_orbit
    except (Undecided, Incomplete) as error:
        return Verdict("unknown", question, str(error))
    if single:
        return _proved(found, question, start)
    try:
        other, how = _other(found)
        equal = verify_equal(found.network, other)
    except (NotRational, Incomplete, Undecided) as error:
        return Verdict("unknown", question, f"there are other orbits, but none was written down: {error}")
    if not equal.proved:
        raise ExactnnError(
            f"verify_single_orbit: {how}, but f and the other network are not proved equal: {equal.reason}"
        )  # pragma: no cover
    return Verdict("refuted", question, how, equal.certificate)


def _neurons(count: int) -> str:
    """1 neuron, 2 neurons."""
    return f"{count} neuron{'s' * (count != 1)}"


def _proved(found: Fibre, question: str, start: float) -> Verdict:
    if found.is_reduced:
        flips = found.flips_found
        certificate = _certificate(found.layer, flips, start)
        how = flips.how
    else:
        certificate = _accepted(found.layer, ((),), {"method": "enumeration"}, start)
        how = "all ways to put the neurons on the hyperplanes were gone through"
    if certificate is None:
        return Verdict(
            "unknown",
            question,
            f"no other orbit was found ({how}), but the checker cannot repeat the search, for its size or for the kind of network",
        )
    return Verdict("proved", question, how, certificate)


def _other(found: Fibre) -> tuple[Network, str]:
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


def _certificate(layer: Shallow, found: Found, start: float) -> Certificate | None:
    """The list with the evidence of the search, its columns as (output, input)."""
    if found.evidence is None:
        return None
    evidence = dict(found.evidence)
    if "columns" in evidence:
        d = layer.weight.shape[1]
        evidence["columns"] = [[c // d, c % d] for c in evidence["columns"]]
    return _accepted(layer, found.subsets, evidence, start)


def _accepted(layer: Shallow, flips: tuple[Subset, ...], evidence: dict[str, Any], start: float) -> Certificate | None:
    """The certificate, if it is within the checker's limits and its rules for networks.

    That is tried out, except where it takes seconds and is known: independent terms of a plain network of the size that the checker allows.
    """
    certificate = _written(layer, flips, evidence, start)
    n, d = layer.weight.shape
    plain = layer.by_rows and [layer.net.operation(x).kind for x in layer.net.order][::2] == ["input", layer.activation.kind]
    if evidence["method"] == "free" and plain and _TRIED < n * d <= _READ and n <= _ROWS:
        return certificate
    try:
        check(certificate)
    except CertificateRejected:
        return None
    return certificate


def _written(layer: Shallow, flips: tuple[Subset, ...], evidence: dict[str, Any], start: float) -> Certificate:
    claim = Claim("orbits", layer.net, None, None, Fraction(0), flips=flips)
    about = {"tool": f"exactnn {__version__}", "seconds": f"{time.perf_counter() - start:.3f}"}
    return Certificate(claim, "proved", evidence, about)
