"""NNET text in: exact decimals, the normalisation as part of the function, refused with the line that is wrong."""

from __future__ import annotations

import codecs
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from exactnn.errors import LoadError, NotFiniteError, NotRepresentable, SaveError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.export import save
from exactnn.load import load
from exactnn.network import Affine, Network, Smooth, mlp, relu

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real networks of {DATA} are not on this machine")

LINES = [
    "// a comment",
    "// another, with 1,2,3",
    "2,2,1,3,",
    "2,3,1,",
    "0,",
    "-1.0,-1e3,",
    "1.0,+1.5E2,",
    "0.5,-1,10,",
    "2.0,4,0.1,",
    "1,0.1,",
    "-.5,2.,",
    "1e-2,0.0,",
    "0.25,",
    "-1,",
    "0,",
    "1,-1,3,",
    "1.5,",
]
TEXT = "\n".join(LINES) + "\n"
LAYERS = [([[1, "0.1"], ["-0.5", 2], ["0.01", 0]], ["0.25", -1, 0]), ([[1, -1, 3]], ["1.5"])]


def at(text: str | bytes, folder: Path, *, raw: bool = False) -> Network:
    path = folder / "net.nnet"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, raw=raw)


def with_line(number: int, line: str | None) -> str:
    """The file with one line (counted from 1) replaced, or taken out."""
    lines = [*LINES[: number - 1], *([] if line is None else [line]), *LINES[number:]]
    return "\n".join(lines) + "\n"


def test_numbers_are_the_decimals_written(tmp_path: Path) -> None:
    net = at(TEXT, tmp_path, raw=True)
    assert net == mlp(LAYERS) == at(TEXT, tmp_path, raw=True)
    assert net.order == ("input", "layer1", "relu1", "layer2")
    assert net.source is not None
    assert (net.source.format, net.source.raw, net.source.checkable) == ("nnet", True, True)


def test_the_normalisation_is_part_of_the_function(tmp_path: Path) -> None:
    net, raw = at(TEXT, tmp_path), mlp(LAYERS)
    assert net.order == ("input", "normalise", "layer1", "relu1", "layer2", "denormalise")
    for x in ([0, 0], ["1/3", -7], ["0.5", "-1"]):
        a, b = (Fraction(v) for v in x)
        (inner,) = raw([(a - Fraction(1, 2)) / 2, (b + 1) / 4])
        assert net(x) == (inner * Fraction(1, 10) + 10,)
    assert net.source is not None
    assert net.source.raw is False


def test_an_identity_normalisation_makes_no_node(tmp_path: Path) -> None:
    plain = with_line(8, "0,0.0,-0,").replace("2.0,4,0.1,", "1.0,1,1e0,")
    assert at(plain, tmp_path) == mlp(LAYERS)
    only_output = with_line(8, "0,0,7,").replace("2.0,4,0.1,", "1,1,1,")
    assert at(only_output, tmp_path).order[-2:] == ("layer2", "denormalise")


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace(",\n", "\n"),
        TEXT.rstrip("\n"),
        TEXT + "\n\n  \n",
        TEXT.replace(",", " , "),
        TEXT.replace("\n0,\n-1.0", "\nanything here\n-1.0"),
        TEXT.replace("\n0,\n-1.0", "\n\n-1.0"),
        TEXT.replace("0.25,", "// in between\n0.25,"),
        TEXT.replace("0.25,", "+25e-2"),
        TEXT.replace("2,2,1,3,", "2,2,1,99,"),
    ],
)
def test_spellings(text: str, tmp_path: Path) -> None:
    assert at(text, tmp_path, raw=True) == mlp(LAYERS)


def test_a_comment_in_another_encoding(tmp_path: Path) -> None:
    net = at(b"// caf\xe9\n" + TEXT.encode(), tmp_path, raw=True)
    assert net == mlp(LAYERS)
    assert net.source is not None
    assert not net.source.checkable


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    from exactnn.certificate import _nnet

    for text in (TEXT, "// a comment\n" + TEXT):
        data = codecs.BOM_UTF8 + text.encode()
        net = at(data, tmp_path, raw=True)
        assert net == mlp(LAYERS)
        assert net.source is not None
        assert net.source.checkable
        assert _nnet.read_nnet(data, True, "f") == _nnet.read_nnet(text.encode(), True, "f")
    with pytest.raises(LoadError, match="line 1"):
        at(2 * codecs.BOM_UTF8 + TEXT.encode(), tmp_path)


