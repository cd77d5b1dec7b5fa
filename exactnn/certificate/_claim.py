"""What a certificate claims: one class for each question, with its keys, its words, and the methods that can support it.

A method is named as text, module.function, and imported when it is used, so that what checks a claim is what the claim needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from ._load import load
from ._network import Network
from ._numbers import Tensor, mapping, named, need, rational, show, tensor

QUESTIONS = {
    "equal": "_claim.Equal",
    "zero": "_claim.Zero",
    "symmetry": "_claim_symmetry.Symmetry",
    "equal_at": "_claim_points.EqualAt",
    "same_decision": "_claim_cells.SameDecision",
    "deviation": "_claim_cells.Deviation",
    "execution_error": "_claim_run.ExecutionError",
    "regions": "_claim_cells.Regions",
    "orbits": "_claim_orbits.Orbits",
    "identity": "_identity.Identity",
    "pole_free": "_claim_poles.PoleFree",
}


BESIDE = {"matched", "denominators", "shared"}  # what evidence may have beside its method
_PROVED = {"forms": "_forms.check_forms", "tree": "_tree.check_tree", "pass": "_difference.check_pass", "boxes": "_boxes.check_boxes"}


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


class Claim:
    """The question, the answer claimed for it, and what they speak about."""

    keys: ClassVar[tuple[str, ...]] = ("tolerance", "domain")
    optional: ClassVar[tuple[str, ...]] = ()
    methods: ClassVar[Mapping[str, Mapping[str, str]]]  # by answer and by name
    names: tuple[str, ...] = ("f", "g")  # of the networks that it is about
    tolerance = Fraction(0)
    domain: Domain | None = None
    norm = "linf"
    nonzero: frozenset[tuple[int, ...]] = frozenset()  # denominators that are shown to have no real zero

    def __init__(self, document: dict[str, Any]) -> None:
        self.written = mapping(document, "claim", ("question", "answer", *self.keys), self.optional)
        self.question, self.answer = document["question"], named(document, "claim", "answer")
        need(
            self.answer in self.methods, "claim", f"the answer to {self.question!r} is one of {list(self.methods)}, not {show(self.answer)}"
        )
        if "tolerance" in self.keys:
            self.tolerance = rational(document["tolerance"], "claim: tolerance")
            need(self.tolerance >= 0, "claim: tolerance", "a negative tolerance")
        if document.get("domain") is not None:
            raw = mapping(document["domain"], "claim: domain", ("A", "b"))
            matrix = tensor(raw["A"], "claim: domain: A")
            need(len(matrix.shape) == 2, "claim: domain: A", "a matrix has two axes")
            self.domain = Domain(matrix, tensor(raw["b"], "claim: domain: b", matrix.shape[:1]).fractions())
        self.read(document)

    def read(self, document: dict[str, Any]) -> None:
        """The keys of this question alone."""

    def networks(self, models: Mapping[str, Network]) -> tuple[Network | None, Network | None]:
        """f and g, where there are any."""
        return models.get("f"), models.get("g")

    def support(self, f: Any, g: Any, evidence: Any) -> None:
        """Rejected unless the evidence shows that the answer is right, by the one method that it names."""
        method, methods = named(evidence, "evidence", "method"), self.methods[self.answer]
        need(method in methods, "evidence", f"{show(method)} cannot support {self.answer!r} of {self.question!r}")
        asked = (self, f, g, evidence) if BESIDE.isdisjoint(evidence) else load("_beside.taken_up")(self, f, g, evidence)
        load(methods[method])(*asked)


class Equal(Claim):
    """|f_j - g_j| <= tolerance on the domain."""

    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": _PROVED,
        "refuted": {"point": "_point.check_point", "enclosure": "_enclosure.check_enclosure"},
    }


class Zero(Equal):
    """|f_j| <= tolerance on the domain."""

    names = ("f",)


def read_claim(document: Any) -> Claim:
    """The claim of a certificate; the domain's dimension is compared with the models' later."""
    question = named(document, "claim", "question")
    need(question in QUESTIONS, "claim", f"unknown question {show(question)}")
    found: Claim = load(QUESTIONS[question])(document)
    return found
