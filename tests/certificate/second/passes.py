"""The rule pass, and folding."""

from fractions import Fraction
from math import prod

from tests.certificate.second.networks import meant, norm, reads_only, sizes, starts
from tests.certificate.second.values import NotCovered, Rejected, count, need, one_of, record, several, table
from tests.certificate.second.vectors import ONE, add, is_constant, primitive, remainder

FREE = ("weight", "bias", "factor", "value", "slope", "constant", "kinks", "slopes", "mean", "variance", "epsilon", "precision")
FREE += ("count_padding",)


def span(row, x):
    """All values of the row on intervals."""
    ends = [[w * x[key[1]][s if w > 0 else 1 - s] for key, w in row.items() if key != ONE] for s in (0, 1)]
    return tuple(sum(end) + row.get(ONE, 0) for end in ends)


def bend(unit, t):
    q, r, kinks = unit
    return q * t + r + sum(p * max(t - k, 0) for k, p in kinks)


def extremes(function, kinks, low, high):
    found = [function(t) for t in (low, high, *(k for k, _ in kinks if low < k < high))]
    return min(found), max(found)


def slopes_of(unit, low, high):
    """The least and the largest slope of the unit between the ends."""
    if low == high:
        return Fraction(0), Fraction(0)
    found = [unit[0] + sum(p for k, p in unit[2] if k <= t) for t in (low, *(k for k, _ in unit[2] if low < k < high))]
    return min(found), max(found)


def steps_of(unit, x, y, d):
    """Between which ends psi(a) - psi(b) lies, a in x, b in y, a - b in d."""
    slopes = [unit[0]]
    for _, p in sorted(unit[2]):
        slopes.append(slopes[-1] + p)
    if slopes[0] < 0 or slopes != sorted(slopes):
        return product(slopes_of(unit, min(x[0], y[0]), max(x[1], y[1])), d)
    ends = []
    for e, best, end in ((d[0], max, int(d[0] < 0)), (d[1], min, int(d[1] >= 0))):
        a, b = x[end], y[end]
        ends.append(best(bend(unit, a) - bend(unit, a - e), bend(unit, b + e) - bend(unit, b)))
    return tuple(ends)


def product(a, b):
    found = [p * q for p in a for q in b]
    return min(found), max(found)


ANYWHERE = {"tanh": "0 1", "softplus": "0 1", "sigmoid": "0 1/4", "silu": "-1/10 11/10", "gelu": "-13/100 113/100"}
ANYWHERE["gelu_tanh"] = ANYWHERE["gelu"]


