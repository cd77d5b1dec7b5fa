"""torch's Softplus, which is x itself beyond a threshold, as exporters spell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

SHORTCUT = 20  # torch's Softplus is x itself beyond this; float32 cannot tell the difference


def softplus_shortcut(where: onnx.NodeProto, producers: Mapping[str, onnx.NodeProto]) -> str | None:
    """The name of t, if the node is Where(Greater(x, t), x, Softplus(x)): torch's Softplus."""
    if where.op_type != "Where" or len(where.input) != 3:
        return None
    condition, x, value = where.input
    greater, softplus = producers.get(condition), producers.get(value)
    if greater is None or softplus is None or greater.op_type != "Greater" or softplus.op_type != "Softplus":
        return None
    if len(greater.input) != 2 or greater.input[0] != x or list(softplus.input) != [x]:
        return None
    return str(greater.input[1])
