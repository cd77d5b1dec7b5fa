"""A second opinion on certificates: function values at points instead of forms.

Networks are evaluated by the definitions (nested loops over Fractions). Evidence by forms is read as statements
about functions and tested at many points: z = s F l_a there, z >= 0 there, z - sum of terms the same constant
everywhere. A certificate that fails here does not support its claim; nothing of exactnn is used.

Smooth functions are replaced by rational ones that obey the same symmetry and nothing else.
"""

import itertools
import math
import random
from fractions import Fraction

ODD = {"tanh": 0, "sigmoid": Fraction(1, 2)}


def rational(value):
    return Fraction(value)


def entries(tensor):
    return [Fraction(n, tensor["denominator"]) for n in tensor["numerators"]]


def smooth(name, x):
    odd = x**3 / (1 + x**2) + 2 * x / (3 + x**4)
    return odd + ODD[name] if name in ODD else x / 2 + x**2 / (1 + x**2)


def real(name, x):
    """The smooth functions themselves, in floats."""
    t = min(max(float(x), -700.0), 700.0)
    gates = {"silu": 1 / (1 + math.exp(-t)), "gelu": math.erfc(-t / math.sqrt(2)) / 2}
    inner = t * (0.7978845608028654 + 0.035677408136300125 * t * t)
    values = {"tanh": math.tanh(t), "sigmoid": gates["silu"], "softplus": math.log1p(math.exp(t))}
    values.update({key: t * gate for key, gate in gates.items()}, gelu_tanh=t * (1 + math.tanh(inner)) / 2)
    return Fraction(values[name])


def bend(node, x, channel=0, smooth=smooth):
    if node["op"] == "prelu":
        return max(x, Fraction(0)) + entries(node["slopes"])[channel] * min(x, Fraction(0))
    if node["op"] == "smooth":
        return smooth(node["function"], x)
    if node["op"] == "rational":
        above, below = (sum(rational(c) * x**k for k, c in enumerate(node[key])) for key in ("numerator", "denominator"))
        return above / below
    jumps = sum(rational(p) * max(x - rational(t), Fraction(0)) for t, p in node["kinks"])
    return rational(node["slope"]) * x + rational(node["constant"]) + jumps


def product(sizes):
    return itertools.product(*map(range, sizes))


class Array(dict):
    """Entries by index tuple."""

    def __init__(self, shape, values):
        super().__init__(zip(product(shape), values, strict=True))
        self.shape = tuple(shape)


def stored(tensor):
    return Array(tensor["shape"], entries(tensor))


def windows(node, kernel, a, out):
    """For an output place: the index of each tap on the operand's grid, None in the padding."""
    stride, padding = node["stride"], node["padding"]
    dilation = node.get("dilation", [1] * len(kernel))
    for taps in product(kernel):
        at = tuple(o * s - p[0] + t * d for o, s, p, t, d in zip(out, stride, padding, taps, dilation, strict=True))
        inside = all(0 <= i < size for i, size in zip(at, a.shape[1:], strict=True))
        yield taps, at if inside else None


def grid(node, kernel, a):
    dilation = node.get("dilation", [1] * len(kernel))
    return [
        (size + sum(p) - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip(a.shape[1:], node["padding"], dilation, kernel, node["stride"], strict=True)
    ]


def conv(node, a):
    weight, bias, groups = stored(node["weight"]), entries(node["bias"]), node["groups"]
    out, inner, *kernel = weight.shape
    places = grid(node, kernel, a)
    values = []
    for o, *place in product([out, *places]):
        total = bias[o]
        for i in range(inner):
            channel = o // (out // groups) * inner + i
            for taps, at in windows(node, kernel, a, place):
                if at is not None:
                    total += weight[(o, i, *taps)] * a[(channel, *at)]
        values.append(total)
    return Array([out, *places], values)


def pool(node, a):
    places = grid(node, node["kernel"], a)
    values = []
    for c, *place in product([a.shape[0], *places]):
        found = [at for _, at in windows(node, node["kernel"], a, place)]
        inside = [a[(c, *at)] for at in found if at is not None]
        if node["op"] == "max_pool":
            values.append(max(inside))
        else:
            values.append(sum(inside) / (len(found) if node["count_padding"] else len(inside)))
    return Array([a.shape[0], *places], values)


def broadcast(a, shape):
    def pick(index):
        tail = index[len(shape) - len(a.shape) :]
        return a[tuple(0 if size == 1 else i for i, size in zip(tail, a.shape, strict=True))]

    return Array(shape, [pick(index) for index in product(shape)])


def common_shape(a, b):
    rank = max(len(a), len(b))
    return [max(p) for p in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True)]


