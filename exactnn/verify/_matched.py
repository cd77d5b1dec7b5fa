"""A network with its neurons in the order, at the scale and with the signs of another one's: g' = T(g) has g's function, and is near f
where g is a permuted and scaled copy of f, rounded or changed a little.

Layer by layer from the inputs, in floats: u, v are the neurons' weights and biases (w, b), of length 1 where the activation is positively
homogeneous. The permutation is the assignment with the least sum of |u - v|^2 (where signs are free, of the lesser of |u - v|^2 and
|u + v|^2), the factor of a neuron the L with the least |(w, b) of f - L (w, b) of g|. Neurons of equal directions are told apart by what
reads them. All this is a proposal, since T keeps the function for any order and any factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exactnn import certificate as checker
from exactnn.certificate import building
from exactnn.claims import stated_model
from exactnn.errors import ArgumentError
from exactnn.exact.array import nearest_float
from exactnn.exact.clock import clock_in_force
from exactnn.network import Activation, Affine, BatchNorm, Conv, MaxPool, Network, PRelu
from exactnn.network.activation_facts import is_homogeneous, is_odd, mirror_slope
from exactnn.network.neurons import Layer, columns, layer_at
from exactnn.network.operations import Operation
from exactnn.symmetry.transformations import Flip, Permutation, Scaling, SignFlip, Step, rescaled
from exactnn.verify._factors import Blurred, chosen
from exactnn.verify._images import checker_matches

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

_MOST = 4096  # neurons of a layer
_SMALL, _SECONDS = 1 << 17, 8e-6  # weights of a layer that takes no time worth counting; for each weight of others, with the pass behind
#: how much nearer, as squares of distances, factors and the whole must bring g's weights, and an order of one layer
_NEARER, _BETTER = 0.25, 0.75
#: squares of distances between directions: so near that another order is not asked for (and all together no other attempt); so near that
#: neurons may be confused
_NEAR, _ALIKE = 2.0**-10, 2.0**-16
_ATTEMPTS = 8  # where neurons are confused, and so the outputs
_SWEEPS = 3  # where neurons are confused, what reads them may have to be put in order first
_EQUAL = 2.0**-45  # quotients of weights that may be one number
_SHORT = 1 << 16  # a quotient of so small numbers is taken for exact, seen once
_ONCE, _LEAST = 2.0**-40, 2.0**-44  # how far others may be off; how near floats tell factors
_RANGE = 500  # powers of 2 that a factor may be from 1


class Matched(NamedTuple):
    """T(g), and T as certificates write it."""

    network: Network
    steps: list[Step]

    def stated(self, evidence: dict[str, Any]) -> dict[str, Any]:
        """Evidence about T(g) as evidence about g."""
        return {**evidence, "matched": self.steps}


def matched(f: Network, g: Network | None) -> Matched | None:
    """g with the neurons of its hidden layers as f's are ordered and scaled; None where they are, or none is seen."""
    if g is None or len(f.hidden_layers) != len(g.hidden_layers):
        return None
    best = _put_back(f, g, 0)
    for attempt in range(1, _ATTEMPTS):
        if not best.confused or best.near <= _NEAR * best.far:
            break
        best = min(best, _put_back(f, g, attempt), key=lambda found: found.near)
    found = best.moved
    if not found.steps or best.near > _NEARER * best.far or not (_is_read_alike(g) and checker_matches(g, found.steps, found.network)):
        return None
    return found


class _Found(NamedTuple):
    """T(g), how far the weights of g and of T(g) are from those of f, those of the outputs too, and whether others may have been meant."""

    moved: Matched
    far: float
    near: float
    confused: bool


