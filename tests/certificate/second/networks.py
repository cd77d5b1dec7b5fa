"""Networks as JSON objects, what each operation means, and how a network is gone through."""

import itertools
from fractions import Fraction
from math import isqrt, prod

from tests.certificate.second.values import (
    LARGEST,
    NotCovered,
    count,
    integer,
    need,
    one_of,
    rational,
    record,
    several,
    shape,
    table,
    tensor,
)
from tests.certificate.second.vectors import add, applied, const

COUNTS, STEPS = several(count), several(lambda v: count(v, 1))
SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")
FORMATS = {"float16": (11, 24, 15), "bfloat16": (8, 133, 127), "float32": (24, 149, 127), "float64": (53, 1074, 1023)}
WINDOW = {"stride": STEPS, "padding": several(several(count, 2)), "dilation": STEPS}
FIELDS = {
    "input": {"shape": shape},
    "constant": {"value": tensor},
    "affine": {"weight": tensor, "bias": tensor},
    "conv": {"weight": tensor, "bias": tensor, **WINDOW, "groups": lambda v: count(v, 1)},
    "piecewise_linear": {"slope": rational, "constant": rational, "kinks": several(several(rational, 2))},
    "prelu": {"slopes": tensor},
    "max_pool": {"kernel": STEPS, **WINDOW},
    "average_pool": {"kernel": STEPS, "stride": STEPS, "padding": WINDOW["padding"], "count_padding": one_of(True, False)},
    "batch_norm": {**dict.fromkeys(("mean", "variance", "weight", "bias"), tensor), "epsilon": rational, "precision": one_of(*FORMATS)},
    "reshape": {"shape": shape},
    "transpose": {"axes": COUNTS},
    "slice": {"starts": COUNTS, "stops": COUNTS, "steps": STEPS},
    "gather": {"index": tensor},
    "concat": {"axis": count},
    "add": {},
    "subtract": {},
    "scale": {"factor": tensor},
    "smooth": {"function": one_of(*SMOOTH)},
    "rational": {"numerator": several(rational), "denominator": several(rational)},
}


def read_network(document):
    form, version, inputs, outputs, nodes = record(document, "format", "version", "inputs", "outputs", "nodes")
    need(form == "exactnn-network" and type(version) is int and version == 1, "another format of networks")
    found = {}
    for item in several(lambda n: n)(nodes):
        need(isinstance(item, dict) and isinstance(item.get("op"), str) and item["op"] in FIELDS, "an unknown operation")
        fields = FIELDS[item["op"]]
        name, op, operands, *values = record(item, "name", "op", "operands", *fields)
        need(isinstance(name, str) and name and name not in found, "a name that is none, or not the only one")
        need(isinstance(operands, list) and all(isinstance(o, str) and o in found for o in operands), "operands are earlier nodes")
        arity = {"input": 0, "constant": 0, "concat": len(operands) or 1, "add": 2, "subtract": 2}.get(op, 1)
        need(len(operands) == arity, "another number of operands")
        parsed = {key: read(value) for (key, read), value in zip(fields.items(), values, strict=True)}
        need(op != "gather" or integer(item["index"]["denominator"]) == 1, "an index with a denominator")
        found[name] = meant(name, op, operands, parsed, [found[o]["shape"] for o in operands])
    for names in (inputs, outputs):
        need(isinstance(names, list) and names and all(isinstance(n, str) and n in found for n in names), "inputs and outputs are nodes")
    need(sorted(inputs) == sorted(n for n in found if found[n]["op"] == "input"), "inputs are the input nodes")
    return {"nodes": list(found.values()), "inputs": inputs, "outputs": outputs}


def meant(name, op, operands, fields, shapes):
    """A node with its shape and what it does: `rows` (affine), `units` (one for each entry), `windows` (of a maximum), or neither."""
    node = {"name": name, "op": op, "operands": operands, "fields": fields, "shapes": shapes}
    size, meaning = MEANING[op](fields, *shapes)
    if prod(size) > LARGEST:
        raise NotCovered("a large value")
    return {**node, "shape": tuple(size), **meaning}


