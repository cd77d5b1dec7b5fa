"""Every operation: exact values against the second opinion and torch, forms against changed networks."""

import copy
import random
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected, check
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate._network import read_network
from tests.certificate import _oracle
from tests.certificate._build import certificate, forms, network, node, tensor
from tests.certificate._random import OPERATIONS, grown, lines, some
from tests.certificate._trees import tree
from tests.certificate.test_mutations import at, paths

torch = pytest.importorskip("torch")


def size(document):
    return _oracle.dimension(document)


def random_point(generator, length):
    return [Fraction(generator.randint(-9, 9), generator.choice((1, 2, 5))) for _ in range(length)]


@pytest.mark.parametrize("seed", range(40))
def test_values_of_random_networks(seed):
    generator = random.Random(seed)
    document = grown(generator, 12)
    point = random_point(generator, size(document))
    assert evaluate(read_network(document, "f"), point, "f") == _oracle.evaluate(document, point)


@pytest.mark.parametrize("elements", [False, True])
@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 25))])
def test_forms_of_random_networks(seed, elements):
    """f = f is accepted; with one number of g changed, acceptance needs equal values."""
    generator = random.Random(seed)
    f = grown(generator, 9)
    given = lines(f, elements)
    extra = {"denominators": [[[2, 0, 1], [0]]], **({"elements": True} if elements else {})}

    def ask(g, given_g):
        return check(certificate("equal", "proved", (f, g), forms(given, given_g, **extra)))

    assert ask(f, given)
    numbers = [p for p in paths(f["nodes"]) if "numerators" in p[:-1] and "index" not in p]
    for path in generator.sample(numbers, min(12, len(numbers))):
        g = copy.deepcopy(f)
        at(g["nodes"], path[:-1])[path[-1]] += generator.choice((-1, 1, 2))
        try:
            accepted = ask(g, given)
        except Rejected:
            accepted = False
        points = [random_point(generator, size(f)) for _ in range(6)]
        same = all(_oracle.evaluate(f, x) == _oracle.evaluate(g, x) for x in points)
        assert same or not accepted, path


@pytest.mark.parametrize("seed", range(20))
def test_trees_of_random_networks_of_one_variable(seed):
    generator = random.Random(seed)
    kinds = [op for op in OPERATIONS if op != "rational"]
    f = grown(generator, 8, kinds, generator.choice(((1,), (1, 1))), 12)
    evidence = tree(f, f)
    assert check(certificate("equal", "proved", (f, f), evidence))
    numbers = [p for p in paths(f["nodes"]) if "numerators" in p[:-1] and "index" not in p]
    for path in generator.sample(numbers, min(8, len(numbers))):
        g = copy.deepcopy(f)
        at(g["nodes"], path[:-1])[path[-1]] += generator.choice((-1, 1, 2))
        grid = [[Fraction(k, 12)] for k in range(-60, 61)] + [[Fraction(k)] for k in (-1000, -50, 50, 1000)]
        same = all(_oracle.evaluate(f, x) == _oracle.evaluate(g, x) for x in grid)
        if same:  # the engine is complete, and the grid is fine for such small numbers
            assert check(certificate("equal", "proved", (f, g), tree(f, g)))
            continue
        with pytest.raises(Rejected):
            check(certificate("equal", "proved", (f, g), evidence))


def value(document, x):
    return evaluate(read_network(document, "f"), [Fraction(v) for v in x.flatten().tolist()], "f")


def exactly(found, expected):
    return found == [Fraction(v) for v in expected.flatten().tolist()]


def whole(stored):
    return torch.tensor(stored["numerators"], dtype=torch.float64).reshape(stored["shape"])


