"""A module on a copy of its state, which is put back: attributes, and what lies in them; parameters, buffers, random generators."""

from __future__ import annotations

import copy
import random
import types
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_CONTAINERS = (list, dict, set, deque)
#: objects in attributes whose own attributes are not followed
_OPAQUE = (torch.nn.Module, torch.Tensor, np.ndarray, type, types.ModuleType, types.FunctionType, types.MethodType, torch.Generator)
_MOST_OBJECTS = 100_000


@contextmanager
def put_back(module: torch.nn.Module, *, dtype: torch.dtype | None = None, copied: bool = False) -> Iterator[None]:
    """While it lasts the module may do to itself what it likes; afterwards all is as before.

    Attributes are put back, and the entries of lists, dicts, sets and queues, and the attributes of plain objects, among them, however
    deep. What lies elsewhere, in a global or a function's cache, is not. `copied`: tensors and arrays are copies meanwhile, so that
    changes in place do not last either; floating tensors as `dtype`, if one is given (this makes a module of another precision).
    """
    spaces = [vars(m) for m in module.modules()]
    containers = _reached(spaces)
    before = [(c, copy.copy(c)) for c in (*spaces, *containers)]
    states = torch.random.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002 - the state that others use
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    generators = [(g, g.get_state()) for c in (*spaces, *containers) for g in _entries(c) if isinstance(g, torch.Generator)]
    replaced = _replace(module, (*spaces, *containers), dtype) if copied else []
    try:
        yield
    finally:
        for container, entries in before:
            container.clear()
            container.extend(entries) if isinstance(container, (list, deque)) else container.update(entries)
        for parameter, data in replaced:
            parameter.data = data
        for generator, state in generators:
            generator.set_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        torch.random.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])  # noqa: NPY002


def random_state() -> tuple[Any, ...]:
    """The state of the generators of torch, Python and numpy, to be compared."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return torch.random.get_rng_state().numpy().tobytes(), random.getstate(), kind, np.asarray(keys).tobytes(), *rest


def _entries(container: Any) -> list[Any]:
    return list(container.values()) if isinstance(container, dict) else list(container)


def _reached(spaces: list[dict[str, Any]]) -> list[Any]:
    """Containers in the attributes of modules, and in these, and the attributes of plain objects there; each once."""
    seen = {id(s) for s in spaces}
    found: list[Any] = []
    todo = [value for space in spaces for value in space.values()]
    while todo and len(seen) < _MOST_OBJECTS:
        value = todo.pop()
        inner = value if isinstance(value, (*_CONTAINERS, tuple)) else getattr(value, "__dict__", None)
        if isinstance(value, _OPAQUE) or inner is None or id(inner) in seen or not isinstance(inner, (*_CONTAINERS, tuple)):
            continue
        seen.add(id(inner))
        if not isinstance(inner, tuple):
            found.append(inner)
        todo.extend(_entries(inner))
    return found


def _replace(module: torch.nn.Module, containers: Any, dtype: torch.dtype | None) -> list[tuple[torch.nn.Parameter, torch.Tensor]]:
    """Put copies in the place of all tensors; the parameters with the data they had. One tensor in two places stays one."""
    copies: dict[int, Any] = {}
    replaced = {id(p): (p, p.data) for p in module.parameters()}

    def other(value: Any) -> Any:
        if isinstance(value, tuple) and any(isinstance(v, (torch.Tensor, np.ndarray)) for v in value) and type(value) is tuple:
            return tuple(map(other, value))
        if isinstance(value, torch.nn.Parameter) or not isinstance(value, (torch.Tensor, np.ndarray)):
            return value
        if id(value) not in copies:
            copies[id(value)] = value.copy() if isinstance(value, np.ndarray) else _converted(value.detach(), dtype)
        return copies[id(value)]

    for parameter, data in replaced.values():
        parameter.data = _converted(data, dtype)
    for container in containers:
        if not isinstance(container, set):
            for key in list(container) if isinstance(container, dict) else range(len(container)):
                container[key] = other(container[key])
    return list(replaced.values())


def _converted(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    return tensor.to(dtype, copy=True) if dtype is not None and tensor.is_floating_point() else tensor.clone()
