"""onnxruntime, its preparation for quantising (quant_pre_process)."""

from _frame import audit, by_files, library, onnx_models

shapes = library("onnxruntime.quantization.shape_inference")


def prepare(model):
    return by_files(model, lambda a, b: shapes.quant_pre_process(a, b))


if __name__ == "__main__":
    audit(prepare, onnx_models(), packages="onnxruntime")
