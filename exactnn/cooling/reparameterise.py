"""Moving a temperature from the logits into the layers of a network, exactly.

    c(v) > 0 for each node v:   new value of v = c(v) (old value),     W' = c_out / c_in W,   b' = c_out b,     f' c(out)^-1 = f

Activations that are positively homogeneous, pooling, batch norms (through mean and bias) and sums carry a factor on; a rational function
sigma becomes c sigma(z / c). A sum or a concatenation needs one factor for all that meets there, so both branches of a residual join get
the same one, and what lies on a cycle of such conditions (a residual stream and the blocks that read and write it) gets one factor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.cooling._reparameterise_levels import levels
from exactnn.errors import ArgumentError, AssumptionBroken
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import Number, as_fraction, rational_text
from exactnn.network import Affine, BatchNorm, Constant, Conv, Network, Rational, Scale
from exactnn.network.edit import Draft
from exactnn.network.operations import Operation
from exactnn.texts import number
from exactnn.value import Value

if TYPE_CHECKING:
    from exactnn.cooling._identity_setting import Setting

_BITS = 40


@dataclass(frozen=True, repr=False)
class Redistribution(Value):
    """A network with a temperature moved into its layers, and what that does to training.

    Attributes
    ----------
    network : its outputs are tau f; a part that stays behind is a last node that scales
    tau : the whole factor
    final : what the last node multiplies by; 1 if there is none
    factors : (node, field) -> k, the numbers there having been multiplied by k > 0; a batch norm's mean, which is not trained, moves with
        what it is the mean of, and coefficients of rational functions of z become those of c sigma(z / c): these are not listed
    """

    network: Network
    tau: Fraction
    final: Fraction
    factors: Mapping[tuple[str, str], Fraction]

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("network", repr(self.network)), ("tau", number(self.tau)), ("stays behind", number(self.final))]
        return rows + [(f"{node}.{field}", f"times {number(k)}") for (node, field), k in self.factors.items()]

    @property
    def gradient_factors(self) -> dict[tuple[str, str], Fraction]:
        """What gradients, and momentum buffers, are multiplied by: 1 / k; Adam's second moments by its square."""
        return {where: 1 / k for where, k in self.factors.items()}

    @property
    def statement(self) -> str:
        """How function, gradients and optimizer steps change, in words."""
        lines = [
            f"function: exactly tau f, tau = {rational_text(self.tau)}"
            + (f", of which {rational_text(self.final)} stays as a last factor" if self.final != 1 else ""),
            "gradients, against f with a last factor tau: divided by the factor k of their weights or biases",
            "momentum buffers, Adam's first moments: to be divided by k; Adam's second moments: by k^2",
            "a step eta of SGD: moves the weights as a step eta / k^2 would have moved the old ones; one of Adam (eps = 0) as eta / k",
            "weight decay lambda: a step eta shrinks new weights by eta lambda, as the old ones, and not by eta lambda / k^2",
        ]
        lines += [f"  {node}.{field}: k = {rational_text(k)}" for (node, field), k in self.factors.items()]
        return "\n".join(lines)


