"""The core: reads claim and models, and asks the claim whether the evidence supports it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import _budget
from ._claim import Claim, read_claim
from ._load import load
from ._models import Model, Path, read_models
from ._numbers import headed, need


class Accepted(NamedTuple):
    """What has been checked."""

    claim: Claim
    models: dict[str, Model]
    uses: tuple[str, ...] = ()  # what was imported for it, beside the core
    formats: tuple[str, ...] = ()  # of the models' files


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
    with _budget.opened(budget):
        read = load("_files.certificate" if isinstance(certificate, str | os.PathLike) else "_written.certificate")
        return _examine(models, folder, *read(certificate))


def _examine(given: Sequence[Path], folder: Path | None, document: Any, texts: dict[int, str] | None, beside: Path) -> Accepted:
    head = {"format": "exactnn-certificate", "version": 2, "semantics": "real arithmetic"}
    document = headed(document, "certificate", head, ("claim", "models", "evidence"), ("about",))
    claim = read_claim(document["claim"])
    models = read_models(document["models"], claim.names, beside if folder is None else folder, given, texts)
    f, g = claim.networks({name: model.network for name, model in models.items()})
    if f is not None and g is not None:
        sizes = (f.input_size, f.output_size), (g.input_size, g.output_size)
        need(sizes[0] == sizes[1], "models", f"inputs and outputs are {sizes[0]} for f and {sizes[1]} for g")
    if f is not None and claim.domain is not None:
        need(claim.domain.matrix.shape[1] == f.input_size, "claim: domain", f"A has no {f.input_size} columns, one for each input")
    _budget.allow(0, _budget.values(document["evidence"]))
    claim.support(f, g, document["evidence"])
    uses = tuple(sorted(_budget.account().loaded))
    return Accepted(claim, models, uses, tuple([document["models"][name].get("format", "json") for name in models]))
