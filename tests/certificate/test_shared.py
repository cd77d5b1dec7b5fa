"""What f and g have in common, taken as given: nodes that are the same by the rule of the format, and no others."""

import copy
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected, _budget, check
from tests.certificate._build import RELU, act, affine, atom, box, certificate, mlp, network, node, rehash, tensor
from tests.certificate._cases import BODY, CASES, SPLIT, shared

ONE = {"stride": [1, 1], "padding": [[0, 0], [0, 0]], "dilation": [1, 1], "groups": 1}


def whole(f, g, first="h2", second="h2", **extra):
    """f = g since these nodes, the outputs, are the same."""
    return shared([[[first], [second]]], f, g, {}, {}, **extra)


def chain(*nodes, outputs=None):
    """x of size 2, then nodes (kind, fields) named n0, n1, ..., each reading the one before."""
    made = [node("x", "input", shape=[2])]
    for i, (op, fields) in enumerate(nodes):
        made.append(node(f"n{i}", op, made[-1]["name"], **fields))
    return network(made, outputs)


LINEAR = ("affine", {"weight": tensor([[1, 2], [3, 4]]), "bias": tensor([1, 0])})
TWICE = ("affine", {"weight": {"shape": [2, 2], "denominator": 2, "numerators": [2, 4, 6, 8]}, "bias": tensor([1, 0])})
BENT = ("piecewise_linear", RELU)
IDENTITY = ("piecewise_linear", {"slope": 1, "constant": 0, "kinks": []})
FLAT = ("reshape", {"shape": [2, 1]}), ("reshape", {"shape": [2]})


def test_numbers_in_other_terms_and_further_names_are_the_same():
    assert check(whole(chain(LINEAR, BENT), chain(TWICE, BENT), "n1", "n1"))


def test_reshapes_and_the_identity_are_passed_over():
    plain = chain(LINEAR, BENT)
    assert check(whole(plain, chain(LINEAR, IDENTITY, BENT), "n1", "n2"))
    assert check(whole(plain, chain(*FLAT, LINEAR, BENT, *FLAT), "n1", "n5"))
    assert check(whole(chain(*FLAT, LINEAR, BENT, *FLAT), plain, "n4", "n1"))


def summed(first, second, op="add"):
    return network([node("x", "input", shape=[2]), node("y", "input", shape=[2]), node("s", op, first, second), act("r", "s")])


def test_operands_of_a_sum_may_change_places_and_those_of_a_difference_may_not():
    assert check(whole(summed("x", "y"), summed("y", "x"), "r", "r"))
    with pytest.raises(Rejected, match="not the same"):
        check(whole(summed("x", "y", "subtract"), summed("y", "x", "subtract"), "r", "r"))


def test_inputs_are_known_by_their_place():
    """Names do not matter, the order of the inputs does."""
    f = summed("x", "y", "subtract")
    other = {**f, "inputs": ["y", "x"]}
    renamed = network([node("u", "input", shape=[2]), node("v", "input", shape=[2]), node("s", "subtract", "u", "v"), act("r", "s")])
    assert check(whole(f, renamed, "r", "r"))
    with pytest.raises(Rejected, match="not the same"):
        check(whole(f, other, "r", "r"))


FOLDS = {
    "a constant behind an affine map": (
        [affine("a", "x", [[1, 2], [3, 4]], [1, 0]), node("c", "constant", value=tensor([5, 7])), node("b", "add", "a", "c")],
        [affine("b", "x", [[1, 2], [3, 4]], [6, 7])],
    ),
    "a constant less an affine map": (
        [affine("a", "x", [[1, 2], [3, 4]], [1, 0]), node("c", "constant", value=tensor([5, 7])), node("b", "subtract", "c", "a")],
        [affine("b", "x", [[-1, -2], [-3, -4]], [4, 7])],
    ),
    "a factor for each row": (
        [affine("a", "x", [[1, 2], [3, 4]], [1, 0]), node("b", "scale", "a", factor=tensor([2, "1/2"]))],
        [affine("b", "x", [[2, 4], ["3/2", 2]], [2, 0])],
    ),
    "a constant behind a convolution": (
        [
            node("a", "conv", "x", weight=tensor([[[[1, 2]]], [[[3, 4]]]]), bias=tensor([1, 0]), **ONE),
            node("c", "constant", value=tensor([[[5]], [[7]]])),
            node("b", "add", "c", "a"),
        ],
        [node("b", "conv", "x", weight=tensor([[[[1, 2]]], [[[3, 4]]]]), bias=tensor([6, 7]), **ONE)],
    ),
}


