"""One case measured: the bracket and its certificate, what is seen at points, what float32 runs cost, and the decisions."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from deviation.cases import Case

import exactnn as xn
from exactnn.claims import Certificate

CHECKER = Path(xn.__file__).parent / "certificate"


@dataclass(frozen=True)
class Proof:
    """A certificate on disk and what the standalone checker says of it."""

    path: Path
    size: int
    accepted: bool
    answer: str
    seconds: float


@dataclass(frozen=True)
class RunError:
    """|float32 run - exact network| <= upper on the box."""

    upper: Fraction
    proof: Proof


@dataclass(frozen=True)
class Row:
    """lower <= max |f - g| <= upper on the box of the case.

    Attributes
    ----------
    at_points : |f - g| at the case's point where a float64 run sees most of it; at that point exact
    seconds : for the bracket and its certificate
    runs : the error of float32 runs of f and of g
    right : the shares of test images that float32 runs of f and of g decide rightly, and on which both decide alike
    """

    case: Case
    lower: Fraction
    upper: Fraction
    at_points: Fraction
    seconds: float
    proof: Proof
    runs: tuple[RunError, RunError]
    right: tuple[float, float, float] | None

    @property
    def proofs(self) -> tuple[Proof, ...]:
        return self.proof, *(run.proof for run in self.runs)


class Measuring:
    """Cases one by one; the error of a network's run is asked for once."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._runs: dict[str, RunError] = {}

    def row(self, case: Case) -> Row:
        """Everything about a case; certificates go to the folder."""
        start = time.perf_counter()
        found = xn.max_deviation(case.f, case.g, domain=case.domain, time_limit=self.seconds)
        certificate = found.certificate
        seconds = time.perf_counter() - start
        proof = self._checked(certificate, case.name)
        runs = tuple(self._run(name, net, case.domain) for name, net in zip(case.models, (case.f, case.g), strict=True))
        return Row(case, found.lower, found.upper, at_points(case), seconds, proof, (runs[0], runs[1]), right(case))

    def _run(self, name: str, net: xn.Network, domain: xn.Box) -> RunError:
        if name not in self._runs:
            found = xn.execution_error(net, domain=domain)
            self._runs[name] = RunError(found.upper, self._checked(found.certificate, f"{name}.run"))
        return self._runs[name]

    def _checked(self, certificate: Certificate, name: str) -> Proof:
        """Saved, and re-checked in a Python without site packages, so that it is the standalone checker that speaks."""
        path = certificate.save(self.folder / f"{name}.certificate.json.gz")
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-I", "-S", str(CHECKER), str(path)], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        answer = (done.stdout.splitlines() or [done.stderr.strip()])[0]
        return Proof(path, path.stat().st_size, done.returncode == 0, answer, seconds)


def at_points(case: Case) -> Fraction:
    """max_j |f_j(x) - g_j(x)| without rounding, x the point where float64 runs differ most."""
    f, g = (_run_in(net, torch.float64, case.points) for net in (case.f, case.g))
    x = [Fraction(float(q)) for q in case.points[(f - g).abs().amax(dim=1).argmax()]]
    return max(abs(a - b) for a, b in zip(case.f(x), case.g(x), strict=True))


def right(case: Case) -> tuple[float, float, float] | None:
    """Shares of the test images: f right, g right, both with the same decision."""
    if case.labels is None:
        return None
    f, g = (_run_in(net, torch.float32, case.points).argmax(dim=1) for net in (case.f, case.g))
    return _share(f == case.labels), _share(g == case.labels), _share(f == g)


def _run_in(net: xn.Network, dtype: Any, points: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = net.to_torch(dtype=dtype)(points.to(dtype)).flatten(1)
    return result


def _share(which: torch.Tensor) -> float:
    return float(which.double().mean())
