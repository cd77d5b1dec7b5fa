"""The same search as a question in SMT-LIB 2, and z3's answers to it: an independent engine, for cross-checks.

All unknowns are integers between bounds. A product of two is written out, by the values of one of them, so that the question is one of
linear integer arithmetic, which solvers decide. After each model its whole class is excluded.

*Irreducible*: the neurons come in opposite pairs with opposite jumps (theorem A), of which one is asked for. *Any*: corollary B as it
stands, for each neuron the sum of jumps over the neurons on its hyperplane, then M, then c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.symmetry._smt import Script, Term, both, differ, either, nonzero, term, total
from exactnn.symmetry._zero_classes import Neuron, Units


class Question:
    """The unknown network (a_i, w_i, b_i, c), i < count, or in pairs."""

    def __init__(self, units: Units, count: int, *, nonzero: bool, no_linear_pair: bool) -> None:
        self.units, self.count = units, count
        self.script = Script("QF_LIA", self._title(nonzero, no_linear_pair))
        self._nonzero = nonzero
        outputs, inputs = range(units.outputs), range(units.inputs)
        self.a = [[self._unknown(f"a{i}_{o}") for o in outputs] for i in range(count)]
        self.w = [[self._unknown(f"w{i}_{k}") for k in inputs] for i in range(count)]
        self.b = [self._unknown(f"b{i}") for i in range(count)]
        #: a_i (w_i, b_i)^T, entry by entry
        self.t = [
            [[self._product(f"t{i}_{o}_{k}", x, y) for k, y in enumerate((*self.w[i], self.b[i]))] for o, x in enumerate(self.a[i])]
            for i in range(count)
        ]
        if units.pairs:
            self._pairs()
        else:
            self._neurons(no_linear_pair)

    def neurons(self, values: dict[str, int]) -> list[Neuron]:
        """The network of a model; one neuron of each pair."""
        rows = zip(self.a, self.w, self.b, strict=True)
        return [(tuple(values[n] for n in a), tuple(values[n] for n in w), values[b]) for a, w, b in rows]

    def search(self, clock: Clock) -> Iterator[tuple[int, ...]]:
        """The first member of each class."""
        session = self.script.session()
        while (answer := session.solve(clock)).status == "sat":
            chosen = sorted(self.units.unit_of(neuron) for neuron in self.neurons({n: int(v) for n, v in answer.values.items()}))
            yield self.units.first(chosen)
            session.require(both(self._not(member) for member in sorted(self.units.members(chosen))))
        if answer.status == "unknown":
            raise Incomplete(f"z3 does not know whether there are more: {answer.reason}")

    # --- the question ----------------------------------------------------------------------------------------------------

    def _title(self, nonzero: bool, no_linear_pair: bool) -> str:
        units = self.units
        pairs = units.pairs
        lines = [
            f"A zero network c + sum a_i max(w_i . x + b_i, 0); inputs {units.inputs}, neurons {self.count * (1 + pairs)}, "
            f"outputs {units.outputs};",
            f"integers a, w, b between -{units.bound} and {units.bound}"
            + (", all of a, w, b, c non-zero" if nonzero else "")
            + (", without an opposite pair that alone is affine" if no_linear_pair else "")
            + ".",
        ]
        if pairs:
            lines += [
                "Irreducible: no zero neuron, no two positively proportional. Then each neuron i has one opposite (-a_i, -w_i, -b_i),",
                "up to scaling, which is left out here; t_i = a_i (w_i, b_i)^T. f = 0 exactly if sum a_i w_i^T = 0 and c = -sum a_i b_i.",
            ]
        return "\n".join(lines)

    def _unknown(self, name: str) -> str:
        self.script.declare(name)
        self.script.require(term("<=", -self.units.bound, name, self.units.bound))
        if self._nonzero:
            self.script.require(nonzero(name))
        return name

    def _product(self, name: str, x: str, y: str) -> str:
        """A constant that is x y, |x| <= B."""
        self.script.declare(name)
        for value in range(-self.units.bound, self.units.bound + 1):
            self.script.require(term("=>", term("=", x, value), term("=", name, term("*", value, y))))
        return name

    def _pairs(self) -> None:
        script, units = self.script, self.units
        for i in range(self.count):
            script.require(either(nonzero(x) for x in self.a[i]), f"pair {i}: a and w are not 0")
            script.require(either(nonzero(x) for x in self.w[i]))
        for i, k in combinations(range(self.count), 2):
            minors = self._minors(i, k)
            script.require(either(nonzero(m) for m in minors), f"pairs {i} and {k} are on different hyperplanes")
        script.remark("sum a_i w_i^T = 0")
        for o in range(units.outputs):
            for k in range(units.inputs):
                script.require(term("=", total(t[o][k] for t in self.t), 0))
        self._offset([total(term("-", t[o][-1]) for t in self.t) for o in range(units.outputs)])
        for i in range(self.count - 1):
            script.require(_less(_flat(self.t[i]), _flat(self.t[i + 1])), "pairs are sorted by t")

    def _neurons(self, no_linear_pair: bool) -> None:
        script, units = self.script, self.units
        same: dict[tuple[int, int], str] = {}
        opposite: dict[tuple[int, int], str] = {}
        for i, k in combinations(range(self.count), 2):
            parallel = both(term("=", m, 0) for m in self._minors(i, k))
            dot = total(self._product(f"d{i}_{k}_{n}", x, y) for n, (x, y) in enumerate(zip(self.w[i], self.w[k], strict=True)))
            for table, sign, name in ((same, ">", "same"), (opposite, "<", "opposite")):
                table[i, k] = table[k, i] = script.declare(f"{name}{i}_{k}", "Bool")
                script.require(term("=", table[i, k], term("and", parallel, term(sign, dot, 0))), f"neurons {i} and {k} on one hyperplane")
        for i in range(self.count):
            for o in range(units.outputs):
                for n in range(units.inputs + 1):
                    terms = [self.t[i][o][n]]
                    for k in range(self.count):
                        if k != i:
                            t = self.t[k][o][n]
                            terms.append(term("ite", same[i, k], t, term("ite", opposite[i, k], term("-", t), 0)))
                    moving = either(nonzero(x) for x in self.w[i])
                    script.require(term("=>", moving, term("=", total(terms), 0)), f"the jumps on the hyperplane of neuron {i} add up to 0")
        negative = [script.declare(f"negative{i}", "Bool") for i in range(self.count)]
        for i, name in enumerate(negative):
            script.require(term("=", name, _less(self.w[i], [0] * units.inputs)), f"the first non-zero entry of w_{i} is negative")
        script.remark("M = 0")
        for o in range(units.outputs):
            for n in range(units.inputs):
                script.require(term("=", total(term("ite", name, self.t[i][o][n], 0) for i, name in enumerate(negative)), 0))
        offsets = []
        for o in range(units.outputs):
            terms = []
            for i, name in enumerate(negative):
                constant = both([*(term("=", x, 0) for x in self.w[i]), term(">", self.b[i], 0)])
                terms.append(term("ite", term("or", name, constant), term("-", self.t[i][o][-1]), 0))
            offsets.append(total(terms))
        self._offset(offsets)
        rows = [[*a, *w, b] for a, w, b in zip(self.a, self.w, self.b, strict=True)]
        for i in range(self.count - 1):
            script.require(term("not", _less(rows[i + 1], rows[i])), "neurons are sorted")
        if no_linear_pair:
            for i, k in combinations(range(self.count), 2):
                equal = both(term("=", x, y) for p, q in zip(self.t[i], self.t[k], strict=True) for x, y in zip(p, q, strict=True))
                live = either(nonzero(x) for x in self.a[i])
                script.require(term("not", both([opposite[i, k], equal, live])), f"neurons {i} and {k} are no linear pair")

    def _offset(self, values: list[str]) -> None:
        for o, value in enumerate(values):
            name = self.script.declare(f"c_{o}")
            self.script.require(term("=", name, value), f"c_{o} is what is left")
            if self._nonzero:
                self.script.require(nonzero(name))

    def _minors(self, i: int, k: int) -> list[str]:
        """The 2 x 2 minors of the rows (w_i, b_i), (w_k, b_k)."""
        rows = (*self.w[i], self.b[i]), (*self.w[k], self.b[k])
        found = []
        for p, q in combinations(range(self.units.inputs + 1), 2):
            down, up = (
                self._product(f"m{i}_{k}_{p}_{q}", rows[0][p], rows[1][q]),
                self._product(f"m{i}_{k}_{q}_{p}", rows[0][q], rows[1][p]),
            )
            found.append(term("-", down, up))
        return found

    def _not(self, member: tuple[int, ...]) -> str:
        """The network is not this one, whatever the scaling of its neurons (which are sorted, as pairs or one by one)."""
        units = [self.units.units[i] for i in member]
        if self.units.pairs:
            tensors = sorted([n * k for n in j for k in p] for j, p in units)
            names = [name for t in self.t for row in t for name in row]
            return differ(names, [n for tensor in tensors for n in tensor])
        names = [name for a, w, b in zip(self.a, self.w, self.b, strict=True) for name in (*a, *w, b)]
        networks = {tuple(sorted(choice)) for choice in product(*(self.units.realisations(u) for u in units))}
        return both(differ(names, [n for a, w, b in network for n in (*a, *w, b)]) for network in sorted(networks))


def _less(x: Sequence[Term], y: Sequence[Term]) -> str:
    """x < y, lexicographically."""
    claim = "false"
    for p, q in reversed(list(zip(x, y, strict=True))):
        claim = term("or", term("<", p, q), term("and", term("=", p, q), claim))
    return claim


def _flat(rows: list[list[str]]) -> list[str]:
    return [name for row in rows for name in row]
