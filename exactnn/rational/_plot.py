"""Graphs of rational activations with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from exactnn.errors import ArgumentError, DomainError
from exactnn.exact.numbers import shown
from exactnn.pictures.axes import given_axes
from exactnn.rational._analysis import Analysis
from exactnn.rational.documents import Function, kind
from exactnn.rational.intervals import Interval, span
from exactnn.rational.pade import PadeUnit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 600
_LARGEST = Fraction(10**300)  # what is beyond it is drawn there
_NAMED = 12  # lines that a legend names


def plot(functions: Function | Mapping[str, Function], interval: Interval = (-5, 5), *, ax: Axes | None = None) -> Axes:
    """Draw the graphs of rational activations on a bounded interval, each real pole as a dotted line.

    Values are exact, and are rounded only when they are drawn. Beside points at equal distances there are some close to each complex pole
    that is near to the interval, so that no spike is missed. Near a real pole the picture ends beyond what most points reach.

    Parameters
    ----------
    functions : a RationalFunction, an ERA or a PadeUnit, or such by their names
    interval : (lower, upper)
    ax : the matplotlib Axes to draw in; None for a new figure. Nothing is shown or saved: that is for the caller to do

    Raises
    ------
    MissingDependency, ArgumentError, DomainError

    Examples
    --------
    >>> from exactnn.rational import BOULLE
    >>> ax = plot(BOULLE, (-1, 1))
    >>> ax.figure.savefig("boulle.png")  # doctest: +SKIP
    """
    lower, upper = span(interval)
    if lower is None or upper is None or lower == upper or max(-lower, upper) > _LARGEST:
        raise DomainError(f"interval: (lower, upper) with lower < upper, at most 1e300, is needed, got {shown(interval)}")
    named = functions if isinstance(functions, Mapping) else {"": functions}
    for function in named.values():
        if not isinstance(function, Function):
            raise ArgumentError(f"functions: a RationalFunction, an ERA or a PadeUnit is needed, got {kind(function)}")
    axes = given_axes(ax)
    ordinary: list[float] = []
    cut = False
    for i, (name, function) in enumerate(named.items()):
        poles = function.real_poles(interval=(lower, upper))
        for pole in poles:
            axes.axvline(float(pole), color=f"C{i % 10}", linestyle=(0, (1, 1.6)), linewidth=1)
        near = _near_poles(function, upper - lower)
        values: list[float] = []
        ends = [lower, *(pole.midpoint for pole in poles), upper]
        for j, (low, high) in enumerate((a, b) for a, b in pairwise(ends) if a < b):  # a pole may be an end of the interval
            xs = sorted({low + (high - low) * (2 * k + 1) / (2 * _POINTS) for k in range(_POINTS)} | {x for x in near if low < x < high})
            ys = [float(min(max(function(x), -_LARGEST), _LARGEST)) for x in xs]
            axes.plot([float(x) for x in xs], ys, color=f"C{i % 10}", linewidth=1.4, label=name if not j and i < _NAMED else None)
            values.extend(ys)
        ordinary.extend(sorted(values)[len(values) // 10 : -len(values) // 10] if poles else values)
        cut = cut or bool(poles)
    if cut:
        bottom, top = min(ordinary), max(ordinary)
        margin = (top - bottom) or 1.0
        axes.set_ylim(bottom - margin, top + margin)
    axes.set_xlim(float(lower), float(upper))
    axes.grid(visible=True, alpha=0.3)
    if any(named):
        axes.legend(fontsize="small")
    return axes


def _near_poles(function: Function, size: Fraction) -> list[Fraction]:
    """For each complex pole a + i h with h below the distance of points, a and a -+ h/4, h/2, h, ...; breakpoints of units."""
    found: list[Fraction] = []
    functions: list[Analysis] = []
    if isinstance(function, PadeUnit):
        found += [piece.upper.midpoint for piece in function.pieces if piece.upper is not None]
        functions += [piece.function for piece in function.pieces]
    else:
        functions.append(function)
    for f in functions:
        for pole in f.poles():
            if 0 < pole.imag < size / _POINTS:
                found.append(pole.real)
                step = pole.imag / 4
                while step < size / _POINTS:
                    found += [pole.real - step, pole.real + step]
                    step *= 2 if step < 8 * pole.imag else 2**8
    return found
