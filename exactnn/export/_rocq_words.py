"""Numbers and lists as the files for Rocq have them (proofs/rocq/Literals.v)."""

from __future__ import annotations

from collections.abc import Iterable

from exactnn.export._rocq_state import Affine, Axis, Bend, Hint, Layer, Proof

_WIDTH = 150
_TERMS = {"row": "by_row", "atom": "by_atom", "mirror": "by_mirror"}


def number(n: int) -> str:
    """Hexadecimal where that is quicker to read."""
    return str(n) if -10 < n < 10 else hex(n)


def argument(n: int) -> str:
    """A number behind a function."""
    return f"({number(n)})" if n < 0 else number(n)


def listed(words: Iterable[str]) -> str:
    """[:: a; b; c], broken into lines."""
    lines, line = [], "[::"
    separator = " "
    for word in words:
        if len(line) + len(word) > _WIDTH:
            lines.append(line + separator.rstrip())
            line, separator = word, "; "
            continue
        line += separator + word
        separator = "; "
    lines.append(line + "]")
    return "\n".join(lines)


def pair(a: int, b: int) -> str:
    """(a, b)"""
    return f"({number(a)}, {number(b)})"


def axes(values: Iterable[Axis]) -> str:
    """Those of windows."""
    return listed(f"(axis_of {' '.join(map(argument, axis))})" for axis in values)


def layer(value: Layer) -> str:
    """One layer of a network, affine or with kinks."""
    if isinstance(value, Affine) and value.word:
        return value.word
    if isinstance(value, Affine) and value.windows is not None:
        channels, many, on, kernels = value.windows
        rows = listed(f"(kernel {number(first)} {listed(map(number, row))})" for first, row in kernels)
        return f"conv {number(value.denominator)} {number(channels)} {number(many)} {axes(on)} {rows}"
    if isinstance(value, Affine):
        rows = listed(listed(map(number, row)) for row in value.rows)
        return f"affine {number(value.denominator)} {rows}"
    assert isinstance(value, Bend)
    if value == (1, 0, 0, [(0, 1)], 0):
        return "relu"
    kinks = listed(pair(*kink) for kink in value.kinks)
    return f"bent {number(value.denominator)} {argument(value.slope)} {argument(value.constant)} {kinks}"


def terms(proof: Proof) -> str:
    """factor and terms, as two arguments."""
    return f"{argument(proof.factor)} {listed(f'{_TERMS[kind]} {argument(i)} {argument(y)}' for kind, i, y in proof.terms)}"


def farkas(proof: Proof) -> str:
    """A proof as one argument."""
    return f"(farkas {terms(proof)})"


def hint(value: Hint | None) -> str:
    """On, off or open."""
    if value is None:
        return "Open"
    return f"{'on' if value.sign > 0 else 'off'} {terms(value.proof)}"
