"""True claims with evidence written by hand; the numbers Tn refer to the theory's list of ground truth cases."""

from fractions import Fraction

from tests.certificate._build import (
    ABS,
    HARDTANH,
    LEAKY,
    act,
    affine,
    atom,
    box,
    certificate,
    forms,
    mlp,
    network,
    node,
    proved,
    shallow,
    tensor,
    zero,
)
from tests.certificate._trees import by_tree


def point(x, f, g):
    return {"method": "point", "point": x, "f": f, "g": g}


def linear(weight, bias):
    """A network that is one affine map."""
    return network([node("x", "input", shape=[len(weight[0])]), affine("h", "x", weight, bias)])


T1 = shallow([(1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1)], 1)
T1_FULL = shallow([(1, 1, 1), (-1, -1, -1), (-1, 1, 2), (1, -1, -2)], 1)
T2 = shallow(
    [
        (1, [1, 0], 0),
        (1, [0, 1], 0),
        (1, [-1, -1], 0),
        (-1, [-1, 0], 0),
        (-1, [0, -1], 0),
        (-1, [1, 1], 0),
    ]
)
T3 = (
    shallow([(1, [1, 0], 0), (1, [0, 1], 0), (1, [-1, -1], 0)]),
    shallow([(1, [-1, 0], 0), (1, [0, -1], 0), (1, [1, 1], 0)]),
)
RELU_X = shallow([(1, 1, 0)])
T10 = shallow([(1, 1, 0), (-1, 1, Fraction(1, 10**30))])
TENT = [([[1], [1], [1]], [0, Fraction(-1, 2), -1]), ([[2, -4, 2]] * 3, [0, Fraction(-1, 2), -1]), ([[2, -4, 2]], [0])]
T26 = mlp(*TENT)
T26_FLAT = shallow([(4, 1, 0), (-8, 1, "-1/4"), (8, 1, "-1/2"), (-8, 1, "-3/4"), (4, 1, -1)])
T26_OFF = shallow([(4, 1, 0), (-8, 1, Fraction(-1, 4) - Fraction(1, 2**60)), (8, 1, "-1/2"), (-8, 1, "-3/4"), (4, 1, -1)])

# f = f, and networks with a first layer in common
BODY = ([[1, 2], [3, -1], [0, 1]], [0, 1, Fraction(-1, 2)])
SPLIT = mlp(BODY, ([[1, -1, 2], [1, -1, 2]], [0, 0]), ([["1/3", "2/3"]], [5]))
WHOLE = mlp(BODY, ([[1, -1, 2]], [0]), ([[1]], [5]))


def shared(groups, f, g, lines_f, lines_g, **extra):
    return proved(f, g, lines_f, lines_g, shared=groups, **extra)


def prelus(slopes):
    return network([node("x", "input", shape=[len(slopes)]), node("p", "prelu", "x", slopes=tensor(slopes))])