@helpful
def redistribute(
    net: Network, tau: Number, how: Any = "cumulative", *, data: Any = None, norms: str = "carry", bits: int = _BITS
) -> Redistribution:
    """A network whose outputs are tau f, the factor being spread over its layers.

    With L layers on the longest way (what sums tie together counts as one value), layer i of a chain gets the factor alpha_i:

    - "cumulative": tau^(1/L), so that h_i is multiplied by tau^(i/L), the paper's beta_i
    - "literal": beta_i = tau^(i/L) itself, and tau^((1 - L)/2) in a last node
    - a number s from 0 to 1: tau^(s/L), and tau^(1 - s) in a last node (0: the last node alone)
    - "equalise": the relative gradients |G_i| / |W_i| on `data` become equal in all layers (of a chain)
    - a list of L positive numbers: these, and tau divided by their product in a last node

    Parameters
    ----------
    net : every node of which carries a positive factor (else it is refused by name)
    tau : > 0
    data : (inputs, labels), for "equalise"
    norms : "carry", a batch norm passes its operand's factor on, through its mean and bias; "own", it is a layer, whose weight and bias get
        the factor, and what it reads stays as it is: right in training too, where a norm by batch statistics removes the factor before it
    bits : irrational roots are rounded to so many, 20 to 50; what that leaves goes to the last layer, so that tau f is kept exactly

    Raises
    ------
    AssumptionBroken
        "carries a factor", naming the node; "a layer to redistribute to"; for norms="own" "a layer before each batch norm" and "rounded
        scale of the batch norm"; for "equalise" also those of a chain, and "gradient is not zero".
    ArgumentError

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1]], [3])])
    >>> cooled = redistribute(net, "1/4")
    >>> cooled.network([1, 1]) == tuple(v / 4 for v in net([1, 1]))
    True
    >>> {f"{node}.{field}": str(k) for (node, field), k in cooled.factors.items()}
    {'layer1.weight': '1/2', 'layer1.bias': '1/2', 'layer2.weight': '1/2', 'layer2.bias': '1/4'}
    """
    scale = as_fraction(tau, "tau")
    if scale <= 0:
        raise ArgumentError(f"tau: a positive number is needed, got {rational_text(scale)}")
    if norms not in ("carry", "own"):
        raise ArgumentError(f"norms: 'carry' or 'own' is needed, got {norms!r}")
    _sensible(bits)
    place = levels(net, norms == "own")
    steps = _steps(net, scale, how, place.last, data, bits)
    values = list(itertools.accumulate(steps, lambda a, b: a * b, initial=Fraction(1)))
    final = scale / values[-1]
    factors: dict[tuple[str, str], Fraction] = {}
    draft = Draft(net)
    for name in net.order:
        operation = net.operation(name)
        out, *operands = (Fraction(1) if n in place.plain else values[place.level[n]] for n in (name, *net.operands(name)))
        into = operands[0] if operands else Fraction(1)
        draft.operations[name] = _moved(name, operation, into, out)
        if isinstance(operation, (Affine, Conv)) or (isinstance(operation, BatchNorm) and norms == "own"):
            factors[name, "weight"] = out / into
        if isinstance(operation, (Affine, Conv, BatchNorm)):
            factors[name, "bias"] = out
        if isinstance(operation, Constant):
            factors[name, "value"] = out
    if final != 1:
        draft.outputs = tuple(draft.add(f"{name}_temperature", Scale(RationalArray.of(final)), name) for name in net.outputs)
    moved = draft.network()  # nodes that no output needs are gone
    return Redistribution(moved, scale, final, {where: k for where, k in factors.items() if where[0] in moved.graph})


@helpful
def rescale_units(net: Network, factors: Sequence[Sequence[Number]]) -> Network:
    """W_i -> D_i W_i D_{i-1}^-1,  b_i -> D_i b_i: for each hidden layer one positive factor for each unit; the function is the same (I10).

    Raises
    ------
    AssumptionBroken
        If the network is no fully connected chain of homogeneous layers.
    ArgumentError
    """
    from exactnn.cooling._identities_layers import unit_factors
    from exactnn.cooling._identity_chain import chain

    found = chain(net)
    found.need_dense()
    return found.rescaled(unit_factors(found, factors))


def equalising_factors(s: Setting, tau: Fraction, *, upstream: Any = None, bits: int = _BITS) -> list[Fraction]:
    """alpha_i = tau^(1/L) sqrt(r_i) / (r_1 ... r_L)^(1/(2 L)),  r_i = |G_i| / |W_i|, rounded; the last one is tau / (the others)."""
    from exactnn.cooling._identities_layers import norms

    _sensible(bits)
    squares = norms(s, tau, upstream)
    for name, square in zip(s.chain.layers, squares, strict=True):
        if not square:
            raise AssumptionBroken(
                "gradient is not zero", f"layer {name!r} has zero weights or a zero gradient, so that no factor equalises it"
            )
    logs = [(math.log(q.numerator) - math.log(q.denominator)) / 4 for q in squares]  # log sqrt(r_i)
    mean, root = sum(logs) / len(logs), (math.log(tau.numerator) - math.log(tau.denominator)) / len(logs)
    alphas = [_exponential(root + log - mean, bits) for log in logs[:-1]]
    return [*alphas, tau / math.prod(alphas, start=Fraction(1))]


