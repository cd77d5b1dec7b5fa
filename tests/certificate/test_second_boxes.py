"""Two checkers, made apart from one document, say the same about boxes: the least tolerance of a tree, and whatever is changed in it."""

import collections
import random
from fractions import Fraction

import pytest

from tests.certificate import second
from tests.certificate._build import HARDTANH, LEAKY, act, affine, box, certificate, network, node, tensor
from tests.certificate.second.bounds import bounds_between
from tests.certificate.second.boxes import bounds_of_leaf, leaves, opened, stages_of
from tests.certificate.second.core import read_network
from tests.certificate.test_second import agree, moved, mutant, opinions, with_neighbours
from tests.verify import test_certificates

NEAR = Fraction(1, 2**40)  # what 64 bits round, and more


def a_network(pick, d, m):
    """A chain with a sum over a part of it, a prelu, perhaps a maximum over neighbours."""

    def some(rows, columns):
        return [[Fraction(pick.randint(-6, 6), 3) for _ in range(columns)] for _ in range(rows)]

    nodes = [node("x", "input", shape=[d]), affine("h", "x", some(m, d), some(1, m)[0])]
    nodes += [act("r", "h", pick.choice((None, LEAKY, HARDTANH))), affine("k", "r", some(m, m), some(1, m)[0])]
    nodes += [node("p", "prelu", "k", slopes=tensor(some(1, m)[0])), node("s", "add", "p", "r")]
    if pick.random() < 0.4:
        nodes += [node("grid", "reshape", "s", shape=[1, m])]
        nodes += [node("top", "max_pool", "grid", kernel=[2], stride=[1], padding=[[1, 0]], dilation=[1])]
        nodes += [node("flat", "reshape", "top", shape=[m])]
    return network([*nodes, affine("out", nodes[-1]["name"], some(2, m), some(1, 2)[0])])


def a_pair(pick):
    d, m = pick.randint(1, 3), pick.randint(1, 4)
    f = a_network(pick, d, m)
    kind = pick.choice(("near", "near", "near", "neighbours", "other", "zero"))
    if kind == "zero":
        return d, (f,)
    if kind == "other":
        return d, (f, a_network(pick, d, pick.randint(1, 4)))
    return d, (f, moved(with_neighbours(f, pick) if kind == "neighbours" else f, pick))


def a_tree(pick, pairs, low, high, depth):
    """Cuts by chance, with couplings by chance; now and then the intervals of a pass."""
    j = pick.randrange(len(low))
    if depth and high[j] - low[j] > 1 and pick.random() < 0.6:
        cut = pick.randint(low[j] + 1, high[j] - 1)
        parts = (low, [cut if i == j else v for i, v in enumerate(high)]), ([cut if i == j else v for i, v in enumerate(low)], high)
        return [["split", j, cut], *(node for part in parts for node in a_tree(pick, pairs, *part, depth - 1))]
    if pick.random() < 0.15:
        return [["pass"]]
    return [["leaf", f"{pick.choice((0, (1 << pairs) - 1, pick.getrandbits(64) & ((1 << pairs) - 1))):x}"]]


def agree_to_rounding(document, seen=None):
    """What the first rounds may let it reject what holds by less: then it accepts a tolerance that is larger by what 64 bits round."""
    one, two = opinions(document)
    if (one, two) != ("rejected", "accepted"):
        return agree(document, seen)
    tolerance = Fraction(document["claim"]["tolerance"])
    claim = {**document["claim"], "tolerance": str(tolerance + NEAR * (1 + tolerance))}
    return agree({**document, "claim": claim}, seen)


def agree_on_changes(document, pick, each, seen):
    """What 59 bits or fewer round away may decide; the page does not say how much it is."""
    for _ in range(each):
        found = mutant(document, pick)
        evidence = found.get("evidence") if isinstance(found, dict) else None
        bits = evidence.get("bits") if isinstance(evidence, dict) else None
        if type(bits) is not int or not 16 <= bits < 60:
            agree_to_rounding(found, seen)


def least_tolerance(evidence, nets, domain):
    nodes, where, bits = opened(evidence, nets, domain)
    found = [
        ends
        for kind, about, part in leaves(nodes, where, bits)
        for ends in (bounds_between(nets, part, bits) if kind == "pass" else bounds_of_leaf(nets, part, bits, *about))
    ]
    return max(max(-low, high) for low, high in found)


