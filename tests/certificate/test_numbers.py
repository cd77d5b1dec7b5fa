"""Strict reading: malformed documents of every sort end in Rejected, never in another exception or in acceptance."""

import contextlib
import copy
import json
import random
from fractions import Fraction

import pytest

from exactnn.certificate import BudgetExceeded, Rejected, check
from exactnn.certificate._files import read_json
from exactnn.certificate._identity import read_equations
from exactnn.certificate._numbers import rational, tensor
from tests.certificate._build import RELU, certificate, forms, mlp, network, node, rehash, zero
from tests.certificate._build import tensor as build_tensor
from tests.certificate._cases import CASES
from tests.certificate.test_mutations import at, paths

HUGE = 10**4400 + 1


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (3, 3),
        (-(10**50), -(10**50)),
        ("1/3", Fraction(1, 3)),
        ("-22/6", Fraction(-11, 3)),
        ("0x1f", 31),
        ("-0xA", -10),
        ("3/0x10", Fraction(3, 16)),
    ],
)
def test_rationals(written, value):
    assert rational(written, "here") == value


def test_long_rationals():
    assert rational(HUGE, "here") == rational(hex(HUGE), "here") == HUGE
    assert rational(f"-0x1f/{hex(HUGE)}", "here") == Fraction(-31, HUGE)


@pytest.mark.parametrize(
    "written",
    [
        *(True, False, None, 1.0, "1", "1.5", "1/0", "1/-2", "", "/", "1/", "/2", "1/2/3", " 1/2", "1/2\n", "0x", "0xg", "+1/2"),
        *("1_0/3", "\u0661/2", [], {}, [1], "1e3", "nan", "1" * 5000 + "/3"),
    ],
)
def test_what_is_no_rational(written):
    with pytest.raises(Rejected) as caught:
        rational(written, "here")
    assert caught.value.step == "here"


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2, 3]},
        {"shape": [4, -1]},
        {"shape": [True, 4]},
        {"shape": [10**12]},
        {"shape": [10**6, 10**6, 0]},
        {"shape": "4"},
        {"denominator": 0},
        {"denominator": -1},
        {"denominator": "1"},
        {"denominator": True},
        {"numerators": [1, 2, 3]},
        {"numerators": [1, 2, 3, True]},
        {"numerators": [1, 2, 3, 4.0]},
        {"numerators": [1, 2, 3, "4"]},
        {"numerators": None},
        {"extra": 1},
    ],
)
def test_bad_tensors(change):
    good = {"shape": [2, 2], "denominator": 3, "numerators": [1, "0x2", 3, -4]}
    assert tensor(good, "here").numerators == [1, 2, 3, -4]
    with pytest.raises(Rejected, match="here"):
        tensor({**good, **change}, "here")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1.0]",
        b"[1e5]",
        b'{"a": 1, "a": 1}',
        b'{"x": {"b": 1, "b": 2}}',
        b"1" * 5000,
        b"[1] x",
        b"\xef\xbb\xbf[]",
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_bad_json(data, tmp_path):
    with pytest.raises(Rejected):
        read_json(data, "here")
    path = tmp_path / "certificate.json"
    path.write_bytes(data)
    with pytest.raises(Rejected):
        check(path)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_what_is_nested_too_deeply_is_not_decided(data, tmp_path):
    path = tmp_path / "certificate.json"
    path.write_bytes(data)
    with pytest.raises(BudgetExceeded, match="too deep"):
        check(path)


# Never right anywhere. Other integers, null and lists may be right by chance: test_mutations.py tries those.
JUNK = [True, 1.5, float("nan"), "", "\ud800", "1/0", "0x", [[]], {"a": 1}, [None], ("t",), b"b", 10**12 * 1j]


@pytest.mark.parametrize("name", CASES)
def test_junk_in_any_place(name):
    generator = random.Random(name)
    places = [p for p in paths(CASES[name]) if p and p[-1] not in ("count_padding", "elements")]
    for path in generator.sample(places, min(60, len(places))):
        for junk in generator.sample(JUNK, 4):
            found = copy.deepcopy(CASES[name])
            at(found, path[:-1])[path[-1]] = junk
            if path[-1] != "sha256":
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    rehash(found)
            with pytest.raises(Rejected):
                check(found)


@pytest.mark.parametrize("document", [None, [], 3, b"x", {}, {"format": "exactnn-certificate"}])
def test_what_is_no_certificate(document):
    with pytest.raises(Rejected):
        check(document)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"version": 3},
        {"version": True},
        {"version": 2.0},
        {"version": "2"},
        {"format": "exactnn-network"},
        {"semantics": "float32"},
        {"more": 1},
    ],
)
def test_another_format(change):
    with pytest.raises(Rejected):
        check({**CASES["T6"], **change})


def test_about_is_not_read():
    assert check({**CASES["T6"], "about": {"anything": [1.5, None]}})


def absurd(op, size, **fields):
    found = network([node("x", "input", shape=size), node("y", op, "x", **fields)])
    return certificate("zero", "proved", (found,), {"method": "forms", "hull": None, "f": {}, "g": {}, "output": None})


POOL = {"stride": [1], "padding": [[0, 0]]}