CASES = {
    "shared whole": shared([[["h2"], ["h2"]]], SPLIT, SPLIT, {}, {}),
    "shared whole on a box": shared([[["h2"], ["h2"]]], T26, T26, {}, {}, domain=box((-1, 1)), tolerance=1),
    "shared part": shared([[["r0"], ["r0"]]], SPLIT, WHOLE, {"r1": [atom(0), atom(0)]}, {"r1": [atom(0)]}, domain=box((-1, 1), (-1, 1))),
    "T1": zero(T1, {"r0": [atom(0), atom(0, -1), atom(1), atom(1, -1)]}),
    "T1 all parameters": zero(T1_FULL, {"r0": [atom(0), atom(0, -1), atom(1), atom(1, -1)]}),
    "T1 tree": by_tree(T1),
    "T2": zero(T2, {"r0": [atom(0), atom(1), atom(2), atom(0, -1), atom(1, -1), atom(2, -1)]}),
    "T3": proved(*T3, {"r0": [atom(0), atom(1), atom(2)]}, {"r0": [atom(0, -1), atom(1, -1), atom(2, -1)]}),
    "T4": proved(
        shallow([(1, 1, 0), (-1, 1, -1)]),
        shallow([(1, -1, 0), (-1, -1, 1)], 1),
        {"r0": [atom(0), atom(1)]},
        {"r0": [atom(0, -1), atom(1, -1)]},
    ),
    "T5": proved(
        shallow([(3, 2, 2)]),
        shallow([(2, 1, 1), (4, 1, 1)]),
        {"r0": [atom(0)]},
        {"r0": [atom(0, 1, "1/2"), atom(0, 1, "1/2")]},
    ),
    "T6": proved(
        shallow([(1, 1, 0), (2, 0, 3), (7, 0, -5)], -6),
        RELU_X,
        {"r0": [atom(0), ["on", []], ["off", []]]},
        {"r0": [atom(0)]},
    ),
    "T7": certificate("equal", "refuted", (RELU_X, shallow([(1, -1, 0)])), point([1], [1], [0])),
    "T8": proved(
        shallow([(1, 1, 0), (1, -1, 0)]),
        shallow([("1/2", 2, 0), ("1/3", -3, 0)]),
        {"r0": [atom(0), atom(0, -1)]},
        {"r0": [atom(0, 1, 2), atom(0, -1, 3)]},
    ),
    "T9": proved(
        shallow([(1, 1, 0), (-1, -1, 0)]),
        shallow([(1, 1, 5), (-1, -1, -5)], -5),
        {"r0": [atom(0), atom(0, -1)]},
        {"r0": [atom(1), atom(1, -1)]},
    ),
    "T10": certificate("zero", "refuted", (T10,), point([0], [f"-1/{10**30}"], [0])),
    "T10 tolerance": by_tree(T10, tolerance=Fraction(1, 10**30)),
    "T11 floats": certificate(
        "zero",
        "refuted",
        (shallow([(1, Fraction(0.1 + 0.2), 0), (-1, Fraction(0.3), 0)]),),
        point([1], [f"1/{2**54}"], [0]),
    ),
    "T19 odd part": proved(
        shallow([(1, 1, 0), (-1, -1, 0)], activation=LEAKY),
        linear([["11/10"]], [0]),
        {"r0": [atom(0), atom(0, -1)]},
        {},
    ),
    "T19 even part": proved(
        shallow([(1, 1, 0), (1, -1, 0)], activation=LEAKY),
        shallow([("9/10", 1, 0)], activation=ABS),
        {"r0": [atom(0), atom(0, -1)]},
        {"r0": [atom(0)]},
    ),
    "T22": proved(
        mlp(([[1], [-1]], [0, 0]), ([[1, -1]], [0]), ([[1]], [0])),
        RELU_X,
        {"r0": [atom(0), atom(0, -1)], "r1": [atom(0)]},
        {"r0": [atom(0)]},
    ),
    "T23": zero(
        mlp(([[1], [-1]], [0, 0]), ([[-1, -1]], [0]), ([[1]], [0])),
        {"r0": [atom(0), atom(0, -1)], "r1": [["off", [["atom", 0, 1], ["mirror", 0, 1]]]]},
    ),
    "T24": proved(
        mlp(([[1], [-1]], [0, 0]), ([[1, 1], [-1, -1]], [0, -1]), ([[1, "22/7"]], [0])),
        shallow([(1, 1, 0)], activation=ABS),
        {
            "r0": [atom(0), atom(0, -1)],
            "r1": [["on", [["atom", 0, 1], ["mirror", 0, 1]]], ["off", [["atom", 0, 1], ["mirror", 0, 1]]]],
        },
        {"r0": [atom(0)]},
    ),
    "T26 tree": by_tree(T26, T26_FLAT),
    "T26 off": certificate("equal", "refuted", (T26, T26_OFF), point(["1/2"], [0], [Fraction(8, 2**60).__str__()])),
    "T26 tree, domain": by_tree(T26, T26_OFF, domain=box((-7, "1/4"))),
    "tree, one point": by_tree(RELU_X, T1, domain=box((0, 0))),
    "tree, half open": by_tree(RELU_X, linear([[1]], [0]), domain={"A": tensor([[-2]]), "b": tensor([0])}),
    "hard tanh": zero(
        shallow([(1, 1, 0), (1, -1, 0)], activation=HARDTANH),
        {"r0": [atom(0), atom(1), atom(1, -1), atom(0, -1)]},
    ),
    "two kinks of two neurons": proved(
        shallow([(1, 1, 0), (1, 2, 0)], activation=HARDTANH),
        shallow([(1, 2, 0), (1, 1, 0)], activation=HARDTANH),
        {"r0": [atom(0), atom(1), atom(2), atom(3)]},
        {"r0": [atom(1), atom(0), atom(3), atom(2)]},
    ),
    "an unnamed maximum": proved(
        prelus([1, "1/2"]),
        prelus([1, "1/2"]),
        {"p": [None, atom(0)]},
        {"p": [None, atom(0)]},
    ),
    "slack on": proved(
        shallow([(1, 1, 2), (5, 1, -3)]),
        linear([[1]], [2]),
        {"r0": [["on", [["slack", 1, 1]]], ["off", [["slack", 0, 1]]]]},
        {},
        domain=box((-1, 1)),
    ),
    "output proofs": proved(
        shallow([(1, 1, 0)]),
        linear([["9/10"]], [0]),
        {"r0": [["on", [["slack", 1, 1]]]]},
        {},
        domain=box((0, 1)),
        tolerance="1/10",
        output=[[[["slack", 0, "1/10"]], [["slack", 1, "1/10"]]]],
    ),
    "hull": proved(
        shallow([(1, [1, -1], 0), (1, [1, 0], 0), (3, [2, 1], 1)]),
        shallow([(1, [0, 1], 0), (9, [1, 0], "1/3")]),
        {"r0": [["on", []], atom(0), atom(1)]},
        {"r0": [atom(0), atom(1, 1, "1/3")]},
        domain={"A": tensor([[1, -1], [-1, 1]]), "b": tensor([0, 0])},
        hull={
            "origin": [0, 0],
            "directions": [[1, 1]],
            "coordinates": [["1/2", "1/2"]],
            "equalities": [{"row": 0, "coefficients": ["1/2", "-1/2"], "farkas": [1, [[1, 1]]]}],
        },
    ),
    "hull, one point": proved(
        shallow([(1, [1, -1], 0)]),
        linear([[1, 0]], [1]),
        {"r0": [["on", []]]},
        {},
        domain=box((-1, -1), (-1, -1)),
        hull={
            "origin": [-1, -1],
            "directions": [],
            "coordinates": [],
            "equalities": [
                {"row": 0, "coefficients": [1, 0], "farkas": [1, [[1, 1]]]},
                {"row": 2, "coefficients": [0, 1], "farkas": [3]},
            ],
        },
    ),
}


