"""ERA, a rational activation without real poles, as a torch module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.nn import _start
from exactnn.nn._placed import Placed, generator
from exactnn.nn._start import Init
from exactnn.nn.functional import checked_epsilon, era

if TYPE_CHECKING:
    from exactnn import rational

#: What `repair` makes of an f that is 0.
REPAIRED_F = 1e-3


class ERA(Placed):
    """sigma(x) = a x + b + sum_{i=1..n} (c_i x + d_i) / ((x - e_i)^2 + f_i^2 + epsilon),  n = degree/2, all coefficients learnt.

    Parameters
    ----------
    degree : the degree of the denominator, even and >= 2; 2 degree + 2 coefficients
    init : "swish" ("silu"), "gelu", "relu", "leaky_relu" (slope 1/100), "leaky_relu(0.3)", "tanh": fits on [-3, 3]; "identity"; "random";
        or a callable from a float64 tensor to a tensor. Degrees above 6 and callables are fitted now: seconds, more with the degree
    channels : None for one coefficient set; the number of channels for one set in each
    groups : the number of coefficient sets, each for so many neighbouring channels; None for as many as channels
    axis : the axis of the channels, with the batch axis as 0; it plays no part in one coefficient set
    epsilon : >= 0; positive keeps poles off the real line whatever training does to f, 0 is the formula without it
    seed : for init="random"; None draws from torch's global generator
    dtype : of the coefficients; None for torch's default dtype, half precision becomes float32
    device : where the coefficients are

    Notes
    -----
    Largest errors of the fits on [-3, 3], in real arithmetic, for degrees 2, 4, 6: swish 3.2e-3, 4.6e-7, 6e-9; gelu 1.1e-2, 1.4e-3, 1.5e-6;
    relu 6.8e-2, 1.5e-2, 4.0e-3; tanh 2.0e-3, 1.4e-6, 2.5e-10. With coefficients in float32 they are 5.1e-7 and 4e-8 for swish 4 and 6,
    6e-9 for tanh 6; arithmetic in float32 adds at most about 1.3e-6. None is above 2|x| + 10 on [-100, 100]. Beyond [-3, 3] they follow
    their lines a x + b, not the target; normalise the input (`normalised`).

    The computation is in the widest of float32, the input's dtype and the coefficients'; its result has the input's dtype
    (`exactnn.nn.functional`). Under autocast nothing changes. Coefficients stay float32 under `.half()` and `.bfloat16()`.

    `torch.onnx.export` writes the rational function out, with numbers derived from the coefficients and rounded to the dtype of the
    computation. `exactnn.load` reads the function of those numbers, which differs from `exact()` by that rounding; `from_torch` takes
    `exact()`. An exported graph does not bound its input: in float32 its value is NaN beyond about 10^19.

    With epsilon = 0 and f near 0, 1/f^2 and 1/f^4 overflow: at x = e the value is infinite or NaN for |f| below about 10^-19 in
    float32 and 10^-154 in float64, gradients below 10^-9 and 10^-77. In real arithmetic there is a pole for f = 0 alone, and
    `exact()` gives that function.

    Raises
    ------
    ArgumentError
        For an odd degree, a negative epsilon, an unknown init, groups that do not divide the channels; on a call for integers.
    ShapeError
        On a call, for a wrong number of channels.

    References
    ----------
    Trimmel, Zanfir, Hartley, Sminchisescu: ERA: Enhanced Rational Activations, ECCV 2022.

    Examples
    --------
    >>> sigma = ERA(degree=4, init="swish")
    >>> x = torch.tensor([-2.0, 0.5, 3.0])
    >>> (sigma(x) - torch.nn.functional.silu(x)).abs().max().item() < 5e-6
    True
    >>> ERA(degree=2, init="gelu", channels=6, groups=2)
    ERA(degree=2, epsilon=1e-06, channels=6, groups=2, axis=1)
    """

    def __init__(
        self,
        degree: int = 4,
        init: Init = "swish",
        channels: int | None = None,
        *,
        groups: int | None = None,
        axis: int = 1,
        epsilon: float = 1e-6,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(channels, groups, axis, dtype)
        if isinstance(degree, bool) or not isinstance(degree, int) or degree < 2 or degree % 2:
            raise ArgumentError(f"degree: an even number >= 2 is needed, two for each fraction, got {degree!r}")
        self.degree, self.epsilon = degree, checked_epsilon(epsilon)
        n, shape = degree // 2, () if self.sets is None else (self.sets,)
        source = generator(seed)
        if isinstance(init, str) and init.strip().lower() == "random":
            values = _start.random_era(n, shape, self._dtype, source)
        else:
            e, f, linear = _start.era(init, n, self.epsilon, self._dtype == torch.float32)
            parts = (linear[0], linear[1], linear[2 : 2 + n], linear[2 + n :], e, f)
            values = tuple(self._repeated(p, shape) for p in parts)
        self._set(values, device)

    @classmethod
    def from_coefficients(
        cls,
        linear: Any,
        fractions: Any,
        *,
        epsilon: float = 0.0,
        channels: int | None = None,
        groups: int | None = None,
        axis: int = 1,
        repair: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> ERA:
        """The module with linear = (a, b) and fractions = [(c, d, e, f), ...], in its dtype; with channels or groups, lists of them.

        Numbers are those of `exactnn.rational.ERA`, or arrays and tensors, rounded to the module's dtype. Raises NotFiniteError for NaN and
        infinity, also by rounding, ShapeError for other shapes, and ArgumentError where f (rounded) and epsilon are 0, a pole; `repair`
        sets such an f to 1/1000.

        Examples
        --------
        >>> m = ERA.from_coefficients((1, 0), [(0, 1, 0, 1)])
        >>> m(torch.tensor([1.0])).item()
        1.5
        """
        line, parts = RationalArray.of(linear, "linear").to_float(), RationalArray.of(fractions, "fractions").to_float()
        several = channels is not None or groups is not None
        sets = (groups if groups is not None else channels,) if several else ()
        if line.shape != (*sets, 2) or parts.ndim != 2 + several or parts.shape[:-2] != sets or parts.shape[-1] != 4 or not parts.shape[-2]:
            lead = "".join(f"{s}, " for s in sets)
            raise ShapeError(
                f"linear, fractions: shapes ({lead}2) and ({lead}n, 4) with n >= 1 are needed, got {line.shape} and {parts.shape}"
            )
        module = cls(2 * parts.shape[-2], "identity", channels, groups=groups, axis=axis, epsilon=epsilon, dtype=dtype)
        order = np.moveaxis(parts, -1, 0) if not several else np.moveaxis(parts, (-1, -2), (0, 1))
        values = [line[..., 0], line[..., 1], *order]
        module._set(tuple(module._repeated(v, ()) for v in values), device)
        module._finite()
        module._without_poles(repair)
        return module

    @classmethod
    def from_exact(
        cls,
        sigma: Any,
        *,
        channels: int | None = None,
        groups: int | None = None,
        axis: int = 1,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> ERA:
        """The module with the coefficients of an `exactnn.rational.ERA`, rounded to floats; with channels or groups, of a list of them.

        Its epsilon is that of the functions, which have to have the same one. Errors as for `from_coefficients`.

        Examples
        --------
        >>> from exactnn.rational import BOULLE
        >>> m = ERA.from_exact(BOULLE.to_era(), dtype=torch.float64)
        >>> abs(m(torch.tensor(2.0, dtype=torch.float64)).item() - float(BOULLE(2))) < 1e-15
        True
        """
        from exactnn.rational import ERA as ExactERA

        several = channels is not None or groups is not None
        functions = list(sigma) if several and isinstance(sigma, (list, tuple)) else [sigma]
        wrong = next((s for s in functions if not isinstance(s, ExactERA)), None)
        if wrong is not None or (several and not isinstance(sigma, (list, tuple))):
            needed = "a list of exactnn.rational.ERA" if several else "an exactnn.rational.ERA"
            raise ArgumentError(f"sigma: {needed} is needed, got {type(sigma if wrong is None else wrong).__name__}")
        if len({s.epsilon for s in functions}) > 1:
            raise ArgumentError("sigma: functions with one epsilon are needed, got several")
        n = max(1, *(len(s.terms) for s in functions))
        rows = [[(c, d, e, math.sqrt(square)) for c, d, e, square in s.fractions] for s in functions]
        rows = [row + [(0, 0, 0, 1.0)] * (n - len(row)) for row in rows]
        lines, epsilon = [s.linear for s in functions], float(functions[0].epsilon)
        return cls.from_coefficients(
            lines if several else lines[0],
            rows if several else rows[0],
            epsilon=epsilon,
            channels=channels,
            groups=groups,
            axis=axis,
            dtype=dtype,
            device=device,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """sigma(x), entry by entry."""
        spread, (a, b, c, d, e, f) = self._spread(x, self.a, self.b, self.c, self.d, self.e, self.f)
        return era(spread, a, b, c, d, e, f, self.epsilon).reshape(x.shape)

    def exact(self, *, repair: bool = False, poles: bool = False) -> rational.ERA | list[rational.ERA]:  # type: ignore[name-defined,unused-ignore]
        """The function of the coefficients as they are now, each float (epsilon too) as the dyadic rational it is.

        Returns
        -------
        exactnn.rational.ERA
            With channels or groups, a list of one for each of them.

        Raises
        ------
        NotFiniteError
            Naming the coefficient that is NaN or infinite.
        ArgumentError
            Where f and epsilon are 0, so that there is a pole (if c and d are not 0, too); with `repair`, such an f is set to 1/1000
            in the module itself first; with `poles`, the function is given as it is.
        """
        from exactnn.rational import ERA as ExactERA

        self._finite()
        if repair or not poles:
            self._without_poles(repair)
        a, b, c, d, e, f = (p.detach().double().cpu().numpy() for p in (self.a, self.b, self.c, self.d, self.e, self.f))

        def one(index: tuple[int, ...]) -> Any:
            fractions = [tuple(float(p[(i, *index)]) for p in (c, d, e, f)) for i in range(len(c))]
            return ExactERA(linear=(float(a[index]), float(b[index])), fractions=fractions, epsilon=self.epsilon)

        return self._for_each_set(one)

    def get_extra_state(self) -> torch.Tensor:
        """epsilon, which the function depends on beside its coefficients."""
        return torch.tensor(self.epsilon, dtype=torch.float64)

    def extra_repr(self) -> str:
        return f"degree={self.degree}, epsilon={self.epsilon:g}{self._placement()}"

    def _set(self, values: Sequence[torch.Tensor], device: torch.device | str | None) -> None:
        made = [nn.Parameter(v.to(device=device, dtype=self._dtype)) for v in values]
        self.a, self.b, self.c, self.d, self.e, self.f = made

    def _without_poles(self, repair: bool) -> None:
        """ArgumentError, or a repair, where f^2 + epsilon is 0, in real arithmetic."""
        poles = self.f.detach() == 0
        if self.epsilon or not poles.any():
            return
        if repair:
            with torch.no_grad():
                self.f[poles] = REPAIRED_F
            return
        index = tuple(poles.nonzero()[0].tolist())
        name = f"f[{', '.join(map(str, index))}]"
        raise ArgumentError(
            f"{name} = 0 with epsilon = 0 makes the denominator 0 on the real line, at e = "
            f"{self.e.detach()[index].item():g}; take epsilon > 0, or repair=True, which sets it to {REPAIRED_F:g}"
        )
