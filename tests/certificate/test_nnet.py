"""The reader of NNET text."""

import random
from fractions import Fraction
from pathlib import Path

import pytest

from exactnn.certificate import BudgetExceeded, Rejected
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate._nnet import read_nnet

SHARED = Path(__file__).parents[3] / "shared" / "data"
PLAIN = """// a comment
// another
2,2,1,3,
2,3,1,
0,
-1.0,-1.0,
1.0,1.0,
0.5,-1e1,7,
2.0,4.0,.25,
1.0,2.0,
-1.5e-1,0.1,
3,4
0.0,
1.0,
-2.0,
1.0,2.0,-1.0,
0.125,
"""


def values(text, *point, raw=False):
    return evaluate(read_nnet(text.encode(), raw, "f"), [Fraction(v) for v in point], "f")


def by_hand(x, y):
    relu = [max(v, Fraction(0)) for v in (x + 2 * y, Fraction(-15, 100) * x + y / 10 + 1, 3 * x + 4 * y - 2)]
    return relu[0] + 2 * relu[1] - relu[2] + Fraction(1, 8)


def test_values():
    x, y = Fraction(3, 7), Fraction(-5, 3)
    assert values(PLAIN, x, y, raw=True) == [by_hand(x, y)]
    assert values(PLAIN, x, y) == [by_hand((x - Fraction(1, 2)) / 2, (y + 10) / 4) / 4 + 7]


def test_node_names():
    names = [node.name for node in read_nnet(PLAIN.encode(), False, "f").nodes]
    assert names == ["input", "normalise", "layer1", "relu1", "layer2", "denormalise"]
    names = [node.name for node in read_nnet(PLAIN.encode(), True, "f").nodes]
    assert names == ["input", "layer1", "relu1", "layer2"]


def test_no_normalisation_no_node():
    text = PLAIN.replace("0.5,-1e1,7,", "0,0,0").replace("2.0,4.0,.25,", "1,1,1,")
    assert read_nnet(text.encode(), False, "f") == read_nnet(text.encode(), True, "f")


LINES = PLAIN.split("\n")
BAD = [
    "",
    "{}",
    "\x00",
    PLAIN.replace("2,2,1,3,", "2,2,1,"),
    PLAIN.replace("2,2,1,3,", "3,2,1,3,"),
    PLAIN.replace("2,2,1,3,", "2,3,1,3,"),
    PLAIN.replace("2,2,1,3,", "0,2,1,3,"),
    PLAIN.replace("2,2,1,3,", "99999999999999999999,2,1,3,"),
    PLAIN.replace("2,2,1,3,", "2.5,2,1,3,"),
    *(PLAIN.replace("2,2,1,3,", ",".join("9" * 3990 + "e999" if i == k else c for i, c in enumerate("2213"))) for k in range(3)),
    PLAIN.replace("2,3,1,", "2,-3,1,"),
    PLAIN.replace("2,3,1,", "2,99999999,1,"),
    PLAIN.replace("2.0,4.0,.25,", "2.0,0.0,.25,"),
    PLAIN.replace("1.0,2.0,\n", "1.0,nan,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,inf,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,0x10,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,1e9999999,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,.,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,1_0,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,\u0661,\n"),
    PLAIN.replace("1.0,2.0,\n", "1.0,2.0,3.0\n"),
    PLAIN.replace("3,4\n", "3,4,,\n"),
    PLAIN.replace("3,4\n", "3,4\n\n"),
    PLAIN + "1.0,\n",
    *("\n".join(LINES[:k]) for k in range(len(LINES) - 1)),
]


@pytest.mark.parametrize("k", range(len(BAD)))
def test_refusals(k):
    with pytest.raises(Rejected) as caught:
        read_nnet(BAD[k].encode(), False, "model f")
    assert caught.value.step.startswith("model f")


def test_no_text():
    """Bytes that are no UTF-8 are no numbers; in comments, and in the line that is ignored, they do not matter."""
    plain = PLAIN.encode()
    for data in (b"\xff\xfe\x00", plain.replace(b"3,4", b"3,4\xff"), plain.replace(b"3,4", b"3,\xc3\n4")):
        with pytest.raises(Rejected, match="number"):
            read_nnet(data, False, "f")
    for data in (plain.replace(b"another", b"\xff"), plain.replace(b"comment", b"\xe4\xf6"), plain.replace(b"\n0,\n", b"\n\xff,\n")):
        assert data != plain
        assert read_nnet(data, False, "f") == read_nnet(plain, False, "f")


@pytest.mark.parametrize("seed", range(4))
def test_random_changes_never_crash(seed):
    generator = random.Random(seed)
    for _ in range(500):
        changed = list(PLAIN)
        for _ in range(generator.choice((1, 1, 2, 6))):
            place = generator.randrange(len(changed))
            change = generator.choice((0, 1, 2))
            if change == 0:
                changed[place] = generator.choice("0123456789,.eE+-\n /x")
            elif change == 1:
                del changed[place : place + generator.randint(1, 20)]
            else:
                changed[place:place] = generator.choices("0123456789,.e-\n", k=generator.randint(1, 8))
        try:
            network = read_nnet("".join(changed).encode(), False, "f")
        except (Rejected, BudgetExceeded):
            continue
        assert evaluate(network, [Fraction(1)] * network.input_size, "f")


def test_real_files():
    """The same network in two formats agrees up to the rounding of its weights; the twins are constant."""
    path = SHARED / "acasxu" / "ACASXU_experimental_v2a_1_1.nnet"
    if not path.exists():
        pytest.skip("the files in ../shared/data are not here")
    from exactnn.certificate._onnx import read_onnx

    text = read_nnet(path.read_bytes(), True, "f")
    binary = read_onnx(path.with_suffix(".onnx").read_bytes(), "g")
    for point in ([0, 0, 0, 0, 0], [Fraction(1, 3), Fraction(-1, 2), Fraction(1, 5), Fraction(2, 5), Fraction(-1, 7)]):
        pairs = zip(evaluate(text, point, "f"), evaluate(binary, point, "g"), strict=True)
        assert all(0 < abs(a - b) < Fraction(1, 10**5) for a, b in pairs)
    for path in sorted((SHARED / "twin").glob("*.nnet")):
        twin = read_nnet(path.read_bytes(), False, "f")
        points = [[Fraction((3 * i * i + k) % 17 - 8, 3) for i in range(twin.input_size)] for k in range(3)]
        assert len({tuple(evaluate(twin, point, "f")) for point in points}) == 1
