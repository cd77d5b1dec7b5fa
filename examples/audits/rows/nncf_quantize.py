"""nncf, quantised to 8 bits with calibration."""

from _frame import Samples, audit, drawn_onnx, library

nncf = library("nncf")


def quantise(model):
    return nncf.quantize(model, nncf.Dataset(Samples(model).points), subset_size=4)


if __name__ == "__main__":
    audit(quantise, drawn_onnx(), packages="nncf", lossy=True)
