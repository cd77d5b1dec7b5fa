"""The older torch exporter, then onnxruntime."""

from _frame import audit, exported, modules
from onnxruntime_all import all_levels


def both(module):
    return all_levels(exported(module, dynamo=False))


if __name__ == "__main__":
    audit(both, modules(), packages="torch onnxruntime", returns="onnx")
