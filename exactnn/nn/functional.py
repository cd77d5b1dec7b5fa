"""Rational activations as functions of tensors, with analytic gradients that keep only the input and the coefficients.

Numbers: everything is computed in the widest of float32, the input's and the coefficients' dtype, and the result is rounded once to the
input's dtype. Gradients of coefficients are sums over all entries in that wide dtype (torch.sum, or on a CPU torch.dot in blocks, which
are summed in float64), rounded once to the coefficients' dtype. The gradients are differentiable formulas themselves, so
that second derivatives are right too. Large tensors on a CPU are worked through in blocks that fit the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from exactnn.errors import ArgumentError, ShapeError
from exactnn.floats.backend import FLOATS
from exactnn.nn import _era_blocks

__all__ = ["era", "pade"]

#: Entries of a block for each thread, and at least: torch splits work among threads from 2^15 entries on, a step on fewer than 2^17 costs
#: more in being called than in being done, and a block's five to a dozen temporaries fit a cache.
_GRAIN, _LEAST = 1 << 15, 1 << 17


def era(
    x: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    c: torch.Tensor,
    d: torch.Tensor,
    e: torch.Tensor,
    f: torch.Tensor,
    epsilon: float = 0.0,
) -> torch.Tensor:
    """sigma(x) = a x + b + sum_i (c_i x + d_i) / ((x - e_i)^2 + f_i^2 + epsilon), entry by entry.

    Parameters
    ----------
    x : float tensor of any shape
    a, b : float tensors whose shape broadcasts to that of x: () for one function, (channels, 1, 1) for one in each channel of images
    c, d, e, f : float tensors (fractions, *shape of a)
    epsilon : a float >= 0

    Returns
    -------
    torch.Tensor
        Of x's shape and dtype. Beyond 10^17 (float32; 10^150 in float64) the fractions take their value there, in effect their limit 0.
        A graph made by torch.export or torch.onnx.export is the rational function alone, without this bound: beyond about 10^19 (10^154)
        its squares overflow, and its value is NaN.

    Raises
    ------
    ArgumentError
        For tensors of integers, and for an epsilon that is negative or not finite.
    ShapeError
        For coefficients whose shapes do not fit.

    References
    ----------
    Trimmel, Zanfir, Hartley, Sminchisescu: ERA: Enhanced Rational Activations, ECCV 2022.

    Examples
    --------
    >>> one, zero = torch.ones(()), torch.zeros(())
    >>> era(torch.tensor([0.0, 1.0]), one, zero, torch.zeros(1), torch.ones(1), torch.zeros(1), torch.ones(1))
    tensor([1.0000, 1.5000])
    """
    check_float_tensor(x, "x")
    for name, tensor in zip("abcdef", (a, b, c, d, e, f), strict=True):
        check_float_tensor(tensor, name)
    shift = checked_epsilon(epsilon)
    if a.shape != b.shape or any(t.shape != c.shape or t.shape[1:] != a.shape or t.ndim != a.ndim + 1 for t in (c, d, e, f)):
        shapes = ", ".join(str(tuple(t.shape)) for t in (a, b, c, d, e, f))
        raise ShapeError(f"a, ..., f: a and b of one shape S, and c, d, e, f of one shape (fractions, *S), are needed, got {shapes}")
    _fits(a, x)
    result: torch.Tensor = _Era.apply(x, a, b, c, d, e, f, shift)  # type: ignore[no-untyped-call]
    return result


def pade(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, version: str = "A") -> torch.Tensor:
    """P(x)/Q(x), entry by entry, P = a_0 + a_1 x + ... + a_m x^m, and by version

    A: Q = 1 + |b_1 x| + ... + |b_n x^n|;  B: Q = 1 + |b_1 x + ... + b_n x^n|;  C: Q = 0.1 + |b_0 + b_1 x + ... + b_n x^n|;
    N: Q = 1 + b_1 x + ... + b_n x^n, which may have real roots.

    Parameters
    ----------
    x : float tensor of any shape
    a : float tensor (m + 1, *S), the constant term first; S broadcasts to the shape of x
    b : float tensor (n, *S), or (n + 1, *S) for version C, whose first entry is the constant
    version : "A", "B", "C" or "N"

    Returns
    -------
    torch.Tensor
        Of x's shape and dtype. In float32, powers overflow (and the quotient is NaN) beyond about |x| = 10^(38/m).

    Raises
    ------
    ArgumentError
        For tensors of integers and for an unknown version.
    ShapeError
        For coefficients whose shapes do not fit.

    References
    ----------
    Molina, Schramowski, Kersting: Pade Activation Units, ICLR 2020.

    Examples
    --------
    >>> pade(torch.tensor([-2.0, 2.0]), torch.tensor([0.0, 1.0]), torch.tensor([1.0]))
    tensor([-0.6667,  0.6667])
    """
    for name, tensor in (("x", x), ("a", a), ("b", b)):
        check_float_tensor(tensor, name)
    if version not in ("A", "B", "C", "N"):
        raise ArgumentError(f"version: 'A', 'B', 'C' or 'N' is needed, got {version!r}")
    if a.ndim < 1 or b.ndim < 1 or not a.shape[0] or not b.shape[0] or a.shape[1:] != b.shape[1:]:
        raise ShapeError(f"a, b: shapes (m + 1, *S) and (n, *S) are needed, got {tuple(a.shape)} and {tuple(b.shape)}")
    _fits(a[0], x)
    result: torch.Tensor = _Pade.apply(x, a, b, version)  # type: ignore[no-untyped-call]
    return result


def checked_epsilon(value: float) -> float:
    """A number that is added to denominators."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ArgumentError(f"epsilon: a finite number >= 0 is needed, got {value!r}")
    return float(value)


