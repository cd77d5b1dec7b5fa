"""T(f) as the checker builds it: its values, what it moves, and what it refuses."""

import random
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected, _layer, _transform
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate._network import read_network
from exactnn.certificate._transform import transformed
from tests.certificate import _oracle
from tests.certificate._build import ABS, HARDTANH, LEAKY, RELU, act, affine, mlp, network, node, tensor
from tests.certificate._cases import norm, smooth_net
from tests.certificate._moved import transformed as second_opinion
from tests.certificate._random import some


def values(net, seed=0):
    generator = random.Random(seed)
    return [evaluate(net, [Fraction(generator.randint(-30, 30), 7) for _ in range(net.input_size)], "f") for _ in range(5)]


def dense(generator, activation=None):
    def layer(m, n):
        entries = [[Fraction(generator.randint(-5, 5), 2) for _ in range(n)] for _ in range(m)]
        return entries, [Fraction(generator.randint(-5, 5), 3) for _ in range(m)]

    return mlp(layer(4, 2), layer(3, 4), layer(2, 3), activation=activation)


@pytest.mark.parametrize("activation", [RELU, LEAKY, ABS])
@pytest.mark.parametrize("seed", range(5))
def test_dense_networks_as_by_a_second_implementation(seed, activation):
    generator = random.Random(seed)
    f = dense(generator, activation)
    steps = [
        {"kind": "permutation", "layer": "r0", "order": generator.sample(range(4), 4)},
        {"kind": "scaling", "layer": "r1", "factors": ["1/2", 3, "7/5"]},
        {"kind": "flip", "layer": "r0", "neurons": generator.sample(range(4), 2)},
        {"kind": "sign_flip", "layer": "r1", "neurons": [2, 0]},
        {"kind": "permutation", "layer": "r1", "order": generator.sample(range(3), 3)},
        {"kind": "flip", "layer": "r1", "neurons": [1]},
    ]
    for length in range(len(steps) + 1):
        moved = transformed(read_network(f, "f"), steps[:length])
        expected = second_opinion(f, steps[:length])
        assert values(moved, seed) == values(read_network(expected, "f"), seed)


@pytest.mark.parametrize("rows", [(), (3,)])
def test_the_rule_for_all_layers_covers_that_for_affine_maps(rows):
    generator = random.Random(len(rows))
    nodes = [
        node("x", "input", shape=[*rows, 2]),
        node("h", "affine", "x", weight=some(generator, 4, 2), bias=some(generator, 4)),
        act("r", "h"),
        *(node(name, "affine", "r", weight=some(generator, 2, 4), bias=some(generator, 2)) for name in "yz"),
    ]
    f = read_network(network(nodes, ["y", "z"]), "f")
    short, whole = _transform._found(f, "r", "scaling", "step"), _layer.found(f, 2, "scaling", "step")
    assert list(short.carrying) == list(whole.carrying) == [1, 2]
    assert short.readers == whole.readers == {3: (1, range(4)), 4: (1, range(4))}
    assert short.width == whole.width == 4