def sizes(net, names):
    by_name = {n["name"]: prod(n["shape"]) for n in net["nodes"]}
    return [by_name[name] for name in names]


def starts(net):
    """The first flat coordinate of each input."""
    return dict(zip(net["inputs"], itertools.accumulate(sizes(net, net["inputs"]), initial=0), strict=False))


def reads_only(node):
    """Whether the node is a reshape, or the identity."""
    return node["op"] == "reshape" or (node["op"] == "piecewise_linear" and node["units"][0] == (1, 0, []))


def places(size):
    return itertools.product(*map(range, size))


def at(size, index):
    """The row-major place of an index."""
    place = 0
    for n, i in zip(size, index, strict=True):
        place = place * n + i
    return place


def picks(found):
    return [{(1, p): Fraction(1)} for p in found]


def broadcast(size, target):
    """For each entry of the target shape the place that it reads in a tensor of the size that is broadcast to it."""
    wide = (1,) * (len(target) - len(size)) + tuple(size)
    need(len(wide) == len(target) and all(n in (1, m) for n, m in zip(wide, target, strict=True)), "shapes that do not fit")
    return [at(wide, [i if n > 1 else 0 for n, i in zip(wide, index, strict=True)]) for index in places(target)]


def windows(size, kernel, stride, padding, dilation):
    """Sizes of the result, and for each of its places the pairs (place in the kernel, place read), inside the grid only."""
    need(len(size) == len(kernel) == len(stride) == len(padding) == len(dilation) and size, "another number of spatial axes")
    axes = list(zip(size, kernel, stride, padding, dilation, strict=True))
    out = [(n + b + e - d * (k - 1) - 1) // s + 1 for n, k, s, (b, e), d in axes]
    need(min(out) >= 1, "no place for a window")
    if prod(out) * prod(kernel) > 50 * LARGEST:
        raise NotCovered("large windows")
    found = []
    for index in places(out):
        taps = [[i * s - b + t * d for i, t, (_, _, s, (b, _), d) in zip(index, tap, axes, strict=True)] for tap in places(kernel)]
        found.append([(k, at(size, tap)) for k, tap in enumerate(taps) if all(0 <= p < n for p, n in zip(tap, size, strict=True))])
    return out, found


def mean_affine(fields, size):
    (shape_w, _), (shape_b, bias) = fields["weight"], fields["bias"]
    need(len(shape_w) == 2 and size and size[-1] == shape_w[1] and shape_b == shape_w[:1], "shapes of weight and bias")
    matrix, n = table(fields["weight"]), shape_w[1]
    rows = [
        add((1, const(b)), (1, {(1, v * n + i): w for i, w in enumerate(row)}))
        for v in range(prod(size[:-1]))
        for row, b in zip(matrix, bias, strict=True)
    ]
    return (*size[:-1], shape_w[0]), {"rows": rows}


def mean_conv(fields, size):
    (sizes_w, weight), (shape_b, bias), groups = fields["weight"], fields["bias"], fields["groups"]
    need(len(sizes_w) >= 3 and len(size) == len(sizes_w) - 1 and shape_b == sizes_w[:1], "shapes of weight and bias")
    outs, ins, *kernel = sizes_w
    need(size[0] == ins * groups and outs % groups == 0, "channels and groups")
    grid, taps, area = prod(size[1:]), prod(kernel), outs // groups
    out, found = windows(size[1:], kernel, fields["stride"], fields["padding"], fields["dilation"])
    rows = []
    for o in range(outs):
        for window in found:
            pairs = [(i, k, p) for i in range(ins) for k, p in window]
            terms = {(1, (o // area * ins + i) * grid + p): weight[(o * ins + i) * taps + k] for i, k, p in pairs}
            rows.append(add((1, terms), (1, const(bias[o]))))
    return (outs, *out), {"rows": rows}


def mean_piecewise(fields, size):
    kinks = fields["kinks"]
    need(all(p for _, p in kinks) and all(s[0] < t[0] for s, t in itertools.pairwise(kinks)), "kinks that do not increase, or a jump of 0")
    return size, {"units": [(fields["slope"], fields["constant"], kinks)] * prod(size)}


def mean_prelu(fields, size):
    shape_s, slopes = fields["slopes"]
    need(size and shape_s == size[:1], "a slope for each channel")
    return size, {"units": [(q, Fraction(0), [[Fraction(0), 1 - q]]) for q in slopes for _ in range(prod(size[1:]))]}


def pooled(fields, size):
    need(len(size) > 1, "pooling without a spatial axis")
    out, found = windows(size[1:], *(fields.get(key, [1] * len(fields["kernel"])) for key in ("kernel", "stride", "padding", "dilation")))
    grid = prod(size[1:])
    return (size[0], *out), [[c * grid + p for _, p in window] for c in range(size[0]) for window in found]


def mean_max(fields, size):
    out, found = pooled(fields, size)
    need(all(found), "an empty window")
    return out, {"windows": found}


def mean_average(fields, size):
    out, found = pooled(fields, size)
    need(fields["count_padding"] or all(found), "an empty window")
    area = prod(fields["kernel"])
    return out, {"rows": [{(1, p): Fraction(1, area if fields["count_padding"] else len(window)) for p in window} for window in found]}


def rounded_scale(weight, radicand, precision):
    """weight / sqrt(radicand), rounded to the nearest number of the format, ties to even."""
    need(radicand > 0, "a radicand that is not positive")
    bits, least, top = FORMATS[precision]
    square, step = weight**2 / radicand, Fraction(1, 2**least)
    while square >= (step * 2**bits) ** 2:
        step *= 2
    whole = square / step**2
    low = isqrt(whole.numerator // whole.denominator)
    middle = (Fraction(2 * low + 1, 2)) ** 2
    value = (low + (whole > middle or (whole == middle and low % 2 == 1))) * step
    need(value <= (2 - Fraction(2, 2**bits)) * 2**top, "a scale beyond the largest number")
    return value if weight > 0 else -value


def mean_norm(fields, size):
    parts = [fields[key] for key in ("mean", "variance", "weight", "bias")]
    need(size and all(part[0] == size[:1] for part in parts), "a number for each channel")
    scales, shifts, grid = *norm(fields), prod(size[1:])
    return size, {"rows": [add((scales[e // grid], {(1, e): 1}), (1, const(shifts[e // grid]))) for e in range(prod(size))]}


def norm(fields):
    """Scales and shifts of a batch norm."""
    mean, variance, weight, bias = (fields[key][1] for key in ("mean", "variance", "weight", "bias"))
    scales = [rounded_scale(w, v + fields["epsilon"], fields["precision"]) for w, v in zip(weight, variance, strict=True)]
    return scales, [b - s * m for b, s, m in zip(bias, scales, mean, strict=True)]


def mean_reshape(fields, size):
    need(prod(fields["shape"]) == prod(size), "another number of entries")
    return fields["shape"], {"rows": picks(range(prod(size)))}


def mean_transpose(fields, size):
    axes = fields["axes"]
    need(sorted(axes) == list(range(len(size))), "each axis once")
    out = [size[a] for a in axes]
    return out, {"rows": picks(at(size, [index[axes.index(a)] for a in range(len(size))]) for index in places(out))}


def mean_slice(fields, size):
    need(len(fields["starts"]) == len(fields["stops"]) == len(fields["steps"]) == len(size), "a number for each axis")
    ranges = [range(n)[a:b:s] for n, a, b, s in zip(size, fields["starts"], fields["stops"], fields["steps"], strict=True)]
    need(all(ranges), "an empty slice")
    return [len(r) for r in ranges], {"rows": picks(at(size, index) for index in itertools.product(*ranges))}


def mean_gather(fields, size):
    sizes_i, index = fields["index"]
    need(all(i.denominator == 1 and 0 <= i < prod(size) for i in index), "an index that is not there")
    return sizes_i, {"rows": picks(int(i) for i in index)}


def mean_concat(fields, *sizes_in):
    axis, first = fields["axis"], sizes_in[0]
    need(axis < len(first) and all(len(s) == len(first) for s in sizes_in), "no such axis")
    need(len({(*s[:axis], *s[axis + 1 :]) for s in sizes_in}) == 1, "sizes that do not agree")
    out = (*first[:axis], sum(s[axis] for s in sizes_in), *first[axis + 1 :])
    starts = list(itertools.accumulate(map(prod, sizes_in), initial=0))
    entries = [(s, starts[k], i) for k, s in enumerate(sizes_in) for i in range(s[axis])]
    found = []
    for index in places(out):
        s, start, i = entries[index[axis]]
        found.append(start + at(s, [*index[:axis], i, *index[axis + 1 :]]))
    return out, {"rows": picks(found)}


def mean_sum(sign):
    def mean(fields, a, b):
        n = max(len(a), len(b))
        wide = [(1,) * (n - len(s)) + tuple(s) for s in (a, b)]
        out = [max(p, q) for p, q in zip(*wide, strict=True)]
        pairs = zip(broadcast(a, out), broadcast(b, out), strict=True)
        return out, {"rows": [{(1, p): Fraction(1), (1, prod(a) + q): Fraction(sign)} for p, q in pairs]}

    return mean


def mean_scale(fields, size):
    sizes_f, factor = fields["factor"]
    return size, {"rows": [add((factor[p], {(1, e): 1})) for e, p in enumerate(broadcast(sizes_f, size))]}


def mean_rational(fields, size):
    need(fields["numerator"] and any(fields["denominator"]), "a denominator that is 0")
    return size, {}


MEANING = {
    "input": lambda fields: (fields["shape"], {}),
    "constant": lambda fields: (fields["value"][0], {"rows": [const(v) for v in fields["value"][1]]}),
    "affine": mean_affine,
    "conv": mean_conv,
    "piecewise_linear": mean_piecewise,
    "prelu": mean_prelu,
    "max_pool": mean_max,
    "average_pool": mean_average,
    "batch_norm": mean_norm,
    "reshape": mean_reshape,
    "transpose": mean_transpose,
    "slice": mean_slice,
    "gather": mean_gather,
    "concat": mean_concat,
    "add": mean_sum(1),
    "subtract": mean_sum(-1),
    "scale": mean_scale,
    "smooth": lambda fields, size: (size, {}),
    "rational": mean_rational,
}


def step(node, x):
    """The value of a node, x the entries of its operands; yields (node, z...) of each stage and is sent max(z, 0) for each z."""
    if "rows" in node:
        return [applied(row, x) for row in node["rows"]]
    if "units" in node:
        y = [add((q, e), (r, const(1))) for (q, r, _), e in zip(node["units"], x, strict=True)]
        for k in range(len(node["units"][0][2])):
            kinks = [unit[2][k] for unit in node["units"]]
            found = yield node, [add((1, e), (-t, const(1))) for (t, _), e in zip(kinks, x, strict=True)]
            y = [add((1, v), (p, m)) for v, (_, p), m in zip(y, kinks, found, strict=True)]
        return y
    if "windows" in node:
        y = [x[window[0]] for window in node["windows"]]
        for k in range(1, max(map(len, node["windows"]))):
            which = [i for i, window in enumerate(node["windows"]) if len(window) > k]
            found = yield node, [add((1, x[node["windows"][i][k]]), (-1, y[i])) for i in which]
            for i, m in zip(which, found, strict=True):
                y[i] = add((1, y[i]), (1, m))
        return y
    return (yield node, x)


def walk(net, start):
    """The flat output, from the entries of the flat input; yields as `step`."""
    values, begin = {}, starts(net)
    for node in net["nodes"]:
        if node["op"] == "input":
            first = begin[node["name"]]
            values[node["name"]] = start[first : first + prod(node["shape"])]
        else:
            values[node["name"]] = yield from step(node, [v for o in node["operands"] for v in values[o]])
    return [v for o in net["outputs"] for v in values[o]]


def driven(generator, answer):
    """What the generator returns, each request answered."""
    try:
        request = next(generator)
        while True:
            request = generator.send(answer(*request))
    except StopIteration as end:
        return end.value
