"""onnxruntime, the model saved at the level extended."""

from _frame import audit, onnx_models, optimised


def extended(model):
    return optimised(model, "ORT_ENABLE_EXTENDED")


if __name__ == "__main__":
    audit(extended, onnx_models(), packages="onnxruntime")
