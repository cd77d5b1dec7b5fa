"""A second checker of the core of the format, made from docs/certificate/core.md alone; its sections, in this order:

"Numbers"; affine forms and "Rule Farkas"; "Networks" (nodes `smooth` and `rational`, which that page leaves to others, are not covered);
"Rule point"; "Hull"; "Rule tree"; "Rule forms", in the element layout; "Rule pass", of networks that folding does not change, on a box;
"The file", "Models", "Claims" (T(f), `matched` and `shared` are not covered). What is not covered here stands on top, in the package.

The value of a node is an object array of its shape. Its entries are numbers, or vectors, or whatever has +, - and * by a number, so that
each operation is said once.
"""

import gzip
import hashlib
import inspect
import itertools
import json
import re
from fractions import Fraction
from functools import cache, partial
from math import ceil, floor, gcd, inf, isqrt, lcm, prod

import numpy as np

LARGEST = 20_000  # entries of a value; what is larger is not covered
WHOLE = "([0-9]{1,4300}|0x[0-9a-fA-F]+)"


class Rejected(Exception):
    """The document does not support its claim, by the text of the format."""


class NotCovered(Exception):
    """The document uses a part of the format that is not implemented here."""


def need(truth, reason):
    if not truth:
        raise Rejected(reason)


def not_covered(*about):
    raise NotCovered(f"{about}"[:99])


# --- numbers, lists, objects, tensors ---------------------------------------------------------------------------------------


def read(kind, value):
    """The value, read by its kind: a function; None for anything; a set of words; [kind] for lists, (kind, kind) for lists of two."""
    if isinstance(kind, set):
        need(type(value) in map(type, kind) and value in kind, f"one of {kind}")
    if isinstance(kind, list | tuple):
        need(isinstance(value, list) and (isinstance(kind, list) or len(kind) == len(value)), f"a list of {kind}")
        return [read(k, v) for k, v in zip(kind if isinstance(kind, tuple) else kind * len(value), value, strict=True)]
    return kind(value) if callable(kind) else value


def record(value, maybe=None, /, **kinds):
    """The values of these keys, and of those of `maybe`, {key: value if it is missing}, as they are; there are no others."""
    need(isinstance(value, dict) and kinds.keys() <= value.keys() <= kinds.keys() | (maybe or {}).keys(), f"an object with {set(kinds)}")
    return [read(kind, value[key]) for key, kind in kinds.items()] + [value.get(key, other) for key, other in (maybe or {}).items()]


def count(value, least=0):
    need(type(value) is int and value >= least, f"a whole number from {least}")
    return value


positive = partial(count, least=1)


def integer(value):
    hexadecimal = isinstance(value, str) and re.fullmatch("-?0x[0-9a-fA-F]+", value, re.ASCII)
    return int(value, 16) if hexadecimal else count(value, -inf)


def rational(value):
    if isinstance(value, str) and re.fullmatch(f"-?{WHOLE}/(?!(0x)?0+$){WHOLE}", value, re.ASCII):
        return Fraction(*(int(part, 16 if "x" in part else 10) for part in value.split("/")))
    return Fraction(integer(value))


def array(entries, shape=(-1,)):
    return np.array(list(entries), object).reshape(shape)


def read_shape(value):
    shape = tuple(read([positive], value))
    return shape if prod(shape) <= LARGEST else not_covered("a large value")


def tensor(value, denominators=None):
    shape, denominator, numerators = record(value, shape=read_shape, denominator=integer, numerators=[integer])
    need(denominator > 0 and denominators in (None, denominator) and len(numerators) == prod(shape), "a tensor")
    return array((Fraction(n, denominator) for n in numerators), shape)


# --- affine forms, and rule Farkas ------------------------------------------------------------------------------------------

ONE = (0, 0)


class Vector(dict):
    """{key: Fraction} without zeros: ONE for the constant, (1, k) for coordinate k, other keys for functions. Numbers are constants."""

    def __add__(self, other):
        total = {**self, **{key: self.get(key, 0) + w for key, w in vector(other).items()}}
        return Vector({key: w for key, w in total.items() if w})

    def __mul__(self, factor):
        return self if factor == 1 else Vector({key: w * factor for key, w in self.items()} if factor else {})

    def __sub__(self, other):
        return self + other * -1

    def __rsub__(self, other):
        return self * -1 + other

    __radd__, __rmul__ = __add__, __mul__

    def constant(self):
        return self.get(ONE, Fraction(0))

    def varies(self):
        return not self.keys() <= {ONE}

    def at(self, found):
        """The value where the coordinates are these numbers or vectors."""
        return sum((w * found[key[1]] for key, w in self.items() if key != ONE), self.constant())


def vector(value):
    return value if isinstance(value, Vector) else Vector({ONE: Fraction(value)} if value else {})


def unit(*key):
    return Vector({key: Fraction(1)})