def batch_norm(node, a, scale):
    mean, bias = entries(node["mean"]), entries(node["bias"])
    return Array(a.shape, [scale[i[0]] * (a[i] - mean[i[0]]) + bias[i[0]] for i in product(a.shape)])


def value(node, operands, scales):
    """The value of any node but inputs."""
    op = node["op"]
    if op == "constant":
        return stored(node["value"])
    if op in ("add", "subtract"):
        shape = common_shape(operands[0].shape, operands[1].shape)
        a, b = (broadcast(o, shape) for o in operands)
        sign = -1 if op == "subtract" else 1
        return Array(shape, [a[i] + sign * b[i] for i in product(shape)])
    if op == "concat":
        axis = node["axis"]
        shape = list(operands[0].shape)
        shape[axis] = sum(o.shape[axis] for o in operands)
        found, start = {}, 0
        for o in operands:
            for i in o:
                found[(*i[:axis], i[axis] + start, *i[axis + 1 :])] = o[i]
            start += o.shape[axis]
        return Array(shape, [found[i] for i in product(shape)])
    (a,) = operands
    if op == "affine":
        weight, bias = stored(node["weight"]), entries(node["bias"])
        m, n = weight.shape
        shape = [*a.shape[:-1], m]
        values = [bias[i[-1]] + sum(weight[(i[-1], k)] * a[(*i[:-1], k)] for k in range(n)) for i in product(shape)]
        return Array(shape, values)
    if op == "conv":
        return conv(node, a)
    if op in ("max_pool", "average_pool"):
        return pool(node, a)
    if op == "batch_norm":
        return batch_norm(node, a, scales[node["name"]])
    if op == "reshape":
        return Array(node["shape"], [a[i] for i in product(a.shape)])
    if op == "transpose":
        axes = node["axes"]
        shape = [a.shape[k] for k in axes]
        return Array(shape, [a[tuple(i[axes.index(k)] for k in range(len(axes)))] for i in product(shape)])
    if op == "gather":
        flat = [a[i] for i in product(a.shape)]
        return Array(node["index"]["shape"], [flat[p] for p in node["index"]["numerators"]])
    if op == "slice":
        ranges = [range(size)[b:e:s] for size, b, e, s in zip(a.shape, node["starts"], node["stops"], node["steps"], strict=True)]
        return Array([len(r) for r in ranges], [a[i] for i in itertools.product(*ranges)])
    if op == "scale":
        factor = broadcast(stored(node["factor"]), a.shape)
        return Array(a.shape, [a[i] * factor[i] for i in product(a.shape)])
    function = (scales or {}).get("smooth", smooth)
    return Array(a.shape, [bend(node, a[i], i[0] if i else 0, function) for i in product(a.shape)])


def values(network, point, scales=None):
    """The value of every node, by name."""
    found = {}
    rest = list(point)
    sizes = {n["name"]: n["shape"] for n in network["nodes"] if n["op"] == "input"}
    for name in network["inputs"]:
        count = len(list(product(sizes[name])))
        found[name] = Array(sizes[name], rest[:count])
        rest = rest[count:]
    for node in network["nodes"]:
        if node["op"] != "input":
            found[node["name"]] = value(node, [found[o] for o in node["operands"]], scales)
    return found


def evaluate(network, point, scales=None):
    found = values(network, [Fraction(v) for v in point], scales)
    return [v for name in network["outputs"] for v in found[name].values()]


def dimension(network):
    return sum(len(list(product(n["shape"]))) for n in network["nodes"] if n["op"] == "input")


def inside(domain, point):
    if domain is None:
        return True
    matrix, bounds = stored(domain["A"]), entries(domain["b"])
    rows, d = matrix.shape
    return all(sum(matrix[(r, k)] * point[k] for k in range(d)) <= bounds[r] for r in range(rows))


