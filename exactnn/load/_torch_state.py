"""A module on a copy of its state, which is put back: attributes, lists and dicts in them, parameters, buffers, random generators."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def put_back(module: torch.nn.Module, *, dtype: torch.dtype | None = None, copied: bool = False) -> Iterator[None]:
    """While it lasts the module may do to itself what it likes; afterwards all is as before.

    Attributes are put back, and the entries of lists, dicts and sets among them. `copied`: parameters and buffers are copies meanwhile,
    so that changes in place do not last either; floating ones as `dtype`, if one is given (this makes a module of another precision).
    """
    before = [(m, dict(vars(m)), _containers(m)) for m in module.modules()]
    states = torch.random.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002 - the state that others use
    replaced = _replace(module, dtype) if copied else []
    try:
        yield
    finally:
        for submodule, attributes, containers in before:
            for container, entries in containers:
                container.clear()
                container.extend(entries) if isinstance(container, (list, deque)) else container.update(entries)
            vars(submodule).clear()
            vars(submodule).update(attributes)
        for parameter, data in replaced:
            parameter.data = data
        torch.random.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])  # noqa: NPY002


def _containers(module: torch.nn.Module) -> list[tuple[Any, Any]]:
    """Lists, dicts, sets and queues among the attributes (parameters, buffers, submodules and hooks are in such), with copies of them."""
    return [(v, copy.copy(v)) for v in vars(module).values() if isinstance(v, (list, dict, set, deque))]


def _replace(module: torch.nn.Module, dtype: torch.dtype | None) -> list[tuple[torch.nn.Parameter, torch.Tensor]]:
    """Put copies in the place of all tensors; the parameters with the data they had. One tensor in two places stays one."""
    copies: dict[int, torch.Tensor] = {}
    replaced = {id(p): (p, p.data) for p in module.parameters()}

    def other(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.copy()
        if not isinstance(value, torch.Tensor) or isinstance(value, torch.nn.Parameter):
            return value
        if id(value) not in copies:
            copies[id(value)] = _converted(value.detach(), dtype)
        return copies[id(value)]

    for parameter, data in replaced.values():
        parameter.data = _converted(data, dtype)
    for submodule in module.modules():
        for container, _ in _containers(submodule):
            for key in range(len(container)) if isinstance(container, list) else list(container) if isinstance(container, dict) else ():
                container[key] = other(container[key])
        attributes = vars(submodule)
        attributes.update({name: other(value) for name, value in attributes.items()})
    return list(replaced.values())


def _converted(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    return tensor.to(dtype, copy=True) if dtype is not None and tensor.is_floating_point() else tensor.clone()
