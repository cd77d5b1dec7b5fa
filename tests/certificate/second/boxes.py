"""The rule boxes. Zonotopes have rational coefficients here, and nothing is rounded but what the page rounds by name."""

import re
from fractions import Fraction

from tests.certificate.second.networks import sizes, walk
from tests.certificate.second.passes import bounds_between, sides, span, steps_of
from tests.certificate.second.tree import rule_tree
from tests.certificate.second.values import count, need, one_of, record, several
from tests.certificate.second.vectors import ONE, add, const

RELU = (Fraction(0), Fraction(0), [(Fraction(0), Fraction(1))])


def rule_boxes(evidence, nets, tolerance, domain, outputs):
    nodes, box, bits = opened(evidence, nets, domain)
    for kind, about, part in leaves(nodes, box, bits):
        if kind == "exact":
            inside = [
                v for j, (low, high) in enumerate(part) for v in (add((1, const(high)), (-1, x(j))), add((1, x(j)), (-1, const(low))))
            ]
            rule_tree({"method": "tree", "hull": about[0], "tree": about[1]}, nets, tolerance, [*domain, *inside], outputs)
            continue
        found = bounds_between(nets, part, bits) if kind == "pass" else bounds_of_leaf(nets, part, bits, *about)
        need(all(-tolerance <= low and high <= tolerance for low, high in found), "an output differs by more")


def x(j):
    return {(1, j): Fraction(1)}


