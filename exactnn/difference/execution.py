"""How far the run of a network in floats can be from the exact network, on a box.

    max over inputs x of the float format in the box of  |run(x) - f(x)|  <=  upper,

whatever the order of summation, with or without fused multiply-add, subnormal numbers kept or flushed to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from exactnn.claims import Certificate, ExecutionErrorClaim
from exactnn.difference._run_format import Format
from exactnn.difference._run_pass import BITS, run_bounds
from exactnn.errors import DomainError
from exactnn.exact.calls import helpful
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network, check_network
from exactnn.texts import number
from exactnn.value import Value


@dataclass(frozen=True, repr=False)
class ExecutionError(Value):
    """|run - exact| <= upper for all outputs, <= per_output[j] for output j.

    Attributes
    ----------
    upper : the largest of the bounds
    per_output : a bound for each flat output
    dtype : the format of the run
    accumulation : the wider format in which its sums are taken, or None
    certificate : what the standalone checker repeats
    """

    upper: Fraction
    per_output: tuple[Fraction, ...]
    dtype: str
    accumulation: str | None
    certificate: Certificate = field(repr=False)

    def __str__(self) -> str:
        wider = f", sums in {self.accumulation}" if self.accumulation else ""
        return f"a {self.dtype} run{wider} is within {number(self.upper)} of the exact network"

    def _parts(self) -> dict[str, Any]:
        names = ("upper", "per_output", "dtype", "accumulation")
        return {**{name: getattr(self, name) for name in names}, "certificate": self.certificate.kind}

    def _summary(self) -> str:
        return f"{self.dtype}, within {number(self.upper)}"


@helpful
def execution_error(
    net: Network, *, domain: Polyhedron, dtype: str = "float32", accumulation: str | None = None, time_limit: Number | None = None
) -> ExecutionError:
    """A bound on |run(x) - f(x)| over the inputs x in the box that are numbers of the format, run being the network in that format.

    A run carries out the nodes of `net` one by one, each number and each sum rounded to the nearest number of the format or computed in
    one with at least twice as many bits of precision and rounded to it: sums in any order, fused or not, also as matrix products; weights
    that the format lacks are rounded first, to either neighbour; subnormal numbers may be flushed to zero. Other roundings are not
    covered: Winograd and FFT convolutions, TF32, float64 on 80-bit registers, accumulation in less than the format, quantised kernels, and
    graphs that a runtime rewrites first, but for batch norm folded into the affine map or convolution before it, which is covered. Inputs
    that the format lacks are not part of the claim: what rounding them costs is a question about f itself. The bound is not the least one:
    it grows with the sizes of weights and values, layer by layer.

    Parameters
    ----------
    net : a piecewise linear network; batch norm, convolutions and pooling included
    domain : a Box
    dtype : "float32", "float64" or "bfloat16"
    accumulation : None: sums are taken in `dtype`, or in a wider format and rounded. "float32" for bfloat16, "float64" for float32:
        affine maps, convolutions and means are known to take their sums in this format and to round them to `dtype` after that, before or
        after the bias; which lowers the bound, and gives one for bfloat16 beyond 254 terms. Matrix units for bfloat16 do so.
    time_limit : seconds, asked before each node; None for none

    Returns
    -------
    ExecutionError
        With `upper`, `per_output` and a `certificate`.

    Raises
    ------
    NotPiecewiseLinear
        Naming a smooth or rational node: runtimes choose its formula.
    ArgumentError
        There is no such format; or a node adds so many numbers that its roundings have no bound, (n + 1) u >= 1; or holds a number beyond
        the format.
    DomainError
        The domain is no box of the network's dimension; or numbers may overflow at a node, which is named.
    Incomplete
        The time limit was reached.

    Examples
    --------
    >>> from exactnn import Box, mlp
    >>> f = mlp([([[1, "1/3"], [-1, 1]], [0, 1]), ([[1, -1]], [0])])
    >>> found = execution_error(f, domain=Box(-1, 1))
    >>> float(found.upper) < 2e-6, found.certificate.kind
    (True, 'rounding')
    """
    check_network(net)
    form = Format.of(dtype, accumulation)
    clock = Clock(time_limit)
    box = domain.in_dimension(net.input_dim) if isinstance(domain, Box) else None
    if not isinstance(box, Box):
        raise DomainError(f"domain: a Box (xn.Box(lower, upper)) is needed, got {type(domain).__name__}; take one that holds your domain")
    bounds = run_bounds(net, *box.bounds, form, clock)
    claim = ExecutionErrorClaim(net, box, dtype, accumulation, bounds)
    return ExecutionError(
        max(bounds), bounds, dtype, accumulation, Certificate(claim, "proved", {"method": "rounding", "bits": BITS}, clock)
    )
