"""torch, fuse_linear_bn_eval on each linear layer with its batch norm."""

from _frame import audit, library, modules, neighbours

fusion = library("torch.nn.utils.fusion")


def fuse(module):
    return neighbours(module, "Linear", "BatchNorm1d", fusion.fuse_linear_bn_eval)


if __name__ == "__main__":
    audit(fuse, modules(kinds=("dense", "residual"), norm=True), packages="torch")
