"""The planted ONNX models of planted.toml: each attacks one thing that passes do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

TEXT = '<ir_version: 8, opset_import: ["" : {opset}]> planted (float[{x}] x) => (float[{y}] y{more}) <{constants}> {{ {nodes} }}'
#: constants that many models have
SHORT = {
    "CONV": "float[1,1,2,2] w = {1, -2, 3, -1}, float[1] b = {0.5}",
    "NORM": "float[1] s = {-2}, float[1] m = {0.5}, float[1] v = {0.25}, float[1] o = {1}",
    "PAD": "int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}",
}


def planted() -> dict[str, Any]:
    """All of them, by what they have."""
    return {name: model(**entry) for name, entry in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()}


def model(nodes: str, x: str, y: str, constants: str = "float k = {0}", opset: int = 17, more: str = "") -> Any:
    """The model of these nodes and initialisers, in onnx's text form, checked; x, y: shapes; more: outputs behind y."""
    import onnx
    from onnx import parser

    for name, meant in SHORT.items():
        constants = constants.replace(name, meant)
    made = parser.parse_model(TEXT.format(opset=opset, x=x, y=y, more=more and f", {more}", constants=constants, nodes=nodes))
    onnx.checker.check_model(made, full_check=True)
    return made
