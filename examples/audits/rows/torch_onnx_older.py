"""torch.onnx.export, the older exporter (dynamo=False)."""

from _frame import as_module, audit, exported, modules


def export(module):
    return as_module(exported(module, dynamo=False), module)


if __name__ == "__main__":
    audit(export, modules(), packages="torch onnx")
