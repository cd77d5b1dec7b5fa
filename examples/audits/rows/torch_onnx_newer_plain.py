"""torch.onnx.export, the newer exporter without its optimiser."""

from _frame import audit, exported, modules


def export(module):
    return exported(module, dynamo=True, optimize=False)


if __name__ == "__main__":
    audit(export, modules(), packages="torch onnxscript", returns="onnx", slow=True)