CASES["chord"] = proved(
    RELU_X,
    linear([["1/2"]], ["1/2"]),
    {"r0": [atom(0)]},
    {},
    domain=box((-1, 1)),
    tolerance="1/2",
    output=[[[["chord", 0, 1]], [["atom", 0, "1/2"], ["mirror", 0, "1/2"]]]],
    bounds=[[0, -1, [["slack", 1, 1]], 1, [["slack", 0, 1]]]],
)
CASES["chords of chords"] = zero(
    mlp(([[1]], [0]), ([[2]], [-1]), ([[1]], ["-3/2"]), ([[5]], [0])),
    {
        "r0": [atom(0)],
        "r1": [atom(1)],
        "r2": [["off", [["chord", 1, 1], ["chord", 0, 1], ["slack", 0, "1/2"]]]],
    },
    domain=box((-1, 1)),
    bounds=[
        [1, -1, [["atom", 0, 2]], 1, [["chord", 0, 2], ["slack", 0, 1]]],
        [0, -1, [["slack", 1, 1]], 1, [["slack", 0, 1]]],
    ],
)


def prelu_net(weight, bias, slopes, out):
    return network(
        [
            node("x", "input", shape=[2]),
            affine("h", "x", weight, bias),
            node("r", "prelu", "h", slopes=tensor(slopes)),
            affine("y", "r", out, [0]),
        ]
    )


