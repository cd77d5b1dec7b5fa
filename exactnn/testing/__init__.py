"""Property-based tests of transformations of networks: strategies that draw adversarial exact networks, assertions that prove or refute.

`assert_preserves(my_pass)` draws networks, decides for each whether `my_pass` kept its function, exactly or within a certified tolerance,
and shrinks a failure to a network one can read. Needs hypothesis, but for assertions about single models: pip install 'exactnn[testing]'.
`exactnn.testing.plugin` is the plugin for pytest, which comes with the package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from exactnn.errors import MissingDependency, PropertyFailed

if TYPE_CHECKING:
    from exactnn.testing._assertions import assert_pole_free, assert_same_function, assert_symmetry, assert_zero
    from exactnn.testing._calibrated import assert_calibrated
    from exactnn.testing._code import network_code
    from exactnn.testing._graph import array, graph, number
    from exactnn.testing._graphs import convolutional_networks, residual_networks
    from exactnn.testing._networks import degenerate_networks, networks, relu_mlps
    from exactnn.testing._numbers import float_numbers, numbers
    from exactnn.testing._onnx_models import onnx_models
    from exactnn.testing._pairs import equal_pairs, near_symmetric_pairs, symmetric_pairs, zero_networks
    from exactnn.testing._places import boxes, points
    from exactnn.testing._preserves import Preserved, assert_preserves
    from exactnn.testing._rationals import rational_functions
    from exactnn.testing._torch_modules import torch_modules
    from exactnn.testing._torch_residual import Residual

#: The module of each name, imported when one is first used: pytest loads the plugin in this room whether or not a test needs it.
_LAZY = {
    name: module
    for module, names in {
        "_assertions": ("assert_pole_free", "assert_same_function", "assert_symmetry", "assert_zero"),
        "_calibrated": ("assert_calibrated",),
        "_code": ("network_code",),
        "_graph": ("array", "graph", "number"),
        "_graphs": ("convolutional_networks", "residual_networks"),
        "_networks": ("degenerate_networks", "networks", "relu_mlps"),
        "_numbers": ("float_numbers", "numbers"),
        "_onnx_models": ("onnx_models",),
        "_pairs": ("equal_pairs", "near_symmetric_pairs", "symmetric_pairs", "zero_networks"),
        "_places": ("boxes", "points"),
        "_preserves": ("Preserved", "assert_preserves"),
        "_rationals": ("rational_functions",),
        "_torch_modules": ("torch_modules",),
        "_torch_residual": ("Residual",),
    }.items()
    for name in names
}

__all__ = [
    "Preserved",
    "PropertyFailed",
    "Residual",
    "array",
    "assert_calibrated",
    "assert_pole_free",
    "assert_preserves",
    "assert_same_function",
    "assert_symmetry",
    "assert_zero",
    "boxes",
    "convolutional_networks",
    "degenerate_networks",
    "equal_pairs",
    "float_numbers",
    "graph",
    "near_symmetric_pairs",
    "network_code",
    "networks",
    "number",
    "numbers",
    "onnx_models",
    "points",
    "rational_functions",
    "relu_mlps",
    "residual_networks",
    "symmetric_pairs",
    "torch_modules",
    "zero_networks",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "hypothesis":
            raise
        missing = f"exactnn.testing.{name} needs the package hypothesis; install it with: pip install 'exactnn[testing]'"
        raise MissingDependency(missing) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