def _put_back(f: Network, g: Network, attempt: int) -> _Found:
    """Neurons that are alike are told apart at random, another time each attempt, where nothing else does."""
    found, far = Matched(g, []), _outputs_apart(f, g)
    for sweep in range(_SWEEPS):
        before, near, confused = found, 0.0, False
        for first, second in zip(f.hidden_layers, g.hidden_layers, strict=True):
            try:
                weights = _weights(g, second)
                if weights > _SMALL and weights * _SECONDS > clock_in_force().left():
                    break
                pair = _Pair(f, first, found.network, second, whole=sweep > 0, attempt=attempt)
                for move in pair.moves():
                    found = _moved(found, move)
            except ArgumentError:  # neurons that cannot be moved there: a residual connection, say
                continue
            confused |= pair.confused
            near += pair.near
            far += 0 if sweep else pair.far
        if found == before or not confused:
            break
    return _Found(found, far, near + _outputs_apart(f, found.network), confused)


def _weights(net: Network, name: str) -> int:
    """How many weights make the neurons."""
    operation = net.operation(layer_at(net, name).source)
    return operation.weight.size if isinstance(operation, (Affine, Conv)) else 0


def _outputs_apart(f: Network, g: Network) -> float:
    """How far the rows of nodes that are outputs are apart, which no neuron's place changes."""
    pairs = zip(*([net.operation(name) for name in net.outputs] for net in (f, g)), strict=False)
    total = 0.0
    for a, b in pairs:
        if isinstance(a, Affine) and isinstance(b, Affine) and a.weight.shape == b.weight.shape:
            rows = [op.weight.to_float() for op in (a, b)]
            total += _apart(*rows) if np.isfinite(rows).all() else 0.0
    return total


def read_by_checker(nets: Iterable[Network]) -> bool:
    """Whether a certificate about them names a file, in which the checker may see other nodes than the loader."""
    return any(net.source is not None and net.source.checkable for net in nets)


def _is_read_alike(g: Network) -> bool:
    """Whether the checker, where it reads the network's file itself, finds the nodes that steps are about."""
    if not read_by_checker([g]):
        return True
    try:
        nodes = building.read_models({"g": stated_model(g)}, ("g",), "", ())["g"].network.nodes
    except (checker.Rejected, checker.BudgetExceeded):
        return False
    found = {node.name: (node.op, node.shape, tuple(nodes[k].name for k in node.operands)) for node in nodes}
    return found == {name: (g.operation(name).kind, g.shape(name), g.operands(name)) for name in g.order}


def _moved(found: Matched, move: Permutation | Scaling | SignFlip | Flip) -> Matched:
    net, steps = found
    if isinstance(move, Scaling):
        moved = rescaled(net, net.layer_name(move.layer), move.factors)
    elif isinstance(move, SignFlip):
        count = layer_at(net, net.layer_name(move.layer)).count
        moved = rescaled(net, net.layer_name(move.layer), [Fraction(-1 if i in move.neurons else 1) for i in range(count)])
    else:
        moved = move.apply(net)
    return Matched(moved, [*steps, *move.steps(net)])


