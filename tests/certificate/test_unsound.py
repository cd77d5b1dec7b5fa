"""False claims with tempting evidence: each would be accepted if one condition of the format were not checked."""

import copy
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected, check
from tests.certificate import _oracle
from tests.certificate._build import LEAKY, act, affine, atom, box, mlp, network, node, proved, shallow, tensor, zero
from tests.certificate._cases import CASES, linear, smooth_net

X = node("x", "input", shape=[1, 3])
SCALARS = node("x", "input", shape=[1])
WINDOW = {"stride": [1], "padding": [[0, 0]], "dilation": [1]}


def pool(name, operand, **change):
    return node(name, "max_pool", operand, **{"kernel": [2], **WINDOW, **change})


def average(name, operand, **change):
    fields = {"kernel": [2], "stride": [1], "padding": [[0, 0]], "count_padding": True, **change}
    return node(name, "average_pool", operand, **fields)


def conv(name, operand, weight=(1, 2), bias=0, **change):
    fields = {"weight": tensor([[list(weight)]]), "bias": tensor([bias]), **WINDOW, "groups": 1, **change}
    return node(name, "conv", operand, **fields)


def scale(name, operand, factor):
    return node(name, "scale", operand, factor=tensor([factor]))


def shift(name, operand, by):
    return act(name, operand, {"slope": 1, "constant": by, "kinks": []})


def difference(*nodes, x=X):
    """The first node named "a" minus the one named "b"."""
    return network([x, *nodes, node("y", "subtract", "a", "b")])


