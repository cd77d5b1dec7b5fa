"""One answer for all who need a network and are given something else: what to do with what they have."""

from __future__ import annotations

import os
from collections.abc import Mapping

from exactnn.errors import ArgumentError
from exactnn.network.graph import Network
from exactnn.texts import fitted


def check_network(value: object, argument: str = "net") -> None:
    """ArgumentError if this is no Network, saying how to make one of it.

    Examples
    --------
    >>> check_network("model.onnx", "f")
    Traceback (most recent call last):
    exactnn.errors.ArgumentError: f: a Network is needed, got the text 'model.onnx'; exactnn.load('model.onnx') reads one from a file
    """
    if not isinstance(value, Network):
        found, advice = _found(value)
        raise ArgumentError(f"{argument}: a Network is needed, got {found}; {advice}")


def _found(value: object) -> tuple[str, str]:
    """What was given, in words, and what makes a network of it; torch and onnx are told by their names, since neither is imported here."""
    if isinstance(value, (str, os.PathLike)):
        path = repr(fitted(str(value), 80))
        what = "the text" if isinstance(value, str) else "the path"
        return f"{what} {path}", f"exactnn.load({path}) reads one from a file"
    name, kinds = type(value).__name__, {f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(value).__mro__}
    if isinstance(value, type):
        return f"the class {value.__name__}", f"make an instance of it first, {value.__name__}(...)"
    if "torch.Module" in kinds or "torch.ExportedProgram" in kinds:
        return name, "exactnn.from_torch(module, input_shape) makes one"
    if "onnx.ModelProto" in kinds:
        return name, "save it with onnx.save(model, 'model.onnx'), and exactnn.load('model.onnx') reads it"
    if isinstance(value, Mapping) and any(type(v).__module__.partition(".")[0] == "torch" for v in value.values()):
        return (
            f"a state_dict ({name})",
            "it has weights and no graph: module.load_state_dict(state_dict), then exactnn.from_torch(module, input_shape) makes one",
        )
    if isinstance(value, (list, tuple)):
        return f"a {name}", "exactnn.mlp([(W1, b1), ..., (Wk, bk)]) makes one of weights and biases"
    if callable(getattr(value, "to_network", None)):
        return name, "its .to_network() makes one"
    return name, "exactnn.mlp, exactnn.load and exactnn.from_torch make one"
