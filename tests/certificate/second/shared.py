"""Nodes that two networks share: docs/certificate/transformations.md, "Shared"."""

import numpy as np

from tests.certificate.second.bounds import folded
from tests.certificate.second.core import common, coordinates, made, need, not_covered, read, stands_for


def behind(nets, groups):
    """f' and g', where the nodes of each group are inputs."""
    need(isinstance(groups, list) and groups, "no groups")
    groups = [read(tuple([set(net["nodes"])] for net in nets), group) for group in groups]
    for k, net in enumerate(nets):
        names = [name for group in groups for name in group[k]]
        need(all(group[k] for group in groups) and len(set(names)) == len(names), "an empty group, or a node twice")
        if any(n["op"] == "rational" for n in net["nodes"].values()):
            not_covered("shared nodes with rational functions")
    need(any(same(pair, groups) for pair in (nets, list(map(folded, nets)))), "nodes that are not the same")
    return [cut(net, [group[k] for group in groups]) for k, net in enumerate(nets)]


def same(nets, groups):
    """Whether the nodes of each group have one class; equal classes have the same value, up to reshapes."""
    classes, found = {}, []
    for net in nets:
        of, where = {}, coordinates(net)
        for node in net["nodes"].values():
            operands = [of[o] for o in node["operands"]]
            if stands_for(node):
                of[node["name"]] = operands[0]
                continue
            shapes = None if node["op"] == "affine" else node["shapes"]
            fields = [(key, np.shape(v), np.array(v, object).tolist()) for key, v in sorted(node["fields"].items())]
            if node["op"] == "slice":
                fields = common(node)[-1]  # what it takes
            key = node["op"], node["shape"], shapes, sorted(operands) if node["op"] == "add" else operands, fields
            if node["op"] == "input":
                key = "input", where[node["name"]]
            of[node["name"]] = classes.setdefault(str(key), len(classes))
        found.append(of)
    return all(len({of[n] for of, names in zip(found, group, strict=True) for n in names}) == 1 for group in groups)


def cut(net, groups):
    old, nodes = net["nodes"], {}
    for first, *_ in groups:
        nodes[first] = made(first, "input", [], {"shape": old[first]["shape"]}, [])
    sources = {name: first for first, *more in groups for name in more}
    for name, node in old.items():
        if name in sources:
            first = old[sources[name]]
            node = made(name, "reshape", [first["name"]], {"shape": node["shape"]}, [first["shape"]])
        nodes.setdefault(name, node)
    needed, left = set(), list(net["outputs"])
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            left += nodes[name]["operands"]
    inputs = [first for first, *_ in groups]
    kept = {name: node for name, node in nodes.items() if name in needed or name in inputs}
    need(all(n["op"] != "input" or n["name"] in inputs for n in kept.values()), "an input that is in no group")
    return {"nodes": kept, "inputs": inputs, "outputs": net["outputs"]}
