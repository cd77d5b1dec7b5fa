"""onnxslim, as it comes."""

from _frame import audit, library, onnx_models

onnxslim = library("onnxslim")


def slim(model):
    return onnxslim.slim(model)


if __name__ == "__main__":
    audit(slim, onnx_models(), packages="onnxslim")
