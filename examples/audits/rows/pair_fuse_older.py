"""torch's fuse_conv_bn_eval, then the older exporter."""

from _frame import audit, exported, modules
from torch_fuse_conv_bn import fuse


def both(module):
    return exported(fuse(module), dynamo=False)


if __name__ == "__main__":
    audit(both, modules(kinds=("convolutional",), norm=True), packages="torch onnx", returns="onnx")
