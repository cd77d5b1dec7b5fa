"""torch.nn.utils.prune, the smallest row of the first layer pruned (ln_structured), its bias left."""

from _frame import audit, drawn_modules, library, weighted

prune = library("torch.nn.utils.prune")


def prune_row(module):
    prune.remove(prune.ln_structured(weighted(module)[0], "weight", amount=1, n=2, dim=0), "weight")
    return module


if __name__ == "__main__":
    audit(prune_row, drawn_modules(), packages="torch", inplace=True, lossy=True)
