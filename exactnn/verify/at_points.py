"""Are two networks equal at given points? Both are evaluated exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.claims import Certificate, EqualAtClaim
from exactnn.exact.calls import helpful
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number
from exactnn.exact.writing import json_number, json_tensor
from exactnn.network import Network
from exactnn.network.points import as_points
from exactnn.verdict import Verdict
from exactnn.verify._near import Largest
from exactnn.verify.equality import check_pair


@helpful
def verify_equal_at(f: Network, g: Network, points: Sequence[Sequence[Number]] | Any) -> Verdict:
    """Decide whether f(x) = g(x) at each of these points, in real arithmetic.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs, without smooth nodes
    points : (n, input_dim), or n inputs of a network with one input, n > 0; taken without rounding

    Returns
    -------
    Verdict
        Proved, or refuted with the first point where they differ; the certificate holds the values. Unknown where they are equal at all
        points, and these are more than the checker evaluates for one certificate; `reason` says how many it does.

    Raises
    ------
    ShapeError, NotFiniteError, ArgumentError
    NotRational
        A smooth node, or a pole at one of the points.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f, g = mlp([([[1]], [0]), ([[1]], [0])]), mlp([([[1]], [0])])
    >>> verify_equal_at(f, g, [[0], ["1/3"]]).status
    'proved'
    >>> verify_equal_at(f, g, [[0], ["-1/3"]]).counterexample
    (Fraction(-1, 3),)
    """
    check_pair(f, g)
    rows = as_points(f, points)
    clock = Clock()
    claim = EqualAtClaim(f, g, rows)
    values, others = f.evaluate(rows), g.evaluate(rows)
    difference = values - others
    differ = np.flatnonzero(difference.nonzero().any(axis=1))
    if not len(differ):
        each = EqualAtClaim.work_at_a_point(f) + EqualAtClaim.work_at_a_point(g)
        if len(rows) * each > EqualAtClaim.WORK:
            reason = f"both have the same exact values, but at {len(rows)} points the checker cannot repeat that in one certificate; "
            most = EqualAtClaim.WORK // each
            reason += f"ask about at most {most} points at a time" if most else "it cannot for one point"
            return Verdict("unknown", claim.describe(), reason)
        certificate = Certificate(claim, "proved", {"method": "values", "values": json_tensor(values)}, clock)
        return Verdict("proved", claim.describe(), "both have the same exact values", certificate)
    i = int(differ[0])
    seen = Largest()
    seen.offer(rows, difference)
    found = values[i].to_fractions(), others[i].to_fractions()
    evidence = {"method": "point", "index": i, **{name: [json_number(q) for q in v] for name, v in zip("fg", found, strict=True)}}
    reason = f"the values differ at {len(differ)} of {len(rows)} points, first at point {i}"
    return Verdict(
        "refuted",
        claim.describe(),
        reason,
        Certificate(claim, "refuted", evidence, clock),
        rows[i].to_fractions(),
        found,
        largest=seen.found,
    )
