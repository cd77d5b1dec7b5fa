"""Products of one integer matrix with many intervals, by BLAS: the matrix is cut into limbs once, the intervals each time.

    W = sum_i W_i 2^(w i),  x = sum_j x_j 2^(16 j):  W x = sum_ij 2^(w i + 16 j) W_i x_j,  and |W| x alike

with k 2^(w + 16) <= 2^53 for k columns, so that every sum is an integer that float64 holds, whatever the order of its additions. The limbs
of an entry of W have its sign; those of x lie in [0, 2^16), the last one in [-2^15, 2^15).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

_LIMB = 16
_EXACT = 53
_MANY = 1 << 12  # digits, from which on those that are 0 are looked for

Array = np.ndarray[Any, Any]


class Limbs(NamedTuple):
    """An array of integers as sum_j digits[j] 2^(16 places[j]), the places increasing; of many, those that are 0 are left out."""

    digits: Array
    places: tuple[int, ...]


def cut(values: Array) -> Limbs:
    """The limbs of an array of Python's integers.

    Examples
    --------
    >>> cut(np.array([1 << 16, 5 - (1 << 17)], dtype=object))
    Limbs(digits=array([[ 0.,  5.],
           [ 1., -2.]]), places=(0, 1))
    """
    flat = values.ravel().tolist()
    count = max(max(flat).bit_length(), min(flat).bit_length()) // _LIMB + 1  # with room for the sign
    raw = b"".join([v.to_bytes(2 * count, "little", signed=True) for v in flat])
    words = np.frombuffer(raw, dtype="<u2").reshape(-1, count)
    digits = words.T.astype(np.float64, order="C")
    digits[-1] -= (digits[-1] >= 1 << (_LIMB - 1)) * float(1 << _LIMB)
    places = tuple(range(count))
    if digits.size > _MANY:
        places = tuple(j for j in places if digits[j].any()) or (0,)
        digits = digits[list(places)]
    return Limbs(digits.reshape(-1, *values.shape), places)


class CutMatrix:
    """W, for the range of W x, x in [l, u], as twice the lower bounds of W x and -W x:  |W| (l - u) +- W (l + u).

    Parameters
    ----------
    entries : (m, k), int64 or Python's integers

    Examples
    --------
    >>> CutMatrix(np.array([[1, -2]]))(cut(np.array([[1, 21], [-1, -1]], dtype=object)))  # 2 ([0, 1] - 2 [10, 11])
    array([[-44],
           [38]], dtype=object)
    """

    def __init__(self, entries: Array) -> None:
        self.rows, columns = entries.shape
        self._width = _EXACT - _LIMB - (columns - 1).bit_length()
        size = max(int(entries.max()), -int(entries.min())).bit_length()
        self._count = max(1, -(-size // self._width))
        limbs = np.empty((self._count, *entries.shape))
        if size <= _EXACT:
            limbs[0] = entries
            for i in reversed(range(1, self._count)):
                np.trunc(limbs[0] * 2.0 ** (-self._width * i), out=limbs[i])
                limbs[0] -= limbs[i] * 2.0 ** (self._width * i)
        else:
            sizes, signs, mask = abs(entries), np.sign(entries), (1 << self._width) - 1
            for i in range(self._count):
                limbs[i] = signs * ((sizes >> (self._width * i)) & mask)
        self._limbs = limbs.reshape(-1, columns)
        self._sizes = np.abs(self._limbs)

    def __call__(self, x: Limbs) -> Array:
        """(2, ..., m) for the limbs of l + u and l - u, (2, ..., k)."""
        digits = x.digits
        shape = (*digits[:, 0].shape[:-1], self._count, self.rows)
        middle, reach = (
            (digits[:, side].reshape(-1, digits.shape[-1]) @ part.T).astype(np.int64).reshape(shape)
            for side, part in enumerate((self._limbs, self._sizes))
        )
        found = _joined(np.stack([reach + middle, reach - middle], axis=1), x.places)
        total = found[..., -1, :]
        for i in reversed(range(self._count - 1)):
            total = (total << self._width) + found[..., i, :]
        return total


def _joined(sums: Array, places: tuple[int, ...]) -> Array:
    """sum_j sums[j] 2^(16 places[j]), as Python's integers; |sums| <= 2^54."""
    first, count = places[0], places[-1] - places[0] + 1
    if len(places) < count:
        spread = np.zeros((count, *sums.shape[1:]), dtype=np.int64)
        spread[[place - first for place in places]] = sums
        sums = spread
    for j in range(count - 1):  # carried on, so that all but the last are limbs again
        sums[j + 1] += sums[j] >> _LIMB
    found: Array = sums[-1].astype(object)
    if count > 1:
        four = -(-(count - 1) // 4)
        limbs = np.zeros((*sums.shape[1:], 4 * four), dtype="<u2")
        limbs[..., : count - 1] = np.moveaxis(sums[:-1] & ((1 << _LIMB) - 1), 0, -1)
        words = limbs.view("<u8")
        found = found << (_LIMB * (count - 1))
        for w in range(four):
            word = words[..., w].astype(object)
            found = found + (word << (64 * w) if w else word)
    return found << (_LIMB * first) if first else found