# --- factors -----------------------------------------------------------------------------------------------------------------


def _steps(net: Network, tau: Fraction, how: Any, last: int, data: Any, bits: int) -> list[Fraction]:
    """The factor by which each level exceeds the one before."""
    if how == "equalise":
        from exactnn.cooling._identity_setting import setting

        if data is None:
            raise ArgumentError("data: (inputs, labels) are needed for 'equalise', whose factors come from a gradient; got None")
        return equalising_factors(setting(net, data), tau, bits=bits)
    if isinstance(how, (list, tuple)):
        steps = [as_fraction(value, f"how[{i}]") for i, value in enumerate(how)]
        if len(steps) != last or min(steps, default=Fraction(1)) <= 0:
            raise ArgumentError(f"how: {last} positive factors are needed, one for each layer on the longest way, got {len(steps)}")
        return steps
    share = Fraction(1)
    if how not in ("cumulative", "literal"):
        try:
            share = as_fraction(how, "how")
        except ArgumentError:
            share = Fraction(-1)
        if not 0 <= share <= 1:
            raise ArgumentError(
                f"how: 'cumulative', 'literal', 'equalise', a share from 0 to 1 or a list of factors is needed, got {how!r}"
            )
    if share == 0:
        return [Fraction(1)] * last
    if last < 1:
        raise AssumptionBroken(
            "a layer to redistribute to", "all values of the network are tied to its input by sums, so that no layer can change"
        )
    if how == "literal":
        return [_power(tau, Fraction(i, last), bits) for i in range(1, last + 1)]
    steps = [_power(tau, share / last, bits)] * last
    whole = math.prod(steps[:-1], start=Fraction(1))
    return [*steps[:-1], tau / whole] if share == 1 else steps


def _power(tau: Fraction, exponent: Fraction, bits: int) -> Fraction:
    """tau^exponent, itself if it is rational, else rounded."""
    if exponent.denominator == 1:
        return tau**exponent.numerator
    near = [round(math.exp(math.log(n) / exponent.denominator)) if n.bit_length() < 900 else 0 for n in (tau.numerator, tau.denominator)]
    if min(near) > 0 and Fraction(*near) ** exponent.denominator == tau:
        return Fraction(*near) ** exponent.numerator
    return _exponential((math.log(tau.numerator) - math.log(tau.denominator)) * float(exponent), bits)


def _exponential(x: float, bits: int) -> Fraction:
    """exp(x), however large or small, with so many bits."""
    power = round(x / math.log(2))
    return Fraction(round(math.exp(x - power * math.log(2)) * (1 << bits)), 1 << bits) * Fraction(2) ** power


def _sensible(bits: int) -> None:
    """Floats propose the factors: fewer bits would be coarse, and more would be noise."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 20 <= bits <= 50:
        raise ArgumentError(f"bits: a whole number from 20 to 50 is needed, got {bits!r}")


# --- the operations --------------------------------------------------------------------------------------------------------


def _moved(name: str, operation: Operation, into: Fraction, out: Fraction) -> Operation:
    """The operation whose result is out times the old one where the operand is into times the old one."""
    if isinstance(operation, (Affine, Conv)):
        return replace(operation, weight=operation.weight * (out / into), bias=operation.bias * out)
    if isinstance(operation, BatchNorm):  # scale (c x - c mean) + c bias
        moved = replace(operation, mean=operation.mean * into, weight=operation.weight * (out / into), bias=operation.bias * out)
        if moved.scale != operation.scale * (out / into):
            raise AssumptionBroken(
                "rounded scale of the batch norm",
                f"node {name!r}: times {rational_text(out / into)} it is no {operation.precision} number any more; powers of two keep it; "
                "for others fold it first (exactnn.network.rewrite.fold_affine)",
            )
        return moved
    if isinstance(operation, Constant):
        return Constant(operation.value * out)
    if isinstance(operation, Rational):  # c P(z / c) / Q(z / c)
        top = [out * a / into**k for k, a in enumerate(operation.numerator)]
        return Rational.of(top, [b / into**k for k, b in enumerate(operation.denominator)])
    return operation
