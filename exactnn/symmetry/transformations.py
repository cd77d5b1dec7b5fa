"""Transformations of a network's parameters: permutations, positive scalings, flips, sign flips, and their compositions.

With one hidden layer  f(x) = c + sum_i a_i phi(w_i . x + b_i):

    Permutation   new neuron i is old neuron order[i]                              always keeps f
    Scaling       (a_i, w_i, b_i) -> (a_i / L_i, L_i w_i, L_i b_i),  L_i > 0       keeps f for positively homogeneous phi
    Flip          (a_i, w_i, b_i) -> (a_i, -w_i, -b_i),  c -> c + r sum a_i b_i    keeps f exactly when r sum a_i w_i^T = 0
                  (for phi with phi(t) - phi(-t) = r t)
    SignFlip      (a_i, w_i, b_i) -> (-a_i, -w_i, -b_i)                            keeps f for odd phi

In deep networks they act on one hidden layer: (w_i, b_i) are the incoming weights, a_i the outgoing ones, c the next biases.
`apply` always carries the transformation out; whether it is a symmetry, `exactnn.verify_symmetry` decides. Theory:
docs/theory.md 5, 6, 8.

The incoming weights are those of the affine or conv node that feeds the activation. If a batch norm stands between, a factor L
multiplies its `weight` and `bias` instead, provided that its rounded scale is multiplied exactly (powers of two and signs do
that; for other factors fold it first, `exactnn.network.rewrite.fold_affine`). The outgoing weights are those of all affine and
conv nodes that read the layer, directly or through nodes that keep neurons (channels) apart: pooling, reshape, transpose,
further activations; a batch norm there takes part, its `mean` and `bias` being multiplied. Neurons that reach an addition, a
concatenation or an output are refused.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import Number, as_fraction, rational_text
from exactnn.exact.writing import json_number
from exactnn.network import check_network
from exactnn.network.activation_facts import mirror_slope
from exactnn.network.edit import replaced
from exactnn.network.graph import Network
from exactnn.network.neurons import Layer, layer_at, taken
from exactnn.network.operations import BatchNorm
from exactnn.network.windows import MaxPool
from exactnn.symmetry._action import moved_constants, scaled_layer, scaled_source
from exactnn.texts import fitted
from exactnn.value import LINE, Value

Step = dict[str, Any]


class Transformation(Value, ABC):
    """A change of a network's parameters that may or may not keep its function."""

    @abstractmethod
    def apply(self, net: Network) -> Network:
        """The transformed network, its nodes named as before."""

    @abstractmethod
    def inverse(self) -> Transformation:
        """The transformation that undoes this one."""

    @abstractmethod
    def steps(self, net: Network) -> list[Step]:
        """The steps, applied first to last, as the certificate writes them (docs/certificate-format.md)."""

    @abstractmethod
    def _code(self) -> str:
        """The Python that makes it; the repr, where that is short."""

    def __repr__(self) -> str:
        return fitted(self._code(), LINE)

    def __matmul__(self, other: Transformation) -> Composition:
        """self @ other applies `other` first."""
        if not isinstance(other, Transformation):
            return NotImplemented
        return Composition((*_parts(self), *_parts(other)))


@dataclass(frozen=True, repr=False)
class Permutation(Transformation):
    """New neuron i is old neuron order[i].

    Parameters
    ----------
    layer : number of the hidden layer, counted from 0, or the name of its activation node; not needed if there is only one
    order : each of 0, ..., n - 1 once

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> net = mlp([([[1], [2], [3]], [0, 0, 1]), ([[4, 5, 6]], [0])])
    >>> moved = Permutation(0, [2, 0, 1]).apply(net)
    >>> moved.operation("layer1").weight.to_fractions()
    (Fraction(3, 1), Fraction(1, 1), Fraction(2, 1))
    >>> moved([7]) == net([7]), Permutation(order=[2, 0, 1]).apply(net) == moved
    (True, True)
    """

    layer: int | str
    order: tuple[int, ...]

    @helpful
    def __init__(self, layer: int | str = "", order: Iterable[int] | None = None) -> None:
        _set(self, layer=_layer(layer), order=_indices(order, "order"))
        if sorted(self.order) != list(range(len(self.order))):
            raise ArgumentError(f"order: each of 0 to {len(self.order) - 1} once is needed, got {_shown(self.order)}")

    def apply(self, net: Network) -> Network:
        layer = _find(net, self.layer, len(self.order), "an order")
        if isinstance(net.operation(layer.source), BatchNorm):
            raise ArgumentError(
                f"{_text(self.layer)}: an affine or conv node that makes the neurons is needed for a permutation, "
                f"but batch_norm {layer.source!r} reads neurons of other layers too"
            )
        return replaced(net, taken(net, layer, self.order))

    def inverse(self) -> Permutation:
        return Permutation(self.layer, np.argsort(self.order).tolist())

    def steps(self, net: Network) -> list[Step]:
        return [{"kind": "permutation", "layer": net.layer_name(self.layer), "order": list(self.order)}]

    def _code(self) -> str:
        return _call("Permutation", self.layer, "order", str(list(self.order)))


