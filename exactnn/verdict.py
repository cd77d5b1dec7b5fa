"""The three-way answer to a yes/no question: Proved, Refuted or Unknown."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

from exactnn.errors import VerdictIsNotBoolean
from exactnn.texts import brief, fitted, number, vector
from exactnn.value import SCREEN, Value

Point = tuple[Fraction, ...]
_SENTENCES = 10  # lines of a print for the question and the reason


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


@dataclass(frozen=True, repr=False)
class Difference(Value):
    """|f_j(x) - g_j(x)| = value at x = point, for the output j: the largest one that was found, which need not be the largest there is."""

    value: Fraction
    point: Point
    output: int


@dataclass(frozen=True, repr=False)
class Verdict(Value):
    """Proved or Refuted, each with a certificate, or Unknown, with the reason. The semantics is real arithmetic.

    Attributes
    ----------
    status : "proved", "refuted" or "unknown"
    question : the question that was asked, in words
    reason : how it was decided; for "unknown", why it was not, and how far it got
    certificate : what the standalone checker re-checks; None for "unknown"
    counterexample : a flat input point at which the claim fails; None unless refuted
    values : the exact outputs of both networks at the counterexample; None unless refuted
    largest : the largest difference of an output that was found on the way, and where; None unless refuted, and for irrational values
    """

    status: Literal["proved", "refuted", "unknown"]
    question: str
    reason: str
    certificate: Certificate | None = None
    counterexample: Point | None = None
    values: tuple[Point, Point] | None = None
    semantics: str = "real arithmetic"
    largest: Difference | None = None

    @property
    def difference(self) -> Fraction | None:
        """max_j |f_j(x) - g_j(x)| at the counterexample x; None where the values are not known."""
        return None if self.values is None else max(abs(a - b) for a, b in zip(*self.values, strict=True))

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

    def _parts(self) -> Mapping[str, Any]:
        """The certificate is long, and has a dictionary of its own: `certificate.to_dict()`."""
        parts = {**super()._parts(), "certificate": None if self.certificate is None else self.certificate.kind}
        values = None if self.values is None else dict(zip("fg", self.values, strict=True))
        return {**parts, "values": values, "difference": self.difference}

    def _summary(self) -> str:
        where = "" if self.counterexample is None else f"; x = {vector(self.counterexample, 40)}"
        return f"{self.status}: {fitted(self.question, 60)}{where}"

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("status", self.status), ("question", self.question), ("semantics", self.semantics), ("reason", self.reason)]
        return rows + self._findings()

    def _findings(self) -> list[tuple[str, str]]:
        """What refutes the claim, and what the answer rests on."""
        rows = []
        if self.counterexample is not None:
            rows.append(("x", vector(self.counterexample)))
        for name, value in zip("fg", self.values or (), strict=False):
            rows.append((f"{name}(x)", vector(value)))
        if self.difference is not None:
            rows.append(("difference at x", number(self.difference, 24)))
        if self.largest is not None:
            found = self.largest
            here = "at x" if found.point == self.counterexample else f"at {vector(found.point, 60)}"
            rows.append(("largest difference found", f"{number(found.value, 24)}, output {found.output}, {here}"))
        if self.certificate is not None:
            rows.append(("certificate", f"{brief(self.certificate.kind)}; .certificate.save(path) writes it"))
        return rows

    @property
    def sentence(self) -> str:
        """Status, question and reason on one line."""
        return f"{self.status.upper()}: {self.question} ({self.semantics}). {self.reason}"

    def __str__(self) -> str:
        lines = textwrap.wrap(
            fitted(self.sentence, SCREEN * _SENTENCES), SCREEN, subsequent_indent="  ", max_lines=_SENTENCES, placeholder=" ..."
        )
        return "\n".join([*lines, *(fitted(f"  {name}: {row}", SCREEN) for name, row in self._findings())])
