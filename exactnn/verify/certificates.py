"""Certificates as the engines write them: claim, models and evidence in the format of docs/certificate-format.md.

The checker in `exactnn.certificate` shares this format with the engines, and no code.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from exactnn import certificate as checker
from exactnn.errors import CertificateRejected, LoadError
from exactnn.exact.numbers import rational_text
from exactnn.exact.polyhedron import Polyhedron
from exactnn.export._atomic import write_text
from exactnn.export.json import canonical_hash, document, tensor
from exactnn.network import Network
from exactnn.symmetry._atoms import json_number

_WORDS = {
    "equal": "f = g",
    "zero": "f = 0",
    "symmetry": "T(f) = f",
    "same_decision": "f and g have the same maximal outputs",
    "deviation": "the largest deviation of f from g",
    "regions": "f has a number of activation regions",
    "orbits": "the networks with the function f",
}


@dataclass(frozen=True, eq=False)
class Claim:
    """What is claimed: f = g, f = 0 or T(f) = f, on a domain (None: everywhere) within a tolerance.

    `g` is the network f is compared with: None for zero, T(f) for a symmetry.
    """

    question: str
    f: Network
    g: Network | None
    domain: Polyhedron | None
    tolerance: Fraction
    transformation: tuple[dict[str, Any], ...] = ()
    count: int | None = None  # of regions
    flips: tuple[tuple[int, ...], ...] | None = None  # sets of neurons, one for each orbit of the fibre

    def describe(self) -> str:
        """The claim in words."""
        left = _WORDS["symmetry" if self.transformation else self.question]
        if self.count is not None:
            left = f"f has exactly {self.count} activation regions"
        if self.flips is not None:
            return f"the networks of this width with the function f have {len(self.flips)} orbit{'s' if len(self.flips) != 1 else ''}"
        where = "on all of R^" + str(self.f.input_dim) if self.domain is None else f"on the domain ({self.domain!r})"
        text = rational_text(self.tolerance)
        within = f" within {text if len(text) <= 60 else f'{text[:20]}... ({len(text)} characters)'}" if self.tolerance else ""
        return f"{left}{within} {where}"

    def stated(self, answer: str) -> dict[str, Any]:
        """The claim as the format writes it."""
        found: dict[str, Any] = {
            "question": self.question,
            "answer": answer,
            "domain": None if self.domain is None else {k: tensor(v) for k, v in zip("Ab", self.domain.rows, strict=True)},
        }
        if self.question == "regions":
            found["count"] = self.count
        elif self.question == "orbits":
            found["flips"] = [list(neurons) for neurons in self.flips or ()]
        elif self.question != "same_decision":
            found["tolerance"] = json_number(self.tolerance)
        if self.question == "symmetry":
            found["transformation"] = list(self.transformation)
        return found

    def models(self) -> dict[str, Network]:
        """The networks that it is about, by name."""
        return {"f": self.f} | ({"g": self.g} if self.question != "symmetry" and self.g is not None else {})


class Statement(Protocol):
    """What a certificate may claim."""

    def describe(self) -> str:
        """The claim in words."""

    def stated(self, answer: str) -> dict[str, Any]:
        """The claim as the format writes it."""

    def models(self) -> dict[str, Network]:
        """The networks that it is about, by name."""


class Certificate:
    """What the standalone checker needs to re-check a verdict: `save` it, and run `exactnn check FILE`.

    Models that were read from a file which the checker reads itself are bound by the file's hash; others stand in the certificate,
    without losing a bit.
    """

    def __init__(self, claim: Statement, answer: str, evidence: dict[str, Any], about: dict[str, Any] | None = None) -> None:
        self._claim = claim
        self._answer = answer
        self._evidence = evidence
        self._about = about or {}

    @property
    def kind(self) -> str:
        """The method of the evidence: "forms", "line", "tree", "point" or "enclosure"; for orbits "free", "halves", "lattice", "odd" or
        "enumeration"; for poles "sturm" or "pole".
        """
        return str(self._evidence["method"])

    @cached_property
    def document(self) -> dict[str, Any]:
        """The certificate as a JSON object; model paths are absolute."""
        return {
            "format": "exactnn-certificate",
            "version": 1,
            "semantics": "real arithmetic",
            "claim": self._claim.stated(self._answer),
            "models": {name: _model(net) for name, net in self._claim.models().items()},
            "evidence": self._evidence,
            "about": self._about,
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON (to a temporary file, then renamed); model files are named relative to it."""
        target = Path(path)
        folder = target.resolve().parent
        written = dict(self.document)
        written["models"] = {k: _relative(m, folder) for k, m in written["models"].items()}
        write_text(target, json.dumps(written, separators=(",", ":")) + "\n")
        return target

    def __repr__(self) -> str:
        return f"Certificate({self._answer}: {self._claim.describe()}; by {self.kind})"


def check(certificate: Certificate | str | os.PathLike[str], *, models: list[str | os.PathLike[str]] | None = None) -> bool:
    """Re-check a certificate with the standalone checker (`exactnn.certificate`).

    Parameters
    ----------
    certificate : a verdict's certificate, or the path of a saved one
    models : paths of model files that the certificate must be about; by default the ones it names

    Returns
    -------
    True

    Raises
    ------
    CertificateRejected
        Saying which step failed.
    """
    source = certificate.document if isinstance(certificate, Certificate) else certificate
    try:
        return bool(checker.check(source, models=models))
    except checker.Rejected as rejected:
        raise CertificateRejected(rejected.step, rejected.reason) from None
    except OSError as error:
        raise LoadError(f"certificate: a file that can be read is needed, got {source!r}: {error.strerror or error}") from None


def checker_builds(claim: Claim) -> bool:
    """Whether the checker, given f and the steps of a symmetry claim, builds the very network `claim.g`."""
    f, steps = claim.f, claim.transformation
    if claim.g is None:
        return False
    if all(_is_plain(f, step) for step in steps):
        return True
    try:
        built = checker.transformed(checker.read_network(document(f), "f"), list(steps))
    except checker.Rejected:
        return False
    return checker.same_network(built, checker.read_network(document(claim.g), "g"))


def _is_plain(f: Network, step: dict[str, Any]) -> bool:
    """Whether engine and checker follow the same rules for a step by construction: a network of vectors, the layer's neurons made by
    an affine node, and no node between there and the activation with another reader. (Steps change no node's kind, shape or operands.)

    Rational activations have no flip in the checker.
    """
    kinds = {f.operation(name).kind for name in f.order}
    if not kinds.issubset(_DENSE) or (step["kind"] == "flip" and "rational" in kinds) or any(len(f.shape(n)) != 1 for n in f.order):
        return False
    name = step["layer"]
    while f.operation(name).kind != "affine":
        operands = f.operands(name)
        if not operands:
            return False
        (name,) = operands
        if name in f.outputs or sum(f.operands(reader).count(name) for reader in f.order) != 1:
            return False
    return True


#: operations of the networks that need no comparison
_DENSE = frozenset(("input", "affine", "piecewise_linear", "prelu", "smooth", "rational"))


def _model(net: Network) -> dict[str, Any]:
    source = net.source
    if source is not None and source.checkable:
        bound: dict[str, Any] = {"sha256": source.sha256, "format": source.format, "path": source.path}
        return {**bound, "raw": True} if source.raw else bound
    inline = document(net)
    return {"sha256": canonical_hash(inline), "inline": inline}


def _relative(model: dict[str, Any], folder: Path) -> dict[str, Any]:
    if "path" not in model:
        return model
    try:
        return {**model, "path": os.path.relpath(model["path"], folder)}
    except ValueError:  # another drive
        return model
