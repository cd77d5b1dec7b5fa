"""Evidence "forms": value numbering. Every value of f and of g is written as forms over one table of atoms.

Sound: both outputs are the same combination of the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from math import prod
from typing import Any

from . import _budget
from ._atoms import Atoms, Lines, NodeForms, Shape
from ._claim import Claim
from ._form import Form, combination, combined, constant, products, same, single
from ._lines import Kinks
from ._load import load
from ._meaning import bits, node_steps
from ._network import Network, Node
from ._numbers import index, items, mapping, need


def check_forms(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """The outputs of f and g have the same forms, or forms within the tolerance; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "hull", "f", "g", "output"), ("elements", "bounds"))
    if any(node.op == "rational" for network in (f, g) if network is not None for node in network.nodes):
        load("_signs.need_no_poles")(claim.nonzero, f, g)
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
        need(type(elements) is bool, "forms: elements", "expected true or false")
        self._elements = elements or hull is not None
        self.kinks = Kinks(self._atoms, self._slack, bounds)
        self._dimension, self._hull = dimension, hull
        if hull is not None:
            _ = self._inputs

    @cached_property
    def _inputs(self) -> list[Form]:
        """One form for each input; in channel layout nobody may ask for them."""
        if self._hull is None:
            return [single(self._atoms.coordinate(k)) for k in range(self._dimension)]
        found: list[Form] = load("_hull.forms")(self._hull, self._domain, self._dimension, self._atoms)
        return found

    def _slack(self, number: Any, step: str) -> Form:
        """b_r - A_r x for row r of the domain."""
        need(self._domain is not None, step, "there is no domain to have a slack in")
        assert self._domain is not None
        r = index(number, len(self._domain.bounds), step)
        if r not in self._slacks:
            row, bound, matrix = [-n for n in self._domain.row(r)], self._domain.bounds[r], self._domain.matrix
            (self._slacks[r],) = products([row], matrix.denominator, [bound], self._inputs, lambda: bits(matrix))
        return self._slacks[r]

    def outputs(self, network: Network, evidence: Any, label: str) -> list[Form]:
        """The forms of the flat output, by the lines given for the nodes."""
        given = mapping(evidence, label, (), {node.name for node in network.nodes})
        starts = network.starts()
        values: list[NodeForms] = []
        for i, node in enumerate(network.nodes):
            step = f"{label}: node {node.name}"
            lines = Lines(items(given.get(node.name, []), step), step)
            if node.op == "input":
                values.append(self._input(node, starts[i]))
            else:
                values.append(self._value(node, [values[p] for p in node.operands], lines, step))
            lines.finish()
        return [form for i in network.outputs for form in self._atoms.elements(values[i])]

    def _input(self, node: Node, start: int) -> NodeForms:
        size, grid = prod(node.shape), node.shape[1:]
        if not grid or self._elements:
            return NodeForms(node.shape, (), self._inputs[start : start + size])
        firsts = range(start, start + size, prod(grid))
        return NodeForms(node.shape, grid, [single(self._atoms.input_channel(k, grid)) for k in firsts])

    def _value(self, node: Node, operands: list[NodeForms], lines: Lines, step: str) -> NodeForms:
        """The value of a node; layouts are decided by the rules of the format, never by the certificate."""
        grids = any(a.grid for a in operands)
        windowed = load("_grid.WINDOWED").get(node.op) if operands and operands[0].grid else None
        if windowed is not None:
            return NodeForms(node.shape, node.shape[1:], windowed(node, operands[0], lines, self._atoms, step))
        channels = load("_grid.by_channels")(node, operands) if grids or len(node.shape) > 1 else None
        if channels is None:
            return NodeForms(node.shape, (), self._made(node, [(a.shape, self._atoms.elements(a)) for a in operands], (), lines, step))
        node, forms = channels
        grid = node.shape[1:]
        alone = node._replace(shape=node.shape[:1])
        return NodeForms(node.shape, grid, self._made(alone, [((len(row),), row) for row in forms], grid, lines, step))

    def _made(self, node: Node, operands: Sequence[tuple[Shape, list[Form]]], grid: Shape, lines: Lines, step: str) -> list[Form]:
        """The steps of the node, on one form for each entry."""
        values = [forms for _, forms in operands]
        for made in node_steps(0, node, [shape for shape, _ in operands], tuple(range(len(values))), len(values)):
            x = [form for p in made.operands for form in values[p]]
            if made.rule is not None:
                values.append(combined(made.rule, x, step))
                continue
            _budget.charge(20 * len(x), step)
            _budget.hold(12 * len(x), step)
            part, found = self.kinks.positive_part if made.kind == "positive" else partial(load("_named.named"), node, self._atoms), []
            for form in x:
                here = f"{step}, line {lines.taken}"
                found.append(part(form, lines.take(here), grid, here))
            values.append(found)
        return values[-1]
