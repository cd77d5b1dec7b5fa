"""Cooling: a temperature fitted on validation data while a network is trained, and moved into its layers."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import nn

from exactnn.cooling import optimal_temperature, vector_scaling
from exactnn.errors import ArgumentError, ExactnnError, NoOptimalScaling, NoOptimalTemperature, NotFiniteError
from exactnn.exact.calls import helpful
from exactnn.nn import _buffers
from exactnn.nn._changes import Change, changes
from exactnn.nn._scales import Layer, Scales
from exactnn.nn._validation import Watch, checked_data, evaluating

_BATCH = 1024
_UNITS = 4096  # of the last place of the largest logit, by which a redistribution may change logits, ...
_MOST = 0.125  # ... and of that logit at most this, for half precision


class FunctionChanged(ExactnnError):
    """A redistribution changed the function by more than rounding; the weights are as they were before it."""


class _OutOfRange(ExactnnError):
    """A temperature that the model's floats cannot hold."""


class Step(NamedTuple):
    """One entry of `Cooling.history`.

    Attributes
    ----------
    step : how often `step` had been called, this time included
    tau : the temperature; that of before, if there was no optimum
    change : the largest change of a validation logit by the redistribution, relative to the largest logit; 0 without one
    reason : why there was no optimum, "" if there was
    """

    step: int
    tau: float
    change: float
    reason: str


