"""Networks and certificates as plain JSON objects, from Fractions only; nothing of exactnn is used here."""

import hashlib
import itertools
import json
from fractions import Fraction
from math import lcm

RELU = {"slope": 0, "constant": 0, "kinks": [[0, 1]]}
ABS = {"slope": -1, "constant": 0, "kinks": [[0, 2]]}
LEAKY = {"slope": "1/10", "constant": 0, "kinks": [[0, "9/10"]]}
HARDTANH = {"slope": 0, "constant": -1, "kinks": [[-1, 1], [1, -1]]}


def number(value):
    """A Rational of the format."""
    value = Fraction(value)
    return value.numerator if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def flat(nested):
    """The entries of nested lists and their shape."""
    if not isinstance(nested, list | tuple):
        return [Fraction(nested)], []
    parts = [flat(v) for v in nested]
    return list(itertools.chain(*(entries for entries, _ in parts))), [len(parts), *parts[0][1]]


def tensor(nested, shape=None):
    """A Tensor of the format, from nested lists, or from a flat list and a shape."""
    entries, found = flat(nested)
    common = lcm(*(v.denominator for v in entries))
    return {
        "shape": list(found if shape is None else shape),
        "denominator": common,
        "numerators": [v.numerator * (common // v.denominator) for v in entries],
    }


def node(name, op, *operands, **fields):
    return {"name": name, "op": op, "operands": list(operands), **fields}


def affine(name, operand, weight, bias):
    return node(name, "affine", operand, weight=tensor(weight), bias=tensor(bias))


def act(name, operand, fields=None):
    return node(name, "piecewise_linear", operand, **(RELU if fields is None else fields))


def network(nodes, outputs=None):
    inputs = [n["name"] for n in nodes if n["op"] == "input"]
    outputs = [nodes[-1]["name"]] if outputs is None else outputs
    return {"format": "exactnn-network", "version": 1, "inputs": inputs, "outputs": outputs, "nodes": nodes}


def mlp(*layers, activation=None):
    """Affine maps (weight, bias) with activations in between: nodes x, h0, r0, h1, r1, ..., the last one h."""
    nodes = [node("x", "input", shape=[len(layers[0][0][0])])]
    for k, (weight, bias) in enumerate(layers):
        nodes.append(affine(f"h{k}", nodes[-1]["name"], weight, bias))
        if k < len(layers) - 1:
            nodes.append(act(f"r{k}", nodes[-1]["name"], activation))
    return network(nodes)


def shallow(neurons, constant=0, activation=None):
    """constant + sum of a phi(w . x + b), for neurons (a, w, b); a and constant numbers or lists."""
    column = [a if isinstance(a, list) else [a] for a, _, _ in neurons]
    constant = constant if isinstance(constant, list) else [constant]
    rows = [w if isinstance(w, list) else [w] for _, w, _ in neurons]
    return mlp(
        (rows, [b for _, _, b in neurons]),
        ([list(row) for row in zip(*column, strict=True)], constant),
        activation=activation,
    )


def digest(document):
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def inline(document):
    return {"sha256": digest(document), "inline": document}


def rehash(certificate):
    """Make the hashes of inline models right again after a change."""
    for model in certificate["models"].values():
        if "inline" in model:
            model["sha256"] = digest(model["inline"])
    return certificate


def box(*sides):
    """The domain with lower <= x <= upper for the given pairs."""
    rows, bounds = [], []
    for i, (low, high) in enumerate(sides):
        for sign, bound in ((1, high), (-1, -low)):
            rows.append([sign if j == i else 0 for j in range(len(sides))])
            bounds.append(bound)
    return {"A": tensor(rows), "b": tensor(bounds)}


def certificate(question, answer, models, evidence, domain=None, tolerance=0, **extra):
    return {
        "format": "exactnn-certificate",
        "version": 2,
        "semantics": "real arithmetic",
        "claim": {"question": question, "answer": answer, "tolerance": number(tolerance), "domain": domain, **extra},
        "models": {name: inline(model) for name, model in zip(("f", "g"), models, strict=False)},
        "evidence": evidence,
    }


def forms(f, g=None, *, output=None, hull=None, **extra):
    return {"method": "forms", "hull": hull, "f": f, "g": {} if g is None else g, "output": output, **extra}


def proved(f, g, lines_f, lines_g, **extra):
    """f = g by forms."""
    claim = {key: extra.pop(key) for key in ("domain", "tolerance") if key in extra}
    return certificate("equal", "proved", (f, g), forms(lines_f, lines_g, **extra), **claim)


def zero(f, lines, **extra):
    """f = 0 by forms."""
    claim = {key: extra.pop(key) for key in ("domain", "tolerance") if key in extra}
    return certificate("zero", "proved", (f,), forms(lines, **extra), **claim)


def atom(number_, sign=1, factor=1):
    return ["atom", number_, sign, number(factor)]