def check_float_tensor(value: Any, name: str, who: str = "") -> None:
    """ArgumentError, on behalf of a module if it is named, for what is no tensor of floats."""
    if not isinstance(value, torch.Tensor) or value.dtype not in FLOATS:
        kind = f"a tensor of {value.dtype}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ArgumentError(f"{who or name}: a tensor of floats is needed, got {kind}; convert it, as by {name}.float()")


def _fits(a: torch.Tensor, x: torch.Tensor) -> None:
    if a.ndim > x.ndim or any(n not in (1, m) for n, m in zip(reversed(a.shape), reversed(x.shape), strict=False)):
        raise ShapeError(f"coefficients: a shape that broadcasts to that of x, {tuple(x.shape)}, is needed, got {tuple(a.shape)}")


def _wide(x: torch.Tensor, *coefficients: torch.Tensor) -> torch.dtype:
    dtype = torch.promote_types(x.dtype, torch.float32)
    for tensor in coefficients:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def _sum_to(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Summed over the axes along which `like` was broadcast."""
    if not like.ndim:
        return values.sum()
    lead = values.ndim - like.ndim
    axes = [*range(lead), *(lead + i for i, n in enumerate(like.shape) if n == 1)]
    return values.sum(axes, keepdim=True).reshape(like.shape) if axes else values


def _blocks(x: torch.Tensor, like: torch.Tensor) -> Iterator[Any] | None:
    """Slices of axis 0 that make blocks of about `_GRAIN` entries a thread or more; None where the whole is to be worked at once.

    Only for a plain contiguous tensor on a CPU (no compiler, no tracing, no vmap, no second derivative to come) along whose axis 0
    the coefficients do not change.
    """
    if _traced() or torch.is_grad_enabled() or type(x) not in (torch.Tensor, torch.nn.Parameter):
        return None
    if x.device.type != "cpu" or torch._C._functorch.maybe_current_level() is not None:
        return None
    if x.ndim <= like.ndim or x.numel() <= _GRAIN:
        return None
    block = max(_GRAIN * torch.get_num_threads(), _LEAST)
    rows = max(1, block // (x.numel() // x.shape[0]))
    return (slice(start, start + rows) for start in range(0, x.shape[0], rows))


def _flat(x: torch.Tensor, like: torch.Tensor) -> bool:
    """Whether entries may be worked on in one row: one function for all of them, and no graph in which a row would mix a batch."""
    return not like.ndim and x.is_contiguous() and not _traced()


def _traced() -> bool:
    """Whether a graph is being made (torch.compile, torch.export, torch.jit.trace) instead of numbers."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]


class _Saving(torch.autograd.Function):
    """Saves x in its own dtype and the coefficients, nothing else; the last argument of a function is no tensor."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        *tensors, ctx.option = inputs
        ctx.save_for_backward(*tensors)


# --- ERA -------------------------------------------------------------------------------------------------------------------


#: Beyond these, fractions take their value there, so that squares do not overflow and infinity has the limit a x + b.
_FAR = {torch.float32: 1e17, torch.float64: 1e150}


def _centred(given: Sequence[torch.Tensor], epsilon: float, wide: torch.dtype) -> tuple[torch.Tensor, ...]:
    """a, b', c, w, e, F of  sigma(x) = a x + b' + sum (c u + w (1 - u^2))/(u^2 + F),  u = x - e, F = f^2 + epsilon.

    The same function with w = (c e + d)/(F + 1) and b' = b + sum w: a pole far from the line makes b and d/F large and opposite, and
    here that cancellation takes place once, among the coefficients, in float64 (where the device has it).
    """
    precise = wide if given[0].device.type == "mps" else torch.float64
    a, b, c, d, e, f = (t.to(precise) for t in given)
    square = f * f + epsilon
    w = (c * e + d) / (square + 1)
    # stacked, they are numbers in memory: torch.compile would work each out again at every step of the loop over x
    return a.to(wide), (b + w.sum(0)).to(wide), *torch.stack([t.to(wide) for t in (c, w, e, square)]).unbind()


def _era_value(x: torch.Tensor, coefficients: tuple[torch.Tensor, ...]) -> torch.Tensor:
    a, b, c, w, e, square = coefficients
    # an exported graph is to be the rational function that exactnn.load reads, and with a clamp it is only piecewise rational
    exported = torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
    near = x if exported else x.clamp(-_FAR[x.dtype], _FAR[x.dtype])
    total = x * a + b
    for i in range(c.shape[0]):
        u = near - e[i]
        total = total + (w[i] + u * (c[i] - u * w[i])) / (u * u + square[i])
    return total


def _era_gradients(
    x: torch.Tensor, grad: torch.Tensor, coefficients: tuple[torch.Tensor, ...], epsilon: float, of_coefficients: bool
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """d/dx = a + sum c_i r_i - 2 q_i u_i, d/da = x, d/db = 1, d/dc = x r, d/dd = r, d/de = 2 q u, d/df = -2 q f;
    u = x - e, r = 1/(u^2 + f^2 + epsilon), q = (c x + d) r^2; all times grad, and summed."""
    a, b, c, d, e, f = coefficients
    of_x = grad * a
    near = x.clamp(-_FAR[x.dtype], _FAR[x.dtype])
    rows: list[list[torch.Tensor]] = [[], [], [], []]
    for i in range(c.shape[0]):
        u = near - e[i]
        r = 1 / (u * u + (f[i] * f[i] + epsilon))
        g = grad * r
        q = g * ((near * c[i] + d[i]) * r)
        v = q * u
        of_x = of_x + g * c[i] - 2 * v
        if of_coefficients:
            for row, value in zip(rows, (g * near, g, v, q), strict=True):
                row.append(_sum_to(value, a))
    if not of_coefficients:
        return of_x, []
    of_c, of_d, of_v, of_q = (torch.stack(row) for row in rows)
    return of_x, [_sum_to(grad * x, a), _sum_to(grad, b), of_c, of_d, 2 * of_v, -2 * f * of_q]


class _Era(_Saving):
    @staticmethod
    def forward(  # each argument by its name: where there is no gradient, torch.compile counts them to see that no context is among them
        x: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        c: torch.Tensor,
        d: torch.Tensor,
        e: torch.Tensor,
        f: torch.Tensor,
        epsilon: float,
    ) -> torch.Tensor:
        given = (a, b, c, d, e, f)
        wide = _wide(x, *given)
        coefficients = _centred(given, epsilon, wide)

        def flat(y: torch.Tensor, blocks: Any) -> torch.Tensor:
            return _era_blocks.values(y, blocks, coefficients, _FAR[wide])

        return _forward(x, given[0], wide, lambda y: _era_value(y, coefficients), flat)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, *given = ctx.saved_tensors
        wanted = any(ctx.needs_input_grad[1:])

        def gradients(y: torch.Tensor, grad: torch.Tensor, coefficients: tuple[torch.Tensor, ...]) -> Any:
            return _era_gradients(y, grad, coefficients, ctx.option, wanted)

        grad = grads[0]
        if _flat(x, given[0]) and grad.is_contiguous():
            flat, wide = x.reshape(-1), _wide(x, *given)
            blocks = _blocks(flat, given[0])
            if blocks is not None:
                coefficients = tuple(t.to(wide) for t in given)
                of_x, sums = _era_blocks.gradients(flat, grad.reshape(-1), blocks, coefficients, ctx.option, _FAR[wide])
                return (of_x.reshape(x.shape), *(s.to(t.dtype) for s, t in zip(sums, given, strict=True)), None)
        return (*_backward(x, grad, given, gradients), None)


# --- Pade activation units -------------------------------------------------------------------------------------------------


def _horner(coefficients: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Value and derivative of a polynomial, constant term first."""
    value = coefficients[-1] + torch.zeros_like(z)
    slope = torch.zeros_like(z)
    for k in range(coefficients.shape[0] - 2, -1, -1):
        slope = slope * z + value
        value = value * z + coefficients[k]
    return value, slope


def _value(coefficients: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The value alone, with the roundings of `_horner`, in half its steps."""
    if coefficients.shape[0] == 1:
        return coefficients[0] + torch.zeros_like(z)
    value = coefficients[-1]
    for k in range(coefficients.shape[0] - 2, -1, -1):
        value = value * z + coefficients[k]
    return value


def _pade_value(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, version: str) -> torch.Tensor:
    """P/Q, of the shape of x."""
    z, beta = (x.abs(), b.abs()) if version == "A" else (x, b)
    inner = _value(beta, z)
    if version != "C":
        inner = inner * z
    q = (0.1 if version == "C" else 1) + (inner if version in ("A", "N") else inner.abs())
    return _value(a, x) / q


def _pade_parts(x: torch.Tensor, b: torch.Tensor, version: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Any]:
    """The inner polynomial's variable z, Q, dQ/dx, and the sign before the inner polynomial (1 if none)."""
    z, turned = (x.abs(), x.sign()) if version == "A" else (x, 1)
    beta = b.abs() if version == "A" else b
    if version != "C":
        beta = torch.cat([torch.zeros_like(beta[:1]), beta])
    inner, slope = _horner(beta, z)
    sign, outer = (inner.sign(), inner.abs()) if version in ("B", "C") else (1, inner)
    return z, (0.1 if version == "C" else 1) + outer, sign * slope * turned, sign


def _pade_gradients(
    x: torch.Tensor, grad: torch.Tensor, coefficients: tuple[torch.Tensor, ...], version: str, of_coefficients: bool
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """dx = (P' - y Q')/Q, da_k = x^k/Q, db_k = -y s z^k/Q with y = P/Q, where Q = const + s sum b_k z^k, z = x or |x|."""
    a, b = coefficients
    p, p_slope = _horner(a, x)
    z, q, q_slope, sign = _pade_parts(x, b, version)
    t = grad / q
    s = -t * (p / q)
    of_x = t * p_slope + s * q_slope
    if not of_coefficients:
        return of_x, []
    s = s * sign
    return of_x, [
        _moments(t, x, a.shape[0], 0, a[0]),
        _moments(s, z, b.shape[0], version != "C", b[0]) * (b.sign() if version == "A" else 1),
    ]


def _moments(t: torch.Tensor, z: torch.Tensor, count: int, lowest: int, like: torch.Tensor) -> torch.Tensor:
    """sum t z^k for k = lowest, ..., lowest + count - 1."""
    if lowest:
        t = t * z
    sums = [_sum_to(t, like)]
    for _ in range(count - 1):
        t = t * z
        sums.append(_sum_to(t, like))
    return torch.stack(sums)


class _Pade(_Saving):
    @staticmethod
    def forward(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, version: str) -> torch.Tensor:
        wide = _wide(x, a, b)
        wide_a, wide_b = a.to(wide), b.to(wide)
        return _forward(x, a[0], wide, lambda y: _pade_value(y, wide_a, wide_b, version))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, *given = ctx.saved_tensors
        wanted = any(ctx.needs_input_grad[1:])

        def gradients(y: torch.Tensor, grad: torch.Tensor, coefficients: tuple[torch.Tensor, ...]) -> Any:
            return _pade_gradients(y, grad, coefficients, ctx.option, wanted)

        return (*_backward(x, grads[0], given, gradients), None)


def _forward(x: torch.Tensor, like: torch.Tensor, wide: torch.dtype, value: Any, flat: Any = None) -> torch.Tensor:
    """The values in x's dtype, computed in the wide one, whole or in blocks; `flat` does blocks of one axis with one coefficient set."""
    shape = x.shape
    if _flat(x, like):
        x = x.reshape(-1)
    blocks = _blocks(x, like)
    if blocks is None:
        return value(x.to(wide)).to(x.dtype).reshape(shape)  # type: ignore[no-any-return]
    if flat is not None and x.ndim == 1 and not like.ndim:
        return flat(x, blocks).reshape(shape)  # type: ignore[no-any-return]
    result = torch.empty_like(x)
    for block in blocks:
        result[block] = value(x[block].to(wide))
    return result.reshape(shape)


def _backward(x: torch.Tensor, grad: torch.Tensor, given: list[torch.Tensor], gradients: Any) -> tuple[torch.Tensor | None, ...]:
    """The gradients of x and the coefficients in their dtypes, whole or in blocks."""
    wide = _wide(x, *given)
    coefficients = tuple(t.to(wide) for t in given)
    like = given[0] if given[0].ndim == given[-1].ndim - 1 else given[0][0]
    shape = x.shape
    if _flat(x, like) and grad.is_contiguous():
        x, grad = x.reshape(-1), grad.reshape(-1)
    blocks = _blocks(x, like)
    if blocks is None:
        of_x, sums = gradients(x.to(wide), grad.to(wide), coefficients)
        of_x = of_x.to(x.dtype)
    else:
        of_x, parts = torch.empty_like(x), []
        for block in blocks:
            of_x[block], part = gradients(x[block].to(wide), grad[block].to(wide), coefficients)
            parts.append(part)
        sums = [torch.stack(several).sum(0) for several in zip(*parts, strict=True)]
    of_coefficients = [s.to(t.dtype) for s, t in zip(sums, given, strict=True)] if sums else [None] * len(given)
    return (of_x.reshape(shape), *of_coefficients)