class Pass:
    def __init__(self, net, box, bits):
        self.net, self.bits, self.known = net, bits, {}
        self.nodes = {n["name"]: n for n in net["nodes"]}
        self.begin = starts(net)
        self.box = box

    def rounded(self, pairs):
        s = 2**self.bits
        return [(Fraction(low * s // 1, s), Fraction(-(-high * s // 1), s)) for low, high in pairs]

    def value(self, name):
        if name not in self.known:
            node = self.nodes[name]
            if node["op"] == "input":
                found = self.box[self.begin[name] : self.begin[name] + prod(node["shape"])]
            else:
                found = self.own(node, self.operands(node))
            self.known[name] = self.rounded(found)
        return self.known[name]

    def operands(self, node):
        return [v for o in node["operands"] for v in self.value(o)]

    def own(self, node, x):
        if "rows" in node:
            return [span(row, x) for row in node["rows"]]
        if "units" in node:
            return [extremes(lambda t, u=u: bend(u, t), u[2], *e) for u, e in zip(node["units"], x, strict=True)]
        if "windows" in node:
            return [tuple(max(x[p][s] for p in window) for s in (0, 1)) for window in node["windows"]]
        if node["op"] == "smooth":
            raise NotCovered("pass with smooth functions")
        raise Rejected("pass with rational functions")

    def read_through(self, name):
        """The node that a node stands for."""
        return self.read_through(self.nodes[name]["operands"][0]) if reads_only(self.nodes[name]) else name

    def difference(self, other, mine, theirs, known):
        """Intervals of the entries of my node minus those of the other network's node."""
        key = self.read_through(mine), other.read_through(theirs)
        if key not in known:
            f, g = self.nodes[key[0]], other.nodes[key[1]]
            if self.box is None:
                need(self.alike(other, f, g), "nodes that do not correspond")
                d = [v for o, p in zip(f["operands"], g["operands"], strict=True) for v in self.difference(other, o, p, known)]
                known[key] = self.rounded(self.everywhere(f, g, d))
                return known[key]
            pairs = list(zip(self.value(key[0]), other.value(key[1]), strict=True))
            found = [(low - above, high - below) for (low, high), (below, above) in pairs]
            if self.alike(other, f, g):
                d = [v for o, p in zip(f["operands"], g["operands"], strict=True) for v in self.difference(other, o, p, known)]
                closer = self.closer(other, f, g, d)
                found = [(max(a, c), min(b, e)) for (a, b), (c, e) in zip(found, closer, strict=True)]
            known[key] = self.rounded(found)
        return known[key]

    def alike(self, other, f, g):
        if f["op"] != g["op"]:
            return False
        if f["op"] == "input":
            return prod(f["shape"]) == prod(g["shape"]) and self.begin[f["name"]] == other.begin[g["name"]]
        tensors = [[v[0] for v in n["fields"].values() if isinstance(v, tuple) and v and isinstance(v[0], tuple)] for n in (f, g)]
        fixed = [{key: v for key, v in n["fields"].items() if key not in FREE} for n in (f, g)]
        shapes = f["op"] == "affine" or f["shapes"] == g["shapes"]
        return f["shape"] == g["shape"] and shapes and tensors[0] == tensors[1] and fixed[0] == fixed[1]

    def everywhere(self, f, g, d):
        if f["op"] == "smooth":
            return [product(list(map(Fraction, ANYWHERE[f["fields"]["function"]].split())), e) for e in d]
        if "units" in f:
            need(f["units"] == g["units"], "units that differ")
            return [
                product(slopes_of(u, min(t for t, _ in u[2]) - 1, max(t for t, _ in u[2]) + 1) if u[2] else (u[0], u[0]), e)
                for u, e in zip(f["units"], d, strict=True)
            ]
        if "rows" in f:
            rest = [(add((1, v), (-1, w)), w) for v, w in zip(f["rows"], g["rows"], strict=True)]
            need(all(is_constant(r) for r, _ in rest), "weights that differ")
            need(f["op"] != "conv" or f["fields"]["weight"] == g["fields"]["weight"], "weights that differ, if only in the padding")
            return [span({**{k: c for k, c in w.items() if k != ONE}, **r}, d) for r, w in rest]
        return self.closer(None, f, g, d)

    def closer(self, other, f, g, d):
        if f["op"] == "input":
            return [(Fraction(0), Fraction(0))] * prod(f["shape"])
        if "windows" in f:
            return [tuple(pick(d[p][s] for p in window) for s, pick in enumerate((min, max))) for window in f["windows"]]
        h, k = self.operands(f), other.operands(g)
        if "rows" in f:
            found = []
            for v, w in zip(f["rows"], g["rows"], strict=True):
                moved = add(*((c, {(1, key[1] + len(h)): 1}) for key, c in w.items() if key != ONE))
                found.append(span(add((1, v), (-1, w), (1, moved)), h + d))
            return found
        if "units" in f:
            found = []
            for phi, psi, x, y, e in zip(f["units"], g["units"], h, k, d, strict=True):
                ends = extremes(lambda t, a=phi, b=psi: bend(a, t) - bend(b, t), phi[2] + psi[2], *x)
                part = steps_of(psi, x, y, e)
                found.append((ends[0] + part[0], ends[1] + part[1]))
            return found
        raise Rejected("pass with rational functions")


def rule_pass(evidence, nets, tolerance, domain, outputs):
    found = bounds_of_pass(evidence, nets, domain)
    need(all(-tolerance <= low and high <= tolerance for low, high in found), "an output differs by more")


def bounds_of_pass(evidence, nets, domain):
    """Intervals that hold the differences of the outputs."""
    bits = record(evidence, "method", "bits", maybe=("box",))[1]
    need(16 <= count(bits) <= 4096, "bits from 16 to 4096")
    box = None
    if domain is not None and evidence.get("box", []) is not None:
        box = sides(domain, sum(sizes(nets[0], nets[0]["inputs"])), evidence.get("box", []))
    return bounds_between(nets, box, bits)


def bounds_between(nets, box, bits):
    """The same on a box of the inputs; None: everywhere."""
    ends = [net["outputs"] for net in nets]
    fit = len(nets) == 2 and sizes(nets[0], ends[0]) == sizes(nets[1], ends[1])
    need(fit or box, "no values are known")
    runs = [Pass(folded(net), box, bits) for net in nets]
    if fit:
        known = {}
        return [v for o, p in zip(*ends, strict=True) for v in runs[0].difference(runs[1], o, p, known)]
    f, *others = ([v for o in names for v in run.value(o)] for names, run in zip(ends, runs, strict=True))
    return [(a - d, b - c) for (a, b), (c, d) in zip(f, others[0], strict=True)] if others else f


def sides(domain, inputs, stated):
    """Intervals of the inputs, from rows with one entry and from combinations of rows."""
    bounds = []
    for v in domain:
        keys = [key for key in v if key != ONE]
        if len(keys) == 1:
            w = -v[keys[0]]
            bounds.append((keys[0][1], 1 if w > 0 else -1, v.get(ONE, Fraction(0)) / abs(w)))
    for j, sign, terms in several(several(lambda v: v, 3))(stated):
        need(count(j) < inputs and one_of(1, -1)(sign), "no such side")
        factor, gamma = remainder({(1, j): Fraction(-sign)}, [primitive(v) for v in domain], [1, terms])
        bounds.append((j, sign, -gamma / factor))
    box = []
    for j in range(inputs):
        upper, lower = ([b for i, s, b in bounds if (i, s) == (j, sign)] for sign in (1, -1))
        need(upper and lower and -min(lower) <= min(upper), "an input without bounds, or with none between them")
        box.append((-min(lower), min(upper)))
    return box


def folded(net):
    """Affine operations behind each other joined."""
    nodes = {}
    for node in net["nodes"]:
        nodes[node["name"]] = fold(node, nodes)
    return {**net, "nodes": list(nodes.values())}


def fold(node, nodes, joined_already=False):
    op, fields = node["op"], node["fields"]
    operands = [nodes[o] for o in node["operands"]]
    if op in ("add", "subtract"):
        return fold_sum(node, operands)
    host = operands[0] if operands else None
    if op == "batch_norm" and (host["op"] == "conv" or (host["op"] == "affine" and len(host["shape"]) == 1)):
        return joined(node, host, *norm(fields))
    if op == "scale" and (factors := for_rows(*fields["factor"], host)):
        return joined(node, host, factors, [Fraction(0)] * len(factors))
    if op != "affine":
        return node
    while host["op"] == "reshape" and prod(host["shape"]) == host["shape"][-1:][0] and len(host["shape"]) > 0:
        host = nodes[host["operands"][0]]
    straight = host is operands[0] or (host["shape"] and prod(host["shape"]) == host["shape"][-1])
    host = diagonal_map(host, nodes) if straight else host
    if (
        host["op"] != "affine"
        or not straight
        or not (diagonal(host["fields"]["weight"]) or (diagonal(fields["weight"]) and not joined_already))
    ):
        return node
    inner = table(host["fields"]["weight"])
    rows, bias = [], []
    for row, b in zip(table(fields["weight"]), fields["bias"][1], strict=True):
        rows += [sum(w * line[j] for w, line in zip(row, inner, strict=True)) for j in range(len(inner[0]))]
        bias.append(b + sum(w * c for w, c in zip(row, host["fields"]["bias"][1], strict=True)))
    weight = ((len(bias), len(inner[0])), rows)
    one = remade(node, "affine", host["operands"], {"weight": weight, "bias": ((len(bias),), bias)}, host["shapes"])
    return fold(one, nodes, True)


def diagonal_map(node, nodes):
    """A `batch_norm` of shape (n), a `scale`, or a sum with a constant, with one number for each place on the last axis, as an `affine`."""
    op, fields, size = node["op"], node["fields"], node["shape"]
    if op == "batch_norm" and len(size) == 1:
        return diagonal_affine(node, node["operands"][0], *norm(fields))
    if op == "scale" and size and (factors := by_axis(*fields["factor"], size, -1)):
        return diagonal_affine(node, node["operands"][0], factors, [Fraction(0)] * len(factors))
    if op in ("add", "subtract") and size:
        for k in (1, 0):
            constant, other = nodes[node["operands"][k]], nodes[node["operands"][1 - k]]
            signs = (1, 1 if op == "add" else -1)
            if constant["op"] == "constant" and other["shape"] == size and (found := by_axis(*constant["fields"]["value"], size, -1)):
                return diagonal_affine(node, other["name"], [Fraction(signs[1 - k])] * len(found), [signs[k] * c for c in found])
    return node


def diagonal_affine(node, operand, factors, shifts):
    n = len(factors)
    weight = [f if i == j else Fraction(0) for i, f in enumerate(factors) for j in range(n)]
    return meant(node["name"], "affine", [operand], {"weight": ((n, n), weight), "bias": ((n,), shifts)}, [node["shape"]])


def remade(node, op, operands, fields, shapes):
    return {**meant(node["name"], op, operands, fields, shapes), "shape": node["shape"]}


def diagonal(weight):
    return weight[0][0] == weight[0][1] and all(not w for i, row in enumerate(table(weight)) for j, w in enumerate(row) if i != j)


def for_rows(size, entries, host):
    """One number for each row of W of a conv or affine node, from a tensor that is broadcast to its shape, or None."""
    axes = {"conv": 0, "affine": -1}
    return by_axis(size, entries, host["shape"], axes[host["op"]]) if host["op"] in axes else None


def by_axis(size, entries, target, axis):
    """The entries of a tensor that is broadcast to the target, one for each place on the axis; None where it depends on other axes."""
    wide = (1,) * (len(target) - len(size)) + size
    if len(wide) != len(target) or prod(wide) != wide[axis] or wide[axis] not in (1, target[axis]):
        return None
    return entries * (target[axis] if wide[axis] == 1 else 1)


def joined(node, host, factors, shifts):
    (size, weight), (rows, bias) = host["fields"]["weight"], host["fields"]["bias"]
    each = prod(size) // size[0]
    weight = [w * factors[e // each] for e, w in enumerate(weight)]
    bias = [b * s + c for b, s, c in zip(bias, factors, shifts, strict=True)]
    return remade(node, host["op"], host["operands"], {**host["fields"], "weight": (size, weight), "bias": (rows, bias)}, host["shapes"])


def fold_sum(node, operands):
    signs = (1, 1 if node["op"] == "add" else -1)
    for k in (1, 0):
        constant, other, sign = operands[k], operands[1 - k], signs[1 - k]
        if constant["op"] != "constant" or other["shape"] != node["shape"]:
            continue
        numbers = for_rows(*constant["fields"]["value"], other)
        if numbers:
            return joined(node, other, [sign] * len(numbers), [signs[k] * c for c in numbers])
    return node
