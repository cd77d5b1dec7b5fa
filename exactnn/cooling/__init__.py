"""Cooling: calibration errors without rounding, and temperatures with a proof."""

from exactnn.cooling.calibration import (
    Bin,
    ReliabilityDiagram,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_diagram,
)
from exactnn.cooling.scaling import Scaling, matrix_scaling, vector_scaling
from exactnn.cooling.temperature import Temperature, optimal_temperature

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
