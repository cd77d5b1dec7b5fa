"""Certificates as the engines write them: claim, models and evidence in the format of docs/certificate-format.md.

The checker in `exactnn.certificate` shares this format with the engines, and no code.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from exactnn import certificate as checker
from exactnn._version import __version__
from exactnn.claims._claim import Claim
from exactnn.claims._no_certificate import no_certificate
from exactnn.errors import ArgumentError, CertificateRejected, CheckBudgetExceeded, LoadError
from exactnn.exact.calls import helpful
from exactnn.exact.clock import Clock
from exactnn.exact.files import write_bytes
from exactnn.exact.writing import json_tensor
from exactnn.network import Network
from exactnn.network.document import canonical_hash, canonical_text, document, hash_of_text
from exactnn.value import Value

#: what the checker takes from a compressed file: so many bytes, and beyond them so many times those of the file
_UNSUSPICIOUS, _TIMES = 2**22, 32
#: in the order in which they are written
_KEYS = ("format", "version", "semantics", "claim", "models", "evidence", "about")


class Certificate(Value):
    """What the standalone checker needs to re-check a verdict: `save` it, and run `exactnn check FILE`.

    Models that were read from a file which the checker reads itself are bound by the file's hash, with the slice where it is about one;
    others stand in the certificate, without losing a bit.

    Parameters
    ----------
    claim, answer : what is claimed, "proved" or "refuted"
    evidence : the method and what it needs
    clock : started with the question; the seconds since then stand in the certificate, for people
    """

    def __init__(self, claim: Claim, answer: str, evidence: dict[str, Any], clock: Clock | None = None) -> None:
        self._claim = claim
        self._answer = answer
        self._evidence = evidence
        self._about = {"tool": f"exactnn {__version__}"} | ({} if clock is None else {"seconds": f"{clock.elapsed():.3f}"})

    @property
    def models(self) -> dict[str, Network]:
        """The networks that it is about, by their names in the claim."""
        return self._claim.models()

    @property
    def evidence(self) -> dict[str, Any]:
        """The method and what it needs."""
        return self._evidence

    @property
    def kind(self) -> str:
        """The method of the evidence: "forms", "pass", "tree", "point" or "enclosure"; at points "values" or "point";
        for orbits "free", "halves", "lattice", "odd" or "enumeration"; for poles "signs" or "pole"; for float runs "rounding".
        """
        return str(self._evidence["method"])

    @cached_property
    def document(self) -> dict[str, Any]:
        """The certificate as a JSON object; model paths are absolute."""
        parts = {**self._outside(), "models": {name: stated_model(net) for name, net in self._claim.models().items()}}
        return {key: parts[key] for key in _KEYS}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON (to a temporary file, then renamed); model files are named relative to it.

        A path that ends in `.gz` gets the same text compressed by gzip; the checker reads both, whatever their names.
        """
        try:
            target = Path(path)
            folder = target.resolve().parent
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"path: the path of a file is needed: {error}") from None
        text = self._text(folder)
        write_bytes(target, _compressed(text) if target.suffix.lower() == ".gz" else text)
        return target

    def _text(self, folder: Path) -> bytes:
        """The document as text; an inline model is written once, for its hash and for the file."""
        models = ",".join(f"{json.dumps(name)}:{_model_text(net, folder)}" for name, net in self._claim.models().items())
        parts = {key: _compact(part) for key, part in self._outside().items()} | {"models": f"{{{models}}}"}
        return f"{{{','.join(f'{json.dumps(key)}:{parts[key]}' for key in _KEYS)}}}\n".encode("ascii")

    def _outside(self) -> dict[str, Any]:
        """The document without its models."""
        head = {"format": "exactnn-certificate", "version": 2, "semantics": "real arithmetic"}
        return {**head, "claim": self._claim.stated(self._answer), "evidence": self._evidence, "about": self._about}

    def to_dict(self) -> dict[str, Any]:
        """The document, whose format is docs/certificate-format.md."""
        return self.document

    def _summary(self) -> str:
        return f"{self._answer}: {self._claim.describe()}; by {self.kind}"

    def _rows(self) -> list[tuple[str, str]]:
        models = [(f"model {name}", repr(net)) for name, net in self.models.items()]
        made = ", ".join(f"{key} {value}" for key, value in self._about.items())
        return [("claim", self._claim.describe()), ("answer", self._answer), ("method", self.kind), *models, ("made by", made)]