def picture(generator, groups=1, pool="max_pool", middle=True):
    """conv, batch norm, pooling, activation, pooling, conv, activation, flat, affine."""
    window = {"stride": [1], "padding": [[0, 1]], "dilation": [1]}
    pooling = {"kernel": [2], "stride": [1], "padding": [[0, 0]]}
    pooling.update({"dilation": [1]} if pool == "max_pool" else {"count_padding": True})
    numbers = {key: some(generator, 4) for key in ("mean", "weight", "bias")}
    variance = tensor([1, 3, 8, 15])
    nodes = [
        node("x", "input", shape=[2, 6]),
        node("c", "conv", "x", weight=some(generator, 4, 2 // groups, 2), bias=some(generator, 4), groups=groups, **window),
    ]
    if middle:
        nodes.append(node("b", "batch_norm", "c", **numbers, variance=variance, epsilon=1, precision="float64"))
    nodes += [
        node("p", pool, nodes[-1]["name"], **pooling),
        node("r", "prelu", "p", slopes=some(generator, 4)),
        node("q", pool, "r", **pooling),
        node("k", "conv", "q", weight=some(generator, 2, 4 // groups, 2), bias=some(generator, 2), groups=groups, **window),
        act("t", "k", LEAKY),
        node("z", "reshape", "t", shape=[8]),
        affine("y", "z", [[Fraction(generator.randint(-3, 3)) for _ in range(8)]], [1]),
    ]
    return read_network(network(nodes), "f")


@pytest.mark.parametrize("seed", range(5))
def test_channels_keep_the_function(seed):
    generator = random.Random(seed)
    f = picture(generator)
    order = generator.sample(range(4), 4)
    for steps in (
        [{"kind": "permutation", "layer": "r", "order": order}],
        [{"kind": "permutation", "layer": "t", "order": [1, 0]}],
        [{"kind": "scaling", "layer": "r", "factors": [2, "1/4", 1, 8]}],  # powers of two, as a scale is rounded
        [{"kind": "scaling", "layer": "t", "factors": ["1/3", 5]}],
    ):
        assert values(transformed(f, steps)) == values(f)
    moved = transformed(f, [{"kind": "permutation", "layer": "r", "order": order}])
    for old, new in zip(f.nodes, moved.nodes, strict=True):
        for key in ("weight", "bias", "mean", "variance", "slopes"):
            if old.name in "cbr" and key in old.fields:
                size = len(old.fields[key].numerators) // 4
                parts = [old.fields[key].numerators[i * size : (i + 1) * size] for i in order]
                assert new.fields[key].numerators == [n for part in parts for n in part]
    assert moved.nodes[-3:] == f.nodes[-3:]


def test_scaling_with_groups_and_a_batch_norm():
    f = picture(random.Random(1), groups=2)
    assert values(transformed(f, [{"kind": "scaling", "layer": "r", "factors": [2, "1/4", 1, 8]}])) == values(f)
    assert values(transformed(f, [{"kind": "scaling", "layer": "r", "factors": [3, 1, 1, 1]}])) != values(f)  # rounded
    f = picture(random.Random(1), groups=2, middle=False)
    assert values(transformed(f, [{"kind": "scaling", "layer": "r", "factors": [3, "5/7", 1, 8]}])) == values(f)
    with pytest.raises(Rejected, match="groups"):
        transformed(f, [{"kind": "permutation", "layer": "r", "order": [0, 1, 2, 3]}])


def test_sign_flips_and_pooling():
    steps = [{"kind": "sign_flip", "layer": "r", "neurons": [0]}]
    with pytest.raises(Rejected, match="maximum"):
        transformed(picture(random.Random(0)), steps)
    f = picture(random.Random(0), pool="average_pool")
    assert transformed(f, steps) != f
    assert transformed(transformed(f, steps), steps) == f


def test_blocks_of_a_flat_layer():
    """An affine map whose result is read as channels on a grid, and channels read as a flat vector."""
    generator = random.Random(3)
    nodes = [
        node("x", "input", shape=[2]),
        node("h", "affine", "x", weight=some(generator, 6, 2), bias=some(generator, 6)),
        node("g", "reshape", "h", shape=[3, 2]),
        act("r", "g"),
        node("z", "reshape", "r", shape=[6]),
        node("y", "affine", "z", weight=some(generator, 2, 6), bias=some(generator, 2)),
    ]
    f = read_network(network(nodes), "f")
    for step in (
        {"kind": "permutation", "layer": "r", "order": [2, 0, 1]},
        {"kind": "scaling", "layer": "r", "factors": [2, 3, "1/5"]},
    ):
        assert values(transformed(f, [step])) == values(f)
        assert transformed(f, [step]).nodes[1] != f.nodes[1]


def test_layers_that_work_on_several_vectors():
    generator = random.Random(7)
    for last in (
        [node("y", "affine", "r", weight=some(generator, 2, 4), bias=some(generator, 2))],
        [
            node("z", "reshape", "r", shape=[12]),
            node("y", "affine", "z", weight=some(generator, 2, 12), bias=some(generator, 2)),
        ],
    ):
        nodes = [
            node("x", "input", shape=[3, 2]),
            node("h", "affine", "x", weight=some(generator, 4, 2), bias=some(generator, 4)),
            act("r", "h"),
            *last,
        ]
        f = read_network(network(nodes), "f")
        steps = [
            {"kind": "permutation", "layer": "r", "order": [2, 0, 3, 1]},
            {"kind": "scaling", "layer": "r", "factors": [2, 3, "1/5", 7]},
        ]
        moved = transformed(f, steps)
        assert values(moved) == values(f)
        assert moved.nodes[1] != f.nodes[1]
        smooth = [n if n["name"] != "r" else node("r", "smooth", "h", function="silu") for n in nodes]
        flipped = transformed(read_network(network(smooth), "f"), [{"kind": "flip", "layer": "r", "neurons": [1, 2]}])
        assert flipped.nodes[1].fields["weight"].numerators[:2] == f.nodes[1].fields["weight"].numerators[:2]
        assert flipped.nodes[-1].fields["bias"] != f.nodes[-1].fields["bias"]
        assert flipped.nodes[-1].fields["weight"] == f.nodes[-1].fields["weight"]


@pytest.mark.parametrize("name", ["silu", "softplus", "gelu", "gelu_tanh"])
def test_flips_of_smooth_layers(name):
    f = smooth_net(name, [(1, [1, 2], 3), (5, [2, -1], "1/2")], 7)
    steps = [{"kind": "flip", "layer": "r0", "neurons": [1]}]
    moved = transformed(read_network(f, "f"), steps)
    assert moved == read_network(second_opinion(f, steps), "f")
    assert _oracle.evaluate(f, [3, 4]) != _oracle.evaluate(second_opinion(f, steps), [3, 4])


def carried(generator):
    """Activations and batch norms on both sides of the layer "r", which has no pooling around it."""

    def normal(name, operand):
        numbers = {key: some(generator, 4) for key in ("mean", "weight", "bias")}
        return node(name, "batch_norm", operand, **numbers, variance=tensor([1, 3, 8, 15]), epsilon=1, precision="float64")

    nodes = [
        node("x", "input", shape=[2]),
        node("h", "affine", "x", weight=some(generator, 8, 2), bias=some(generator, 8)),
        node("g", "reshape", "h", shape=[4, 2]),
        act("s", "g", LEAKY),
        normal("b", "s"),
        act("r", "b"),
        normal("c", "r"),
        node("t", "prelu", "c", slopes=some(generator, 4)),
        node("a", "average_pool", "t", kernel=[2], stride=[1], padding=[[0, 0]], count_padding=True),
        node("z", "reshape", "a", shape=[4]),
        node("y", "affine", "z", weight=some(generator, 2, 4), bias=some(generator, 2)),
    ]
    return read_network(network(nodes), "f")


@pytest.mark.parametrize("seed", range(5))
def test_layers_with_nodes_on_both_sides(seed):
    generator = random.Random(seed)
    f = carried(generator)
    for layer in "srt":
        for step in (
            {"kind": "permutation", "layer": layer, "order": generator.sample(range(4), 4)},
            {"kind": "scaling", "layer": layer, "factors": [2, "1/4", 1, 8]},
        ):
            moved = transformed(f, [step])
            assert values(moved) == values(f)
            assert moved.nodes[-1] != f.nodes[-1]


def test_a_batch_norm_may_begin_a_layer():
    nodes = [
        node("x", "input", shape=[2]),
        norm("b", "x", [1, 2], [3, 8], [4, -1], [5, 6], epsilon=1),
        act("r", "b"),
        affine("y", "r", [[1, 3]], [0]),
    ]
    f = read_network(network(nodes), "f")
    moved = transformed(f, [{"kind": "scaling", "layer": "r", "factors": [2, "1/2"]}])
    assert values(moved) == values(f)
    assert moved.nodes[1] != f.nodes[1]


def test_a_flip_through_affine_nodes():
    """phi(t) = phi(-t) + t: flipping every neuron adds the affine map behind the layer, applied to that before it."""
    generator = random.Random(5)
    window = {"stride": [1], "padding": [[0, 0]], "dilation": [1], "groups": 1}
    nodes = [
        node("x", "input", shape=[1, 5]),
        node("c", "conv", "x", weight=some(generator, 2, 1, 2), bias=some(generator, 2), **window),
        norm("b", "c", [1, 2], [3, 8], [4, -2], [5, 6], epsilon=1),
        act("r", "b"),
        node("a", "average_pool", "r", kernel=[2], stride=[1], padding=[[0, 0]], count_padding=True),
        node("y", "conv", "a", weight=tensor([[[1, 2], [3, 4]]]), bias=some(generator, 1), **window),
    ]
    f = read_network(network(nodes), "f")
    moved = transformed(f, [{"kind": "flip", "layer": "r", "neurons": [0, 1]}])
    linear = read_network(network([n if n["name"] != "r" else act("r", "b", {"slope": 1, "constant": 0, "kinks": []}) for n in nodes]), "f")
    for point in ([1, 2, 3, 4, 5], [-7, 3, 0, 1, 2]):
        # f(x) - T(f)(x) is the linear part, in x, of the network without its ReLU
        gap = [a - b for a, b in zip(*(evaluate(net, point, "f") for net in (f, moved)), strict=True)]
        part = [a - b for a, b in zip(*(evaluate(linear, p, "f") for p in (point, [0] * 5)), strict=True)]
        assert gap == part
    padded = [*nodes[:-1], {**nodes[-1], "padding": [[1, 1]]}]
    with pytest.raises(Rejected, match="place"):
        transformed(read_network(network(padded), "f"), [{"kind": "flip", "layer": "r", "neurons": [0, 1]}])


BASE = [
    node("x", "input", shape=[2]),
    affine("h", "x", [[1, 2], [3, 4]], [1, 0]),
    act("r", "h"),
    affine("y", "r", [[1, 1]], [0]),
]
ORDER = {"kind": "permutation", "layer": "r", "order": [1, 0]}
FLIP = {"kind": "flip", "layer": "r", "neurons": [0]}


@pytest.mark.parametrize(
    ("nodes", "outputs", "step"),
    [
        (BASE, ["y"], {**ORDER, "layer": "h"}),
        (BASE, ["y"], {**ORDER, "layer": "q"}),
        (BASE, ["y"], {**ORDER, "layer": None}),
        (BASE, ["y"], {**ORDER, "kind": "rotation"}),
        (BASE, ["y"], {**ORDER, "more": 1}),
        (BASE, ["y"], {**ORDER, "order": [0]}),
        (BASE, ["y"], {**ORDER, "order": [0, 0]}),
        (BASE, ["y"], {**ORDER, "order": [0, 2]}),
        (BASE, ["y"], {**ORDER, "order": [0, -1]}),
        (BASE, ["y"], {**ORDER, "order": [True, 0]}),
        (BASE, ["y"], {**ORDER, "order": None}),
        (BASE, ["y"], None),
        (BASE, ["y"], {"kind": "scaling", "layer": "r", "factors": [1, 0]}),
        (BASE, ["y"], {"kind": "scaling", "layer": "r", "factors": [1, -1]}),
        (BASE, ["y"], {"kind": "scaling", "layer": "r", "factors": [1]}),
        (BASE, ["y"], {**FLIP, "neurons": [2]}),
        (BASE, ["y"], {**FLIP, "neurons": [0, 0]}),
        (BASE, ["y", "r"], ORDER),
        (BASE, ["y", "h"], ORDER),
        ([*BASE, node("z", "add", "r", "x")], ["y", "z"], ORDER),
        ([*BASE, node("z", "add", "h", "x")], ["y", "z"], ORDER),
        ([*BASE, act("z", "r")], ["y", "z"], ORDER),
        ([BASE[0], act("r", "x"), BASE[3]], ["y"], ORDER),
        ([*BASE[:2], act("r", "h", HARDTANH), BASE[3]], ["y"], FLIP),
        ([*BASE[:2], node("r", "smooth", "h", function="tanh"), BASE[3]], ["y"], FLIP),
        ([*BASE[:2], act("b", "h"), act("r", "b"), BASE[3]], ["y"], FLIP),
        ([BASE[0], node("h", "add", "x", "x"), act("r", "h"), BASE[3]], ["y"], ORDER),
        ([BASE[0], norm("h", "x", [0, 0], [1, 1], [1, 1], [0, 0]), act("r", "h"), BASE[3]], ["y"], ORDER),
        ([*BASE[:3], node("z", "reshape", "r", shape=[2, 1]), affine("y", "z", [[1]], [0])], ["y"], ORDER),
        ([node("x", "input", shape=[3, 2]), *BASE[1:2], node("r", "prelu", "h", slopes=tensor([1, 2, 3])), BASE[3]], ["y"], ORDER),
    ],
)
def test_refusals(nodes, outputs, step):
    f = read_network(network(nodes, outputs), "f")
    assert transformed(f, []) == f
    with pytest.raises(Rejected, match="transformation, step 0"):
        transformed(f, [step])
