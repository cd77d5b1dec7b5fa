"""Evidence "forms": value numbering. Every value of f and of g is written as forms over one table of atoms."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from . import _budget
from ._affine import MOVING, along_channels, broadcast_to, moves
from ._atoms import Atoms, Lines, NodeForms
from ._budget import Budget
from ._claim import Claim
from ._form import Form, combination, constant, products, same, single
from ._grid import average_pool, conv, conv_entries, max_pool, per_channel, pool_entries
from ._hull import read_hull
from ._lines import Kinks, piecewise_linear, prelu, rational_function, smooth
from ._network import Network, Node
from ._numbers import Tensor, boolean, index, items, mapping, need
from ._signs import need_no_poles
from ._windows import spread


def check_forms(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """The outputs of f and g have the same forms, or forms within the tolerance; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "hull", "f", "g", "output"), ("elements", "bounds"))
    need_no_poles(claim, f, g)
    numbering = Numbering(claim, f.input_size, evidence["hull"], evidence.get("elements", False), evidence.get("bounds", []))
    first = numbering.outputs(f, evidence["f"], "forms: f")
    if g is None:
        mapping(evidence["g"], "forms: g", ())
        second = [constant(0)] * f.output_size
    else:
        second = numbering.outputs(g, evidence["g"], "forms: g")
    numbering.kinks.finish()
    proofs = evidence["output"]
    if proofs is None:
        for j, (a, b) in enumerate(zip(first, second, strict=True)):
            need(same(a, b), f"forms: output {j}", "the forms of the two networks differ")
        return
    pairs = items(proofs, "forms: output", f.output_size)
    for j, (a, b, pair) in enumerate(zip(first, second, pairs, strict=True)):
        for sign, proof in zip((-1, 1), items(pair, f"forms: output {j}", 2), strict=True):
            gap = combination([(sign, a), (-sign, b)]).plus(claim.tolerance)
            numbering.kinks.nonnegative(gap, proof, (), f"forms: output {j}, sign {sign}")


