"""Which steps make models of a kind smaller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exactnn.errors import ExactnnError
from exactnn.network import Network
from exactnn.testing._models import Model
from exactnn.testing._shrink import NETWORK_STEPS, shrunk


def smallest(model: Model, fails: Callable[[Any], bool], until: float) -> None:
    """Let `fails` see smaller and smaller models, of the kind that was given, until none fails or the time is over."""
    if model.kind == "module":
        from exactnn.testing._torch_shrink import MODULE_STEPS

        shrunk(model.given, MODULE_STEPS, fails, until)
    elif model.kind == "network":
        shrunk(model.net, NETWORK_STEPS, fails, until)
    else:
        from exactnn.testing._onnx_models import as_onnx

        form, dtype = model.kind, model.precision or "float32"

        def fails_written(net: Network) -> bool:
            try:
                given = as_onnx(net, form, dtype)
            except ExactnnError:  # ONNX cannot hold it
                return False
            return fails(given)

        shrunk(model.net, NETWORK_STEPS, fails_written, until)
