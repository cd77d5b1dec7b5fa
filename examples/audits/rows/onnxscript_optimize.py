"""onnxscript, its optimiser, which the newer torch exporter uses."""

from _frame import audit, library, onnx_models

optimizer = library("onnxscript.optimizer")


def optimise(model):
    return optimizer.optimize(model)


if __name__ == "__main__":
    audit(optimise, onnx_models(), packages="onnxscript")
