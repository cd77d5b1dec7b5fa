"""torch.export, saved and loaded again."""

from _frame import audit, example, modules, through_memory


def round_trip(module):
    import torch

    return through_memory(torch.export.export(module, example(module)), torch.export.save, torch.export.load)


if __name__ == "__main__":
    audit(round_trip, modules(), packages="torch")
