"""The newer torch exporter, then onnxruntime."""

from _frame import audit, exported, modules
from onnxruntime_all import all_levels


def both(module):
    return all_levels(exported(module, dynamo=True))


if __name__ == "__main__":
    audit(both, modules(), packages="torch onnxruntime", returns="onnx", slow=True)
