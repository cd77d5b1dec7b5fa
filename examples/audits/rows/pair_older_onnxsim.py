"""The older torch exporter, then onnxsim."""

from _frame import as_module, audit, exported, modules
from onnxsim_default import simplify


def both(module):
    return as_module(simplify(exported(module, dynamo=False)), module)


if __name__ == "__main__":
    audit(both, modules(), packages="torch onnxsim")
