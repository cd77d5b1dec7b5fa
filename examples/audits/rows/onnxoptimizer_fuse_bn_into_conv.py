"""onnxoptimizer, the pass fuse_bn_into_conv alone."""

from _frame import audit, library, onnx_models

optimizer = library("onnxoptimizer")


def fuse_bn_into_conv(model):
    return optimizer.optimize(model, ["fuse_bn_into_conv"])


if __name__ == "__main__":
    audit(fuse_bn_into_conv, onnx_models(), packages="onnxoptimizer")
