"""Cooling: calibration errors without rounding, temperatures with a proof."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exactnn.cooling.calibration import (
        Bin,
        ReliabilityDiagram,
        expected_calibration_error,
        maximum_calibration_error,
        reliability_diagram,
    )
    from exactnn.cooling.scaling import Scaling, matrix_scaling, vector_scaling
    from exactnn.cooling.temperature import Temperature, optimal_temperature

#: names that are imported when first used, by the module that has them
_LAZY = {
    "Bin": "calibration",
    "ReliabilityDiagram": "calibration",
    "Scaling": "scaling",
    "Temperature": "temperature",
    "expected_calibration_error": "calibration",
    "matrix_scaling": "scaling",
    "maximum_calibration_error": "calibration",
    "optimal_temperature": "temperature",
    "reliability_diagram": "calibration",
    "vector_scaling": "scaling",
}

__all__ = [
    "Bin",
    "ReliabilityDiagram",
    "Scaling",
    "Temperature",
    "expected_calibration_error",
    "matrix_scaling",
    "maximum_calibration_error",
    "optimal_temperature",
    "reliability_diagram",
    "vector_scaling",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"exactnn.cooling.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'exactnn.cooling' has no attribute {name!r}")
