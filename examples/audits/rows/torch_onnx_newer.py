"""torch.onnx.export, the newer exporter (dynamo=True)."""

from _frame import audit, exported, modules


def export(module):
    return exported(module, dynamo=True)


if __name__ == "__main__":
    audit(export, modules(), packages="torch onnxscript", returns="onnx", slow=True)
