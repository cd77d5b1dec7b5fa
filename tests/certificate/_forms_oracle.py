"""The joint zonotope pass in Fractions, slowly and without rounding: an oracle for exactnn/certificate/_zonotope.py.

Affine functions are dicts over ("x", j), ("y", u) and None (the constant); forms are dicts over symbols and None (the centre).
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from exactnn.certificate import _cells
from exactnn.certificate._meaning import linear


class Lin:
    """A combination of variables, for the checker's own arithmetic of affine operations."""

    def __init__(self, terms: dict[Any, Fraction]) -> None:
        self.terms = {key: q for key, q in terms.items() if q}

    def __add__(self, other: Any) -> Lin:
        if not isinstance(other, Lin):
            other = Lin({None: Fraction(other)})
        return Lin({key: self.terms.get(key, Fraction(0)) + other.terms.get(key, Fraction(0)) for key in self.terms | other.terms})

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Lin:
        return Lin({key: q * factor for key, q in self.terms.items()})

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Lin:
        return self + other * -1


def program(network: Any) -> tuple[list[list[Lin]], list[Lin]]:
    """The functions z of each stage, and the outputs, as combinations of inputs and of max(z, 0)."""
    stages: list[list[Lin]] = []
    values: list[list[Lin]] = []
    starts = network.starts()

    def enter(z: list[Lin]) -> list[Lin]:
        first = sum(map(len, stages))
        stages.append(z)
        return [Lin({("y", first + i): Fraction(1)}) for i in range(len(z))]

    for i, node in enumerate(network.nodes):
        size = prod(node.shape)
        if node.op == "input":
            values.append([Lin({("x", starts[i] + k): Fraction(1)}) for k in range(size)])
            continue
        below = [values[p] for p in node.operands]
        if node.op in ("piecewise_linear", "prelu"):
            (e,) = below
            if node.op == "prelu":
                slopes = [q for q in node.fields["slopes"].fractions() for _ in range(prod(node.shape[1:]))]
                kinks, constant = [(Fraction(0), [1 - q for q in slopes])], Fraction(0)
            else:
                slopes, constant = [node.fields["slope"]] * size, node.fields["constant"]
                kinks = [(t, [p] * size) for t, p in node.fields["kinks"]]
            total = [v * q + constant for v, q in zip(e, slopes, strict=True)]
            for t, jumps in kinks:
                y = enter([v + -t for v in e])
                total = [v + w * p for v, w, p in zip(total, y, jumps, strict=True)]
            values.append(total)
        elif node.op == "max_pool":
            windows = node.fields["window"].entries(network.nodes[node.operands[0]].shape, node.shape, "oracle")
            total = [below[0][w[0]] for w in windows]
            for k in range(1, max(map(len, windows))):
                places = [p for p, w in enumerate(windows) if len(w) > k]
                for p, y in zip(places, enter([below[0][windows[p][k]] - total[p] for p in places]), strict=True):
                    total[p] = total[p] + y
            values.append(total)
        else:
            shapes = [network.nodes[p].shape for p in node.operands]
            found = _cells.combined(linear(node, shapes), [_cells.Columns(len(v), {0: v}, 1) for v in below], 0)
            entries = found.columns.get(0, [0] * found.size)
            values.append([(n if isinstance(n, Lin) else Lin({None: Fraction(n)})) * Fraction(1, found.denominator) for n in entries])
    return stages, [v for p in network.outputs for v in values[p]]


Form = dict[Any, Fraction]


def combined(*terms: tuple[Fraction, Form]) -> Form:
    total: Form = {None: Fraction(0)}
    for q, form in terms:
        for key, c in form.items():
            total[key] = total.get(key, Fraction(0)) + q * c
    return total


def ends(form: Form) -> tuple[Fraction, Fraction]:
    radius = sum((abs(q) for key, q in form.items() if key is not None), Fraction(0))
    return form[None] - radius, form[None] + radius


def sharper(a: Any, b: Any, d: Any) -> tuple[Any, Any, Any]:
    low, high = max(d[0], a[0] - b[1]), min(d[1], a[1] - b[0])
    return (max(a[0], b[0] + low), min(a[1], b[1] + high)), (max(b[0], a[0] - high), min(b[1], a[1] - low)), (low, high)


