"""onnx, the operator set converted to 21."""

from _frame import audit, library, onnx_models

converter = library("onnx.version_converter")


def to_opset_21(model):
    return converter.convert_version(model, 21)


if __name__ == "__main__":
    audit(to_opset_21, onnx_models(), packages="onnx")
