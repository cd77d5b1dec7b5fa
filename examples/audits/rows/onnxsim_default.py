"""onnxsim, as it comes."""

from _frame import audit, library, onnx_models

onnxsim = library("onnxsim")


def simplify(model):
    return onnxsim.simplify(model)[0]


if __name__ == "__main__":
    audit(simplify, onnx_models(), packages="onnxsim")
