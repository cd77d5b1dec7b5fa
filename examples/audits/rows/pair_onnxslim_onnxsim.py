"""onnxslim, then onnxsim."""

from _frame import audit, onnx_models
from onnxsim_default import simplify
from onnxslim_default import slim


def both(model):
    return simplify(slim(model))


if __name__ == "__main__":
    audit(both, onnx_models(), packages="onnxslim onnxsim")
