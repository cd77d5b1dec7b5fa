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

Array = np.ndarray[Any, Any]


def by_limbs(a: Array, b: Array, sizes: tuple[int, int]) -> Array | None:
    """a b for matrices of int64 or Python's integers with |entries| <= sizes; None where this is no good way."""
    (m, k), n = a.shape, b.shape[1]
    if m * k * n < _WORK:
        return None
    bits = [max(s.bit_length(), 1) + 1 for s in sizes]  # with the sign
    width = min(20, (53 - k.bit_length() - 3) // 2)  # at most 8 products in an inner sum of limbs
    if width < 8:
        return None
    counts = [-(-size // width) for size in bits]
    if counts[0] * counts[1] > _PAIRS or min(counts) > 8:
        return None
    right = _limbs(b, width, counts[1])
    reach = sizes[0] * sizes[1] * k
    step = max(1, _ENTRIES // n)
    parts = []
    for start in range(0, m, step):
        left = _limbs(a[start : start + step], width, counts[0])
        sums = []
        for t in range(counts[0] + counts[1] - 1):
            pairs = [(i, t - i) for i in range(counts[0]) if 0 <= t - i < counts[1]]
            total = left[pairs[0][0]] @ right[pairs[0][1]]
            for i, j in pairs[1:]:
                total += left[i] @ right[j]
            sums.append(total.astype(np.int64))
        parts.append(_joined(sums, width, reach.bit_length() + 1))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


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
    each = 62 // width
    words: list[tuple[Array, int]] = []
    start = 0
    while bits - start * width > 62 and start + each < len(sums):
        words.append((_word(sums[start : start + each], width), each * width))
        start += each
    result = _word(sums[start:], width) if bits - start * width <= 62 else None
    if result is None:  # the last sum is a word of its own
        if len(sums) - 1 > start:
            words.append((_word(sums[start:-1], width), (len(sums) - 1 - start) * width))
        result = sums[-1]
    for word, size in reversed(words):
        result = (result.astype(object) << size) + word.astype(object)
    return result


def _word(limbs: list[Array], width: int) -> Array:
    word = limbs[-1]
    for limb in reversed(limbs[:-1]):
        word = (word << width) + limb
    return word