CASES["prelu"] = proved(
    prelu_net([[1, 2], [3, 4], [1, 0]], [1, 0, 2], ["1/4", "-1/2", 1], [[1, 2, 5]]),
    prelu_net([[1, 0], [6, 8], [1, 2]], [2, 0, 1], [1, "-1/2", "1/4"], [[5, 1, 1]]),
    {"r": [atom(0), atom(1), None]},
    {"r": [None, atom(1, 1, 2), atom(0)]},
)


def smooth_net(function, neurons, constant=0):
    found = shallow(neurons, constant)
    for item in found["nodes"]:
        if item["op"] == "piecewise_linear":
            for key in ("slope", "constant", "kinks"):
                del item[key]
            item.update(op="smooth", function=function)
    return found


CASES["tanh"] = zero(
    smooth_net("tanh", [(1, [1, 2], 3), (1, [-1, -2], -3), (5, [0, 0], 0)]),
    {"r0": [["atom", 0, 1], ["atom", 0, -1], ["zero"]]},
)
CASES["sigmoid"] = zero(
    smooth_net("sigmoid", [(1, [1, 2], 3), (1, [-1, -2], -3), (2, [0, 0], 0)], -2),
    {"r0": [["atom", 0, 1], ["atom", 0, -1], ["zero"]]},
)
for name in ("silu", "gelu", "gelu_tanh"):  # T17
    CASES[name] = zero(
        smooth_net(name, [(1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1), (3, 0, 0)], 1),
        {"r0": [["atom", 0, 1], ["atom", 0, -1], ["atom", 1, -1], ["atom", 1, 1], ["zero"]]},
    )
CASES["softplus"] = zero(
    smooth_net("softplus", [(1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1)], 1),
    {"r0": [["atom", 0, 1], ["atom", 0, -1], ["atom", 1, -1], ["atom", 1, 1]]},
)


CASES["enclosure"] = certificate(
    "equal",
    "refuted",
    (smooth_net("silu", [(1, 1, 0)]), smooth_net("silu", [("1/2", 2, 0)])),
    {"method": "enclosure", "point": [1], "output": 0, "bits": 40},
    domain=box((0, 2)),
    tolerance="1/8",
)  # 0.7310... and 0.8807...


def rational_net(numerator, denominator, weight):
    return network(
        [
            node("x", "input", shape=[1]),
            affine("h", "x", [[1], [1]], [1, 1]),
            node("r", "rational", "h", numerator=numerator, denominator=denominator),
            affine("y", "r", weight, [0]),
        ]
    )


CASES["rational"] = zero(
    rational_net([1, 0, "2/3"], [1, 1, 1], [[2, -2]]), {"r": [["atom", 0, 1], ["atom", 0, 1]]}, denominators=[[[1, 1, 1], [-1, 0]]]
)
CASES["rational, point"] = certificate("zero", "refuted", (rational_net([1, 0, 1], [0, 1], [[1, 1]]),), point([1], [5], [0]))


def residual(weight, bias, out):
    return network(
        [
            node("x", "input", shape=[2]),
            affine("h", "x", weight, bias),
            act("r", "h"),
            affine("k", "r", out, [1, 2]),
            node("s", "add", "k", "x"),
            act("t", "s"),
            node("d", "subtract", "t", "x"),
        ]
    )