def test_the_checker_reads_it_alike(tmp_path: Path) -> None:
    from exactnn.certificate import _evaluate, _nnet

    for raw in (False, True):
        net = at(TEXT, tmp_path, raw=raw)
        theirs = _nnet.read_nnet(TEXT.encode(), raw, "f")
        assert [n.name for n in theirs.nodes] == list(net.order)
        point = [Fraction(1, 3), Fraction(-5, 2)]
        assert list(net(point)) == list(_evaluate.evaluate(theirs, point, "f"))


@pytest.mark.parametrize(
    ("number", "line", "words"),
    [
        (3, "2,2,1,", "4 entries"),
        (3, "0,2,1,3,", "positive"),
        (3, "-2,2,1,3,", "positive"),
        (3, "2.0,2,1,3,", "integers"),
        (3, "99999999999999999999,2,1,3,", "below 10^9"),
        (3, "999999999,2,1,3,", "1000000000 entries"),
        (3, "two,2,1,3,", "'two'"),
        (4, "2,3,3,1,", "3 entries"),
        (4, "2,3,2,", "widths"),
        (4, "3,3,1,", "widths"),
        (4, "2,0,1,", "positive"),
        (6, "1,", "2 entries"),
        (8, "0,0,", "means: 3 entries"),
        (9, "1,0,1,", "zero"),
        (9, "1,1,1,1,", "3 entries"),
        (10, "1,", "2 entries"),
        (10, "1,2,3", "2 entries"),
        (10, "1,abc,", "'abc' at index 1"),
        (10, "1,,", "index 1"),
        (10, "1,0x10,", "'0x10'"),
        (10, "1,1_0,", "'1_0'"),
        (10, "1,.,", "'.'"),
        (10, "1,1e,", "'1e'"),
        (10, "1,1e99999,", "decimal"),
        (10, "1," + "9" * 5000 + ",", "digits"),
        (10, "1,1/2,", "'1/2'"),
        (10, "1,\u0661,", "index 1"),
        (13, "0.25,0.25,", "1 entry"),
        (17, "1.5,\n3", "end of the file"),
        (17, "1.5,\n\n0", "end of the file"),
    ],
)
def test_wrong_lines_are_named(number: int, line: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(LoadError) as caught:
        at(with_line(number, line), tmp_path)
    message = str(caught.value)
    assert words in message
    wrong = int(re.search(r"line (\d+)", message)[1])  # type: ignore[index]
    assert wrong in (number, number + 1)
    assert message.startswith(str(tmp_path))


# --- headers that are no part of the function ------------------------------------------------------------------------

USUAL = ["-1.0,-1e3,", "1.0,+1.5E2,", "0.5,-1,10,", "2.0,4,0.1,"]


def with_header(*lines: str) -> str:
    """The file with other minima, maxima, means and ranges."""
    return "\n".join([*LINES[:5], *lines, *LINES[9:]]) + "\n"


@pytest.mark.parametrize(
    "header",
    [
        USUAL,
        ["-inf,-Infinity", "inf,+INF,", *USUAL[2:]],  # infinite bounds
        ["-1,-1,0", "1,1,9", *USUAL[2:]],  # bounds of another quantity
        ["-1,-1,0,-inf", "1,1", *USUAL[2:]],
        ["-1,-1,0,0", "1,1,9,1", "0.5,-1,7,8,10", "2.0,4,3,inf,0.1"],  # four quantities, of which the network takes two
        [*USUAL[:2], "0.5,-1,10,10.0", "2,4,1e-1,0.1"],  # one mean for each of some outputs, all alike
        [*USUAL[:2], "0.5,-1,1e1,10.0", "2,4,1e-1,0.1"],
    ],
)
def test_longer_headers_are_read_alike_by_the_checker(header: list[str], tmp_path: Path) -> None:
    from exactnn.certificate import _evaluate, _nnet

    text = with_header(*header)
    for raw in (False, True):
        net = at(text, tmp_path, raw=raw)
        assert net == at(TEXT, tmp_path, raw=raw)
        assert at(text, tmp_path, raw=raw).source.checkable  # type: ignore[union-attr]
        theirs = _nnet.read_nnet(text.encode(), raw, "f")
        assert theirs == _nnet.read_nnet(TEXT.encode(), raw, "f")
        point = [Fraction(1, 3), Fraction(-5, 2)]
        assert list(net(point)) == list(_evaluate.evaluate(theirs, point, "f"))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ([*USUAL[:2], "0.5,-1,7,10,", "2,4,1,0.1,"], "not clear"),
        (["-1,-1,-1", *USUAL[1:2], "0.5,-1,7,10,", "2,4,1,0.1,"], "not clear"),
        (["-1,-1,-1", "1,1,1", "0.5,-1,7,10,", "2,4,0.1,"], "as many as means"),
        ([*USUAL[:2], "0.5,-1,0,0.0", "2,4,1,0.1,"], "not clear"),
        ([*USUAL[:2], "0.5,-1,inf,", "2,4,1,"], "means: finite"),
        ([*USUAL[:3], "2,-inf,1,"], "ranges: finite"),
        ([*USUAL[:3], "2,0,1,"], "zero"),
        ([*USUAL[:2], "0,0", "1,1"], "means: 3 entries"),
        ([*USUAL[:2], "", ""], "means: 3 entries"),
        (["0", *USUAL[1:]], "minima: 2 entries"),
    ],
)
def test_headers_that_are_read_raw_only(header: list[str], words: str, tmp_path: Path) -> None:
    from exactnn.certificate import Rejected, _nnet

    text = with_header(*header)
    with pytest.raises(LoadError, match=words) as caught:
        at(text, tmp_path)
    assert "raw=True" in str(caught.value) or "entries are needed" in str(caught.value)
    with pytest.raises(Rejected):
        _nnet.read_nnet(text.encode(), False, "f")
    assert at(text, tmp_path, raw=True) == mlp(LAYERS)
    assert _nnet.read_nnet(text.encode(), True, "f") == _nnet.read_nnet(TEXT.encode(), True, "f")