def sample(domain, size, count=40, seed=0):
    """Points of the domain: small and large ones, on and off a grid (few or none where it is thin or empty)."""
    generator = random.Random(seed)
    found = []
    for _ in range(30 * count):
        reach = generator.choice((1, 3, 10, 1000))
        grain = generator.choice((1, 2, 7, 64))
        point = [Fraction(generator.randint(-reach * grain, reach * grain), grain) for _ in range(size)]
        if len(found) < count and inside(domain, point):
            found.append(point)
    return found


class Unsupported(Exception):
    """The evidence does not hold at the points tried."""


def demand(truth):
    if not truth:
        raise Unsupported


KEEPING = ("conv", "max_pool", "average_pool", "batch_norm", "piecewise_linear", "prelu", "smooth", "rational")


class Reading:
    """Evidence by forms, as statements about functions.

    A function is the list of its values at some points; on a grid, each value is the tuple of those at its places.
    """

    def __init__(self, certificate, points):
        self.claim, self.points, self.atoms = certificate["claim"], points, []
        evidence = certificate["evidence"]
        self.elements = evidence.get("elements", False) or evidence["hull"] is not None
        self.slacks, self.bounds = [], {}
        for k, low, below, high, above in evidence.get("bounds", []):
            low, high = rational(low), rational(high)
            demand(low <= 0 <= high and low < high and k not in self.bounds)
            self.bounds[k] = low, below, high, above
        domain = self.claim["domain"]
        if domain is not None:
            matrix, bounds = stored(domain["A"]), entries(domain["b"])
            rows, d = matrix.shape
            self.slacks = [[(bounds[r] - sum(matrix[(r, k)] * x[k] for k in range(d)),) for x in points] for r in range(rows)]

    def check_bounds(self):
        for k, (low, below, high, above) in self.bounds.items():
            demand(0 <= k < len(self.atoms) and self.atoms[k][0] == "max" and len(self.atoms[k][1][0]) == 1)
            self.nonnegative(each(lambda v, lo=low: v - lo, self.atoms[k][1]), below, k)
            self.nonnegative(each(lambda v, hi=high: hi - v, self.atoms[k][1]), above, k)

    def nonnegative(self, z, proof, below=math.inf):
        rest = z
        for kind, k, coefficient in proof:
            coefficient = rational(coefficient)
            demand(coefficient > 0)
            if kind == "slack":
                demand(0 <= k < len(self.slacks))
                term = self.slacks[k]
            elif kind == "chord":
                demand(k in self.bounds and 0 <= k < min(below, len(self.atoms)))
                low, _, high, _ = self.bounds[k]
                slope = high / (high - low)
                term = each(lambda v, t=slope, lo=low: t * (v - lo) - max(v, Fraction(0)), self.atoms[k][1])
            else:
                k, place = k if isinstance(k, list) else (k, None)
                demand(0 <= k < len(self.atoms) and self.atoms[k][0] == "max")
                sign = 1 if kind == "atom" else -1
                term = each(lambda v, sign=sign: max(sign * v, Fraction(0)), self.atoms[k][1])
                if place is not None:
                    demand(0 <= place < len(term[0]))
                    term = [(values[place],) for values in term]
            demand(len(term[0]) == len(rest[0]))
            rest = both(lambda a, b, c=coefficient: a - c * b, rest, term)
        constants = {v for values in rest for v in values}
        demand(len(constants) == 1 and min(constants) >= 0)

    def known(self, number, kind, inner):
        """Make the atom, or see that it is this function."""
        if number == len(self.atoms):
            self.atoms.append((kind, inner))
        demand(0 <= number < len(self.atoms) and self.atoms[number] == (kind, inner))

    def shifted(self, number, kind, values, factor):
        """Make the atom values / factor, or see that values is factor times it up to a constant."""
        demand(factor != 0)
        if number == len(self.atoms):
            self.atoms.append((kind, each(lambda v: v / factor, values)))
        demand(0 <= number < len(self.atoms) and self.atoms[number][0] == kind)
        atom = self.atoms[number][1]
        demand(len(atom[0]) == len(values[0]))
        rest = both(lambda a, b: a - factor * b, values, atom)
        demand(len({v for row in rest for v in row}) == 1)

    def kink(self, z, line):
        if line[0] == "atom":
            _, number, s, factor = line
            factor = rational(factor)
            demand(factor > 0 and s in (1, -1))
            self.known(number, "max", each(lambda v: s * v / factor, z))
        elif line[0] == "on":
            self.nonnegative(z, line[1])
        else:
            demand(line[0] == "off")
            self.nonnegative(each(lambda v: -v, z), line[1])

    def functions(self, at, name, channels):
        """The functions that a node consists of: its channels on their grid, or its entries."""
        indices = list(at[0][name])
        if not channels:
            return [(i[0] if i else 0, [(found[name][i],) for found in at]) for i in indices]
        blocks = [[i for i in indices if i[0] == c] for c in range(at[0][name].shape[0])]
        return [(c, [tuple(found[name][i] for i in block) for found in at]) for c, block in enumerate(blocks)]

    def node(self, node, at, given, channels):
        """Reads the lines of one node, and takes them from the list."""
        op = node["op"]
        if op in ("conv", "max_pool") and channels:
            for _, values in self.functions(at, node["name"], True):
                demand(given)
                line = given.pop(0)
                if line is None:
                    demand(len({v for row in values for v in row}) == 1)
                    continue
                factor = rational(line[2])
                demand(op == "conv" or factor > 0)
                self.shifted(line[1], op, values, factor)
        elif op == "max_pool":
            self.maximum(node, at, given)
        elif op in ("piecewise_linear", "prelu"):
            for t, _ in node.get("kinks", [[0, 1]]):
                for _, values in self.functions(at, node["operands"][0], channels):
                    demand(given)
                    line = given.pop(0)
                    if line is not None:
                        self.kink(each(lambda v, t=t: v - rational(t), values), line)
        elif op in ("smooth", "rational"):
            for _, values in self.functions(at, node["operands"][0], channels):
                demand(given)
                line = given.pop(0)
                if line[0] == "zero":
                    demand(not any(v for row in values for v in row) and node["function"] != "softplus")
                else:
                    demand(line[2] == 1 or (line[2] == -1 and op == "smooth"))
                    kind = node.get("function") or str((node["numerator"], node["denominator"]))
                    self.known(line[1], kind, each(lambda v, s=line[2]: s * v, values))

    def maximum(self, node, at, given):
        """Maximum pooling in element layout: one comparison for each further entry of a window."""
        name = node["operands"][0]
        reach = []
        for c, *place in at[0][node["name"]]:
            taps = [i for _, i in windows(node, node["kernel"], at[0][name], place) if i is not None]
            reach.append([[(found[name][(c, *i)],) for found in at] for i in taps])
        best = [values[0] for values in reach]
        for k in range(1, max(map(len, reach))):
            for e, values in enumerate(reach):
                if len(values) > k:
                    demand(given)
                    line = given.pop(0)
                    if line is not None:
                        self.kink(both(lambda a, b: a - b, values[k], best[e]), line)
                    best[e] = both(max, values[k], best[e])

    def network(self, network, lines, scales):
        at = [values(network, x, scales) for x in self.points]
        channels = {}
        for node in network["nodes"]:
            alike = [channels[o] for o in node["operands"]]
            if node["op"] in ("input", "constant"):
                channels[node["name"]] = not self.elements and len(at[0][node["name"]].shape) > 1
            else:
                channels[node["name"]] = node["op"] in (*KEEPING, "add", "subtract", "scale") and all(alike)
            given = list(lines.get(node["name"], []))
            self.node(node, at, given, all(alike))
            demand(not given)
        return [[v for name in network["outputs"] for v in found[name].values()] for found in at]


