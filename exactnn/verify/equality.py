"""Are two networks the same function? Is a network zero? Does a transformation keep a network's function?

One decision for the three: f - g is examined, with g = 0 or g = T(f). The answer is complete for piecewise linear networks. Cheap ways
come first: theorem A for one hidden layer (docs/theory.md 1 - 3), the face lattice for one input, value numbering, which sees permutations,
positive scalings, merged, constant, dead and stable neurons, and points. What they leave is decided cell by cell (docs/theory.md 10), for
which the time may not suffice: the question is coNP-hard. Then the answer is Unknown, as it may be for smooth networks of
several hidden layers; with one they are decided but for the cases of docs/theory.md 8.
"""

from __future__ import annotations

import os
from concurrent.futures import Executor
from fractions import Fraction
from typing import Any

from exactnn.claims import Comparison, EqualClaim, ImageClaim, SymmetryClaim, ZeroClaim
from exactnn.errors import ArgumentError, DomainError, ShapeError
from exactnn.exact.clock import clock_in_force, timed
from exactnn.exact.numbers import Number, as_fraction
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network, check_network
from exactnn.symmetry.transformations import Transformation
from exactnn.verdict import Verdict
from exactnn.verify._boxes import resources
from exactnn.verify._decision import Decision
from exactnn.verify._images import checker_builds
from exactnn.verify._near import data_points


@timed
def verify_equal(
    f: Network,
    g: Network,
    *,
    domain: Polyhedron | None = None,
    tolerance: Number = 0,
    near: Any = None,
    time_limit: Number | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Decide whether |f_j(x) - g_j(x)| <= tolerance for all x of the domain and all outputs j, in real arithmetic.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs; any widths and depths
    domain : Box or Polyhedron; None for all of R^d
    tolerance : a rational >= 0; 0 asks for exact equality
    near : your data, points (n, input_dim) or n inputs in their own shape: where the claim fails at one of them, or on the way to one, that
        is the counterexample
    time_limit : seconds; None for none but that the search cell by cell stops after 20,000 cells or 120 seconds
    executor : any `concurrent.futures.Executor` (of a Dask client, `client.get_executor()`), whose workers cut boxes or search cells; None:
        this process
    checkpoint : the path of a file that keeps what is done, and from which a later call of the same question goes on (its time limit may be
        another one). With a tolerance both help where boxes are cut, on a bounded domain (the file is compressed if its name ends in .gz;
        for networks of more than 100 units boxes then get nine tenths of the time, without a limit as long as they take); without one,
        on any domain, where piecewise linear networks are searched cell by cell, without a limit as long as it takes

    Returns
    -------
    Verdict
        Proved or Refuted with a certificate, Refuted with a point and the largest difference that was found; Unknown with the reason.
        Complete for piecewise linear networks, given the time; sound for all. The answer is Unknown, naming what was refused, beyond
        the sizes in docs/theory.md, Sizes: 40,000,000 entries of a matrix of forms, 200,000 breakpoints of one variable (fewer for
        large networks).

    Raises
    ------
    ShapeError, DomainError, EmptyDomain, ArgumentError, LoadError and SaveError (checkpoint)

    Examples
    --------
    >>> from exactnn import mlp, verify_equal
    >>> f = mlp([([[1]], [0]), ([[1]], [0])])           # max(x, 0)
    >>> g = mlp([([[-1]], [0]), ([[1]], [0])])          # max(-x, 0)
    >>> verdict = verify_equal(f, g)
    >>> verdict.status, verdict.counterexample
    ('refuted', (Fraction(1, 1),))
    """
    check_pair(f, g)
    return _decided(EqualClaim(f, g, asked_domain(domain, f), _tolerance(tolerance)), near, executor, checkpoint)


@timed
def verify_zero(
    f: Network,
    *,
    domain: Polyhedron | None = None,
    tolerance: Number = 0,
    near: Any = None,
    time_limit: Number | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Decide whether f(x) = 0 for all x of the domain; arguments and answers as for `verify_equal`.

    Examples
    --------
    >>> from exactnn import mlp, verify_zero
    >>> verify_zero(mlp([([[1], [-1], [1], [-1]], [1, -1, 2, -2]), ([[1, -1, -1, 1]], [1])])).status
    'proved'
    """
    check_network(f, "f")
    return _decided(ZeroClaim(f, asked_domain(domain, f), _tolerance(tolerance)), near, executor, checkpoint)


@timed
def verify_symmetry(
    f: Network,
    transformation: Transformation,
    *,
    domain: Polyhedron | None = None,
    tolerance: Number = 0,
    near: Any = None,
    time_limit: Number | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Decide whether T(f) = f as functions, T a Permutation, Scaling, Flip, SignFlip or a composition of them.

    Arguments and answers otherwise as for `verify_equal`. The certificate names T, and the checker builds T(f) itself;
    where the layer's neurons pass nodes that the checker does not follow, the certificate states T(f) in full and claims f = g for it.

    Examples
    --------
    >>> from exactnn import mlp, symmetry, verify_symmetry
    >>> f = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    >>> verify_symmetry(f, symmetry.Flip([0, 1, 2])).status, verify_symmetry(f, symmetry.Flip([0])).status
    ('proved', 'refuted')
    """
    check_network(f, "f")
    if not isinstance(transformation, Transformation):
        raise ArgumentError(
            "transformation: a Permutation, Scaling, Flip, SignFlip or a composition of them is needed, "
            f"got {type(transformation).__name__}"
        )
    asked = transformation.apply(f), asked_domain(domain, f), _tolerance(tolerance)
    named = SymmetryClaim(f, *asked, tuple(transformation.steps(f)))
    return _decided(named if checker_builds(named) else ImageClaim(f, *asked), near, executor, checkpoint)


def _decided(claim: Comparison, near: Any, executor: Executor | None, checkpoint: str | os.PathLike[str] | None) -> Verdict:
    return Decision(claim, clock_in_force(), resources(claim, executor, checkpoint), data_points(near, claim.f)).verdict()


def check_pair(f: Network, g: Network) -> None:
    """Two networks that can be compared; ArgumentError, ShapeError otherwise."""
    check_network(f, "f")
    check_network(g, "g")
    if f.input_dim != g.input_dim or f.output_dim != g.output_dim:
        raise ShapeError(
            f"f and g: networks of equal input and output sizes are needed, got {f.input_dim} -> {f.output_dim} "
            f"and {g.input_dim} -> {g.output_dim}"
        )


def check_domain(domain: Polyhedron | None, net: Network) -> Polyhedron | None:
    """A non-empty domain in the network's dimension, None for all of R^d; DomainError, EmptyDomain otherwise."""
    whole = asked_domain(domain, net)
    if whole is not None:
        whole.interior_point()  # raises EmptyDomain
    return whole


def asked_domain(domain: Polyhedron | None, net: Network) -> Polyhedron | None:
    """A domain in the network's dimension, None for all of R^d; DomainError otherwise. Whether it is empty is not looked at."""
    if domain is None:
        return None
    if not isinstance(domain, Polyhedron):
        raise DomainError(f"domain: a Box, a Polyhedron or None (all of R^d) is needed, got {type(domain).__name__}; xn.Box(-1, 1) is one")
    whole = domain.in_dimension(net.input_dim)
    return whole if isinstance(whole, Box) or len(whole.rows[0]) else None  # the rows of a box are many


def _tolerance(tolerance: Number) -> Fraction:
    value = as_fraction(tolerance, "tolerance")
    if value < 0:
        raise ArgumentError(f"tolerance: a number >= 0 is needed, got {tolerance}")
    return value
