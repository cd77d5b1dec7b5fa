"""The exact value of a network at a rational point."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod

from . import _budget
from ._affine import AFFINE, affine_value
from ._budget import Budget
from ._network import Network, Node
from ._numbers import LIMIT, Rejected, Tensor, afford, lowest, need, pack
from ._windows import Window
from ._work import longer, products

_LONG = 2**8  # bits of a number whose products cost as much as those of short ones


def evaluate(network: Network, point: Sequence[Fraction], step: str, budget: Budget | None = None) -> list[Fraction]:
    """The flat output at a flat input. `budget`: of products, for what is long, where the products of short numbers are counted already."""
    if budget is None:
        budget = Budget(_budget.VALUES, "products", step)
        budget.spend(products(network))
    values = trace(network, point, step, budget)
    return [v for i in network.outputs for v in values[i].fractions()]


def trace(network: Network, point: Sequence[Fraction], step: str, budget: Budget) -> list[Tensor]:
    """The values of all nodes at a flat input; what is long is counted before it is made."""
    starts = network.starts()
    values: list[Tensor] = []
    for i, node in enumerate(network.nodes):
        if node.op == "input":
            values.append(pack(point[starts[i] : starts[i] + prod(node.shape)], node.shape))
        else:
            operands = [values[p] for p in node.operands]
            budget.step = f"{step}: node {node.name}"
            budget.spend(longer(node, operands))
            if node.op in AFFINE:
                values.append(affine_value(node, operands))
            else:
                values.append(lowest(_bent_value(node, operands[0], f"{step}: node {node.name}", budget)))
    return values


def _bent_value(node: Node, a: Tensor, step: str, budget: Budget) -> Tensor:
    """The operations that are not affine."""
    if node.op == "piecewise_linear":
        return _piecewise_linear(node, a)
    if node.op == "prelu":
        return _prelu(node.fields["slopes"], a)
    if node.op == "max_pool":
        return _max_pool(node, a)
    if node.op == "rational":
        return _rational(node, a, step, budget)
    raise Rejected(step, f"{node.op} takes irrational values; evidence by a point needs exact ones")


def _piecewise_linear(node: Node, a: Tensor) -> Tensor:
    """q a + r + sum p max(a - t, 0), in integers: q, r, p over one denominator, the kinks t over another."""
    kinks: list[tuple[Fraction, Fraction]] = node.fields["kinks"]
    q, r = node.fields["slope"], node.fields["constant"]
    over = lcm(q.denominator, r.denominator, *(p.denominator for _, p in kinks))
    grain = lcm(*(t.denominator for t, _ in kinks))
    unit = a.denominator * grain  # entries and kinks, in units of 1 / unit, are integers
    bends = [(int(t * unit), int(p * over)) for t, p in kinks]
    slope, constant = int(q * over), int(r * over * unit)
    found = []
    for n in a.numerators:
        x = n * grain
        found.append(slope * x + constant + sum(p * (x - t) for t, p in bends if x > t))
    return Tensor(a.shape, found, over * unit)


def _prelu(slopes: Tensor, a: Tensor) -> Tensor:
    repeat = prod(a.shape[1:])
    negative = (s for s in slopes.numerators for _ in range(repeat))
    found = [n * (s if n < 0 else slopes.denominator) for n, s in zip(a.numerators, negative, strict=True)]
    return Tensor(a.shape, found, a.denominator * slopes.denominator)


def _max_pool(node: Node, a: Tensor) -> Tensor:
    window: Window = node.fields["window"]
    found = [max(a.numerators[p] for p in row) for row in window.entries(a.shape, node.shape)]
    return Tensor(node.shape, found, a.denominator)


def _rational(node: Node, a: Tensor, step: str, budget: Budget) -> Tensor:
    polynomials = node.fields["numerator"], node.fields["denominator"]
    bits = max(a.denominator.bit_length(), *(n.bit_length() for n in a.numerators))
    degree = max(map(len, polynomials))
    afford(bits * degree < LIMIT, step, "the numbers grow too long for this checker")
    budget.spend(len(a.numerators) * degree * (bits * degree // _LONG) ** 2)
    found = []
    for x in a.fractions():
        above, below = (_horner(p, x) for p in polynomials)
        need(below != 0, step, "a pole: the denominator vanishes here")
        found.append(above / below)
    return pack(found, a.shape)


def _horner(polynomial: Sequence[Fraction], x: Fraction) -> Fraction:
    value = Fraction(0)
    for c in reversed(polynomial):
        value = value * x + c
    return value
