"""Products of large integer matrices by BLAS: both are cut into limbs of w bits, whose products are exact in float64.

    A = sum_i A_i 2^(w i),  B = sum_j B_j 2^(w j),   A B = sum_t 2^(w t) sum_(i + j = t) A_i B_j

Limbs lie in [0, 2^w), the last one in [-2^(w-1), 2^(w-1)) (two's complement), so that each inner sum is an integer below 2^53 in size
whatever the order of its additions. It beats FLINT's product mostly by what comes before and behind it: numbers are cut and put together by
numpy, many at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_WORK = 1 << 21  # products of entries below which FLINT's matrices are as good
_PAIRS = 32  # products of limbs beyond which they are again
_ENTRIES = 1 << 20  # of the result at once
_WORD = 60  # bits

Array = np.ndarray[Any, Any]


def by_limbs(a: Array, b: Array, sizes: tuple[int, int], row: Array | None = None) -> Array | None:
    """a b, and a row added to each of its rows, for int64 or Python's integers with |entries| <= sizes; None where this is no good way."""
    (m, k), n = a.shape, b.shape[1]
    bits = [max(s.bit_length(), 1) + 1 for s in sizes]  # with the sign
    found = _width(bits, k) if m * k * n >= _WORK else None
    if found is None:
        return None
    width, counts = found
    reach = sizes[0] * sizes[1] * k
    diagonals = [[(i, t - i) for i in range(counts[0]) if 0 <= t - i < counts[1]] for t in range(sum(counts) - 1)]
    right = _limbs(b, width, counts[1])
    columns = [np.concatenate([right[j] for _, j in pairs]) for pairs in diagonals]
    added: list[Array] = []
    if row is not None:
        most = max(abs(int(v)) for v in row)
        reach += most
        added = _limbs(row.astype(object), width, max(len(diagonals), -(-(most.bit_length() + 2) // width)))
    step = max(1, _ENTRIES // n)
    parts = []
    for start in range(0, m, step):
        left = _limbs(a[start : start + step], width, counts[0])
        sums = [
            (np.concatenate([left[i] for i, _ in pairs], axis=1) @ column).astype(np.int64)
            for pairs, column in zip(diagonals, columns, strict=True)
        ]
        for t, limb in enumerate(added):
            if t == len(sums):
                sums.append(np.zeros_like(sums[0]))
            sums[t] += limb.astype(np.int64)
        parts.append(_joined(sums, width, reach.bit_length() + 1))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _width(bits: list[int], k: int) -> tuple[int, list[int]] | None:
    """How many bits a limb may have, and how many limbs there are then; None for too many."""
    for width in range(24, 7, -1):
        counts = [-(-size // width) for size in bits]
        if 2 * width + k.bit_length() + min(counts).bit_length() <= 52:
            return (width, counts) if counts[0] * counts[1] <= _PAIRS else None
    return None


def _limbs(values: Array, width: int, count: int) -> list[Array]:
    """The limbs of the entries, from the lowest on, as float64."""
    mask = (1 << width) - 1
    found = []
    if values.dtype != object:
        rest = values
        for _ in range(count - 1):
            found.append((rest & mask).astype(np.float64))
            rest = rest >> width
        return [*found, rest.astype(np.float64)]
    size = -(-width * count // 64)
    flat = b"".join([v.to_bytes(8 * size, "little", signed=True) for v in values.ravel().tolist()])
    words = np.frombuffer(flat, dtype="<u8").reshape(*values.shape, size)
    for i in range(count):
        word, shift = divmod(i * width, 64)
        limb = words[..., word] >> np.uint64(shift)
        if shift + width > 64:
            limb = limb | (words[..., word + 1] << np.uint64(64 - shift))
        found.append((limb & np.uint64(mask)).astype(np.float64))
    found[-1] -= (found[-1] >= 1 << (width - 1)) * float(1 << width)
    return found


def _joined(sums: list[Array], width: int, bits: int) -> Array:
    """sum_t sums[t] 2^(width t), whose entries have at most so many bits with the sign."""
    for t in range(len(sums) - 1):  # carried on, so that all but the last lie in [0, 2^width)
        sums[t + 1] += sums[t] >> width
        sums[t] &= (1 << width) - 1
    words: list[Array] = []  # of 60 bits each, and above them what is left, in one number of int64
    while bits - _WORD * len(words) > 62:
        words.append(_bits(sums, width, _WORD * len(words), _WORD))
    top = _bits(sums, width, _WORD * len(words), None)
    if not words:
        return top
    found = top.ravel().tolist()
    for word in reversed(words):
        found = [(high << _WORD) + low for high, low in zip(found, word.ravel().tolist(), strict=True)]
    result = np.empty(len(found), dtype=object)
    result[:] = found
    return result.reshape(top.shape)


def _bits(limbs: list[Array], width: int, start: int, count: int | None) -> Array:
    """So many bits from `start` on (all that are left for None) of the numbers with these limbs."""
    result = np.zeros_like(limbs[0])
    for t, limb in enumerate(limbs):
        shift = width * t - start
        is_last = t == len(limbs) - 1
        if shift <= -width and not is_last:
            continue
        if count is None:
            result += limb >> min(-shift, 63) if shift < 0 else limb << shift
        elif shift < count:
            room = count - max(shift, 0)
            part = limb >> min(-shift, 63) if shift < 0 else limb
            result += (part & ((1 << room) - 1)) << max(shift, 0)
    return result
