"""onnxsim, then onnxoptimizer."""

from _frame import audit, onnx_models
from onnxoptimizer_default import optimise
from onnxsim_default import simplify


def both(model):
    return optimise(simplify(model))


if __name__ == "__main__":
    audit(both, onnx_models(), packages="onnxsim onnxoptimizer")
