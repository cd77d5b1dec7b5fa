"""onnxsim, then onnxruntime with all optimisations."""

from _frame import audit, onnx_models
from onnxruntime_all import all_levels
from onnxsim_default import simplify


def both(model):
    return all_levels(simplify(model))


if __name__ == "__main__":
    audit(both, onnx_models(), packages="onnxsim onnxruntime")