@pytest.mark.parametrize(
    "document",
    [
        absurd("max_pool", [1, 3], kernel=[2], stride=[1], padding=[[3, 0]], dilation=[1]),
        absurd("max_pool", [1, 3], kernel=[2], stride=[0], padding=[[0, 0]], dilation=[1]),
        absurd("max_pool", [1, 3], kernel=[0], stride=[1], padding=[[0, 0]], dilation=[1]),
        absurd("max_pool", [3], kernel=[], stride=[], padding=[], dilation=[]),
        absurd("average_pool", [1, 3], kernel=[1], stride=[3], padding=[[3, 0]], count_padding=False),
        absurd("slice", [3], starts=[2], stops=[1], steps=[1]),
        absurd("slice", [3], starts=[0], stops=[3], steps=[-1]),
        absurd("slice", [3], starts=[0], stops=[3], steps=[True]),
        absurd("transpose", [3, 2], axes=[0, 0]),
        absurd("transpose", [3, 2], axes=[0, -1]),
        absurd("concat", [3], axis=1),
        absurd("scale", [3], factor=build_tensor([[1, 1, 1]])),
        absurd("prelu", [3], slopes=build_tensor([1, 1])),
        absurd("piecewise_linear", [3], slope=0, constant=0, kinks=[[1, 1], [1, 1]]),
        absurd("piecewise_linear", [3], slope=0, constant=0, kinks=[[1, 0]]),
        absurd("piecewise_linear", [3], slope=0, constant=0, kinks=[[1]]),
        absurd("smooth", [3], function="sin"),
        absurd("rational", [3], numerator=[1], denominator=[0, 0]),
        absurd("rational", [3], numerator=[1], denominator=[]),
        absurd("softmax", [3]),
        absurd("input", [3], shape=[3]),
        absurd("max_pool", [1, 3], kernel=[10**12], stride=[1], padding=[[0, 0]], dilation=[1]),
    ],
)
def test_absurd_networks(document):
    with pytest.raises(Rejected):
        check(document)


@pytest.mark.parametrize(
    "document",
    [
        absurd("reshape", [10**12], shape=[10**12]),
        absurd("reshape", [10**6, 10**6], shape=[10**12]),
        absurd("average_pool", [1, 3], kernel=[2], stride=[1], padding=[[10**9, 10**9]], count_padding=True),
        absurd("average_pool", [1, 3], kernel=[10**7], stride=[1], padding=[[10**7, 10**7]], count_padding=True),
        absurd("reshape", [1], shape=[1] * 65),
    ],
)
def test_absurdly_large_networks_are_not_decided(document):
    with pytest.raises(BudgetExceeded, match="too large for this checker"):
        check(document)


def doubling(rank):
    """Each sum of a column and a row squares the number of entries."""
    nodes = [node("x", "input", shape=[1000])]
    for k in range(rank):
        last, size = nodes[-1]["name"], 1000 ** (2**k)
        nodes.append(node(f"c{k}", "reshape", last, shape=[size, 1]))
        nodes.append(node(f"r{k}", "reshape", last, shape=[1, size]))
        nodes.append(node(f"s{k}", "add", f"c{k}", f"r{k}"))
    return network(nodes)


def test_shapes_that_grow():
    with pytest.raises(BudgetExceeded, match="model f: node s1: more than"):
        check(certificate("zero", "proved", (doubling(2),), {"method": "tree", "hull": None, "tree": []}))


def test_numbers_that_grow():
    nodes = [node("x", "input", shape=[1])]
    for k in range(8):
        nodes.append(node(f"p{k}", "rational", nodes[-1]["name"], numerator=[0] * 1000 + [1], denominator=[1]))
    evidence = {"method": "point", "point": [2], "f": [1], "g": [0]}
    with pytest.raises(BudgetExceeded, match=r"too long for this checker|too large for this checker"):
        check(certificate("zero", "refuted", (network(nodes),), evidence))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("inputs", []),
        ("inputs", ["x", "x"]),
        ("inputs", ["h0"]),
        ("inputs", "x"),
        ("outputs", []),
        ("outputs", ["nowhere"]),
        ("nodes", []),
        ("nodes", {}),
        ("nodes", [1]),
    ],
)
def test_bad_networks(key, value):
    with pytest.raises(Rejected, match="model f"):
        check(zero({**mlp(([[1]], [0])), key: value}, {}))


def test_operands_stand_before():
    nodes = [node("x", "input", shape=[1]), node("a", "piecewise_linear", "a", **RELU)]
    with pytest.raises(Rejected, match="no earlier node"):
        check(zero(network(nodes), {}))
    with pytest.raises(Rejected, match="twice"):
        check(zero(network([nodes[0], nodes[0]]), {}))


def test_a_certificate_with_hexadecimal_numbers():
    found = copy.deepcopy(CASES["T6"])
    h = found["models"]["f"]["inline"]["nodes"][1]
    h["weight"] = {"shape": [3, 1], "denominator": hex(HUGE), "numerators": [hex(HUGE), 0, "0x0"]}
    assert check(json.loads(json.dumps(rehash(found))))


@pytest.mark.parametrize("size", [10**4000, 2**64], ids=["long", "short"])
def test_sizes_that_no_message_could_show(size):
    """Their product has more digits than Python writes."""
    value = {"shape": [size, size], "denominator": 1, "numerators": []}
    nodes = [node("x", "input", shape=[1]), node("c", "constant", value=value), node("y", "add", "x", "c")]
    with pytest.raises(BudgetExceeded, match=r"too large for this checker"):
        check(certificate("zero", "proved", [network(nodes)], forms({})))


def test_a_number_too_long_for_a_text():
    """In a file it is hexadecimal; in memory it need not be, and is the same number."""
    points = {"shape": [1, 1], "denominator": 1, "numerators": [0]}
    equations, _ = read_equations({"points": points, "definitions": [], "equations": [[10**5000, "=", hex(10**5000)]]})
    assert [(gap.parts[0] is gap.parts[1], gap.parts[0].given[0].numerators) for gap, _ in equations] == [(True, [10**5000])]
