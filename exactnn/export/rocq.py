"""A certificate as a theorem for Rocq: a file that says what was certified, about these very weights, and proves it.

The file needs proofs/rocq, compiled. Its theorem is proved by running a checker there, which is itself proved correct:
`check p c = true -> claim c p`. Neither Python nor the certificate is trusted; a wrong number anywhere makes a file that does not compile.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

from exactnn.certificate import Accepted
from exactnn.certificate.building import matched, transformed
from exactnn.errors import SaveError
from exactnn.exact.files import write_text
from exactnn.exact.reading import parse_json
from exactnn.export import _rocq_moves
from exactnn.export import _rocq_words as words
from exactnn.export._rocq_forms import rational, write_forms
from exactnn.export._rocq_graph import Net, Piece
from exactnn.export._rocq_layers import common, kinds, like, net_of
from exactnn.export._rocq_moves import moves, scaled
from exactnn.export._rocq_state import Affine, Row, primitive
from exactnn.export._rocq_statement import header, statement
from exactnn.export._rocq_tree import write_tree

QUESTIONS = ("equal", "zero", "symmetry")


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
        header(accepted),
        definitions(accepted, evidence),
        "",
        f"Lemma accepted : check question {checked} = true.",
        "Proof. vm_cast_no_check (erefl true). Qed.",
        "",
        *statement(claim, accepted.models["f"].network.input_size),
    ]
    return "\n".join(lines) + "\n"


def definitions(accepted: Accepted, evidence: dict[str, Any]) -> str:
    """The networks, the domain, the question and the evidence, without any proof."""
    claim, network = accepted.claim, accepted.models["f"].network
    if claim.question not in QUESTIONS:
        raise SaveError(f"a theorem for Rocq is about two equal networks or one that is zero, not about {claim.question!r}")
    if (evidence["method"] == "point") != (claim.answer == "refuted"):
        raise SaveError(f"evidence {evidence['method']!r} does not support the answer {claim.answer!r} in Rocq")
    f, inputs = net_of(network, "f"), network.input_size
    if claim.question == "equal":
        g = net_of(accepted.models["g"].network, "g")
    elif claim.question == "symmetry":
        g = net_of(transformed(network, claim.written["transformation"]), "T(f)")
    else:
        g = Net(inputs, [Piece([0], [(Affine(1, [[0] * (1 + inputs)] * network.output_size), "")])])
    if evidence["method"] in ("pass", "boxes"):
        f, g = common(f, g)
    grids = any(len(node.shape) > 1 for node in network.nodes if node.op == "input")
    domain = [] if claim.domain is None else [_inequality(row, claim.domain.matrix.denominator, b) for row, b in claim.domain.rows()]
    tolerance, shown, moved = claim.tolerance, g, []
    if "matched" in evidence and claim.answer == "proved":
        second = accepted.models["g"].network
        shown, moved = net_of(matched(second, evidence["matched"]), "g"), moves(second, evidence["matched"])
        if not shown.chain:
            raise SaveError("neurons that are matched are written for Rocq in networks that are one chain of layers")
        if not scaled(moved):
            shown = like(g, shown)
        elif evidence["method"] in ("pass", "boxes"):
            f, shown = common(f, shown)
        evidence = {key: value for key, value in evidence.items() if key != "matched"}
    written = _evidence(f, shown, inputs, domain, tolerance, evidence, claim.question == "zero", grids)
    if moved:
        written = _rocq_moves.written(moved, shown.layers(), written)
    return "\n".join(
        [
            *(f"Definition {name} : network := {net.text()}." for name, net in (("f", f), ("g", g))),
            f"Definition domain_rows : seq inequality := {words.listed(map(_domain_row, domain))}.",
            f"Definition question : problem := about {words.number(inputs)} f g domain_rows "
            f"{words.pair(tolerance.numerator, tolerance.denominator)}.",
            f"Definition evidence := {written}.",
        ]
    )


def _evidence(
    f: Net,
    g: Net,
    inputs: int,
    domain: list[tuple[Fraction, Row]],
    tolerance: Fraction,
    evidence: dict[str, Any],
    zero: bool,
    grids: bool,
) -> str:
    method = evidence["method"]
    if method == "point":
        point = [rational(v) for v in evidence["point"]]
        common = lcm(*(v.denominator for v in point))
        gaps = [abs(rational(a) - rational(b)) for a, b in zip(evidence["f"], evidence["g"], strict=True)]
        output = gaps.index(max(gaps))
        return f"at_point {words.number(common)} {words.listed(words.number(int(v * common)) for v in point)} {output}"
    if method in ("pass", "boxes"):
        if "box" in evidence or not domain:
            raise SaveError("intervals are written for Rocq where each input is bounded by rows of its own")
        if zero:
            return _boxes(evidence, "apart")
        if kinds(f) != kinds(g):
            raise SaveError("intervals are written for Rocq for two networks of the same layers")
        return _boxes(evidence, "intervals")
    if method in ("tree", "forms") and evidence["hull"] is not None:
        raise SaveError("a domain of lower dimension is not written for Rocq")
    first, second = f.layers(), g.layers()
    layers, rows = ([v for v, _ in first], [v for v, _ in second]), [row for _, row in domain]
    if "shared" in evidence:  # the verified checker sees for itself which functions are the same
        if evidence != {"method": "forms", "hull": None, "f": {}, "g": {}, "output": None, "shared": evidence["shared"]}:
            raise SaveError("a proof about what is left of two networks without their common parts is not written for Rocq")
        tree = write_tree(*layers, inputs, rows, tolerance, [["leaf", [], None]])
    elif method == "tree":
        tree = write_tree(*layers, inputs, rows, tolerance, evidence["tree"])
    elif method == "forms":
        if grids and not evidence.get("elements"):  # lines are about whole channels; entries are found to be the same without them
            lines = [line for key in "fg" for found in evidence[key].values() for line in found if line is not None]
            if any(line[0] != "atom" for line in lines) or evidence["output"] is not None:
                raise SaveError("signs of whole channels of convolutions are not written for Rocq")
            evidence = {**evidence, "f": {}, "g": {}}
        tree = write_forms(first, second, inputs, domain, tolerance, evidence)
    else:
        raise SaveError(f"evidence {method!r} is not written for Rocq; forms, tree, pass and point are")
    return f"Leaf\n{tree}"


def _boxes(evidence: dict[str, Any], word: str) -> str:
    """One pass, or a tree of boxes with a pass at each leaf: over the difference (intervals), or over each network alone (apart)."""
    bits = evidence["bits"]
    out: list[str] = []
    waiting = [""]
    nodes: list[Any] = evidence["tree"] if evidence["method"] == "boxes" else [["pass"]]
    for node in nodes:
        after = waiting.pop()
        if node[0] == "split":
            _, j, n = node
            out.append(f"(cut (nonnegative {words.argument(n)} [:: {words.pair(j, -(2**bits))}])")
            waiting += [after + ")", ""]
        elif node[0] == "pass":
            out.append(f"({word} {words.number(bits)}){after}")
        else:
            raise SaveError(f"boxes with {node[0]!r} are not written for Rocq; those with 'pass' are")
    return "\n".join(out)


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
