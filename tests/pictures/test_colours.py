"""Colours that have to be told apart are far apart for colour-blind eyes too."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb

from exactnn.pictures import colours

# G. Machado, M. Oliveira, L. Fernandes, A physiologically-based model for simulation of color vision deficiency, 2009; linear RGB.
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


def lab(rgb: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of what an eye sees."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(eye @ linear, 0, 1)
    xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]) @ seen
    f = np.cbrt(np.maximum(xyz / [0.95047, 1.0, 1.08883], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(chosen: list[colours.Colour], eye: str) -> float:
    seen = [lab(np.array(c), EYES[eye]) for c in chosen]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("eye", EYES)
def test_lines_of_layers_and_the_first_classes_are_told_apart(eye: str) -> None:
    assert nearest([to_rgb(c) for c in colours.LAYERS], eye) > 15
    assert nearest(colours.classes(4), eye) > 10
    assert nearest(colours.strong(6), eye) > 10
    boundary = to_rgb(colours.BOUNDARY)
    assert all(nearest([boundary, c], eye) > 25 for c in colours.classes(10))


def test_there_are_as_many_as_asked_for() -> None:
    for make in (colours.fills, colours.classes, colours.strong):
        for count in (0, 1, 7, 10, 23):
            found = make(count)
            assert len(found) == count
            assert all(0 <= v <= 1 for c in found for v in c)
    assert len(set(colours.fills(500))) == 500
    assert len(set(colours.classes(10))) == 10