def relaxed(interval: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    """slope and shift."""
    low, high = interval
    if low >= 0 or high <= 0:
        return Fraction(low >= 0), Fraction(0)
    slope = high / (high - low)
    return slope, max((1 - slope) * high, slope * -low) / 2


def rise(x: Any, y: Any, d: Fraction) -> Fraction:
    """The least max(a, 0) - max(b, 0) with a - b >= d: where both are as small as they may be for d >= 0, else as large."""
    a = max(x[0], y[0] + d) if d >= 0 else min(x[1], y[1] + d)
    return max(a, Fraction(0)) - max(a - d, Fraction(0))


def bounds(f: Any, g: Any, box: list[tuple[Fraction, Fraction]], couplings: int = 0) -> tuple[list[Any], list[Any], list[Any]]:
    """Ranges of the outputs of f, of g and of the differences (of f where g is None)."""
    nets = [program(net) for net in (f, g) if net is not None]
    x: dict[Any, Form] = {("x", j): {None: (a + b) / 2, ("in", j): (b - a) / 2} for j, (a, b) in enumerate(box)}
    one: Form = {None: Fraction(1)}
    values: list[dict[Any, Form]] = [{**x, None: one} for _ in nets]
    plain = {**{("x", j): side for j, side in enumerate(box)}, None: (Fraction(1), Fraction(1))}
    spans: list[dict[Any, Any]] = [dict(plain) for _ in nets]

    def within(found: Any, *parts: tuple[Any, dict[Any, Any]]) -> Any:
        """The range, and the interval of the same combination of intervals."""
        ends = [sorted((q * lo, q * hi)) for z, known in parts for key, q in z.terms.items() for lo, hi in [known[key]]]
        return max(found[0], sum(lo for lo, _ in ends)), min(found[1], sum(hi for _, hi in ends))

    def at(i: int, z: Lin) -> Form:
        return combined(*((q, values[i][key]) for key, q in z.terms.items()))

    if len(nets) == 2 and list(map(len, nets[0][0])) == list(map(len, nets[1][0])):
        delta: dict[Any, Form] = {}
        far: dict[Any, Any] = dict.fromkeys(plain, (Fraction(0), Fraction(0)))

        def apart(z: Lin, w: Lin) -> Form:
            parts = [((z - w).terms.get(key, Fraction(0)), values[0][key]) for key in z.terms | w.terms]
            return combined(*parts, *((q, delta[key]) for key, q in w.terms.items() if key in delta))

        unit = 0
        for first, second in zip(nets[0][0], nets[1][0], strict=True):
            made, later = [], []
            for z, w in zip(first, second, strict=True):
                a, b, d = at(0, z), at(1, w), apart(z, w)
                r = sharper(within(ends(a), (z, spans[0])), within(ends(b), (w, spans[1])), within(ends(d), (z - w, spans[0]), (w, far)))
                (p, h), (q, k) = relaxed(r[0]), relaxed(r[1])
                above = [
                    combined((s, c), (t, {None: Fraction(1), key: Fraction(1)}))
                    for s, c, t, key in ((p, a, h, ("f", unit)), (q, b, k, ("g", unit)))
                ]
                if couplings >> unit & 1:
                    both = combined((Fraction(1, 2), d), (max(map(abs, r[2])) / 2, {("both", unit): Fraction(1)}))
                else:
                    new = {None: h - k, ("f", unit): h, ("g", unit): -k}
                    both = combined((p - q, a), (q, d), (Fraction(1), new))
                made.append((("y", unit), *above, both))
                ya, yb = ((max(lo, 0), max(hi, 0)) for lo, hi in r[:2])
                later.append((("y", unit), ya, yb, (rise(r[0], r[1], r[2][0]), -rise(r[1], r[0], -r[2][1]))))
                unit += 1
            for key, ya, yb, between in later:
                spans[0][key], spans[1][key], far[key] = ya, yb, between
            for key, *forms in made:
                values[0][key], values[1][key], delta[key] = forms
        a, b = ([ends(at(i, z)) for z in net[1]] for i, net in enumerate(nets))
        rows = list(zip(nets[0][1], nets[1][1], a, b, strict=True))
        d = [within(ends(apart(z, w)), (z - w, spans[0]), (w, far)) for z, w, *_ in rows]
        inside = [(within(p, (z, spans[0])), within(q, (w, spans[1]))) for z, w, p, q in rows]
        return a, b, [sharper(p, q, r)[2] for (p, q), r in zip(inside, d, strict=True)]
    for i, (stages, _) in enumerate(nets):
        unit = 0
        for stage in stages:
            made, later = [], {}
            for z in stage:
                a = at(i, z)
                low, high = within(ends(a), (z, spans[i]))
                slope, shift = relaxed((low, high))
                later[("y", unit)] = max(low, 0), max(high, 0)
                made.append((("y", unit), combined((slope, a), (shift, {None: Fraction(1), (i, unit): Fraction(1)}))))
                unit += 1
            values[i].update(made)
            spans[i].update(later)
    forms = [[at(i, z) for z in net[1]] for i, net in enumerate(nets)]
    inside = [[within(ends(a), (z, spans[i])) for a, z in zip(forms[i], net[1], strict=True)] for i, net in enumerate(nets)]
    outer = [list(map(ends, own)) for own in forms]
    if len(nets) == 1:
        return outer[0], [], inside[0]
    apart_ = [ends(combined((Fraction(1), a), (Fraction(-1), b))) for a, b in zip(*forms, strict=True)]
    return *outer, [sharper(p, q, r)[2] for p, q, r in zip(*inside, apart_, strict=True)]
