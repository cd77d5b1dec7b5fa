"""torch.onnx.export, the newer exporter without its optimiser."""

from _frame import as_module, audit, exported, modules


def export(module):
    return as_module(exported(module, dynamo=True, optimize=False), module)


if __name__ == "__main__":
    audit(export, modules(), packages="torch onnxscript", slow=True)