class Numbering:
    """The forms of one network after the other, over the same atoms."""

    def __init__(self, claim: Claim, dimension: int, hull: Any, elements: Any, bounds: Any) -> None:
        self._atoms = Atoms()
        self._domain = claim.domain
        self._slacks: dict[int, Form] = {}
        self._elements = boolean(elements, "forms: elements") or hull is not None
        self.kinks = Kinks(self._atoms, self._slack, bounds)
        if hull is None:
            self._inputs = [single(self._atoms.coordinate(k)) for k in range(dimension)]
        else:
            need(claim.domain is not None, "hull", "there is no domain that it could belong to")
            assert claim.domain is not None
            rows, denominator = read_hull(hull, claim.domain, dimension)
            atoms = [self._atoms.coordinate(k) for k in range(len(rows[0]) - 1)]
            self._inputs = [Form(Fraction(r[-1], denominator), Fraction(1, denominator), tuple(atoms), r[:-1]) for r in rows]

    def _slack(self, number: Any, step: str) -> Form:
        """b_r - A_r x for row r of the domain."""
        need(self._domain is not None, step, "there is no domain to have a slack in")
        assert self._domain is not None
        r = index(number, len(self._domain.bounds), step)
        if r not in self._slacks:
            row, bound = [-n for n in self._domain.row(r)], self._domain.bounds[r]
            (self._slacks[r],) = products([row], self._domain.matrix.denominator, [bound], self._inputs)
        return self._slacks[r]

    def outputs(self, network: Network, evidence: Any, label: str) -> list[Form]:
        """The forms of the flat output, by the lines given for the nodes."""
        names = {node.name for node in network.nodes}
        given = mapping(evidence, label, (), names)
        starts = network.starts()
        values: list[NodeForms] = []
        budget = self._atoms.budget = Budget(_budget.FORMS, "forms", label)
        for i, node in enumerate(network.nodes):
            step = f"{label}: node {node.name}"
            lines = Lines(items(given.get(node.name, []), step), step)
            budget.step = step
            by_entries = bool(node.operands) and all(not values[p].grid for p in node.operands)
            if by_entries:  # before they are made
                budget.spend(prod(node.shape))
            if node.op == "input":
                values.append(self._input(node, starts[i]))
            else:
                values.append(self._value(node, [values[p] for p in node.operands], lines, step))
            lines.finish()
            if not by_entries:
                budget.spend(len(values[i].forms))
        return [form for i in network.outputs for form in self._atoms.elements(values[i])]

    def _input(self, node: Node, start: int) -> NodeForms:
        size, grid = prod(node.shape), node.shape[1:]
        if not grid or self._elements:
            return NodeForms(node.shape, (), self._inputs[start : start + size])
        firsts = range(start, start + size, prod(grid))
        return NodeForms(node.shape, grid, [single(self._atoms.input_channel(k, grid)) for k in firsts])

    def _value(self, node: Node, operands: list[NodeForms], lines: Lines, step: str) -> NodeForms:
        """The value of a node; layouts are decided by the rules of the format, never by the certificate."""
        if node.op == "constant":
            return _constant(node.fields["value"])
        if node.op in ("add", "subtract"):
            return self._sum(node, operands)
        if node.op in MOVING:
            return self._moved(node, operands)
        a = operands[0]
        if node.op == "affine":
            return NodeForms(node.shape, (), self._affine(node, self._atoms.elements(a)))
        if node.op in ("conv", "max_pool", "average_pool"):
            return self._windowed(node, a, lines, step)
        if node.op in ("batch_norm", "scale"):
            return self._scaled(node, a)
        if node.op in ("piecewise_linear", "prelu"):
            bend = prelu if node.op == "prelu" else piecewise_linear
            return a._replace(forms=bend(node, a, lines, self.kinks, step))
        name = smooth if node.op == "smooth" else rational_function
        return a._replace(forms=name(node, a, lines, self._atoms, step))

    def _affine(self, node: Node, forms: Sequence[Form]) -> list[Form]:
        weight: Tensor = node.fields["weight"]
        m, n = weight.shape
        rows = [weight.numerators[i * n : (i + 1) * n] for i in range(m)]
        biases = node.fields["bias"].fractions()
        vectors = [forms[k : k + n] for k in range(0, len(forms), n)]
        return [form for v in vectors for form in products(rows, weight.denominator, biases, v)]

    def _windowed(self, node: Node, a: NodeForms, lines: Lines, step: str) -> NodeForms:
        if not a.grid:
            if node.op == "conv":
                return NodeForms(node.shape, (), conv_entries(node, a, a.forms))
            return NodeForms(node.shape, (), pool_entries(node, a, a.forms, lines, self.kinks, step))
        if node.op == "average_pool":
            return NodeForms(node.shape, node.shape[1:], average_pool(node, a, self._atoms))
        whole = conv if node.op == "conv" else max_pool
        return NodeForms(node.shape, node.shape[1:], whole(node, a, lines, self._atoms, step))

    def _scaled(self, node: Node, a: NodeForms) -> NodeForms:
        """Batch norm and multiplication by constants."""
        if node.op == "batch_norm":
            factor, shift = node.fields["scale"], node.fields["shift"]
            if not a.grid:
                factor, shift = along_channels(factor, node.shape), along_channels(shift, node.shape)
            pairs = zip(a.forms, factor.fractions(), shift.fractions(), strict=True)
            return a._replace(forms=[form.times(k).plus(c) for form, k, c in pairs])
        factors = per_channel(node.fields["factor"], node.shape) if a.grid else None
        if factors is None:
            forms, factors = self._atoms.elements(a), broadcast_to(node.fields["factor"], node.shape).fractions()
            a = NodeForms(node.shape, (), forms)
        return a._replace(forms=[form.times(k) for form, k in zip(a.forms, factors, strict=True)])

    def _sum(self, node: Node, operands: Sequence[NodeForms]) -> NodeForms:
        sign = -1 if node.op == "subtract" else 1
        alike = [_by_channels(a, node.shape) for a in operands]
        first, second = alike
        grid = node.shape[1:]
        if first is None or second is None:
            grid = ()
            first, second = (
                [forms[p] for p in spread(a.shape, node.shape)] for a, forms in ((a, self._atoms.elements(a)) for a in operands)
            )
        sums = [combination([(1, x), (sign, y)]) for x, y in zip(first, second, strict=True)]
        return NodeForms(node.shape, grid, sums)

    def _moved(self, node: Node, operands: Sequence[NodeForms]) -> NodeForms:
        """Reshape, transpose, slice, concatenation; the grid survives when only whole channels move."""
        if all(a.grid for a in operands):
            if node.op == "concat" and node.fields["axis"] == 0:
                return NodeForms(node.shape, node.shape[1:], [form for a in operands for form in a.forms])
            if node.op == "slice" and node.fields["taken"][1:] == tuple(map(range, operands[0].grid)):
                taken: range = node.fields["taken"][0]
                return NodeForms(node.shape, node.shape[1:], [operands[0].forms[c] for c in taken])
        entries = [self._atoms.elements(a) for a in operands]
        places = moves(node, [a.shape for a in operands])
        return NodeForms(node.shape, (), [entries[k][i] for k, i in places])


def _constant(value: Tensor) -> NodeForms:
    """In channel layout if every channel has the same value everywhere on its grid."""
    entries, area = value.fractions(), prod(value.shape[1:])
    firsts = entries[::area]
    grid: tuple[int, ...] = value.shape[1:]
    if not grid or any(v != firsts[i // area] for i, v in enumerate(entries)):
        return NodeForms(value.shape, (), [constant(v) for v in entries])
    return NodeForms(value.shape, grid, [constant(v) for v in firsts])


def _by_channels(a: NodeForms, shape: tuple[int, ...]) -> list[Form] | None:
    """One form for each channel of ``shape`` if the operand is alike on its whole grid when broadcast."""
    if len(shape) < 2 or len(a.shape) > len(shape):
        return None
    if a.shape == shape and a.grid:
        return a.forms
    sizes = (1,) * (len(shape) - len(a.shape)) + a.shape
    if prod(sizes[1:]) == 1 and all(form.is_constant() for form in a.forms):
        return a.forms * shape[0] if len(a.forms) == 1 else a.forms
    return None