PAIR = [["atom", 0, 1]]
FALSE = {
    "a null line of a convolution": zero(network([X, conv("c", "x")]), {"c": [None]}),
    "a null line of a maximum": zero(network([X, pool("m", "x")]), {"m": [None]}),
    "a negative factor of a maximum": zero(
        network([X, pool("a", "x"), scale("n", "x", -1), pool("m", "n"), node("y", "add", "a", "m")]),
        {"a": [["atom", 0, 1]], "m": [["atom", 0, -1]]},
    ),
    "a negative factor at a kink": zero(shallow([(1, 1, 0), (1, -1, 0)]), {"r0": [atom(0), atom(0, 1, -1)]}),
    "a sign 0": zero(shallow([(1, 1, 0)]), {"r0": [["atom", 0, 0, 1]]}),
    "a sign 2": proved(shallow([(1, 2, 0)]), RELU_X := shallow([(1, 1, 0)]), {"r0": [["atom", 0, 2, 1]]}, {"r0": [atom(0)]}),
    "on, but negative": proved(shallow([(1, 0, -1)]), linear([[0]], [-1]), {"r0": [["on", []]]}, {}),
    "off, but positive": zero(shallow([(1, 0, 1)]), {"r0": [["off", []]]}),
    "on without reason": proved(RELU_X, linear([[1]], [0]), {"r0": [["on", []]]}, {}),
    "off without reason": zero(RELU_X, {"r0": [["off", []]]}),
    "a negative coefficient": zero(mlp(([[1]], [0]), ([[1]], [0]), ([[1]], [0])), {"r0": [atom(0)], "r1": [["off", [["atom", 0, -1]]]]}),
    "a coefficient 0 hides nothing": zero(RELU_X, {"r0": [["off", [["slack", 0, 0]]]]}, domain=box((-1, 1))),
    "a smooth atom is not >= 0": proved(
        network([SCALARS, node("t", "smooth", "x", function="tanh"), act("r", "t")]),
        network([SCALARS, node("t", "smooth", "x", function="tanh")]),
        {"t": [["atom", 0, 1]], "r": [["on", [["atom", 0, 1]]]]},
        {"t": [["atom", 0, 1]]},
    ),
    "a chord without bounds": proved(
        RELU_X,
        linear([["1/2"]], ["1/2"]),
        {"r0": [atom(0)]},
        {},
        domain=box((-2, 2)),
        tolerance="1/2",
        output=CASES["chord"]["evidence"]["output"],
    ),
    "bounds that do not hold": {
        **CASES["chord"],
        "claim": {**CASES["chord"]["claim"], "domain": box((-2, 2))},
    },
    "bounds on one side of 0": proved(
        shallow([(1, 1, 3)]),
        linear([[2]], [2]),
        {"r0": [atom(0)]},
        {},
        domain=box((-1, 1)),
        tolerance="1/2",
        output=[[[["chord", 0, 1]], [["mirror", 0, 1], ["slack", 0, 1]]]],
        bounds=[[0, 2, [["slack", 1, 1]], 4, [["slack", 0, 1]]]],
    ),
    "bounds without room": proved(
        shallow([(1, 0, 0)]),
        linear([[0]], [0]),
        {"r0": [atom(0)]},
        {},
        output=[[[["chord", 0, 1]], [["atom", 0, 1]]]],
        bounds=[[0, 0, [], 0, []]],
    ),
    "a bound that rests on itself": zero(
        RELU_X,
        {"r0": [atom(0)]},
        tolerance=5,
        output=[[[["chord", 0, 2], ["mirror", 0, 1]], [["atom", 0, 1]]]],
        bounds=[[0, -1, [["atom", 0, 1]], 1, [["chord", 0, 2], ["mirror", 0, 1]]]],
    ),
    "bounds that rest on each other": zero(
        mlp(([[1], [1]], [0, 1]), ([[1, 1]], [0])),
        {"r0": [atom(0), atom(1)]},
        tolerance=100,
        output=[[[["chord", 0, 1], ["chord", 1, 1]], [["atom", 0, 1], ["atom", 1, 1]]]],
        bounds=[
            [0, -5, [["chord", 1, 1]], 5, [["chord", 1, 1]]],
            [1, -5, [["chord", 0, 1]], 5, [["chord", 0, 1]]],
        ],
    ),
    "bounds of an atom that is not used": proved(RELU_X, RELU_X, {"r0": [atom(0)]}, {"r0": [atom(0)]}, bounds=[[0, -1, [], 1, []]]),
    "another smooth function": proved(smooth_net("silu", [(1, 1, 0)]), smooth_net("gelu", [(1, 1, 0)]), {"r0": PAIR}, {"r0": PAIR}),
    "a smooth function scaled": proved(smooth_net("silu", [(1, 1, 0)]), smooth_net("silu", [("1/2", 2, 0)]), {"r0": PAIR}, {"r0": PAIR}),
    "a smooth function as a maximum": proved(RELU_X, smooth_net("silu", [(1, 1, 0)]), {"r0": [atom(0)]}, {"r0": PAIR}),
    "softplus of 0": zero(smooth_net("softplus", [(1, 0, 0)]), {"r0": [["zero"]]}),
    "zero where the form is not": zero(smooth_net("tanh", [(1, 1, 0)]), {"r0": [["zero"]]}),
    "zero where the form is another constant": zero(smooth_net("tanh", [(1, 0, 1)]), {"r0": [["zero"]]}),
    "another rational function": zero(
        difference(
            node("a", "rational", "x", numerator=[1], denominator=[1, 0, 1]),
            node("b", "rational", "x", numerator=[2], denominator=[1, 0, 1]),
            x=SCALARS,
        ),
        {"a": PAIR, "b": PAIR},
    ),
    "a rational function of something else": zero(
        difference(
            node("a", "rational", "x", numerator=[1], denominator=[1, 0, 1]),
            shift("s", "x", 1),
            node("b", "rational", "s", numerator=[1], denominator=[1, 0, 1]),
            x=SCALARS,
        ),
        {"a": PAIR, "b": PAIR},
    ),
    "another kernel": zero(difference(conv("a", "x"), conv("b", "x", (2, 1))), {"a": PAIR, "b": PAIR}),
    "another factor of a kernel": zero(difference(conv("a", "x"), conv("b", "x", (2, 4))), {"a": PAIR, "b": [["atom", 0, 2]]}),
    "another bias": zero(difference(conv("a", "x"), conv("b", "x", bias=1)), {"a": PAIR, "b": PAIR}),
    "another padding": zero(difference(conv("a", "x", padding=[[1, 0]]), conv("b", "x", padding=[[0, 1]])), {"a": PAIR, "b": PAIR}),
    "another stride": zero(
        difference(
            conv("a", "x", padding=[[1, 1]], stride=[2]),
            conv("b", "x", padding=[[0, 2]], stride=[2]),
        ),
        {"a": PAIR, "b": PAIR},
    ),
    "another dilation": zero(
        difference(conv("a", "x", padding=[[1, 0]], dilation=[1]), conv("b", "x", padding=[[1, 1]], dilation=[2])),
        {"a": PAIR, "b": PAIR},
    ),
    "a constant under a padded convolution": zero(
        difference(
            conv("a", "x", padding=[[1, 1]]),
            shift("s", "x", 1),
            conv("c", "s", padding=[[1, 1]]),
            shift("b", "c", -3),
        ),
        {"a": PAIR, "c": PAIR},
    ),
    "a constant under a padded average": zero(
        difference(average("a", "x", padding=[[1, 1]]), shift("s", "x", 1), average("c", "s", padding=[[1, 1]]), shift("b", "c", -1)),
        {},
    ),
    "averages with and without the padding": zero(
        difference(average("a", "x", padding=[[1, 1]]), average("b", "x", padding=[[1, 1]], count_padding=False)), {}
    ),
    "maxima over other windows": zero(
        difference(pool("a", "x", padding=[[1, 0]]), pool("b", "x", padding=[[0, 1]])), {"a": PAIR, "b": PAIR}
    ),
    "a maximum and a convolution": zero(difference(conv("a", "x", (1, 0)), pool("b", "x")), {"a": PAIR, "b": PAIR}),
    "places of a grid": zero(
        network(
            [
                node("x", "input", shape=[1, 2]),
                act("r", "x"),
                node("z", "reshape", "r", shape=[2]),
                affine("h", "z", [[1, -1]], [0]),
                act("t", "h"),
            ]
        ),
        {"r": [atom(0)], "t": [["off", [["atom", [0, 1], 1]]]]},
    ),
    "a slack on a grid": proved(
        network([node("x", "input", shape=[1, 2]), act("r", "x")]),
        network([node("x", "input", shape=[1, 2])]),
        {"r": [["on", [["slack", 0, 1]]]]},
        {},
        domain={"A": tensor([[-1, 0]]), "b": tensor([0])},
    ),
    "a prelu line that should be there": zero(
        network([SCALARS, node("p", "prelu", "x", slopes=tensor([2])), node("y", "subtract", "p", "x")]), {"p": [None]}
    ),
    "leaky is not relu": proved(RELU_X, shallow([(1, 1, 0)], activation=LEAKY), {"r0": [atom(0)]}, {"r0": [atom(0)]}),
    "a hull that is too thin": zero(
        shallow([(1, [1, -1], 0)]),
        {"r0": [["on", []]]},
        domain=box((-1, 1), (-1, 1)),
        hull={"origin": [0, 0], "directions": [[1, 1]], "coordinates": [["1/2", "1/2"]], "equalities": []},
    ),
    "a hull of one point": zero(
        RELU_X,
        {"r0": [["on", []]]},
        domain=box((-1, 1)),
        hull={"origin": [0], "directions": [], "coordinates": [], "equalities": []},
    ),
    "an equality that does not hold": zero(
        RELU_X,
        {"r0": [["on", []]]},
        domain=box((-1, 1)),
        hull={
            "origin": [0],
            "directions": [],
            "coordinates": [],
            "equalities": [{"row": 0, "coefficients": [1], "farkas": [1, [[1, 1]]]}],
        },
    ),
    "a negative multiplier": zero(
        linear([[1]], [-1]),
        {},
        domain={"A": tensor([[1]]), "b": tensor([1])},
        hull={
            "origin": [1],
            "directions": [],
            "coordinates": [],
            "equalities": [{"row": 0, "coefficients": [1], "farkas": [1, [[0, -1]]]}],
        },
    ),
    "an origin beside the domain": zero(
        RELU_X,
        {"r0": [["on", []]]},
        domain=box((1, 1)),
        hull={
            "origin": [0],
            "directions": [],
            "coordinates": [],
            "equalities": [{"row": 0, "coefficients": [1], "farkas": [1, [[1, 1]]]}],
        },
    ),
    "tolerance on one side only": zero(
        RELU_X,
        {"r0": [["on", [["slack", 1, 1]]]]},
        domain=box((0, 2)),
        tolerance=1,
        output=[[[["slack", 0, 1]], [["slack", 1, 1]]]],
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_rejected(name):
    with pytest.raises(Rejected):
        check(FALSE[name])


EVIDENCE = {
    "a smooth atom is not >= 0",
    "a chord without bounds",
    "bounds that do not hold",
    "a bound that rests on itself",
    "bounds that rest on each other",
    "bounds of an atom that is not used",
    "bounds without room",
}


@pytest.mark.parametrize("name", FALSE)
def test_the_evidence_is_false(name):
    """Most of the claims are false; of the others the evidence is."""
    scales = {"smooth": _oracle.real}
    found = FALSE[name]
    if name in EVIDENCE:
        assert not _oracle.supports(found, count=60)
    else:
        assert not _oracle.proves(found, (scales, scales), 60)


def test_steps_are_named():
    found = copy.deepcopy(CASES["small conv"])
    found["evidence"]["g"]["p"][0][3] = "3/2"
    with pytest.raises(Rejected) as caught:
        check(found)
    assert caught.value.step == "forms: g: node p, line 0"
    found = copy.deepcopy(CASES["T4"])
    found["evidence"]["g"]["r0"].append(atom(0))
    with pytest.raises(Rejected) as caught:
        check(found)
    assert caught.value.step == "forms: g: node r0"
    found["evidence"]["g"] = {"r9": []}
    with pytest.raises(Rejected, match="r9") as caught:
        check(found)
    assert caught.value.step == "forms: g"


def test_a_tree_holds_nothing_else():
    assert check(CASES["T1 tree"])
    with pytest.raises(Rejected, match="unknown key"):
        check({**CASES["T1 tree"], "evidence": {**CASES["T1 tree"]["evidence"], "f": {}}})


def test_numbers_count_on_from_f_to_g():
    found = copy.deepcopy(CASES["T9"])
    found["evidence"]["g"]["r0"] = [atom(2), atom(2, -1)]
    with pytest.raises(Rejected, match="next new one is 1"):
        check(found)


def constant_on(grid):
    """A convolution without weights gives a constant, whatever the grid."""
    return [
        node("x", "input", shape=[1, grid]),
        conv("c", "x", (0, 0), 3),
        act("r", "c"),
    ]


def test_one_grid_for_an_atom():
    nodes = [*constant_on(4), conv("d", "r", (0, 0), 3), act("s", "d")]
    found = zero(network(nodes), {"c": [None], "r": [atom(0)], "d": [None], "s": [atom(0)]}, tolerance=Fraction(3))
    with pytest.raises(Rejected, match="another grid"):
        check(found)
