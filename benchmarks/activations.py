"""Rational activations in torch, forward and backward: beside SiLU, GELU and their own formulas left to autograd; memory kept between."""

from __future__ import annotations

import ctypes
import importlib.util
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch

import exactnn as xn
from benchmarks.measure import Row

Step = Callable[[], tuple[torch.Tensor, ...]]
Call = Callable[[torch.Tensor], torch.Tensor]
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


class Contender(NamedTuple):
    """An activation, and what is learnt in it."""

    call: Call
    parameters: tuple[torch.Tensor, ...] = ()


# --- the plain baselines ----------------------------------------------------------------------------------------------------


def plain_era(m: xn.nn.ERA) -> Contender:
    """sigma as it is written, in x's dtype."""

    def call(x: torch.Tensor) -> torch.Tensor:
        a, b, c, d, e, f = (p.to(x.dtype) for p in m.parameters())
        total = a * x + b
        for i in range(len(c)):
            total = total + (c[i] * x + d[i]) / ((x - e[i]) ** 2 + f[i] ** 2 + m.epsilon)
        return total

    return Contender(call, tuple(m.parameters()))


def plain_pade(m: xn.nn.SafePade) -> Contender:
    """Version A as it is written: P by Horner's rule, 1 + sum |b_k x^k| by powers."""

    def call(x: torch.Tensor) -> torch.Tensor:
        a, b = (p.to(x.dtype) for p in m.parameters())
        top = a[-1] * torch.ones_like(x)
        for k in range(len(a) - 2, -1, -1):
            top = top * x + a[k]
        power, bottom = x, 1 + (b[0] * x).abs()
        for k in range(1, len(b)):
            power = power * x
            bottom = bottom + (b[k] * power).abs()
        return top / bottom

    return Contender(call, tuple(m.parameters()))


# --- what is measured -------------------------------------------------------------------------------------------------------


def contenders(device: str) -> dict[str, Contender]:
    """By name, ours and the baselines; a plain formula has the coefficients of the module whose formula it is."""
    eras = {n: xn.nn.ERA(n, "swish", device=device) for n in (2, 4)}
    pade = xn.nn.SafePade("A", init="swish", device=device)
    return {
        "SiLU": Contender(torch.nn.functional.silu),
        "GELU": Contender(torch.nn.functional.gelu),
        "ERA 4": Contender(eras[4], tuple(eras[4].parameters())),
        "ERA 2": Contender(eras[2], tuple(eras[2].parameters())),
        "SafePade A 5/4": Contender(pade, tuple(pade.parameters())),
        "plain ERA 4": plain_era(eras[4]),
        "plain ERA 2": plain_era(eras[2]),
        "plain Pade A 5/4": plain_pade(pade),
    }


#: Who is measured beside whom.
PAIRS = {
    "ERA 4": ("SiLU", "GELU", "plain ERA 4"),
    "ERA 2": ("SiLU", "plain ERA 2"),
    "SafePade A 5/4": ("SiLU", "plain Pade A 5/4"),
}


def step(one: Contender, x: torch.Tensor, along: torch.Tensor) -> Step:
    """One forward and one backward pass: the value, and the gradients of x and of the coefficients."""

    def run() -> tuple[torch.Tensor, ...]:
        y = one.call(x)
        return y.detach(), *torch.autograd.grad(y, (x, *one.parameters), along)

    return run


def race(steps: dict[str, Step], device: str, rounds: int, least: float = 0.02) -> dict[str, float]:
    """The least seconds of each, of rounds in which all take their turns, each for about `least` seconds."""

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def spent(one: Step, times: int) -> float:
        wait()
        start = time.perf_counter()
        for _ in range(times):
            one()
        wait()
        return time.perf_counter() - start

    for one in steps.values():  # compilers, caches
        for _ in range(3):
            one()
    times = {name: max(1, math.ceil(least / spent(one, 3) * 3)) for name, one in steps.items()}
    found = dict.fromkeys(steps, math.inf)
    for _ in range(rounds):
        for name, one in steps.items():
            found[name] = min(found[name], spent(one, times[name]) / times[name])
    return found