def form(v):
    """Coprime integers, a positive multiple of v."""
    over = lcm(*(w.denominator for w in v.values()))
    return v * Fraction(over, gcd(*(int(w * over) for w in v.values())) or 1)


def gamma(v, given, proof):
    """The constant with factor h = gamma + sum y g, h the form of v, y >= 0."""
    alone = isinstance(proof, list) and not (len(proof) == 2 and isinstance(proof[1], list))
    factor, terms = (1, proof) if alone else read((integer, [None]), proof)
    in_pairs = not alone and terms and isinstance(terms[0], list)
    pairs = read([(count, integer)], terms) if in_pairs else [(i, 1) for i in read([count], terms)]
    need(factor > 0 and all(i < len(given) and y > 0 for i, y in pairs), "a row that is not there, or a number that is not positive")
    rest, pivots = factor * form(v), []
    if in_pairs:
        rest = rest - sum(y * given[i] for i, y in pairs)
    else:  # each row, less a mark, is reduced by those before it, then the form by all: what it has of a mark is the multiplier
        for i, _ in pairs:
            marked = reduced(given[i] - unit("mark", i), pivots)
            key = next((key for key in marked if key[0] != "mark" and key != ONE), None)
            need(key is not None, "rows that depend on each other")
            pivots.append((key, marked * (1 / marked[key])))
        rest = reduced(rest, pivots)
        need(all(rest.pop(("mark", i), 0) >= 0 for i, _ in pairs), "a multiplier below 0")
    need(not rest.varies(), "no constant is left")
    return rest.constant()


def reduced(v, pivots):
    for key, pivot in pivots:
        v = v - v.get(key, 0) * pivot
    return v


def shows(v, given, proof):
    """The proof shows that v >= 0 where the given ones are."""
    need(gamma(v, given, proof) >= 0, "gamma is below 0")


# --- networks ---------------------------------------------------------------------------------------------------------------

FORMATS = {"float16": (11, 24, 15), "bfloat16": (8, 133, 127), "float32": (24, 149, 127), "float64": (53, 1074, 1023)}
FIELDS = {
    **dict.fromkeys(("weight", "bias", "value", "slopes", "mean", "variance", "factor"), tensor),
    **{key: [positive] for key in ("kernel", "stride", "dilation", "steps")},
    **{key: [count] for key in ("axes", "starts", "stops")},
    **dict.fromkeys(("slope", "constant", "epsilon"), rational),
    **{"shape": read_shape, "groups": positive, "axis": count, "padding": [(count, count)], "kinks": [(rational, rational)]},
    **{"count_padding": {True, False}, "precision": set(FORMATS), "index": partial(tensor, denominators=1)},
}


def by_channel(numbers, a):
    """One number for each channel of a, as an array that is broadcast to it."""
    need(numbers.shape == a.shape[:1] != (), "a number for each channel")
    return numbers.reshape(-1, *[1] * (a.ndim - 1))


def taps(a, kernel, stride, padding, dilation):
    """The entries of a that the windows read: an array (channels, places..., taps) of row-major numbers, -1 in the padding."""
    need({len(kernel), len(stride), len(padding), len(dilation)} == {a.ndim - 1} != {0}, "another number of spatial axes")
    if len(a) * prod(n + sum(p) for n, p in zip(a.shape[1:], padding, strict=True)) * prod(kernel) > 100 * LARGEST:
        not_covered("large windows")
    grid = np.pad(np.arange(a.size).reshape(a.shape), [(0, 0), *padding], constant_values=-1)
    wide = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(grid, wide, tuple(range(1, a.ndim)))
    windows = windows[(slice(None), *(slice(None, None, step) for step in (*stride, *dilation)))]
    return windows.reshape(*windows.shape[: a.ndim], -1)


def affine(a, *, weight, bias):
    need(weight.ndim == 2 and bias.shape == weight.shape[:1], "shapes of weight and bias")
    return a @ weight.T + bias


def conv(a, *, weight, bias, stride, padding, dilation, groups):
    windows, (outs, ins) = np.append(a, 0)[taps(a, weight.shape[2:], stride, padding, dilation)], weight.shape[:2]
    need(len(a) == ins * groups and outs % groups == 0, "channels and groups")
    pairs = zip(np.split(weight.reshape(outs, ins, -1), groups), np.split(windows, groups), strict=True)
    found = np.concatenate([np.tensordot(w, x, ((1, 2), (0, -1))) for w, x in pairs])
    return found + by_channel(bias, found)


def average_pool(a, *, kernel, stride, padding, count_padding):
    windows = taps(a, kernel, stride, padding, [1] * len(kernel))
    counted = np.sum((windows >= 0) | count_padding, axis=-1)
    need(counted.all(), "an empty window")
    return np.append(a, 0)[windows].sum(axis=-1) * array((Fraction(1, n) for n in counted.ravel().tolist()), counted.shape)


