"""What is told about a certificate that was accepted; nothing of this decides anything."""

from __future__ import annotations

from typing import Any

from ._check import Accepted
from ._models import Model
from ._trusted import trusted as _trusted
from ._words import about as _about
from ._words import accepted as _accepted


def sentence(accepted: Accepted) -> str:
    """The claim in words."""
    return _accepted(accepted.claim, accepted.models)


def about(accepted: Accepted) -> dict[str, Any]:
    """The hash of the claim, and whether its domain is seen to have a point."""
    return _about(accepted.claim)


def told(model: Model) -> dict[str, Any]:
    """For JSON: hash, source, and the slice if there is one."""
    return {"sha256": model.sha256, "source": model.source} | ({} if model.slice is None else {"slice": model.slice})


def trusted(accepted: Accepted) -> str:
    """In one line, how much code this rests on."""
    return _trusted(accepted.uses, accepted.formats)
