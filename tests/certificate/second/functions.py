"""Nodes `smooth` and `rational`, which core.md leaves to other pages, read, at points and in trees: docs/network-format.md, core.md.

What `forms` and `pass` say of them stands in `grids` and `bounds`.
"""

import numpy as np

from tests.certificate.second import core
from tests.certificate.second.core import need

SMOOTH = {"tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus"}


def rational(ask, a, *, numerator, denominator):
    need(any(denominator), "a denominator that is 0")
    return ask(a, (numerator, denominator))


core.FIELDS.update(function=SMOOTH, numerator=[core.rational], denominator=[core.rational])
core.BENT.update(smooth=lambda ask, a, *, function: ask(a, function), rational=rational)


def exactly(node, z, function=None):
    """The values of a function at numbers."""
    if function is None:
        return core.exactly(node, z)
    need(isinstance(function, tuple), "a smooth node has no rational values")
    above, below = (sum(c * z**k for k, c in enumerate(part)) for part in function)
    need(np.all(below), "a pole")
    return above / below


def evaluated(net, point):
    return core.run(net, point, exactly)


def rule_point(*about):
    core.rule_point(*about, ask=exactly)


def rule_tree(evidence, nets, *about):
    functions = {node["op"] for net in nets for node in net["nodes"].values()} & {"smooth", "rational"}
    need(not functions, "a function that is not piecewise linear")
    core.rule_tree(evidence, nets, *about)
