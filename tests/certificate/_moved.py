"""T(f) for dense networks with nodes h0, r0, h1, ...: a second implementation, on nested lists."""

import copy
from fractions import Fraction

from tests.certificate._build import tensor
from tests.certificate._oracle import entries

ODD_SLOPE = {"silu": 1, "gelu": 1, "gelu_tanh": 1, "softplus": 1}


def matrix(stored):
    m, n = stored["shape"]
    flat = entries(stored)
    return [flat[i * n : (i + 1) * n] for i in range(m)]


def transformed(network, steps):
    network = copy.deepcopy(network)
    nodes = {node["name"]: node for node in network["nodes"]}
    for step in steps:
        k = int(step["layer"][1:])
        before, after, layer = nodes[f"h{k}"], nodes[f"h{k + 1}"], nodes[f"r{k}"]
        w, b = matrix(before["weight"]), entries(before["bias"])
        a, c = matrix(after["weight"]), entries(after["bias"])
        neurons = range(len(w))
        if step["kind"] == "permutation":
            order = step["order"]
            w, b = [w[i] for i in order], [b[i] for i in order]
            a = [[row[i] for i in order] for row in a]
        else:
            if step["kind"] == "scaling":
                factors = [Fraction(v) for v in step["factors"]]
            else:
                factors = [Fraction(-1 if i in step["neurons"] else 1) for i in neurons]
            if step["kind"] == "flip":
                if layer["op"] == "smooth":
                    r = ODD_SLOPE[layer["function"]]
                else:
                    r = 2 * Fraction(layer["slope"]) + sum(Fraction(p) for _, p in layer["kinks"])
                c = [old + r * sum(row[i] * b[i] for i in step["neurons"]) for old, row in zip(c, a, strict=True)]
            else:
                a = [[v / f for v, f in zip(row, factors, strict=True)] for row in a]
            w = [[v * f for v in row] for row, f in zip(w, factors, strict=True)]
            b = [v * f for v, f in zip(b, factors, strict=True)]
        before.update(weight=tensor(w), bias=tensor(b))
        after.update(weight=tensor(a), bias=tensor(c))
    return network
