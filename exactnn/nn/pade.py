"""Pade activation units, rational activations with |.| in the denominator, as a torch module."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.nn import _start
from exactnn.nn._placed import Placed, generator
from exactnn.nn._start import Init
from exactnn.nn.functional import pade

if TYPE_CHECKING:
    from exactnn import rational

VERSIONS = ("A", "B", "C", "D", "N")


class SafePade(Placed):
    """sigma(x) = P(x)/Q(x),  P = a_0 + a_1 x + ... + a_m x^m, all coefficients learnt; by version,

    - A: Q = 1 + |b_1 x| + |b_2 x^2| + ... + |b_n x^n|
    - B: Q = 1 + |b_1 x + ... + b_n x^n|
    - C: Q = 0.1 + |b_0 + b_1 x + ... + b_n x^n|
    - D: as B; in training mode each coefficient is multiplied by a number drawn from [0.9, 1.1], anew on every call
    - N: Q = 1 + b_1 x + ... + b_n x^n, which training may give real roots: poles

    Parameters
    ----------
    version : "A", "B", "C", "D" or "N"
    degrees : (m, n), m >= 0 and n >= 1
    init, channels, groups, axis, seed, dtype, device
        As for `ERA`; fits of version N start without real roots of Q. Noise of version D is from torch's global generator.

    Notes
    -----
    Largest errors of the fits on [-3, 3] for degrees (5, 4), versions A, B and D, C, N: leaky_relu 1.5e-2 or less; swish 4.7e-7
    (with coefficients in float32 5.1e-7); gelu 1.4e-3, 4.5e-4, 4.5e-4, 1.4e-3; tanh 1.4e-6 (1.5e-6). Other degrees are fitted now, in
    seconds. Dtypes, autocast and half precision are as for `ERA`; in float32, x^m overflows beyond 10^(38/m).

    Raises
    ------
    ArgumentError
        For an unknown version, degrees that are none, and as `ERA` does.

    References
    ----------
    Molina, Schramowski, Kersting: Pade Activation Units, ICLR 2020.

    Examples
    --------
    >>> sigma = SafePade(version="A", degrees=(5, 4), init="leaky_relu")
    >>> x = torch.tensor([-2.0, 0.5, 3.0])
    >>> (sigma(x) - torch.nn.functional.leaky_relu(x)).abs().max().item() < 0.015
    True
    """

    def __init__(
        self,
        version: str = "A",
        degrees: tuple[int, int] = (5, 4),
        init: Init = "leaky_relu",
        channels: int | None = None,
        *,
        groups: int | None = None,
        axis: int = 1,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(channels, groups, axis, dtype)
        if version not in VERSIONS:
            raise ArgumentError(f"version: one of {', '.join(map(repr, VERSIONS))} is needed, got {version!r}")
        whole = isinstance(degrees, (tuple, list)) and all(isinstance(k, int) and not isinstance(k, bool) for k in degrees)
        if not whole or len(degrees) != 2 or degrees[0] < 0 or degrees[1] < 1:
            raise ArgumentError(f"degrees: (m, n) with whole m >= 0 and n >= 1 is needed, got {degrees!r}")
        self.version, self.degrees = version, (degrees[0], degrees[1])
        shape = () if self.sets is None else (self.sets,)
        source = generator(seed)
        if isinstance(init, str) and init.strip().lower() == "random":
            a, b = _start.random_pade(version, self.degrees, shape, self._dtype, source)
        else:
            a, b = (self._repeated(values, shape) for values in _start.pade(init, version, self.degrees))
        self.a, self.b = nn.Parameter(a.to(device)), nn.Parameter(b.to(device))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """P(x)/Q(x), entry by entry."""
        coefficients: list[torch.Tensor] = [self.a, self.b]
        if self.version == "D" and self.training:
            coefficients = [p * (0.9 + 0.2 * torch.rand_like(p)) for p in coefficients]
        spread, (a, b) = self._spread(x, *coefficients)
        return pade(spread, a, b, "B" if self.version == "D" else self.version).reshape(x.shape)

    def exact(self) -> rational.PadeUnit | list[rational.PadeUnit]:  # type: ignore[name-defined,unused-ignore]
        """The function of the coefficients as they are now, each float as the dyadic rational it is, 0.1 of version C as 1/10.

        It is piecewise rational; `to_rational_function()` of the result gives the quotient where there is one piece: always for version
        N, for A if every b_k with odd k is 0, for B, C and D if the inner polynomial does not change its sign.

        Returns
        -------
        exactnn.rational.PadeUnit
            With channels or groups, a list of one for each of them.

        Raises
        ------
        NotFiniteError
            Naming the coefficient that is NaN or infinite.
        ArgumentError
            For version D in training mode, which is random.
        """
        from exactnn.rational import PadeUnit

        self._finite()
        if self.version == "D" and self.training:
            raise ArgumentError("version D is random in training mode; call eval() first")
        sides: list[Any] = [p.detach().double().cpu().numpy() for p in (self.a, self.b)]

        def one(index: tuple[int, ...]) -> Any:
            return PadeUnit(*([float(t) for t in side[:, *index]] for side in sides), formula=self.version)

        return self._for_each_set(one)

    @classmethod
    def from_exact(
        cls, unit: Any, *, axis: int = 1, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> SafePade:
        """The module with the coefficients of an `exactnn.rational.PadeUnit` in powers of x, rounded to floats.

        Raises ArgumentError for another basis, NotFiniteError where a coefficient is beyond the dtype.

        Examples
        --------
        >>> from exactnn.rational import PadeUnit
        >>> SafePade.from_exact(PadeUnit([0, 1], [0, "1/2"], formula="B"))(torch.tensor([2.0])).item()
        0.6666666865348816
        """
        from exactnn.rational import PadeUnit

        if not isinstance(unit, PadeUnit) or unit.basis != "power":
            got = f"the basis {unit.basis!r}" if isinstance(unit, PadeUnit) else type(unit).__name__
            raise ArgumentError(f"unit: an exactnn.rational.PadeUnit with the basis 'power' is needed, got {got}")
        a, b, least = unit.numerator, unit.denominator, 2 if unit.formula == "C" else 1
        b += (Fraction(0),) * (least - len(b))
        made = cls(unit.formula, (len(a) - 1, len(b) + 1 - least), "random", axis=axis, seed=0, dtype=dtype, device=device)
        with torch.no_grad():
            for parameter, side in ((made.a, a), (made.b, b)):
                parameter.copy_(torch.from_numpy(RationalArray.of(side, "unit").to_float()))
        made._finite()
        return made

    def get_extra_state(self) -> torch.Tensor:
        """The number of the version, which the function depends on beside its coefficients; D is B but for noise."""
        return torch.tensor(VERSIONS.index("B" if self.version == "D" else self.version))

    def extra_repr(self) -> str:
        return f"version={self.version!r}, degrees={self.degrees}{self._placement()}"