@dataclass(frozen=True, repr=False)
class Scaling(Transformation):
    """(a_i, w_i, b_i) -> (a_i / L_i, L_i w_i, L_i b_i),  L_i = factors[i] > 0.

    Parameters
    ----------
    layer : number of the hidden layer, counted from 0, or the name of its activation node; not needed if there is only one
    factors : one positive number for each neuron

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> net = mlp([([[1], [2]], [0, 1]), ([[3, 4]], [0])])
    >>> Scaling(0, [2, "1/3"]).apply(net) == mlp([([[2], ["2/3"]], [0, "1/3"]), ([["3/2", 12]], [0])])
    True
    """

    layer: int | str
    factors: tuple[Fraction, ...]

    @helpful
    def __init__(self, layer: int | str = "", factors: Iterable[Number] | None = None) -> None:
        numbers = tuple(as_fraction(f, f"factors[{i}]") for i, f in enumerate(_sequence(factors, "factors")))
        _set(self, layer=_layer(layer), factors=numbers)
        for i, factor in enumerate(numbers):
            if factor <= 0:
                raise ArgumentError(
                    f"factors[{i}]: a positive number is needed, got {rational_text(factor)}; Flip and SignFlip change signs"
                )

    def apply(self, net: Network) -> Network:
        layer = _find(net, self.layer, len(self.factors), "factors")
        return replaced(net, scaled_layer(net, layer, RationalArray.of(self.factors)))

    def inverse(self) -> Scaling:
        return Scaling(self.layer, [1 / f for f in self.factors])

    def steps(self, net: Network) -> list[Step]:
        numbers = [json_number(f) for f in self.factors]
        return [{"kind": "scaling", "layer": net.layer_name(self.layer), "factors": numbers}]

    def _code(self) -> str:
        return _call("Scaling", self.layer, "factors", f"[{', '.join(_literal(f) for f in self.factors)}]")


@dataclass(frozen=True, repr=False)
class Flip(Transformation):
    """(a_i, w_i, b_i) -> (a_i, -w_i, -b_i) for the listed neurons, and c -> c + r sum a_i b_i, where phi(t) - phi(-t) = r t.

    r is 1 for ReLU, softplus, SiLU and GELU, 1 + alpha for leaky ReLU, 0 for abs. Since phi(t) = phi(-t) + r t, the function
    is kept exactly when r sum a_i w_i^T = 0 over the listed neurons (docs/theory.md 5, theorem D).

    Parameters
    ----------
    neurons : their numbers, counted from 0
    layer : number or name of the hidden layer; not needed if there is only one

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> net = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 3]), ([[1, 1, 1]], [0])])
    >>> flipped = Flip([0, 1, 2]).apply(net)    # sum of a_i w_i^T is zero
    >>> flipped.operation("layer2").bias, flipped([5, -7]) == net([5, -7])
    (RationalArray(shape=(1,), [3]), True)
    """

    neurons: tuple[int, ...]
    layer: int | str

    @helpful
    def __init__(self, neurons: Iterable[int], *, layer: int | str = 0) -> None:
        _set(self, neurons=_subset(neurons), layer=_layer(layer))

    def apply(self, net: Network) -> Network:
        check_network(net)
        name = net.layer_name(self.layer)
        layer = _find(net, self.layer)
        signs = _signs(self.layer, layer.count, self.neurons)
        slope = mirror_slope(net.operation(name))
        if slope is None:
            kind = getattr(net.operation(name), "name", "")
            raise ArgumentError(
                f"{_text(self.layer)}: a flip needs an activation with phi(t) - phi(-t) = r t (relu, leaky_relu, prelu, abs, "
                f"silu, gelu, softplus), got {kind}; for odd activations there is SignFlip"
            )
        incoming = scaled_source(net, layer, signs)
        return replaced(net, {**incoming, **moved_constants(net, layer, name, self.neurons, slope)})

    def inverse(self) -> Flip:
        return self

    def steps(self, net: Network) -> list[Step]:
        return [{"kind": "flip", "layer": net.layer_name(self.layer), "neurons": list(self.neurons)}]

    def _code(self) -> str:
        return f"Flip({list(self.neurons)}{'' if self.layer == 0 else f', layer={self.layer!r}'})"


@dataclass(frozen=True, repr=False)
class SignFlip(Transformation):
    """(a_i, w_i, b_i) -> (-a_i, -w_i, -b_i) for the listed neurons; keeps the function for odd activations (tanh).

    Parameters
    ----------
    layer : number of the hidden layer, counted from 0, or the name of its activation node; not needed if there is only one
    neurons : their numbers, counted from 0

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> net = mlp([([[1], [2]], [0, 1]), ([[3, 4]], [0])], activation="tanh")
    >>> SignFlip(0, [1]).apply(net) == mlp([([[1], [-2]], [0, -1]), ([[3, -4]], [0])], activation="tanh")
    True
    """

    layer: int | str
    neurons: tuple[int, ...]

    @helpful
    def __init__(self, layer: int | str = "", neurons: Iterable[int] | None = None) -> None:
        _set(self, layer=_layer(layer), neurons=_subset(neurons))

    def apply(self, net: Network) -> Network:
        layer = _find(net, self.layer)
        pools = [n for n in layer.layouts if isinstance(net.operation(n), MaxPool)]
        if pools:
            raise ArgumentError(f"{_text(self.layer)}: no change of sign can pass node {pools[0]!r}, a max_pool")
        return replaced(net, scaled_layer(net, layer, _signs(self.layer, layer.count, self.neurons)))

    def inverse(self) -> SignFlip:
        return self

    def steps(self, net: Network) -> list[Step]:
        return [{"kind": "sign_flip", "layer": net.layer_name(self.layer), "neurons": list(self.neurons)}]

    def _code(self) -> str:
        return _call("SignFlip", self.layer, "neurons", str(list(self.neurons)))


