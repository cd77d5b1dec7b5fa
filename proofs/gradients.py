"""Weights and gradients in chains of homogeneous layers: conservation, rescaling, Cooling and how it is redistributed.

Statement. I2, I9 to I20, I25 and I27 of docs/theory.md 20, for symbolic weights, biases, inputs, residuals and slopes.
Assumptions. Chains z_i = W_i h_{i-1} + b_i, h_i = phi(z_i), f = z_L, of the sizes in CHAINS, so with 2 and 3 layers; the loss has
  the derivatives tau v by f, and is summed over one or two points; phi(z) = slope * z with a symbol for the slope of each unit at each
  point: so ReLU, leaky ReLU and abs where they are differentiable, and at kinks with any subgradient. Factors > 0 keep the slopes.
  Other sizes: the argument in docs/theory.md 20 (Euler).
Idea. With the slopes as symbols v . f is a polynomial in all parameters; sympy differentiates it, and the identities are of polynomials.
Used in. exactnn/cooling/_identities_layers.py, exactnn/cooling/_identities_cooling.py, exactnn/cooling/reparameterise.py
Attacked by. tests/cooling/test_identities.py, tests/cooling/test_reparameterise.py, tests/proofs/test_algebra.py
References. docs/theory.md 20; proofs/rocq/Gradients.v has I9 to I14 for any sizes;
  Du, Hu, Lee: Algorithmic regularization in learning deep homogeneous models, 2018
"""

import itertools
from dataclasses import dataclass

import sympy

from proofs._prover import Identity, theorem

#: sizes of the layers, and numbers of points
CHAINS = (((2, 2, 2), 2), ((1, 2, 2, 2), 1), ((2, 1, 2, 1), 2))
tau, eta, root = sympy.symbols("tau eta r")


def _symbols(name, rows, columns):
    return sympy.Matrix(rows, columns, sympy.symbols(f"{name}:{rows}:{columns}") if rows * columns > 1 else [sympy.Symbol(name)])


@dataclass(frozen=True)
class Chain:
    """Weights and biases as matrices of symbols; for each point an input, a residual v = dl/d(tau f) and the slopes of all units."""

    sizes: tuple
    points: int

    @property
    def depth(self):
        """The number L of layers."""
        return len(self.sizes) - 1

    def weights(self):
        """W_1, ..., W_L."""
        return [_symbols(f"W{i}_", rows, columns) for i, (columns, rows) in enumerate(itertools.pairwise(self.sizes), 1)]

    def biases(self):
        """b_1, ..., b_L."""
        return [_symbols(f"b{i}_", rows, 1) for i, rows in enumerate(self.sizes[1:], 1)]

    def outputs(self, weights, biases):
        """f at each point."""
        found = []
        for n in range(self.points):
            h = _symbols(f"x{n}_", self.sizes[0], 1)
            for i, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
                h = weight * h + bias
                if i < self.depth:
                    h = _symbols(f"s{n}_{i}_", len(h), 1).multiply_elementwise(h)
            found.append(h)
        return found

    def loss(self, weights, biases):
        """Sum of v . f over the points: its gradients are those of the loss, once each v is the derivative by f."""
        outputs = self.outputs(weights, biases)
        return sympy.expand(sum(_symbols(f"v{n}_", self.sizes[-1], 1).dot(f) for n, f in enumerate(outputs)))

    def gradients(self, change=lambda i, weight, bias: (weight, bias)):
        """G_i, g_i where the network has the parameters change(i, W_i, b_i): differentiated by new symbols, which are then replaced."""
        weights, biases = self.weights(), self.biases()
        loss = self.loss(weights, biases)
        moved = {}
        for i in range(self.depth):
            for old, new in zip((weights[i], biases[i]), change(i + 1, weights[i], biases[i]), strict=True):
                moved.update(zip(old, new, strict=True))
        by = [[matrix.applyfunc(lambda p: loss.diff(p).subs(moved, simultaneous=True)) for matrix in side] for side in (weights, biases)]
        return by[0], by[1], loss.subs(moved, simultaneous=True)