@pytest.mark.parametrize("value", ["nan", "in", "infinite", "--inf", "inf inf", "0x1", "1/2"])
def test_headers_hold_numbers(value: str, tmp_path: Path) -> None:
    from exactnn.certificate import Rejected, _nnet

    for number in (6, 7, 8, 9):
        text = with_line(number, f"1,1,{value},")
        for raw in (False, True):
            with pytest.raises(LoadError, match=f"line {number}"):
                at(text, tmp_path, raw=raw)
            with pytest.raises(Rejected):
                _nnet.read_nnet(text.encode(), raw, "f")


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "+Infinity"])
def test_not_finite_weights_are_named(value: str, tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError) as caught:
        at(with_line(11, f"1,{value},"), tmp_path)
    assert isinstance(caught.value, LoadError)
    assert "line 11: weights of layer 1, row 1" in str(caught.value)
    assert "index 1" in str(caught.value)


def test_every_truncation(tmp_path: Path) -> None:
    for length in range(1, len(TEXT) - len("1.5,\n")):
        with pytest.raises((LoadError, ShapeError)):
            at(TEXT[:length], tmp_path)
    for k in range(3, len(LINES)):
        with pytest.raises(LoadError, match=r"truncated|entries|entry"):
            at("\n".join(LINES[:k]) + "\n", tmp_path)