@dataclass(frozen=True, repr=False)
class Composition(Transformation):
    """parts[0] @ parts[1] @ ... : the last part is applied first. Without parts, the identity.

    Examples
    --------
    >>> both = Scaling(0, [2, 3]) @ Permutation(0, [1, 0])
    >>> both.inverse()
    Permutation(0, [1, 0]) @ Scaling(0, ["1/2", "1/3"])
    """

    parts: tuple[Transformation, ...] = ()

    @helpful
    def __init__(self, parts: Iterable[Transformation] = ()) -> None:
        given = tuple(parts)
        for part in given:
            if not isinstance(part, Transformation):
                raise ArgumentError(f"parts: transformations are needed, got {type(part).__name__}")
        _set(self, parts=tuple(p for part in given for p in _parts(part)))

    def apply(self, net: Network) -> Network:
        for part in reversed(self.parts):
            net = part.apply(net)
        return net

    def inverse(self) -> Composition:
        return Composition(part.inverse() for part in reversed(self.parts))

    def steps(self, net: Network) -> list[Step]:
        return [step for part in reversed(self.parts) for step in part.steps(net)]

    def _code(self) -> str:
        return " @ ".join(part._code() for part in self.parts) if len(self.parts) > 1 else f"Composition({list(self.parts)})"


def rescaled(net: Network, layer: str, factors: Sequence[Fraction]) -> Network:
    """The neurons made at the source times these factors, undone behind; batch norms before the activation have mean and bias multiplied.

    So no scale is rounded anew, and the function stays if the activations are homogeneous (for factors 1 and -1: odd).
    """
    found = layer_at(net, layer)
    return replaced(net, scaled_layer(net, found, RationalArray.of(factors), found.source))


# --- the layer -----------------------------------------------------------------------------------------------------------


def _find(net: Network, layer: int | str, count: int | None = None, what: str = "") -> Layer:
    check_network(net)
    found = layer_at(net, net.layer_name(layer))
    if count is not None and count != found.count:
        raise ShapeError(f"{_text(layer)}: it has {found.count} neurons, so {what} of that length is needed, got {count}")
    return found


def _signs(layer: int | str, count: int, neurons: Sequence[int]) -> RationalArray:
    if neurons and neurons[-1] >= count:
        raise ArgumentError(f"neurons: 0 to {count - 1} are the neurons of {_text(layer)}, got {neurons[-1]}")
    signs = np.ones(count, dtype=np.int64)
    signs[list(neurons)] = -1
    return RationalArray(signs)


# --- arguments ------------------------------------------------------------------------------------------------------------


def _set(value: Transformation, **fields: object) -> None:
    for name, content in fields.items():
        object.__setattr__(value, name, content)


def _parts(transformation: Transformation) -> tuple[Transformation, ...]:
    return transformation.parts if isinstance(transformation, Composition) else (transformation,)


def _layer(layer: int | str) -> int | str:
    if isinstance(layer, str):
        return layer
    (number,) = _indices([layer], "layer")
    return number


def _sequence(values: Iterable[Any] | None, argument: str) -> list[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ArgumentError(f"{argument}: a list is needed, got {type(values).__name__}")
    return list(values)


def _indices(values: Iterable[Any] | None, argument: str) -> tuple[int, ...]:
    result = []
    for value in _sequence(values, argument):
        try:
            index = operator.index(value)
        except TypeError:
            index = -1
        if index < 0 or isinstance(value, (bool, np.bool_)):
            raise ArgumentError(f"{argument}: integers counted from 0 are needed, got {value!r}")
        result.append(index)
    return tuple(result)


def _subset(neurons: Iterable[int] | None) -> tuple[int, ...]:
    indices = _indices(neurons, "neurons")
    if len(set(indices)) < len(indices):
        raise ArgumentError(f"neurons: each neuron once is needed, got {_shown(indices)}")
    return tuple(sorted(indices))


def _text(layer: int | str) -> str:
    return f"layer {layer!r}" if layer != "" else "the hidden layer"


def _call(name: str, layer: int | str, key: str, values: str) -> str:
    return f"{name}({layer!r}, {values})" if layer != "" else f"{name}({key}={values})"


def _shown(indices: Sequence[int]) -> str:
    return str(list(indices)) if len(indices) <= 20 else f"{list(indices[:20])} ... ({len(indices)} numbers)"


def _literal(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f'"{rational_text(value)}"'
