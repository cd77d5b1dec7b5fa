"""onnxoptimizer, the pass fuse_pad_into_conv alone."""

from _frame import audit, library, onnx_models

optimizer = library("onnxoptimizer")


def fuse_pad_into_conv(model):
    return optimizer.optimize(model, ["fuse_pad_into_conv"])


if __name__ == "__main__":
    audit(fuse_pad_into_conv, onnx_models(), packages="onnxoptimizer")
