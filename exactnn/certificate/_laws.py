"""What activations do to multiples of their arguments."""

from __future__ import annotations

from fractions import Fraction

from ._network import Node
from ._numbers import Rejected
from ._piecewise import piecewise


def is_homogeneous(node: Node) -> bool:
    """Whether phi(L t) = L phi(t) for all L > 0."""
    if node.op not in ("piecewise_linear", "prelu"):
        return False
    return all(not f.constant and all(t == 0 for t, _ in f.kinks) for f in piecewise(node))


def is_odd(node: Node) -> bool:
    """Whether phi(-t) = -phi(t): phi(t) + phi(-t) has no kinks, so that it is a constant, and this is 2 phi(0)."""
    if node.op == "piecewise_linear":
        kinks = dict(node.fields["kinks"])
        at_zero = node.fields["constant"] - sum(p * t for t, p in kinks.items() if t < 0)
        return not at_zero and all(kinks.get(-t) == -p for t, p in kinks.items())
    return node.op == "smooth" and node.fields["function"] == "tanh"


def odd_slopes(node: Node, step: str) -> list[Fraction]:
    """r for each channel, or one r for all, where phi(t) - phi(-t) = r t.

    For q t + c + sum p max(t - s, 0) the kinks of the difference cancel when s and -s have the same p, and then
    r = 2 q + sum p.
    """
    if node.op in ("piecewise_linear", "prelu"):
        functions = piecewise(node)
        if all(dict(f.kinks).get(-t) == p for f in functions for t, p in f.kinks):
            return [2 * f.slope + sum(p for _, p in f.kinks) for f in functions]
    elif node.op == "smooth" and node.fields["function"] in ("silu", "gelu", "gelu_tanh", "softplus"):
        return [Fraction(1)]
    raise Rejected(step, "for this activation phi(t) - phi(-t) is not linear: there is no flip")
