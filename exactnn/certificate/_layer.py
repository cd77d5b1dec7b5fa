"""A hidden layer: an activation node, the nodes that make its neurons and the nodes that read them.

The **source** of the layer is the first affine map or convolution on the way back from the activation through activations,
batch_norm, pooling, reshape, scale and transpose; where that way ends at any other node, it is the batch_norm farthest back.
A layer with a scale or transpose between source and activation is refused here. The neurons are the rows of the affine map,
or the channels of the other sources. At every node between there and the affine maps and convolutions that read the layer,
entry (o n + i) inner + k, counted row-major, belongs to neuron i of n, 0 <= o < outer, 0 <= k < inner: elementwise nodes and
reshapes leave every entry in its place, and nodes that treat channels (axis 0) one by one are only passed where each neuron
is a block of whole channels (outer is 1).
"""

from __future__ import annotations

from math import prod

from ._network import Network, Node
from ._numbers import Rejected, need, show

ACTIVATIONS = ("piecewise_linear", "prelu", "smooth", "rational")
BY_CHANNEL = ("batch_norm", "prelu", "max_pool", "average_pool", "conv")
CARRYING = (*ACTIVATIONS, "batch_norm", "max_pool", "average_pool", "reshape")
REFUSED = ("scale", "transpose")  # between source and activation


class Layer:
    """Positions of nodes in ``nodes``.

    ``before``: from the activation's operand back to the source of the neurons (a batch_norm, if neither an affine map
    nor a convolution stands before it); ``between``: the nodes that carry the neurons on, in topological order;
    ``readers``: the affine maps and convolutions that read them.
    """

    def __init__(self, network: Network, name: str, step: str) -> None:
        self.nodes, self.step = list(network.nodes), step
        self._outputs = network.outputs
        found = [i for i, node in enumerate(self.nodes) if node.name == name and node.op in ACTIVATIONS]
        need(bool(found), step, f"there is no activation node {show(name)}")
        self.at = found[0]
        self.before = self._walk_back()
        source, shape = self.nodes[self.before[-1]], self.nodes[self.at].shape
        self.has_source = source.op != "batch_norm"
        self.outer, self.count = 1, source.shape[0]
        if source.op == "affine":
            self.outer, self.count = prod(source.shape[:-1]), source.shape[-1]
            wider = self.outer == 1 and len(shape) > len(source.shape) and shape[0] != 1
            if wider and self.count % shape[0] == 0:
                self.count = shape[0]  # the rows are reshaped to channels on a grid: these are the neurons
        self.between: list[int] = []
        self.readers: list[int] = []
        self._walk_on()
        for i in (*self.before, self.at, *self.between):
            if self.nodes[i].op in BY_CHANNEL:
                self.channels(i)
        for i in self.readers:
            self._check_reader(self.nodes[i])

    def channels(self, i: int) -> int:
        """How many channels (indices of axis 0) of a node make one neuron."""
        size = self.nodes[i].shape[0]
        whole = self.outer == 1 and size % self.count == 0
        need(whole, self.step, f"the channels of node {self.nodes[i].name} hold several neurons each")
        return size // self.count

    def inner(self, i: int) -> int:
        """How many entries in a row, at a carrying node, belong to one neuron."""
        return prod(self.nodes[i].shape) // (self.outer * self.count)

    def _walk_back(self) -> list[int]:
        found = []
        i = self.nodes[self.at].operands[0]
        while self.nodes[i].op in (*CARRYING, *REFUSED):
            found.append(i)
            i = self.nodes[i].operands[0]
        node = self.nodes[i]
        if node.op in ("affine", "conv"):
            found.append(i)
        else:
            while found and self.nodes[found[-1]].op != "batch_norm":
                found.pop()
            need(bool(found), self.step, f"node {node.name} ({node.op}) stands where an affine or conv node should")
        for k in found:
            node = self.nodes[k]
            need(node.op not in REFUSED, self.step, f"node {node.name} ({node.op}) stands between the neurons' source and the layer")
            readers = sum(other.operands.count(k) for other in self.nodes)
            alone = readers == 1 and k not in self._outputs
            need(alone, self.step, f"node {node.name} is used outside the layer")
        return found

    def _walk_on(self) -> None:
        carrying = {self.at}
        need(self.at not in self._outputs, self.step, "the layer is an output")
        for k, node in enumerate(self.nodes):
            if carrying.isdisjoint(node.operands):
                continue
            if node.op in CARRYING:
                need(k not in self._outputs, self.step, f"node {node.name} is an output")
                carrying.add(k)
                self.between.append(k)
            else:
                self.readers.append(k)

    def _check_reader(self, node: Node) -> None:
        if node.op not in ("affine", "conv"):
            raise Rejected(self.step, f"node {node.name} ({node.op}) reads the layer")
        if node.op == "conv":
            self.channels(node.operands[0])
        else:  # each of the vectors it works on must hold all neurons
            vectors = prod(self.nodes[node.operands[0]].shape[:-1])
            need(self.outer % vectors == 0, self.step, f"node {node.name} reads a few of the neurons only")
