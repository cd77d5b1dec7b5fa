"""Exact rewriting: the same function in fewer nodes and neurons, each step with a witness that leads back.

    fold_affine             consecutive affine maps, batch norm included, become one
    merge_neurons           L phi(w x + b) and phi(w x + b) become one neuron
    fold_constant_neurons   phi(0 x + b) becomes part of the next bias
    drop_dead_neurons       neurons that are read with weights 0 only go
    simplify                all of these until nothing changes

Every step keeps the value at every input, as a rational number. Neurons of a convolutional layer are its channels. A step
that would not be exact is not made: a batch norm before a zero-padded convolution stays (unless it has no shift), a constant
channel that a padded convolution reads stays (unless its value is 0), and neurons that reach an addition, a concatenation or
an output stay as they are. Theory: docs/theory.md 6 (layerwise normalisation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exactnn.network._fold import fold
from exactnn.network._reduce import drop_dead, fold_constants, merge
from exactnn.network._witness import (
    ConstantNeuron,
    ConstantsFolded,
    Dropped,
    Folded,
    Merged,
    MergedLayer,
    Origin,
    Reduced,
    ReducedLayer,
    Steps,
    Witness,
)
from exactnn.network.edit import Draft
from exactnn.network.graph import Network
from exactnn.value import Value

__all__ = [
    "ConstantNeuron",
    "ConstantsFolded",
    "Dropped",
    "Folded",
    "Merged",
    "MergedLayer",
    "Origin",
    "Reduced",
    "ReducedLayer",
    "Rewriting",
    "Steps",
    "Witness",
    "drop_dead_neurons",
    "fold_affine",
    "fold_constant_neurons",
    "merge_neurons",
    "simplify",
]


@dataclass(frozen=True, repr=False)
class Rewriting(Value):
    """A network that computes the same function as the one given, and the way back.

    `witness.describe()` says what was done; `witness.neuron(node, i)` lists the old neurons (`Origin`: node, index, factor)
    whose value is `factor` times that of the new neuron, at every input. `bool(witness)` says whether anything was done.
    """

    network: Network
    witness: Witness


def fold_affine(net: Network) -> Rewriting:
    """Compose affine maps:  W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2).

    Batch norm, scale, adding a constant and activations without kinks go into the affine or conv node before them, or into
    the affine or unpadded conv node after them; nodes that do nothing go; constants are computed. Only nodes that nothing
    else reads are folded.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> folded = fold_affine(mlp([([[2]], [1]), ([[3]], [1])], activation="identity"))
    >>> folded.network.order
    ('input', 'layer2')
    >>> folded.network.operation("layer2").weight, folded.network.operation("layer2").bias
    (RationalArray(shape=(1, 1), [6]), RationalArray(shape=(1,), [4]))
    """
    draft = Draft(net)
    folds = fold(draft)
    return Rewriting(draft.network() if folds else net, Folded(tuple(folds)))


def merge_neurons(net: Network) -> Rewriting:
    """Merge neurons that are positive multiples:  a1 phi(L t) + a2 phi(t) = (L a1 + a2) phi(t)  for positively homogeneous phi.

    At other elementwise activations equal neurons are merged (L = 1).

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> merged = merge_neurons(mlp([([[1], [2], [-1]], [1, 2, 1]), ([[2, 2, 5]], [0])]))
    >>> merged.network.operation("layer2").weight
    RationalArray(shape=(1, 2), [6, 5])
    >>> print(merged.witness.describe())
    merge: relu1: neurons 1 (2 times) with neuron 0
    >>> merged.witness.neuron("relu1", 0)[1]
    Origin(node=relu1, index=1, factor=2)
    """
    return Rewriting(*merge(net))


def fold_constant_neurons(net: Network) -> Rewriting:
    """Fold neurons without incoming weights into the next biases:  a phi(0 x + b) + c = a' 0 + (c + a phi(b)).

    Where phi(b) is irrational (tanh(1), say) the neuron stays. A layer of constants only goes altogether: what read it
    becomes an affine map of weight zero (or a constant node).

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> folded = fold_constant_neurons(mlp([([[1], [0], [0]], [0, 3, -5]), ([[1, 2, 7]], [-6])]))
    >>> folded.network == mlp([([[1]], [0]), ([[1]], [0])])
    True
    >>> print(folded.witness.describe())
    constant: relu1: neurons 1 (= 3), 2 (= 0) into the next biases
    """
    return Rewriting(*fold_constants(net))


def drop_dead_neurons(net: Network) -> Rewriting:
    """Drop neurons that are read with weights 0 only:  a phi(w x + b) = 0  for a = 0.

    A neuron whose rational activation has a pole at a real number stays, and so does a layer with such neurons before it that would
    lose its last reader: dropping them would enlarge the set where the function is defined.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> dropped = drop_dead_neurons(mlp([([[1], [2]], [0, 1]), ([[3, 0]], [0])]))
    >>> dropped.network == mlp([([[1]], [0]), ([[3]], [0])])
    True
    """
    return Rewriting(*drop_dead(net))


def simplify(net: Network) -> Rewriting:
    """All rewritings, until none of them changes anything; the witness has all steps.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> simple = simplify(mlp([([[1], [2], [0]], [0, 0, 1]), ([[2, -1, 0]], [3]), ([[5]], [1])]))
    >>> simple.network.order
    ('input', 'layer3')
    >>> print(simple.witness.describe())
    constant: relu1: neurons 2 (= 1) into the next biases
    merge: relu1: neurons 1 (2 times) with neuron 0
    dead: relu1: neurons 0 dropped
    constant: relu2: neurons 0 (= 3) into the next biases
    """
    functions: tuple[Callable[[Network], Rewriting], ...] = (fold_affine, fold_constant_neurons, merge_neurons, drop_dead_neurons)
    steps: list[Witness] = []
    while True:
        before = len(steps)
        for function in functions:
            rewriting = function(net)
            if rewriting.witness:
                net = rewriting.network
                steps.append(rewriting.witness)
        if len(steps) == before:
            return Rewriting(net, Steps.of(steps))
