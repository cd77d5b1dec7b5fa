"""A certificate as a theorem for Rocq: a file that says what was certified, about these very weights, and proves it.

The file needs proofs/rocq, compiled. Its theorem is proved by running a checker there, which is itself proved correct:
`check p c = true -> claim c p`. Neither Python nor the certificate is trusted; a wrong number anywhere makes a file that does not compile.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod
from pathlib import Path
from typing import Any

from exactnn.certificate import Accepted, transformed
from exactnn.errors import SaveError
from exactnn.exact.files import write_text
from exactnn.exact.reading import parse_json
from exactnn.export import _rocq_words as words
from exactnn.export._rocq_forms import rational, write_forms
from exactnn.export._rocq_state import Affine, Bend, Layer, Row, primitive
from exactnn.export._rocq_tree import write_tree

QUESTIONS = ("equal", "zero", "symmetry")
Named = tuple[Layer, str]


def save_rocq(certificate: str | os.PathLike[str], accepted: Accepted, path: str | os.PathLike[str]) -> None:
    """Write the theorem of a certificate file, which `certificate.examine` has accepted.

    Raises
    ------
    SaveError
        The question, the networks or the kind of evidence cannot be written for Rocq; the message says which.
    """
    data = Path(certificate).read_bytes()
    document = parse_json(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data, str)
    write_text(path, theorem(accepted, document["evidence"]))


def theorem(accepted: Accepted, evidence: dict[str, Any]) -> str:
    """The text of the file."""
    claim = accepted.claim
    checked = "evidence" if claim.answer == "refuted" else "(Equal evidence)"
    lines = [
        _header(accepted),
        definitions(accepted, evidence),
        "",
        f"Lemma accepted : check question {checked} = true.",
        "Proof. vm_cast_no_check (erefl true). Qed.",
        "",
        *_statement(claim, accepted.models["f"].network.input_size),
    ]
    return "\n".join(lines) + "\n"


def definitions(accepted: Accepted, evidence: dict[str, Any]) -> str:
    """The networks, the domain, the question and the evidence, without any proof."""
    claim, network = accepted.claim, accepted.models["f"].network
    if claim.question not in QUESTIONS:
        raise SaveError(f"a theorem for Rocq is about two equal networks or one that is zero, not about {claim.question!r}")
    if (evidence["method"] == "point") != (claim.answer == "refuted"):
        raise SaveError(f"evidence {evidence['method']!r} does not support the answer {claim.answer!r} in Rocq")
    f, inputs = _layers(network, "f"), network.input_size
    if claim.question == "equal":
        g = _layers(accepted.models["g"].network, "g")
    elif claim.question == "symmetry":
        g = _layers(transformed(network, claim.transformation), "T(f)")
    else:
        g = [(Affine(1, [[0] * (1 + inputs)] * network.output_size), "")]
    if evidence["method"] in ("pass", "boxes"):
        f, g = _common(f, g)
    domain = [] if claim.domain is None else [_inequality(row, claim.domain.matrix.denominator, b) for row, b in claim.domain.rows()]
    tolerance = claim.tolerance
    return "\n".join(
        [
            *(_network(name, layers) for name, layers in (("f", f), ("g", g))),
            f"Definition domain_rows : seq inequality := {words.listed(map(_domain_row, domain))}.",
            f"Definition question : problem := about {words.number(inputs)} f g domain_rows "
            f"{words.pair(tolerance.numerator, tolerance.denominator)}.",
            f"Definition evidence := {_evidence(f, g, inputs, domain, tolerance, evidence)}.",
        ]
    )


def _evidence(
    f: Sequence[Named], g: Sequence[Named], inputs: int, domain: list[tuple[Fraction, Row]], tolerance: Fraction, evidence: dict[str, Any]
) -> str:
    method = evidence["method"]
    if "matched" in evidence:
        raise SaveError("a proof that takes g's neurons in another order is not written for Rocq")
    if method == "point":
        point = [rational(v) for v in evidence["point"]]
        common = lcm(*(v.denominator for v in point))
        gaps = [abs(rational(a) - rational(b)) for a, b in zip(evidence["f"], evidence["g"], strict=True)]
        output = gaps.index(max(gaps))
        return f"at_point {words.number(common)} {words.listed(words.number(int(v * common)) for v in point)} {output}"
    if method in ("pass", "boxes"):
        if evidence.get("box") is not None or not domain:
            raise SaveError("intervals are written for Rocq where each input is bounded by rows of its own")
        if [_kind(v) for v, _ in f] != [_kind(v) for v, _ in g]:
            raise SaveError("intervals are written for Rocq for two networks of the same layers")
        return _boxes(evidence)
    if method in ("tree", "forms") and evidence["hull"] is not None:
        raise SaveError("a domain of lower dimension is not written for Rocq")
    if method == "tree":
        tree = write_tree([v for v, _ in f], [v for v, _ in g], inputs, [row for _, row in domain], evidence["tree"])
    elif method == "forms":
        tree = write_forms(f, g, inputs, domain, tolerance, evidence)
    else:
        raise SaveError(f"evidence {method!r} is not written for Rocq; forms, tree, pass and point are")
    return f"Leaf\n{tree}"


def _kind(layer: Layer) -> Any:
    """What two layers must share for intervals: widths and the denominator, or the whole function."""
    return (layer.denominator, [len(row) for row in layer.rows]) if isinstance(layer, Affine) else layer


def _common(f: Sequence[Named], g: Sequence[Named]) -> tuple[list[Named], list[Named]]:
    """The affine layers of both over common denominators."""
    if len(f) != len(g):
        return list(f), list(g)
    pairs: list[tuple[Named, Named]] = []
    for (a, name), (b, other) in zip(f, g, strict=True):
        if isinstance(a, Affine) and isinstance(b, Affine):
            d = lcm(a.denominator, b.denominator)
            a, b = (Affine(d, [[v * (d // layer.denominator) for v in row] for row in layer.rows]) for layer in (a, b))
        pairs.append(((a, name), (b, other)))
    return [a for a, _ in pairs], [b for _, b in pairs]


def _boxes(evidence: dict[str, Any]) -> str:
    """One pass, or a tree of boxes with a pass at each leaf."""
    bits = evidence["bits"]
    out: list[str] = []
    waiting = [""]
    for node in evidence["tree"] if evidence["method"] == "boxes" else [["pass"]]:
        after = waiting.pop()
        if node[0] == "split":
            _, j, n = node
            out.append(f"(cut (nonnegative {words.argument(n)} [:: {words.pair(j, -(2**bits))}])")
            waiting += [after + ")", ""]
        elif node[0] == "pass":
            out.append(f"(intervals {words.number(bits)}){after}")
        else:
            raise SaveError(f"boxes with {node[0]!r} are not written for Rocq; those with 'pass' are")
    return "\n".join(out)


def _layers(network: Any, label: str) -> list[Named]:
    """The network as a chain of layers, with the names of their nodes."""
    found: list[Named] = []
    nodes = network.nodes
    chain = len(network.inputs) == 1 and network.outputs == (len(nodes) - 1,)
    for i, node in enumerate(nodes):
        if not chain or node.operands != ((i - 1,) if i else ()):
            raise SaveError(f"{label}: node {node.name!r} is no link of one chain of layers, and only such networks are written for Rocq")
        if node.op in ("input", "reshape"):
            continue
        size = prod(node.shape)
        if node.op == "affine" and len(node.shape) == 1:
            found.append((_affine(node.fields["weight"], node.fields["bias"]), node.name))
        elif node.op == "batch_norm" and len(node.shape) == 1:
            found.append((_diagonal(node.fields["scale"].fractions(), node.fields["shift"].fractions()), node.name))
        elif node.op == "piecewise_linear":
            found.append((_bend(node.fields["slope"], node.fields["constant"], node.fields["kinks"]), node.name))
        elif node.op == "prelu" and len(slopes := set(node.fields["slopes"].fractions())) == 1:
            (q,) = slopes
            found.append((_bend(q, Fraction(0), [(Fraction(0), 1 - q)] if q != 1 else []), node.name))
        else:
            raise SaveError(
                f"{label}: node {node.name!r} ({node.op}, {size} entries) is not written for Rocq; affine and piecewise linear layers are"
            )
    return found


def _affine(weight: Any, bias: Any) -> Affine:
    m, n = weight.shape
    common = lcm(weight.denominator, bias.denominator)
    w, b = common // weight.denominator, common // bias.denominator
    return Affine(common, [[bias.numerators[i] * b, *(v * w for v in weight.numerators[i * n : (i + 1) * n])] for i in range(m)])


def _diagonal(scale: Sequence[Fraction], shift: Sequence[Fraction]) -> Affine:
    common = lcm(*(v.denominator for v in (*scale, *shift)))
    size = len(scale)
    return Affine(
        common,
        [[int(c * common), *(int(s * common) if j == i else 0 for j in range(size))] for i, (s, c) in enumerate(zip(scale, shift, strict=True))],
    )


def _bend(slope: Fraction, constant: Fraction, kinks: Sequence[tuple[Fraction, Fraction]]) -> Bend:
    common = lcm(slope.denominator, constant.denominator, *(v.denominator for kink in kinks for v in kink))
    return Bend(common, int(slope * common), int(constant * common), [(int(t * common), int(p * common)) for t, p in kinks])


def _inequality(numerators: Sequence[int], denominator: int, bound: Fraction) -> tuple[Fraction, Row]:
    """b - A x as a factor times a primitive row."""
    row = {j: -a * bound.denominator for j, a in enumerate(numerators, 1) if a}
    if bound:
        row[0] = bound.numerator * denominator
    c, h = primitive(row)
    return Fraction(c, denominator * bound.denominator), h


def _domain_row(inequality: tuple[Fraction, Row]) -> str:
    row = inequality[1]
    constant = row.get(0, 0)
    terms = words.listed(words.pair(j - 1, a) for j, a in sorted(row.items()) if j)
    return f"nonnegative {words.argument(constant)} {terms}"


def _network(name: str, layers: Sequence[Named]) -> str:
    return f"Definition {name} : network := {words.listed(words.layer(layer) for layer, _ in layers)}."


def _header(accepted: Accepted) -> str:
    about = [accepted.sentence, *(f"{name}: sha256 {model.sha256}" for name, model in accepted.models.items())]
    lines = [
        "A certificate of exactnn as a theorem. Compile proofs/rocq of exactnn first, then this file: coqc -Q proofs/rocq Exactnn FILE",
        "Certified: " + about[0],
        *about[1:],
    ]
    if accepted.claim.question != "equal":
        lines.append("Here g stands for 0." if accepted.claim.question == "zero" else "Here g stands for T(f).")
    text = "\n   ".join(line.replace('"', "'").replace("(*", "( *").replace("*)", "* )") for line in lines)
    return (
        f'(* {text} *)\nSet Warnings "-notation-overridden,-ambiguous-paths".\nFrom Exactnn Require Import Literals.\nImport GRing.Theory Num.Theory.\n'
        "Local Open Scope ring_scope.\nLocal Open Scope given.\n"
    )


def _statement(claim: Any, inputs: int) -> list[str]:
    """The theorem, in words of proofs/rocq/Networks.v."""
    tolerance = claim.tolerance
    numbers = f"zr R {tolerance.numerator}%Z / zr R {tolerance.denominator}%Z"
    where = "" if claim.domain is None else " inside domain_rows x ->"
    ins, facts = ("", "(fun _ => False_ind _)") if claim.domain is None else (" xD", "xD")
    lines = ["(* Over every ordered field R, the rationals and the reals among them. *)"]
    if claim.answer == "refuted":
        inside = "" if claim.domain is None else " inside domain_rows x /\\"
        lines += [
            f"Theorem f_and_g_differ (R : realFieldType) : exists x : seq R, size x = {inputs}%N /\\{inside}",
            f"  exists j, {numbers} < `|nth 0%R (run f x) j - nth 0%R (run g x) j|%R.",
            "Proof. by have [x [sx xD [j far]]] := check_sound R accepted; exists x; repeat split=> //; exists j. Qed.",
            "Print Assumptions f_and_g_differ.",
        ]
    elif tolerance:
        lines += [
            f"Theorem f_is_near_g (R : realFieldType) (x : seq R) : size x = {inputs}%N ->{where}",
            f"  size (run f x) = size (run g x) /\\ forall j, (`|nth 0%R (run f x) j - nth 0%R (run g x) j|%R <= {numbers})%R.",
            f"Proof. move=> sx{ins}; exact: (@check_sound R question (Equal evidence) accepted x sx {facts}). Qed.",
            "Print Assumptions f_is_near_g.",
        ]
    else:
        lines += [
            f"Theorem f_equals_g (R : realFieldType) (x : seq R) : size x = {inputs}%N ->{where} run f x = run g x.",
            f"Proof. move=> sx{ins}; exact: (@check_equal R question evidence (erefl 0%Z) accepted x sx {facts}). Qed.",
            "Print Assumptions f_equals_g.",
        ]
    return lines
