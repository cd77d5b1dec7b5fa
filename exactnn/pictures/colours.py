"""Colours for pictures: of lines that colour-blind readers tell apart, and any number of fills to draw dark lines and points on."""

from __future__ import annotations

import math
from typing import Any

from exactnn.errors import ArgumentError, ShapeError

Colour = tuple[float, float, float]

#: Lines of the layers, first to last, then from the start again; three are of M. Okabe and K. Ito, Color universal design, 2008.
LAYERS = ("#22223b", "#d55e00", "#0072b2", "#b5176e", "#009e73", "#6b4c1e")
#: The boundary between classes, and what else has to be seen first.
BOUNDARY = "#c1121f"
POINT = "#111111"
GREY = "#8a8a8a"
TIED = "#ededed"

_GOLDEN = math.pi * (3 - math.sqrt(5))
_LIGHTNESS = (0.86, 0.76, 0.92, 0.81)
_WHITE = 0.55
_LABELLED = 0.35
_CLASSES = ("#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#bbcc33", "#c9a6db", "#99ddff", "#aaaa00", "#d8bfa5")


def strong(count: int) -> list[Colour]:
    """Colours of graphs: M. Petroff's ten (2021), of different lightness, then from the start again."""
    from matplotlib import color_sequences
    from matplotlib.colors import to_rgb

    sequence = [to_rgb(c) for c in color_sequences["petroff10"]]
    return [sequence[i % len(sequence)] for i in range(count)]


def classes(count: int) -> list[Colour]:
    """Fills of classes: those of P. Tol for labelled cells (Colour schemes, 2021) and two more; beyond ten as many others as needed."""
    from matplotlib.colors import to_rgb

    return [lighter(to_rgb(c), _LABELLED) for c in _CLASSES[:count]] if count <= len(_CLASSES) else fills(count)


def spelt(colour: str, color: str | None, default: str) -> tuple[str, str]:
    """The argument under either spelling, and the spelling that was used."""
    if color is None:
        return colour, "colour"
    if colour not in (default, color):
        raise ArgumentError(f"color: the other spelling of colour, got {color!r} beside colour={colour!r}; leave one of the two out")
    return color, "color"


def colormap(cmap: Any) -> Any:
    """matplotlib's colormap of this name, or itself; None for None."""
    from difflib import get_close_matches

    from matplotlib import colormaps
    from matplotlib.colors import Colormap

    if cmap is None or isinstance(cmap, Colormap):
        return cmap
    if not isinstance(cmap, str) or cmap not in colormaps:
        near = get_close_matches(cmap, list(colormaps), n=1) if isinstance(cmap, str) else []
        advice = f"; did you mean {near[0]!r}?" if near else "; 'viridis' is one"
        raise ArgumentError(f"cmap: a matplotlib colormap, or the name of one, is needed, got {cmap!r}{advice}")
    return colormaps[cmap]


def spread(cmap: Any, count: int) -> list[Colour]:
    """`count` colours of a colormap, from its one end to the other; of a short list the first ones, then from the start again."""
    places = [i % cmap.N for i in range(count)] if cmap.N < 64 else [i / max(count - 1, 1) for i in range(count)]
    return [tuple(map(float, cmap(v)[:3])) for v in places]  # type: ignore[misc]  # three of four numbers


def chosen(given: Any, count: int, name: str) -> list[Any]:
    """A colour for each of `count` graphs: one for all, or a list; None for `strong`."""
    from matplotlib.colors import is_color_like

    if given is None:
        return strong(count)
    if is_color_like(given):
        return [given] * count
    listed = list(given) if isinstance(given, (list, tuple)) else [given]
    for colour in listed:
        if not is_color_like(colour):
            raise ArgumentError(
                f"{name}: a matplotlib colour, or a list of them, is needed, got {colour!r}; 'tab:blue' and '#0072b2' are some"
            )
    if len(listed) != count:
        raise ShapeError(f"{name}: one colour, or a list of {count}, one for each function, is needed, got {len(listed)}")
    return listed


def lighter(colour: Colour, white: float = _WHITE) -> Colour:
    """The colour mixed with white, to draw on."""
    red, green, blue = (white + (1 - white) * v for v in colour)
    return red, green, blue


def fills(count: int) -> list[Colour]:
    """`count` colours: the hue turns by the golden angle from one to the next, so that any few in a row are far apart."""
    return [_rgb(_LIGHTNESS[i % 4], 0.085, 0.5 + i * _GOLDEN) for i in range(count)]


def _rgb(lightness: float, chroma: float, hue: float) -> Colour:
    """sRGB of a colour in Oklab (B. Ottosson, 2020), cut off where the screen ends."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _gamma(linear: float) -> float:
    value = min(max(linear, 0.0), 1.0)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
