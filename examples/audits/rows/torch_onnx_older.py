"""torch.onnx.export, the older exporter (dynamo=False)."""

from _frame import audit, exported, modules


def export(module):
    return exported(module, dynamo=False)


if __name__ == "__main__":
    audit(export, modules(), packages="torch onnx", returns="onnx")