@cache
def rounded_scale(weight, radicand, precision):
    """weight / sqrt(radicand), rounded to the nearest number of the format, ties to even."""
    need(radicand > 0, "a radicand that is not positive")
    bits, least, top = FORMATS[precision]
    square, step = weight**2 / radicand, Fraction(1, 2**least)
    while square >= (step * 2**bits) ** 2:
        step *= 2
    halves = isqrt(floor(4 * square / step**2))
    up = halves % 2 and (halves % 4 == 3 or 4 * square != (halves * step) ** 2)
    value = (halves // 2 + up) * step
    need(value <= (2 - Fraction(2, 2**bits)) * 2**top, "a scale beyond the largest number")
    return value if weight > 0 else -value


def batch_norm(a, *, mean, variance, weight, bias, epsilon, precision):
    mean, variance, weight, bias = (by_channel(numbers, a) for numbers in (mean, variance, weight, bias))
    scales = [rounded_scale(w, v, precision) for w, v in zip(weight.flat, (variance + epsilon).flat, strict=True)]
    return (a - mean) * array(scales, weight.shape) + bias


def piecewise_linear(ask, a, *, slope, constant, kinks):
    need(all(p for _, p in kinks) and all(s[0] < t[0] for s, t in itertools.pairwise(kinks)), "kinks that do not increase, or a jump of 0")
    return sum((p * ask(a - t) for t, p in kinks), slope * a + constant)


def prelu(ask, a, *, slopes):
    slopes = by_channel(slopes, a)
    return slopes * a + (1 - slopes) * ask(a)


def max_pool(ask, a, *, kernel, stride, padding, dilation):
    windows = taps(a, kernel, stride, padding, dilation)
    inside = [[p for p in window if p >= 0] for window in windows.reshape(-1, prod(kernel)).tolist()]
    need(all(inside), "an empty window")
    entries, top = a.reshape(-1), a.reshape(-1)[[window[0] for window in inside]]
    for k in range(1, max(map(len, inside))):
        longer = [i for i, window in enumerate(inside) if len(window) > k]
        top[longer] = top[longer] + ask(entries[[inside[i][k] for i in longer]] - top[longer])
    return top.reshape(windows.shape[:-1])


AFFINE = {  # their arguments are the operands, those by name the fields
    **{"affine": affine, "conv": conv, "average_pool": average_pool, "batch_norm": batch_norm, "subtract": lambda a, b: a - b},
    "gather": lambda a, *, index: a.reshape(-1)[np.unravel_index(index.astype(int), (a.size,))],
    **{"reshape": lambda a, *, shape: a.reshape(shape), "transpose": lambda a, *, axes: a.transpose(axes)},
    "slice": lambda a, *, starts, stops, steps: a[tuple(slice(*s) for _, *s in zip(a.shape, starts, stops, steps, strict=True))],
    **{"concat": lambda *x, axis: np.concatenate(x, axis), "scale": lambda a, *, factor: np.broadcast_to(factor, a.shape) * a},
    **{"constant": lambda *, value: value, "input": lambda *, shape: np.zeros(shape, int), "add": lambda a, b: a + b},
}
BENT = {"piecewise_linear": piecewise_linear, "prelu": prelu, "max_pool": max_pool}  # they ask for max(z, 0), z a stage
arguments = cache(inspect.getfullargspec)


def read_network(document):
    *_, inputs, outputs, nodes = record(document, format={"exactnn-network"}, version={1}, inputs=[None], outputs=[None], nodes=[None])
    found = {}
    for item in nodes:
        op = read({*AFFINE, *BENT, "smooth", "rational"}, item.get("op") if isinstance(item, dict) else None)
        operation = AFFINE.get(op) or BENT.get(op) or not_covered(op)
        operands, more, _, _, keys, *_ = arguments(operation)
        name, _, names, *fields = record(item, name=None, op=None, operands=[set(found)], **{key: FIELDS[key] for key in keys})
        need(isinstance(name, str) and name and name not in found, "a name that is none, or not the only one")
        need(more or len(names) == len(operands) - (op in BENT), "another number of operands")
        found[name] = made(name, op, names, dict(zip(keys, fields, strict=True)), [found[o]["shape"] for o in names])
    own = sorted(name for name, node in found.items() if node["op"] == "input")
    need(own and sorted(read([set(found)], inputs)) == own and read([set(found)], outputs), "inputs are the input nodes, outputs are nodes")
    return {"nodes": found, "inputs": inputs, "outputs": outputs}


def made(name, op, operands, fields, shapes):
    """A node with its shape, which is that of its value at zeros."""
    node = {"name": name, "op": op, "operands": operands, "fields": fields, "shapes": shapes}
    try:
        found = value(node, [np.zeros(shape, int) for shape in shapes], lambda node, z, *function: z)
    except (ValueError, IndexError, OverflowError) as error:  # numpy's, about shapes that do not fit
        raise Rejected(str(error)) from error
    need(found.size, "no entries")
    return {**node, "shape": found.shape} if found.size <= LARGEST else not_covered("a large value")


def sizes(net, names):
    return [prod(net["nodes"][name]["shape"]) for name in names]


def coordinates(net):
    """The flat coordinates of each input."""
    ends = itertools.accumulate(sizes(net, net["inputs"]), initial=0)
    return {name: range(*pair) for name, pair in zip(net["inputs"], itertools.pairwise(ends), strict=True)}


def value(node, x, ask=None):
    """The value of a node, x the values of its operands; ask(node, z) gives max(z, 0), and may give other functions, named behind z."""
    operation = AFFINE[node["op"]] if node["op"] in AFFINE else partial(BENT[node["op"]], partial(ask, node))
    return np.asarray(operation(*map(np.asarray, x), **node["fields"]), object)


def run(net, x, ask):
    """The flat output, x the entries of the flat input."""
    found = {name: array((x[j] for j in where), net["nodes"][name]["shape"]) for name, where in coordinates(net).items()}
    for name, node in net["nodes"].items():
        if name not in found:
            found[name] = value(node, [found[o] for o in node["operands"]], ask)
    return [v for o in net["outputs"] for v in found[o].flat]


# --- rule point -------------------------------------------------------------------------------------------------------------


def exactly(node, z):
    return np.maximum(z, 0)


def rule_point(evidence, nets, tolerance, domain, inputs, outputs, ask=exactly):
    _, point, f, g = record(evidence, method=None, point=(rational,) * inputs, f=(rational,) * outputs, g=(rational,) * outputs)
    need(all(v.at(point) >= 0 for v in domain), "the point is outside")
    need([run(net, point, ask) for net in nets] == [f, g][: len(nets)] and (nets[1:] or not any(g)), "other values")
    need(any(abs(p - q) > tolerance for p, q in zip(f, g, strict=True)), "no output differs")


# --- hull -------------------------------------------------------------------------------------------------------------------


def frame(hull, domain, inputs):
    """Vectors over the coordinates: of the flat inputs, and of the slacks of the domain."""
    x, row = [unit(1, j) for j in range(inputs)], (rational,) * inputs
    if hull is None:
        return x, domain
    origin, directions, coordinates, equalities = record(hull, origin=row, directions=[row], coordinates=[row], equalities=[None])
    need(domain and len(directions) == len(coordinates), "a hull without a domain, or too few coordinates")
    composed = sum(array(d) * (array(c) @ array(x)) for d, c in zip(directions, coordinates, strict=True))
    for equality in equalities:
        i, coefficients, proof = record(equality, row=count, coefficients=row, farkas=None)
        need(i < len(domain) and domain[i].at(origin) == 0, "a row that is not there, or the origin is not on it")
        shows(0 - domain[i], [form(v) for v in domain], proof)
        composed = composed + array(coefficients) * (domain[i].constant() - domain[i])
    need(np.all(composed == array(x)), "the sum of the matrices, applied to x, is not x")
    x = [sum((d[j] * unit(1, k) for k, d in enumerate(directions)), vector(o)) for j, o in enumerate(origin)]
    return x, [vector(v.at(x)) for v in domain]


def apart(outputs):
    """The entries of one flat output less those of the other, if there is another."""
    f, *g = map(array, outputs)
    return list(map(vector, f - g[0] if g else f))


def settle(differences, tolerance, pairs, shown):
    """They are all 0, or each pair of proofs shows that one is within the tolerance."""
    need(pairs is not None or not any(differences), "an output is not 0")
    for v, (low, high) in [] if pairs is None else zip(differences, read(((None, None),) * len(differences), pairs), strict=True):
        shown(tolerance - v, low)
        shown(tolerance + v, high)


# --- rule tree --------------------------------------------------------------------------------------------------------------


def scaled(z):
    """(c, h) with z = c h and h the same for all multiples of z; for a constant c = z, h = None."""
    c = z[min(key for key in z if key != ONE)] if z.varies() else z.constant()
    return c, frozenset((key, w / c) for key, w in z.items()) if z.varies() else None


class Cell:
    """A part of the domain: its forms, the signs known on it, and the values of the units of the stages that were left."""

    def __init__(self, nets, start, functions, forms, signs, left):
        self.nets, self.start, self.functions, self.forms, self.signs, self.left = nets, start, functions, forms, signs, left

    def run(self):
        """Through the networks; units of stages that were not left have the values that the signs known now give them."""
        self.units, self.ends, self.values = [], [], list(self.left)

        def ask(node, z):
            self.units += map(vector, np.ravel(z))
            self.ends.append(len(self.units))
            if len(self.values) < len(self.ends):
                self.values.append(array(map(self.maximum, self.units[-np.size(z) :]), np.shape(z)))
            return self.values[len(self.ends) - 1]

        self.outputs = apart([run(net, self.start, ask) for net in self.nets])

    def maximum(self, z):
        """z, 0, or a function of which only the sign is open."""
        c, h = scaled(z)
        if h in self.signs:
            return z if c * self.signs[h] > 0 else Vector()
        top = abs(c) * unit(2, self.functions.setdefault(h, len(self.functions)))
        return top if c > 0 else top + z

    def named(self, u):
        """z of a unit that may be named; the stages before its own are left."""
        self.run()
        z = self.units[u] if count(u) < len(self.units) else Vector()
        need(z.varies() and all(key[0] < 2 for key in z), "a unit that is not there, is constant, or depends on open ones")
        self.left = self.values[: max(len(self.left), sum(end <= u for end in self.ends))]
        return z

    def fix(self, z, sign):
        c, h = scaled(z)
        self.signs = {**self.signs, h: sign * c}

    def settled(self):
        """The differences of the outputs, functions whose sign is known replaced, the last ones first."""
        self.run()
        for h, i in reversed(self.functions.items()):
            if h in self.signs:
                more = Vector(h if self.signs[h] > 0 else ()) - unit(2, i)
                self.outputs = [v + v.get((2, i), 0) * more for v in self.outputs]
        return self.outputs


def rule_tree(evidence, nets, tolerance, domain, inputs, outputs):
    _, hull, nodes = record(evidence, method=None, hull=None, tree=[None])
    start, slacks = frame(hull, domain, inputs)
    grow(nodes, Cell(nets, start, {}, [form(v) for v in slacks], {None: 1}, []), tolerance)
    need(not nodes, "nodes are left over")


def grow(left, cell, tolerance):
    need(left, "a node is missing")
    kind, facts, end = read(({"split", "leaf"}, [(count, {1, -1}, None)], None), left.pop(0))
    for u, sign, proof in facts:
        shows(sign * cell.named(u), cell.forms, proof)
        cell.fix(cell.named(u), sign)
    if kind == "leaf":
        need(end is None or tolerance > 0, "bounds without a tolerance")
        return settle(cell.settled(), tolerance, end, lambda v, proof: shows(v, cell.forms, proof))
    z = cell.named(end)
    for sign in (1, -1):
        part = Cell(cell.nets, cell.start, cell.functions, [*cell.forms, sign * form(z)], cell.signs, cell.left)
        part.fix(z, sign)
        grow(left, part, tolerance)


# --- rule forms, in the element layout --------------------------------------------------------------------------------------


class Forms:
    """The atoms made so far, and what they are of."""

    grid = None  # of the node that is gone through: here each form is one entry

    def __init__(self, start, slacks, elements, bounds):
        self.start, self.slacks, self.elements, self.bounds, self.made = start, slacks, elements, bounds, []

    def atom(self, a, kind, form):
        if a == len(self.made):
            self.made.append((kind, form))
        need(a < len(self.made) and self.made[a] == (kind, form), "another atom, or one that is not made yet")
        return unit(2, a)

    def maximum(self, a):
        """An atom, and the form l_a that it is the maximum of."""
        need(count(a) < len(self.made) and self.made[a][0] == ("max", self.grid), "no atom of a maximum")
        return unit(2, a), self.made[a][1]

    def term(self, kind, index, below):
        need(kind not in ("slack", "chord") or self.grid is None, "slacks and chords are of single entries")
        if kind == "slack":
            need(count(index) < len(self.slacks), "no such slack")
            return self.slacks[index]
        atom, form = self.maximum(index)
        low, high = self.bounds.get(index, (0, Fraction(1)))
        need(kind != "chord" or (index in self.bounds and index < below), "a chord without bounds")
        return {"atom": atom, "mirror": atom - form, "chord": high / (high - low) * (form - low) - atom}[kind]

    def shown(self, v, proof, below=inf):
        """The proof shows v >= 0."""
        terms = read([({"atom", "mirror", "slack", "chord"}, None, rational)], proof)
        rest = v - sum(c * self.term(kind, index, below) for kind, index, c in terms)
        need(all(c > 0 for _, _, c in terms) and not rest.varies() and rest.constant() >= 0, "no constant gamma >= 0 is left")

    def positive(self, z, line):
        """max(z, 0) by its line."""
        if line is None:
            return unit(3, object())  # equal to no other
        if isinstance(line, list) and len(line) == 4:
            _, a, sign, factor = read(({"atom"}, count, {1, -1}, rational), line)
            need(factor > 0, "a factor that is not positive")
            return factor * self.atom(a, ("max", self.grid), z * (sign / factor)) + (z if sign < 0 else 0)
        word, proof = read(({"on", "off"}, None), line)
        self.shown(z if word == "on" else z * -1, proof)
        return z if word == "on" else Vector()

    def outputs(self, net, lines):
        """The forms of the flat output."""
        need(isinstance(lines, dict) and lines.keys() <= net["nodes"].keys(), "lines of nodes that are not there")
        left = {name: read([None], lines.get(name, []))[::-1] for name in net["nodes"]}

        def ask(node, z, *function):
            need(len(left[node["name"]]) >= np.size(z), "a line is missing")
            return array((self.positive(vector(v), left[node["name"]].pop(), *function) for v in np.ravel(z)), np.shape(z))

        found = self.run(net, ask)
        need(not any(left.values()), "lines are left over")
        return found

    def run(self, net, ask):
        spatial = {n["op"] for n in net["nodes"].values() if len(n["shape"]) > 1} - ({"input"} if self.elements else set())
        return not_covered("the channel layout") if spatial & {"input", "constant"} else run(net, self.start, ask)


def rule_forms(evidence, nets, tolerance, domain, inputs, outputs, kind=Forms):
    maybe = {"elements": False, "bounds": []}
    _, hull, f, g, output, elements, bounds = record(evidence, maybe, method=None, hull=None, f=None, g=None, output=None)
    bounds = read([(count, rational, None, rational, None)], bounds)
    need(all(low <= 0 <= high and low < high for _, low, _, high, _ in bounds), "bounds without 0 between them")
    of = {a: (low, high) for a, low, _, high, _ in bounds}
    need(len(of) == len(bounds) and (nets[1:] or g == {}), "bounds stated twice, or lines of a network that is not there")
    forms = kind(*frame(hull, domain, inputs), read({True, False}, elements) or hull is not None, of)
    differences = apart([forms.outputs(net, lines) for net, lines in zip(nets, (f, g), strict=False)])
    for a, low, proof_low, high, proof_high in bounds:
        forms.shown(forms.maximum(a)[1] - low, proof_low, a)
        forms.shown(high - forms.maximum(a)[1], proof_high, a)
    settle(differences, tolerance, output, forms.shown)


# --- rule pass, of networks that folding does not change, on a box ----------------------------------------------------------

FIXED = ("kernel", "stride", "padding", "dilation", "groups", "axis", "axes", "index", "function")


def span(v, x):
    """All values of a vector on intervals of the coordinates."""
    ends = [[w * x[key[1]][side if w > 0 else 1 - side] for key, w in v.items() if key != ONE] for side in (0, 1)]
    return tuple(sum(end, v.constant()) for end in ends)


def symbols(shapes, first=0):
    """Arrays of these shapes, whose entries are the coordinates from the first one on."""
    ends = itertools.accumulate(map(prod, shapes), initial=first)
    return [array((unit(1, k) for k in range(*pair)), shape) for pair, shape in zip(itertools.pairwise(ends), shapes, strict=True)]


def units_of(node):
    """(q, r, kinks) of each entry."""
    fields, size = node["fields"], prod(node["shape"])
    if node["op"] == "prelu":
        return [(q, 0, [(0, 1 - q)]) for q in np.repeat(fields["slopes"], size // len(fields["slopes"]))]
    return [(fields["slope"], fields["constant"], fields["kinks"])] * size


def bend(unit, t):
    return unit[0] * t + unit[1] + sum(p * max(t - k, 0) for k, p in unit[2])


def slopes_of(unit, low, high):
    """The least and the largest slope between the ends."""
    found = [unit[0] + sum(p for k, p in unit[2] if k <= t) for t in (low, *(k for k, _ in unit[2] if low < k < high))]
    return (min(found), max(found)) if low < high else (0, 0)


def steps_of(unit, x, y, d):
    """Between which ends psi(a) - psi(b) lies, a in x, b in y, a - b in d."""
    if unit[0] < 0 or any(p < 0 for _, p in unit[2]):
        found = [s * e for s in slopes_of(unit, min(x[0], y[0]), max(x[1], y[1])) for e in d]
        return min(found), max(found)
    (a, b), (p, q) = ((x[side], y[side]) for side in (d[0] < 0, d[1] >= 0))
    low = max(bend(unit, a) - bend(unit, a - d[0]), bend(unit, b + d[0]) - bend(unit, b))
    high = min(bend(unit, p) - bend(unit, p - d[1]), bend(unit, q + d[1]) - bend(unit, q))
    return low, high


def numbers(node, x):
    """The entries of a node, those of its operand given."""
    return value(node, [array(x, node["shapes"][0])], exactly).reshape(-1)


def extremes(x, f, g=None):
    """Least and largest values on intervals of a node that is not affine, or of f - g: they are at ends and kinks."""
    kinks = {0, *(k for node in (f, g) if node for k, _ in node["fields"].get("kinks", ()))}
    points = [[min(max(k, low), high) for low, high in x] for k in (-inf, *kinks, inf)]
    found = [numbers(f, point) - (numbers(g, point) if g else 0) for point in points]
    return [(min(ends), max(ends)) for ends in zip(*found, strict=True)]


def closer(f, g, x, y, d):
    """Intervals of the differences of alike nodes, x, y, d those of the operands and of their differences."""
    if f["op"] in AFFINE:
        h, moved = symbols(f["shapes"]), symbols(g["shapes"], len(x))
        found = value(f, h).ravel() - value(g, [p.reshape(q.shape) - q for p, q in zip(h, moved, strict=True)]).ravel()
        return [span(vector(v), x + d) for v in found]
    if f["op"] == "max_pool":
        return list(zip(-numbers(f, [-low for low, _ in d]), numbers(f, [high for _, high in d]), strict=True))
    pairs = zip(extremes(x, f, g), map(steps_of, units_of(g), x, y, d), strict=True)
    return [(low + down, high + up) for (low, high), (down, up) in pairs]


def stands_for(node):
    """Whether a node stands for what it reads."""
    return node["op"] == "reshape" or (node["op"] == "piecewise_linear" and units_of(node)[0] == (1, 0, []))


def common(node):
    """What nodes that are alike have in common; slices what they take."""
    fields = [(key, isinstance(v, np.ndarray) and v.shape, key in FIXED and np.array(v).tolist()) for key, v in node["fields"].items()]
    taken = node["op"] == "slice" and value(node, [np.arange(prod(shape)).reshape(shape) for shape in node["shapes"]]).tolist()
    return node["op"], node["shape"], node["op"] == "affine" or node["shapes"], fields, taken


class Pass:
    """Two networks on a box, or one: intervals of the entries of their nodes, and of differences, as they are asked for."""

    def __init__(self, nets, box, bits):
        self.nodes, self.inputs, self.box, self.one = [net["nodes"] for net in nets], list(map(coordinates, nets)), box, 2**bits
        self.value, self.difference = cache(self.value), cache(self.difference)

    def rounded(self, pairs):
        return [(Fraction(floor(low * self.one), self.one), Fraction(ceil(high * self.one), self.one)) for low, high in pairs]

    def value(self, k, name):
        node = self.nodes[k][name]
        if node["op"] == "input":
            return self.rounded(self.box[j] for j in self.inputs[k][name])
        x, affine = self.operands(k, node), node["op"] in AFFINE
        return self.rounded([span(vector(v), x) for v in value(node, symbols(node["shapes"])).flat] if affine else extremes(x, node))

    def operands(self, k, node):
        return [v for o in node["operands"] for v in self.value(k, o)]

    def difference(self, *names):
        """Intervals of the entries of a node of f minus those of a node of g."""
        f, g = (nodes[name] for nodes, name in zip(self.nodes, names, strict=True))
        if stands_for(f) or stands_for(g):
            return self.difference(*(node["operands"][0] if stands_for(node) else node["name"] for node in (f, g)))
        alike = (self.inputs[0].get(f["name"]) or common(f)) == (self.inputs[1].get(g["name"]) or common(g))
        pairs = zip(f["operands"], g["operands"], strict=True) if alike else ()
        return self.rounded(self.apart(f, g, alike, [v for pair in pairs for v in self.difference(*pair)]))

    def apart(self, f, g, alike, d):
        """Their differences, d those of the operands of nodes that are alike."""
        found = [(a - q, b - p) for (a, b), (p, q) in zip(self.value(0, f["name"]), self.value(1, g["name"]), strict=True)]
        near = closer(f, g, self.operands(0, f), self.operands(1, g), d) if alike else found
        return [(max(a, p), min(b, q)) for (a, b), (p, q) in zip(found, near, strict=True)]


def bounds_between(nets, box, bits, kind=Pass):
    """Intervals that hold the differences of the outputs on a box."""
    run, names = kind(nets, box, bits), [net["outputs"] for net in nets]
    if nets[1:] and sizes(nets[0], names[0]) == sizes(nets[1], names[1]):
        return [v for pair in zip(*names, strict=True) for v in run.difference(*pair)]
    f, *g = ([v for o in outputs for v in run.value(k, o)] for k, outputs in enumerate(names))
    return [(a - q, b - p) for (a, b), (p, q) in zip(f, *g, strict=True)] if g else f


def between(nets, box, bits):
    """The same, as far as the core goes."""
    pairs = {(n["op"], net["nodes"][o]["op"]) for net in nets for n in net["nodes"].values() for o in n["operands"]}
    folding = {op for op, _ in pairs} & {"batch_norm", "scale", "add", "subtract"} or pairs & {("affine", "affine"), ("affine", "reshape")}
    if box is None or folding:
        not_covered("everywhere, and folding")
    return bounds_between(nets, box, bits)


def bounds_of_pass(evidence, nets, domain, between=between):
    """The same by evidence."""
    _, bits, stated = record(evidence, {"box": []}, method=None, bits=count)
    need(16 <= bits <= 4096, "bits from 16 to 4096")
    return between(nets, sides(domain, sum(sizes(nets[0], nets[0]["inputs"])), stated) if domain and stated is not None else None, bits)


def rule_pass(evidence, nets, tolerance, domain, inputs, outputs, between=between):
    found = bounds_of_pass(evidence, nets, domain, between)
    need(all(-tolerance <= low and high <= tolerance for low, high in found), "an output differs by more")


def sides(domain, inputs, stated):
    """The box: intervals of the inputs, by rows with one entry and by combinations of rows."""
    upper = {(j, s): [] for j in range(inputs) for s in (1, -1)}  # bounds of s x_j
    alone = [[key[1], -1 if v[key] > 0 else 1, [r]] for r, v in enumerate(domain) for key in v.keys() - {ONE} if v.keys() <= {ONE, key}]
    for j, s, terms in [*alone, *read([(count, {1, -1}, [None])], stated)]:
        need(j < inputs, "no such side")
        upper[j, s].append(-gamma(unit(1, j) * -s, [form(v) for v in domain], [1, terms]))
    need(all(upper.values()), "an input without bounds")
    box = [(-min(upper[j, -1]), min(upper[j, 1])) for j in range(inputs)]
    need(all(low <= high for low, high in box), "bounds that contradict each other")
    return box


# --- the file, models, claims -----------------------------------------------------------------------------------------------

RULES = {"point": rule_point, "enclosure": not_covered, "tree": rule_tree, "forms": rule_forms, "pass": rule_pass, "boxes": not_covered}
ELSEWHERE = {"equal_at", "same_decision", "deviation", "execution_error", "regions", "orbits", "identity", "pole_free"}


def read_file(data):
    """The document in a file's bytes."""

    def unique(pairs):
        need(len(dict(pairs)) == len(pairs), "a key occurs twice")
        return dict(pairs)

    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_float=int, parse_constant=int)  # which no float is
    except (ValueError, OSError, EOFError, RecursionError) as error:
        raise Rejected(str(error)) from error


def check(document, rules=RULES, transformed=not_covered, prepared=not_covered):
    """None, if the document supports its claim; else raises Rejected, or NotCovered. What else is given is what lies beyond the core."""
    document = read_file(document) if isinstance(document, bytes) else document
    kinds = {"format": {"exactnn-certificate"}, "version": {2}, "semantics": {"real arithmetic"}}
    *_, claim, models, evidence, _ = record(document, {"about": None}, **kinds, claim=None, models=None, evidence=None)
    need(isinstance(claim, dict) and isinstance(evidence, dict), "claim and evidence are objects")
    question = read({"equal", "zero", "symmetry", *ELSEWHERE}, claim.get("question"))
    if question in ELSEWHERE:
        not_covered(question)
    kinds = {"answer": {"proved", "refuted"}, "tolerance": rational, "domain": None, "question": None}
    answer, tolerance, domain, _, *steps = record(claim, **kinds, **({"transformation": None} if question == "symmetry" else {}))
    method = read({"point", "enclosure"} if answer == "refuted" else {"tree", "forms", "pass", "boxes"}, evidence.get("method"))
    nets = record(models, **dict.fromkeys("fg" if question == "equal" else "f", read_model))
    nets += [transformed(nets[0], step) for step in steps]
    (inputs, outputs), *same = ([sum(sizes(net, net[key])) for key in ("inputs", "outputs")] for net in nets)
    need(tolerance >= 0 and all(size == [inputs, outputs] for size in same), "a tolerance below 0, or networks of other sizes")
    domain = read_domain(domain, inputs)
    if evidence.keys() & {"matched", "shared", "denominators"}:
        evidence, nets, domain = prepared(question, answer, evidence, nets, domain)
    rules[method](evidence, nets, tolerance, domain, sum(sizes(nets[0], nets[0]["inputs"])), outputs)


def read_model(model):
    if isinstance(model, dict) and model.keys() & {"slice", "format"}:
        not_covered("models in files, and slices")
    digest, document = record(model, sha256=None, inline=None)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    need(digest == hashlib.sha256(text.encode("utf-8")).hexdigest(), "another hash")
    return read_network(document)


def read_domain(domain, inputs):
    """The slacks b - A x, vectors over the inputs; none for all of space."""
    a, b = record(domain, A=tensor, b=tensor) if domain is not None else (array([], (0, inputs)), array([]))
    need(a.ndim == 2 and a.shape == (*b.shape, inputs), "shapes of A and b")
    return [Vector({(1, j): -w for j, w in enumerate(row) if w}) + bound for row, bound in zip(a, b, strict=True)]
