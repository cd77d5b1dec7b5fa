"""Hidden neurons put in another order (scipy's assignment to random weights, as git re-basin does)."""

from itertools import pairwise

import torch
from _frame import audit, drawn_modules, library, weighted

optimize = library("scipy.optimize")


def match(module):
    torch.manual_seed(0)
    layers = weighted(module)
    for here, there in pairwise(layers):
        order = torch.tensor(optimize.linear_sum_assignment(torch.randn(here.weight.shape) @ here.weight.detach().T, maximize=True)[1])
        here.weight.data, here.bias.data, there.weight.data = here.weight[order], here.bias[order], there.weight[:, order]
    return module


if __name__ == "__main__":
    audit(match, drawn_modules(norm=False), packages="scipy", inplace=True)