class _Neurons:
    """Weights and bias of each neuron of a hidden layer, batch norms before the activation taken in; none without weights of its own."""

    def __init__(self, net: Network, name: str) -> None:
        self.net, self.name = net, name
        self.layer: Layer = layer_at(net, name)
        operation, count = net.operation(self.layer.source), self.layer.count
        if not isinstance(operation, (Affine, Conv)):
            raise ArgumentError(f"layer {name!r}: no affine or conv node makes its neurons")
        weight, bias = operation.weight.reshape(count, -1), operation.bias.reshape(count, -1)
        for node in self.layer.path[1:]:
            norm = net.operation(node)
            if isinstance(norm, Activation):
                break
            if isinstance(norm, BatchNorm) and norm.scale.size == count:
                scale, shift = norm.scale.reshape(count, 1), norm.shift.reshape(count, 1)
                weight, bias = weight * scale, bias * scale + shift
        self.weight, self.bias = weight, bias
        self.rows = np.concatenate([weight.to_float(), bias.to_float()], axis=1)
        if not np.isfinite(self.rows).all():
            raise ArgumentError(f"layer {name!r}: a weight is beyond the range of float64")

    def exact(self, i: int, k: int) -> Fraction:
        """Entry k of `rows` of neuron i."""
        width = self.weight.shape[1]
        array, place = (self.weight, k) if k < width else (self.bias, k - width)
        return Fraction(int(array.numerators[i, place]), array.denominator)

    @property
    def activations(self) -> list[Operation]:
        """All that the neurons pass."""
        return [op for op in map(self.net.operation, self.layer.layouts) if isinstance(op, Activation)]

    @property
    def is_odd(self) -> bool:
        """Whether a change of sign before is one behind."""
        return all(map(is_odd, self.activations)) and not any(isinstance(self.net.operation(n), MaxPool) for n in self.layer.layouts)

    @property
    def is_even(self) -> bool:
        """Whether a change of sign before makes no difference behind, by the activation itself, and so that a flip says it."""
        slope = mirror_slope(self.net.operation(self.name))
        if slope is None or not slope.is_zero() or any(isinstance(self.net.operation(n), BatchNorm) for n in self.layer.path):
            return False
        return all(n == self.name or self.net.operation(n).is_affine for n in self.layer.layouts)

    @property
    def slopes(self) -> Floats:
        """Those of a prelu, which change places with the neurons."""
        operation = self.net.operation(self.name)
        if isinstance(operation, PRelu) and operation.slopes.size == self.layer.count:
            return operation.slopes.to_float()
        return np.zeros(self.layer.count)

    @property
    def is_last(self) -> bool:
        """Whether what reads the neurons is in one order only, as nothing behind has neurons of its own."""
        behind, seen = list(self.layer.sinks), set()
        while behind:
            node = behind.pop()
            if isinstance(self.net.operation(node), Activation):
                return False
            if node not in seen:
                seen.add(node)
                behind += self.net.consumers(node)
        return True

    def outgoing(self) -> Floats:
        """The weights that read each neuron, times the length of its own."""
        parts = []
        for node in self.layer.sinks:
            operand = self.net.operands(node)[0]
            parts.append(columns(self.net.operation(node), self.net.shape(operand), self.layer.layouts[operand]).to_float())
        with np.errstate(over="ignore"):
            found: Floats = np.concatenate(parts, axis=1) * np.sqrt((self.rows**2).sum(axis=1))[:, None]
        return found


