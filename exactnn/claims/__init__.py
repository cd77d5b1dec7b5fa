"""The questions as values, below the engines that answer them, and the certificates that answers carry."""

from exactnn.claims._certificate import Certificate, accepted, check, stated_model
from exactnn.claims._claim import Claim
from exactnn.claims._comparisons import (
    Comparison,
    DeviationClaim,
    EqualAtClaim,
    EqualClaim,
    ImageClaim,
    SameDecisionClaim,
    SymmetryClaim,
    ZeroClaim,
)
from exactnn.claims._execution import ExecutionErrorClaim
from exactnn.claims._identity import IdentityClaim
from exactnn.claims._no_certificate import no_certificate
from exactnn.claims._poles import PoleFreeClaim
from exactnn.claims._values import OrbitsClaim, RegionCountClaim
from exactnn.claims._work import products_of_an_entry

__all__ = [
    "Certificate",
    "Claim",
    "Comparison",
    "DeviationClaim",
    "EqualAtClaim",
    "EqualClaim",
    "ExecutionErrorClaim",
    "IdentityClaim",
    "ImageClaim",
    "OrbitsClaim",
    "PoleFreeClaim",
    "RegionCountClaim",
    "SameDecisionClaim",
    "SymmetryClaim",
    "ZeroClaim",
    "accepted",
    "check",
    "no_certificate",
    "products_of_an_entry",
    "stated_model",
]


def __dir__() -> list[str]:
    return sorted(__all__)
