"""onnxruntime, quantised to 8 bits with calibration (QDQ)."""

from _frame import Samples, audit, by_files, drawn_onnx, library

quantization = library("onnxruntime.quantization")


def quantise(model):
    return by_files(model, lambda a, b: quantization.quantize_static(a, b, Samples(model)))


if __name__ == "__main__":
    audit(quantise, drawn_onnx(), packages="onnxruntime", lossy=True)
