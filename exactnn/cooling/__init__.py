"""Cooling: gradient identities that are checked, reparameterisations, calibration errors without rounding, temperatures with a proof."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exactnn.cooling._identities import Identity, check_identities, identities, iterate_checks, iterate_measurements
    from exactnn.cooling._identity_formula import Formula
    from exactnn.cooling._identity_measure import Discrepancy, Measurement
    from exactnn.cooling.calibration import (
        Bin,
        ReliabilityDiagram,
        expected_calibration_error,
        maximum_calibration_error,
        reliability_diagram,
    )
    from exactnn.cooling.reparameterise import Redistribution, redistribute, rescale_units
    from exactnn.cooling.scaling import Scaling, matrix_scaling, vector_scaling
    from exactnn.cooling.temperature import Temperature, optimal_temperature

#: names that are imported when first used, by the module that has them
_LAZY = {
    "Bin": "calibration",
    "Discrepancy": "_identity_measure",
    "Formula": "_identity_formula",
    "Identity": "_identities",
    "Measurement": "_identity_measure",
    "Redistribution": "reparameterise",
    "ReliabilityDiagram": "calibration",
    "Scaling": "scaling",
    "Temperature": "temperature",
    "check_identities": "_identities",
    "expected_calibration_error": "calibration",
    "identities": "_identities",
    "iterate_checks": "_identities",
    "iterate_measurements": "_identities",
    "matrix_scaling": "scaling",
    "maximum_calibration_error": "calibration",
    "optimal_temperature": "temperature",
    "redistribute": "reparameterise",
    "reliability_diagram": "calibration",
    "rescale_units": "reparameterise",
    "vector_scaling": "scaling",
}

__all__ = [
    "Bin",
    "Discrepancy",
    "Formula",
    "Identity",
    "Measurement",
    "Redistribution",
    "ReliabilityDiagram",
    "Scaling",
    "Temperature",
    "check_identities",
    "expected_calibration_error",
    "identities",
    "iterate_checks",
    "iterate_measurements",
    "matrix_scaling",
    "maximum_calibration_error",
    "optimal_temperature",
    "redistribute",
    "reliability_diagram",
    "rescale_units",
    "vector_scaling",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"exactnn.cooling.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'exactnn.cooling' has no attribute {name!r}")
