"""The identities of Cooling by name, each an object that can be checked, and that can fail."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from exactnn.cooling._identities_table import ROWS
from exactnn.cooling._identity_enclosed import Memory
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._identity_measure import Measurement, Passes, measured
from exactnn.cooling._identity_setting import ASSUMPTIONS, Setting, setting
from exactnn.errors import ArgumentError, AssumptionBroken, Incomplete
from exactnn.exact.calls import helpful
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number, shown
from exactnn.network import Network
from exactnn.value import Value
from exactnn.verdict import Verdict


@dataclass(frozen=True, repr=False)
class Identity(Value):
    """An equation, or an inequality, between values, weights and gradients of a network; docs/theory.md has the proofs' idea.

    Attributes
    ----------
    name : "I1", ...
    words, latex : the statement
    assumptions : names of what is assumed; a network or data that break one are refused, AssumptionBroken naming it
    exact : whether both sides are rational numbers (for rational residuals), compared exactly; else they are enclosed in balls
    """

    name: str
    words: str
    latex: str
    assumptions: tuple[str, ...]
    exact: bool
    _build: Callable[..., Formula]

    @property
    def parameters(self) -> dict[str, Any]:
        """What may be chosen, with defaults: tau, alpha, eta, upstream (`None`: rational numbers near softmax - target), ..."""
        return {name: p.default for name, p in inspect.signature(self._build).parameters.items() if p.kind is p.KEYWORD_ONLY}

    def formula(self, network: Network, data: Any, **parameters: Any) -> Formula:
        """The equations for this network, data (inputs, labels) and parameters.

        Raises
        ------
        AssumptionBroken, ArgumentError, ShapeError, NotFiniteError
        """
        return self._formula(setting(network, data), parameters)

    def _formula(self, s: Setting, parameters: Mapping[str, Any]) -> Formula:
        for name in parameters:
            if name not in self.parameters:
                raise ArgumentError(f"{name}: {self.name} has the parameters {', '.join(self.parameters) or 'none'}, got {name!r}")
        for name in self.assumptions:
            ASSUMPTIONS[name](s)
        return self._build(s, **parameters)

    @helpful
    def check(
        self, network: Network, data: Any, *, precision: Number | None = None, time_limit: Number | None = None, **parameters: Any
    ) -> Verdict:
        """Decide whether the identity holds at this network and these data.

        Parameters
        ----------
        network : without smooth nodes
        data : (inputs, labels): labels are class numbers, or rows of probabilities
        precision : how far apart sides may be that are enclosed in balls; 1e-60 unless given; rational sides are compared exactly
        time_limit : seconds, after which the verdict is Unknown
        parameters : as `parameters` lists them

        Returns
        -------
        Verdict
            Proved, or refuted with the equation that fails (the identities here are true: other equations, by `formula`, can fail); the
            certificate holds network, data and equations, and the checker computes both sides again.

        Raises
        ------
        AssumptionBroken, ArgumentError, ShapeError, NotFiniteError

        Examples
        --------
        >>> import exactnn as xn
        >>> net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, "1/3"], [0, 2]], [1, -1])])
        >>> print(identities["I14"].check(net, ([[1, 2], [0, 1]], [0, 1])).status)
        proved
        """
        (found,) = dict(iterate_checks(network, data, names=self.name, precision=precision, time_limit=time_limit, **parameters)).values()
        if isinstance(found, AssumptionBroken):
            raise found
        return found

    def measure(self, network: Network, data: Any, **parameters: Any) -> Measurement:
        """Both sides in float64, and how much of their difference rounding explains, proved: a fast look, for larger networks and data.

        Parameters
        ----------
        network, data, parameters : as `check` has them

        Returns
        -------
        Measurement
            For each equation the largest difference of its sides, a bound on what rounding can explain, and whether the sides agree
            within it, differ beyond it (which refutes the equation), or are not told apart. No certificate: `check` gives one.

        Raises
        ------
        AssumptionBroken, ArgumentError, ShapeError, NotFiniteError

        Examples
        --------
        >>> import exactnn as xn
        >>> net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, "1/3"], [0, 2]], [1, -1])])
        >>> found = identities["I14"].measure(net, ([[1, 2], [0, 3]], [0, 1]))
        >>> found.outcome, found.equations[0].largest <= found.equations[0].bound < 1e-12
        ('agrees', True)
        """
        (found,) = dict(iterate_measurements(network, data, names=self.name, **parameters)).values()
        if isinstance(found, AssumptionBroken):
            raise found
        return found

    def _decided(self, s: Setting, parameters: Mapping[str, Any], precision: Number | None, memory: Memory, clock: Clock) -> Verdict:
        """The verdict before the clock stops."""
        try:
            with clock.running():
                clock.check("nothing was computed yet")
                return self._formula(s, parameters).check(precision, memory=memory)
        except Incomplete as stopped:
            return Verdict("unknown", f"{self.name}: {self.words}", str(stopped))

    @property
    def sentence(self) -> str:
        """Name, statement and what it assumes."""
        return f"{self.name}: {self.words} ({'exact' if self.exact else 'balls'}; assumes {', '.join(self.assumptions)})"


#: name -> identity
identities: Mapping[str, Identity] = MappingProxyType({row[0]: Identity(*row) for row in ROWS})


def iterate_checks(
    network: Network,
    data: Any,
    *,
    names: Any = None,
    precision: Number | None = None,
    time_limit: Number | None = None,
    **parameters: Any,
) -> Iterator[tuple[str, Verdict | AssumptionBroken]]:
    """As `check_identities`, one after the other."""
    chosen = _chosen(names, parameters)
    clock, s, memory = Clock(time_limit), setting(network, data), Memory()
    for name in chosen:
        own = {key: value for key, value in parameters.items() if key in identities[name].parameters}
        try:
            yield name, identities[name]._decided(s, own, precision, memory, clock)
        except AssumptionBroken as broken:
            yield name, broken


def iterate_measurements(
    network: Network, data: Any, *, names: Any = None, **parameters: Any
) -> Iterator[tuple[str, Measurement | AssumptionBroken]]:
    """The identities named, or all, in float64 (`Identity.measure`), one after the other; values of the network are shared."""
    s, passes = setting(network, data), Passes()
    for name in _chosen(names, parameters):
        own = {key: value for key, value in parameters.items() if key in identities[name].parameters}
        try:
            yield name, measured(identities[name]._formula(s, own), passes)
        except AssumptionBroken as broken:
            yield name, broken


def _chosen(names: Any, parameters: Mapping[str, Any]) -> list[str]:
    """The identities' names; every parameter must be one of theirs."""
    chosen = list(identities) if names is None else list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    for name in chosen:
        if not isinstance(name, str) or name not in identities:
            raise ArgumentError(f"names: some of {', '.join(identities)} are needed, got {shown(name)}")
    for parameter in parameters:
        if not any(parameter in identities[name].parameters for name in chosen):
            known = dict.fromkeys(p for name in chosen for p in identities[name].parameters)
            raise ArgumentError(
                f"{parameter}: a parameter of {', '.join(chosen)} is needed, {', '.join(known) or 'none'}; got {parameter!r}"
            )
    return chosen


@helpful
def check_identities(
    network: Network,
    data: Any,
    *,
    names: Any = None,
    precision: Number | None = None,
    time_limit: Number | None = None,
    **parameters: Any,
) -> dict[str, Verdict | AssumptionBroken]:
    """All identities, or those named; values and backward passes are shared between them.

    Parameters
    ----------
    network, data, precision : as `Identity.check` has them
    names : some of the identities' names; None for all
    time_limit : seconds for all of them; what is not decided then is Unknown
    parameters : tau, eta, upstream, ...: each for those that have it

    Returns
    -------
    dict
        For each name the verdict, or the AssumptionBroken that refuses it.

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, "1/3"], [0, 2]], [1, -1])])
    >>> found = check_identities(net, ([[1, 2], [0, 1]], [0, 1]), names=["I2", "I21"])
    >>> found["I2"].status, found["I21"].assumption
    ('proved', 'margins above x0')
    """
    return dict(iterate_checks(network, data, names=names, precision=precision, time_limit=time_limit, **parameters))
