"""onnxruntime, the model saved at the level basic."""

from _frame import audit, onnx_models, optimised


def basic(model):
    return optimised(model, "ORT_ENABLE_BASIC")


if __name__ == "__main__":
    audit(basic, onnx_models(), packages="onnxruntime")
