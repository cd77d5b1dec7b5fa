"""Evidence "tree" as the engine writes it, for networks and domains given as plain JSON objects."""

from fractions import Fraction

from exactnn import Polyhedron
from exactnn.claims import EqualClaim, ZeroClaim
from exactnn.exact.clock import Clock
from exactnn.load.json import network_from_document
from exactnn.verify._domain import coordinates
from exactnn.verify._lattice import ByLattice
from tests.certificate._build import certificate


def tree(f, g=None, domain=None, tolerance=0):
    """The evidence that f = g, or f = 0, within the tolerance; an AssertionError where that is false."""
    nets = [network_from_document(net) for net in (f, g) if net is not None]
    where = None if domain is None else Polyhedron(*(_rows(domain[key]) for key in "Ab"))
    claim = EqualClaim(*nets, where, Fraction(tolerance)) if g is not None else ZeroClaim(*nets, where, Fraction(tolerance))
    found = coordinates(where, nets[0].input_dim)
    if not found.dimension:
        return {"method": "tree", "hull": found.hull, "tree": [["leaf", [], None]]}
    evidence = ByLattice(claim, found, Clock(None)).decide()
    assert isinstance(evidence, dict), "the networks are not equal"
    return evidence


def by_tree(f, g=None, domain=None, tolerance=0):
    """The certificate with this evidence."""
    question, models = ("zero", (f,)) if g is None else ("equal", (f, g))
    return certificate(question, "proved", models, tree(f, g, domain, tolerance), domain=domain, tolerance=tolerance)


def _rows(tensor):
    numbers = [Fraction(n, tensor["denominator"]) for n in tensor["numerators"]]
    if len(tensor["shape"]) == 1:
        return numbers
    width = tensor["shape"][1]
    return [numbers[k : k + width] for k in range(0, len(numbers), width)]
