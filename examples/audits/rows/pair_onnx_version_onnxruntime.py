"""operator set 21, then onnxruntime with all optimisations."""

from _frame import audit, onnx_models
from onnx_convert_version import to_opset_21
from onnxruntime_all import all_levels


def both(model):
    return all_levels(to_opset_21(model))


if __name__ == "__main__":
    audit(both, onnx_models(), packages="onnx onnxruntime")
