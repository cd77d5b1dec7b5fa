"""Whether the checker can build T(f) itself, so that a certificate needs to name T only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from exactnn import certificate as checker
from exactnn.certificate import building
from exactnn.claims import SymmetryClaim
from exactnn.network import Network
from exactnn.network.document import document


def checker_builds(claim: SymmetryClaim) -> bool:
    """Whether the checker, given f and the steps of a symmetry claim, builds the very network `claim.g`."""
    assert claim.g is not None
    return _builds(claim.f, claim.transformation, claim.g, building.transformed)


def checker_matches(g: Network, steps: Sequence[dict[str, Any]], moved: Network) -> bool:
    """Whether the checker, given g and steps that keep its function, builds the very network `moved`."""
    return _builds(g, steps, moved, building.matched)


def _builds(f: Network, steps: Sequence[dict[str, Any]], goal: Network, build: Callable[[Any, Sequence[Any]], Any]) -> bool:
    if all(_is_plain(f, step) for step in steps):
        return True
    try:
        built = build(building.read_network(document(f), "f"), list(steps))
    except (checker.Rejected, checker.BudgetExceeded):
        return False
    return bool(built == building.read_network(document(goal), "g"))


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