def inner(left, right):
    """<left, right>, the sum of products of entries."""
    return sum(p * q for p, q in zip(left, right, strict=True))


@theorem(bias=2)
def layer_conservation(*, bias=1):
    """I12: <W_{i+1}, G_{i+1}> = <W_i, G_i> + <b_i, g_i>, and <W_L, G_L> + <b_L, g_L> = <v, f>."""
    for sizes in CHAINS:
        chain = Chain(*sizes)
        (W, b), (G, g, loss) = (chain.weights(), chain.biases()), chain.gradients()
        flows = [(inner(W[i], G[i]), inner(b[i], g[i])) for i in range(chain.depth)]
        for before, after in itertools.pairwise(flows):
            yield Identity(after[0], before[0] + bias * before[1])
        yield Identity(flows[-1][0] + flows[-1][1], loss)


@theorem(weight=2)
def layer_conservation_summed(*, weight=1):
    """I13: <v, f> = <W_1, G_1> + sum_i <b_i, g_i>; without biases every <W_i, G_i> is <v, f>."""
    for sizes in CHAINS:
        chain = Chain(*sizes)
        (W, b), (G, g, loss) = (chain.weights(), chain.biases()), chain.gradients()
        yield Identity(loss, weight * inner(W[0], G[0]) + sum(inner(b[i], g[i]) for i in range(chain.depth)))
        G, _, loss = chain.gradients(lambda i, weight, bias: (weight, 0 * bias))
        for i in range(chain.depth):
            yield Identity(weight * inner(W[i], G[i]), loss)


@theorem(bias=-1)
def unit_conservation(*, bias=1):
    """I14: for each unit u, <W_i[u,:], G_i[u,:]> + b_i[u] g_i[u] = <W_{i+1}[:,u], G_{i+1}[:,u]>."""
    for sizes in CHAINS:
        chain = Chain(*sizes)
        (W, b), (G, g, _) = (chain.weights(), chain.biases()), chain.gradients()
        for i in range(chain.depth - 1):
            for u in range(chain.sizes[i + 1]):
                entering = inner(W[i].row(u), G[i].row(u)) + bias * b[i][u] * g[i][u]
                yield Identity(entering, inner(W[i + 1].col(u), G[i + 1].col(u)))


@theorem(power=1)
def gradient_step(*, power=2):
    """I15: after a step eta, |W_{i+1}|^2 - |W_i|^2 - |b_i|^2 has changed by eta^2 (|G_{i+1}|^2 - |G_i|^2 - |g_i|^2)."""
    for sizes in CHAINS[:2]:
        chain = Chain(*sizes)
        (W, b), (G, g, _) = (chain.weights(), chain.biases()), chain.gradients()

        def change(value, slope):
            return inner(value - eta * slope, value - eta * slope) - inner(value, value)

        for i in range(chain.depth - 1):
            left = change(W[i + 1], G[i + 1]) - change(W[i], G[i]) - change(b[i], g[i])
            yield Identity(left, eta**power * (inner(G[i + 1], G[i + 1]) - inner(G[i], G[i]) - inner(g[i], g[i])))


def _rescaled(chain):
    """alpha_i, gamma_i = alpha_1 ... alpha_i."""
    alphas = [sympy.Symbol(f"alpha{i}") for i in range(1, chain.depth + 1)]
    return alphas, list(itertools.accumulate(alphas, lambda p, q: p * q))


@theorem(extra=1)
def rescaling(*, extra=0):
    """I9: W_i -> alpha_i W_i, b_i -> gamma_i b_i, gamma_i = alpha_1 ... alpha_i, gives f -> gamma_L f; where the logits are then
    divided by gamma_L, G_i -> G_i/alpha_i, g_i -> g_i/gamma_i.
    """
    for sizes in CHAINS:
        chain = Chain(*sizes)
        alphas, gammas = _rescaled(chain)
        G, g, loss = chain.gradients()
        moved = chain.gradients(lambda i, weight, bias, a=alphas, c=gammas: (a[i - 1] * weight, c[i - 1] * bias))
        yield Identity(moved[2], gammas[-1] ** (1 + extra) * loss)
        for i in range(chain.depth):  # the loss reads tau f, and tau is divided by gamma_L
            yield Identity(moved[0][i] / gammas[-1], G[i] / alphas[i])
            yield Identity(moved[1][i] / gammas[-1], g[i] / gammas[i])


