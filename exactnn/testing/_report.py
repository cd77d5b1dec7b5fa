"""The report of a failure: one screen with the networks as code, the point, both values, and where the values part."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactnn.errors import ExactnnError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import short
from exactnn.network import Network
from exactnn.testing._certificates import Folder, write_certificate
from exactnn.testing._code import network_code
from exactnn.testing._judge import Judgement, certified_bound
from exactnn.texts import rounded

_CODE = 1200  # characters of code that are shown
_ENTRIES = 6  # of a vector


def compared(
    f: Network, g: Network, judgement: Judgement, *, domain: Any, certificates: Folder, code: str | None = None
) -> tuple[str, str | None]:
    """What is known about a failed comparison, and the file of the certificate; `code` shows f instead of its own code."""
    lines = [code or shown_code(f, "f"), shown_code(g, "g")]
    verdict = judgement.verdict
    if verdict.counterexample is not None:
        lines += _at_point(f, g, verdict.counterexample)
    else:
        lines.append(verdict.sentence)
    if judgement.changes is not None:
        lines.append(f"weights: {judgement.changes}")
    elif verdict.refuted:
        lines.append("weights: not compared, the networks have different structures")
    bound = certified_bound(f, g, domain) if verdict.refuted else None
    if bound is not None:
        lower, upper, where = bound
        exactly = f"max |f - g| = {rounded(upper)[0]}" if lower == upper else f"{rounded(lower)[0]} <= max |f - g| <= {rounded(upper)[0]}"
        lines.append(f"certified on {where}: {exactly}")
    told, path = write_certificate(verdict.certificate, certificates)
    return "\n".join([*lines, *told]), path


def shown_code(net: Network, name: str) -> str:
    """The network as code, or in short where that is more than a screen takes."""
    code = network_code(net, name)
    return code if len(code) <= _CODE else f"{name} = {net!r}  # {len(code)} characters of code; the certificate holds it"


def _at_point(f: Network, g: Network, x: Sequence[Fraction]) -> list[str]:
    lines = [f"at x = {vector(x)}"]
    try:
        values = f(x), g(x)
    except ExactnnError as error:  # values of smooth networks are no rationals
        return [*lines, f"  values: {error}"]
    lines += [f"  {name}(x) = {vector(value)}" for name, value in zip("fg", values, strict=True)]
    node = first_difference(f, g, x)
    return lines if node is None else [*lines, f"  first node whose values differ: {node}"]


def first_difference(f: Network, g: Network, x: Sequence[Fraction]) -> str | None:
    """The first node of f, in f's order, that g has too and whose value at x is another one there, in words; None if there is none.

    Nodes belong together by name and shape; if no name but those of inputs is common to both, by their order where the shapes are the same.
    """
    shared = [n for n in f.order if n in g.graph and f.shape(n) == g.shape(n) and n not in f.inputs]
    pairs = [(n, n) for n in shared]
    if not pairs and [f.shape(n) for n in f.order] == [g.shape(n) for n in g.order]:
        pairs = list(zip(f.order, g.order, strict=True))
    point = RationalArray.of(x).reshape(1, -1)
    ours, theirs = f.trace(point), g.trace(point)
    for a, b in pairs:
        if ours[a] != theirs[b]:
            left, right = ours[a].to_fractions(), theirs[b].to_fractions()
            note = " (the same numbers in another order)" if sorted(left) == sorted(right) else ""
            return f"{a!r}: {vector(left)} against {vector(right)}{note}"
    return None


def vector(values: Sequence[Fraction]) -> str:
    """Exact numbers, with decimals behind them where they are no integers."""
    exact = ", ".join(short(q, 40) for q in values[:_ENTRIES])
    more = f", ... ({len(values)} numbers)" if len(values) > _ENTRIES else ""
    if all(q.denominator == 1 and abs(q) < 10**12 for q in values[:_ENTRIES]):
        return f"({exact}{more})"
    return f"({exact}{more}) ~ ({', '.join(rounded(q)[0] for q in values[:_ENTRIES])}{more and ', ...'})"