@pytest.mark.parametrize("name", FOLDS)
def test_what_is_folded_is_the_same(name):
    shape = [1, 3, 2] if "convolution" in name else [2]
    f, g = (network([node("x", "input", shape=shape), *nodes, act("r", "b")]) for nodes in FOLDS[name])
    assert check(whole(f, g, "r", "r"))
    for tensors in (g["nodes"][1]["weight"], g["nodes"][1]["bias"]):
        for i in range(len(tensors["numerators"])):
            tensors["numerators"][i] += 1
            with pytest.raises(Rejected, match="not the same"):
                check(whole(f, g, "r", "r"))
            tensors["numerators"][i] -= 1


def test_a_constant_for_each_place_is_no_bias():
    """c depends on the place along the grid, and on the row of the last axis where the map reads vectors of a matrix."""
    nodes = [
        node("x", "input", shape=[2, 2]),
        affine("a", "x", [[1, 2], [3, 4]], [1, 0]),
        node("c", "constant", value=tensor([[5], [7]])),
        node("b", "add", "a", "c"),
    ]
    f = network(nodes)
    g = network([nodes[0], affine("b", "x", [[1, 2], [3, 4]], [6, 7])])
    with pytest.raises(Rejected, match="not the same"):
        check(whole(f, g, "b", "b"))


def test_a_group_of_several_nodes_is_one_input():
    """Two equal layers in f, one in g."""
    weight, bias = BODY
    nodes = [node("x", "input", shape=[2])]
    for name in "ab":
        nodes += [affine(f"h{name}", "x", weight, bias), act(f"r{name}", f"h{name}")]
    f = network([*nodes, node("s", "subtract", "ra", "rb"), affine("o", "s", [[1, 1, 1]], [2])])
    g = network([*nodes[:3], affine("o", "ra", [[0, 0, 0]], [2])])
    assert check(shared([[["ra", "rb"], ["ra"]]], f, g, {}, {}))
    with pytest.raises(Rejected, match="differ"):
        check(shared([[["ra"], ["ra"]], [["hb"], ["ha"]]], f, g, {"rb": [atom(0), atom(1), atom(2)]}, {}))


