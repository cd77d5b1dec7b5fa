"""The rule forms, in both layouts."""

import itertools
from fractions import Fraction
from math import prod

from tests.certificate.second.networks import driven, sizes, starts, step
from tests.certificate.second.tree import frame
from tests.certificate.second.values import NotCovered, count, need, one_of, rational, record, several
from tests.certificate.second.vectors import ONE, add, const, is_constant


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
