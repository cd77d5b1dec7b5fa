"""torch, fuse_conv_bn_eval on each conv with its batch norm, float32."""

from _frame import audit, library, modules, neighbours

fusion = library("torch.nn.utils.fusion")


def fuse(module):
    return neighbours(module, "Conv2d", "BatchNorm2d", fusion.fuse_conv_bn_eval)


if __name__ == "__main__":
    audit(fuse, modules(kinds=("convolutional",), norm=True), packages="torch")