REFUSED = {
    "no group": ([], "no node"),
    "an empty group": ([[[], ["r0"]]], "of each network"),
    "an unknown node": ([[["r0"], ["r9"]]], "no node 'r9'"),
    "a node twice": ([[["r0"], ["r0"]], [["r0"], ["r0"]]], "named twice"),
    "a node twice in a group": ([[["r0", "r0"], ["r0"]]], "named twice"),
    "others": ([[["r0"], ["h0"]]], "not the same"),
    "one of them another": ([[["r0", "h0"], ["r0"]]], "not the same"),
    "behind what differs": ([[["h2"], ["h2"]]], "not the same"),
    "no list": ({"r0": "r0"}, "expected a list"),
    "a number": ([[[1], ["r0"]]], "non-empty string"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_groups_that_do_not_hold_are_refused(name):
    groups, message = REFUSED[name]
    with pytest.raises(Rejected, match=message):
        check({**CASES["shared part"], "evidence": {**CASES["shared part"]["evidence"], "shared": groups}})


def test_an_input_that_is_needed_must_be_named():
    nodes = [*SPLIT["nodes"], affine("skip", "x", [[1, 1]], [0]), node("o", "add", "h2", "skip")]
    f = network(nodes)
    with pytest.raises(Rejected, match="input x is needed"):
        check(shared([[["h2"], ["h2"]]], f, f, {}, {}))
    assert check(shared([[["h2"], ["h2"]], [["x"], ["x"]]], f, f, {}, {}))


def test_what_is_left_may_have_no_domain_to_rest_on():
    """relu(h) and h agree where h >= 0, which h, an input of f' and g', need not be."""
    f, g = mlp(([[1]], [1]), ([[1]], [0]), ([[1]], [0])), mlp(([[1]], [1]), ([[1]], [0]))
    line = {"r1": [["on", [["slack", 1, 1]]]]}
    with pytest.raises(Rejected, match="no domain"):
        check(shared([[["r0"], ["r0"]]], f, g, line, {}, domain=box((0, 1))))


@pytest.mark.parametrize("question", ["zero", "same_decision", "deviation", "equal_at"])
def test_other_questions_are_refused(question):
    stated = copy.deepcopy(CASES["shared part"])
    stated["claim"]["question"] = question
    with pytest.raises(Rejected):
        check(stated)


def test_a_refutation_may_not_leave_anything_out():
    """At h = -1 the rest of the networks differ, where h >= 0 they are equal."""
    f, g = mlp(([[1]], [0]), ([[1]], [0]), ([[1]], [0])), mlp(([[1]], [0]), ([[1]], [0]))
    evidence = {"method": "point", "point": [-1], "f": [0], "g": [-1], "shared": [[["r0"], ["r0"]]]}
    with pytest.raises(Rejected, match="'shared' cannot be part of 'refuted'"):
        check(certificate("equal", "refuted", (f, g), evidence))


def test_functions_with_poles_are_not_taken_as_given():
    """1 / x is no function at 0, and so not equal to itself there."""
    for denominator, fine in (([0, 1], False), ([1, 0, 1], True)):
        f = network([node("x", "input", shape=[1]), node("q", "rational", "x", numerator=[1], denominator=denominator)])
        stated = whole(f, f, "q", "q")
        if fine:
            stated["evidence"]["denominators"] = [[denominator, [0]]]
            assert check(stated)
        else:
            with pytest.raises(Rejected, match="may be a pole"):
                check(stated)
            stated["evidence"]["denominators"] = [[denominator, [1]]]
            with pytest.raises(Rejected, match="a zero from -infinity to 1"):
                check(stated)


def test_folding_is_counted(monkeypatch):
    """Each of a chain of factors makes another weight, and long numbers make longer ones."""
    factor = ("scale", {"factor": tensor([3])})
    f, g = chain(LINEAR, *[factor] * 5), chain(("affine", {"weight": tensor([[243, 486], [729, 972]]), "bias": tensor([243, 0])}))
    assert check(whole(f, g, "n5", "n0"))
    spent, plain = [], _budget.charge
    monkeypatch.setattr(_budget, "charge", lambda work, step: (spent.append(work), plain(work, step)))
    costs = []
    for factors in ([5] * 5, [5] * 10, [2**6000, 5, 5, 5, 5]):
        other = chain(LINEAR, *[("scale", {"factor": tensor([n])}) for n in factors])
        spent.clear()
        with pytest.raises(Rejected):
            check(whole(other, g, f"n{len(factors)}", "n0"))
        costs.append(sum(spent))
    assert costs[0] < costs[1]
    assert costs[0] < costs[2]


def test_a_change_of_a_weight_in_one_of_both_is_seen():
    """Each number of a network that is taken as equal, moved by 1 and by 2^-60."""
    for by in (1, Fraction(1, 2**60)):
        for n, changed in enumerate(SPLIT["nodes"]):
            for key in ("weight", "bias") if "weight" in changed else ():
                for i in range(len(changed[key]["numerators"])):
                    g = copy.deepcopy(SPLIT)
                    stored = g["nodes"][n][key]
                    scale = Fraction(by).denominator
                    stored["numerators"] = [v * scale for v in stored["numerators"]]
                    stored["numerators"][i] += Fraction(by).numerator * stored["denominator"]
                    stored["denominator"] *= scale
                    with pytest.raises(Rejected, match="not the same"):
                        check(whole(SPLIT, g))


def test_evidence_about_what_is_left_is_checked_as_any():
    stated = copy.deepcopy(CASES["shared part"])
    stated["models"]["f"]["inline"]["nodes"][-1]["bias"]["numerators"][0] += 1
    with pytest.raises(Rejected, match="forms of the two networks differ"):
        check(rehash(stated))
