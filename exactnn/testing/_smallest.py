"""Which steps make models of a kind smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from exactnn.errors import ExactnnError
from exactnn.network import Network
from exactnn.testing._models import Model
from exactnn.testing._shrink import NETWORK_STEPS, Step, shrunk


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
        shrunk(model.net, tuple(_writable(step, dtype) for step in NETWORK_STEPS), lambda net: fails(as_onnx(net, form, dtype)), until)


def _writable(step: Step, dtype: str) -> Step:
    """The step without the networks that ONNX cannot hold."""
    from exactnn.export.onnx import to_onnx

    def kept(net: Network) -> Iterator[Network]:
        for smaller in step(net):
            try:
                to_onnx(smaller, dtype=dtype)
            except ExactnnError:
                continue
            yield smaller

    return kept
