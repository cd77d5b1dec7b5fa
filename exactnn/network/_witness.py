"""The way back from a rewritten network to the one it came from.

Every rewriting keeps the function exactly, so that a claim about values of the new network is one about the old. A claim
about neurons is carried back by `neuron`: the old neurons whose value is a known multiple of the new neuron's, at every
input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from exactnn.exact.numbers import rational_text
from exactnn.value import Value


@dataclass(frozen=True, repr=False)
class Origin(Value):
    """Neuron (channel) `index` of activation `node` in the old network, with value = factor * the new neuron's value."""

    node: str
    index: int
    factor: Fraction


@dataclass(frozen=True, repr=False)
class ConstantNeuron(Value):
    """An old neuron with the same value at every input; None where that differs between places of a channel."""

    index: int
    value: Fraction | None


class Witness(Value, ABC):
    """What a rewriting did, and where its neurons came from."""

    @abstractmethod
    def neuron(self, node: str, index: int) -> tuple[Origin, ...]:
        """The old neurons that neuron `index` of activation `node` of the new network stands for.

        Each of them has, at every input, `factor` times the value of the new one.
        """

    @abstractmethod
    def describe(self) -> str:
        """What was done, one line for each layer; empty if nothing."""

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.describe())


@dataclass(frozen=True, repr=False)
class Folded(Witness):
    """Affine maps composed: pairs (node that went, node that took it up). Neurons keep node and number."""

    nodes: tuple[tuple[str, str], ...]

    def neuron(self, node: str, index: int) -> tuple[Origin, ...]:
        return (Origin(node, index, Fraction(1)),)

    def describe(self) -> str:
        return "\n".join(f"fold: {old} into {new}" for old, new in self.nodes)


@dataclass(frozen=True, repr=False)
class MergedLayer(Value):
    """Activation `node`: groups[i] lists (old neuron, factor) for new neuron i, the first one with factor 1."""

    node: str
    groups: tuple[tuple[tuple[int, Fraction], ...], ...]


@dataclass(frozen=True, repr=False)
class Merged(Witness):
    """Neurons replaced by one of which they are positive multiples; the outgoing weights were added with these factors."""

    layers: tuple[MergedLayer, ...]

    def neuron(self, node: str, index: int) -> tuple[Origin, ...]:
        for layer in self.layers:
            if layer.node == node:
                return tuple(Origin(node, old, factor) for old, factor in layer.groups[index])
        return (Origin(node, index, Fraction(1)),)

    def describe(self) -> str:
        lines = []
        for layer in self.layers:
            for (first, _), *others in layer.groups:
                if others:
                    shown = ", ".join(f"{i} ({rational_text(f)} times)" for i, f in others)
                    lines.append(f"merge: {layer.node}: neurons {shown} with neuron {first}")
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class ReducedLayer(Value):
    """Activation `node`: new neuron i is old neuron kept[i]; an empty `kept` means that the layer went altogether."""

    node: str
    kept: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Reduced(Witness):
    """Neurons taken away."""

    layers: tuple[ReducedLayer, ...]

    def neuron(self, node: str, index: int) -> tuple[Origin, ...]:
        for layer in self.layers:
            if layer.node == node:
                return (Origin(node, layer.kept[index], Fraction(1)),)
        return (Origin(node, index, Fraction(1)),)


@dataclass(frozen=True, repr=False)
class ConstantsFolded(Reduced):
    """Neurons that do not depend on the input, their values times the outgoing weights now part of the next biases.

    constants[k] belongs to layers[k].
    """

    constants: tuple[tuple[ConstantNeuron, ...], ...]

    def describe(self) -> str:
        lines = []
        for layer, constants in zip(self.layers, self.constants, strict=True):
            shown = ", ".join(f"{c.index} (= {'?' if c.value is None else rational_text(c.value)})" for c in constants)
            lines.append(f"constant: {layer.node}: neurons {shown} into the next biases")
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class Dropped(Reduced):
    """Neurons that nothing reads with a weight other than 0; dropped[k] belongs to layers[k]."""

    dropped: tuple[tuple[int, ...], ...]

    def describe(self) -> str:
        return "\n".join(
            f"dead: {layer.node}: neurons {', '.join(map(str, gone))} dropped"
            for layer, gone in zip(self.layers, self.dropped, strict=True)
        )


@dataclass(frozen=True, repr=False)
class Steps(Witness):
    """Rewritings one after the other, first to last."""

    steps: tuple[Witness, ...] = ()

    @classmethod
    def of(cls, steps: Iterable[Witness]) -> Steps:
        """These steps in one row, those that did nothing left out."""
        flat = [s for step in steps for s in (step.steps if isinstance(step, Steps) else (step,))]
        return cls(tuple(s for s in flat if s))

    def neuron(self, node: str, index: int) -> tuple[Origin, ...]:
        found: tuple[Origin, ...] = (Origin(node, index, Fraction(1)),)
        for step in reversed(self.steps):
            found = tuple(Origin(old.node, old.index, new.factor * old.factor) for new in found for old in step.neuron(new.node, new.index))
        return found

    def describe(self) -> str:
        return "\n".join(step.describe() for step in self.steps)
