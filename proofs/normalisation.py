"""Normalisation: folding batch norm into what is before it, and what exact normalisation does to gradients.

Statement. A batch norm behind an affine map, or another batch norm, is one affine map. I24 of docs/theory.md 20: <z, dl/dz> = eps times a
  mean, so 0 for eps = 0; the derivatives of a group add up to 0; z -> c z with c^2 eps divides them by c.
Assumptions. sigma != 0 the root of var + eps. Groups of 2 and 3 numbers, symbolic; any size: docs/theory.md 20.
Idea. sigma is a symbol with sigma^2 = var + eps, so that everything is a rational function.
Used in. exactnn/network/_fold.py, exactnn/difference/_folding.py, exactnn/certificate/_folding.py, exactnn/cooling/_identities_norm.py
Attacked by. tests/network/test_rewrite.py, tests/cooling/test_identities_norm.py, tests/proofs/test_algebra.py
References. docs/theory.md 17, 20; Ioffe, Szegedy: Batch normalization, 2015; the thesis, section 5.3
"""

import sympy

from proofs._prover import Identity, theorem

sigma, eps, c, gamma, beta, mu = sympy.symbols("sigma epsilon c gamma beta mu")


@theorem(sign=1)
def folded_behind_affine(*, sign=-1):
    """gamma (W h + b - mean)/sigma + beta = W' h + b', W' = (gamma/sigma) W, b' = (gamma/sigma)(b - mean) + beta, row by row."""
    W, h, b = sympy.Matrix(1, 3, sympy.symbols("w0:3")), sympy.Matrix(sympy.symbols("h0:3")), sympy.Symbol("b")
    normalised = gamma * ((W * h)[0] + b - mu) / sigma + beta
    factor = gamma / sigma
    return Identity(normalised, ((factor * W) * h)[0] + factor * (b + sign * mu) + beta)


@theorem(sign=-1)
def folded_before_affine(*, sign=1):
    """V (D h + e) + b = (V D) h + (V e + b), D diagonal: a batch norm before an affine map that reads each of its entries."""
    V = sympy.Matrix(2, 2, sympy.symbols("V:2:2"))
    D, h, e, b = sympy.diag(*sympy.symbols("D0:2")), *(sympy.Matrix(sympy.symbols(f"{n}0:2")) for n in "heb")
    return Identity(V * (D * h + e) + b, (V * D) * h + (sign * V * e + b))


@theorem(shift=0)
def not_before_a_padded_convolution(*, shift=1):
    """A batch norm x -> s x + t, t != 0, before a convolution with zeros at the border is not one with one bias: w . (s x + t) and
    w . (s x) differ by t (w_0 + w_1 + w_2) inside and by t (w_1 + w_2) at the border, so by the constant t w_0 more.
    """
    w, x = sympy.symbols("w0:3"), sympy.symbols("x0:3")
    s, t = sympy.symbols("s t")
    inside = sum(v * (s * y + t) for v, y in zip(w, x, strict=True)) - sum(v * s * y for v, y in zip(w, x, strict=True))
    border = sum(v * (s * y + t) for v, y in zip(w[1:], x[:2], strict=True)) - sum(v * s * y for v, y in zip(w[1:], x[:2], strict=True))
    return Identity(inside - border, shift * t * w[0])


def _normalised(numbers, epsilon):
    """The numbers without their mean, over the root of their variance and epsilon; the mean and the variance."""
    mean = sum(numbers) / len(numbers)
    variance = sum((z - mean) ** 2 for z in numbers) / len(numbers)
    return [(z - mean) / sympy.sqrt(variance + epsilon) for z in numbers], mean, variance


def _gradient(numbers, upstream):
    """dl/dz with sigma for the root, and the relation that sigma obeys."""
    values, mean, variance = _normalised(numbers, eps)
    loss = sum(u * v for u, v in zip(upstream, values, strict=True))
    slopes = [sympy.expand(loss.diff(z)).subs(sympy.sqrt(variance + eps), sigma) for z in numbers]
    slopes = [slope.replace(lambda e: e.is_Pow and not e.exp.is_integer, lambda e: sigma ** (2 * e.exp)) for slope in slopes]
    return slopes, mean, variance, ((sigma, 2, sympy.expand(variance + eps)),)


@theorem(power=3)
def gradient_of_a_group(*, power=2):
    """I24: sigma dl/dz = u - mean u - (z - mean) mean(u (z - mean))/sigma^2, u = dl/dzhat."""
    for count in (2, 3):
        z, u = sympy.symbols(f"z0:{count}"), sympy.symbols(f"u0:{count}")
        slopes, mean, _, relation = _gradient(z, u)
        weighted = sum(v * (w - mean) for v, w in zip(u, z, strict=True)) / count
        for slope, v, w in zip(slopes, u, z, strict=True):
            yield Identity(sigma * slope, v - sum(u) / count - (w - mean) * weighted / sigma**power, relation)


@theorem(scale=2)
def euler_of_a_group(*, scale=1):
    """I24: sum dl/dz = 0 and sum z dl/dz = eps sum (u/sigma^3)(z - mean), which is 0 if eps = 0."""
    for count in (2, 3):
        z, u = sympy.symbols(f"z0:{count}"), sympy.symbols(f"u0:{count}")
        slopes, mean, _, relation = _gradient(z, u)
        yield Identity(sum(slopes), 0, relation)
        rest = eps * sum(v * (w - mean) for v, w in zip(u, z, strict=True)) / sigma**3
        yield Identity(sum(w * slope for w, slope in zip(z, slopes, strict=True)), scale * rest, relation)


@theorem(power=1)
def scaled_group(*, power=2):
    """I24: z -> c z, eps -> c^2 eps keeps zhat and so u, where sigma becomes c sigma, and dl/dz is divided by c."""
    z = sympy.symbols("z0:3")
    _, mean, variance = _normalised(z, eps)
    _, moved_mean, moved_variance = _normalised([c * w for w in z], eps)
    yield Identity(moved_variance + c**power * eps, c**2 * (variance + eps))
    for w in z:
        yield Identity((c * w - moved_mean) / (c * sigma), (w - mean) / sigma)
    u = sympy.symbols("u0:3")
    slopes, _, _, relation = _gradient(z, u)
    for slope in slopes:
        moved = slope.subs({w: c * w for w in z} | {eps: c**power * eps, sigma: c * sigma}, simultaneous=True)
        yield Identity(moved, slope / c, relation)
