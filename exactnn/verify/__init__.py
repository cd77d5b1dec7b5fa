"""The questions, and the choice of the engine that answers them."""

from exactnn.verify.certificates import Certificate, check
from exactnn.verify.equality import verify_equal, verify_symmetry, verify_zero

__all__ = ["Certificate", "check", "verify_equal", "verify_symmetry", "verify_zero"]