def each(function, values):
    return [tuple(map(function, row)) for row in values]


def both(function, first, second):
    return [tuple(map(function, a, b)) for a, b in zip(first, second, strict=True)]


def supports(certificate, scales=(None, None), count=12):
    """Whether evidence by forms holds at random points of the domain."""
    if "shared" in certificate["evidence"]:
        try:
            certificate = without_shared(certificate, scales, count)
        except Unsupported:
            return False
    claim, evidence = certificate["claim"], certificate["evidence"]
    f = certificate["models"]["f"]["inline"]
    points = sample(claim["domain"], dimension(f), count)
    if not points:
        return True
    try:
        reading = Reading(certificate, points)
        first = reading.network(f, evidence["f"], scales[0])
        if claim["question"] == "zero":
            second = [[Fraction(0)] * len(row) for row in first]
        else:
            second = reading.network(certificate["models"]["g"]["inline"], evidence["g"], scales[1])
        reading.check_bounds()
        tolerance = rational(claim["tolerance"])
        for j in range(len(first[0])):
            gaps = [(a[j] - b[j],) for a, b in zip(first, second, strict=True)]
            if evidence["output"] is None:
                demand(not any(v for (v,) in gaps))
            else:
                demand(tolerance >= 0)
                reading.nonnegative(each(lambda v: tolerance - v, gaps), evidence["output"][j][0])
                reading.nonnegative(each(lambda v: tolerance + v, gaps), evidence["output"][j][1])
    except Unsupported:
        return False
    return True