CASES["residual"] = proved(
    residual([[1, 2], [3, 4], [5, 7]], [1, 0, -1], [[1, 2, 3], [4, 5, 6]]),
    residual([[3, 4], [10, 14], [1, 2]], [0, -2, 1], [[2, "3/2", 1], [5, 3, 4]]),
    {"r": [atom(0), atom(1), atom(2)], "t": [atom(3), atom(4)]},
    {"r": [atom(1), atom(2, 1, 2), atom(0)], "t": [atom(3), atom(4)]},
)


def norm(name, operand, mean, variance, weight, bias, epsilon="1/100000", precision="float32"):
    fields = {"mean": mean, "variance": variance, "weight": weight, "bias": bias}
    fields = {key: tensor(v) for key, v in fields.items()}
    return node(name, "batch_norm", operand, **fields, epsilon=epsilon, precision=precision)


NORMED = network(
    [
        node("x", "input", shape=[2]),
        affine("h", "x", [[1, 2], [3, 4]], [1, 0]),
        norm("b", "h", ["1/3", 2], ["15/4", "3/4"], [3, "-1/2"], [0, "1/7"], epsilon="1/4"),
        act("r", "b"),
        affine("y", "r", [[1, 1]], [0]),
    ]
)  # the scales are 3/2 and -1/2 exactly
CASES["batch norm"] = proved(
    NORMED,
    shallow([("1/2", [3, 6], 2), (1, ["-3/2", -2], "8/7")]),
    {"r": [atom(0), atom(1)]},
    {"r0": [atom(0, 1, 2), atom(1)]},
)


SCALES = {  # of the batch norms, by case, for f and g
    "batch norm": ({"b": [Fraction(3, 2), Fraction(-1, 2)]}, None),
    "image": ({"b": [Fraction(1), Fraction(1, 2)]}, {"b": [Fraction(1, 2), Fraction(1)]}),
}


def image(kernels, biases, last, order=(0, 1)):
    """conv with padding, batch norm, ReLU, max pooling, conv, leaky ReLU, average pooling, flat, affine."""
    second = [[[[[1, 2], [0, -1]], [[3, 1], [1, 1]]][c] for c in order]]
    means, variances, shifts = ([pair[c] for c in order] for pair in ([1, 2], [0, 3], [0, Fraction(1, 2)]))
    return network(
        [
            node("x", "input", shape=[1, 4, 4]),
            node(
                "c",
                "conv",
                "x",
                weight=tensor(kernels),
                bias=tensor(biases),
                stride=[1, 1],
                padding=[[1, 0], [0, 1]],
                dilation=[1, 1],
                groups=1,
            ),
            norm("b", "c", means, variances, [1, 1], shifts, epsilon=1),
            act("r", "b"),
            node("m", "max_pool", "r", kernel=[2, 2], stride=[2, 2], padding=[[0, 0], [0, 0]], dilation=[1, 1]),
            node(
                "k",
                "conv",
                "m",
                weight=tensor(second),
                bias=tensor([1]),
                stride=[1, 1],
                padding=[[1, 1], [1, 1]],
                dilation=[1, 1],
                groups=1,
            ),
            act("l", "k", LEAKY),
            node("a", "average_pool", "l", kernel=[2, 2], stride=[2, 2], padding=[[1, 0], [1, 0]], count_padding=True),
            node("z", "reshape", "a", shape=[4]),
            affine("y", "z", last, [0]),
        ]
    )


IMAGE_LINES = {
    "c": [["atom", 0, 1], ["atom", 1, 1]],
    "r": [atom(2), atom(3)],
    "m": [["atom", 4, 1], ["atom", 5, 1]],
    "k": [["atom", 6, 1]],
    "l": [atom(7)],
}
CASES["image"] = proved(
    image([[[[1, 2], [3, 4]]], [[[0, 1], [1, -1]]]], [1, 2], [[1, 2, 3, 4]]),
    image([[[[0, 1], [1, -1]]], [[[1, 2], [3, 4]]]], [2, 1], [[1, 2, 3, 4]], order=(1, 0)),
    IMAGE_LINES,
    {
        "c": [["atom", 1, 1], ["atom", 0, 1]],
        "r": [atom(3), atom(2)],
        "m": [["atom", 5, 1], ["atom", 4, 1]],
        "k": [["atom", 6, 1]],
        "l": [atom(7)],
    },
)


