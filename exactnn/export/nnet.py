"""Networks as NNET text, where they are plain ReLU chains and every weight is a finite decimal."""

from __future__ import annotations

import os
from fractions import Fraction

from flint import fmpz

from exactnn.errors import NotRepresentable, SaveError
from exactnn.exact.array import RationalArray
from exactnn.exact.files import write_text
from exactnn.exact.numbers import rational_text
from exactnn.network import Affine, Input, Network, relu
from exactnn.network.rewrite import fold_affine

_MAX_DIGITS = 4000  # what readers take for one number


def save_nnet(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a chain affine, ReLU, affine, ..., affine, exactly; without normalisation, and with minima and maxima that say nothing.

    A network that is none is folded first (`rewrite.fold_affine`): the same function, in fewer nodes.
    """
    layers = _layers(net) or _layers(fold_affine(net).network)
    if not layers:
        raise SaveError(
            "NNET holds one chain: affine, ReLU, affine, ..., affine, from one flat input; this network is none, "
            "and is none when its affine maps are folded; save as .json, which holds every network"
        )
    widths = [layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in layers)]
    inputs, outputs = widths[0], widths[-1]
    lines = [
        "// written by exactnn; exact decimals; the minima and maxima of the inputs are no part of the network",
        _row([len(layers), inputs, outputs, max(widths)]),
        _row(widths),
        "0,",
        _row([-100000] * inputs),
        _row([100000] * inputs),
        _row([0] * (inputs + 1)),
        _row([1] * (inputs + 1)),
    ]
    for number, layer in enumerate(layers, 1):
        weight = _decimals(layer.weight, f"weight of layer {number}")
        columns = layer.weight.shape[1]
        lines += [",".join(weight[i : i + columns]) + "," for i in range(0, len(weight), columns)]
        lines += [text + "," for text in _decimals(layer.bias, f"bias of layer {number}")]
    write_text(path, "\n".join(lines) + "\n")


def _row(values: list[int]) -> str:
    return "".join(f"{v}," for v in values)


def _layers(net: Network) -> list[Affine]:
    """The affine maps of the chain; none if the network is no chain."""
    layers: list[Affine] = []
    name = net.inputs[0]
    chain = [name]
    while net.consumers(chain[-1]) and len(net.consumers(chain[-1])) == 1:
        chain.append(net.consumers(chain[-1])[0])
    operations = [net.operation(n) for n in chain]
    for position, operation in enumerate(operations[1:]):
        if position % 2 == 0 and isinstance(operation, Affine):
            layers.append(operation)
        elif position % 2 == 0 or operation != relu():
            break
    whole = len(net.inputs) == 1 and net.outputs == (chain[-1],) and len(chain) == len(net.order)
    first = operations[0]
    if not whole or not isinstance(first, Input) or len(first.shape) != 1 or len(chain) != 2 * len(layers):
        return []
    return layers


def _decimals(array: RationalArray, name: str) -> list[str]:
    """Finite decimals: the denominator divides a power of ten."""
    rest, digits = array.denominator, 0
    for prime in (2, 5):
        rest, exponent = _without(rest, prime)
        digits = max(digits, exponent)
    if rest != 1 or digits > _MAX_DIGITS or array.bound >= 10**_MAX_DIGITS:
        raise NotRepresentable(
            f"{name}: not every entry is a decimal of at most {_MAX_DIGITS} digits (the common denominator is "
            f"{rational_text(Fraction(array.denominator))[:60]}); save as .json, which holds every number"
        )
    factor = 10**digits // array.denominator
    return [_decimal(int(n) * factor, digits) for n in array.numerators.ravel()]


def _without(number: int, prime: int) -> tuple[int, int]:
    """The number without a prime, and how often it was divided."""
    exponent = 0
    while number % prime == 0:
        number, exponent = number // prime, exponent + 1
    return number, exponent


def _decimal(scaled: int, digits: int) -> str:
    """scaled / 10^digits, without trailing zeros."""
    if not scaled:
        return "0"
    text = str(fmpz(abs(scaled))).rjust(digits + 1, "0")
    whole, part = (text[: len(text) - digits], text[len(text) - digits :].rstrip("0")) if digits else (text, "")
    return ("-" if scaled < 0 else "") + whole + ("." + part if part else "")
