"""Rule boxes: docs/certificate/bounds.md. Zonotopes are rational here, and nothing is rounded but what the page rounds by name."""

import re
from fractions import Fraction

import numpy as np

from tests.certificate.second.bounds import bounds_between
from tests.certificate.second.core import ONE, Vector, array, count, need, read, record, run, sides, sizes, span, steps_of, unit, vector
from tests.certificate.second.functions import rule_tree

KINDS = {"split": (None, None, None), "leaf": (None, None), "pass": (None,), "exact": (None, None, None)}

RELU = (Fraction(0), Fraction(0), [(Fraction(0), Fraction(1))])


def rule_boxes(evidence, nets, tolerance, domain, inputs, outputs):
    nodes, box, bits = opened(evidence, nets, domain)
    for kind, about, part in leaves(nodes, box, bits):
        if kind == "exact":
            inside = [v for j, (low, high) in enumerate(part) for v in (high - unit(1, j), unit(1, j) - low)]
            rule_tree({"method": "tree", "hull": about[0], "tree": about[1]}, nets, tolerance, [*domain, *inside], inputs, outputs)
            continue
        found = bounds_between(nets, part, bits) if kind == "pass" else bounds_of_leaf(nets, part, bits, *about)
        need(all(-tolerance <= low and high <= tolerance for low, high in found), "an output differs by more")


def opened(evidence, nets, domain):
    _, bits, nodes, stated = record(evidence, {"box": []}, method=None, bits=count, tree=[None])
    need(16 <= bits <= 4096, "bits from 16 to 4096")
    need(domain, "boxes without a domain")
    one = 2**bits
    box = sides(domain, sum(sizes(nets[0], nets[0]["inputs"])), stated)
    return nodes, [(Fraction(low * one // 1, one), Fraction(-(-high * one // 1), one)) for low, high in box], bits


def leaves(nodes, box, bits):
    """(kind, what stands behind it, box) of each leaf."""
    left, boxes = list(nodes), [box]
    while boxes:
        need(left, "a node is missing")
        node, part = left.pop(0), boxes.pop()
        need(isinstance(node, list) and node, "a node")
        kind, *about = read(KINDS[read(set(KINDS), node[0])], node)
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
    return form.constant() - radius, form.constant() + radius


def within(a, b):
    return max(a[0], b[0]), min(a[1], b[1])


def stages_of(net):
    """The rows of the units of each stage, over inputs (1, j) and maxima (2, u) of earlier units; and those of the outputs."""
    found = []

    def ask(node, z, *function):
        need(not function, "a function that is not piecewise linear")
        first = sum(map(len, found))
        found.append(list(map(vector, np.ravel(z))))
        return array((unit(2, first + u) for u in range(np.size(z))), np.shape(z))

    outputs = run(net, [unit(1, j) for j in range(sum(sizes(net, net["inputs"])))], ask)
    return found, list(map(vector, outputs))


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
        self.forms[2, u] = lam * form + h + h * unit(self.name, u)
        self.intervals[2, u] = max(low, 0), max(high, 0)


def combined(row, forms):
    return sum((w * forms[key] for key, w in row.items() if key != ONE), vector(row.constant()))


def span_of(row, intervals):
    keys = [key for key in row if key != ONE]
    renamed = Vector({(1, k): row[key] for k, key in enumerate(keys)})
    return span(renamed + row.constant(), [intervals[key] for key in keys])


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
        inputs[1, j] = max(high - middle, middle - low) * unit("x", j) + middle
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
        return [within(reach(a - b), (p[0] - q[1], p[1] - q[0])) for (a, p), (b, q) in zip(*found, strict=True)]
    f, g = runs
    moved, moved_between = {}, {}

    def pair(v, w):
        """Forms a, b, d and ranges of a pair of rows."""
        (a, known_a), (b, known_b) = f.read(v), g.read(w)
        rest = v - w
        rows = Vector({("own", key): c for key, c in rest.items() if key != ONE}) + rest.constant()
        rows = rows + Vector({("moved", key): c for key, c in w.items() if key[0] == 2})
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
                moved[2, k] = Fraction(1, 2) * (d + max(abs(dl), abs(du)) * unit("d", k))
            else:
                (s, t), (h, i) = (run.slopes[k] for run in runs), (run.halves[k] for run in runs)
                moved[2, k] = (s - t) * a + t * d + (h - i) + h * unit("f", k) - i * unit("g", k)
            moved_between[2, k] = steps_of(RELU, (low, high), (low_g, high_g), (dl, du))
        u += len(own)
    return [pair(v, w)[-1] for v, w in zip(programs[0][1], programs[1][1], strict=True)]
