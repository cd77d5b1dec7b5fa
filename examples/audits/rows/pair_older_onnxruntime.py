"""The older torch exporter, then onnxruntime."""

from _frame import as_module, audit, exported, modules
from onnxruntime_all import all_levels


def both(module):
    return as_module(all_levels(exported(module, dynamo=False)), module)


if __name__ == "__main__":
    audit(both, modules(), packages="torch onnxruntime")
