"""onnxruntime, quantised dynamically to 8 bits."""

from _frame import audit, by_files, drawn_onnx, library

quantization = library("onnxruntime.quantization")


def quantise(model):
    return by_files(model, lambda a, b: quantization.quantize_dynamic(a, b))


if __name__ == "__main__":
    audit(quantise, drawn_onnx(), packages="onnxruntime", lossy=True)
