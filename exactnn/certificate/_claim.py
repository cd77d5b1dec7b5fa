"""What a certificate claims."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from ._numbers import Tensor, mapping, need, rational, show, tensor

MODELS = {"equal": ("f", "g"), "zero": ("f",), "symmetry": ("f",)}


class Domain(NamedTuple):
    """{x : A x <= b}, A = matrix."""

    matrix: Tensor
    bounds: list[Fraction]

    def row(self, r: int) -> list[int]:
        """Row r of A, as numerators over the denominator of the matrix."""
        d = self.matrix.shape[1]
        return self.matrix.numerators[r * d : (r + 1) * d]

    def rows(self) -> Iterator[tuple[list[int], Fraction]]:
        """All rows (numerators) with their bounds."""
        return ((self.row(r), bound) for r, bound in enumerate(self.bounds))


class Claim(NamedTuple):
    """The question, the answer claimed for it, and what they speak about."""

    question: str
    answer: str
    tolerance: Fraction
    domain: Domain | None
    transformation: Any  # the list of steps as written; None unless the question is "symmetry"

    def sentence(self, dimension: int) -> str:
        """The claim in words."""
        other = {"equal": "g", "zero": "0", "symmetry": "T(f)"}[self.question]
        place = f"R^{dimension}"
        if self.domain is not None:
            place = f"the polyhedron A x <= b in {place} given by {len(self.domain.bounds)} rows"
        if self.answer == "proved":
            relation = f"f = {other}" if not self.tolerance else f"|f_j - ({other})_j| <= {show(self.tolerance)}"
            return f"proved: {relation} on all of {place}"
        excess = f" by more than {show(self.tolerance)}" if self.tolerance else ""
        return f"refuted: at a point of {place}, f differs from {other}{excess}"


def read_claim(document: Any) -> Claim:
    """The claim of a certificate; the domain's dimension is compared with the models' later."""
    step = "claim"
    need(type(document) is dict, step, f"expected an object, found {show(document)}")
    question, answer = document.get("question"), document.get("answer")
    need(type(question) is str and question in MODELS, step, f"unknown question {show(question)}")
    need(type(answer) is str and answer in ("proved", "refuted"), step, f"unknown answer {show(answer)}")
    extra = ("transformation",) if question == "symmetry" else ()
    mapping(document, step, ("question", "answer", "tolerance", "domain", *extra))
    tolerance = rational(document["tolerance"], "claim: tolerance")
    need(tolerance >= 0, "claim: tolerance", "a negative tolerance")
    domain = None
    if document["domain"] is not None:
        raw = mapping(document["domain"], "claim: domain", ("A", "b"))
        matrix = tensor(raw["A"], "claim: domain: A")
        need(len(matrix.shape) == 2, "claim: domain: A", "a matrix has two axes")
        domain = Domain(matrix, tensor(raw["b"], "claim: domain: b", matrix.shape[:1]).fractions())
    return Claim(question, answer, tolerance, domain, document.get("transformation"))