@helpful
def check(
    certificate: Certificate | dict[str, Any] | str | os.PathLike[str],
    *,
    models: Sequence[str | os.PathLike[str]] | None = None,
    budget: int = 1,
) -> bool:
    """Re-check a certificate with the standalone checker (`exactnn.certificate`).

    Parameters
    ----------
    certificate : a verdict's certificate, its JSON object, or the path of a saved one
    models : paths of model files that the certificate must be about; by default the ones it names
    budget : so many times the work that one certificate may usually ask for (docs/certificate-format.md, Limits)

    Returns
    -------
    True

    Raises
    ------
    CertificateRejected
        Saying which step failed; also that a model file which it names cannot be read.
    CheckBudgetExceeded
        Saying at which step a limit ended the work. This is no rejection: nothing was found wrong with the certificate.
    LoadError
        The file of the certificate cannot be read, or holds something else: a model, say.
    ArgumentError
        `certificate` is none of these, `models` no list of paths, `budget` no whole number >= 1.
    """
    if models is not None and not (isinstance(models, (list, tuple)) and all(isinstance(m, (str, os.PathLike)) for m in models)):
        raise ArgumentError(f"models: a list of paths of model files, or None, is needed, got {type(models).__name__}")
    if type(budget) is not int or budget < 1:
        raise ArgumentError(f"budget: a whole number >= 1, so many times the usual work, is needed, got {budget!r}")
    if not isinstance(certificate, (Certificate, dict, str, os.PathLike)):
        got = "None, which an Unknown verdict has" if certificate is None else type(certificate).__name__
        advice = "; give its .certificate" if isinstance(getattr(certificate, "certificate", None), Certificate) else ""
        raise ArgumentError(f"certificate: a verdict's certificate, its JSON object or the path of a file is needed, got {got}{advice}")
    source = certificate.document if isinstance(certificate, Certificate) else certificate
    try:
        return bool(checker.check(source, models=models, budget=budget))
    except checker.Rejected as rejected:
        raise _other_file(source) or CertificateRejected(rejected.step, rejected.reason) from None
    except checker.BudgetExceeded as ended:
        raise CheckBudgetExceeded(ended.step, ended.reason) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _other_file(source) or LoadError(f"certificate: a file that can be read is needed, got {source!r}: {why}") from None


def _other_file(source: object) -> LoadError | None:
    return no_certificate(source) if isinstance(source, (str, os.PathLike)) else None


def accepted(certificate: Certificate) -> bool:
    """Whether the checker accepts it, within its usual budget, where that is to be tried."""
    try:
        return check(certificate)
    except (CertificateRejected, CheckBudgetExceeded):
        return False


def _compressed(text: bytes) -> bytes:
    """gzip without a time or a name, so that equal texts are equal files; never smaller than the checker takes for the text."""
    packed = _gzip(text, zlib.Z_DEFAULT_STRATEGY)
    if len(text) <= max(_UNSUSPICIOUS, _TIMES * len(packed)):
        return packed
    return _gzip(text, zlib.Z_HUFFMAN_ONLY)  # nothing but Huffman's code, at least a bit for each byte


def _gzip(text: bytes, strategy: int) -> bytes:
    packer = zlib.compressobj(6, wbits=31, strategy=strategy)
    return packer.compress(text) + packer.flush()


def stated_model(net: Network) -> dict[str, Any]:
    """A network as certificates state it: the file that the checker reads itself, or in full."""
    named = _named(net)
    if named is not None:
        return named
    inline = document(net)
    return {"sha256": canonical_hash(inline), "inline": inline}


def _model_text(net: Network, folder: Path) -> str:
    named = _named(net)
    if named is not None:
        return _compact(_relative(named, folder))
    text = canonical_text(document(net))
    return f'{{"sha256":"{hash_of_text(text)}","inline":{text}}}'


def _named(net: Network) -> dict[str, Any] | None:
    """The file that a network was read from, where the checker reads it itself."""
    source = net.source
    if source is None or not source.checkable:
        return None
    bound: dict[str, Any] = {"sha256": source.sha256, "format": source.format, "path": source.path}
    if source.data:
        bound["data"] = {file.path: file.sha256 for file in source.data}
    if source.slice is not None:
        bound["slice"] = {name: json_tensor(getattr(source.slice, name)) for name in ("origin", "directions")}
    return {**bound, "raw": True} if source.raw else bound


def _compact(part: Any) -> str:
    return json.dumps(part, separators=(",", ":"))


def _relative(model: dict[str, Any], folder: Path) -> dict[str, Any]:
    if "path" not in model:
        return model
    try:
        return {**model, "path": os.path.relpath(model["path"], folder)}
    except ValueError:  # another drive
        return model
