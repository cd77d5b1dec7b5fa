"""A second checker of the core of the format, made from docs/certificate-format.md and docs/certificate/*.md alone.

It shares no code and no ideas about speed with `exactnn.certificate`. Every value of a network is a list of vectors, one for each
entry (row-major); a vector is a dict {key: Fraction} without zeros, keys ONE (the constant), (1, k) for coordinate k, others for functions.
"""

import gzip
import hashlib
import itertools
import json
import re
from fractions import Fraction
from math import gcd, isqrt, prod

VERSION = 2
ONE = (0, 0)
LARGEST = 20_000  # entries of a value; what is larger is not covered


class Rejected(Exception):
    """The document does not support its claim, by the text of the format."""


class NotCovered(Exception):
    """The document uses a part of the format that this file does not implement."""


def need(truth, reason):
    if not truth:
        raise Rejected(reason)


# --- values of the format -------------------------------------------------------------------------------------------------


def count(value, least=0):
    need(type(value) is int and value >= least, f"a count from {least}, not {value!r}"[:99])
    return value


def integer(value):
    if isinstance(value, str) and re.fullmatch("-?0x[0-9a-f]+", value, re.ASCII):
        return int(value, 16)
    need(type(value) is int, f"an Integer, not {value!r}"[:99])
    return value


def rational(value):
    if isinstance(value, str) and "/" in value:
        parts = [int(p, 16 if "x" in p else 10) for p in value.split("/") if re.fullmatch("-?([0-9]+|0x[0-9a-f]+)", p, re.ASCII)]
        need(value.count("/") == 1 and len(parts) == 2 and parts[1] > 0, f"a Rational, not {value!r}"[:99])
        return Fraction(*parts)
    return Fraction(integer(value))


def several(kind, length=None):
    def read(value):
        need(isinstance(value, list) and length in (None, len(value)), "a list of another kind or length")
        return [kind(v) for v in value]

    return read


def record(value, *keys, maybe=()):
    """The values of these keys; there are no others but those of `maybe`."""
    need(isinstance(value, dict) and set(keys) <= set(value) <= {*keys, *maybe}, f"an object with the keys {keys}")
    return [value[key] for key in keys]


def one_of(*words):
    def read(value):
        need(type(value) in map(type, words) and value in words, f"one of {words}, not {value!r}"[:99])
        return value

    return read


def shape(value):
    sizes = tuple(several(lambda v: count(v, 1))(value))
    if prod(sizes) > LARGEST:
        raise NotCovered("a large value")
    return sizes


def tensor(value):
    sizes, denominator, numerators = record(value, "shape", "denominator", "numerators")
    sizes, denominator = shape(sizes), integer(denominator)
    need(denominator > 0, "a denominator that is not positive")
    return sizes, [Fraction(n, denominator) for n in several(integer, prod(sizes))(numerators)]


def table(value):
    """A matrix by its rows."""
    (rows, columns), entries = value
    return [entries[r * columns : (r + 1) * columns] for r in range(rows)]


# --- vectors and their signs ----------------------------------------------------------------------------------------------


def add(*terms):
    """The sum of c v over the pairs (c, v)."""
    total = {}
    for c, v in terms:
        for key in v:
            total[key] = total.get(key, 0) + c * v[key]
    return {key: w for key, w in total.items() if w}


def const(value):
    return {ONE: Fraction(value)} if value else {}


def is_constant(v):
    return set(v) <= {ONE}


def applied(row, operand):
    """The row, whose coordinates are places of the operand, at these vectors."""
    return add(*((w, const(1) if key == ONE else operand[key[1]]) for key, w in row.items()))