def test_bytes_changed_at_random(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(800):
        hostile = bytearray(TEXT.encode())
        hostile[int(rng.integers(len(hostile)))] = int(rng.integers(256))
        try:
            outcomes.add(type(at(bytes(hostile), tmp_path)))
        except (LoadError, ShapeError) as error:
            outcomes.add(type(error))
    assert {Network, LoadError} <= outcomes


def test_a_short_file_cannot_ask_for_much(tmp_path: Path) -> None:
    wide = f"1,{10**8},1,1,\n{10**8},1,\n0\n"
    with pytest.raises(LoadError, match="the file ends here"):
        at(wide, tmp_path)
    ones = "1," * 5000
    normalised = f"1,5000,1,5000,\n5000,1,\n0\n{ones}\n{ones}\n{ones}0,\n{'2,' * 5000}1,\n{ones}\n0,\n"
    with pytest.raises(LoadError, match="raw=True"):
        at(normalised, tmp_path)
    assert at(normalised, tmp_path, raw=True).input_dim == 5000


# --- the real files --------------------------------------------------------------------------------------------------


def oracle(path: Path, x: list[Fraction], raw: bool) -> list[Fraction]:
    """The value by a reader written for this test: numbers in order, nothing checked."""
    rows = [line.strip().rstrip(",").split(",") for line in path.read_text().splitlines() if not line.startswith("//")]
    layers, widths, means, ranges = int(rows[0][0]), [int(w) for w in rows[1]], rows[5], rows[6]
    if not raw:
        x = [(v - Fraction(m)) / Fraction(r) for v, m, r in zip(x, means[:-1], ranges[:-1], strict=True)]
    rest = iter(rows[7:])
    for layer in range(layers):
        table = [[Fraction(w) for w in next(rest)] for _ in range(widths[layer + 1])]
        biases = [Fraction(next(rest)[0]) for _ in range(widths[layer + 1])]
        x = [sum((w * v for w, v in zip(row, x, strict=True)), b) for row, b in zip(table, biases, strict=True)]
        if layer < layers - 1:
            x = [max(v, Fraction(0)) for v in x]
    return x if raw else [v * Fraction(ranges[-1]) + Fraction(means[-1]) for v in x]


@needs_data
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("path", sorted(DATA.glob("*/*.nnet")), ids=lambda p: p.stem)
def test_real_files(path: Path, raw: bool) -> None:
    net = load(path, raw=raw)
    point = [Fraction(k * k % 11 - 5, 7) for k in range(net.input_dim)]
    assert list(net(point)) == oracle(path, point, raw)
    assert net.source is not None
    assert net.source.checkable


# --- writing ---------------------------------------------------------------------------------------------------------


def test_written_and_read_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = [3, 5, 4, 2]
    layers = [
        (RationalArray.of(rng.normal(size=(n, m)).astype(np.float32)), RationalArray.of(rng.normal(size=n))) for m, n in pairwise(sizes)
    ]
    net = mlp(layers)
    save(net, tmp_path / "net.nnet")
    assert load(tmp_path / "net.nnet") == net
    decimal = mlp(LAYERS)
    save(decimal, tmp_path / "net.nnet")
    assert load(tmp_path / "net.nnet") == decimal
    large = mlp([([[10**30, "1e-30"]], ["-123.456"])])
    save(large, tmp_path / "net.nnet")
    assert load(tmp_path / "net.nnet") == large


def test_affine_maps_are_folded(tmp_path: Path) -> None:
    path = tmp_path / "net.nnet"
    net = mlp([([[1, "0.5"]], [1]), ([["0.5"], [-2]], [0, 3]), ([[1, 2]], [0]), ([[4]], ["0.1"])], activation="identity")
    save(net, path)
    assert load(path).order == ("input", "layer1")
    double = ending_in(Affine(RationalArray.of([[2]]), RationalArray.zeros((1,))))
    save(double, path)
    assert load(path)([3]) == double([3])
    normalised = at(TEXT, tmp_path)  # by ranges 2 and 4
    save(normalised, path)
    again = load(path)
    assert [again.operation(n).kind for n in again.order] == ["input", "affine", "piecewise_linear", "affine"]
    for x in ([1, "1/3"], [-7, 100]):
        assert again(x) == normalised(x)


def test_what_nnet_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "net.nnet"
    with pytest.raises(NotRepresentable, match="weight of layer 2"):
        save(mlp([([[1]], [0]), ([["1/3"]], [0])]), path)
    for net in (
        mlp([([[1]], [0]), ([[1]], [0])], "abs"),
        ending_in(relu()),
    ):
        with pytest.raises(SaveError, match="chain"):
            save(net, path)
    with pytest.raises(SaveError, match="chain"):
        save(ending_in(Smooth("tanh")), path)
    assert list(tmp_path.iterdir()) == []


def ending_in(operation: object) -> Network:
    from exactnn.network import Builder, Input

    b = Builder()
    b.add("x", Input((1,)))
    b.add("a", Affine(RationalArray.eye(1), RationalArray.zeros((1,))), "x")
    b.add("y", operation, "a")  # type: ignore[arg-type]
    return b.build(["x"], ["y"])
