"""The core: reads claim and models, and hands the evidence to the one method that may support the claim."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import _budget
from ._claim import Claim, read_claim
from ._load import load
from ._models import Model, Path, read_models
from ._numbers import BudgetExceeded, mapping, need, show

BESIDE = {"matched", "denominators", "shared"}  # what evidence may have beside its method


class Accepted(NamedTuple):
    """What has been checked."""

    claim: Claim
    models: dict[str, Model]
    uses: tuple[str, ...] = ()  # what was imported for it, beside the core
    formats: tuple[str, ...] = ()  # of the models' files

    @property
    def trusted(self) -> str:
        """In one line, how much code this rests on."""
        return str(load("_trusted.trusted")(self.uses, self.formats))

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return str(load("_words.accepted")(self.claim, self.models))

    @property
    def about(self) -> dict[str, Any]:
        """The hash of the claim, and whether its domain is seen to have a point."""
        return dict(load("_words.about")(self.claim))


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
        with _budget.opened(budget) as account:
            if isinstance(certificate, str | os.PathLike):
                document, texts = load("_files.certificate")(certificate)
                return _examine(document, texts, models, os.path.dirname(certificate) if folder is None else folder)
            account.own = load("_written.beside_models")(certificate)
            _budget.allow(account.own)
            return _examine(certificate, None, models, os.curdir if folder is None else folder)
    except (RecursionError, MemoryError, OverflowError) as error:
        raise BudgetExceeded("certificate", f"too deep or too large for this checker ({type(error).__name__})") from None


def _examine(document: Any, texts: dict[int, str] | None, given: Sequence[Path], folder: Path) -> Accepted:
    step = "certificate"
    keys = ("format", "version", "semantics", "claim", "models", "evidence")
    kind = document.get("format") if type(document) is dict else None
    need(kind != "exactnn-network", step, "this is a network, not a certificate")
    document = mapping(document, step, keys, ("about",))
    need(document["format"] == "exactnn-certificate", step, f"unknown format {show(document['format'])}")
    version = document["version"]
    need(version != 1 or type(version) is bool, step, "version 1 is read no more: ask the question again for one of version 2")
    need(type(version) is int and version == 2, step, f"version 2 is needed, found {show(version)}; if it is newer, so must the checker be")
    need(document["semantics"] == "real arithmetic", step, 'the semantics must be "real arithmetic"')
    claim = read_claim(document["claim"])
    models = read_models(document["models"], claim.names, folder, given, texts)
    f, g = claim.networks({name: model.network for name, model in models.items()})
    if f is not None and g is not None:
        sizes = (f.input_size, f.output_size), (g.input_size, g.output_size)
        need(sizes[0] == sizes[1], "models", f"inputs and outputs are {sizes[0]} for f and {sizes[1]} for g")
    if f is not None and claim.domain is not None:
        columns = claim.domain.matrix.shape[1]
        need(columns == f.input_size, "claim: domain", f"{columns} columns for {f.input_size} inputs")
    evidence = document["evidence"]
    need(type(evidence) is dict, "evidence", f"expected an object, found {show(evidence)}")
    _budget.ask(evidence)
    stated = claim
    if claim.follows:
        claim, evidence = load(claim.follows)(claim, f, g, evidence)
    methods = claim.methods[claim.answer]
    method = evidence.get("method")
    need(type(method) is str and method in methods, "evidence", f"{show(method)} cannot support {claim.answer!r} of {claim.question!r}")
    if BESIDE & evidence.keys():
        claim, f, g, evidence = load("_beside.taken_up")(claim, f, g, evidence)
    load(methods[method])(claim, f, g, evidence)
    uses = tuple(sorted(_budget.account().loaded))
    return Accepted(stated, models, uses, tuple([document["models"][name].get("format", "json") for name in models]))
