"""What a certificate claims: one class for each question, with its keys, its words, and the methods that can support it.

A method is named as text, module.function, and imported when it is used, so that what checks a claim is what the claim needs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from typing import Any, ClassVar, NamedTuple, Self

from . import _words
from ._models import canonical_hash
from ._network import Network
from ._numbers import Tensor, items, mapping, need, rational, show, tensor

QUESTIONS = {
    "equal": "_claim.Equal",
    "zero": "_claim.Zero",
    "symmetry": "_claim.Symmetry",
    "equal_at": "_claim_points.EqualAt",
    "same_decision": "_claim_cells.SameDecision",
    "deviation": "_claim_cells.Deviation",
    "execution_error": "_claim_run.ExecutionError",
    "regions": "_claim_cells.Regions",
    "orbits": "_claim_orbits.Orbits",
    "identity": "_claim_points.Identity",
    "pole_free": "_claim_poles.PoleFree",
}


def load(name: str) -> Any:
    """What a text like "_tree.check_tree" names in this folder."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(f".{module}", __package__), attribute)


def monic(polynomial: Sequence[Fraction | int]) -> tuple[Fraction, ...]:
    """A polynomial other than 0, constant term first, divided by its leading coefficient."""
    degree = max(k for k, c in enumerate(polynomial) if c)
    return tuple(Fraction(c) / polynomial[degree] for c in polynomial[: degree + 1])


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
    beside: ClassVar[tuple[str, ...]] = ()  # what its evidence may have besides: "matched", "shared", "denominators"
    uses: ClassVar[tuple[str, ...]] = ()  # what its networks are made by
    names: tuple[str, ...] = ("f", "g")  # of the networks that it is about
    tolerance = Fraction(0)
    domain: Domain | None = None
    norm = "linf"
    nonzero: frozenset[tuple[Fraction, ...]] = frozenset()  # denominators that are shown to have no real zero

    def __init__(self, document: dict[str, Any]) -> None:
        self.written = mapping(document, "claim", ("question", "answer", *self.keys), self.optional)
        self.question, self.answer = document["question"], document["answer"]
        need(self.answer in self.methods, "claim", f"{self.question!r} is proved, not {self.answer}")
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

    def _replace(self, **fields: Any) -> Self:
        """A copy with other fields."""
        other = copy.copy(self)
        other.__dict__.update(fields)
        return other

    def networks(self, models: Mapping[str, Network]) -> tuple[Network | None, Network | None]:
        """f and g, where there are any."""
        return models.get("f"), models.get("g")

    def instead(self, evidence: dict[str, Any]) -> tuple[Claim, Any]:
        """What is shown, from which the claim follows, and its evidence: the claim itself, but where one that says more is allowed."""
        return self, evidence

    def without_lower(self, f: Any, g: Any, evidence: dict[str, Any]) -> dict[str, Any]:
        """The evidence for what the method is asked: without what shows a lower bound, where one is claimed."""
        return evidence

    def need_no_poles(self, *networks: Network | None) -> None:
        """Rejected unless the denominators of all rational nodes are among those that have been shown to have no real zero."""
        for node in (node for network in networks if network is not None for node in network.nodes if node.op == "rational"):
            known = monic(node.fields["denominator"]) in self.nonzero
            need(known, f"node {node.name}", "its denominator is not shown to have no real zero, so there may be a pole")

    @property
    def sha256(self) -> str:
        """The hash of the claim as written, made as for an inline model."""
        return canonical_hash(self.written, "claim")

    @property
    def inhabited(self) -> bool | None:
        """Whether the domain has a point; None where that is not shown."""
        return True if self.domain is None or self.answer == "refuted" else _words.inhabited(self.domain.rows())

    def sentence(self, f: Network | None) -> str:
        """The claim in words."""
        try:
            details = self.details(f)
        except _words.Long:
            details = f"; the claim has the sha256 {self.sha256}"
        return f"{self.answer}: {self.says(f)}{details}"

    def says(self, f: Any) -> str:
        """What is claimed, in words that are never long."""
        other = {"equal": "g", "zero": "0", "symmetry": "T(f)"}[self.question]
        if self.answer == "proved":
            return f"{f'|f_j - ({other})_j| <= {show(self.tolerance)}' if self.tolerance else f'f = {other}'} on {self.place(f)}"
        excess = f" by more than {show(self.tolerance)}" if self.tolerance else ""
        return f"at a point of {self.place(f).removeprefix('all of ')}, f differs from {other}{excess}"

    def details(self, f: Any) -> str:
        """The rows of the domain, in words that may be long."""
        _words.number(self.tolerance)
        return "" if self.domain is None else f"; the rows: {_words.rows(self.domain.rows(), self.domain.matrix.denominator)}"

    def place(self, f: Network) -> str:
        """Where it is claimed."""
        if self.domain is None:
            return f"all of R^{f.input_size}"
        note = {True: "", False: " (which is empty)", None: " (which may be empty)"}[self.inhabited]
        return f"all of the polyhedron A x <= b in R^{f.input_size} given by {len(self.domain.bounds)} rows{note}"


class Equal(Claim):
    """|f_j - g_j| <= tolerance on the domain."""

    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {
            "forms": "_forms.check_forms",
            "tree": "_tree.check_tree",
            "pass": "_difference.check_pass",
            "boxes": "_boxes.check_boxes",
        },
        "refuted": {"point": "_point.check_point", "enclosure": "_enclosure.check_enclosure"},
    }
    beside: ClassVar[tuple[str, ...]] = ("matched", "shared", "denominators")


class Zero(Equal):
    """|f_j| <= tolerance on the domain."""

    names = ("f",)
    beside = ("denominators",)


class Symmetry(Equal):
    """|T(f)_j - f_j| <= tolerance on the domain, T a list of steps."""

    keys = ("tolerance", "domain", "transformation")
    uses = ("_transform.transformed",)
    names = ("f",)
    beside = ("shared", "denominators")

    def read(self, document: dict[str, Any]) -> None:
        """The steps as written, which are read when T(f) is made."""
        self.transformation = items(document["transformation"], "claim: transformation")

    def networks(self, models: Mapping[str, Network]) -> tuple[Network | None, Network | None]:
        """f and T(f)."""
        return models["f"], load(self.uses[0])(models["f"], self.transformation)

    def details(self, f: Any) -> str:
        """The rows of the domain, and the steps."""
        return f"{super().details(f)}; T: {_words.steps(self.transformation)}"


def read_claim(document: Any) -> Claim:
    """The claim of a certificate; the domain's dimension is compared with the models' later."""
    need(type(document) is dict, "claim", f"expected an object, found {show(document)}")
    question, answer = document.get("question"), document.get("answer")
    need(type(question) is str and question in QUESTIONS, "claim", f"unknown question {show(question)}")
    need(type(answer) is str and answer in ("proved", "refuted"), "claim", f"unknown answer {show(answer)}")
    found: Claim = load(QUESTIONS[question])(document)
    return found
