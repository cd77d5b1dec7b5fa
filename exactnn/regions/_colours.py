"""Colours for pictures of regions: any number of them, light enough to draw dark lines and points on, all of one calm strength."""

from __future__ import annotations

import math

Colour = tuple[float, float, float]

#: Lines of the layers, first to last (then from the start again): dark, and told apart by colour-blind readers too.
LAYERS = ("#22223b", "#c1121f", "#0a58a6", "#7b2d8b", "#2a7d3f", "#9a5b13")
#: Graphs of the outputs.
OUTPUTS = ("#0a58a6", "#c1121f", "#2a7d3f", "#9a5b13", "#7b2d8b", "#22223b", "#0f8a8a", "#c2337b", "#6b7a0f", "#666666")

_GOLDEN = math.pi * (3 - math.sqrt(5))
_LIGHTNESS = (0.86, 0.76, 0.92, 0.81)


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
