"""onnxruntime, the model saved with all optimisations, but for layouts of its own."""

from _frame import audit, onnx_models, optimised


def all_levels(model):
    return optimised(model, "ORT_ENABLE_ALL")


if __name__ == "__main__":
    audit(all_levels, onnx_models(), packages="onnxruntime")