@theorem(power=1)
def invariants(*, power=2):
    """I11: so <W_i, G_i>, <b_i, g_i>, |W_i|^2 |G_i|^2 and |b_i|^2 |g_i|^2 stay."""
    chain = Chain(*CHAINS[0])
    alphas, gammas = _rescaled(chain)
    (W, b), (G, g, _) = (chain.weights(), chain.biases()), chain.gradients()
    moved = chain.gradients(lambda i, weight, bias: (alphas[i - 1] * weight, gammas[i - 1] * bias))
    for i in range(chain.depth):
        for old, by, new, factor in ((W[i], G[i], moved[0][i], alphas[i]), (b[i], g[i], moved[1][i], gammas[i])):
            yield Identity(inner(factor * old, new) / gammas[-1], inner(old, by))
            norms = factor**power * inner(old, old) * inner(new, new) / gammas[-1] ** 2
            yield Identity(norms, inner(old, old) * inner(by, by))


@theorem(sign=1)
def rescaling_by_unit(*, sign=-1):
    """I10: W_i -> D_i W_i D_{i-1}^-1, b_i -> D_i b_i, D_i diagonal, D_0 = D_L = 1: the same f, G_i -> D_i^-1 G_i D_{i-1}, g_i -> D_i^-1
    g_i.
    """
    for sizes in CHAINS:
        chain = Chain(*sizes)
        inside = [sympy.diag(*sympy.symbols(f"D{i}_:{size}")) for i, size in enumerate(chain.sizes[1:-1], 1)]
        D = [sympy.eye(chain.sizes[0]), *inside, sympy.eye(chain.sizes[-1])]
        G, g, loss = chain.gradients()
        moved = chain.gradients(lambda i, weight, bias, D=D: (D[i] * weight * D[i - 1] ** sign, D[i] * bias))
        yield Identity(moved[2], loss)
        for i in range(chain.depth):
            yield Identity(moved[0][i], D[i + 1].inv() * G[i] * D[i])
            yield Identity(moved[1][i], D[i + 1].inv() * g[i])


def _cooled(weights, biases, left, final, shift=0):
    """W_i times r^weights(i), b_i times r^biases(i), r^left behind: the network with tau = r^final behind, and how gradients compare."""
    for sizes in CHAINS:
        chain = Chain(*sizes)
        L = chain.depth
        G, g, loss = chain.gradients()
        moved = chain.gradients(lambda i, weight, bias, L=L: (root ** weights(i, L) * weight, root ** biases(i, L) * bias))
        behind, scale = root ** left(L), root ** final(L)
        yield Identity(behind * moved[2], scale * loss)
        for i in range(L):
            yield Identity(behind * moved[0][i], root ** -weights(i + 1, L) * scale * G[i])
            yield Identity(behind * moved[1][i], root ** -(biases(i + 1, L) + shift) * scale * g[i])


@theorem(shift=1)
def cooling_cumulative(*, shift=0):
    """I16: W_i tau^(1/L), b_i tau^(i/L) is tau f; against tau behind, G_i is multiplied by tau^(-1/L), g_i by tau^(-i/L)."""
    return _cooled(lambda i, L: 1, lambda i, L: i, lambda L: 0, lambda L: L, shift)  # tau = r^L


@theorem(residual=-1)
def cooling_literal(*, residual=1):
    """I17: W_i tau^(i/L), b_i tau^(i(i+1)/(2L)), tau^((1-L)/2) behind is tau f; G_i tau^(-i/L), g_i tau^(-i(i+1)/(2L))."""
    return _cooled(lambda i, L: 2 * i, lambda i, L: i * (i + 1), lambda L: residual * (1 - L) * L, lambda L: 2 * L)  # tau = r^(2L)


