"""What `search_zero` searches: all weights, or those that go out of a given first layer; by either solver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from exactnn.exact.clock import Clock
from exactnn.network import Network, mlp
from exactnn.symmetry._smt import Script
from exactnn.symmetry._zero_classes import Units, offset
from exactnn.symmetry._zero_exact import NeuronSearch, PairSearch
from exactnn.symmetry._zero_layer import LayerSearch
from exactnn.symmetry._zero_z3 import Question
from exactnn.symmetry.ridge_forms import normal_form

_PAIRS = "every neuron of an irreducible zero network has an opposite one, and the two together are affine"
_Numbers = Sequence[int] | Sequence[Fraction]
#: the (a, w, b), and c
Found = tuple[Sequence[tuple[_Numbers, _Numbers, int | Fraction]], _Numbers]


class Plan:
    """What is searched, by either solver; in each subclass."""

    def empty(self) -> str:
        """Why there is nothing to be found, if that is clear beforehand."""
        raise NotImplementedError  # pragma: no cover - overridden

    def networks(self, solver: str, clock: Clock) -> Iterator[Found]:
        raise NotImplementedError  # pragma: no cover - overridden

    def scripts(self) -> Iterator[Script]:
        raise NotImplementedError  # pragma: no cover - overridden

    def smt2(self, reason: str) -> str:
        """One script for each number of neurons; the first that is satisfiable has the networks."""
        if reason:
            script = Script("QF_LIA", f"A zero network within these bounds; there is none, since\n{reason}.")
            script.require(False)
            return script.text()
        return "(reset)\n".join(script.text() for script in self.scripts())


class Free(Plan):
    """All weights are searched, for one number of neurons after the other, until there is a network."""

    def __init__(self, d: int, m: int, bound: int, irreducible: bool, nonzero: bool, no_linear_pair: bool, widths: range) -> None:
        self.sizes = d, m, bound
        self.pairs, self.nonzero, self.no_linear_pair = irreducible, nonzero, no_linear_pair
        self.widths = [n for n in widths if not irreducible or n % 2 == 0]
        self.most = widths[-1]

    def empty(self) -> str:
        if not self.pairs:
            return "max_weight is 0, and all weights are to be non-zero" if self.nonzero and not self.sizes[2] else ""
        if self.no_linear_pair:
            return _PAIRS
        if not self.widths:
            return f"an irreducible zero network has two neurons on each of its hyperplanes, and {self.most} is odd"
        return "max_weight is 0, and an irreducible network has no w = 0" if not self.sizes[2] else ""

    def networks(self, solver: str, clock: Clock) -> Iterator[Found]:
        units = self._units(clock)
        for width in self.widths:
            any_found = False
            for chosen in self._chosen(units, width, solver, clock):
                neurons = units.neurons(chosen)
                c = offset(neurons)
                if not self.nonzero or all(c):
                    any_found = True
                    yield neurons, c
            if any_found:
                return

    def _chosen(self, units: Units, width: int, solver: str, clock: Clock) -> Iterator[tuple[int, ...]]:
        if solver == "z3":
            return self._question(units, width).search(clock)
        if self.pairs:
            return iter(PairSearch(units, width // 2, clock))
        return iter(NeuronSearch(units, width, clock, no_linear_pair=self.no_linear_pair))

    def scripts(self) -> Iterator[Script]:
        units = self._units()
        return (self._question(units, width).script for width in self.widths)

    def _units(self, clock: Clock | None = None) -> Units:
        return Units(*self.sizes, pairs=self.pairs, nonzero=self.nonzero, clock=clock)

    def _question(self, units: Units, width: int) -> Question:
        count = width // 2 if self.pairs else width
        return Question(units, count, nonzero=self.nonzero, no_linear_pair=self.no_linear_pair)


class Fixed(Plan):
    """Outgoing weights for a given first layer."""

    def __init__(self, search: LayerSearch) -> None:
        self.search = search

    def empty(self) -> str:
        search = self.search
        if search.irreducible and search.no_linear_pair:
            return _PAIRS
        if search.irreducible and (reason := search.layer.reducible()):
            return reason
        if search.nonzero and not all(map(all, search.layer.rows)):
            return "an entry of the first layer is 0"
        return ""

    def networks(self, solver: str, clock: Clock) -> Iterator[Found]:
        rows = self.search.layer.rows
        for outgoing in self.search.smt(clock) if solver == "z3" else self.search.exact(clock):
            neurons = [(a, row[:-1], row[-1]) for a, row in zip(zip(*outgoing, strict=True), rows, strict=True)]
            yield neurons, self.search.layer.offset(outgoing)

    def scripts(self) -> Iterator[Script]:
        return iter((self.search.script()[0],))


def network(found: Found) -> Network:
    """c + sum a max(w . x + b, 0), which is 0."""
    neurons, c = found
    weight, bias = [list(w) for _, w, _ in neurons], [b for _, _, b in neurons]
    net = mlp([(weight, bias), ([list(row) for row in zip(*(a for a, _, _ in neurons), strict=True)], list(c))])
    if not normal_form(net).is_zero():
        raise AssertionError(f"a network that was found is not zero: {neurons}, {c}")
    return net
