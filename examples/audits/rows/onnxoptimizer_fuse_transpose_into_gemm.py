"""onnxoptimizer, the pass fuse_transpose_into_gemm alone."""

from _frame import audit, library, onnx_models

optimizer = library("onnxoptimizer")


def fuse_transpose_into_gemm(model):
    return optimizer.optimize(model, ["fuse_transpose_into_gemm"])


if __name__ == "__main__":
    audit(fuse_transpose_into_gemm, onnx_models(), packages="onnxoptimizer")
