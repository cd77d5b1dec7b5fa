"""torch, fuse_conv_bn_eval on each conv with its batch norm, float64."""

from _frame import audit, modules
from torch_fuse_conv_bn import fuse

if __name__ == "__main__":
    audit(fuse, modules(kinds=("convolutional",), norm=True, dtype="float64"), packages="torch")
