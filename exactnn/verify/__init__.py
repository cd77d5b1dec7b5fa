"""The questions, and the choice of the engine that answers them."""

from exactnn.claims import Certificate, check
from exactnn.regions.certified import RegionCount, certified_region_count
from exactnn.symmetry.certified import Orbits, certified_orbits
from exactnn.verify.at_points import verify_equal_at
from exactnn.verify.deviation import Deviation, max_deviation
from exactnn.verify.equality import verify_equal, verify_symmetry, verify_zero
from exactnn.verify.orbits import verify_single_orbit
from exactnn.verify.poles import PoleVerdict, activation_poles, rational_activations, verify_pole_free
from exactnn.verify.same_decision import verify_same_decision

__all__ = [
    "Certificate",
    "Deviation",
    "Orbits",
    "PoleVerdict",
    "RegionCount",
    "activation_poles",
    "rational_activations",
    "certified_orbits",
    "certified_region_count",
    "check",
    "max_deviation",
    "verify_equal",
    "verify_equal_at",
    "verify_pole_free",
    "verify_same_decision",
    "verify_single_orbit",
    "verify_symmetry",
    "verify_zero",
]


def __dir__() -> list[str]:
    return sorted(__all__)