def kept(one: Contender, x: torch.Tensor) -> float:
    """Bytes kept for the backward pass, in bytes of x; a storage that is kept twice counts once."""
    saved: list[torch.Tensor] = []  # alive until they are counted, so that no storage is used again

    def save(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        y = one.call(x)
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in saved}
    del y
    return sum(sizes.values()) / x.untyped_storage().nbytes()


def agree(steps: dict[str, Step], dtype: torch.dtype) -> None:
    """Raises where a module and its plain formula differ, in the value or in a gradient."""
    if dtype == torch.float32:
        for name, others in PAIRS.items():
            for other in (o for o in others if o.startswith("plain")):
                for ours, theirs in zip(steps[name](), steps[other](), strict=True):
                    scale = max(1.0, float(theirs.abs().max()))
                    torch.testing.assert_close(ours / scale, theirs / scale, rtol=1e-3, atol=1e-3)


def steady_memory() -> bool:
    """Has glibc keep freed memory: else fresh pages for results of megabytes take longer than the work, for now this, now that one."""
    try:
        option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(option(_TRIM_THRESHOLD, 2**30) and option(_MMAP_THRESHOLD, 2**25))


def compiler(device: str) -> bool:
    """Whether torch.compile has what it needs: a C++ compiler on a CPU, Triton on a GPU."""
    if device == "cuda":
        return importlib.util.find_spec("triton") is not None
    return any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++") if name)


def measured(
    shape: tuple[int, ...], dtype: torch.dtype, device: str, modes: Iterable[str], rounds: int
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """The rows of one input, and the memory kept by mode and contender."""
    generator = torch.Generator().manual_seed(0)
    x, along = (torch.randn(shape, generator=generator).to(device, dtype) for _ in range(2))
    x.requires_grad_()
    rows, memory = [], {}
    where = f"{'x'.join(map(str, shape))} {str(dtype).removeprefix('torch.')}" + (" cuda" if device == "cuda" else "")
    for mode in modes:
        torch.compiler.reset()
        ready = {
            name: Contender(torch.compile(one.call, dynamic=False), one.parameters) if mode == "compiled" else one
            for name, one in contenders(device).items()
        }
        steps = {name: step(one, x, along) for name, one in ready.items()}
        agree(steps, dtype)
        seconds = race(steps, device, rounds)
        rows += [
            Row(f"{name}, {where}, {mode}", seconds[name], other, seconds[other]) for name, others in PAIRS.items() for other in others
        ]
        memory[mode] = {name: kept(one, x) for name, one in ready.items()}
    return rows, memory


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    cases: list[tuple[tuple[int, ...], torch.dtype]] = [((16, 64), torch.float32), ((16, 64), torch.bfloat16)]
    if not quick:
        cases = [((256, 256), torch.float32), ((64, 1024), torch.float32), ((32, 64, 32, 32), torch.float32), ((64, 1024), torch.bfloat16)]
    rows, notes = [], []
    steady, memories = steady_memory(), dict[str, list[str]]()
    for device in ("cpu", *(("cuda",) if torch.cuda.is_available() else ())):
        modes = ["eager", "compiled"] if compiler(device) and not quick else ["eager"]
        if "compiled" not in modes:
            notes.append(f"{device}: no torch.compile, {'which takes too long for a quick run' if quick else 'no compiler was found'}.")
        for shape, dtype in cases:
            found, memory = measured(shape, dtype, device, modes, 2 if quick else 15)
            rows += found
            for mode, ratios in memory.items():
                parts = ", ".join(f"{name} {ratio:.1f}" for name, ratio in ratios.items())
                memories.setdefault(parts, []).append(f"{'x'.join(map(str, shape))} {str(dtype).removeprefix('torch.')} {mode} {device}")
    notes += [f"kept for backward, in sizes of the input: {parts} ({', '.join(where)})." for parts, where in memories.items()]
    notes.append(
        f"forward and backward, all gradients, torch {torch.__version__}, {torch.get_num_threads()} threads; the least of rounds in which "
        "all take turns. Plain: the formula as it is written, in the input's dtype, gradients by autograd, the same up to rounding."
        + (" Freed memory is kept by the process." if steady else "")
    )
    return "Rational activations in torch", notes, rows
