"""nncf, weights compressed to 8 bits."""

from _frame import audit, drawn_onnx, library

nncf = library("nncf")


def compress(model):
    return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)


if __name__ == "__main__":
    audit(compress, drawn_onnx(), packages="nncf", lossy=True)
