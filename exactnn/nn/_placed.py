"""What the activation modules share: coefficient sets for a layer, its channels or groups of channels, and the dtype of coefficients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.exact.numbers import shown
from exactnn.floats.backend import FLOATS
from exactnn.nn.functional import check_float_tensor

Made = TypeVar("Made")


class Placed(nn.Module):
    """Parameters of shape (..., sets) applied along an axis; `sets` is None for one coefficient set, whose shapes end before that axis.

    The parameters are float32 or float64. `.half()`, `.bfloat16()` and `.to(torch.bfloat16)` leave them as they are: what is in half
    precision is the input and the output.
    """

    def __init__(self, channels: int | None, groups: int | None, axis: int, dtype: torch.dtype | None) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("groups", groups)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ArgumentError(f"{name}: a whole number >= 1, or None, is needed, got {value!r}")
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ArgumentError(f"axis: a whole number is needed, got {axis!r}")
        if channels is not None and groups is not None and channels % groups:
            raise ArgumentError(f"groups: a divisor of channels = {channels} is needed, got {groups}")
        self.channels, self.groups, self.axis = channels, groups, axis
        self.sets = channels if groups is None else groups
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if dtype not in FLOATS:
            raise ArgumentError(f"dtype: {', '.join(map(str, FLOATS))} or None is needed, got {dtype!r}")
        self._dtype = torch.promote_types(dtype, torch.float32)  # of coefficients, while they are made

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        """As for every module, but that a conversion to half precision moves coefficients without rounding them."""

        def kept(tensor: torch.Tensor) -> torch.Tensor:
            result = fn(tensor)
            if result.is_floating_point() and result.dtype.itemsize < 4:
                return tensor.to(result.device)
            return result

        return super()._apply(kept, recurse)  # type: ignore[no-untyped-call]

    @abstractmethod
    def get_extra_state(self) -> torch.Tensor:
        """What the function depends on beside its coefficients; a state_dict holds it, and another one's is refused."""

    def set_extra_state(self, state: Any) -> None:
        """ArgumentError unless the coefficients to be loaded are those of such a function."""
        if not torch.equal(self.get_extra_state(), torch.as_tensor(state).cpu()):
            raise ArgumentError(f"state_dict: that of a {self} is needed, got one of another epsilon or version")

    def checked_axis(self, x: torch.Tensor) -> int | None:
        """The axis of the coefficient sets in x, from 0, or None for one set; ArgumentError and ShapeError for a wrong input."""
        check_float_tensor(x, "x", type(self).__name__)
        if self.sets is None:
            return None
        axis = self.axis + x.ndim if self.axis < 0 else self.axis
        if not 0 <= axis < x.ndim:
            raise ShapeError(
                f"{type(self).__name__}: an input with an axis {self.axis}, that of the channels, is needed, got shape {tuple(x.shape)}"
            )
        size = x.shape[axis]
        if self.channels is not None and size != self.channels:
            raise ShapeError(
                f"{type(self).__name__}: {self.channels} channels on axis {self.axis} are needed, got {size} in shape {tuple(x.shape)}"
            )
        if size % self.sets:
            raise ShapeError(
                f"{type(self).__name__}: a multiple of {self.sets} groups on axis {self.axis} is needed, got {size} in {tuple(x.shape)}"
            )
        return axis

    def _spread(self, x: torch.Tensor, *parameters: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The input, its axis split into (groups, channels of a group), and the parameters shaped to broadcast along it."""
        axis = self.checked_axis(x)
        if axis is None or self.sets is None:
            return x, list(parameters)
        size, after = x.shape[axis], x.ndim - axis - 1
        if size != self.sets:
            x, after = x.reshape(*x.shape[:axis], self.sets, size // self.sets, *x.shape[axis + 1 :]), after + 1
        return x, [p.reshape(*p.shape, *(1,) * after) for p in parameters]

    def _repeated(self, values: Any, shape: tuple[int, ...]) -> torch.Tensor:
        """The values in the module's dtype, one copy for each index of `shape`, whose axes come last."""
        tensor = torch.from_numpy(np.array(values, dtype=np.float64)).to(self._dtype)
        return tensor.reshape((*tensor.shape, *(1,) * len(shape))).expand((*tensor.shape, *shape)).contiguous()

    def _for_each_set(self, one: Callable[[tuple[int, ...]], Made]) -> Made | list[Made]:
        """one(()) of the only set of coefficients, or the list of one((s,)) for each set s."""
        return one(()) if self.sets is None else [one((s,)) for s in range(self.sets)]

    def _placement(self) -> str:
        if self.sets is None:
            return ""
        channels = "" if self.channels is None else f", channels={self.channels}"
        return channels + ("" if self.groups is None else f", groups={self.groups}") + f", axis={self.axis}"

    def _finite(self) -> None:
        """NotFiniteError naming the first coefficient that is NaN or infinite."""
        for name, tensor in self.named_parameters(recurse=False):
            wrong = (~torch.isfinite(tensor.detach())).nonzero()
            if len(wrong):
                index = tuple(wrong[0].tolist())
                place = f"{name}[{', '.join(map(str, index))}]" if index else name
                raise NotFiniteError(f"finite coefficients are needed, got {place} = {tensor.detach()[index].item()}")


def generator(seed: int | None) -> torch.Generator | None:
    """A generator of its own for a seed; None for torch's global one."""
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int) or not -(1 << 63) <= seed < 1 << 64:
        raise ArgumentError(f"seed: a whole number from -2^63 to 2^64 - 1, or None, is needed, got {shown(seed)}")
    return torch.Generator().manual_seed(seed)
