"""The state of an optimizer after its parameters were multiplied: W -> alpha W turns gradients into G/alpha, and buffers with them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn, optim

from exactnn.errors import ArgumentError
from exactnn.nn._changes import Change

#: buffer -> power of the gradient that it holds. RMSprop's momentum and Adadelta's steps are no gradients: steps there are as long as
#: before relative to nothing, and as long as the parameters, in this order.
_POWERS: dict[type[optim.Optimizer], dict[str, int]] = {
    optim.SGD: {"momentum_buffer": 1},
    optim.Adam: {"exp_avg": 1, "exp_avg_sq": 2, "max_exp_avg_sq": 2},
    optim.AdamW: {"exp_avg": 1, "exp_avg_sq": 2, "max_exp_avg_sq": 2},
    optim.NAdam: {"exp_avg": 1, "exp_avg_sq": 2, "mu_product": 0},
    optim.RAdam: {"exp_avg": 1, "exp_avg_sq": 2},
    optim.Adamax: {"exp_avg": 1, "exp_inf": 1},
    optim.RMSprop: {"square_avg": 2, "grad_avg": 1, "momentum_buffer": 0},
    optim.Adagrad: {"sum": 2},
    optim.Adadelta: {"square_avg": 2, "acc_delta": -2},
}


def check(optimizer: object, model: nn.Module, *, any_kind: bool) -> None:
    """ArgumentError unless it is an optimizer of this model whose buffers are known, or of any kind where they are not touched."""
    if type(optimizer) not in _POWERS and not (any_kind and isinstance(optimizer, optim.Optimizer)):
        names = ", ".join(kind.__name__ for kind in _POWERS)
        raise ArgumentError(
            f"optimizer: one of torch.optim.{{{names}}} is needed, whose buffers can be rescaled, got {type(optimizer).__name__}; "
            'redistribute="last" changes no weight and takes any'
        )
    assert isinstance(optimizer, optim.Optimizer)
    own = set(model.parameters())
    if not any(p in own for group in optimizer.param_groups for p in group["params"]):
        raise ArgumentError(
            "optimizer: it trains none of the model's parameters, so that its buffers would not follow them; give the one of this model"
        )


def rescale(optimizer: optim.Optimizer, changes: Iterable[Change]) -> None:
    """The buffers become those that gradients of the new parameters would have made."""
    powers = _POWERS[type(optimizer)]
    for parameter, _, slope in changes:
        state = optimizer.state.get(parameter, {})
        for name, buffer in state.items():
            power = powers.get(name, 0)
            if power and isinstance(buffer, torch.Tensor):
                buffer.div_(slope**power)
