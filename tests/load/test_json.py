"""Exact JSON in: what the format says is read, everything else is refused with its place."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, LoadError, NotFiniteError, ShapeError
from exactnn.load import load
from exactnn.load.json import network_from_document, parse
from exactnn.network import Network, mlp
from exactnn.network.document import document
from exactnn.verify import check, verify_equal
from tests.strategies import law

EXAMPLE = """
{"format": "exactnn-network", "version": 1,
 "inputs": ["x"], "outputs": ["y"],
 "nodes": [
  {"name": "x", "op": "input", "operands": [], "shape": [2]},
  {"name": "h", "op": "affine", "operands": ["x"],
   "weight": {"shape": [2, 2], "denominator": 4, "numerators": [1, -2, 0, 3]},
   "bias": {"shape": [2], "denominator": 1, "numerators": [0, 0]}},
  {"name": "r", "op": "piecewise_linear", "operands": ["h"], "slope": 0, "constant": 0, "kinks": [[0, 1]]},
  {"name": "y", "op": "affine", "operands": ["r"],
   "weight": {"shape": [1, 2], "denominator": 1, "numerators": [1, 1]},
   "bias": {"shape": [1], "denominator": 3, "numerators": [-1]}}]}
"""
#: stands for a decimal integer of more digits than Python writes
HUGE = "an integer of 5001 digits"
POOLED = {
    "format": "exactnn-network",
    "version": 1,
    "inputs": ["x"],
    "outputs": ["y"],
    "nodes": [
        {"name": "x", "op": "input", "operands": [], "shape": [1, 4]},
        {
            "name": "c",
            "op": "conv",
            "operands": ["x"],
            "weight": {"shape": [1, 1, 2], "denominator": 1, "numerators": [1, 2]},
            "bias": {"shape": [1], "denominator": 1, "numerators": [0]},
            "stride": [1],
            "padding": [[0, 1]],
            "dilation": [1],
            "groups": 1,
        },
        {"name": "m", "op": "max_pool", "operands": ["c"], "kernel": [2], "stride": [2], "padding": [[0, 0]], "dilation": [1]},
        {"name": "a", "op": "average_pool", "operands": ["m"], "kernel": [2], "stride": [1], "padding": [[0, 0]], "count_padding": True},
        {"name": "s", "op": "slice", "operands": ["a"], "starts": [0, 0], "stops": [1, 1], "steps": [1, 1]},
        {"name": "q", "op": "rational", "operands": ["s"], "numerator": [1, "1/2"], "denominator": [1, 0, 1]},
        {"name": "k", "op": "concat", "operands": ["q", "q"], "axis": 1},
        {
            "name": "y",
            "op": "batch_norm",
            "operands": ["k"],
            **{part: {"shape": [1], "denominator": 1, "numerators": [2]} for part in ("mean", "variance", "weight", "bias")},
            "epsilon": "1/100",
            "precision": "float32",
        },
    ],
}


def at(text: str, folder: Path) -> Network:
    path = folder / "net.json"
    path.write_text(text, encoding="utf-8")
    return load(path)


def refused(whole: Any, folder: Path) -> str:
    """The message when this object is a file."""
    with pytest.raises((LoadError, ShapeError)) as caught:
        at(whole if isinstance(whole, str) else json.dumps(whole), folder)
    return str(caught.value)


def changed(whole: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A copy with one entry replaced; with `to` a function, by its value."""
    result = copy.deepcopy(whole)
    place: Any = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to(place[path[-1]]) if callable(to) else to
    return result


def test_the_example_of_the_format(tmp_path: Path) -> None:
    net = at(EXAMPLE, tmp_path)
    assert net.order == ("x", "h", "r", "y")
    assert net([4, -2]) == (Fraction(5, 3),)
    assert net == network_from_document(json.loads(EXAMPLE))
    assert net.source is not None
    assert net.source.checkable


def test_integers_of_any_size(tmp_path: Path) -> None:
    large = 7**9000
    digits = format_large(large)
    for text in (digits, f'"{hex(large)}"', f'"-{hex(large)}"', "-" + digits):
        net = at(EXAMPLE.replace("[-1]}", f"[{text}]}}"), tmp_path)
        assert net([0, 0]) == (Fraction(-large if "-" in text else large, 3),)
        assert net.source is not None
        assert net.source.checkable is ("x" in text)  # the checker reads no decimals that long
    net = at(EXAMPLE.replace('"constant": 0', f'"constant": "-{digits}/{digits}1"'), tmp_path)
    assert net([0, 0])[0] == 2 * Fraction(-large, 10 * large + 1) - Fraction(1, 3)


def format_large(number: int) -> str:
    from flint import fmpz

    return str(fmpz(number))