# Integers below 2^53 are exact in float64, whatever the order of the sums.
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolution_as_in_torch(axes, seed):
    generator = random.Random(seed)
    groups = generator.choice((1, 2))
    shape = [2 * groups, *[generator.randint(4, 6) for _ in range(axes)]]
    kernel = [generator.randint(1, 3) for _ in range(axes)]
    pads, stride, dilation = ([generator.randint(low, 2) for _ in range(axes)] for low in (0, 1, 1))
    padded = [n + 2 * p for n, p in zip(shape[1:], pads, strict=True)]
    dilation = [d if (k - 1) * d < n else 1 for d, k, n in zip(dilation, kernel, padded, strict=True)]
    weight, bias = some(generator, 2 * groups, 2, *kernel), some(generator, 2 * groups)
    for stored in (weight, bias):
        stored["denominator"] = 1
    fields = {"stride": stride, "padding": [[p, p] for p in pads], "dilation": dilation, "groups": groups}
    document = network([node("x", "input", shape=shape), node("y", "conv", "x", weight=weight, bias=bias, **fields)])
    x = torch.randint(-9, 9, shape, generator=torch.Generator().manual_seed(seed)).double()
    convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[axes - 1]
    expected = convolve(x[None], whole(weight), whole(bias), stride, pads, dilation, groups)
    assert exactly(value(document, x), expected)


@pytest.mark.parametrize("seed", range(20))
def test_pooling_as_in_torch(seed):
    generator = random.Random(seed)
    shape = [2, generator.randint(4, 7), generator.randint(4, 7)]
    kernel = [2, generator.choice((2, 4))]
    pads, stride = [generator.randint(0, k // 2) for k in kernel], [generator.randint(1, 3) for _ in kernel]
    x = torch.randint(-99, 99, shape, generator=torch.Generator().manual_seed(seed)).double()
    fields = {"kernel": kernel, "stride": stride, "padding": [[p, p] for p in pads]}
    start = node("x", "input", shape=shape)
    document = network([start, node("y", "max_pool", "x", **fields, dilation=[1, 1])])
    assert exactly(value(document, x), torch.nn.functional.max_pool2d(x[None], kernel, stride, pads))
    for counted in (True, False):
        document = network([start, node("y", "average_pool", "x", **fields, count_padding=counted)])
        expected = torch.nn.functional.avg_pool2d(x[None], kernel, stride, pads, count_include_pad=counted)
        found = torch.tensor([float(v) for v in value(document, x)], dtype=torch.float64)
        assert torch.allclose(found, expected.flatten(), rtol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_batch_norm_close_to_torch(dtype):
    generator = torch.Generator().manual_seed(0)
    mean, variance, weight, bias = (torch.rand(3, generator=generator, dtype=torch.float64).to(dtype) for _ in range(4))
    x = torch.rand(3, 4, generator=generator, dtype=torch.float64).to(dtype)
    named = {"mean": mean, "variance": variance, "weight": weight, "bias": bias}
    stored = {key: tensor([Fraction(v) for v in t.tolist()]) for key, t in named.items()}
    name = str(dtype).removeprefix("torch.")
    start = node("x", "input", shape=[3, 4])
    document = network([start, node("y", "batch_norm", "x", **stored, epsilon="1/1024", precision=name)])
    found = torch.tensor([float(v) for v in value(document, x)], dtype=torch.float64)
    expected = torch.nn.functional.batch_norm(
        x[None].double(), mean.double(), variance.double(), weight.double(), bias.double(), eps=2.0**-10
    )
    assert torch.allclose(found, expected.flatten(), rtol=0, atol=8 * torch.finfo(dtype).eps)
    scale = read_network(document, "f").nodes[1].fields["scale"].fractions()
    assert all(float(s) == torch.tensor(float(s), dtype=torch.float64).to(dtype).item() for s in scale)


def test_smooth_nodes_have_no_exact_point():
    document = network([node("x", "input", shape=[1]), node("y", "smooth", "x", function="tanh")])
    evidence = {"method": "point", "point": [0], "f": [0], "g": [0]}
    with pytest.raises(Rejected, match="irrational") as caught:
        check(certificate("zero", "refuted", (document,), evidence))
    assert "node y" in caught.value.step


def test_a_pole_is_no_point_and_no_atom():
    start = node("x", "input", shape=[1])
    document = network([start, node("y", "rational", "x", numerator=[1], denominator=[0, 1])])
    evidence = {"method": "point", "point": [0], "f": [0], "g": [0]}
    with pytest.raises(Rejected, match="pole"):
        check(certificate("zero", "refuted", (document,), evidence))
    twice = network([*document["nodes"], node("z", "subtract", "y", "y")])
    with pytest.raises(Rejected, match="real zero"):
        check(certificate("zero", "proved", (twice,), forms({"y": [["atom", 0, 1]]})))
