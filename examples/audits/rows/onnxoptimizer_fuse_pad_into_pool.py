"""onnxoptimizer, the pass fuse_pad_into_pool alone."""

from _frame import audit, library, onnx_models

optimizer = library("onnxoptimizer")


def fuse_pad_into_pool(model):
    return optimizer.optimize(model, ["fuse_pad_into_pool"])


if __name__ == "__main__":
    audit(fuse_pad_into_pool, onnx_models(), packages="onnxoptimizer")
