"""torch.nn.utils.prune, nothing pruned, and made permanent."""

from _frame import audit, library, modules, weighted

prune = library("torch.nn.utils.prune")


def permanent(module):
    for layer in weighted(module):
        prune.remove(prune.identity(layer, "weight"), "weight")
    return module


if __name__ == "__main__":
    audit(permanent, modules(), packages="torch", inplace=True)