def test_the_order_of_the_file_is_kept(tmp_path: Path) -> None:
    """Evidence goes through nodes in the file's order, whichever topological order that is."""
    whole = json.loads(EXAMPLE)
    whole["nodes"].insert(3, {"name": "z", "op": "scale", "operands": ["x"], "factor": {"shape": [], "denominator": 1, "numerators": [2]}})
    whole["outputs"].append("z")
    net = at(json.dumps(whole), tmp_path)
    assert net([4, -2]) == (Fraction(5, 3), 8, -4)
    assert net.source is not None
    assert net.order == ("x", "h", "r", "z", "y")
    assert net.source.checkable
    assert check(verify_equal(net, net).certificate)


def test_nodes_that_no_output_needs_stay() -> None:
    whole = json.loads(EXAMPLE)
    whole["outputs"] = ["h"]
    assert network_from_document(whole).order == ("x", "h", "r", "y")


FIRST = 1  # the affine node of the example


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("format",), "onnx", "format"),
        (("version",), 2, "version"),
        (("version",), True, "version"),
        (("inputs",), [], "input"),
        (("inputs",), "x", "inputs"),
        (("inputs",), ["x", "x"], "once"),
        (("inputs",), ["h"], "Input"),
        (("outputs",), [], "output"),
        (("outputs",), ["nobody"], "nobody"),
        (("outputs",), [["y"]], "outputs"),
        (("nodes",), [], "nodes"),
        (("nodes",), {}, "nodes"),
        (("nodes", 0), 5, "nodes[0]"),
        (("nodes", FIRST, "name"), "x", "unique"),
        (("nodes", FIRST, "name"), "", "nodes[1]"),
        (("nodes", FIRST, "name"), 7, "nodes[1]"),
        (("nodes", FIRST, "name"), "\ud800", "nodes[1]"),
        (("nodes", FIRST, "op"), "softmax", "'softmax'"),
        (("nodes", FIRST, "op"), ["affine"], "op"),
        (("nodes", FIRST, "operands"), ["y"], "earlier"),
        (("nodes", FIRST, "operands"), [], "operands"),
        (("nodes", FIRST, "operands"), ["x", "x"], "operands"),
        (("nodes", 0, "operands"), ["x"], "earlier"),
        (("nodes", 0, "shape"), [3], "'h'"),
        (("nodes", 0, "shape"), [10**12], "entries"),
        (("nodes", 0, "shape"), [10**6, 10**6], "entries"),
        (("nodes", 0, "shape"), [10**400], "shape"),
        (("nodes", 0, "shape"), [0], "entries"),
        (("nodes", 0, "shape"), [-2], "entries"),
        (("nodes", 0, "shape"), [2.0], "'2.0'"),
        (("nodes", 0, "shape"), [True], "shape[0]"),
        (("nodes", 0, "shape"), [1] * 40, "16"),
        (("nodes", FIRST, "weight"), [[1, 2], [3, 4]], "weight"),
        (("nodes", FIRST, "weight", "shape"), [2, 3], "6 numerators"),
        (("nodes", FIRST, "weight", "shape"), [10**12], "entries"),
        (("nodes", FIRST, "weight", "shape"), [4], "matrix"),
        (("nodes", FIRST, "weight", "denominator"), 0, "denominator"),
        (("nodes", FIRST, "weight", "denominator"), -4, "denominator"),
        (("nodes", FIRST, "weight", "denominator"), "4", "denominator"),
        (("nodes", FIRST, "weight", "numerators", 3), 0.5, "numerators[1, 1]"),
        (("nodes", FIRST, "weight", "numerators", 3), "1/2", "numerators[1, 1]"),
        (("nodes", FIRST, "weight", "numerators", 3), True, "numerators[1, 1]"),
        (("nodes", FIRST, "weight", "numerators", 3), None, "numerators[1, 1]"),
        (("nodes", FIRST, "weight", "numerators", 3), [[]], "numerators[1, 1]"),
        (("nodes", FIRST, "weight", "numerators", 3), "0x", "numerators[1, 1]"),
        (("nodes", FIRST, "weight", "numerators"), "1234", "numerators"),
        (("nodes", FIRST, "weight", "extra"), 1, "extra"),
        (("nodes", FIRST, "comment"), "hello", "comment"),
        (("nodes", FIRST, "bias"), {"shape": [3], "denominator": 1, "numerators": [0, 0, 0]}, "bias"),
        (("nodes", 2, "slope"), "1/0", "zero"),
        (("nodes", 2, "slope"), "1/-2", "slope"),
        (("nodes", 2, "slope"), " 1/2", "slope"),
        (("nodes", 2, "slope"), "0.5", "slope"),
        (("nodes", 2, "slope"), "1" * 50, "slope"),
        (("nodes", 2, "kinks"), [[0, 0]], "leave this kink out"),
        (("nodes", 2, "kinks"), [[1, 1], [0, 1]], "increasing"),
        (("nodes", 2, "kinks"), [[0, 1], [0, 1]], "increasing"),
        (("nodes", 2, "kinks"), [[0]], "pair"),
        (("nodes", 2, "kinks"), 5, "list"),
        (("comment",), "hello", "comment"),
    ],
)
def test_what_the_format_does_not_say_is_refused(path: tuple[Any, ...], value: Any, words: str, tmp_path: Path) -> None:
    whole = json.loads(EXAMPLE)
    place = whole
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    message = refused(whole, tmp_path)
    assert words in message
    assert message.startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("node", "field", "value", "words"),
    [
        (1, "stride", [0], "stride"),
        (1, "stride", [10**30], "stride"),
        (1, "stride", [2**40], "2^31"),
        (1, "padding", [[0, 2**30]], "entries"),
        (1, "padding", [[-1, 0]], "padding"),
        (1, "padding", [0, 1], "padding"),
        (1, "padding", [[0, 1, 2]], "pairs"),
        (1, "groups", 0, "groups"),
        (1, "groups", HUGE, "groups"),
        (1, "dilation", [9], "fit"),
        (2, "kernel", [1, 1], "kernel"),
        (2, "kernel", [2**40], "2^31"),
        (2, "padding", [[0, 2**25]], "max_pool"),
        (2, "padding", [[0, 9]], "empty"),
        (3, "count_padding", 1, "count_padding"),
        (4, "starts", [0, 5], "slice"),
        (4, "steps", [1, 0], "slice"),
        (4, "stops", [1], "slice"),
        (4, "stops", [1, HUGE], "stops"),
        (5, "denominator", [0, 0], "zero"),
        (5, "denominator", [], "zero"),
        (5, "numerator", [1] * 2000, "coefficients"),
        (5, "numerator", [1, 0, 1], "common factor"),
        (6, "axis", -1, "axis"),
        (6, "axis", HUGE, "axis"),
        (7, "variance", {"shape": [1], "denominator": 1, "numerators": [-2]}, "variance"),
        (7, "variance", {"shape": [1], "denominator": 1, "numerators": [hex(-(10**5000))]}, "variance"),
        (7, "weight", {"shape": [1], "denominator": 1, "numerators": [hex(10**5000)]}, "float32"),
        (7, "precision", "float8", "float8"),
        (7, "epsilon", "1/10/10", "epsilon"),
    ],
)
def test_fields_of_other_operations(node: int, field: str, value: Any, words: str, tmp_path: Path) -> None:
    assert isinstance(network_from_document(POOLED), Network)
    whole = copy.deepcopy(POOLED)
    whole["nodes"][node][field] = value  # type: ignore[index]
    message = refused(json.dumps(whole).replace(f'"{HUGE}"', "1" + "0" * 5000), tmp_path)
    assert words in message
    assert f"'{whole['nodes'][node]['name']}'" in message  # type: ignore[index]


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_not_a_number_is_named(token: str, tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError) as caught:
        at(EXAMPLE.replace("[1, -2, 0, 3]", f"[1, -2, {token}, 3]"), tmp_path)
    assert isinstance(caught.value, LoadError)
    assert "weight.numerators[1, 0]" in str(caught.value)
    assert "'h'" in str(caught.value)
    assert token in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1"),
        (EXAMPLE[:200], "JSON is needed"),
        (EXAMPLE + "}", "line 13"),
        ("[]", "object"),
        ("[" * 100000, "nested"),
        ('{"a":' * 100000, "nested"),
        (EXAMPLE.replace('"version": 1', '"version": 1, "version": 1'), "twice"),
        (EXAMPLE.replace('"shape": [2]', '"shape": [2], "shape": [2]'), "twice"),
        (EXAMPLE.replace("0, 3]", "0, 3,]"), "JSON is needed"),
        (EXAMPLE.replace("0, 3]", "0, 03]"), "JSON is needed"),
        (EXAMPLE.replace('"x"', "'x'"), "JSON is needed"),
        (EXAMPLE.replace("[-1]", "[" + "9" * 6000 + "}"), "JSON is needed"),
    ],
)
def test_damaged_text(text: str, words: str, tmp_path: Path) -> None:
    assert words in refused(text, tmp_path)


