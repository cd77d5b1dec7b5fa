"""The newer torch exporter, then onnxsim."""

from _frame import audit, exported, modules
from onnxsim_default import simplify


def both(module):
    return simplify(exported(module, dynamo=True))


if __name__ == "__main__":
    audit(both, modules(), packages="torch onnxsim", returns="onnx", slow=True)
