"""Bounds on the number of linear regions of a ReLU network, from its widths alone.

With input dimension n_0 and hidden widths n_1, ..., n_L:

    upper = sum over J of prod_l C(n_l, j_l),   J = {j : 0 <= j_l <= min(n_0, n_1 - j_1, ..., n_{l-1} - j_{l-1}, n_l)}
    lower = prod_{l<L} (floor(n_l / n_0) + 1)^{n_0} * sum_{j <= n_0} C(n_L, j)          if every n_l >= 3 n_0

No network of these widths has more regions than `upper`, and some network has at least `lower`.

References: T. Serra, C. Tjandraatmadja, S. Ramalingam, Bounding and counting linear regions of deep neural networks, 2018; the thesis,
equations (1.7) and (1.8).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.calls import helpful

_BITS = 1 << 33  # that all numbers of one layer's sums may take together


@helpful
def bounds(input_dim: int, widths: Sequence[int]) -> tuple[int | None, int]:
    """(lower or None, upper): thesis (1.8), which needs every width >= 3 input_dim, and (1.7).

    The upper bound is a sum over dimensions: f_l(m), the sum over the layers l, ..., L with m in place of n_0, is
    sum over j <= min(m, n_l) of C(n_l, j) f_{l+1}(min(m, n_l - j)), which two running sums give for every m at once.

    Parameters
    ----------
    input_dim : int >= 1
    widths : ints >= 1, one for each hidden layer; none for an affine function, whose one region is counted

    Returns
    -------
    tuple of int or None, and int
        Whatever the weights, the network has at most `upper` regions; for some weights it has at least `lower`.

    Raises
    ------
    ArgumentError
        For sizes that are no positive integers.

    Examples
    --------
    >>> bounds(1, [3, 3])
    (16, 16)
    >>> bounds(784, [32, 16, 10])
    (None, 262865056349694890)
    """
    inputs = _size(input_dim, "input_dim")
    if not isinstance(widths, (list, tuple, range, np.ndarray)):
        raise ArgumentError(f"widths: a list of integers, one for each hidden layer, is needed, got {widths!r}")
    layers = [_size(width, f"widths[{i}]") for i, width in enumerate(widths)]
    if min(inputs, max(layers, default=1)) * sum(layers) > _BITS:
        raise ArgumentError(
            f"widths: numbers of fewer digits are needed; for {inputs} inputs and {sum(layers)} neurons the sums would take "
            f"more than {_BITS} bits of memory"
        )
    return _lower(inputs, layers), _upper(inputs, layers)


def _size(value: Any, argument: str) -> int:
    try:
        size = 0 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        size = 0
    if size < 1:
        raise ArgumentError(f"{argument}: a positive integer is needed, got {value!r}")
    return size


def _lower(inputs: int, layers: list[int]) -> int | None:
    if any(width < 3 * inputs for width in layers):
        return None
    if not layers:
        return 1
    *early, last = layers
    folds: int = math.prod(width // inputs + 1 for width in early) ** inputs
    return folds * sum(_binomials(last, inputs))


def _upper(inputs: int, layers: list[int]) -> int:
    following = [1]  # f_{l+1}(m) for m = 0, 1, ...; from the last one on it is constant
    for width in reversed(layers):
        top = min(inputs, width)
        choices = _binomials(width, top)

        def after(m: int, f: list[int] = following) -> int:
            return f[min(m, len(f) - 1)]

        # j <= width - m leaves the dimension m, a greater j leaves width - j < m
        plain, falling = [0], [0]
        for j, choice in enumerate(choices):
            plain.append(plain[-1] + choice)
            falling.append(falling[-1] + choice * after(width - j))
        values = []
        for m in range(top + 1):
            cut = min(m, width - m) + 1
            values.append(plain[cut] * after(m) + falling[m + 1] - falling[cut])
        following = values
    return following[-1]


def _binomials(n: int, top: int) -> list[int]:
    """C(n, 0), ..., C(n, top), for top <= n."""
    row = [1]
    for j in range(top):
        row.append(row[-1] * (n - j) // (j + 1))
    return row
