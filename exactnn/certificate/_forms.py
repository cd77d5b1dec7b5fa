"""Evidence "forms": value numbering. Every value of f and of g is written as forms over one table of atoms.

Sound: both outputs are the same combination of the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property, partial
from itertools import chain, islice
from math import prod
from typing import Any

from . import _budget
from ._atoms import MAX, Atoms, positive
from ._claim import Claim
from ._form import Form, combination, combined, constant, same, single
from ._load import load
from ._meaning import Linear, steps
from ._network import Network, Node
from ._numbers import items, mapping, need, rational
from ._walk import walk


def check_forms(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """The outputs of f and g have the same forms, or forms within the tolerance; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "hull", "f", "g", "output"), ("elements", "bounds"))
    nodes = [node for network in (f, g) if network is not None for node in network.nodes]
    if any(node.op == "rational" for node in nodes):
        load("_signs.need_no_poles")(claim.nonzero, f, g)
    grids = any(node.op in ("constant", "input") and len(node.shape) > 1 for node in nodes)
    forms: Forms = (load("_grid.Channels") if grids else Forms)(claim, f.input_size, evidence)
    first = forms.outputs(f, evidence["f"], "forms: f")
    need(g is not None or evidence["g"] == {}, "forms: g", "there is no network g")
    second = [constant(0)] * f.output_size if g is None else forms.outputs(g, evidence["g"], "forms: g")
    if forms.bounds:
        forms.above.chords.finish()
    if evidence["output"] is not None:
        forms.above.within(first, second, claim.tolerance, evidence["output"])
        return
    for j, (a, b) in enumerate(zip(first, second, strict=True)):
        need(same(a, b), f"forms: output {j}", "the forms of the two networks differ")


class Forms:
    """Entries are forms, those of one network after the other over the same atoms."""

    def __init__(self, claim: Claim, dimension: int, evidence: dict[str, Any]) -> None:
        self.atoms, self.domain, self._dimension, self._hull = Atoms(), claim.domain, dimension, evidence["hull"]
        elements = evidence.get("elements", False)
        need(type(elements) is bool, "forms: elements", "expected true or false")
        self.by_elements = elements or self._hull is not None  # how inputs on grids are read
        self.bounds = items(evidence.get("bounds", []), "forms: bounds")
        self._label, self._lines = "", dict[str, Iterator[tuple[int, Any]]]()  # of the network at hand
        if self._hull is not None:
            _ = self.inputs

    @cached_property
    def inputs(self) -> list[Form]:
        """One form for each input."""
        if self._hull is None:
            return [single(self.atoms.base("coordinate", k)) for k in range(self._dimension)]
        rows, under = load("_hull.read_hull")(self._hull, self.domain, self._dimension)
        coordinates = tuple([self.atoms.base("coordinate", k) for k in range(len(rows[0]) - 1)])
        return [Form(Fraction(row[-1], under), Fraction(1, under), coordinates, row[:-1]) for row in rows]

    @cached_property
    def above(self) -> Any:
        """What says why a form is >= 0."""
        return load("_above.Above")(self)

    def outputs(self, network: Network, evidence: Any, label: str) -> list[Form]:
        """The forms of the flat output, by the lines given for the nodes."""
        given = mapping(evidence, label, (), {node.name for node in network.nodes})
        self._label, self._lines = label, {name: enumerate(items(given[name], f"{label}: node {name}")) for name in given}
        found = self.entries(network)
        for name, lines in self._lines.items():
            need(not any(lines), f"{label}: node {name}", "there are more lines than it needs")
        return found

    def entries(self, network: Network) -> list[Form]:
        """Those of the flat output."""
        values = walk(network, self, steps(network))
        return [form for i in network.outputs for form in values[i]]

    def input(self, node: Node, start: int) -> list[Form]:
        """A part of the inputs."""
        return self.inputs[start : start + prod(node.shape)]

    def linear(self, node: Node, rule: Linear, operands: Sequence[list[Form]]) -> list[Form]:
        """Sums of forms."""
        return combined(rule, list(chain.from_iterable(operands)), f"{self._label}: node {node.name}")

    def positive(self, node: Node, operand: list[Form]) -> list[Form]:
        """max(z, 0)."""
        return self.by_lines(node, operand, self._positive_part)

    def function(self, node: Node, operand: list[Form]) -> list[Form]:
        """That of a node that is not piecewise linear."""
        return self.by_lines(node, operand, partial(load("_named.named"), node, self.atoms))

    def by_lines(self, node: Node, forms: list[Form], made: Callable[[Form, Any, str], Form]) -> list[Form]:
        """What the function makes of each form and its line."""
        step = f"{self._label}: node {node.name}"
        _budget.charge(20 * len(forms), step)
        _budget.hold(12 * len(forms), step)
        lines = list(islice(self._lines.get(node.name, ()), len(forms)))
        need(len(lines) == len(forms), step, f"{len(forms)} lines are needed, {len(lines)} are left")
        return [made(form, line, f"{step}, line {k}") for form, (k, line) in zip(forms, lines, strict=True)]

    def _positive_part(self, z: Form, line: Any, step: str) -> Form:
        """The form of max(z, 0); null leaves it unnamed, an atom that is equal to no other."""
        if line is None:
            return single(self.atoms.base("unnamed", step))  # no other line is called so
        line = items(line, step)
        if len(line) == 4 and line[0] == "atom":
            # z = s F l with F > 0, so max(z, 0) = F max(s l, 0), and max(-l, 0) = max(l, 0) - l
            s, factor = line[2], positive(rational(line[3], step), step)
            need(type(s) is int and s in (1, -1), step, "the sign must be 1 or -1")
            atom = self.atoms.use(line[1], MAX, z.times(s if factor == 1 else s / factor), step).times(factor)
            return atom if s == 1 else combination([(1, atom), (1, z)])
        need(len(line) == 2 and line[0] in ("on", "off"), step, 'expected ["atom", a, s, F], ["on", proof] or ["off", proof]')
        self.above.nonnegative(z if line[0] == "on" else z.times(-1), line[1], step)
        return z if line[0] == "on" else constant(0)