class Cooling:
    """At each step tau = argmin_t sum_n loss(t z_n, y_n) over validation logits z_n; the network then computes tau z.

    Where the factor goes, for a chain of L layers and share s: W_i -> tau^(s/L) W_i, b_i -> tau^(s i/L) b_i, tau^(1-s) behind the logits.

    Parameters
    ----------
    model : the network that is trained; its output are logits, (samples, classes, ...)
    validation_data : (inputs, labels), not those of the training: labels are integers (samples, ...), or probabilities of the classes
    optimizer : the one that trains the model, whose buffers are rescaled with the weights; None if it has none. Any with "last"
    redistribute : "last" (s = 0: a factor behind any model), "all" (s = 1), a share s in [0, 1], or "equalise": factors that give
        each layer the same relative gradient |G|/|W| on the validation data (one chain of layers; I27)
    every : `step` does something on each so manieth call
    scaling : "temperature"; or "vector", w_k z_k + b_k behind the model, one w and b for each class (with "last" only)
    ignore_index : a label whose places do not count
    batch_size : of validation samples in one forward run

    Notes
    -----
    Layers: linear, convolutions, and the scale and shift of normalisations, whose own input keeps its scale; ERA activations change
    their coefficients. The branches of a sum take one factor. Whatever else is no homogeneous function keeps the scale of what it reads
    at 1, and layers behind it share the factor. Weight decay and a later update act on the new weights: a step of plain SGD moves W_i by
    tau^(-2 s/L) times as much, relative to it. With redistribution the scaled model is the model: save it as usual. Frozen weights are
    rescaled as well; averages of weights that are kept elsewhere (swa_utils) are not.

    No optimum (all validation samples classified rightly, constant logits, worse than chance), or one beyond the floats of the model,
    leaves everything as it is, with a warning once and the reason in `history`. Dropout and normalisations run in eval mode for the fit,
    and are in their modes after it.

    Raises
    ------
    ArgumentError, ShapeError
        For data, labels or options that do not fit; a model whose outputs in eval mode are random; an unknown optimizer.
    NotFiniteError
        The model's logits are not finite.
    UnsupportedOperation
        No factor can be moved into this model: the place is named.

    References
    ----------
    Trimmel: Network Parameterisation and Activation Functions in Deep Learning, paper IV; docs/training.md, docs/cooling.md.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> cooling = Cooling(model, (torch.randn(64, 4), torch.randint(3, (64,))), redistribute="all")
    >>> loss = torch.nn.functional.cross_entropy(cooling(model(torch.randn(5, 4))), torch.tensor([0, 1, 2, 0, 1]))
    >>> tau = cooling.step()  # once an epoch
    """

    @helpful
    def __init__(
        self,
        model: nn.Module,
        validation_data: tuple[torch.Tensor, torch.Tensor],
        optimizer: torch.optim.Optimizer | None = None,
        redistribute: str | float = "last",
        *,
        every: int = 1,
        scaling: str = "temperature",
        ignore_index: int | None = None,
        batch_size: int = _BATCH,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ArgumentError(f"model: a torch module is needed, got {type(model).__name__}")
        self.model = model
        self.inputs, self.labels = checked_data(validation_data)
        self.share, self.equalise = _checked_share(redistribute)
        for name, number in (("every", every), ("batch_size", batch_size)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ArgumentError(f"{name}: an integer >= 1 is needed, got {number!r}")
        if scaling not in ("temperature", "vector") or (scaling == "vector" and (self.share or self.equalise)):
            given = f"{scaling!r} with redistribute={redistribute!r}"
            raise ArgumentError(f'scaling: "temperature", or "vector" with redistribute="last", is needed, got {given}')
        if optimizer is not None:
            _buffers.check(optimizer, model, any_kind=not (self.share or self.equalise))
        self.optimizer, self.every, self.ignore_index, self.batch_size = optimizer, every, ignore_index, batch_size
        #: what multiplies the logits, and what is added then; lists over the classes for vector scaling
        self.factor: float | list[float] = 1.0
        self.shift: float | list[float] = 0.0
        self.scaling = scaling
        self.history: list[Step] = []
        self._calls, self._warned = 0, False
        self._scales = Scales(model) if self.share or self.equalise else None
        if self.equalise:
            self._need_chain()
        self._check_run()
        if not isinstance(model, torch.jit.ScriptModule):  # which takes no hooks
            handle = model.register_forward_pre_hook(Watch(self.inputs), with_kwargs=True)
            weakref.finalize(self, handle.remove)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits with the factor that stands behind the model."""
        if isinstance(self.factor, float):
            return logits * self.factor
        factor, shift = (logits.new_tensor(v).reshape(-1, *[1] * (logits.ndim - 2)) for v in (self.factor, self.shift))
        return logits * factor + shift

    @property
    def tau(self) -> float:
        """The temperature of the last step; 1 before the first one."""
        return self.history[-1].tau if self.history else 1.0

    def logits(self) -> torch.Tensor:
        """The model's outputs for the validation inputs, in eval mode, without the factor."""
        with evaluating(self.model), torch.no_grad():
            parts = [self.model(x) for x in self._batches(self.inputs)]
        for part in parts:
            if not isinstance(part, torch.Tensor) or part.ndim < 2 or not part.is_floating_point():
                found = f"shape {tuple(part.shape)} of {part.dtype}" if isinstance(part, torch.Tensor) else type(part).__name__
                raise ArgumentError(
                    f"model: its output must be a tensor of logits, (samples, classes, ...), got {found}; "
                    "wrap it in a module that returns them alone"
                )
        return torch.cat(parts)

    def step(self) -> float:
        """Fit tau to the logits as they are, and put it where `redistribute` says: cooling(model(x)) is tau times what model(x) was.

        Returns
        -------
        float
            tau; for vector scaling the mean of its factors. That of before on calls that `every` leaves out, and where there is no optimum.

        Raises
        ------
        NotFiniteError
            The model's logits are not finite.
        FunctionChanged
            A redistribution changed logits by more than rounding; it was undone.
        """
        self._calls += 1
        if self._calls % self.every:
            return self.tau
        logits = self.logits()
        try:
            tau, change = self._fit(logits)
        except (NoOptimalTemperature, NoOptimalScaling, _OutOfRange) as none:
            self._say(f"no {self.scaling} scaling is optimal: {none}; it stays as it is")
            self.history.append(Step(self._calls, self.tau, 0.0, str(none)))
            return self.tau
        self.history.append(Step(self._calls, tau, change, ""))
        return tau

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs beside the model's and the optimizer's own."""
        return {"factor": self.factor, "shift": self.shift, "calls": self._calls, "history": [tuple(entry) for entry in self.history]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` gave. ArgumentError for anything else."""
        try:
            factor, shift, calls = state["factor"], state["shift"], int(state["calls"])
            history = [Step(*entry) for entry in state["history"]]
            if isinstance(factor, list) != (self.scaling == "vector") and factor != 1.0:
                raise ValueError("it is of the other scaling")
            if not all(math.isfinite(v) for v in ([*factor, *shift] if isinstance(factor, list) else [factor, shift])):
                raise ValueError("a factor is not finite")
            if calls < 0 or (not isinstance(factor, list) and factor <= 0):
                raise ValueError("the calls are negative, or the factor is not positive")
        except (KeyError, TypeError, ValueError) as reason:
            raise ArgumentError(f"state: what state_dict() returned is needed ({type(reason).__name__}: {reason})") from reason
        self.factor, self.shift, self._calls, self.history = factor, shift, calls, history

    # --- the fit ---------------------------------------------------------------------------------------------------------------------

    def _check_run(self) -> None:
        """What `step` needs of model, data and labels, before the training and not after its first epoch."""
        try:
            logits, again = self.logits(), self.logits()
            rows, labels, how = self._data(logits)
        except ExactnnError:
            raise
        except (RuntimeError, TypeError, ValueError, IndexError) as reason:  # torch's, for shapes, dtypes and devices
            told = str(reason).partition("\n")[0]
            raise ArgumentError(
                f"validation_data: the model cannot be run on these inputs in eval mode ({type(reason).__name__}: {told}); "
                "one tensor like those of the training, with its shape and dtype, is needed"
            ) from reason
        if not torch.equal(logits, again):
            raise ArgumentError(
                "model: two runs in eval mode give different logits, so that no temperature can be fitted; remove the randomness"
            )
        with suppress(NoOptimalTemperature):  # there may be one later
            optimal_temperature(rows, labels, **how)

    def _batches(self, data: torch.Tensor) -> Iterator[torch.Tensor]:
        """On the device of the model."""
        device = next((p.device for p in self.model.parameters()), data.device)
        for part in torch.split(data, self.batch_size):
            yield part.to(device)

    def _fit(self, logits: torch.Tensor) -> tuple[float, float]:
        """tau, which is put where it belongs, and the change of the logits by rounding."""
        rows, labels, how = self._data(logits)
        if self.scaling == "vector":
            found = vector_scaling(rows, labels, **how)
            self.factor, self.shift = found.weight.tolist(), found.bias.tolist()
            return float(found.weight.mean()), 0.0
        tau = optimal_temperature(rows, labels, **how).value
        kind = torch.finfo(logits.dtype)
        if not kind.tiny <= tau <= kind.max:
            raise _OutOfRange(f"tau = {tau:.3g} is no number of {logits.dtype}; the logits are too near 0, or too large")
        if self._scales is not None:
            return tau, self._redistribute(self._scales, logits, tau)
        self.factor = tau
        return tau, 0.0

    def _data(self, logits: torch.Tensor) -> tuple[Any, Any, dict[str, Any]]:
        """Logits and labels as arrays, and what tells how to read them."""
        if not bool(logits.isfinite().all()):
            raise NotFiniteError("model: its logits for the validation data are not finite; the training has diverged")
        return logits.double().cpu().numpy(), self.labels.cpu().numpy(), {"class_axis": 1, "ignore_label": self.ignore_index}

    # --- redistribution --------------------------------------------------------------------------------------------------------------

    def _redistribute(self, scales: Scales, logits: torch.Tensor, tau: float) -> float:
        """Move tau into the layers, relative to the factor of before; the largest change of a logit, relative to the largest logit."""
        assert isinstance(self.factor, float)
        moved = tau / self.factor
        factors = self._equalising(moved) if self.equalise else {g: moved ** (self.share * float(i)) for g, i in scales.share.items()}
        last = tau / factors[scales.output]
        found = [c for layer in scales.layers for c in changes(layer, factors[layer.before], factors[layer.after])]
        before = [c.parameter.detach().clone() for c in found]
        self._put(found, [c.value for c in found])
        wanted, got = logits.double() * tau, self.logits().double() * last
        change = float((got - wanted).abs().max() / wanted.abs().max())
        allowed = min(_UNITS * torch.finfo(logits.dtype).eps, _MOST)
        if not change <= allowed:
            self._put(found, before)
            raise FunctionChanged(
                f"model: moving {moved:.6g} into its layers changed logits by {change:.3g} of the largest one, where rounding explains "
                f"{allowed:.1g}; the weights were put back. If no layer was replaced since construction, please report the forward function"
            )
        if self.optimizer is not None:
            _buffers.rescale(self.optimizer, found)
        for c in found:
            if c.parameter.grad is not None:
                c.parameter.grad.div_(c.slope)
        self.factor = last
        return change

    @staticmethod
    def _put(found: list[Change], values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for change, value in zip(found, values, strict=True):
                change.parameter.copy_(value)

    def _need_chain(self) -> list[Layer]:
        assert self._scales is not None
        chain = self._scales.chain
        if chain is None:
            raise ArgumentError(
                'redistribute: "equalise" needs one chain of linear layers or convolutions with homogeneous activations between them; '
                'this model has normalisations, sums, or layers that keep their scale; use "all"'
            )
        return chain

    def _equalising(self, moved: float) -> dict[int, float]:
        """alpha_i = t^(1/L) sqrt(r_i)/(prod r)^(1/2L), r_i = |G_i|/|W_i|, the last one t divided by the others (I27)."""
        chain = self._need_chain()
        assert isinstance(self.factor, float)
        ratios = self._relative_gradients(chain, self.factor * moved)
        middle = math.exp(sum(map(math.log, ratios)) / (2 * len(chain)))
        factors, product = {0: 1.0}, 1.0
        for layer, ratio in zip(chain[:-1], ratios, strict=False):
            product *= moved ** (1 / len(chain)) * math.sqrt(ratio) / middle
            factors[layer.after] = product
        factors[chain[-1].after] = moved
        return factors

    def _relative_gradients(self, chain: list[Layer], factor: float) -> list[float]:
        weights: list[torch.Tensor] = [layer.module.get_parameter("weight") for layer in chain]
        for layer, weight in zip(chain, weights, strict=True):
            if not weight.requires_grad:
                raise ArgumentError(
                    f'{layer.name}: its weights are frozen, so that they have no gradient to equalise; use redistribute="all"'
                )
        with evaluating(self.model), torch.inference_mode(False), torch.enable_grad():
            total = [torch.zeros_like(w) for w in weights]
            for x, y in zip(self._batches(self.inputs), self._batches(self.labels), strict=True):
                ignored = -100 if self.ignore_index is None else self.ignore_index  # torch's default
                logits = self.model(x) * factor
                target = y.to(logits.dtype) if y.ndim == logits.ndim else y.long()
                loss = nn.functional.cross_entropy(logits, target, reduction="sum", ignore_index=ignored)
                for sum_, g in zip(total, torch.autograd.grad(loss, weights, allow_unused=True), strict=True):
                    sum_ += 0 if g is None else g
            ratios = [float(g.norm() / w.detach().norm()) for g, w in zip(total, weights, strict=True)]
        for layer, ratio in zip(chain, ratios, strict=True):
            if not (math.isfinite(ratio) and ratio > 0):
                raise ArgumentError(
                    f"{layer.name}: its gradient on the validation data is {ratio:g} relative to its weights, nothing to equalise"
                )
        return ratios

    def _say(self, text: str) -> None:
        if not self._warned:
            warnings.warn(f"Cooling: {text}", stacklevel=3)
        self._warned = True


def _checked_share(redistribute: object) -> tuple[float, bool]:
    named = {"last": 0.0, "all": 1.0}
    if redistribute == "equalise":
        return 1.0, True
    if isinstance(redistribute, str) and redistribute in named:
        return named[redistribute], False
    if isinstance(redistribute, (int, float)) and not isinstance(redistribute, bool) and 0 <= redistribute <= 1:
        return float(redistribute), False
    raise ArgumentError(f'redistribute: "last", "all", "equalise" or a share from 0 to 1 is needed, got {redistribute!r}')
