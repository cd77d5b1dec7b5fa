"""Nodes that two networks share."""

from math import prod

from tests.certificate.second.networks import meant, reads_only, starts
from tests.certificate.second.passes import folded
from tests.certificate.second.values import NotCovered, need, several


def behind(nets, groups):
    """f' and g', where the nodes of each group are inputs."""
    groups = several(several(several(lambda name: name), 2))(groups)
    for k, net in enumerate(nets):
        names, known = [name for group in groups for name in group[k]], {n["name"] for n in net["nodes"]}
        need(all(isinstance(n, str) and n in known for n in names), "a node that is not there")
        need(groups and all(group[k] for group in groups) and len(set(names)) == len(names), "an empty group, or a node twice")
        if any(n["op"] == "rational" for n in net["nodes"]):
            raise NotCovered("shared nodes with rational functions")
    need(any(same(pair, groups) for pair in (nets, list(map(folded, nets)))), "nodes that are not the same")
    return [cut(net, [group[k] for group in groups]) for k, net in enumerate(nets)]


def same(nets, groups):
    """Whether the nodes of each group have one class; equal classes have the same value, up to reshapes."""
    classes, found = {}, []
    for net in nets:
        of, begin = {}, starts(net)
        for node in net["nodes"]:
            operands = [of[o] for o in node["operands"]]
            if reads_only(node):
                of[node["name"]] = operands[0]
                continue
            shapes = None if node["op"] in ("affine", "input") else str((node["shape"], node["shapes"]))
            key = node["op"], shapes, sorted(operands) if node["op"] == "add" else operands, sorted(node["fields"].items())
            if node["op"] == "affine":
                key = (*key, node["shape"])
            if node["op"] == "input":
                key = "input", begin[node["name"]], prod(node["shape"])
            of[node["name"]] = classes.setdefault(str(key), len(classes))
        found.append(of)
    return all(len({of[n] for of, names in zip(found, group, strict=True) for n in names}) == 1 for group in groups)


def cut(net, groups):
    old, nodes = {n["name"]: n for n in net["nodes"]}, {}
    for first, *_ in groups:
        nodes[first] = meant(first, "input", [], {"shape": old[first]["shape"]}, [])
    sources = {name: first for first, *more in groups for name in more}
    for name, node in old.items():
        if name in sources:
            first = old[sources[name]]
            node = meant(name, "reshape", [first["name"]], {"shape": node["shape"]}, [first["shape"]])
        nodes.setdefault(name, node)
    needed, left = set(), list(net["outputs"])
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            left += nodes[name]["operands"]
    inputs = [first for first, *_ in groups]
    kept = [node for name, node in nodes.items() if name in needed or name in inputs]
    need(all(n["op"] != "input" or n["name"] in inputs for n in kept), "an input that is in no group")
    return {"nodes": kept, "inputs": inputs, "outputs": net["outputs"]}
