"""Calibration errors: merged bins, one bin, and how ECE, RMSCE and MCE compare.

Statement. With weights w_k >= 0 of the bins, sum w_k = 1, and gaps g_k = accuracy - mean confidence: ECE = sum w |g|, RMSCE^2 = sum w g^2,
  MCE = max |g|. Merging bins never raises ECE; with one bin it is |accuracy - mean confidence|; ECE <= RMSCE <= MCE.
Assumptions. Two bins, three for the comparison; more by induction, since merging two of them is one step. Empty bins weigh nothing.
Idea. The triangle inequality, and sum w g^2 - (sum w g)^2 = sum_{j<k} w_j w_k (g_j - g_k)^2.
Used in. exactnn/cooling/calibration.py, exactnn/cooling/_bins.py
Attacked by. tests/cooling/test_calibration.py, tests/proofs/test_algebra.py
References. docs/theory.md 21; Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017
"""

import z3

from proofs._prover import Possible, Valid, theorem


def size(z):
    """Return |z|."""
    return z3.If(z > 0, z, -z)


A, B, N, M = z3.Reals("a b n m")
GAPS, WEIGHTS = z3.Reals("g1 g2 g3"), z3.Reals("w1 w2 w3")
SHARES = z3.And(sum(WEIGHTS) == 1, *(w >= 0 for w in WEIGHTS))


@theorem(share=2)
def merging(*, share=1):
    """n, m samples with sums a, b of (hit - confidence): n |a/n| + m |b/m| = |a| + |b| >= |a + b|, and less than that can happen."""
    yield Valid(size(A) + size(B) >= share * size(A + B))
    yield Possible(size(A) + size(B) > size(A + B))
    yield Valid(z3.Implies(z3.And(N > 0, M > 0), N * size(A / N) + M * size(B / M) >= share * size(A + B)))


@theorem(power=2)
def mean_square(*, power=1):
    """(sum w |g|)^2 <= sum w g^2, so ECE <= RMSCE: the difference is a sum of w_j w_k (|g_j| - |g_k|)^2."""
    sizes = z3.Reals("s1 s2 s3")  # |g|
    mean = sum(w * s for w, s in zip(WEIGHTS, sizes, strict=True))
    square = sum(w * s * s for w, s in zip(WEIGHTS, sizes, strict=True))
    pairs = sum(WEIGHTS[j] * WEIGHTS[k] * (sizes[j] - sizes[k]) * (sizes[j] - sizes[k]) for j, k in ((0, 1), (0, 2), (1, 2)))
    yield Valid(z3.Implies(SHARES, square - mean * mean == power * pairs))
    yield Valid(z3.Implies(SHARES, pairs >= 0))


@theorem(share=2)
def largest(*, share=1):
    """sum w g^2 <= max g^2, so RMSCE <= MCE, unweighted."""
    top = z3.Real("top")
    square = sum(w * g * g for w, g in zip(WEIGHTS, GAPS, strict=True))
    given = z3.And(SHARES, top >= 0, *(z3.And(g <= top, g >= -top) for g in GAPS))
    return Valid(z3.Implies(given, share * square <= top * top))


@theorem(times=3)
def doubled(*, times=2):
    """Each sample taken twice: sums and numbers are doubled, and (2 a/(2 n)) (2 n/(2 N)) is what it was."""
    total = z3.Real("N")
    given = z3.And(N > 0, total >= N)
    return Valid(z3.Implies(given, (2 * N / (times * total)) * size(2 * A / (2 * N)) == (N / total) * size(A / N)))
