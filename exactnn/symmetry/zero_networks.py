"""Networks with one hidden layer of ReLU neurons that are zero everywhere: all of them within bounds, one of each class.

By theorem A (docs/theory.md 1) f(x) = c + sum_i a_i max(w_i . x + b_i, 0) is zero exactly if on every hyperplane the jumps cancel, and the
affine function that is left is zero. So an irreducible zero network has two opposite neurons on each of its hyperplanes u_h . x + v_h = 0,
with jumps j_h and -j_h, and the whole condition is sum_h j_h u_h^T = 0; then c = -sum_h j_h v_h.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number, rational_text, sum_text
from exactnn.network import Affine, Network
from exactnn.symmetry._zero_layer import FirstLayer, LayerSearch
from exactnn.symmetry._zero_plans import Fixed, Found, Free, Plan, network
from exactnn.value import Value

#: beyond which no search ends
_INPUTS, _NEURONS, _BOUND, _OUTPUTS = 12, 10_000, 1_000_000, 12


def _short(number: int) -> str:
    return str(number) if number < 10**20 else f"a number of {number.bit_length()} bits"


class ZeroSearch(Value):
    """Zero networks, one after the other, as they are found; made by `search_zero`.

    Attributes
    ----------
    complete : whether the search has come to its end, so that what was yielded is everything within the bounds
    summary : what was asked, how many were found so far, and whether that is all
    """

    def __init__(
        self, asked: str, source: Iterator[Found], smt2: Callable[[], str], reason: str, limit: int | None, keep: bool, clock: Clock
    ) -> None:
        self.complete = False
        self.count = 0
        self._asked, self._source, self._smt2, self._reason, self._limit = asked, source, smt2, reason, limit
        self._keep, self._found, self._clock = keep, list[Network](), clock

    def __iter__(self) -> ZeroSearch:
        return self

    def __next__(self) -> Network:
        if self.complete or self.count == self._limit:
            raise StopIteration
        try:
            if self.count:
                self._clock.check("zero networks were being listed")
            found = next(self._source)
        except StopIteration:
            self.complete = True
            raise
        except Incomplete as stop:
            raise Incomplete(f"search_zero: {stop}; zero networks by then: {self.count}", list(self._found)) from None
        self.count += 1
        result = network(found)
        if self._keep:
            self._found.append(result)
        return result

    @property
    def summary(self) -> str:
        number = f"{self.count or 'no'} zero network{'s' * (self.count != 1)}"
        state = "complete for these bounds" if self.complete else "not complete"
        reason = f" ({self._reason})" if self._reason and self.complete else ""
        return f"{number}, {state}: {self._asked}{reason}"

    def smt2(self) -> str:
        """The whole question in SMT-LIB 2: satisfiable exactly if there is such a network."""
        return self._smt2()

    def _parts(self) -> dict[str, Any]:
        return {"complete": self.complete, "asked": self._asked, "count": self.count}

    def _summary(self) -> str:
        return self.summary


@timed
def search_zero(
    inputs: int,
    neurons: int,
    max_weight: int,
    *,
    outputs: int = 1,
    irreducible: bool = True,
    nonzero: bool = False,
    no_linear_pair: bool = False,
    fewest: bool = False,
    first_layer: tuple[Any, Any] | None = None,
    solver: Literal["exact", "z3"] = "exact",
    time_limit: Number | None = None,
    limit: int | None = None,
) -> ZeroSearch:
    """All zero networks f(x) = c + sum_{i < neurons} a_i max(w_i . x + b_i, 0) = 0, a, w, b integers of absolute value <= max_weight.

    One of each class. Two networks are in one class if one arises from the other by permuting neurons, scaling them,
    (a, w, b) -> (a / t, t w, t b), t > 0 rational, multiplying each output by a non-zero rational of its own, permuting the inputs and
    turning their signs; what lies between the two need not be within the bounds. c is whatever integer it has to be.

    Parameters
    ----------
    inputs, neurons, max_weight, outputs : d, n, the bound, and the size m of c and the a_i
    irreducible : no a_i = 0, no w_i = 0, and no two (w_i, b_i) positively proportional; False for all networks
    nonzero : all entries of all a_i, w_i, b_i and c are non-zero
    no_linear_pair : no two neurons (w_k, b_k) = -t (w_i, b_i), t > 0, with a_i = -t a_k != 0, so that a_i max(w_i . x + b_i, 0) +
        a_k max(w_k . x + b_k, 0) is affine by itself. Every neuron of an irreducible zero network is in such a pair (theorem A), so that
        this asks for something only with irreducible=False
    fewest : only the smallest number of neurons, at most `neurons`, for which there is any
    first_layer : (W, b), rational, taken as it is; only the integers a, |a| <= max_weight, and the rational c are searched, and classes
        are those up to factors of the outputs
    solver : "exact", or "z3" for the same question, `.smt2()`, put to z3; slower, for cross-checks
    time_limit : seconds from now on
    limit : stop after so many

    Returns
    -------
    ZeroSearch, an iterator over `Network`s; each was found to be zero by `normal_form`

    Raises
    ------
    ArgumentError, ShapeError
    Incomplete
        From the iterator, at the time limit; `partial` is the list of networks found by then.

    Examples
    --------
    >>> search = search_zero(2, 6, 1, limit=1)
    >>> print(formula(next(search)))
    max(x, 0) - max(-x, 0) + max(y, 0) - max(-y, 0) + max(-x - y, 0) - max(x + y, 0)
    >>> search = search_zero(1, 6, 1, fewest=True)
    >>> print(*map(formula, search), sep="\\n")
    max(x, 0) - max(-x, 0) + max(-x + 1, 0) - max(x - 1, 0) - 1
    max(x + 1, 0) - max(-x - 1, 0) + max(-x + 1, 0) - max(x - 1, 0) - 2
    >>> search.summary[:44]
    '2 zero networks, complete for these bounds: '
    """
    d, n, bound, m = (
        _size(value, name, least)
        for value, name, least in ((inputs, "inputs", 1), (neurons, "neurons", 1), (max_weight, "max_weight", 0), (outputs, "outputs", 1))
    )
    most = None if limit is None else _size(limit, "limit", 0)
    flags = {"irreducible": irreducible, "nonzero": nonzero, "no_linear_pair": no_linear_pair, "fewest": fewest}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ArgumentError(f"{name}: True or False is needed, got {value!r}")
    if solver not in ("exact", "z3"):
        raise ArgumentError(f"solver: 'exact' or 'z3' is needed, got {solver!r}")
    clock = clock_in_force()
    plan: Plan
    if first_layer is None:
        plan = Free(d, m, bound, irreducible, nonzero, no_linear_pair, range(1, n + 1) if fewest else range(n, n + 1))
    else:
        if fewest:
            raise ArgumentError("fewest: False is needed with first_layer, which says how many neurons there are, got True")
        plan = Fixed(
            LayerSearch(_layer(first_layer, d, n), m, bound, irreducible=irreducible, nonzero=nonzero, no_linear_pair=no_linear_pair)
        )
    reason = plan.empty()
    if not reason and first_layer is None and (d > _INPUTS or n > _NEURONS or bound > _BOUND or m > _OUTPUTS):
        raise ArgumentError(
            f"inputs, neurons, max_weight, outputs: at most {_INPUTS}, {_NEURONS}, {_BOUND} and {_OUTPUTS} can be searched, "
            f"got {_short(d)}, {_short(n)}, {_short(bound)}, {_short(m)}"
        )
    asked = _asked(d, n, m, bound, flags, first_layer is not None)
    source: Iterator[Found] = iter(()) if reason else plan.networks(solver, clock)
    return ZeroSearch(asked, source, lambda: plan.smt2(reason), reason, most, clock.limit is not None or solver == "z3", clock)


def formula(net: Network) -> str:
    """c + sum a_i max(w_i . x + b_i, 0) as text, without the neurons of a_i = 0; one formula for each output.

    Examples
    --------
    >>> from exactnn import mlp
    >>> formula(mlp([([[1, -2], [0, "1/2"]], [0, 1]), ([[1, 2], [-3, 0]], [0, 4])]))
    '(max(x - 2 y, 0) + 2 max(1/2 y + 1, 0), -3 max(x - 2 y, 0) + 4)'
    """
    first, last = _layers(net)
    names = list("xyz"[: net.input_dim]) if net.input_dim <= 3 else [f"x{k + 1}" for k in range(net.input_dim)]
    levels = [
        sum_text([*zip(w, names, strict=True), (b, "")]) for w, b in zip(first.weight.to_rows(), first.bias.to_fractions(), strict=True)
    ]
    lines = [
        sum_text([*((q, f"max({level}, 0)") for q, level in zip(a, levels, strict=True)), (c, "")])
        for a, c in zip(last.weight.to_rows(), last.bias.to_fractions(), strict=True)
    ]
    return lines[0] if len(lines) == 1 else f"({', '.join(lines)})"


def parameters(net: Network) -> dict[str, Any]:
    """W (rows w_i), b, a (a row for each output) and c, as text "p" or "p/q".

    Examples
    --------
    >>> from exactnn import mlp
    >>> parameters(mlp([([[1, -2], [0, "1/2"]], [0, 1]), ([[1, 2]], [4])]))
    {'W': [['1', '-2'], ['0', '1/2']], 'b': ['0', '1'], 'a': [['1', '2']], 'c': ['4']}
    """
    first, last = _layers(net)
    return {
        "W": list(map(_texts, first.weight.to_rows())),
        "b": _texts(first.bias.to_fractions()),
        "a": list(map(_texts, last.weight.to_rows())),
        "c": _texts(last.bias.to_fractions()),
    }


def _texts(numbers: tuple[Fraction, ...]) -> list[str]:
    return [rational_text(q) for q in numbers]


def _layers(net: Network) -> tuple[Affine, Affine]:
    first = last = None
    if len(net.hidden_layers) == len(net.outputs) == 1:
        first, last = net.operation(net.operands(net.hidden_layers[0])[0]), net.operation(net.outputs[0])
    if not isinstance(first, Affine) or not isinstance(last, Affine):
        raise ArgumentError("net: a network of one hidden layer between two affine ones is needed")
    return first, last


def _size(value: Any, name: str, least: int) -> int:
    number = None if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__") else operator.index(value)
    if number is None or number < least:
        raise ArgumentError(f"{name}: an integer >= {least} is needed, got {value!r}")
    return number


def _layer(first_layer: Any, inputs: int, neurons: int) -> FirstLayer:
    if not isinstance(first_layer, (tuple, list)) or len(first_layer) != 2:
        raise ArgumentError(f"first_layer: a pair (W, b) is needed, got {type(first_layer).__name__}")
    weight = RationalArray.of(first_layer[0], "first_layer[0]", ndim=2)
    bias = RationalArray.of(first_layer[1], "first_layer[1]", ndim=1)
    if weight.shape != (neurons, inputs) or bias.shape != (neurons,):
        raise ShapeError(
            f"first_layer: W of shape ({neurons}, {inputs}) and b of shape ({neurons},) are needed, one row for each neuron, "
            f"got {weight.shape} and {bias.shape}"
        )
    return FirstLayer([(*w, b) for w, b in zip(weight.to_rows(), bias.to_fractions(), strict=True)])


def _asked(inputs: int, neurons: int, outputs: int, bound: int, flags: dict[str, bool], layer: bool) -> str:
    sizes = ", ".join(f"{k} {name}{'s' * (k != 1)}" for k, name in ((inputs, "input"), (neurons, "neuron"), (outputs, "output")))
    if flags["fewest"]:
        sizes = sizes.replace(f"{neurons} neuron", f"the fewest possible of at most {neurons} neuron")
    weights = f"integer {'outgoing ' if layer else ''}weights of absolute value at most {bound}"
    more = [
        name
        for value, name in (
            (layer, "a given first layer"),
            (flags["irreducible"], "irreducible"),
            (flags["nonzero"], "all parameters non-zero"),
            (flags["no_linear_pair"], "no linear pair"),
        )
        if value
    ]
    return ", ".join([sizes, weights, *more])
