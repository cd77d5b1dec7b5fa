"""Batch, layer, instance and group normalisation by one formula: mean and deviation over index sets, a partition of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from exactnn.errors import ArgumentError, ShapeError

_KINDS = ("batch", "layer", "instance", "group")


def index_sets(shape: Sequence[int], kind: str, *, groups: int = 1, channel_axis: int = -1) -> torch.Tensor:
    """The sets S_j over which entry j of a batch is normalised: a tensor of numbers 0, 1, ..., equal exactly for the indices of one set.

        batch       S_j = {k : k_n = j_n}
        layer       S_j = {k : k_1 = j_1}
        instance    S_j = {k : k_1 = j_1, k_n = j_n}
        group       S_j = {k : k_1 = j_1, floor(k_n/(d_n/G)) = floor(j_n/(d_n/G))}      indices from 0

    for a batch x in R^(d_1 x ... x d_n) with samples along axis 1 and channels along axis n. G = 1 is layer normalisation, G = d_n instance
    normalisation.

    Parameters
    ----------
    shape : (d_1, ..., d_n), n >= 2
    kind : "batch", "layer", "instance", "group"
    groups : G, a divisor of the number of channels; for "group" alone
    channel_axis : -1 as in the formulas; 1 for torch's modules

    Returns
    -------
    torch.Tensor
        int64, of this shape.

    Raises
    ------
    ArgumentError
        For an unknown kind, or groups that do not divide the channels.
    ShapeError
        For a shape without two axes, or without entries, or a channel axis that it does not have (axis 0 are the samples).

    References
    ----------
    Trimmel: Network Parameterisation and Activation Functions in Deep Learning, section 5.3 (with the index of the channel, k_n = j_n, in
    the sets of batch and instance normalisation).

    Examples
    --------
    >>> index_sets((2, 4), "group", groups=2)
    tensor([[0, 0, 1, 1],
            [2, 2, 3, 3]])
    >>> index_sets((2, 4), "batch")
    tensor([[0, 1, 2, 3],
            [0, 1, 2, 3]])
    """
    sizes = tuple(shape)
    if len(sizes) < 2 or any(isinstance(d, bool) or not isinstance(d, int) or d < 1 for d in sizes):
        raise ShapeError(f"shape: two or more axes of length >= 1 are needed, samples and channels among them, got {sizes}")
    if kind not in _KINDS:
        raise ArgumentError(f"kind: one of {', '.join(_KINDS)} is needed, got {kind!r}")
    if channel_axis not in range(1 - len(sizes), len(sizes)) or channel_axis == 0:
        raise ShapeError(f"channel_axis: an axis behind the samples, 1 to {len(sizes) - 1} or negative, is needed, got {channel_axis!r}")
    channels = sizes[channel_axis]
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or channels % groups:
        raise ArgumentError(f"groups: a divisor of the {channels} channels is needed, got {groups!r}")
    if groups != 1 and kind != "group":
        raise ArgumentError(f'groups: they are for kind="group" alone, got {groups} with kind={kind!r}')
    # each kind is: which sample (or any), and which part of the channels
    parts = {"batch": channels, "layer": 1, "instance": channels, "group": groups}[kind]
    sample = torch.zeros(sizes[0], dtype=torch.int64) if kind == "batch" else torch.arange(sizes[0])
    part = torch.arange(channels).div(channels // parts, rounding_mode="floor")
    return (_along(sample, 0, len(sizes)) * parts + _along(part, channel_axis % len(sizes), len(sizes))).expand(sizes).contiguous()


def _along(values: torch.Tensor, axis: int, axes: int) -> torch.Tensor:
    return values.reshape([-1 if i == axis else 1 for i in range(axes)])


def normalise_over(
    x: torch.Tensor,
    sets: torch.Tensor,
    *,
    epsilon: float = 1e-5,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """gamma (x_j - mean_j)/std_j + beta, mean_j over S_j, std_j = sqrt(mean over S_j of (x - mean_j)^2 + epsilon).

    Parameters
    ----------
    x : a batch of floats
    sets : for each entry of x the number of its set, as `index_sets` gives them; any other partition as well
    epsilon : >= 0; with 0 a set whose entries are all equal is refused
    weight, bias : gamma and beta, of a shape that broadcasts to that of x: (channels,) along the last axis, the shape of a sample for layer
        normalisation, (channels, 1, 1) for torch's images

    Returns
    -------
    torch.Tensor
        In x's dtype, differentiable. Means and deviations are made in float64, so that for float32 the result without gamma and beta is off
        by few units in the last place; for float64 by some 1e-15 of the largest |x| over the deviation. torch's modules in training mode
        agree to their own accuracy.

    Raises
    ------
    ArgumentError
        For x that is not of floats, epsilon < 0, or a constant set with epsilon = 0.
    ShapeError
        For sets of another shape, gamma or beta that do not broadcast.

    Examples
    --------
    >>> x = torch.randn(5, 6, 4, 4)
    >>> ours = normalise_over(x, index_sets(x.shape, "group", groups=3, channel_axis=1))
    >>> bool((ours - torch.nn.GroupNorm(3, 6)(x)).abs().max() < 1e-5)
    True
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise ArgumentError(f"x: a tensor of floats is needed, got {x.dtype if isinstance(x, torch.Tensor) else type(x).__name__}")
    if not isinstance(sets, torch.Tensor) or sets.shape != x.shape or sets.dtype != torch.int64 or bool((sets < 0).any()):
        raise ShapeError(f"sets: a tensor of numbers >= 0 (int64) of the shape {tuple(x.shape)} of x is needed; index_sets makes them")
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 <= epsilon < math.inf:
        raise ArgumentError(f"epsilon: a finite number >= 0 is needed, got {epsilon!r}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and not _broadcasts(parameter.shape, x.shape):
            raise ShapeError(f"{name}: a shape that broadcasts to {tuple(x.shape)} is needed, got {tuple(parameter.shape)}")
    number = sets.flatten().to(x.device)
    count = torch.bincount(number).to(torch.float64)

    def mean(values: torch.Tensor) -> torch.Tensor:
        """For each entry the mean over its set."""
        sums = torch.zeros_like(count).index_add(0, number, values)
        return (sums / count)[number]

    values = x.flatten().double()
    centred = values - mean(values)
    variance = mean(centred.square()) + epsilon
    if not epsilon and bool((variance == 0).any()):
        which = int(number[variance == 0][0])
        raise ArgumentError(f"epsilon: with 0 no set may be constant, but set {which} is (0/0); choose epsilon > 0, such as 1e-5")
    result = (centred / variance.sqrt()).reshape(x.shape)
    if weight is not None:
        result = result * weight
    if bias is not None:
        result = result + bias
    return result.to(x.dtype)


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(reversed(shape), reversed(to), strict=False))
