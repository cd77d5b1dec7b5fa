"""onnxoptimizer, the pass eliminate_consecutive_idempotent_ops alone."""

from _frame import audit, library, onnx_models

optimizer = library("onnxoptimizer")


def eliminate_consecutive_idempotent_ops(model):
    return optimizer.optimize(model, ["eliminate_consecutive_idempotent_ops"])


if __name__ == "__main__":
    audit(eliminate_consecutive_idempotent_ops, onnx_models(), packages="onnxoptimizer")
