"""The table of the identities of Cooling: name, statement, formula, assumptions, whether both sides are rational, the equations."""

from __future__ import annotations

from collections.abc import Callable

from exactnn.cooling import _identities_cooling as cooling
from exactnn.cooling import _identities_layers as layers
from exactnn.cooling import _identities_norm as norms
from exactnn.cooling import _identities_softmax as by_softmax
from exactnn.cooling._identity_formula import Formula

_SOFTMAX = ("rational logits", "at least two classes")
_CHAIN = ("piecewise linear network", "at least two classes", "chain of homogeneous layers")
_DEEP = (*_CHAIN, "at least two layers")
_DENSE = (*_DEEP, "fully connected layers")
_HARD = "labels are classes"

ROWS: list[tuple[str, str, str, tuple[str, ...], bool, Callable[..., Formula]]] = [
    (
        "I1",
        "the loss has the gradient tau (p - q) by the logits; its components sum to 0, its L1 norm is 2 tau (1 - p_y)",
        r"\partial \ell / \partial f = \tau (p - q), \quad \sum_j \partial_j \ell = 0, \quad \|\nabla_f \ell\|_1 = 2 \tau (1 - p_y)",
        _SOFTMAX,
        False,
        by_softmax.logit_gradient,
    ),
    (
        "I2",
        "the derivative by tau is E_p z - z_y, and <f, dl/df> = tau dl/dtau (Euler)",
        r"\partial \ell / \partial \tau = E_p z - z_y, \quad \langle f, \nabla_f \ell \rangle = \tau\, \partial_\tau \ell",
        _SOFTMAX,
        False,
        by_softmax.temperature_gradient,
    ),
    (
        "I3",
        "the second derivative by tau is the variance of z under p, the third its third central moment",
        r"\partial_\tau^2 \ell = \mathrm{Var}_p(z) \ge 0, \quad \partial_\tau^3 \ell = E_p (z - E_p z)^3",
        _SOFTMAX,
        False,
        by_softmax.higher_derivatives,
    ),
    (
        "I4",
        "the loss is convex in tau: its slope grows from sum (mean z - z_y) at 0 to at most sum (max z - z_y)",
        r"L'(0) = \sum (\bar z - z_y) \le L'(\tau) \le \sum (\max z - z_y)",
        _SOFTMAX,
        False,
        by_softmax.convexity,
    ),
    (
        "I5",
        "at the optimal temperature the moments match: sum E_p z = sum z_y, enclosed in a narrow bracket of tau",
        r"\sum_n E_{p_n} z_n = \sum_n z_{n, y_n} \text{ at } \tau^*",
        _SOFTMAX,
        False,
        by_softmax.moment_matching,
    ),
    (
        "I6",
        "value, slope and curvature at tau = 0; tau (max z - z_y) <= l <= (C - 1) exp(-tau m), m the margin",
        r"\ell = \log C + \tau (\bar z - z_y) + \tfrac{\tau^2}{2} \mathrm{Var}(z) + O(\tau^3), \quad "
        r"\tau (\max z - z_y) \le \ell \le (C - 1) e^{-\tau m}",
        (*_SOFTMAX, _HARD),
        False,
        by_softmax.limits,
    ),
    (
        "I7",
        "entropy falls with tau, dH/dtau = -tau Var_p(z); the confidence grows, d max p/dtau = max p (max z - E_p z)",
        r"\partial_\tau H(p) = -\tau \mathrm{Var}_p(z) \le 0, \quad \partial_\tau p_{\max} = p_{\max} (z_{\max} - E_p z) \ge 0",
        _SOFTMAX,
        False,
        by_softmax.entropy,
    ),
    (
        "I8",
        "shifting logits changes nothing, multiplying them by k is multiplying tau by k",
        r"\ell(\tau; z + c 1) = \ell(\tau; z), \quad \ell(\tau; k z) = \ell(k \tau; z)",
        _SOFTMAX,
        False,
        by_softmax.shift_and_scale,
    ),
    (
        "I9",
        "multiplying W_i by alpha_i, b_i by gamma_i = alpha_1 ... alpha_i, with tau / gamma_L, divides G_i by alpha_i and g_i by gamma_i",
        r"W_i \to \alpha_i W_i,\ b_i \to \gamma_i b_i,\ \tau \to \tau / \gamma_L: \quad G_i \to G_i / \alpha_i,\ g_i \to g_i / \gamma_i",
        _CHAIN,
        True,
        layers.rescaling,
    ),
    (
        "I10",
        "W_i -> D_i W_i D_{i-1}^-1, b_i -> D_i b_i keeps f and gives G_i -> D_i^-1 G_i D_{i-1}, g_i -> D_i^-1 g_i",
        r"W_i \to D_i W_i D_{i-1}^{-1},\ b_i \to D_i b_i: \quad f = f,\ G_i \to D_i^{-1} G_i D_{i-1},\ g_i \to D_i^{-1} g_i",
        _DENSE,
        True,
        layers.rescaling_by_unit,
    ),
    (
        "I11",
        "under I9 the numbers <W_i, G_i>, <b_i, g_i>, |W_i||G_i|, |b_i||g_i| are the same",
        r"\langle W_i, G_i \rangle,\ \langle b_i, g_i \rangle,\ \|W_i\| \|G_i\|,\ \|b_i\| \|g_i\| \text{ are invariant}",
        _CHAIN,
        True,
        layers.invariants,
    ),
    (
        "I12",
        "<W_{i+1}, G_{i+1}> = <W_i, G_i> + <b_i, g_i>, and <W_L, G_L> + <b_L, g_L> = tau dl/dtau",
        r"\langle W_{i+1}, G_{i+1} \rangle = \langle W_i, G_i \rangle + \langle b_i, g_i \rangle, \quad "
        r"\langle W_L, G_L \rangle + \langle b_L, g_L \rangle = \tau\, \partial_\tau \ell",
        _CHAIN,
        False,
        layers.conservation,
    ),
    (
        "I13",
        "tau dl/dtau = <W_1, G_1> + sum_i <b_i, g_i>; without biases every <W_i, G_i> = tau dl/dtau",
        r"\tau\, \partial_\tau \ell = \langle W_1, G_1 \rangle + \sum_i \langle b_i, g_i \rangle",
        _CHAIN,
        False,
        layers.conservation_summed,
    ),
    (
        "I14",
        "for each unit u: <W_i[u,:], G_i[u,:]> + b_i[u] g_i[u] = <W_{i+1}[:,u], G_{i+1}[:,u]>",
        r"\langle W_i[u,:], G_i[u,:] \rangle + b_i[u] g_i[u] = \langle W_{i+1}[:,u], G_{i+1}[:,u] \rangle",
        _DENSE,
        True,
        layers.conservation_by_unit,
    ),
    (
        "I15",
        "a step eta of gradient descent changes |W_{i+1}|^2 - |W_i|^2 - |b_i|^2 by exactly eta^2 (|G_{i+1}|^2 - |G_i|^2 - |g_i|^2)",
        r"\Delta (\|W_{i+1}\|^2 - \|W_i\|^2 - \|b_i\|^2) = \eta^2 (\|G_{i+1}\|^2 - \|G_i\|^2 - \|g_i\|^2)",
        _DEEP,
        True,
        layers.gradient_step,
    ),
    (
        "I16",
        "Cooling, cumulative: the gradients are tau^(-1/L) G_i and tau^(-i/L) g_i (against a final factor tau)",
        r"\tilde G_i = \tau^{-1/L} G_i, \quad \tilde g_i = \tau^{-i/L} g_i",
        _CHAIN,
        True,
        cooling.cumulative,
    ),
    (
        "I17",
        "Cooling, literal, with a residual factor: the gradients are tau^(-i/L) G_i and tau^(-i(i+1)/(2L)) g_i",
        r"\tilde G_i = \tau^{-i/L} G_i, \quad \tilde g_i = \tau^{-i(i+1)/(2L)} g_i",
        _CHAIN,
        True,
        cooling.literal,
    ),
    (
        "I18",
        "a partial share s: the same function for all s, the gradients are tau^(-s/L) G_i and tau^(-s i/L) g_i",
        r"\tilde G_i = \tau^{-s/L} G_i, \quad \tilde g_i = \tau^{-s i/L} g_i",
        _CHAIN,
        True,
        cooling.partial,
    ),
    (
        "I19",
        "the relative gradients are multiplied by tau^(-2s/L) and tau^(-2si/L): a step eta is a step eta tau^(-2s/L) in the old weights",
        r"\|\tilde G\| / \|\tilde W\| = \tau^{-2s/L} \|G\| / \|W\|",
        _CHAIN,
        True,
        cooling.relative_gradient,
    ),
    (
        "I20",
        "with a final factor tau the gradients are tau sum J_i^T (p(tau) - q)",
        r"G_i(\tau) = \tau \sum_n J_i^T (p(\tau) - q)",
        _CHAIN,
        False,
        layers.final_scale,
    ),
    (
        "I21",
        "two classes: the ratio of the weights of two samples, as far as tau m >= x0 = -1.27846..., becomes more even as tau falls",
        r"\partial_\tau \log (w_1 / w_2) = m_2 s(\tau m_2) - m_1 s(\tau m_1) > 0 \text{ for } \tau m_2 > \tau m_1 \ge x_0",
        (*_SOFTMAX, "two classes", _HARD),
        False,
        by_softmax.smoothing,
    ),
    (
        "I22",
        "as tau -> 0 the residuals |p - e_y| are sqrt((C - 1)/C) for every sample (the value at tau = 0)",
        r"\|p - e_y\|_2 \to \sqrt{(C - 1)/C} \quad (\tau \to 0)",
        (*_SOFTMAX, _HARD),
        False,
        by_softmax.residual_norm,
    ),
    (
        "I23",
        "the Hessian by logits is tau^2 (diag p - p p^T): 1 in the kernel, trace tau^2 (1 - |p|^2), from 0 to tau^2/2 along a direction",
        r"\nabla_f^2 \ell = \tau^2 (\mathrm{diag}\, p - p p^T), \quad \mathrm{tr} = \tau^2 (1 - \|p\|^2), \quad "
        r"\lambda_{\max} \le \tau^2 / 2",
        _SOFTMAX,
        False,
        by_softmax.hessian,
    ),
    (
        "I24",
        "before exact normalisation by batch statistics <W_c, G_c> = 0 and g_c = 0 for each channel, and G(c W, c b) = G(W, b)/c",
        r"\langle W_c, G_c \rangle = 0,\ g_c = 0, \quad G(c W, c b) = G(W, b) / c",
        ("affine or conv layer",),
        True,
        norms.normalised,
    ),
    (
        "I25",
        "a scaled parameter s V = W has dl/dV = s dl/dW: a step eta in V is a step eta s^2 in W",
        r"\partial \ell / \partial V_i = s_i G_i",
        _CHAIN,
        True,
        layers.scaled_parameter,
    ),
    (
        "I26",
        "tau > 0 keeps the argmax",
        r"\arg\max \mathrm{softmax}(\tau z) = \arg\max z",
        _SOFTMAX,
        False,
        by_softmax.same_argmax,
    ),
    (
        "I27",
        "the equalising factors keep tau f and give all layers one relative gradient, but for their rounding",
        r"\alpha_i = \tau^{1/L} \sqrt{r_i} / (\prod_j r_j)^{1/(2L)}: \quad "
        r"\|\tilde G_i\| / \|\tilde W_i\| = \tau^{-2/L} (\textstyle\prod_j r_j)^{1/L}",
        _DEEP,
        True,
        cooling.equalising,
    ),
]