def without_shared(certificate, scales=(None, None), count=12):
    """The certificate about what is left of f and g; at random points of the domain the nodes of each group must have one value."""
    claim, models, evidence = (certificate[key] for key in ("claim", "models", "evidence"))
    nets = [models[name]["inline"] for name in ("f", "g")]
    for x in sample(claim["domain"], dimension(nets[0]), count):
        found = [values(net, x, scale) for net, scale in zip(nets, scales, strict=True)]
        for group in evidence["shared"]:
            seen = {tuple(own[name].values()) for own, names in zip(found, group, strict=True) for name in names}
            demand(len(seen) == 1)
    left = [_with_inputs(net, [group[k] for group in evidence["shared"]], scales[k]) for k, net in enumerate(nets)]
    return {
        **certificate,
        "claim": {**claim, "domain": None},
        "models": {name: {"inline": net} for name, net in zip(("f", "g"), left, strict=True)},
        "evidence": {key: value for key, value in evidence.items() if key != "shared"},
    }


def _with_inputs(network, groups, scales):
    shapes = {name: list(found.shape) for name, found in values(network, [Fraction(0)] * dimension(network), scales).items()}
    heads = {names[0] for names in groups}
    copies = {name: names[0] for names in groups for name in names[1:]}
    nodes = [{"name": names[0], "op": "input", "operands": [], "shape": shapes[names[0]]} for names in groups]
    for node in network["nodes"]:
        if node["name"] in copies:
            nodes.append({"name": node["name"], "op": "reshape", "operands": [copies[node["name"]]], "shape": shapes[node["name"]]})
        elif node["name"] not in heads:
            nodes.append(node)
    needed, left = set(heads), list(network["outputs"])
    operands = {node["name"]: node["operands"] for node in nodes}
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            left += operands[name]
    nodes = [node for node in nodes if node["name"] in needed]
    demand(all(node["op"] != "input" or node["name"] in heads for node in nodes))
    return {**network, "nodes": nodes, "inputs": [names[0] for names in groups]}


def proves(certificate, scales=(None, None), count=60):
    """Whether |f - g| <= tolerance at random points of the domain."""
    claim, models = certificate["claim"], certificate["models"]
    f = models["f"]["inline"]
    for x in sample(claim["domain"], dimension(f), count):
        first = evaluate(f, x, scales[0])
        zero = [Fraction(0)] * len(first)
        second = evaluate(models["g"]["inline"], x, scales[1]) if "g" in models else zero
        if any(abs(a - b) > rational(claim["tolerance"]) for a, b in zip(first, second, strict=True)):
            return False
    return True


def keeps_apart(certificate):
    """Whether one output differs by more than the tolerance at the point, in floats."""
    claim, models, evidence = certificate["claim"], certificate["models"], certificate["evidence"]
    x, j = list(map(rational, evidence["point"])), evidence["output"]
    pair = [evaluate(models[name]["inline"], x, {"smooth": real})[j] if name in models else 0 for name in "fg"]
    gap = abs(pair[0] - pair[1]) - rational(claim["tolerance"])
    return inside(claim["domain"], x) and gap > -Fraction(1, 10**12)


def refutes(certificate):
    """Whether the point lies in the domain and has just these values, which differ by more than the tolerance."""
    claim, models, evidence = certificate["claim"], certificate["models"], certificate["evidence"]
    x, given = (list(map(rational, evidence[key])) for key in ("point", "f"))
    values_f = evaluate(models["f"]["inline"], x)
    values_g = evaluate(models["g"]["inline"], x) if "g" in models else [Fraction(0)] * len(values_f)
    return (
        inside(claim["domain"], x)
        and given == values_f
        and list(map(rational, evidence["g"])) == values_g
        and any(abs(a - b) > rational(claim["tolerance"]) for a, b in zip(values_f, values_g, strict=True))
    )
