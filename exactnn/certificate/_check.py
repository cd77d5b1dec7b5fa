"""The core: reads claim and models, and hands the evidence to the one method that may support the claim."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import _budget, _gzip, _words
from ._at_points import check_one_point, check_values
from ._boxes import check_boxes
from ._claim import Claim, read_claim
from ._decision import check_decision_point, check_decision_tree
from ._deviation import UPPER, check_deviation
from ._difference import check_pass
from ._enclosure import check_enclosure
from ._execution import check_rounding
from ._fibre import check_enumeration, check_free, check_halves, check_lattice, check_odd
from ._forms import check_forms
from ._line import check_line
from ._models import Model, Path, canonical_hash, read_file, read_models
from ._numbers import BudgetExceeded, items, mapping, need, read_json, show, tensor
from ._point import check_point
from ._poles import check_pole, check_pole_free, functions_of, sentence
from ._shallow import family
from ._shared import without_shared
from ._sides import check_sides
from ._transform import matched, transformed
from ._tree import check_tree

_METHODS: dict[str, dict[str, Callable[..., None]]] = {
    "refuted": {"point": check_point, "enclosure": check_enclosure},
    "proved": {"line": check_line, "forms": check_forms, "tree": check_tree, "pass": check_pass, "boxes": check_boxes},
}
# questions that not every method of their answer understands
_OWN: dict[tuple[str, str], dict[str, Callable[..., None]]] = {
    ("regions", "proved"): {"tree": check_tree},
    ("same_decision", "proved"): {"tree": check_decision_tree, "boxes": check_boxes},
    ("same_decision", "refuted"): {"point": check_decision_point},
    ("deviation", "proved"): dict.fromkeys(UPPER, check_deviation),
    ("equal_at", "proved"): {"values": check_values},
    ("equal_at", "refuted"): {"point": check_one_point},
    ("identity", "proved"): {"sides": check_sides},
    ("identity", "refuted"): {"sides": check_sides},
    ("pole_free", "proved"): {"sturm": check_pole_free},
    ("pole_free", "refuted"): {"pole": check_pole},
    ("execution_error", "proved"): {"rounding": check_rounding},
    ("orbits", "proved"): {
        "free": check_free,
        "halves": check_halves,
        "lattice": check_lattice,
        "odd": check_odd,
        "enumeration": check_enumeration,
    },
}


#: questions about f and any g, which may be given another order of its neurons
_MATCHED = ("equal", "deviation", "same_decision")
#: questions about f and g whose proofs may leave out what both have in common
_SHARED = ("equal", "symmetry")


class Accepted(NamedTuple):
    """What has been checked."""

    claim: Claim
    models: dict[str, Model]

    @property
    def sentence(self) -> str:
        """The claim in words."""
        slices = [f"; {name}(t) = model {name} at {_at(model.slice)}" for name, model in self.models.items() if model.slice is not None]
        return self._about_models() + "".join(slices)

    def _about_models(self) -> str:
        if self.claim.poles is not None:
            stated = self.claim.poles.functions
            return sentence(self.claim, len(functions_of(self.models["f"].network) if stated is None else stated))
        f = self.models["f"].network
        return self.claim.sentence(f.input_size, family(f, "f").moves if self.claim.question == "orbits" else "")


def _at(written: Any) -> str:
    """The points of a slice in words; where they are long, its hash."""
    origin, directions = (tensor(written[key], "slice") for key in ("origin", "directions"))
    short = _words.combination(origin.fractions(), directions.fractions())
    k, d = directions.shape
    return short or f"origin + sum t_i direction_i, {k} of R^{d}; the slice has the sha256 {canonical_hash(written, 'slice')}"


def check(certificate: dict[str, Any] | Path, *, models: Sequence[Path] | None = None, folder: Path | None = None, budget: int = 1) -> bool:
    """Re-check a certificate from nothing but itself and the model files that it names.

    Parameters
    ----------
    certificate
        The certificate as a JSON object, or the path of its file.
    models
        Model files to use instead of those named in the certificate; each must be one of its models.
    folder
        Where relative model paths start: by default the certificate's folder, or here for an object.
    budget
        So many times the work that one certificate may usually ask for.

    Returns
    -------
    bool
        True: the claim is proved.

    Raises
    ------
    Rejected
        Naming the step that does not hold.
    BudgetExceeded
        Naming the step where a limit ended the work; nothing was found wrong with the certificate.
    OSError
        The certificate file cannot be read.
    """
    examine(certificate, models or (), folder, budget)
    return True


def examine(certificate: dict[str, Any] | Path, models: Sequence[Path], folder: Path | None, budget: int = 1) -> Accepted:
    """``check``, returning what was claimed about which models."""
    if type(budget) is not int or budget < 1:
        raise ValueError(f"budget: a whole number >= 1 is needed, got {budget!r}")
    try:
        with _budget.opened(budget):
            if isinstance(certificate, str | os.PathLike):
                data = read_file(certificate)
                if data.startswith(_gzip.MAGIC):
                    data = _gzip.decompressed(data, "certificate")
                return _examine(read_json(data, "certificate"), models, os.path.dirname(certificate) if folder is None else folder)
            _budget.allow(_budget.written(certificate))
            return _examine(certificate, models, os.curdir if folder is None else folder)
    except (RecursionError, MemoryError, OverflowError) as error:
        raise BudgetExceeded("certificate", f"too deep or too large for this checker ({type(error).__name__})") from None


def _examine(document: Any, given: Sequence[Path], folder: Path) -> Accepted:
    step = "certificate"
    keys = ("format", "version", "semantics", "claim", "models", "evidence")
    stated = document.get("format") if type(document) is dict else None
    need(stated != "exactnn-network", step, "this is a network, not a certificate")
    document = mapping(document, step, keys, ("about",))
    need(document["format"] == "exactnn-certificate", step, f"unknown format {show(document['format'])}")
    version = document["version"]
    need(type(version) is int and version == 1, step, f"unknown version {show(version)}")
    need(document["semantics"] == "real arithmetic", step, 'the semantics must be "real arithmetic"')
    claim = read_claim(document["claim"])
    models = read_models(document["models"], claim.models, folder, given)
    f = models["f"].network if "f" in models else None
    g = models["g"].network if "g" in models else None
    if claim.question == "symmetry" and f is not None:
        g = transformed(f, items(claim.transformation, "claim: transformation"))
    if f is not None and g is not None:
        sizes = (f.input_size, f.output_size), (g.input_size, g.output_size)
        need(sizes[0] == sizes[1], "models", f"inputs and outputs are {sizes[0]} for f and {sizes[1]} for g")
    if f is not None and claim.domain is not None:
        columns = claim.domain.matrix.shape[1]
        need(columns == f.input_size, "claim: domain", f"{columns} columns for {f.input_size} inputs")
    evidence = document["evidence"]
    need(type(evidence) is dict, "evidence", f"expected an object, found {show(evidence)}")
    if "matched" in evidence:
        need(g is not None and claim.question in _MATCHED, "evidence", f"'matched' cannot be part of a proof of {claim.question!r}")
        assert g is not None
        g = matched(g, items(evidence["matched"], "evidence: matched"))
        evidence = {key: value for key, value in evidence.items() if key != "matched"}
    asked = claim
    if "shared" in evidence:
        fits = claim.answer == "proved" and claim.question in _SHARED
        need(fits, "evidence", f"'shared' cannot be part of {claim.answer!r} of {claim.question!r}")
        assert f is not None
        assert g is not None
        f, g = without_shared(f, g, evidence["shared"])
        asked = claim._replace(domain=None)
        evidence = {key: value for key, value in evidence.items() if key != "shared"}
    methods = _OWN.get((claim.question, claim.answer)) or _METHODS[claim.answer]
    method = evidence.get("method")
    need(type(method) is str and method in methods, "evidence", f"{show(method)} cannot support {claim.answer!r} of {claim.question!r}")
    methods[method](asked, f, g, evidence)
    return Accepted(claim, models)