def least_tolerances(pick, count, each):
    seen = collections.Counter()
    for _ in range(count):
        d, models = a_pair(pick)
        nets = [read_network(model) for model in models]
        stages = [[len(s) for s in stages_of(net)[0]] for net in nets]
        pairs = sum(stages[0]) if len(nets) == 2 and stages[0] == stages[1] else 0
        bits = pick.choice((64, 65, 100))
        sides = [(Fraction(pick.randint(-6, 2), 8), Fraction(pick.randint(3, 9), 8)) for _ in range(d)]
        low, high = ([int(q * 2**bits) for q in ends] for ends in zip(*sides, strict=True))
        evidence = {"method": "boxes", "bits": bits, "tree": a_tree(pick, pairs, low, high, pick.choice((0, 1, 3)))}
        domain = box(*sides)
        least = least_tolerance(evidence, nets, second.read_domain(domain, d))
        question = "zero" if len(nets) == 1 else "equal"
        for part, tolerance in enumerate((least + NEAR * (1 + least), max(least - NEAR * (1 + least), Fraction(0)))):
            document = certificate(question, "proved", models, evidence, domain=domain, tolerance=tolerance)
            seen[agree_to_rounding(document), part, pairs > 0] += 1
            if part == 0:
                agree_on_changes(document, pick, each, seen)
    assert all(seen["accepted", 0, paired] > count / 6 and not seen["rejected", 0, paired] for paired in (True, False))
    assert seen["rejected", 1, True] + seen["rejected", 1, False] > count / 2
    assert min(seen["accepted", "accepted"], seen["rejected", "rejected"]) > count * each / 20


def test_least_tolerances():
    least_tolerances(random.Random(30), 60, 4)


@pytest.mark.slow
def test_many_least_tolerances():
    least_tolerances(random.Random(31), 500, 12)


#: what the second checker leaves out of the engines' answers
LEFT_OUT = {"an enclosure", "rational", "within a tolerance, of other signs"}


def answers_of_the_engine(pick, each):
    seen = collections.Counter()
    for name in test_certificates.CASES:
        document = test_certificates.text(name)
        said = agree(document)
        assert said == ("not covered" if name in LEFT_OUT else "accepted"), name
        if name not in LEFT_OUT and "images" not in name:
            agree_on_changes(document, pick, each, seen)
    assert seen["rejected", "rejected"] > 20 * each


def test_answers_of_the_engine():
    answers_of_the_engine(random.Random(32), 6)


@pytest.mark.slow
def test_more_answers_of_the_engine():
    answers_of_the_engine(random.Random(33), 100)


F = network([node("x", "input", shape=[2]), affine("h", "x", [[1, 2], [3, -1]], [0, 1]), act("r", "h"), affine("y", "r", [[1, 1]], [0])])
G = network([*F["nodes"][:3], affine("y", "r", [[1, "1001/1000"]], [0])])
ABOVE = ["leaf", [], [[[1, [[8, 1]]], [1, [[4, 3], [7, 1]]]]]]
EXACT = ["exact", None, [["split", [], 1], ABOVE, ["leaf", [], [[[1, []], [1, []]]]]]]


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ([EXACT], "accepted"),
        ([["split", 1, 5], EXACT, ["leaf", "0"]], "accepted"),
        ([["split", 0, 0], EXACT, ["pass"]], "accepted"),
        ([["split", 0, 0], EXACT], "rejected"),
        ([EXACT, EXACT], "rejected"),
        ([["leaf", "3"]], "accepted"),
        ([["leaf", "4"]], "rejected"),
        ([["leaf", "03"]], "rejected"),
        ([["leaf", "A"]], "rejected"),
        ([["leaf", ""]], "rejected"),
        ([["leaf", 3]], "rejected"),
        ([["leaf", "0", 0]], "rejected"),
        ([["split", 0, 2**64], ["leaf", "0"], ["leaf", "0"]], "rejected"),
        ([["split", 2, 0], ["leaf", "0"], ["leaf", "0"]], "rejected"),
        ([["split", 0, "0x0"], ["leaf", "0"], ["leaf", "0"]], "rejected"),
    ],
)
def test_trees(tree, said):
    evidence = {"method": "boxes", "bits": 64, "tree": tree}
    document = certificate("equal", "proved", (F, G), evidence, domain=box((-1, 1), (0, 1)), tolerance="1/125")
    assert opinions(document) == (said, said)
    seen = collections.Counter()
    agree_on_changes(document, random.Random(34), 40, seen)
    assert seen["rejected", "rejected"] > 10
