"""exactnn itself, loaded and saved again as float32."""

from _frame import audit, library, loaded, onnx_models

export = library("exactnn.export.onnx")


def load_and_save(model):
    return export.to_onnx(loaded(model), dtype="float32")


if __name__ == "__main__":
    audit(load_and_save, onnx_models(), packages="exactnn")