class _Pair:
    """One hidden layer of f, and that of g: how g's is to be moved.

    Attributes
    ----------
    confused : whether other neurons may have been meant
    far, near : how far the neurons in equal places are apart, before and after
    """

    def __init__(self, f: Network, first: str, g: Network, second: str, *, whole: bool, attempt: int) -> None:
        self.a, self.b = _Neurons(f, first), _Neurons(g, second)
        self.confused, self.far, self.near = False, 0.0, 0.0
        count = self.b.layer.count
        if self.a.rows.shape != self.b.rows.shape or not 1 <= count <= _MOST:
            raise ArgumentError(f"layer {second!r}: as many neurons and weights as in f are needed")
        self.whole, self.attempt = whole or self.b.is_last, attempt
        self.scaled = all(map(is_homogeneous, (*self.a.activations, *self.b.activations)))
        self.odd = self.a.is_odd and self.b.is_odd
        self.turned = self.odd or (self.a.is_even and self.b.is_even)

    def moves(self) -> list[Permutation | Scaling | SignFlip | Flip]:
        """In the order in which they are made."""
        found: list[Permutation | Scaling | SignFlip | Flip] = []
        name, count = self.b.name, self.b.layer.count
        u, v = self._units()
        products = u @ v.T
        order = self._order(u, v, products)
        if order is not None:
            found.append(Permutation(name, order))
        else:
            order = list(range(count))
        signs = np.where(self.turned & (products[np.arange(count), order] < 0), -1, 1)
        if (signs < 0).any():
            neurons = np.flatnonzero(signs < 0).tolist()
            found.append(SignFlip(name, neurons) if self.odd else Flip(neurons, layer=name))
        if self.scaled:
            factors = self._factors(order, signs)
            if any(q != 1 for q in factors):
                found.append(Scaling(name, factors))
                signs = signs * np.array([nearest_float(q.numerator, q.denominator) for q in factors])
        self.far, self.near = _apart(self.a.rows, self.b.rows), _apart(self.a.rows, self.b.rows[order] * signs[:, None])
        return found

    def _units(self) -> tuple[Floats, Floats]:
        """(w, b), of length 1 each where lengths do not matter, and all together of about 1 where they do."""
        if self.scaled:
            return _unit(self.a.rows), _unit(self.b.rows)
        exponent = _exponent(np.array([np.abs(n.rows).max(initial=0) for n in (self.a, self.b)]).max())
        return np.ldexp(self.a.rows, -exponent), np.ldexp(self.b.rows, -exponent)

    def _order(self, u: Floats, v: Floats, products: Floats) -> list[int] | None:
        """The places in g of what is nearest to each neuron of f; None for the order that they have."""
        lengths = (u**2).sum(axis=1)[:, None] + (v**2).sum(axis=1)[None, :]
        costs = np.maximum(lengths - 2 * (np.abs(products) if self.turned else products), 0)
        costs += (self.a.slopes[:, None] - self.b.slopes[None, :]) ** 2
        alike = costs <= _ALIKE * np.maximum(lengths, np.finfo(float).tiny)
        self.confused = bool((alike.sum(axis=1) > 1).any())
        if self.confused and self.whole:
            costs += self._behind(alike, products)
        elif self.confused and self.attempt:
            costs += _ALIKE * np.random.default_rng(self.attempt).random(costs.shape) * alike
        own = costs.diagonal()
        if not self.confused and (own <= _NEAR * lengths.diagonal()).all():
            return None
        from scipy.optimize import linear_sum_assignment  # not before it is needed: slow to import

        _, order = linear_sum_assignment(costs)
        if costs[np.arange(len(order)), order].sum() > _BETTER * own.sum() or (order == np.arange(len(order))).all():
            return None
        return [int(k) for k in order]

    def _behind(self, alike: np.ndarray[Any, np.dtype[np.bool_]], products: Floats) -> Floats:
        """For neurons that are alike how far the weights that read them are apart: the mean of (p - q)^2 / (p^2 + q^2), at most 2.

        So that one reader that is not in its place yet, or not scaled, does not outweigh the others.
        """
        p, q = self.a.outgoing(), self.b.outgoing()
        found = np.zeros(alike.shape)
        if p.shape != q.shape or not (np.isfinite(p).all() and np.isfinite(q).all()):
            return found
        exponent = _exponent(max(np.abs(p).max(initial=0), np.abs(q).max(initial=0)))
        p, q = np.ldexp(p, -exponent), np.ldexp(q, -exponent)
        for i in np.flatnonzero(alike.sum(axis=1) > 1):
            places = np.flatnonzero(alike[i])
            own = q[places] * (np.where(products[i, places] < 0, -1.0, 1.0)[:, None] if self.odd else 1.0)
            sizes = p[i] ** 2 + own**2
            found[i, places] = ((p[i] - own) ** 2 / np.where(sizes > 0, sizes, 1.0)).mean(axis=1)
        return found

    def _factors(self, order: Sequence[int], signs: np.ndarray[Any, Any]) -> tuple[Fraction, ...]:
        """What g's neurons, in this order, are to be multiplied by; where that is not seen exactly, if it brings them nearer."""
        found: dict[int, Fraction | Blurred] = {}
        shares: dict[int, _Share] = {}
        for i, j in enumerate(order):
            exact = self._exactly(i, j, int(signs[i]))
            if exact is not None:
                found[i] = exact
                continue
            share = _share(self.a.rows[i], signs[i] * self.b.rows[j])
            if share is not None:
                shares[i] = share
        if sum(share.near for share in shares.values()) <= _NEARER * sum(share.far for share in shares.values()):
            near = {i: share for i, share in shares.items() if share.near <= _NEARER * share.far}
            found |= {i: Blurred(share.value, max(share.near**0.5, _LEAST)) for i, share in near.items()}
        factors = [Fraction(1)] * len(order)
        for i, q in zip(found, chosen(list(found.values())), strict=True):
            factors[i] = q
        return tuple(factors)

    def _exactly(self, i: int, j: int, sign: int) -> Fraction | Blurred | None:
        """The quotient of most weights, if that is one number; blurred, if it may be one by chance."""
        (a, up), (b, down) = (_mantissas(row) for row in (self.a.rows[i], sign * self.b.rows[j]))
        places = np.flatnonzero((a != 0) & (b != 0))
        if not len(places):
            return None
        quotients = a[places] / b[places]
        usual = float(np.median(quotients))
        same = places[np.abs(quotients - usual) <= _EQUAL * abs(usual)]
        if usual <= 0 or 2 * len(same) <= np.count_nonzero((a != 0) | (b != 0)):
            return None
        if usual == 1 and np.count_nonzero(a[same] == b[same]) == len(same) and up == down:
            return Fraction(1)
        exact = {sign * self.a.exact(i, k) / self.b.exact(j, k) for k in map(int, same[:: max(1, len(same) // 4)])}
        if len(exact) > 1:
            return None
        (q,) = exact
        if len(np.unique(np.abs(a[same]))) > 1 or max(q.numerator, q.denominator) < _SHORT:
            return q
        value = nearest_float(q.numerator, q.denominator)
        return Blurred(value, _ONCE) if 2.0**-_RANGE < value < 2.0**_RANGE else None


class _Share(NamedTuple):
    """The L > 0 with the least |a - L b|; |a - b|^2 and |a - L b|^2, as shares of |a|^2."""

    value: float
    far: float
    near: float


def _share(first: Floats, second: Floats) -> _Share | None:
    """None where a or b is 0, or L beyond the range of float64."""
    (a, up), (b, down) = _mantissas(first), _mantissas(second)
    size, product, whole = float(b @ b), float(a @ b), float(a @ a)
    if product <= 0 or abs(up - down) > _RANGE:
        return None
    value = product / size
    far, near = (float(((a - own) ** 2).sum()) / whole for own in (np.ldexp(b, down - up), value * b))
    return _Share(float(np.ldexp(value, up - down)), far, near)


def _apart(a: Floats, b: Floats) -> float:
    """The sum of |a - b|^2 / max(|a|, |b|)^2 over the rows."""
    exponents = np.frexp(np.maximum(np.abs(a).max(axis=1, initial=0), np.abs(b).max(axis=1, initial=0)))[1]
    a, b = (np.ldexp(rows, -exponents[:, None]) for rows in (a, b))
    sizes = np.maximum((a**2).sum(axis=1), (b**2).sum(axis=1))
    return float((((a - b) ** 2).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)).sum())


def _exponent(value: float) -> int:
    return int(np.frexp(value)[1])


def _mantissas(row: Floats) -> tuple[Floats, int]:
    """The row as entries of at most 1, and a power of 2: squares neither overflow nor vanish."""
    exponent = _exponent(np.abs(row).max(initial=0))
    return np.ldexp(row, -exponent), exponent


def _unit(rows: Floats) -> Floats:
    """Each row divided by its length, if it has one."""
    exponents = np.frexp(np.abs(rows).max(axis=1, initial=0))[1]
    rows = np.ldexp(rows, -exponents[:, None])
    lengths = np.sqrt((rows**2).sum(axis=1))
    return rows / np.where(lengths > 0, lengths, 1.0)[:, None]