def opened(evidence, nets, domain):
    _, bits, nodes = record(evidence, "method", "bits", "tree", maybe=("box",))
    need(16 <= count(bits) <= 4096, "bits from 16 to 4096")
    need(domain is not None, "boxes without a domain")
    one = 2**bits
    box = sides(domain, sum(sizes(nets[0], nets[0]["inputs"])), evidence.get("box", []))
    return several(lambda n: n)(nodes), [(Fraction(low * one // 1, one), Fraction(-(-high * one // 1), one)) for low, high in box], bits


def leaves(nodes, box, bits):
    """(kind, what stands behind it, box) of each leaf."""
    left, boxes = list(nodes), [box]
    while boxes:
        need(left, "a node is missing")
        kind, *about = several(lambda v: v)(left.pop(0)) or [None]
        part = boxes.pop()
        need(len(about) == {"split": 2, "leaf": 1, "pass": 0, "exact": 2}[one_of("split", "leaf", "pass", "exact")(kind)], "a node")
        if kind != "split":
            yield kind, about, part
            continue
        j, n = about
        need(count(j) < len(part) and type(n) is int, "no such cut")
        cut = Fraction(n, 2**bits)
        low, high = part[j]
        need(low < cut < high, "a cut that is not between the sides")
        boxes += [[*part[:j], (cut, high), *part[j + 1 :]], [*part[:j], (low, cut), *part[j + 1 :]]]
    need(not left, "nodes are left over")


# --- joint zonotopes: forms {symbol: Fraction}, ONE for the constant -----------------------------------------------------------


def reach(form):
    radius = sum(abs(w) for key, w in form.items() if key != ONE)
    return form.get(ONE, Fraction(0)) - radius, form.get(ONE, Fraction(0)) + radius


def within(a, b):
    return max(a[0], b[0]), min(a[1], b[1])


def stages_of(net):
    """The rows of the units of each stage, over inputs (1, j) and maxima (2, u) of earlier units; and those of the outputs."""
    d, found, first = sum(sizes(net, net["inputs"])), [], 0
    run = walk(net, [x(j) for j in range(d)])
    try:
        node, zs = next(run)
        while True:
            need("units" in node or "windows" in node, "a function that is not piecewise linear")
            found.append(zs)
            first += len(zs)
            node, zs = run.send([{(2, u): Fraction(1)} for u in range(first - len(zs), first)])
    except StopIteration as end:
        return found, end.value


class Side:
    """One network on a box: forms and intervals of its inputs and of the maxima of its units."""

    def __init__(self, name, inputs, intervals, one):
        self.name, self.one = name, one
        self.forms, self.intervals = dict(inputs), dict(intervals)
        self.slopes, self.halves = [], []

    def read(self, row):
        return combined(row, self.forms), span_of(row, self.intervals)

    def maximum(self, u, form, low, high):
        """max(a, 0) of the unit, whose values are between low and high."""
        lam, h = Fraction(int(low >= 0)), Fraction(0)
        if low < 0 < high:
            lam = Fraction(high * self.one // (high - low), self.one)
            h = max((1 - lam) * high, -lam * low) / 2
        self.slopes.append(lam)
        self.halves.append(h)
        own = {(self.name, u): h} if h else {}
        self.forms[2, u] = add((lam, form), (1, const(h)), (1, own))
        self.intervals[2, u] = max(low, 0), max(high, 0)


def combined(row, forms):
    return add(*((w, const(1) if key == ONE else forms[key]) for key, w in row.items()))


def span_of(row, intervals):
    keys = [key for key in row if key != ONE]
    renamed = {(1, k): row[key] for k, key in enumerate(keys)}
    return span({**renamed, ONE: row.get(ONE, Fraction(0))}, [intervals[key] for key in keys])


def bounds_of_leaf(nets, box, bits, couplings):
    need(isinstance(couplings, str) and re.fullmatch("0|[1-9a-f][0-9a-f]*", couplings, re.ASCII), "couplings are hexadecimal")
    programs = [stages_of(net) for net in nets]
    paired = len(nets) == 2 and [len(s) for s in programs[0][0]] == [len(s) for s in programs[1][0]]
    coupled = int(couplings, 16)
    need(coupled < 2 ** (sum(map(len, programs[0][0])) if paired else 0), "couplings of pairs that there are not")
    one = 2**bits
    inputs = {}
    for j, (low, high) in enumerate(box):
        middle = Fraction((low + high) * one // 2, one)
        inputs[1, j] = add((1, const(middle)), (1, {("x", j): max(high - middle, middle - low)}))
    intervals = {(1, j): side for j, side in enumerate(box)}
    runs = [Side("fg"[k], inputs, intervals, one) for k in range(len(nets))]
    if not paired:
        found = []
        for run, (stages, outputs) in zip(runs, programs, strict=True):
            for u, row in enumerate(row for stage in stages for row in stage):
                form, known = run.read(row)
                run.maximum(u, form, *within(reach(form), known))
            found.append([(form, within(reach(form), known)) for form, known in map(run.read, outputs)])
        if len(nets) == 1:
            return [ends for _, ends in found[0]]
        return [within(reach(add((1, a), (-1, b))), (p[0] - q[1], p[1] - q[0])) for (a, p), (b, q) in zip(*found, strict=True)]
    f, g = runs
    moved, moved_between = {}, {}

    def pair(v, w):
        """Forms a, b, d and ranges of a pair of rows."""
        (a, known_a), (b, known_b) = f.read(v), g.read(w)
        rest = add((1, v), (-1, w))
        rows = {**{("own", key): c for key, c in rest.items() if key != ONE}, **{("moved", key): c for key, c in w.items() if key[0] == 2}}
        if ONE in rest:
            rows[ONE] = rest[ONE]
        forms = {**{("own", key): form for key, form in f.forms.items()}, **{("moved", key): form for key, form in moved.items()}}
        ends = {**{("own", key): e for key, e in f.intervals.items()}, **{("moved", key): e for key, e in moved_between.items()}}
        d = combined(rows, forms)
        known_d = span_of(rows, ends)
        f_ends, g_ends, between = (within(reach(form), known) for form, known in ((a, known_a), (b, known_b), (d, known_d)))
        low, high = within(between, (f_ends[0] - g_ends[1], f_ends[1] - g_ends[0]))
        closer = within(f_ends, (g_ends[0] + low, g_ends[1] + high))
        return a, b, d, closer, within(g_ends, (f_ends[0] - high, f_ends[1] - low)), (low, high)

    u = 0
    for own, theirs in zip(programs[0][0], programs[1][0], strict=True):
        for k, found in enumerate([pair(v, w) for v, w in zip(own, theirs, strict=True)], u):
            a, b, d, (low, high), (low_g, high_g), (dl, du) = found
            f.maximum(k, a, low, high)
            g.maximum(k, b, low_g, high_g)
            if coupled >> k & 1:
                moved[2, k] = add((Fraction(1, 2), d), (1, {("d", k): max(abs(dl), abs(du)) / 2}))
            else:
                (s, t), (h, i) = (run.slopes[k] for run in runs), (run.halves[k] for run in runs)
                moved[2, k] = add((s - t, a), (t, d), (1, const(h - i)), (1, {("f", k): h}), (-1, {("g", k): i}))
            moved_between[2, k] = steps_of(RELU, (low, high), (low_g, high_g), (dl, du))
        u += len(own)
    return [pair(v, w)[-1] for v, w in zip(programs[0][1], programs[1][1], strict=True)]
