"""onnxscript, its rewriter with the rules that it has by default."""

from _frame import audit, library, onnx_models

rewriter = library("onnxscript.rewriter")


def rewrite(model):
    return rewriter.rewrite(model)


if __name__ == "__main__":
    audit(rewrite, onnx_models(), packages="onnxscript")
