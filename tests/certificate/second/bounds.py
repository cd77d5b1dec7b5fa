"""Folding, and `pass` everywhere: docs/certificate/bounds.md. Enclosures, and values of smooth functions, are not covered."""

from fractions import Fraction
from math import prod

import numpy as np

from tests.certificate.second import core
from tests.certificate.second.core import Pass, closer, need, not_covered, slopes_of, span, symbols, units_of, value, vector

ANYWHERE = {"tanh": "0 1", "softplus": "0 1", "sigmoid": "0 1/4", "silu": "-1/10 11/10", "gelu": "-13/100 113/100"}
ANYWHERE["gelu_tanh"] = ANYWHERE["gelu"]


def product(a, b):
    found = [p * q for p in a for q in b]
    return min(found), max(found)


def rows(node):
    """The entries of an affine node as vectors, whose coordinates are the entries of its operands."""
    return [vector(v) for v in value(node, symbols(node["shapes"])).flat]


class OnBox(Pass):
    """Values of networks that may have smooth and rational nodes."""

    def value(self, k, name):
        op = self.nodes[k][name]["op"]
        need(op != "rational", "pass with rational functions")
        return not_covered("pass with smooth functions") if op == "smooth" else super().value(k, name)


class Everywhere(Pass):
    """Differences alone, of nodes that correspond."""

    def value(self, k, name):
        need(False, "no values are known")

    def apart(self, f, g, alike, d):
        need(alike and f["op"] != "rational", "nodes that do not correspond")
        if f["op"] == "input":
            return [(0, 0)] * prod(f["shape"])
        if f["op"] == "max_pool":
            return closer(f, g, None, None, d)
        if f["op"] == "smooth":
            return [product([Fraction(end) for end in ANYWHERE[f["fields"]["function"]].split()], ends) for ends in d]
        if f["op"] in ("piecewise_linear", "prelu"):
            need(units_of(f) == units_of(g), "units that differ")
            far = [1 + max((abs(k) for k, _ in unit[2]), default=0) for unit in units_of(f)]
            return [product(slopes_of(unit, -t, t), ends) for unit, t, ends in zip(units_of(f), far, d, strict=True)]
        apart = [v - w for v, w in zip(rows(f), rows(g), strict=True)]
        need(not any(v.varies() for v in apart), "weights that differ")
        need(f["op"] != "conv" or (f["fields"]["weight"] == g["fields"]["weight"]).all(), "weights that differ, if only in the padding")
        return [span(w - w.constant() + v, d) for v, w in zip(apart, rows(g), strict=True)]


def bounds_between(nets, box, bits):
    """Intervals that hold the differences of the outputs, on a box; None: everywhere."""
    return core.bounds_between([folded(net) for net in nets], box, bits, Everywhere if box is None else OnBox)


def bounds_of_pass(evidence, nets, domain):
    return core.bounds_of_pass(evidence, nets, domain, bounds_between)


def rule_pass(*about):
    core.rule_pass(*about, between=bounds_between)


def folded(net):
    """Affine operations behind each other joined."""
    nodes = {}
    for name, node in net["nodes"].items():
        nodes[name] = fold(node, nodes)
    return {**net, "nodes": nodes}


def fold(node, nodes):
    for op, axis in (("conv", 0), ("affine", -1)):
        for h, s, t in diagonal(node, nodes, axis):
            if nodes[h]["op"] == op:
                weight, bias = nodes[h]["fields"]["weight"], nodes[h]["fields"]["bias"]
                fields = {"weight": weight * s.reshape(-1, *[1] * (weight.ndim - 1)), "bias": bias * s + t}
                return remade(node, nodes[h], {**nodes[h]["fields"], **fields})
    joined = False
    while node["op"] == "affine":
        host, weight, bias = nodes[node["operands"][0]], node["fields"]["weight"], node["fields"]["bias"]
        while host["op"] == "reshape" and is_vector(host):
            host = nodes[host["operands"][0]]
        if host["name"] != node["operands"][0] and not is_vector(host):
            break
        for h, s, t in diagonal(host, nodes, -1):
            read_by_host = {"op": "affine", "operands": [h], "shapes": [host["shape"]]}
            node = remade(node, read_by_host, {"weight": weight * s, "bias": bias + weight @ t})
            break
        else:
            if host["op"] != "affine" or not (is_diagonal(host["fields"]["weight"]) or (is_diagonal(weight) and not joined)):
                break
            fields = {"weight": weight @ host["fields"]["weight"], "bias": bias + weight @ host["fields"]["bias"]}
            node = remade(node, host, fields)
        joined = True
    return node


def remade(node, host, fields):
    """The node as an operation like that of the host, on what the host reads."""
    return {"name": node["name"], "shape": node["shape"], **{key: host[key] for key in ("op", "operands", "shapes")}, "fields": fields}


def is_vector(node):
    return node["shape"] and prod(node["shape"]) == node["shape"][-1]


def is_diagonal(weight):
    return len(weight) == len(weight.T) and not any(weight[~np.eye(len(weight), dtype=bool)])


def diagonal(node, nodes, axis):
    """(h, s, t) where the node is s h + t, one s and one t for each place on the axis."""
    op, fields, names, size, found = node["op"], node["fields"], node["operands"], node["shape"], []
    if op == "scale":
        found = [(names[0], fields["factor"], 0)]
    if op == "batch_norm" and (axis == 0 or len(size) == 1):
        at_zero, at_one = (value(node, [np.full((size[0], *[1] * (len(size) - 1)), n)]) for n in (0, 1))
        found = [(names[0], at_one - at_zero, at_zero)]
    if op in ("add", "subtract"):
        signs = (1, 1 if op == "add" else -1)
        pairs = [(nodes[names[k]], nodes[names[1 - k]], k) for k in (1, 0)]
        found = [
            (other["name"], signs[1 - k], signs[k] * constant["fields"]["value"])
            for constant, other, k in pairs
            if constant["op"] == "constant" and other["shape"] == size
        ]
    for h, *numbers in found:
        wide = [(1,) * (len(size) - np.ndim(n)) + np.shape(n) for n in numbers]
        if size and all(prod(w) == w[axis] for w in wide):
            yield h, *(np.broadcast_to(np.ravel(n), size[axis]) for n in numbers)