def test_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    for data in (EXAMPLE.encode("utf-16"), b"\xef\xbb\xbf" + EXAMPLE.encode(), EXAMPLE.replace("x", "\xe9").encode("latin-1")):
        path.write_bytes(data)
        with pytest.raises(LoadError):
            load(path)
    assert at(EXAMPLE.replace('"x"', '"\u00e9"'), tmp_path).inputs == ("\u00e9",)


def test_huge_numbers_can_be_shown(tmp_path: Path) -> None:
    net = at(EXAMPLE.replace('"slope": 0', f'"slope": "{hex(10**5000)}"'), tmp_path)
    assert "piecewise_linear" in repr(net) or "leaky" in repr(net)
    assert repr(
        at(EXAMPLE.replace('"slope": 0', f'"slope": "{hex(10**5000)}"').replace("[[0, 1]]", f'[[0, "-{hex(10**5000 - 1)}"]]'), tmp_path)
    )


# --- hostile ---------------------------------------------------------------------------------------------------------


def test_every_truncation(tmp_path: Path) -> None:
    text = EXAMPLE.strip()
    for length in range(1, len(text), 3):
        refused(text[:length], tmp_path)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["x", "1/2", "0x1f", 2**70]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(whole: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all entries."""
    keys = whole.keys() if isinstance(whole, dict) else range(len(whole)) if isinstance(whole, list) else ()
    return [path, *(p for key in keys for p in places(whole[key], (*path, key)))]


@law(300)
@given(st.sampled_from([json.loads(EXAMPLE), POOLED]), st.data())
def test_any_entry_replaced_is_refused_or_a_network(whole: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(places(whole)[1:]))
    other = changed(whole, *path, to=data.draw(JUNK))
    try:
        net = network_from_document(parse(json.dumps(other).encode()))
    except (LoadError, ShapeError):
        return
    assert network_from_document(document(net)) == net


def test_bytes_changed_at_random(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data, path = EXAMPLE.encode(), tmp_path / "net.json"
    outcomes = set()
    for _ in range(800):
        hostile = bytearray(data)
        hostile[int(rng.integers(len(data)))] = int(rng.integers(256))
        path.write_bytes(hostile)
        try:
            outcomes.add(type(load(path)))
        except (LoadError, ShapeError) as error:
            outcomes.add(type(error))
    assert {Network, LoadError} <= outcomes


# --- files and kinds of files ----------------------------------------------------------------------------------------

NNET = "2,1,1,2,\n1,2,1,\n0,\n-1,\n1,\n0,0,\n1,1,\n1,\n-1,\n0,\n0,\n1,1,\n0,\n"


def onnx_bytes() -> bytes:
    from exactnn.export.onnx import to_onnx

    return to_onnx(mlp([([[1]], [0])])).SerializeToString()


KINDS: dict[str, Callable[[], bytes]] = {
    "json": EXAMPLE.encode,
    "nnet": NNET.encode,
    "onnx": onnx_bytes,
    "pickle": lambda: pickle.dumps({"a": 1}),
    "zip": lambda: b"PK\x03\x04 rest",
    "lfs": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "hdf5": lambda: b"\x89HDF\r\n\x1a\n",
    "html": lambda: b"<!DOCTYPE html><html></html>",
    "zeros": lambda: bytes(100),
}


@pytest.mark.parametrize("suffix", ["json", "nnet", "onnx"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind(kind: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix.upper()}"
    path.write_bytes(KINDS[kind]())
    if kind == suffix:
        assert isinstance(load(path), Network)
        return
    with pytest.raises(LoadError) as caught:
        load(path)
    if kind in ("json", "nnet", "onnx"):
        assert f"rename it to .{kind}" in str(caught.value)
    if kind in ("pickle", "zip"):
        assert "never unpickled" in str(caught.value)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".PT", ".ckpt"])
def test_pickles_are_never_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(pickle.dumps(1))
    with pytest.raises(LoadError, match=r"never unpickled.*from_torch"):
        load(path)


def test_no_file_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "empty.json").touch()
    (tmp_path / "other.txt").write_text(EXAMPLE)
    for name, words in [
        ("missing.json", "not there"),
        ("folder.json", "folder"),
        ("empty.json", "empty"),
        ("other.txt", "suffix"),
        ("other.txt", "JSON"),
        ("null\0.json", "not there|read"),
    ]:
        with pytest.raises(LoadError, match=words):
            load(tmp_path / name)
    for given_path in (5, None, b"net.json"):
        with pytest.raises(ArgumentError, match="path"):
            load(given_path)  # type: ignore[arg-type]


def test_the_source_names_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(EXAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    source = load("net.json").source
    assert source is not None
    assert source.path == str(tmp_path / "net.json")
    assert load("net.json") == load(tmp_path / "net.json")


def test_from_torch_comes_from_this_room() -> None:
    room, module = import_module("exactnn.load"), import_module("exactnn.load.torch")  # xn.load is a function, once it was called
    assert room.from_torch is module.from_torch
    with pytest.raises(AttributeError, match="nothing"):
        _ = room.nothing