def plain_image(weight, bias, slopes, last):
    """conv without padding, prelu, conv with padding and groups, max pooling, flat, affine."""
    channels = len(weight)
    return network(
        [
            node("x", "input", shape=[2, 3, 3]),
            node(
                "c",
                "conv",
                "x",
                weight=tensor(weight),
                bias=tensor(bias),
                stride=[1, 1],
                padding=[[0, 0], [0, 0]],
                dilation=[1, 1],
                groups=1,
            ),
            node("p", "prelu", "c", slopes=tensor(slopes)),
            node(
                "k",
                "conv",
                "p",
                weight=tensor([[[[1, 1]]]] * channels),
                bias=tensor([0] * channels),
                stride=[1, 2],
                padding=[[0, 0], [1, 0]],
                dilation=[1, 1],
                groups=channels,
            ),
            node("m", "max_pool", "k", kernel=[2, 1], stride=[1, 1], padding=[[0, 1], [0, 0]], dilation=[1, 1]),
            node("z", "reshape", "m", shape=[channels * 2]),
            affine("y", "z", last, [0]),
        ]
    )


KERNELS = [[[[1, 2], [3, 4]], [[0, 1], [0, 0]]], [[[1, 0], [0, 0]], [[2, 1], [1, 1]]]]
CASES["small conv"] = proved(
    plain_image(KERNELS, [1, 2], ["1/2", "1/3"], [[1, 2, 3, 4]]),
    plain_image(
        [[[[2 * v for v in row] for row in plane] for plane in KERNELS[1]], KERNELS[0]],
        [4, 1],
        ["1/3", "1/2"],
        [["3/2", 2, 1, 2]],
    ),
    {
        "c": [["atom", 0, 1], ["atom", 1, 1]],
        "p": [atom(2), atom(3)],
        "k": [["atom", 4, 1], ["atom", 5, 1]],
        "m": [["atom", 6, 1], ["atom", 7, 1]],
    },
    {
        "c": [["atom", 1, 2], ["atom", 0, 1]],
        "p": [atom(3, 1, 2), atom(2)],
        "k": [["atom", 5, 2], ["atom", 4, 1]],
        "m": [["atom", 7, 2], ["atom", 6, 1]],
    },
)


def entrywise(weight, last):
    """A small image in element layout: conv, ReLU, max pooling, average pooling."""
    return network(
        [
            node("x", "input", shape=[1, 3]),
            node(
                "c",
                "conv",
                "x",
                weight=tensor(weight),
                bias=tensor([1]),
                stride=[1],
                padding=[[1, 0]],
                dilation=[1],
                groups=1,
            ),
            act("r", "c"),
            node("m", "max_pool", "r", kernel=[2], stride=[1], padding=[[0, 0]], dilation=[1]),
            node("a", "average_pool", "m", kernel=[2], stride=[2], padding=[[0, 1]], count_padding=False),
            node("s", "scale", "a", factor=tensor([last])),
        ]
    )


# on 0 <= x <= 1 with x0 <= x1 <= x2 the convolution is x_(i-1) + x_i + 1 > 0, and grows with i
GROWING = {
    "A": tensor([[-1, 0, 0], [1, -1, 0], [0, 1, -1]]),
    "b": tensor([0, 0, 0]),
}
CASES["elements"] = proved(
    entrywise([[[1, 1]]], 2),
    network(
        [
            node("x", "input", shape=[1, 3]),
            node("z", "reshape", "x", shape=[3]),
            affine("h", "z", [[1, 2, 1]], [2]),
            node("y", "reshape", "h", shape=[1, 1]),
        ]
    ),
    {
        "r": [
            ["on", [["slack", 0, 1]]],
            ["on", [["slack", 0, 2], ["slack", 1, 1]]],
            ["on", [["slack", 0, 2], ["slack", 1, 2], ["slack", 2, 1]]],
        ],
        "m": [
            ["on", [["slack", 0, 1], ["slack", 1, 1]]],
            ["on", [["slack", 1, 1], ["slack", 2, 1]]],
        ],
    },
    {},
    domain=GROWING,
    elements=True,
)


