"""Rule forms in both layouts, with smooth functions: docs/certificate/forms.md. Rational functions are not covered."""

from fractions import Fraction
from math import prod

from tests.certificate.second.core import (
    ONE,
    Forms,
    Vector,
    array,
    coordinates,
    count,
    need,
    not_covered,
    rational,
    read,
    unit,
    value,
    vector,
)

KEEPING = {"conv", "max_pool", "average_pool", "batch_norm", "piecewise_linear", "prelu", "smooth", "rational"}


class Grids(Forms):
    """A value is (grid, forms): in channel layout a form for each channel, of shape (C, 1...), else no grid and a form for each entry."""

    def run(self, net, ask):
        found, self.where, self.ask = {}, coordinates(net), ask
        for name, node in net["nodes"].items():
            found[name] = self.value(node, [found[o] for o in node["operands"]])
        self.grid = None
        return [v for o in net["outputs"] for v in self.entries(found[o]).flat]

    def value(self, node, operands):
        size, op = node["shape"], node["op"]
        grid = size[1:] or None
        self.grid = None
        if op == "input":
            where = self.where[node["name"]]
            if self.elements or grid is None:
                return None, array((self.start[j] for j in where), size)
            return grid, channels([unit(3, "input", where[c], grid) for c in range(0, len(where), prod(grid))], grid)
        if op == "constant" and grid:
            rows = node["fields"]["value"].reshape(size[0], -1)
            return (grid, channels(rows[:, 0], grid)) if (rows == rows[:, :1]).all() else (None, node["fields"]["value"])
        if grid is None or not keeps(node, operands):
            return None, value(node, list(map(self.entries, operands)), self.ask)
        self.grid = grid
        if op in ("conv", "max_pool", "average_pool"):
            found = getattr(self, op)(node, operands[0][0], [vector(v) for v in operands[0][1].flat])
            return grid, channels(found, grid)
        return grid, value(node, [forms for _, forms in operands], self.ask)

    def entries(self, found):
        grid, forms = found
        if grid is None:
            return forms
        return array((element(vector(form), p) for form in forms.flat for p in range(prod(grid))), (len(forms), *grid))

    def term(self, kind, index, below):
        if not isinstance(index, list):
            return super().term(kind, index, below)
        a, place = read((count, count), index)
        need(self.grid is None and a < len(self.made) and kind in ("atom", "mirror"), "no such atom, or no place")
        (of, *about), form = self.made[a]
        need(of == "max" and about[0] is not None and place < prod(about[0]), "no such place")
        return element(unit(2, a) - (form if kind == "mirror" else Vector()), place)

    def positive(self, z, line, function=None):
        if function is None:
            return super().positive(z, line)
        if isinstance(function, tuple):
            return self.multiple(z, line, *function[1:]) if function[0] == "multiple" else not_covered("forms of rational functions")
        if line == ["zero"]:
            need(not z and function != "softplus", "a form that is not 0")
            return vector(Fraction(1, 2) if function == "sigmoid" else 0)
        _, a, sign = read(({"atom"}, count, {1, -1}), line)
        atom = self.atom(a, (function, self.grid), sign * z)
        if sign > 0 or function == "tanh":
            return sign * atom
        return 1 - atom if function == "sigmoid" else atom + z

    def multiple(self, form, line, kind, signs):
        """The value F atom_a by a line ["atom", a, F], or nothing by null."""
        if line is None:
            need(not form, "a form that is not 0")
            return Vector()
        _, a, factor = read(({"atom"}, count, rational), line)
        need(factor and (factor > 0) in signs, "a factor")
        return factor * self.atom(a, kind, form * (1 / factor))

    def conv(self, node, grid, forms):
        fields, weight, groups = node["fields"], node["fields"]["weight"], node["fields"]["groups"]
        outs, ins, padded = *weight.shape[:2], any(map(any, fields["padding"]))
        products = weight.reshape(groups, outs // groups, ins, -1) * array(forms, (groups, 1, ins, 1))
        sums = products.sum(axis=2).reshape(outs, -1)
        tables = [{(3, key, k): w for k, v in enumerate(row) for key, w in v.items() if padded or key != ONE} for row in sums]
        constants = [0 if padded else sum(v.constant() for v in row) for row in sums]
        kind = signature("conv", fields, weight.shape[2:], grid)
        return self.ask(node, array(map(Vector, tables)), ("multiple", kind, (True, False))) + array(constants) + fields["bias"]

    def max_pool(self, node, grid, forms):
        constants = array(v.constant() for v in forms)
        kind = signature("max_pool", node["fields"], grid)
        return self.ask(node, array(forms) - constants, ("multiple", kind, (True,))) + constants

    def average_pool(self, node, grid, forms):
        kind = signature("average", node["fields"], grid)
        counts = node["fields"]["count_padding"] and any(map(any, node["fields"]["padding"]))
        return [Vector({ONE if key == ONE and not counts else (3, *kind, key): c for key, c in v.items()}) for v in forms]


def channels(forms, grid):
    return array(forms, (-1, *[1] * len(grid)))


def signature(word, fields, *more):
    return word, str([fields.get(key) for key in ("kernel", "stride", "padding", "dilation", "count_padding")]), *more


def element(form, place):
    """The form at a place of the grid."""
    at = {}
    for key in form:
        at[key] = key if key == ONE else (1, key[2] + place) if key[1:2] == ("input",) else (3, "element", key, place)
    return Vector({at[key]: c for key, c in form.items()})


def keeps(node, operands):
    """Whether the operation keeps the channel layout of its operands."""
    size, shapes, fields = node["shape"], node["shapes"], node["fields"]
    on_grid = [grid is not None for grid, _ in operands]
    if node["op"] in ("add", "subtract"):
        whole = [on and shape == size for on, shape in zip(on_grid, shapes, strict=True)]
        small = [
            not any(vector(v).varies() for v in forms.flat) and (prod(s) == 1 or (len(s) == len(size) and prod(s[1:]) == 1))
            for (_, forms), s in zip(operands, shapes, strict=True)
        ]
        return any(whole) and all(a or b for a, b in zip(whole, small, strict=True))
    if node["op"] == "scale":
        factor = fields["factor"].shape
        return all(on_grid) and prod(((1,) * (len(size) - len(factor)) + factor)[1:]) == 1
    if node["op"] == "concat":
        return all(on_grid) and fields["axis"] == 0
    if node["op"] == "slice":
        return all(on_grid) and size[1:] == shapes[0][1:]
    return all(on_grid) and node["op"] in KEEPING
