"""torch-pruning, neurons whose weights are all 0 taken out of the first layer."""

from _frame import audit, example, library, modules, weighted

pruning = library("torch_pruning")


def take_out(module):
    layer = weighted(module)[0]
    gone = [i for i, row in enumerate(layer.weight) if not row.any()]
    if gone and len(gone) < len(layer.weight) and layer is not weighted(module)[-1]:
        graph = pruning.DependencyGraph().build_dependency(module, example_inputs=example(module))
        function = pruning.prune_linear_out_channels if layer.weight.dim() == 2 else pruning.prune_conv_out_channels
        graph.get_pruning_group(layer, function, idxs=gone).prune()
    return module


if __name__ == "__main__":
    audit(take_out, modules(norm=False), packages="torch-pruning", inplace=True)