def flattened(sign):
    """A channel atom, flattened, and a ReLU on a sum of its places: on by the atom or by its mirror image."""
    return network(
        [
            node("x", "input", shape=[1, 2]),
            act("r", "x"),
            node("d", "subtract", *(("r", "x") if sign < 0 else ("r", "o"))),
            node("z", "reshape", "d", shape=[2]),
            affine("h", "z", [[1, 2]], [1]),
            act("t", "h"),
        ]
    )


ZERO_NODE = node("o", "constant", value=tensor([[0, 0]]))


def with_zero(net):
    return {**net, "nodes": [net["nodes"][0], ZERO_NODE, *net["nodes"][1:]]}


def without_last(net):
    return {**net, "nodes": net["nodes"][:-1], "outputs": ["h"]}


for name, sign, kind in (("place of an atom", 1, "atom"), ("place of a mirror image", -1, "mirror")):
    CASES[name] = proved(
        with_zero(flattened(sign)),
        without_last(with_zero(flattened(sign))),
        {"r": [atom(0)], "t": [["on", [[kind, [0, 0], 1], [kind, [0, 1], 2]]]]},
        {"r": [atom(0)]},
    )

DEEP = mlp(([[1, 2], [3, 4]], [1, 0]), ([[1, 1], [2, -1], [0, 1]], [1, 1, 1]), ([[1, 2, 3]], [0]))
DEEP_LINES = {"r0": [atom(0), atom(1)], "r1": [atom(2), atom(3), atom(4)]}


def symmetry(f, steps, first, second, **extra):
    return certificate("symmetry", "proved", (f,), forms(first, second), transformation=steps, **extra)


CASES["permutation and scaling"] = symmetry(
    DEEP,
    [
        {"kind": "permutation", "layer": "r1", "order": [2, 0, 1]},
        {"kind": "scaling", "layer": "r0", "factors": [2, "1/3"]},
        {"kind": "permutation", "layer": "r0", "order": [1, 0]},
    ],
    DEEP_LINES,
    {"r0": [atom(1, 1, "1/3"), atom(0, 1, 2)], "r1": [atom(4), atom(2), atom(3)]},
)
CASES["flip"] = symmetry(
    T3[0],
    [{"kind": "flip", "layer": "r0", "neurons": [0, 1, 2]}],
    {"r0": [atom(0), atom(1), atom(2)]},
    {"r0": [atom(0, -1), atom(1, -1), atom(2, -1)]},
)
CASES["flip, refuted"] = certificate(
    "symmetry",
    "refuted",
    (T3[0],),
    point([1, 0], [1], [0]),
    transformation=[{"kind": "flip", "layer": "r0", "neurons": [0]}],
)
CASES["flip of abs"] = symmetry(
    shallow([(1, 1, 1), (2, 2, 3)], activation=ABS),
    [{"kind": "flip", "layer": "r0", "neurons": [1]}],
    {"r0": [atom(0), atom(1)]},
    {"r0": [atom(0), atom(1, -1)]},
)
CASES["sign flip"] = symmetry(
    smooth_net("tanh", [(1, [1, 2], 3), (2, [1, 1], 1)]),
    [{"kind": "sign_flip", "layer": "r0", "neurons": [1]}],
    {"r0": [["atom", 0, 1], ["atom", 1, 1]]},
    {"r0": [["atom", 0, 1], ["atom", 1, -1]]},
)
