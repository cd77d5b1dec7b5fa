"""Transformations on the command line: inline options, or a JSON file in the certificate's format (docs/certificate-format.md)."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from exactnn.cli._domain import IntegerText, read_json
from exactnn.errors import ArgumentError, ExactnnError
from exactnn.network import Network
from exactnn.symmetry import Composition, Flip, Permutation, Scaling, SignFlip, Transformation

Step = tuple[str, Any, list[Any]]
_INNER = re.compile(r"^(order|factors|neurons)(?:\[(\d+)\])?: ")

#: option, kind in JSON, key of its list there, the way the values are written
_KINDS = {
    "permutation": ("order", "2,0,1", "new neuron i is old neuron ORDER[i]"),
    "scaling": ("factors", "1/2,3,1", "incoming weights and bias times the factor, outgoing divided"),
    "flip": ("neurons", "0,1,2", "(a, w, b) -> (a, -w, -b) and c -> c + sum a b over these neurons"),
    "sign_flip": ("neurons", "0,1", "(a, w, b) -> (-a, -w, -b) for these neurons"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """--transformation FILE, --permutation, --scaling, --flip, --sign-flip; they are applied in the order given."""
    group = parser.add_argument_group(
        "the transformation",
        "Any number of these, applied in the order given. LAYER is a hidden layer's number, counted from 0, or the name of its "
        "activation node; it may be left out where there is only one.",
    )
    group.add_argument(
        "--transformation",
        action=_Collect,
        dest="steps",
        metavar="FILE",
        help='JSON: a list of steps like {"kind": "permutation", "layer": 0, "order": [2, 0, 1]}, as in a certificate',
    )
    for kind, (_, example, meaning) in _KINDS.items():
        name = "--" + kind.replace("_", "-")
        group.add_argument(name, action=_Collect, dest="steps", metavar=f"[LAYER:]{example}", help=meaning)


class _Collect(argparse.Action):
    """Keeps the options in one list, in the order in which they stand."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        steps = [*(getattr(namespace, self.dest) or []), ((option or "").removeprefix("--").replace("-", "_"), values)]
        setattr(namespace, self.dest, steps)


def read_transformation(given: Sequence[tuple[str, str]] | None, net: Network) -> tuple[Transformation, Network]:
    """The composition T of what the options say, and T(f)."""
    if not given:
        raise ArgumentError("a transformation is needed: --transformation FILE, --permutation, --scaling, --flip or --sign-flip")
    parts: list[Transformation] = []
    moved = net
    for kind, text in given:
        from_file = _from_file(text, net) if kind == "transformation" else None
        with _told_of(f"--{kind.replace('_', '-')}"):
            new = [_inline(kind, text, net)] if from_file is None else from_file
            for part in new:
                moved = part.apply(moved)
        parts += new
    return parts[0] if len(parts) == 1 else Composition(reversed(parts)), moved


@contextlib.contextmanager
def _told_of(option: str) -> Iterator[None]:
    """Errors name the option and not the argument of a Python class."""
    try:
        yield
    except ExactnnError as error:
        message = _INNER.sub(lambda inner: "" if inner[2] is None else f"number {inner[2]} of the list: ", str(error))
        raise type(error)(f"{option}: {message}") from None


def _inline(kind: str, text: str, net: Network) -> Transformation:
    layer, _, values = text.rpartition(":")
    return _made(kind, _layer(layer, net), values.split(","))


def _from_file(path: str, net: Network) -> list[Transformation]:
    document = read_json(path, "--transformation", "a JSON file")
    steps = document["transformation"] if isinstance(document, dict) and set(document) == {"transformation"} else document
    if isinstance(steps, dict):
        steps = [steps]
    if not isinstance(steps, list):
        raise ArgumentError(f"{path}: a list of steps is needed; an empty one is the identity")
    result = []
    for number, step in enumerate(steps):
        place = f"{path}: step {number}"
        kind = step.get("kind") if isinstance(step, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS or not set(step) <= {"kind", "layer", _KINDS[kind][0]}:
            form = ", ".join(f'{{"kind": "{k}", "layer": ..., "{v[0]}": [...]}}' for k, v in _KINDS.items())
            raise ArgumentError(f"{place}: one of {form} is needed, got {str(step)[:80]}")
        values = step.get(_KINDS[kind][0])
        if not isinstance(values, list):
            raise ArgumentError(f"{place}: a list {_KINDS[kind][0]!r} is needed")
        given = step.get("layer")
        if "layer" in step and not isinstance(given, str):
            raise ArgumentError(f"{place}: layer: a number or a name of a hidden layer is needed")
        named = given is not None and not isinstance(given, IntegerText)
        result.append(_build(kind, _layer(f"@{given}" if named else given, net), values, place))
    return result


def _layer(text: str | None, net: Network) -> str:
    """A hidden layer's number, or its name; "@" before a name that looks like a number; nothing, where there is only one."""
    if text and text.startswith("@"):
        return net.layer_name(text[1:])
    if text and text.isdecimal() and len(text) < 9:
        return net.layer_name(int(text))
    return net.layer_name(text or "")


def _build(kind: str, layer: int | str, values: list[Any], place: str) -> Transformation:
    try:
        return _made(kind, layer, values)
    except ExactnnError as error:
        raise type(error)(f"{place}: {error}") from None


def _made(kind: str, layer: int | str, values: list[Any]) -> Transformation:
    makers: dict[str, Callable[[], Transformation]] = {
        "permutation": lambda: Permutation(layer, _numbers(values)),
        "scaling": lambda: Scaling(layer, values),
        "flip": lambda: Flip(_numbers(values), layer=layer),
        "sign_flip": lambda: SignFlip(layer, _numbers(values)),
    }
    return makers[kind]()


def _numbers(values: list[Any]) -> list[int]:
    for value in values:
        if not isinstance(value, str) or not value.strip().isdecimal() or len(value) > 18:
            raise ArgumentError(f"neuron numbers counted from 0 are needed, separated by commas, got {str(value)[:40]!r}")
    return [int(v) for v in values]
