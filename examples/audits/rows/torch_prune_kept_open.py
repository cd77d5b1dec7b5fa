"""torch.nn.utils.prune, the weights that are 0 pruned, not made permanent."""

from _frame import audit, library, modules, weighted

prune = library("torch.nn.utils.prune")


def mask_zeros(module):
    for layer in weighted(module):
        prune.custom_from_mask(layer, "weight", layer.weight != 0)
    return module


if __name__ == "__main__":
    audit(mask_zeros, modules(), packages="torch", inplace=True)
