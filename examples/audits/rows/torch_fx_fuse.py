"""torch.fx, its experimental fusing of convs and batch norms."""

from _frame import audit, library, modules

optimization = library("torch.fx.experimental.optimization")


def fuse(module):
    made = optimization.fuse(module)
    made.input_shape = module.input_shape
    return made


if __name__ == "__main__":
    audit(fuse, modules(kinds=("convolutional",), norm=True), packages="torch")