@theorem(whole=2)
def cooling_in_part(*, whole=1):
    """I18: W_i tau^(s/L), b_i tau^(s i/L), tau^(1-s) behind is tau f for every s; G_i tau^(-s/L), g_i tau^(-s i/L); so I19 |G_i|/|W_i|
    times tau^(-2s/L).
    """
    for p, q in ((0, 1), (1, 3), (1, 2), (1, 1)):  # s = p/q, tau = r^(q L): s enters as an exponent, and sympy needs it as a number
        yield from _cooled(lambda i, L, p=p: p, lambda i, L, p=p: p * i, lambda L, p=p, q=q: (whole * q - p) * L, lambda L, q=q: q * L)
    s, L = sympy.symbols("s L", positive=True)  # the exponents of any s: weights of L layers, and what is behind
    yield Identity(L * s / L + (whole - s), 1)


@theorem(power=2)
def final_scale(*, power=1):
    """I20: with tau behind f, G_i is tau sum_n J_{n,i}^T (p(tau f(x_n)) - q_n): tau times the gradient with v held."""
    chain = Chain((1, 2, 2), 1)
    W, b = chain.weights(), chain.biases()
    (f,) = chain.outputs(W, b)
    first, second = sympy.symbols("E0 E1", positive=True)
    q = sympy.Symbol("q")
    loss = sympy.log(sympy.exp(tau * f[0]) + sympy.exp(tau * f[1])) - tau * (q * f[0] + (1 - q) * f[1])
    named = {sympy.exp(tau * f[0]): first, sympy.exp(tau * f[1]): second}
    residual = [first / (first + second) - q, second / (first + second) - (1 - q)]
    for p in (*W[0], *b[0], *W[1], *b[1]):
        yield Identity(loss.diff(p).subs(named), tau**power * sum(v * z.diff(p) for v, z in zip(residual, f, strict=True)))


@theorem(power=1)
def scaled_parameter(*, power=2):
    """I25: with s V in place of W, dl/dV = s dl/dW, and a step eta in V is a step eta s^2 in W."""
    chain, s = Chain(*CHAINS[0]), sympy.Symbol("s")
    V, G = chain.weights()[0], chain.gradients()[0][0]
    weights, biases = chain.weights(), chain.biases()
    by_v = V.applyfunc(lambda p: chain.loss([s * V, *weights[1:]], biases).diff(p))
    by_w = G.subs(dict(zip(V, s * V, strict=True)), simultaneous=True)
    yield Identity(by_v, s * by_w)
    yield Identity(s * (V - eta * by_v), s * V - eta * s**power * by_w)


@theorem(sign=1)
def equalising(*, sign=-1):
    """I27: with alpha_i^2 = tau^(2/L) r_i/(prod r)^(1/L), r_i = |G_i|/|W_i|, prod alpha = tau and all |G_i|/|W_i| become tau^(-2/L) (prod
    r)^(1/L).
    """
    for L in (2, 3, 4):
        roots = sympy.symbols(f"rho1:{L + 1}", positive=True)  # r_i = rho_i^(2L)
        product = sympy.prod(roots)
        alphas = [root * rho**L / product for rho in roots]  # tau = r^L
        yield Identity(sympy.prod(alphas), root**L)
        for alpha, rho in zip(alphas, roots, strict=True):
            yield Identity(alpha ** (2 * sign) * rho ** (2 * L), root**-2 * product**2)


@theorem(power=1)
def joins(*, power=0):
    """A residual join y + V phi(W y + b) + e is multiplied by c if y is, both branches being scaled to one c: with W' = (d/c) W, b' = d b,
    V' = (c/d) V, e' = c e; c, d > 0 keep the slopes.
    """
    W, V = _symbols("W", 2, 2), _symbols("V", 2, 2)
    y, b, e, slopes = (_symbols(name, 2, 1) for name in "ybes")
    c, d = sympy.symbols("c d")

    def join(y, W, b, V, e):
        return y + V * slopes.multiply_elementwise(W * y + b) + e

    return Identity(join(c * y, d / c * W, d * b, c / d * V, c ** (1 + power) * e), c * join(y, W, b, V, e))
