"""Is the fibre of a network with one hidden layer a single orbit?"""

from __future__ import annotations

from exactnn.errors import ArgumentError, Incomplete, NotRational, Undecided
from exactnn.exact.clock import clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.network import Network
from exactnn.symmetry import Fibre, fibre
from exactnn.symmetry.certified import outside_orbit, single_orbit
from exactnn.verdict import Verdict
from exactnn.verify.equality import verify_equal


@timed
def verify_single_orbit(f: Network | Fibre, *, time_limit: Number | None = None) -> Verdict:
    """Whether permutations and positive scalings (tanh, sigmoid: sign flips) of neurons lead to every network of f's width with f's
    function.

    Proved, with a certificate of the checker; refuted, with a certificate that another network g, which the reason describes, is equal
    to f; unknown, with what was excluded.

    Parameters
    ----------
    f : one hidden layer of relu, leaky_relu, abs, softplus, silu, gelu, tanh or sigmoid; or `fibre(net)`, with what it knows and its clock
    time_limit : seconds; None for none

    Raises
    ------
    NotOneHiddenLayer, ArgumentError

    Examples
    --------
    >>> from exactnn import mlp
    >>> verify_single_orbit(mlp([([[1], [-1]], [0, 0]), ([[2, 1]], [0])])).status
    'proved'
    >>> print(verify_single_orbit(mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])])).reason)
    flipping neurons 0, 1 keeps the function, and leads to another orbit
    """
    clock = clock_in_force()
    if isinstance(f, Fibre) and time_limit is not None:
        raise ArgumentError("time_limit: a fibre has a time limit of its own; give it to fibre(net, time_limit=...)")
    try:
        found = f if isinstance(f, Fibre) else fibre(f, time_limit=time_limit)
    except Incomplete as error:
        return Verdict("unknown", "all networks of the width of f with its function arise from f by symmetries of its neurons", str(error))
    group = {"homogeneous": "permutations and positive scalings", "mirror": "permutations", "odd": "permutations and sign flips"}
    width = f"{found.width} neuron{'s' * (found.width != 1)}"
    question = f"all networks of {width} with the function of f arise from f by {group[found.family]}"
    try:
        single = found.is_single_orbit
    except (Undecided, Incomplete) as error:
        return Verdict("unknown", question, str(error))
    if single:
        certificate, how = single_orbit(found, clock)
        if certificate is None:
            reason = f"no other orbit was found ({how}), but the checker cannot repeat the search, for its size or for the kind of network"
            return Verdict("unknown", question, reason)
        return Verdict("proved", question, how, certificate)
    try:
        other, how = outside_orbit(found)
        equal = verify_equal(found.network, other)
    except (NotRational, Incomplete, Undecided) as error:
        return Verdict("unknown", question, f"there are other orbits, but none was written down: {error}")
    if equal.refuted:
        raise AssertionError(f"{how}, but f and the other network are not equal; please report this")
    if not equal.proved:
        return Verdict("unknown", question, f"{how}, but that f and the other network are equal was not proved: {equal.reason}")
    return Verdict("refuted", question, how, equal.certificate)
