"""A network as a chain of layers with positively homogeneous activations: what most identities, and redistributing, assume.

z_i = W_i h_{i-1} + b_i,    h_i = phi(z_i),  phi(c t) = c phi(t) for c > 0,    f = z_L
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exactnn.errors import AssumptionBroken
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, AveragePool, BatchNorm, Conv, MaxPool, Network, Reshape, Transpose
from exactnn.network.activation_facts import is_homogeneous
from exactnn.network.activations import Activation
from exactnn.network.edit import replaced
from exactnn.network.operations import Operation

#: between layers: what commutes with positive factors and keeps each entry
_CARRYING = (AveragePool, MaxPool, Reshape, Transpose)


@dataclass(frozen=True)
class Chain:
    """The layers (affine and conv nodes) of a network from input to output."""

    net: Network
    layers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.layers)

    def weight(self, i: int) -> RationalArray:
        """W_i, i from 1."""
        return self._layer(i).weight

    def bias(self, i: int) -> RationalArray:
        """b_i, i from 1."""
        return self._layer(i).bias

    def name(self, i: int) -> str:
        """The node of layer i, from 1."""
        return self.layers[i - 1]

    def _layer(self, i: int) -> Affine | Conv:
        operation = self.net.operation(self.name(i))
        assert isinstance(operation, (Affine, Conv))
        return operation

    def need_dense(self) -> None:
        """AssumptionBroken unless all layers are affine nodes on vectors, with nothing but activations between."""
        kinds = [self.net.operation(n) for n in self.net.order[1:]]
        vectors = all(len(self.net.shape(n)) == 1 for n in self.net.order)
        if not vectors or not all(isinstance(op, (Affine, Activation)) for op in kinds):
            raise AssumptionBroken("fully connected layers", "affine nodes on vectors with nothing but activations between are needed")

    def rescaled(self, gammas: Sequence[RationalArray]) -> Network:
        """W_i -> D_i W_i D_{i-1}^-1,  b_i -> D_i b_i,  D_i = gammas[i - 1]: a number, or in a dense chain one for each unit; D_0 = 1."""
        changed: dict[str, Operation] = {}
        before = RationalArray.of(1)
        for i, gamma in enumerate(gammas, 1):
            layer, ones = self._layer(i), (1,) * (self.weight(i).ndim - 1)
            rows = gamma.reshape(-1, *ones) if gamma.ndim else gamma
            changed[self.name(i)] = replace(layer, weight=layer.weight * rows * (1 / before), bias=layer.bias * gamma)
            before = gamma
        return replaced(self.net, changed)


def chain(net: Network) -> Chain:
    """The layers of a network.

    Raises
    ------
    AssumptionBroken
        "no residual branch", "no normalisation layer", "homogeneous activations", "affine layers" or "last layer is affine", naming the
        node.
    """
    layers: list[str] = []
    if len(net.inputs) > 1 or len(net.outputs) > 1:
        raise AssumptionBroken("no residual branch", f"one input and one output are needed, got {len(net.inputs)} and {len(net.outputs)}")
    for name in net.order:
        operation, readers = net.operation(name), net.consumers(name)
        if len(net.operands(name)) > 1 or len(readers) > 1 or (name in net.outputs and readers):
            what = f"reads {len(net.operands(name))} values" if len(net.operands(name)) > 1 else f"is read by {list(readers) or 'none'}"
            raise AssumptionBroken("no residual branch", f"a chain of layers is needed, but node {name!r} ({operation.kind}) {what}")
        if name in net.inputs or isinstance(operation, _CARRYING):
            continue
        if isinstance(operation, (Affine, Conv)):
            layers.append(name)
        elif isinstance(operation, BatchNorm):
            raise AssumptionBroken(
                "no normalisation layer",
                f"node {name!r} is a batch_norm; fold it into the layer before it first (exactnn.network.rewrite.fold_affine)",
            )
        elif not isinstance(operation, Activation):
            raise AssumptionBroken("affine layers", f"affine and conv layers are needed, but node {name!r} is a {operation.kind}")
        elif not is_homogeneous(operation):
            raise AssumptionBroken(
                "homogeneous activations",
                f"phi(c t) = c phi(t) for c > 0 is needed (ReLU, leaky ReLU, PReLU, abs), but node {name!r} is {operation.name}",
            )
    live = [n for n in net.order if n not in net.inputs and not isinstance(net.operation(n), _CARRYING)]
    if not layers or live[-1] != layers[-1]:
        raise AssumptionBroken("last layer is affine", f"an affine or conv node is needed as the last layer, got {net!r}")
    return Chain(net, tuple(layers))
