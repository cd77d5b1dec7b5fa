"""Graphs of rational activations with matplotlib: their poles, beside the real line too, and their spikes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, DomainError
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import shown
from exactnn.exact.roots import ComplexRoot
from exactnn.pictures import colours
from exactnn.pictures.axes import check_target, given_axes, save
from exactnn.pictures.drawing import counted, legend
from exactnn.rational.documents import Function, kind
from exactnn.rational.era import ERA
from exactnn.rational.intervals import Interval, span
from exactnn.rational.pade import PadeUnit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = ("auto", "linear", "log")
_POINTS = 600
_LARGEST = Fraction(10**300)  # what is beyond it is drawn there
_MARGINAL = 1e200  # beyond it a wide margin would end where no float is
_NAMED = 12  # functions that a legend names
_MARKED = 4  # poles of each function whose distances are written: the nearest
_SPIKES = 3  # spikes of each function whose heights are written: the highest
_SPIKE = 5  # times what the function reaches elsewhere
_REACH = 8  # times the distance of a pole, on both sides of it, for the spike that it makes


@dataclass(frozen=True)
class _Curve:
    """A function on the interval: points of its graph between real poles, and what is to be marked."""

    name: str
    branches: tuple[tuple[tuple[float, float], ...], ...]
    real_poles: tuple[Fraction, ...]
    poles: tuple[ComplexRoot, ...]  # beside the real line, the nearest first
    spikes: tuple[tuple[Fraction, Fraction], ...]  # place and value, the highest first


@helpful
def plot(
    functions: Function | Mapping[str, Function],
    interval: Interval = (-5, 5),
    *,
    scale: str = "auto",
    colour: Any = None,
    color: Any = None,
    title: str | None = None,
    ax: Axes | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Axes:
    """Draw the graphs of rational activations on a bounded interval, with their poles and spikes.

    Values are exact, and are rounded only when they are drawn. Beside points at equal distances there are some close to each complex pole
    that is near to the interval, so that no spike is missed; the highest have their values written to them (certified, up to rounding to
    three digits). Each real pole is a dotted line, and near it the picture ends beyond what most points reach. Poles beside the real line
    are triangles on the axis, below their real parts, the nearest with their distances from the real line.

    Parameters
    ----------
    functions : a RationalFunction, an ERA or a PadeUnit, or such by their names
    interval : (lower, upper)
    scale : of the values. "log": smoothly from linear to logarithmic (asinh), so that what most points reach and what is far beyond can be
        seen together; "auto": so if there is a spike, else "linear"
    colour, color : a matplotlib colour, or a list with one for each function; two spellings of one argument
    title : what stands above the picture; None for what was drawn, and for one function how far its nearest pole is
    ax : the matplotlib Axes to draw in; None for a new figure. Nothing is shown: that is for the caller to do
    path : where to write the figure, too: .png, .pdf or .svg

    Raises
    ------
    MissingDependency, ArgumentError, DomainError, SaveError

    Examples
    --------
    >>> from exactnn.rational import BOULLE
    >>> print(plot(BOULLE, (-1, 1)).get_title())
    rational function of type (3, 2)
    no real pole here, the nearest pole is 0.648 from the real line
    >>> ax = plot({"rational ReLU": BOULLE}, (-1, 1), path="boulle.png")  # doctest: +SKIP
    """
    check_target(ax, path)
    lower, upper = span(interval)
    if lower is None or upper is None or lower == upper or max(-lower, upper) > _LARGEST or float(lower) == float(upper):
        raise DomainError(f"interval: (lower, upper) with lower < upper, at most 1e300, is needed, got {shown(interval)}")
    named = functions if isinstance(functions, Mapping) else {"": functions}
    for function in named.values():
        if not isinstance(function, Function):
            raise ArgumentError(f"functions: a RationalFunction, an ERA or a PadeUnit is needed, got {kind(function)}")
    if not named:
        raise ArgumentError("functions: at least one is needed, got none")
    if scale not in SCALES:
        raise ArgumentError(f"scale: one of {', '.join(map(repr, SCALES))} is needed, got {scale!r}")
    if title is not None and not isinstance(title, str):
        raise ArgumentError(f"title: a text or None is needed, got {type(title).__name__}")
    if colour is not None and color is not None:
        raise ArgumentError("color: the other spelling of colour; leave one of the two out")
    shades = colours.chosen(color if colour is None else colour, len(named), "colour" if color is None else "color")
    curves = [_curve(str(name), function, lower, upper) for name, function in named.items()]
    axes = given_axes(ax, size=(6.8, 4.8))
    for curve, shade in zip(curves, shades, strict=True):
        for i, branch in enumerate(curve.branches):
            axes.plot(*zip(*branch, strict=True), color=shade, linewidth=1.6, zorder=2, label="_" if i else curve.name or "_")
    axes.set_xlim(float(lower), float(upper))
    _set_height(axes, curves, scale)
    axes.grid(visible=True, alpha=0.3)
    marked: list[float] = []
    for i, (curve, shade) in enumerate(zip(curves, shades, strict=True)):
        _mark(axes, curve, shade, 0.03 + 0.06 * (i % 4), marked)
    axes.set(xlabel="$x$", ylabel="value (asinh scale)" if axes.get_yscale() == "asinh" else "value")
    axes.set_title(_title(named, curves) if title is None else title, fontsize="medium")
    legend(axes, _entries(curves, shades))
    save(axes, path, tight=ax is None)
    return axes


def _curve(name: str, function: Function, lower: Fraction, upper: Fraction) -> _Curve:
    size = upper - lower
    real = tuple(pole.midpoint for pole in function.real_poles(interval=(lower, upper)))
    beside = sorted(_poles_beside(function, lower, upper), key=lambda pole: pole.imag)
    near = _near(function, beside, size)
    branches = []
    for low, high in ((a, b) for a, b in pairwise([lower, *real, upper]) if a < b):  # a pole may be an end of the interval
        xs = sorted({low + (high - low) * (2 * k + 1) / (2 * _POINTS) for k in range(_POINTS)} | {x for x in near if low < x < high})
        branches.append(tuple((float(x), float(min(max(function(x), -_LARGEST), _LARGEST))) for x in xs))
    heights = sorted(abs(y) for branch in branches for _, y in branch)
    level = _SPIKE * heights[len(heights) * 9 // 10]
    spikes = set()
    for pole in beside if heights[-1] > level and not real else []:
        found = function.report((max(lower, pole.real - _REACH * pole.imag), min(upper, pole.real + _REACH * pole.imag)), width="1e-9")
        if min(found.value.upper, _LARGEST) > level:
            spikes.add((Fraction(found.value_at[0].midpoint), Fraction(found.value.midpoint)))
    highest = sorted(spikes, key=lambda spike: -spike[1])[:_SPIKES]
    return _Curve(name, tuple(branches), real, tuple(beside), tuple((x, function(x)) for x, _ in highest))


def _poles_beside(function: Function, lower: Fraction, upper: Fraction) -> list[ComplexRoot]:
    """The poles above the interval, not farther from it than it is long; of a unit those above their own pieces."""
    pieces: list[tuple[Any, Fraction, Fraction]] = [(function, lower, upper)]
    if isinstance(function, PadeUnit):
        ends = [(p.function, p.lower, p.upper) for p in function.pieces]
        pieces = [(f, lower if a is None else max(lower, a.midpoint), upper if b is None else min(upper, b.midpoint)) for f, a, b in ends]
    return [pole for f, a, b in pieces if a < b for pole in f.poles() if a <= pole.real <= b and 0 < pole.imag <= upper - lower]


def _near(function: Function, beside: Sequence[ComplexRoot], size: Fraction) -> list[Fraction]:
    """For each pole a + i h with h below the distance of points, a and a -+ h/4, h/2, h, ...; breakpoints of units."""
    found: list[Fraction] = []
    if isinstance(function, PadeUnit):
        found += [piece.upper.midpoint for piece in function.pieces if piece.upper is not None]
    for pole in beside:
        if pole.imag < size / _POINTS:
            found.append(pole.real)
            step = pole.imag / 4
            while step < size / _POINTS:
                found += [pole.real - step, pole.real + step]
                step *= 2 if step < 8 * pole.imag else 2**8
    return found


def _set_height(axes: Axes, curves: Sequence[_Curve], scale: str) -> None:
    """Room for all values; near real poles for what most points reach; beyond that logarithmic, where there are spikes."""
    ordinary: list[float] = []
    for curve in curves:
        ys = sorted(y for branch in curve.branches for _, y in branch)
        ordinary += ys[len(ys) // 10 : -len(ys) // 10] if curve.real_poles or curve.spikes else ys
    bottom, top = min(ordinary), max(ordinary)
    if scale == "log" or (scale == "auto" and any(curve.spikes for curve in curves)):
        _far(axes, max(abs(bottom), abs(top)) or 1.0, [y for curve in curves for branch in curve.branches for _, y in branch])
    elif any(curve.real_poles for curve in curves):
        margin = (top - bottom) or 1.0
        axes.set_ylim(bottom - margin, top + margin)


def _far(axes: Axes, level: float, values: Sequence[float]) -> None:
    """A scale that is smooth, nearly linear far below the level and logarithmic beyond it, with ticks at 0 and at powers of ten."""
    axes.set_yscale("asinh", linear_width=level / 5)
    axes.margins(y=0.12 if max(map(abs, values)) < _MARGINAL else 0.005)
    first, last = (math.ceil(math.log10(v)) for v in (level, max(level, *map(abs, values))))
    step = max(1, math.ceil((last - first + 1) / 7))
    powers = range(first, last + 1, step)
    low, high = min(values), max(values)
    ticks = {10.0**k: f"$10^{{{k}}}$" for k in powers if 10.0**k <= high}
    ticks |= {-(10.0**k): f"$-10^{{{k}}}$" for k in powers if -(10.0**k) >= low}
    axes.set_yticks([0, *ticks], ["0", *ticks.values()], minor=False)
    axes.set_yticks([], minor=True)


def _mark(axes: Axes, curve: _Curve, shade: Any, height: float, marked: list[float]) -> None:
    """Real poles, poles beside the real line, spikes. Above what is `marked` already, a mark stands beside its text."""
    from matplotlib.colors import to_rgb

    for place in curve.real_poles:
        axes.axvline(float(place), color=shade, linestyle=(0, (1, 1.6)), linewidth=1.2, gid="real pole")
    across = axes.get_xaxis_transform()
    left, right = axes.get_xlim()
    taken: list[tuple[float, float]] = []
    for i, pole in enumerate(curve.poles):
        x = float(pole.real)
        low = height - 0.015 if any(abs(x - a) < 0.02 * (right - left) for a in marked) else 0.015
        axes.scatter([x], [low], s=26, marker="^", color=shade, transform=across, zorder=4, clip_on=False, gid="pole")
        if i < _MARKED:
            level = height
            while any(abs(x - a) < 0.16 * (right - left) and abs(level - b) < 0.05 for a, b in taken):
                level += 0.055
            taken.append((x, level))
            ink = tuple(0.75 * v for v in to_rgb(shade))  # small letters need more contrast than lines
            _write(axes, f"{float(pole.imag):.3g}", (x, level), "pole distance", xycoords=across, color=ink)
    marked += [float(pole.real) for pole in curve.poles]
    for place, value in curve.spikes:
        text = f"{_text(value)} at $x$ = {float(place):.4g}"
        _write(axes, text, (float(place), float(min(max(value, -_LARGEST), _LARGEST))), "spike", color="black", up=-2)


def _write(axes: Axes, text: str, place: tuple[float, float], gid: str, *, up: int = 0, **look: Any) -> None:
    """A text beside a place, on the side where there is more room."""
    from matplotlib.patheffects import withStroke

    left, right = axes.get_xlim()
    side, shift = ("left", 7) if place[0] < left + 0.6 * (right - left) else ("right", -7)
    look |= {"fontsize": "small", "zorder": 5, "path_effects": [withStroke(linewidth=2.5, foreground="white")]}
    axes.annotate(text, place, (shift, up), textcoords="offset points", ha=side, va="center", gid=gid, **look)


def _text(value: Fraction) -> str:
    return f"{float(value):,.0f}" if 1000 <= abs(value) < 10**7 else f"{float(min(max(value, -_LARGEST), _LARGEST)):.3g}"


def _title(named: Mapping[str, Function], curves: Sequence[_Curve]) -> str:
    if len(curves) > 1:
        return f"{len(curves)} rational activations"
    ((name, function),), (curve,) = named.items(), curves
    if isinstance(function, ERA):
        what = f"ERA with {counted(len(function.fractions), 'fraction', 'fractions')}"
    elif isinstance(function, PadeUnit):
        what = f"Pade unit, formula {function.formula}"
    else:
        what = "rational function of type ({}, {})".format(*function.degrees)
    poles = f"{counted(len(curve.real_poles), 'real pole', 'real poles')} here" if curve.real_poles else "no real pole here"
    if curve.poles and not curve.real_poles:
        poles += f", the nearest pole is {float(curve.poles[0].imag):.3g} from the real line"
    return f"{f'{name}: ' if name else ''}{what}\n{poles}"


def _entries(curves: Sequence[_Curve], shades: Sequence[Any]) -> list[Any]:
    from matplotlib.lines import Line2D

    named = [(curve, shade) for curve, shade in zip(curves, shades, strict=True) if curve.name and len(curves) > 1]
    entries = [Line2D([], [], color=shade, linewidth=1.6, label=curve.name) for curve, shade in named[:_NAMED]]
    ink: Any = "black" if len(curves) > 1 else shades[0]
    if any(curve.real_poles for curve in curves):
        entries.append(Line2D([], [], color=ink, linestyle=(0, (1, 1.6)), linewidth=1.2, label="real pole"))
    if any(curve.poles for curve in curves):
        entries.append(Line2D([], [], color=ink, linestyle="", marker="^", markersize=5, label="pole, and its distance from the real line"))
    return entries
