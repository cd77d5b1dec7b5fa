"""onnxsim, then onnxslim."""

from _frame import audit, onnx_models
from onnxsim_default import simplify
from onnxslim_default import slim


def both(model):
    return slim(simplify(model))


if __name__ == "__main__":
    audit(both, onnx_models(), packages="onnxsim onnxslim")
