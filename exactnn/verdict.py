"""The three-way answer to a yes/no question: Proved, Refuted or Unknown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

from exactnn.errors import VerdictIsNotBoolean

Point = tuple[Fraction, ...]


class Certificate(Protocol):
    """What the standalone checker re-checks; see `exactnn.verify.Certificate`."""

    @property
    def kind(self) -> str:
        """The method of the evidence."""

    @property
    def evidence(self) -> dict[str, Any]:
        """The method and what it needs."""

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object."""

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it."""


@dataclass(frozen=True)
class Verdict:
    """Proved or Refuted, each with a certificate, or Unknown, with the reason. The semantics is real arithmetic.

    Attributes
    ----------
    status : "proved", "refuted" or "unknown"
    question : the question that was asked, in words
    reason : how it was decided; for "unknown", why it was not, and how far it got
    certificate : what the standalone checker re-checks; None for "unknown"
    counterexample : a flat input point at which the claim fails; None unless refuted
    values : the exact outputs of both networks at the counterexample; None unless refuted
    """

    status: Literal["proved", "refuted", "unknown"]
    question: str
    reason: str
    certificate: Certificate | None = None
    counterexample: Point | None = None
    values: tuple[Point, Point] | None = None
    semantics: str = "real arithmetic"

    @property
    def proved(self) -> bool:
        """Whether the status is "proved"."""
        return self.status == "proved"

    @property
    def refuted(self) -> bool:
        """Whether the status is "refuted"."""
        return self.status == "refuted"

    @property
    def unknown(self) -> bool:
        """Whether the status is "unknown"."""
        return self.status == "unknown"

    def __bool__(self) -> NoReturn:
        raise VerdictIsNotBoolean(f"a verdict has three values, this one is {self.status!r}; ask .proved, .refuted or .unknown")

    def __str__(self) -> str:
        return f"{self.status.upper()}: {self.question} ({self.semantics}). {self.reason}"
