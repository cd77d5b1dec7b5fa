"""torch.export, decomposed into core operators."""

from _frame import audit, example, modules


def decompose(module):
    import torch

    return torch.export.export(module, example(module)).run_decompositions()


if __name__ == "__main__":
    audit(decompose, modules(), packages="torch", slow=True)
