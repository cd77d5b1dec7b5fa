"""onnxoptimizer, all passes that fuse and eliminate."""

from _frame import audit, library, onnx_models

optimizer = library("onnxoptimizer")


def optimise(model):
    return optimizer.optimize(model, optimizer.get_fuse_and_elimination_passes())


if __name__ == "__main__":
    audit(optimise, onnx_models(), packages="onnxoptimizer")
