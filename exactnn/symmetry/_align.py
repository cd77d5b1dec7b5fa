"""Alignment: the permutation and scaling (one hidden layer: also the flip) of each hidden layer that takes one network to another.

Value numbering gives each neuron the primitive form of its pre-activation and a factor; neurons of f and g with one form belong together,
and the quotient of their factors is the scale. The result is checked on the parameters: `transformation.apply(f)` has those of g.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from exactnn.errors import ExactnnError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.forms import NotTreated, Numbering, Row, TooLarge
from exactnn.network import Affine, Network, PiecewiseLinear, PRelu, Smooth, check_network
from exactnn.network.activation_facts import mirror_slope
from exactnn.symmetry.transformations import Composition, Flip, Permutation, Scaling, SignFlip, Transformation

#: what the neurons of a layer are matched by, the factor of each, and its sign
Neuron = tuple[Hashable, Fraction, int]


@helpful
def align(f: Network, g: Network) -> Transformation | None:
    """A transformation T with T.apply(f) equal to g, parameter by parameter, up to node names; None if none is found.

    T is a composition of `Permutation` and positive `Scaling` (for odd smooth activations `SignFlip`) by hidden layer, through dense and
    convolutional layers, batch norm and pooling; for one hidden layer also a `Flip`. A search: what it returns is checked, but None is
    no proof that there is none. It misses transformations among proportional neurons of an inner layer, and scalings of neurons whose
    pre-activation is 0. `verify_equal` asks whether f and g are the same function. Networks of different input or output
    sizes are a ShapeError.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f = mlp([([[1], [2]], [0, 1]), ([[1, 3]], [0])])
    >>> g = mlp([([[4], [1]], [2, 0]), ([["3/2", 1]], [0])])
    >>> align(f, g)
    Scaling('relu1', [2, 1]) @ Permutation('relu1', [1, 0])
    """
    for net, name in ((f, "f"), (g, "g")):
        check_network(net, name)
    if f.input_dim != g.input_dim or f.output_dim != g.output_dim:
        raise ShapeError(
            f"f and g: networks of equal input and output sizes are needed, got {f.input_dim} -> {f.output_dim} "
            f"and {g.input_dim} -> {g.output_dim}"
        )
    if len(f.hidden_layers) != len(g.hidden_layers):
        return None
    if any(f.operation(a) != g.operation(b) and not isinstance(f.operation(a), PRelu) for a, b in _layers(f, g)):
        return None
    single = len(f.hidden_layers) == 1
    try:
        matched = [_match(f, g, a, b, *rows) for a, b, *rows in _recorded(f, g, mirror=single)]
    except (TooLarge, NotTreated):
        return None
    parts: list[Transformation] = []
    for found in matched:
        if found is None:
            return None
        parts = found + parts
    whole = parts[0] if len(parts) == 1 else Composition(parts)
    try:
        return whole if same_parameters(whole.apply(f), g) else None
    except ExactnnError:  # the layer's structure does not allow the transformation (a residual connection, say)
        return None


def same_parameters(f: Network, g: Network) -> bool:
    """Whether f and g have equal operations in equal places, whatever the nodes are called."""
    if len(f.order) != len(g.order):
        return False
    name = dict(zip(f.order, g.order, strict=True))
    return (
        [name[n] for n in f.inputs] == list(g.inputs)
        and [name[n] for n in f.outputs] == list(g.outputs)
        and all([name[o] for o in f.operands(n)] == list(g.operands(m)) and f.operation(n) == g.operation(m) for n, m in name.items())
    )


def _layers(f: Network, g: Network) -> list[tuple[str, str]]:
    return list(zip(f.hidden_layers, g.hidden_layers, strict=True))


def _recorded(f: Network, g: Network, *, mirror: bool) -> list[tuple[Any, ...]]:
    """For each pair of hidden layers: names, and the rows of both."""
    numbering = Numbering(f.input_dim, mirror=mirror)
    rows = []
    for net in (f, g):
        numbering.recorded = {}
        numbering.run(net)
        rows.append(numbering.recorded)
    return [(a, b, rows[0][a], rows[1][b]) for a, b in _layers(f, g)]


def _match(f: Network, g: Network, a: str, b: str, left: list[Row], right: list[Row]) -> list[Transformation] | None:
    """The transformations of one layer, the one to apply last first."""
    single = len(f.hidden_layers) == 1
    mine, theirs = (_neurons(net, layer, rows, single) for net, layer, rows in ((f, a, left), (g, b, right)))
    groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, neurons in enumerate((mine, theirs)):
        for i, (key, _, _) in enumerate(neurons):
            groups[key][side].append(i)
    order = [-1] * len(theirs)
    for old, new in groups.values():
        if len(old) != len(new):
            return None
        old, new = _sorted_by_outgoing(f, a, old, mine), _sorted_by_outgoing(g, b, new, theirs)
        for i, j in zip(old, new, strict=True):
            order[j] = i
    factors = [theirs[j][1] / mine[i][1] for j, i in enumerate(order)]
    flipped = [j for j, i in enumerate(order) if theirs[j][2] != mine[i][2]]
    parts: list[Transformation] = []
    if flipped:
        parts.append(SignFlip(a, flipped) if _is_odd(f.operation(a)) else Flip(flipped, layer=a))
    if any(q != 1 for q in factors):
        parts.append(Scaling(a, factors))
    if order != sorted(order):
        parts.append(Permutation(a, order))
    return parts


def _neurons(net: Network, layer: str, rows: list[Row], single: bool) -> list[Neuron]:
    operation = net.operation(layer)
    homogeneous = _is_homogeneous(operation)
    shape = net.shape(layer)
    if len(shape) > 1 and len(rows) > shape[0]:
        return _channels(rows, shape[0], operation, homogeneous)
    outgoing = _outgoing(net, layer, len(rows))
    result: list[Neuron] = []
    for i, row in enumerate(rows):
        sign, own = 1, row
        lead = row.nums[0] if row.ids else row.constant
        turns = _is_odd(operation)
        if (turns or (single and mirror_slope(operation) is not None)) and lead < 0:
            sign, own = -1, row.mirrored()
        elif turns and not lead and outgoing is not None:  # of tanh(0), too, only the outgoing weights tell the sign
            sign = -1 if next((q for q in outgoing[:, i].to_fractions() if q), Fraction(1)) < 0 else 1
        factor = row.factor if homogeneous else Fraction(1)
        if homogeneous and not lead and outgoing is not None:  # of a neuron without incoming weights only the outgoing ones tell
            factor = 1 / next((abs(q) for q in outgoing[:, i].to_fractions() if q), Fraction(1))
        slope = operation.slopes[i * operation.slopes.size // len(rows)].item() if isinstance(operation, PRelu) else None
        result.append(((own.ids, own.nums, own.constant, None if homogeneous else row.factor, slope), factor, sign))
    return result


def _channels(rows: list[Row], count: int, operation: object, homogeneous: bool) -> list[Neuron]:
    """Channels whose entries have forms of their own: matched by all of them, up to one factor."""
    size = len(rows) // count
    result: list[Neuron] = []
    for c in range(count):
        entries = rows[c * size : (c + 1) * size]
        factor = next((row.factor for row in entries if row.ids or row.constant), Fraction(1)) if homogeneous else Fraction(1)
        slope = operation.slopes[c].item() if isinstance(operation, PRelu) else None
        key = tuple((row.ids, row.nums, row.constant, row.factor / factor if row.ids or row.constant else None) for row in entries)
        result.append(((key, slope), factor, 1))
    return result


def _is_odd(operation: object) -> bool:
    """Whether phi(-t) = -phi(t), known for tanh."""
    return isinstance(operation, Smooth) and operation.function == "tanh"


def _is_homogeneous(operation: object) -> bool:
    """Whether phi(c t) = c phi(t) for c > 0."""
    if isinstance(operation, PiecewiseLinear):
        return not operation.constant and all(at == 0 for at, _ in operation.kinks)
    return isinstance(operation, PRelu)


def _outgoing(net: Network, layer: str, count: int) -> RationalArray | None:
    """The weights that read the layer's neurons, one column each, where that is one affine node and it is output."""
    consumers = net.consumers(layer)
    after = net.operation(consumers[0]) if len(consumers) == 1 and consumers[0] in net.outputs else None
    return after.weight if isinstance(after, Affine) and after.weight.shape[1] == count else None


def _sorted_by_outgoing(net: Network, layer: str, neurons: list[int], table: list[Neuron]) -> list[int]:
    """Neurons of one form in an order that g's can be put in too: (into the output) by outgoing weight times factor, then by sign.

    A flip keeps the outgoing weight, a sign flip keeps it times the sign.
    """
    if len(neurons) < 2:
        return neurons
    weight = _outgoing(net, layer, len(table))
    if weight is None:
        return sorted(neurons, key=lambda i: table[i][2])
    odd = _is_odd(net.operation(layer))
    kept = {i: table[i][1] * (table[i][2] if odd else 1) for i in neurons}
    return sorted(neurons, key=lambda i: ([q * kept[i] for q in weight[:, i].to_fractions()], table[i][2]))
