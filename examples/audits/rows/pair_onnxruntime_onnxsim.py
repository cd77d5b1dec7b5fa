"""onnxruntime with all optimisations, then onnxsim."""

from _frame import audit, onnx_models
from onnxruntime_all import all_levels
from onnxsim_default import simplify


def both(model):
    return simplify(all_levels(model))


if __name__ == "__main__":
    audit(both, onnx_models(), packages="onnxruntime onnxsim")