def primitive(v):
    """The form of v: coprime integers, a positive multiple of v."""
    over = prod({w.denominator for w in v.values()})
    whole = [int(w * over) for w in v.values()]
    common = gcd(*whole)
    return {key: Fraction(w // common) for key, w in zip(v, whole, strict=True)}


def nonnegative(v, given, proof):
    """Rule Farkas: the proof shows that v >= 0 where all the vectors given are (forms by themselves)."""
    need(isinstance(proof, list), "a proof is a list")
    if len(proof) == 2 and isinstance(proof[1], list) and not isinstance(proof[0], list):
        factor, terms = integer(proof[0]), proof[1]
        need(factor > 0, "a factor that is not positive")
    else:
        factor, terms = 1, several(count)(proof)
    target = add((factor, primitive(v)))
    if all(isinstance(term, list) for term in terms):
        pairs = [(count(i), integer(y)) for i, y in several(several(lambda u: u, 2))(terms)]
        need(all(i < len(given) and y > 0 for i, y in pairs), "a row that is not there, or y <= 0")
    else:
        rows = several(count)(terms)
        need(all(i < len(given) for i in rows), "a row that is not there")
        pairs = list(zip(rows, solution(target, [given[i] for i in rows]), strict=True))
        need(all(y >= 0 for _, y in pairs), "a multiplier below 0")
    rest = add((1, target), *((-y, given[i]) for i, y in pairs))
    need(is_constant(rest) and rest.get(ONE, 0) >= 0, "no constant gamma >= 0 is left")


def solution(target, forms):
    """The only y for which target - sum y g is constant, where the forms g have independent coefficients."""
    keys = {key for v in (target, *forms) for key in v if key != ONE}
    rows = [[v.get(key, Fraction(0)) for v in (*forms, target)] for key in keys]
    for column in range(len(forms)):
        pivot = next((r for r in rows[column:] if r[column]), None)
        need(pivot is not None, "rows that depend on each other")
        rows.remove(pivot)
        pivot = [w / pivot[column] for w in pivot]
        rows = [[w - row[column] * p for w, p in zip(row, pivot, strict=True)] for row in rows]
        rows.insert(column, pivot)
    need(not any(row[-1] for row in rows[len(forms) :]), "no combination of these rows")
    return [row[-1] for row in rows[: len(forms)]]


# --- networks -------------------------------------------------------------------------------------------------------------

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


# --- claims ---------------------------------------------------------------------------------------------------------------

OTHER_QUESTIONS = ("equal_at", "same_decision", "deviation", "execution_error", "regions", "orbits", "identity", "pole_free")


def read(data):
    """The document in a file's bytes."""

    def unique(pairs):
        need(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
        return dict(pairs)

    def refused(text):
        raise Rejected(f"the number {text}")

    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_float=refused, parse_constant=refused)
    except (ValueError, OSError, EOFError, RecursionError) as error:
        raise Rejected(str(error)) from error


def check(document):
    """None, if the document supports its claim; else raises Rejected, or NotCovered."""
    if isinstance(document, bytes):
        document = read(document)
    keys = ("format", "version", "semantics", "claim", "models", "evidence")
    form, version, semantics, claim, models, evidence = record(document, *keys, maybe=("about",))
    need((form, semantics) == ("exactnn-certificate", "real arithmetic"), "another format")
    need(type(version) is int and version == VERSION, "another version")
    need(isinstance(claim, dict) and isinstance(evidence, dict), "claim and evidence are objects")
    question, method = claim.get("question"), evidence.get("method")
    if question in OTHER_QUESTIONS:
        raise NotCovered(question)
    one_of("equal", "zero", "symmetry")(question)
    answer, tolerance, domain = record(claim, "answer", "tolerance", "domain", maybe=("question", "transformation"))[:3]
    need(("transformation" in claim) == (question == "symmetry"), "a transformation, for symmetry only")
    method = one_of(*(("point", "enclosure") if one_of("proved", "refuted")(answer) == "refuted" else ("tree", "forms", "pass", "boxes")))(
        method
    )
    tolerance = rational(tolerance)
    need(tolerance >= 0, "a tolerance below 0")
    nets = [read_model(m) for m in record(models, *("fg" if question == "equal" else "f"))]
    if question == "symmetry":
        nets.append(transformed(nets[0], claim["transformation"]))
    inputs = [sum(sizes(net, net["inputs"])) for net in nets]
    outputs = [sum(sizes(net, net["outputs"])) for net in nets]
    need(len(set(inputs)) == len(set(outputs)) == 1, "networks of other sizes")
    domain = read_domain(domain, inputs[0])
    if method in ("boxes", "enclosure") or {"matched", "denominators"} & set(evidence):
        raise NotCovered(method if method in ("boxes", "enclosure") else "matched, or denominators")
    if "shared" in evidence:
        need(question != "zero" and answer == "proved", "shared nodes for another claim")
        nets, domain = behind(nets, evidence["shared"]), None
        evidence = {key: evidence[key] for key in evidence if key != "shared"}
    METHODS[method](evidence, nets, tolerance, domain, outputs[0])


def read_model(model):
    if isinstance(model, dict) and ("slice" in model or "format" in model):
        raise NotCovered("models in files, and slices")
    digest, document = record(model, "sha256", "inline")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    need(digest == hashlib.sha256(text.encode("utf-8")).hexdigest(), "another hash")
    return read_network(document)


def read_domain(domain, inputs):
    """None, or the slacks b - A x, vectors over the inputs."""
    if domain is None:
        return None
    (shape_a, entries), (shape_b, bounds) = map(tensor, record(domain, "A", "b"))
    need(len(shape_a) == 2 and shape_a[1] == inputs and shape_b == shape_a[:1], "shapes of A and b")
    rows = table((shape_a, entries))
    return [add((1, const(b)), (-1, {(1, j): a for j, a in enumerate(row)})) for row, b in zip(rows, bounds, strict=True)]


# --- rule point -----------------------------------------------------------------------------------------------------------


def evaluated(net, point):
    def answer(node, zs):
        values = [z.get(ONE, Fraction(0)) for z in zs]
        need(node["op"] != "smooth", "a smooth node has no rational values")
        if node["op"] != "rational":
            return [const(max(z, 0)) for z in values]
        above, below = ([sum(c * z**k for k, c in enumerate(node["fields"][key])) for z in values] for key in ("numerator", "denominator"))
        need(all(below), "a pole")
        return [const(p / q) for p, q in zip(above, below, strict=True)]

    return [v.get(ONE, Fraction(0)) for v in driven(walk(net, [const(x) for x in point]), answer)]


def rule_point(evidence, nets, tolerance, domain, outputs):
    _, point, f, g = record(evidence, "method", "point", "f", "g")
    point = several(rational, sum(sizes(nets[0], nets[0]["inputs"])))(point)
    f, g = several(rational, outputs)(f), several(rational, outputs)(g)
    need(all(applied(v, [const(x) for x in point]).get(ONE, 0) >= 0 for v in domain or []), "the point is outside")
    need(evaluated(nets[0], point) == f, "f has other values")
    need((evaluated(nets[1], point) if nets[1:] else [Fraction(0)] * outputs) == g, "g has other values")
    need(any(abs(p - q) > tolerance for p, q in zip(f, g, strict=True)), "no output differs")


# --- hulls ----------------------------------------------------------------------------------------------------------------


def frame(hull, domain, inputs):
    """Vectors over the coordinates: of the flat inputs, and of the slacks of the domain."""
    x = [{(1, j): Fraction(1)} for j in range(inputs)]
    if hull is None:
        return x, domain or []
    origin, directions, coordinates, equalities = record(hull, "origin", "directions", "coordinates", "equalities")
    need(domain is not None, "a hull without a domain")
    origin, vectors = several(rational, inputs)(origin), several(several(rational, inputs))
    directions, coordinates = vectors(directions), vectors(coordinates)
    need(len(directions) == len(coordinates), "as many coordinates as directions")
    identity = [[sum(d[i] * c[j] for d, c in zip(directions, coordinates, strict=True)) for j in range(inputs)] for i in range(inputs)]
    for equality in several(lambda e: e)(equalities):
        row, coefficients, proof = record(equality, "row", "coefficients", "farkas")
        need(count(row) < len(domain), "a row that is not there")
        level, coefficients = add((-1, domain[row])), several(rational, inputs)(coefficients)
        nonnegative(level, [primitive(v) for v in domain], proof)
        need(not applied(level, [const(o) for o in origin]), "the origin is not on this row")
        identity = [[v + coefficients[i] * level.get((1, j), 0) for j, v in enumerate(line)] for i, line in enumerate(identity)]
    need(identity == [[int(i == j) for j in range(inputs)] for i in range(inputs)], "the identity is not composed")
    x = [add((1, const(o)), *((d[j], {(1, k): 1}) for k, d in enumerate(directions))) for j, o in enumerate(origin)]
    return x, [applied(v, x) for v in domain]


# --- rule tree ------------------------------------------------------------------------------------------------------------


def differences(nets, start):
    f = yield from walk(nets[0], start)
    g = (yield from walk(nets[1], start)) if nets[1:] else [{}] * len(f)
    return [add((1, p), (-1, q)) for p, q in zip(f, g, strict=True)]


class Cell:
    """A part of the domain: its forms, what the units are on it, and the answers given to the generator so far."""

    def __init__(self, nets, start, given, answers=(), known=(), left_open=(), functions=(), named=(), first=0):
        self.nets, self.start, self.given, self.answers = nets, start, list(given), list(answers)
        self.known, self.left_open, self.functions = dict(known), dict(left_open), list(functions)
        self.named, self.first, self.end = dict(named), first, None
        self.run = differences(nets, start)
        self.go(None)
        for answer in answers:
            self.go(answer)

    def fork(self):
        return Cell(self.nets, self.start, self.given, self.answers, self.known, self.left_open, self.functions, self.named, self.first)

    def go(self, answer):
        """To the next stage, or the end."""
        try:
            node, self.stage = self.run.send(answer)
            need("units" in node or "windows" in node, "a function that is not piecewise linear")
        except StopIteration as end:
            self.stage, self.end = [], end.value

    def leave(self):
        """The units of this stage get their values: z, 0, or a function of which only the sign is open."""
        need(self.end is None, "no such unit")
        found = []
        for u, z in enumerate(self.stage, self.first):
            c, h = scaled(z)
            if u in self.named:
                sign = self.named[u]
            elif is_constant(z):
                sign = 1 if z.get(ONE, 0) > 0 else -1
            elif h in self.known:
                sign = self.known[h] if c > 0 else -self.known[h]
            else:
                self.left_open[u] = z
                if h not in self.functions:
                    self.functions.append(h)
                top = {(2, self.functions.index(h)): Fraction(1)}
                found.append(add((abs(c), top), (int(c < 0), z)))
                continue
            found.append(z if sign > 0 else {})
        self.first, self.named = self.first + len(self.stage), {}
        self.answers.append(found)
        self.go(found)

    def name(self, u):
        """z of a unit that may be named."""
        while count(u) >= self.first + len(self.stage):
            self.leave()
        z = self.left_open.get(u, {}) if u < self.first else self.stage[u - self.first]
        need(u not in self.named and not is_constant(z) and all(key[0] < 2 for key in z), "a unit that may not be named")
        return z

    def fix(self, u, sign):
        z = self.name(u)
        c, h = scaled(z)
        self.known[h] = sign if c > 0 else -sign
        if u < self.first:
            del self.left_open[u]
        else:
            self.named[u] = sign

    def outputs(self):
        """The differences of the outputs, functions whose sign is known replaced."""
        while self.end is None:
            self.leave()
        return [self.settled(v) for v in self.end]

    def settled(self, v):
        for i, h in enumerate(self.functions):
            if (2, i) in v and h in self.known:
                w = v[2, i]
                return self.settled(add((1, v), (-w, {(2, i): 1}), (w if self.known[h] > 0 else 0, dict(h))))
        return v


def scaled(z):
    """(c, h) with z = c h and h, the same for all multiples of z."""
    if is_constant(z):
        return Fraction(0), None
    c = z[min(key for key in z if key != ONE)]
    return c, frozenset((key, w / c) for key, w in z.items())


def rule_tree(evidence, nets, tolerance, domain, outputs):
    _, hull, nodes = record(evidence, "method", "hull", "tree")
    start, slacks = frame(hull, domain, sum(sizes(nets[0], nets[0]["inputs"])))
    left = iter(several(several(lambda v: v, 3))(nodes))
    grow(left, Cell(nets, start, [primitive(v) for v in slacks]), tolerance, outputs)
    need(next(left, None) is None, "nodes are left over")


def grow(left, cell, tolerance, outputs):
    node = next(left, None)
    need(node is not None, "a node is missing")
    kind, facts, last = node
    for u, sign, proof in several(several(lambda v: v, 3))(facts):
        one_of(1, -1)(sign)
        nonnegative(add((sign, cell.name(u))), cell.given, proof)
        cell.fix(u, sign)
    if one_of("split", "leaf")(kind) == "split":
        form = primitive(cell.name(last))
        for sign in (1, -1):
            part = cell.fork()
            part.given.append(add((sign, form)))
            part.fix(last, sign)
            grow(left, part, tolerance, outputs)
        return
    found = cell.outputs()
    if last is None:
        need(not any(found), "an output is not 0")
        return
    need(tolerance > 0, "bounds without a tolerance")
    for v, (low, high) in zip(found, several(several(lambda p: p, 2), outputs)(last), strict=True):
        need(all(key[0] < 2 for key in v), "a unit is open")
        nonnegative(add((1, const(tolerance)), (-1, v)), cell.given, low)
        nonnegative(add((1, const(tolerance)), (1, v)), cell.given, high)


# --- shared nodes ---------------------------------------------------------------------------------------------------------


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


# --- rule forms -----------------------------------------------------------------------------------------------------------


class Forms:
    """The atoms made so far, and what stands about them."""

    def __init__(self, start, slacks, elements, stated):
        self.start, self.slacks, self.elements = start, slacks, elements
        self.made, self.unnamed = [], 0
        self.stated = {}
        for a, low, _, high, _ in several(several(lambda v: v, 5))(stated):
            need(count(a) not in self.stated, "bounds stated twice")
            self.stated[a] = rational(low), rational(high)
            need(self.stated[a][0] <= 0 <= self.stated[a][1] and rational(low) < rational(high), "bounds without 0 between them")

    def atom(self, a, kind, form):
        if count(a) == len(self.made):
            self.made.append((kind, form))
        need(a < len(self.made) and self.made[a] == (kind, form), "another atom, or one that is not made yet")
        return {(2, a): Fraction(1)}

    def term(self, kind, index, grid, below):
        if kind == "slack":
            need(grid is None and count(index) < len(self.slacks), "no such slack")
            return self.slacks[index]
        place = None
        if isinstance(index, list):
            index, place = several(count, 2)(index)
        need(count(index) < len(self.made) and self.made[index][0][0] == "max", "no atom of a maximum")
        (_, spatial), form = self.made[index]
        value = {(2, index): Fraction(1)}
        if place is not None:
            need(grid is None and spatial is not None and place < prod(spatial), "no such place")
            value, form, spatial = element(value, place), element(form, place), None
        need(spatial == grid, "an atom on another grid")
        if one_of("atom", "mirror", "chord")(kind) != "chord":
            return add((1, value), (-int(kind == "mirror"), form))
        need(grid is None and place is None and index in self.stated and index < below, "a chord without bounds")
        low, high = self.stated[index]
        return add((high / (high - low), add((1, form), (-low, const(1)))), (-1, value))

    def shown(self, v, proof, grid, below=float("inf")):
        """The proof shows v >= 0."""
        terms = several(several(lambda t: t, 3))(proof)
        need(all(rational(c) > 0 for _, _, c in terms), "a coefficient that is not positive")
        rest = add((1, v), *((-rational(c), self.term(kind, index, grid, below)) for kind, index, c in terms))
        need(is_constant(rest) and rest.get(ONE, 0) >= 0, "no constant gamma >= 0 is left")

    def positive(self, z, line, grid):
        """max(z, 0) by its line."""
        if line is None:
            self.unnamed += 1
            return {(2, -self.unnamed): Fraction(1)}
        word = one_of("atom", "on", "off")(line[0] if isinstance(line, list) and line else None)
        if word == "atom":
            _, a, sign, factor = several(lambda v: v, 4)(line)
            factor = rational(factor)
            need(factor > 0, "a factor that is not positive")
            value = self.atom(a, ("max", grid), add((one_of(1, -1)(sign) / factor, z)))
            return add((factor, value), (int(sign < 0), z))
        self.shown(add((1 if word == "on" else -1, z)), several(lambda v: v, 2)(line)[1], grid)
        return z if word == "on" else {}

    def smooth(self, function, z, line, grid):
        if line == ["zero"]:
            need(not z and function != "softplus", "a form that is not 0")
            return const(Fraction(1, 2) if function == "sigmoid" else 0)
        word, a, sign = several(lambda v: v, 3)(line)
        need(one_of("atom")(word) and one_of(1, -1)(sign), "an atom with its sign")
        value = self.atom(a, (function, grid), add((sign, z)))
        if sign > 0 or function == "tanh":
            return add((sign, value))
        return add((1, const(1)), (-1, value)) if function == "sigmoid" else add((1, value), (1, z))

    def outputs(self, net, lines):
        """The forms of the flat output, entry by entry."""
        need(isinstance(lines, dict) and set(lines) <= {n["name"] for n in net["nodes"]}, "lines of nodes that are not there")
        begin = starts(net)
        values = {}  # (spatial shape, or None in element layout; forms)
        for node in net["nodes"]:
            queue = iter(several(lambda v: v)(lines.get(node["name"], [])))
            operands = [values[o] for o in node["operands"]]
            values[node["name"]] = self.value(node, operands, begin.get(node["name"]), lambda queue=queue: taken(queue))
            need(next(queue, queue) is queue, "lines are left over")
        return [v for o in net["outputs"] for v in elements(*values[o])]

    def value(self, node, operands, first, line):
        size, grid, op = node["shape"], node["shape"][1:] or None, node["op"]
        if op == "input":
            if self.elements or grid is None:
                return None, self.start[first : first + prod(size)]
            return grid, [{(3, "input", first + c * prod(grid), grid): Fraction(1)} for c in range(size[0])]
        if op == "constant":
            parts = [node["rows"][c * prod(grid) : (c + 1) * prod(grid)] for c in range(size[0])] if grid else [node["rows"]]
            alike = grid and all(row == part[0] for part in parts for row in part)
            return (grid, [part[0] for part in parts]) if alike else (None, node["rows"])
        kept = grid is not None and keeps(node, operands)
        x = [v for o in operands for v in (o[1] if kept else elements(*o))]
        where = grid if kept else None

        def answer(asked, zs):
            if asked["op"] == "rational":
                raise NotCovered("forms of rational functions")
            if asked["op"] == "smooth":
                return [self.smooth(asked["fields"]["function"], z, line(), where) for z in zs]
            return [self.positive(z, line(), where) for z in zs]

        if kept and op in ("conv", "max_pool", "average_pool"):
            return grid, getattr(self, op)(node["fields"], operands[0][0], x, line)
        return where, driven(step(by_channel(node, operands) if kept else node, x), answer)

    def conv(self, fields, grid, x, line):
        (sizes_w, weight), (_, bias) = fields["weight"], fields["bias"]
        outs, ins, *kernel = sizes_w
        padded, found = any(map(any, fields["padding"])), []
        for o in range(outs):
            rows, constant = [], bias[o]
            for i, k in itertools.product(range(ins), range(prod(kernel))):
                w, form = weight[(o * ins + i) * prod(kernel) + k], x[o // (outs // fields["groups"]) * ins + i]
                rows.append((w, {(key, k): c for key, c in form.items() if padded or key != ONE}))
                constant += 0 if padded else w * form.get(ONE, 0)
            found.append(
                add((1, self.up_to_factor(add(*rows), line(), signature("conv", fields, tuple(kernel), grid), 0)), (1, const(constant)))
            )
        return found

    def max_pool(self, fields, grid, x, line):
        kind = signature("max_pool", fields, grid)
        parts = [(add((1, v), (-1, const(v.get(ONE, 0)))), const(v.get(ONE, 0))) for v in x]
        return [add((1, self.up_to_factor(rest, line(), kind, 1)), (1, constant)) for rest, constant in parts]

    def up_to_factor(self, form, line, kind, positive):
        """The value F atom_a by a line ["atom", a, F], or nothing by null."""
        if line is None:
            need(not form, "a form that is not 0")
            return {}
        word, a, factor = several(lambda v: v, 3)(line)
        one_of("atom")(word)
        factor = rational(factor)
        need(factor > 0 or (factor and not positive), "a factor")
        return add((factor, self.atom(a, kind, add((1 / factor, form)))))

    def average_pool(self, fields, grid, x, line):
        kind = signature("average", fields, grid)
        counts = fields["count_padding"] and any(map(any, fields["padding"]))
        return [{ONE if key == ONE and not counts else (3, *kind, key): c for key, c in v.items()} for v in x]


def taken(queue):
    line = next(queue, queue)
    need(line is not queue, "a line is missing")
    return line


def signature(word, fields, *more):
    return word, str([fields.get(key) for key in ("kernel", "stride", "padding", "dilation", "count_padding")]), *more


def element(form, place):
    """The form at a place of the grid."""
    found = []
    for key, c in form.items():
        known = key if key == ONE else (1, key[2] + place) if key[1:2] == ("input",) else (3, "element", key, place)
        found.append((c, {known: 1}))
    return add(*found)


def elements(grid, forms):
    return forms if grid is None else [element(form, p) for form in forms for p in range(prod(grid))]


def keeps(node, operands):
    """Whether the operation keeps the channel layout of its operands (grid, forms)."""
    size, shapes, fields = node["shape"], node["shapes"], node["fields"]
    on_grid = [grid is not None for grid, _ in operands]
    if node["op"] in ("add", "subtract"):
        whole = [on and s == size for on, s in zip(on_grid, shapes, strict=True)]
        small = [
            all(map(is_constant, forms)) and (prod(s) == 1 or (len(s) == len(size) and prod(s[1:]) == 1))
            for (_, forms), s in zip(operands, shapes, strict=True)
        ]
        return any(whole) and all(a or b for a, b in zip(whole, small, strict=True))
    if node["op"] == "scale":
        factor = fields["factor"][0]
        return all(on_grid) and prod(((1,) * (len(size) - len(factor)) + factor)[1:]) == 1
    if node["op"] == "concat":
        return all(on_grid) and fields["axis"] == 0
    if node["op"] == "slice":
        return all(on_grid) and size[1:] == shapes[0][1:]
    return all(on_grid) and node["op"] in (
        *("conv", "max_pool", "average_pool", "batch_norm", "piecewise_linear", "prelu", "smooth", "rational"),
    )


def by_channel(node, operands):
    """The node as one of channels: its rows or units at the first place of each."""
    every = prod(node["shape"][1:])
    if "units" in node:
        return {**node, "units": node["units"][::every]}
    if "rows" not in node:
        return node
    channel = []  # for each place of the operands the channel that it is in
    for (_, forms), size in zip(operands, node["shapes"], strict=True):
        first = channel[-1] + 1 if channel else 0
        channel += [first + p * len(forms) // prod(size) for p in range(prod(size))]
    rows = [add(*((w, {key if key == ONE else (1, channel[key[1]]): 1}) for key, w in row.items())) for row in node["rows"][::every]]
    return {**node, "rows": rows}


def rule_forms(evidence, nets, tolerance, domain, outputs):
    _, hull, f, g, output = record(evidence, "method", "hull", "f", "g", "output", maybe=("elements", "bounds"))
    start, slacks = frame(hull, domain, sum(sizes(nets[0], nets[0]["inputs"])))
    whole = one_of(True, False)(evidence.get("elements", False)) or hull is not None
    forms = Forms(start, slacks, whole, evidence.get("bounds", []))
    found = forms.outputs(nets[0], f)
    need(nets[1:] or g == {}, "lines of a network that is not there")
    other = forms.outputs(nets[1], g) if nets[1:] else [{}] * len(found)
    for a, low, proof_low, high, proof_high in evidence.get("bounds", []):
        need(a < len(forms.made) and forms.made[a][0] == ("max", None), "bounds of no atom")
        form = forms.made[a][1]
        forms.shown(add((1, form), (-1, const(rational(low)))), proof_low, None, a)
        forms.shown(add((1, const(rational(high))), (-1, form)), proof_high, None, a)
    if output is None:
        return need(found == other, "the outputs are not the same")
    for v, w, (low, high) in zip(found, other, several(several(lambda p: p, 2), outputs)(output), strict=True):
        forms.shown(add((1, const(tolerance)), (-1, v), (1, w)), low, None)
        forms.shown(add((1, const(tolerance)), (1, v), (-1, w)), high, None)


# --- rule pass ------------------------------------------------------------------------------------------------------------

FREE = ("weight", "bias", "factor", "value", "slope", "constant", "kinks", "slopes", "mean", "variance", "epsilon", "precision")


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
                part = product(slopes_of(psi, min(x[0], y[0]), max(x[1], y[1])), e)
                found.append((ends[0] + part[0], ends[1] + part[1]))
            return found
        raise Rejected("pass with rational functions")


def rule_pass(evidence, nets, tolerance, domain, outputs):
    found = bounds_of_pass(evidence, nets, domain)
    need(all(-tolerance <= low and high <= tolerance for low, high in found), "an output differs by more")


def bounds_of_pass(evidence, nets, domain):
    """Intervals that hold the differences of the outputs."""
    bits = record(evidence, "method", "bits", maybe=("box",))[1]
    need(16 <= count(bits) <= 1024, "bits from 16 to 1024")
    box = None
    if domain is not None and evidence.get("box", []) is not None:
        box = sides(domain, sum(sizes(nets[0], nets[0]["inputs"])), evidence.get("box", []))
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
        pairs = [(count(r), rational(y)) for r, y in several(several(lambda v: v, 2))(terms)]
        need(all(r < len(domain) and y >= 0 for r, y in pairs), "a row that is not there, or y < 0")
        rest = add((sign, {(1, j): 1}), *((y, domain[r]) for r, y in pairs))
        need(is_constant(rest), "another combination of rows")
        bounds.append((j, sign, rest.get(ONE, Fraction(0))))
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


def transformed(net, steps):
    raise NotCovered("transformations")


METHODS = {"point": rule_point, "tree": rule_tree, "forms": rule_forms, "pass": rule_pass}
