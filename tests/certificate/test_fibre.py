"""Claims about all networks of one width with one function: true ones are accepted, others are not, whatever the evidence says.

The second opinions here are brute force over subsets in fractions, FLINT's ranks, and networks counted on a grid.
"""

import copy
import hashlib
import itertools
import json
import random
import struct
import time
from fractions import Fraction
from math import gcd, lcm, prod

import flint
import numpy
import pytest

from exactnn import check as check_again
from exactnn import mlp as exact_mlp
from exactnn.certificate import BudgetExceeded, Rejected, _budget, check
from exactnn.certificate._command import main
from exactnn.certificate._network import read_network
from exactnn.certificate._shallow import read_shallow
from exactnn.claims import Certificate, OrbitsClaim
from tests.certificate import _oracle
from tests.certificate._build import ABS, HARDTANH, LEAKY, act, affine, inline, mlp, network, node, number, rehash, shallow, tensor
from tests.certificate._onnx_bytes import initializer, model, operation, value_info
from tests.certificate._random import Builder
from tests.certificate.test_mutations import at, mutants, paths, verdict

PRIME = 2**30 - 35
T3 = [(1, [1, 0], 0), (1, [0, 1], 0), (1, [-1, -1], 0)]
T4 = [(1, 1, 0), (-1, 1, -1)]
T16 = [(2, 1, 0), (1, -1, 0)]
SCALED = {"slope": 2, "constant": 0, "kinks": [[0, "-5/3"]]}  # r = 7/3
EVEN = {"slope": 3, "constant": 0, "kinks": [[0, -6]]}  # r = 0


def smooth(neurons, function, constant=0):
    f = shallow(neurons, constant)
    f["nodes"][2] = node("r0", "smooth", "h0", function=function)
    return f


def prelu(neurons, *slopes):
    f = shallow(neurons)
    f["nodes"][2] = node("r0", "prelu", "h0", slopes=tensor([number(s) for s in slopes]))
    return f


def orbits(f, flips, evidence, **claim):
    return {
        "format": "exactnn-certificate",
        "version": 2,
        "semantics": "real arithmetic",
        "claim": {"question": "orbits", "answer": "proved", "domain": None, "flips": flips, **claim},
        "models": {"f": f if "sha256" in f else inline(f)},
        "evidence": evidence,
    }


def rejection(document):
    with pytest.raises(Rejected) as caught:
        check(document)
    return caught.value


def exceeded(document):
    with pytest.raises(BudgetExceeded) as caught:
        check(document)
    return caught.value


def accepted(document):
    """Neither rejected nor, where wrong numbers make a search long, ended by a limit."""
    try:
        return check(document)
    except (Rejected, BudgetExceeded):
        return False


# --- a second opinion ------------------------------------------------------------------------------------------------------


class Second:
    """W, b, A of a network x, h0, r0, h1 with its family, in fractions."""

    def __init__(self, f):
        _, before, bend, behind = f["nodes"]
        matrix, self.b, outgoing = (fractions(t) for t in (before["weight"], before["bias"], behind["weight"]))
        (n, self.d), self.m = before["weight"]["shape"], behind["weight"]["shape"][0]
        self.n = n
        self.w = [matrix[i * self.d : (i + 1) * self.d] for i in range(n)]
        self.a = [outgoing[i::n] for i in range(n)]
        self.kind = "homogeneous"
        if bend["op"] == "smooth":
            self.kind = {"tanh": "odd", "sigmoid": "odd", "gelu_tanh": None}.get(bend["function"], "mirror")
            self.r = 1
        elif bend["op"] == "prelu":
            slopes = set(fractions(bend["slopes"]))
            self.r = 1 + slopes.pop()
            if slopes or self.r == 2:
                self.kind = None
        else:
            kinks = [(Fraction(t), Fraction(p)) for t, p in bend["kinks"]]
            self.r = 2 * Fraction(bend["slope"]) + sum(p for _, p in kinks)
            if len(kinks) != 1 or kinks[0][0] or Fraction(bend["constant"]):
                self.kind = None

    def line(self, i):
        """(class, sign, size), None where w_i = 0."""
        whole = [*self.w[i], self.b[i]]
        if not any(self.w[i]):
            return None
        sign = 1 if next(v for v in whole if v) > 0 else -1
        size = Fraction(1)
        if self.kind == "homogeneous":
            common = lcm(*(v.denominator for v in whole))
            size = Fraction(gcd(*(int(v * common) for v in whole)), common)
        return tuple(sign * v / size for v in whole), sign, size

    def reduced(self):
        found = [self.line(i) for i in range(self.n)]
        return all(any(a) for a in self.a) and None not in found and len({line[0] for line in found}) == self.n

    def flips(self):
        """By brute force, of a reduced network."""
        if self.kind == "odd":
            return [[]]
        if not self.r:
            return [list(t) for k in range(self.n + 1) for t in itertools.combinations(range(self.n), k)]
        found = []
        for k in range(self.n + 1):
            for chosen in itertools.combinations(range(self.n), k):
                if not any(sum(self.a[i][j] * self.w[i][c] for i in chosen) for j in range(self.m) for c in range(self.d)):
                    found.append(list(chosen))
        return found

    def one_orbit(self):
        """By all configurations, with stacked matrices over the rationals; independent of what is done about dependent sets."""
        classes = {}
        for i in range(self.n):
            if (line := self.line(i)) is not None:
                jump, turned = classes.setdefault(line[0], ([0] * self.m, [0] * self.m))
                for j in range(self.m):
                    jump[j] += line[2] * self.a[i][j]
                    turned[j] += line[2] * self.a[i][j] * (line[1] < 0)
        used = [u for u, (jump, _) in classes.items() if any(jump)]
        spare, feasible = self.n - len(used), []
        for kinds in itertools.product(range(3), repeat=len(used)):
            both = [u[:-1] for u, k in zip(used, kinds, strict=True) if k == 2]
            if len(both) > spare:
                continue
            matrix = [[-sum(c[1][j] * u[k] for u, c in classes.items()) for k in range(self.d)] for j in range(self.m)]
            for u, kind in zip(used, kinds, strict=True):
                if kind == 1:
                    matrix = [[v + classes[u][0][j] * x for v, x in zip(row, u[:-1], strict=True)] for j, row in enumerate(matrix)]
            rho = rank([*matrix, *both]) - rank(both)
            if len(both) + 2 * rho <= spare:
                feasible.append((len(both) == spare, rho == 0, rank(both) == len(both)))
        return feasible == [(True, True, True)]


def fractions(stored):
    return [Fraction(n, stored["denominator"]) for n in stored["numerators"]]


def rank(rows):
    return flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator) for v in map(Fraction, row)] for row in rows]).rank() if rows else 0


def is_true(document):
    """Whether the claim holds."""
    f, flips = document["models"]["f"]["inline"], document["claim"]["flips"]
    net = Second(f)
    if net.kind is None:
        return False
    if net.reduced():
        return sorted(flips) == sorted(net.flips())
    return flips == [[]] and net.kind != "odd" and net.r != 0 and net.one_orbit()


# --- evidence --------------------------------------------------------------------------------------------------------------


def integers(f):
    """v_i as in the format, columns (j, k) in order."""
    net = Second(f)
    r = Fraction(net.r).numerator
    common = [lcm(*(v.denominator for row in rows for v in row)) for rows in (net.a, net.w)]
    return [[int(r * a * common[0] * w * common[1]) for a in net.a[i] for w in net.w[i]] for i in range(net.n)]


def free(f, p=PRIME):
    """Rows that are eliminated to zero are free."""
    rows, d = integers(f), Second(f).d
    kept, columns, rest = [], [], []
    for i, row in enumerate(rows):
        row = [v % p for v in row]
        for c, pivot in kept:
            row = [(a - row[c] * b) % p for a, b in zip(row, pivot, strict=True)]
        c = next((c for c, v in enumerate(row) if v), None)
        if c is None:
            rest.append(i)
        else:
            kept.append((c, [v * pow(row[c], -1, p) % p for v in row]))
            columns.append([c // d, c % d])
    return {"method": "free", "prime": p, "columns": columns, "free": rest}


def halves(f, count=None):
    net = Second(f)
    return {"method": "halves", "columns": [[j, k] for j in range(net.m) for k in range(net.d)][:count]}


def by_coordinates(f):
    """Directions x_i for every i."""
    net = Second(f)
    columns = halves(f)["columns"]
    directions = [[int(i == t) for i in range(net.n)] for t in range(net.n)]
    multipliers = [[0] * (len(columns) + t) for t in range(net.n)]
    return {"method": "lattice", "columns": columns, "directions": directions, "multipliers": multipliers}


def lattice(f, count=None):
    """Directions dual to a reduced basis of the kernel of the columns, and multipliers that make g short."""
    d, v = Second(f).d, flint.fmpz_mat(integers(f))
    n, columns, chosen = v.nrows(), [], []
    for j, k in halves(f)["columns"]:
        column = [v[i, j * d + k] for i in range(n)]
        if len(columns) != count and flint.fmpz_mat([*chosen, column]).rank() > len(chosen):
            columns.append([j, k])
            chosen.append(column)
    r = len(columns)
    picked = flint.fmpz_mat([[v[i, j * d + k] for j, k in columns] for i in range(n)])
    wide = flint.fmpz_mat([[int(i == k) for k in range(n)] + [2**400 * picked[i, c] for c in range(r)] for i in range(n)])
    moved = wide.lll()
    basis = flint.fmpz_mat([[moved[i, k] for k in range(n)] for i in range(n)])
    kernel = [i for i in range(n) if not any(moved[i, n + c] for c in range(r))][::-1]
    across = basis.inv()  # integers, as the basis is unimodular
    directions = [[int(across[k, i].p) for k in range(n)] for i in kernel]
    multipliers = []
    if kernel:
        short = flint.fmpq_mat(flint.fmpz_mat([[basis[i, k] for k in range(n)] for i in kernel]))
        dual = (short * short.transpose()).inv() * short  # the directions, made orthogonal to the columns
        near = numpy.array([[float(Fraction(int(v.p), int(v.q))) for v in row] for row in dual.tolist()])
        gram = flint.fmpq_mat(picked.transpose() * picked)
    for t, y in enumerate(directions):
        before = [Fraction(round(v * 2**30), 2**30) for v in numpy.linalg.lstsq(near[:t].T, -near[t], rcond=None)[0]] if t else []
        sums = [w + sum(m * directions[i][k] for i, m in enumerate(before)) for k, w in enumerate(y)]
        right = flint.fmpq_mat(picked.transpose()) * flint.fmpq_mat([[flint.fmpq(w.numerator, w.denominator)] for w in map(Fraction, sums)])
        z = gram.solve(right)
        multipliers.append([number(-Fraction(int(z[c, 0].p), int(z[c, 0].q))) for c in range(r)] + [number(m) for m in before])
    return {"method": "lattice", "columns": columns, "directions": directions, "multipliers": multipliers}


ODD, ENUMERATION = {"method": "odd"}, {"method": "enumeration"}
METHODS = {"free": free, "halves": halves, "coordinates": by_coordinates}


def planted(n=7, m=2, d=3, seed=0, activation=None):
    """The first three rank-one matrices add up to 0, and so do the next two; the others are random."""
    g = random.Random(seed)

    def vector(size):
        return [g.choice((-1, 1)) * g.randint(1, 9) for _ in range(size)]

    w, a, other = vector(d), vector(m), vector(m)
    neurons = [(a, w, 1), (other, w, 2), ([-p - q for p, q in zip(a, other, strict=True)], w, 3)]
    u, c = vector(d), vector(m)
    neurons += [(c, u, 0), ([number(Fraction(v, -2)) for v in c], [2 * v for v in u], 1)]
    while len(neurons) < n:
        neurons.append((vector(m), [number(Fraction(v, 3)) for v in vector(d)], g.randint(-3, 3)))
    return shallow(neurons, [0] * m, activation)


REDUCED = {
    "T3": shallow(T3),
    "T4": shallow(T4),
    "leaky T4": shallow(T4, activation=LEAKY),
    "one neuron": shallow([("3/7", [1, "1/3"], "2/5")]),
    "planted": planted(),
    "planted, leaky": planted(5, 1, 2, 1, LEAKY),
    "planted, scaled": planted(6, 2, 2, 2, SCALED),
    "planted, prelu": prelu(T4, "1/4", "1/4"),
    "silu": smooth([*T4, (1, 2, 0)], "silu"),
    "softplus T3": smooth(T3, "softplus"),
    "gelu": smooth([(1, [1, 1], 0), ("-1/2", [2, 2], 0), (3, [1, 2], 0)], "gelu"),
    "single": shallow([(1, [1, 0], 0), (1, [0, 1], 0), (1, [1, 2], 5)]),
}
ABSOLUTE = {
    "abs": shallow([*T4, (5, 3, 1)], activation=ABS),
    "even": shallow(T3, activation=EVEN),
    "prelu of slope -1": prelu(T4, -1, -1),
}
ODDS = {
    "tanh": smooth(T4, "tanh"),
    "sigmoid": smooth(T3, "sigmoid"),
}
ONE_ORBIT = {
    "T16": shallow(T16),
    "|x|": shallow([(1, 1, 0), (1, -1, 0)]),
    "|x| scaled": shallow([("1/2", 2, 1), ("1/3", -3, "-3/2")]),
    "leaky |x|": shallow([(1, 1, 0), (1, -1, 0)], activation=LEAKY),
    "|x| and y": shallow([(2, [1, 0], 0), (1, [-1, 0], 0), (5, [0, 1], 0)]),
    "two pairs, two outputs": shallow([([1, 0], [1, 0], 0), ([2, 0], [-1, 0], 0), ([0, 1], [0, 1], 1), ([0, 3], [0, -1], -1)], [0, 0]),
    "silu": smooth([(2, 1, 0), (1, -1, 0)], "silu"),
    "softplus": smooth([(2, [1, 0], 0), (1, [-1, 0], 0), (5, [2, 1], 0)], "softplus"),
    "reduced": shallow([(1, [1, 0], 0), (1, [0, 1], 0)]),
}
CASES = {
    **{f"{name}, {method}": orbits(f, Second(f).flips(), make(f)) for name, f in REDUCED.items() for method, make in METHODS.items()},
    **{f"{name}, reduced lattice": orbits(f, Second(f).flips(), lattice(f, 1)) for name, f in REDUCED.items()},
    **{
        f"{name}, {e['method']}": orbits(f, Second(f).flips(), e)
        for name, f in ABSOLUTE.items()
        for e in (free(f), halves(f), {"method": "halves", "columns": []}, by_coordinates(f))
    },
    **{name: orbits(f, [[]], ODD) for name, f in ODDS.items()},
    **{f"{name}, enumeration": orbits(f, [[]], ENUMERATION) for name, f in ONE_ORBIT.items()},
}


# --- accepted --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_true_claims_are_accepted(name):
    before = copy.deepcopy(CASES[name])
    assert is_true(CASES[name])
    assert check(CASES[name]) is True
    assert before == CASES[name]


def test_the_cases_are_what_they_should_be():
    assert Second(REDUCED["T3"]).flips() == [[], [0, 1, 2]]
    assert Second(REDUCED["T4"]).flips() == [[], [0, 1]]
    assert Second(REDUCED["planted"]).flips() == [[], [3, 4], [0, 1, 2], [0, 1, 2, 3, 4]]
    assert Second(REDUCED["gelu"]).flips() == [[], [0, 1]]
    assert Second(REDUCED["single"]).flips() == [[]]
    assert free(REDUCED["planted"])["free"] == [2, 4]
    assert free(REDUCED["single"])["free"] == [2]
    assert free(ABSOLUTE["abs"])["free"] == [0, 1, 2]
    assert len(Second(ABSOLUTE["abs"]).flips()) == 8
    assert Second(shallow(T16, activation=SCALED)).one_orbit()


def test_a_flip_keeps_the_function():
    """The claim's words: f with T flipped is f, c -> c + r sum a b."""
    for activation in (None, LEAKY, SCALED, ABS):
        f = planted(activation=activation)
        net = Second(f)
        for chosen in Second(f).flips():
            neurons = [
                ([number(v) for v in a], [number(-v if i in chosen else v) for v in w], number(-b if i in chosen else b))
                for i, (a, w, b) in enumerate(zip(net.a, net.w, net.b, strict=True))
            ]
            constant = [number(net.r * sum(net.a[i][j] * net.b[i] for i in chosen)) for j in range(net.m)]
            g = shallow(neurons, constant, activation)
            for k in range(5):
                point = [Fraction(random.Random(k).randint(-20, 20), 7) for _ in range(net.d)]
                assert _oracle.evaluate(f, point) == _oracle.evaluate(g, point)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed):
    """Weights so small that sums often vanish; all methods say what brute force says."""
    g = random.Random(seed)
    n, m, d = g.randint(1, 7), g.randint(1, 2), g.randint(1, 2)
    neurons = [([g.randint(-2, 2) for _ in range(m)], [g.randint(-2, 2) for _ in range(d)], g.randint(-3, 3)) for _ in range(n)]
    f = shallow(neurons, [0] * m, g.choice((None, LEAKY, SCALED)))
    if g.random() < 0.3:
        f = smooth(neurons, g.choice(("silu", "gelu", "softplus")), [0] * m)
    net = Second(f)
    if net.reduced():
        flips = net.flips()
        g.shuffle(flips)
        for make in (*METHODS.values(), lattice):
            assert check(orbits(f, flips, make(f)))
            for wrong in (flips[:-1], flips[1:], [*flips, [0]] if [0] not in flips else []):
                assert not accepted(orbits(f, wrong, make(f)))
        assert accepted(orbits(f, [[]], ENUMERATION)) == (len(flips) == 1)
    else:
        for make in METHODS.values():
            assert "f is not reduced: neuron" in rejection(orbits(f, [[]], make(f))).reason
        assert accepted(orbits(f, [[]], ENUMERATION)) == net.one_orbit()


@pytest.mark.parametrize("seed", [*range(50), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(50, 150))])
def test_enumeration_of_random_networks(seed):
    """Pairs and dependent normals are common; both answers occur."""
    g = random.Random(seed)
    m, d, pairs, more = g.randint(1, 4), g.randint(1, 4), g.randint(0, 3), g.randint(0, 2)

    def vector(size, bound=2):
        return [g.randint(-bound, bound) for _ in range(size)]

    neurons = []
    for _ in range(pairs):
        w, b, size = vector(d), g.randint(-1, 1), g.choice((1, 1, 2))
        neurons += [(vector(m), w, b), (vector(m), [-size * v for v in w], -size * b)]
    neurons += [(vector(m, 5), vector(d, 4), 1) for _ in range(more)]
    f = shallow(neurons or [([1] * m, [1] * d, 0)], [0] * m)
    if g.random() < 0.3:
        f = smooth(neurons or [([1] * m, [1] * d, 0)], "softplus", [0] * m)
    assert accepted(orbits(f, [[]], ENUMERATION)) == Second(f).one_orbit()


def test_random_enumerations_have_both_answers():
    found = [Second(f).one_orbit() for f in (shallow(T16), shallow([(1, 1, 0), (1, -1, 0), (2, 1, 1), (1, -1, -1)]))]
    assert found == [True, False]


def test_networks_counted_on_a_grid():
    """All networks of width 2 with small integers, d = m = 1. Two of one function that are no permutation and scaling of each other:
    neither has one orbit. (Kinks lie in {-1, 0, 1}, so that five values, up to a constant, are the function.)
    """
    neurons = [(a, w, b) for a in range(-3, 4) for w in (-1, 0, 1) for b in (-1, 0, 1)]
    groups = {}
    for pair in itertools.combinations_with_replacement(neurons, 2):
        values = [sum(a * max(w * x + b, 0) for a, w, b in pair) for x in (-2, -1, 0, 1, 2)]
        groups.setdefault(tuple(v - values[0] for v in values), []).append(pair)
    several = one = 0
    for pairs in list(groups.values()):
        answers = {accepted(orbits(shallow(list(pair)), [[]], ENUMERATION)) for pair in pairs[:3]}
        assert len(answers) == 1  # a property of the function and the width
        if len(pairs) > 1:
            assert answers == {False}
            several += 1
        elif True in answers:
            one += 1
    assert several > 20
    assert one > 20


def test_a_rival_is_another_network():
    """Three neurons, two on x = 0: the spare one may as well stand on x = 1."""
    f = shallow([(2, 1, 0), (1, -1, 0), (3, 1, -1)])
    g = shallow([(3, 1, 0), (2, 1, -1), (1, -1, 1)], -1)
    for k in range(-20, 20):
        assert _oracle.evaluate(f, [Fraction(k, 4)]) == _oracle.evaluate(g, [Fraction(k, 4)])
    assert not accepted(orbits(f, [[]], ENUMERATION))


def test_a_linear_pair_can_be_moved():
    """One way to spend the neurons only, but s(z + 2) - s(-z - 2) = z + 2 = s(z) - s(-z) + 2."""
    pair = [([1, 1], [0, 0, 1], 2), ([-1, -1], [0, 0, -1], -2)]
    f = shallow([([1, 0], [1, 0, 0], 0), ([0, 1], [0, 1, 0], 1), *pair], [0, 0])
    assert not Second(f).one_orbit()
    assert "can be moved" in rejection(orbits(f, [[]], ENUMERATION)).reason


# --- how networks are read -------------------------------------------------------------------------------------------------

AFFINE_OPERATIONS = ("affine", "conv", "conv", "average_pool", "scale", "add", "subtract", "concat", "slice", "transpose", "reshape")


def growing(generator, shape, length, prefix):
    builder = Builder(generator, shape)
    while len(builder.nodes) < length:
        builder.grow(generator.choice(AFFINE_OPERATIONS))
        if prod(builder.shapes[-1]) > 60:
            builder.nodes.pop()
            builder.shapes.pop()
        if generator.random() < 0.2:
            c = builder.shapes[-1][0]
            fields = {key: tensor([generator.randint(1, 4) for _ in range(c)]) for key in ("mean", "variance", "weight", "bias")}
            builder.put("batch_norm", builder.shapes[-1], **fields, epsilon=0, precision="float32")
    for n in builder.nodes:
        n["name"], n["operands"] = prefix + n["name"], [prefix + o for o in n["operands"]]
    return builder


@pytest.mark.parametrize("seed", range(60))
def test_affine_nodes_are_composed(seed):
    """W, b, A from differences of values at unit vectors, computed elsewhere."""
    g = random.Random(seed)
    first = growing(g, g.choice(((3,), (2, 5), (2, 3, 3))), g.randint(1, 7), "f")
    second = growing(g, first.shapes[-1], g.randint(1, 7), "s")
    for n in second.nodes:
        n["operands"] = ["bend" if o == "sn0" else o for o in n["operands"]]
    last = "bend" if len(second.nodes) == 1 else second.nodes[-1]["name"]
    nodes = [*first.nodes, act("bend", first.nodes[-1]["name"]), *second.nodes[1:]]
    found = read_shallow(read_network(network(nodes, [last, "bend"]), "f"), "f")

    def parts(document, size, scales):
        start = _oracle.evaluate(document, [Fraction(0)] * size, scales)
        at_units = [_oracle.evaluate(document, [Fraction(int(i == k)) for i in range(size)], scales) for k in range(size)]
        return start, [[u[i] - start[i] for u in at_units] for i in range(len(start))]

    scales = rounded(nodes)
    b, w = parts(network(first.nodes, [first.nodes[-1]["name"]]), prod(first.shapes[0]), scales)
    _, a = parts(network([node("bend", "input", shape=list(first.shapes[-1])), *second.nodes[1:]], [last, "bend"]), len(b), scales)
    for numerators, values in ((found.weights, w), (found.outgoing, a), ([found.biases], [b])):
        common = lcm(*(v.denominator for row in values for v in row))
        assert numerators == [[v * common for v in row] for row in values]


def rounded(nodes):
    """weight / sqrt(variance) in float32, for the second opinion (variances 1 and 4 are exact)."""
    found = {}
    for n in nodes:
        if n["op"] == "batch_norm":
            pairs = zip(fractions(n["weight"]), fractions(n["variance"]), strict=True)
            found[n["name"]] = [single(w, v) for w, v in pairs]
    return found


def single(weight, variance):
    wide = flint.arb(int(weight)) / flint.arb(int(variance)).sqrt()
    value = float(wide.mid())
    return Fraction(struct.unpack("<f", struct.pack("<f", value))[0])


def image_network():
    """Flatten and batch norm before the layer, and two affine nodes behind."""
    return network(
        [
            node("x", "input", shape=[1, 2, 1]),
            node(
                "n",
                "batch_norm",
                "x",
                mean=tensor([1]),
                variance=tensor([4]),
                weight=tensor([2]),
                bias=tensor([3]),
                epsilon=0,
                precision="float32",
            ),
            node("flat", "reshape", "n", shape=[2]),
            affine("h0", "flat", [[1, 0], [0, 1], [-1, -1]], [0, 0, 0]),
            act("r0", "h0"),
            affine("h1", "r0", [[1, 0, 0], [0, 2, 2]], [0, 0]),
            affine("h2", "h1", [[2, 1]], [1]),
        ]
    )


@pytest.mark.parametrize("as_file", [False, True])
def test_flatten_and_batch_norm(tmp_path, as_file):
    f = image_network()
    (tmp_path / "f.json").write_text(json.dumps(f))
    digest = hashlib.sha256((tmp_path / "f.json").read_bytes()).hexdigest()
    bound = {"sha256": digest, "format": "json", "path": "f.json"} if as_file else inline(f)
    evidence = {"method": "free", "prime": 101, "columns": [[0, 0], [0, 1]], "free": [2]}
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(orbits(bound, [[], [0, 1, 2]], evidence)))
    assert check(path)
    path.write_text(json.dumps(orbits(bound, [[]], evidence)))
    with pytest.raises(Rejected):
        check(path)


def test_an_onnx_file(tmp_path):
    data = model(
        [
            operation("Flatten", ["x"], ["flat"], axis=1),
            operation("Gemm", ["flat", "w", "b"], ["h"], transB=1),
            operation("Relu", ["h"], ["r"]),
            operation("MatMul", ["r", "a"], ["y"]),
        ],
        [
            initializer("w", [3, 2], [1.0, 0.0, 0.0, 1.0, -0.5, -0.5]),
            initializer("b", [3], [0.1, 0.2, 0.3]),
            initializer("a", [3, 1], [1.0, 1.0, 2.0]),
        ],
        [value_info("x", [1, 2, 1])],
        [value_info("y", [1, 1])],
    )
    (tmp_path / "f.onnx").write_bytes(data)
    bound = {"sha256": hashlib.sha256(data).hexdigest(), "format": "onnx", "path": str(tmp_path / "f.onnx")}
    assert check(orbits(bound, [[], [0, 1, 2]], {"method": "halves", "columns": [[0, 0]]}))
    assert not accepted(orbits(bound, [[]], {"method": "halves", "columns": [[0, 0]]}))


def test_an_nnet_file(tmp_path):
    text = "// net\n2,2,1,2,\n2,2,1,\n0,\n-1,-1,\n1,1,\n0.5,-1,7,\n2,4,0.5,\n1,1,\n-1,-1,\n0.5,\n1,\n3,3,\n0.25,\n"
    (tmp_path / "f.nnet").write_text(text)
    bound = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "format": "nnet", "path": str(tmp_path / "f.nnet")}
    assert check(orbits(bound, [[], [0, 1]], {"method": "free", "prime": 7, "columns": [[0, 1]], "free": [1]}))


def test_a_convolution_is_a_layer():
    weight = tensor([[[1, 2]], [[3, -1]]])
    fields = {"stride": [1], "padding": [[0, 0]], "dilation": [1], "groups": 1}
    f = network(
        [
            node("x", "input", shape=[1, 3]),
            node("c", "conv", "x", weight=weight, bias=tensor([0, 1]), **fields),
            act("r", "c"),
            node("v", "reshape", "r", shape=[4]),
            affine("y", "v", [[1, 1, 1, 5]], [0]),
        ]
    )
    columns = [[0, k] for k in range(3)]
    assert check(orbits(f, [[]], {"method": "halves", "columns": columns}))
    f["nodes"][4] = affine("y", "v", [[1, -1, 0, 5]], [0])
    assert "neuron 2 has no outgoing weight" in rejection(orbits(f, [[]], {"method": "halves", "columns": columns})).reason


# --- rejected --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        [[]],
        [[0, 1, 2]],
        [[], [0, 1, 2], [0, 1, 2]],
        [[], [], [0, 1, 2]],
        [[], [0, 1, 2], [0]],
        [[], [0, 1, 2], [0, 1]],
        [[], [2, 1, 0]],
        [[], [0, 1, 1, 2]],
        [[], [0, 1, 2, 3]],
        [[], [0, 1, 3]],
        [[], [-1, 0, 1, 2]],
        [],
        None,
        {},
        "[]",
        [[], [0, 1, "2"]],
        [[], [False, 1, 2]],
        [[], [0, 1, 2.0]],
        [[], 5],
        [[], None],
        [[], [0, 1, 10**400]],
    ],
)
def test_wrong_sets(wrong):
    f = shallow(T3)
    for make in (*METHODS.values(), lattice):
        assert check(orbits(f, [[], [0, 1, 2]], make(f)))
        assert rejection(orbits(f, wrong, make(f))).reason


def test_the_claim():
    f = shallow(T3)
    good = orbits(f, [[], [0, 1, 2]], halves(f))
    for change in (
        {"answer": "refuted"},
        {"domain": {"A": tensor([[1, 0]]), "b": tensor([0])}},
        {"tolerance": 0},
        {"count": 2},
    ):
        assert rejection({**good, "claim": {**good["claim"], **change}}).step.startswith("claim")
    for key in good["claim"]:
        assert rejection({**good, "claim": {k: v for k, v in good["claim"].items() if k != key}})
    assert "unknown key 'flips'" in rejection({**good, "claim": {**good["claim"], "question": "zero", "tolerance": 0}}).reason
    assert "cannot support" in rejection({**good, "evidence": {"method": "tree"}}).reason
    assert rejection({**good, "models": {"f": inline(f), "g": inline(f)}})


@pytest.mark.parametrize(
    ("neurons", "reason"),
    [
        ([*T4, (0, 2, 1)], "neuron 2 has no outgoing weight"),
        ([(1, 0, 1), *T4], "neuron 0 is constant"),
        ([*T4, (5, 3, 0)], "neurons 0 and 2 are of one class"),
        ([*T4, (5, "-1/3", "1/3")], "neurons 1 and 2 are of one class"),
    ],
)
def test_not_reduced(neurons, reason):
    f = shallow(neurons)
    for make in METHODS.values():
        assert reason in rejection(orbits(f, [[]], make(f))).reason
    assert not accepted(orbits(f, [[]], ENUMERATION))
    f = smooth(neurons, "tanh")
    if "1/3" not in str(neurons) and neurons[2] != (5, 3, 0):
        assert reason in rejection(orbits(f, [[]], ODD)).reason
    else:
        assert check(orbits(f, [[]], ODD))  # tanh(3 x) is not tanh(x)


def test_other_networks():
    neurons = [(1, [1, 0], 0), (1, [0, 1], 0)]
    plain = shallow(neurons)
    evidence = halves(plain)

    def reason(f):
        return rejection(orbits(f, [[]], evidence)).reason

    assert check(orbits(plain, [[]], evidence))
    deep = mlp(([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0]))
    assert "there are 2: 'r0', 'r1'" in reason(deep)
    assert "there are 0" in reason(network([node("x", "input", shape=[2]), affine("y", "x", [[1, 1]], [0])]))
    skip = network([*plain["nodes"], affine("s", "x", [[1, 1]], [0]), node("y", "add", "h1", "s")])
    assert "beside the activation" in reason(skip)
    dead = network([*plain["nodes"], affine("s", "x", [[1, 1]], [0])], ["h1"])
    assert check(orbits(dead, [[]], evidence))
    assert "beside the activation" in reason(network(dead["nodes"], ["h1", "s"]))
    assert "gelu_tanh" in reason(smooth(neurons, "gelu_tanh"))
    assert "not q t + p max(t, 0)" in reason(shallow(neurons, activation=HARDTANH))
    for activation in (
        {"slope": 0, "constant": 1, "kinks": [[0, 1]]},
        {"slope": 0, "constant": 0, "kinks": [[1, 1]]},
        {"slope": 1, "constant": 0, "kinks": []},
    ):
        assert "not q t + p max(t, 0)" in reason(shallow(neurons, activation=activation))
    assert "slope 1 is linear" in reason(prelu(neurons, 1, 1))
    assert "not all equal" in reason(prelu(neurons, "1/2", "1/3"))
    assert check(orbits(prelu(neurons, "1/2", "1/2"), [[]], evidence))
    odd = copy.deepcopy(plain)
    odd["nodes"][2] = node("r0", "rational", "h0", numerator=[0, 1], denominator=[1, 0, 1])
    assert "rational" in reason(odd)
    pool = network(
        [
            node("x", "input", shape=[1, 2]),
            node("r0", "max_pool", "x", kernel=[2], stride=[1], padding=[[0, 0]], dilation=[1]),
            node("y", "reshape", "r0", shape=[1]),
        ]
    )
    assert "max_pool" in reason(pool)


def test_methods_know_their_families():
    for function in ("tanh", "sigmoid"):
        f = smooth(T3, function)
        assert "odd" in rejection(orbits(f, [[]], {"method": "halves", "columns": [[0, 0]]})).reason
        plain = smooth([(1, [1, 0], 0), (1, [0, 1], 0)], function)
        assert check(orbits(plain, [[]], ODD))
        assert rejection(orbits(plain, [[]], ENUMERATION)).step == "orbits: enumeration"
        assert rejection(orbits(f, [[], [0, 1, 2]], ODD))
    assert "homogeneous" in rejection(orbits(shallow(T3), [[]], ODD)).reason
    assert rejection(orbits(shallow(T16, activation=ABS), [[]], ENUMERATION)).step == "orbits: enumeration"
    assert "one orbit only" in rejection(orbits(shallow(T16), [[], [0, 1]], ENUMERATION)).reason


def test_free_evidence():
    f = shallow([(1, [1, 0], 0), (1, [0, 1], 0), (1, [1, 2], 5)])
    good = free(f)
    assert good["columns"] == [[0, 0], [0, 1]]
    for p in (2, 1, 0, -7, 8, 2**31 + 11, "7", 7.0, None, True, [7]):
        assert rejection(orbits(f, [[]], {**good, "prime": p})).step in ("orbits: free", "claim")
    assert check(orbits(f, [[]], {**good, "prime": 15}))  # invertible pivots are enough
    scaled = shallow([(3, [1, 0], 0), (1, [0, 1], 0), (1, [1, 2], 5)])
    for p in (9, 15, 3):
        assert "no invertible pivot" in rejection(orbits(scaled, [[]], {**good, "prime": p})).reason
    for columns in (
        [[0, 0]],
        [[0, 0], [0, 0]],
        [[0, 1], [0, 0]],
        [[0, 0], [0, 1], [0, 1]],
        [[0, 0], [0, 2]],
        [[0, 0], [1, 1]],
        [[0, 0], [-1, 1]],
        [[0, 0], [0]],
        [[0, 0], None],
        [[0, 0], [0, "1"]],
        None,
        {},
    ):
        assert rejection(orbits(f, [[]], {**good, "columns": columns}))
    for listed in ([], [3], [-1], ["2"], [True], None, 2, [1, 2], [2, 1], [2, 2]):
        assert rejection(orbits(f, [[]], {**good, "free": listed}))
    for key in good:
        assert rejection(orbits(f, [[]], {k: v for k, v in good.items() if k != key}))
    assert rejection(orbits(f, [[]], {**good, "more": 1}))


def test_a_false_candidate_is_no_flip():
    """1 + 4 = 0 modulo 5: the set is looked at, and is none."""
    f = shallow([(1, 1, 0), (1, 4, 1)])
    evidence = {"method": "free", "prime": 5, "columns": [[0, 0]], "free": [1]}
    assert check(orbits(f, [[]], evidence))
    assert "not a symmetry" in rejection(orbits(f, [[], [0, 1]], evidence)).reason


def test_candidates_of_few_columns_are_tested_on_all():
    f = shallow([(1, [1, 0], 0), (1, [-1, 1], 1), (1, [2, 5], 0)])
    evidence = halves(f, 1)
    assert check(orbits(f, [[]], evidence))
    assert check(orbits(f, [[]], {"method": "halves", "columns": []}))
    assert "not a symmetry" in rejection(orbits(f, [[], [0, 1]], evidence)).reason


@pytest.fixture
def impatient(monkeypatch):
    """Searches that wrong numbers make long end early."""
    monkeypatch.setattr(_budget, "WORK", (2**19, 0))


@pytest.mark.usefixtures("impatient")
def test_lattice_evidence():
    f = planted(6, 1, 2)
    good = lattice(f, 1)
    flips = Second(f).flips()
    assert check(orbits(f, flips, good))
    directions, multipliers = good["directions"], good["multipliers"]
    assert "do not determine" in rejection(orbits(f, flips, {**good, "directions": directions[1:], "multipliers": multipliers[:-1]})).reason
    repeated = [directions[0], *directions[:-1]]
    assert "do not determine" in rejection(orbits(f, flips, {**good, "directions": repeated})).reason
    for change in (
        {"directions": None},
        {"directions": [None] * 5},
        {"directions": [[*y, 0] for y in directions]},
        {"directions": [[str(v) for v in y] for y in directions]},
        {"multipliers": multipliers[1:]},
        {"multipliers": [*multipliers, []]},
        {"multipliers": [[*m, 0] for m in multipliers]},
        {"multipliers": [[1.5] * len(m) for m in multipliers]},
        {"multipliers": None},
        {"columns": []},
        {"columns": [[0]]},
    ):
        assert rejection(orbits(f, flips, {**good, **change}))
    for scale in (0, "7/3", -5, 10**30):  # any multipliers are sound; they only make the search long
        other = [[number(Fraction(v) * Fraction(scale)) for v in row] for row in multipliers]
        for claimed in (flips, flips[:-1], [[]]):
            assert not accepted(orbits(f, claimed, {**good, "multipliers": other})) or claimed == flips
    g = random.Random(5)
    for _ in range(30):
        other = [[number(Fraction(g.randint(-9, 9), g.randint(1, 5))) for _ in row] for row in multipliers]
        assert not accepted(orbits(f, flips[1:], {**good, "multipliers": other}))
        assert not accepted(orbits(f, [[]], {**good, "multipliers": other}))


def changed_numbers(name):
    """The mutants of test_mutations, and evidence with numbers changed together."""
    yield from mutants(CASES[name], random.Random(name))
    g = random.Random(name)
    numbers = [p for p in paths(CASES[name]) if p[:1] == ("evidence",) and type(at(CASES[name], p)) is int]
    for _ in range(20 if numbers else 0):
        found = copy.deepcopy(CASES[name])
        for path in g.sample(numbers, min(3, len(numbers))):
            at(found, path[:-1])[path[-1]] = g.randint(-3, 12)
        yield "several", None, rehash(found)


SHORT = [n for n in CASES if len(json.dumps(CASES[n])) < 2500]


LONG = ("planted, coordinates", "planted, reduced lattice", "planted, scaled, coordinates", "planted, scaled, reduced lattice")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in SHORT])
def test_a_changed_certificate_is_rejected_unless_its_claim_is_true(name):
    rejected = 0
    for path, value, mutant in changed_numbers(name):
        try:
            found = verdict(mutant)
        except BudgetExceeded:  # wrong numbers make some searches long, which then end early
            continue
        if found is not None:
            assert all(found)
            rejected += 1
        else:
            assert is_true(mutant), (path, value)
    assert rejected > 10


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["T3, free", "planted, halves", "T4, reduced lattice", "abs, free", "tanh", "T16, enumeration"])
def test_other_types(name):
    """Anything in any place of claim and evidence: Rejected, never an error of Python."""
    for path in [p for p in paths(CASES[name]) if p and p[0] in ("claim", "evidence")]:
        for value in (None, True, -1, 2**70, "x", "1/2", "0x10", [], [[]], {}, {"a": 1}, 1.5, float("nan")):
            found = copy.deepcopy(CASES[name])
            if at(found, path) == value:
                continue
            at(found, path[:-1])[path[-1]] = value
            if accepted(found):
                assert is_true(found), (path, value)


# --- limits ----------------------------------------------------------------------------------------------------------------


def many(n, d=1, seed=0, bits=40):
    g = random.Random(seed)
    neurons = [(1, [g.choice((-1, 1)) * g.randint(1, 2**bits) for _ in range(d)], 2 * i + 1) for i in range(n)]
    return shallow(neurons)


def test_limits_of_the_search(monkeypatch):
    start = time.perf_counter()
    f = many(80)
    assert "operations" in exceeded(orbits(f, [[]], {"method": "halves", "columns": [[0, 0]]})).reason
    assert "no columns" in exceeded(orbits(f, [[]], {"method": "halves", "columns": []})).reason
    f = many(20, bits=1)
    assert "operations" in limited(monkeypatch, "WORK", (2**16, 0), orbits(f, [[]], halves(f)))
    f = many(20)
    assert "operations" in limited(monkeypatch, "WORK", (2**16, 0), orbits(f, [[]], by_coordinates(f)))
    wide = {**by_coordinates(f), "multipliers": [[10**30 * (i == 0) for i in range(1 + t)] for t in range(20)]}
    assert "operations" in limited(monkeypatch, "WORK", (2**16, 0), orbits(f, [[]], wide))
    assert "at a time" in limited(monkeypatch, "ROOM", (500, 0), orbits(f, [[]], {"method": "halves", "columns": [[0, 0]] * 60}))
    f = many(70)
    assert "operations" in exceeded(orbits(f, [[]], {**free(f), "columns": [[0, 0]] * 10, "free": [*range(60)]})).reason
    assert time.perf_counter() - start < 20


def limited(monkeypatch, name, limit, document):
    with monkeypatch.context() as patch:
        patch.setattr(_budget, name, limit)
        return exceeded(document).reason


def test_limits_of_reading(monkeypatch):
    """Affine nodes one behind the other: dense products are counted."""
    g = random.Random(0)
    square = [[g.randint(1, 9) for _ in range(30)] for _ in range(30)]
    f = mlp((square, [0] * 30), ([[1] * 30], [0]))
    f["nodes"].insert(1, affine("before", "x", square, [0] * 30))
    f["nodes"][2]["operands"] = ["before"]
    evidence = {"method": "free", "prime": PRIME, "columns": [[0, k] for k in range(30)], "free": []}
    assert "operations" in limited(monkeypatch, "WORK", (28_000, 0), orbits(f, [[]], evidence))
    assert check(orbits(f, [[]], evidence))


def test_limits_of_enumeration(monkeypatch):
    wide = shallow([(1, [int(i == k) for k in range(15)], 0) for i in range(15)])
    assert check(orbits(wide, [[]], ENUMERATION))
    wide = shallow([(1, [int(i == k) for k in range(60)], 0) for i in range(60)])
    assert "operations" in exceeded(orbits(wide, [[]], ENUMERATION)).reason
    f = shallow([(1, [int(i == k) for k in range(14)], 0) for i in range(14)])
    assert check(orbits(f, [[]], ENUMERATION))
    pairs = [([int(i == k) for k in range(14)], [s * int(i == k) for k in range(14)], 0) for i in range(14) for s in (1, -1)]
    start = time.perf_counter()
    assert "operations" in exceeded(orbits(shallow(pairs, [0] * 14), [[]], ENUMERATION)).reason
    assert "can be moved" in rejection(orbits(shallow([(1, k // 12 + 1, 1) for k in range(60)]), [[]], ENUMERATION)).reason
    assert time.perf_counter() - start < 5
    small = [([int(i == k) for k in range(7)], [s * int(i == k) for k in range(7)], 0) for i in range(7) for s in (1, -1)]
    assert check(orbits(shallow(small, [0] * 7), [[]], ENUMERATION))
    assert "operations" in limited(monkeypatch, "WORK", (20_000, 0), orbits(shallow(small, [0] * 7), [[]], ENUMERATION))


@pytest.mark.slow
def test_planted_sums_in_larger_networks():
    """One column of long numbers, with three of them that add up to 0."""
    g = random.Random(3)
    for n, methods in ((30, (halves, lattice)), (60, (lattice,))):
        w = [g.randint(1, 2 ** (3 * n)) * g.choice((-1, 1)) for _ in range(n - 1)]
        f = shallow([(1, v, g.randint(1, 9)) for v in [*w, -w[3] - w[5]]])
        for make in methods:
            evidence = make(f)
            start = time.perf_counter()
            assert check(orbits(f, [[], [3, 5, n - 1]], evidence))
            assert time.perf_counter() - start < 10
            assert "keeps the function, too" in rejection(orbits(f, [[]], evidence)).reason


def floats(n, d, m, seed=0):
    """d-n-m with float32 weights."""
    g = random.Random(seed)

    def weights(rows, columns):
        numbers = [g.gauss(0, columns**-0.5) for _ in range(rows * columns)]
        pairs = [v.as_integer_ratio() for v in struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers))]
        common = max(q for _, q in pairs)
        return {"shape": [rows, columns], "denominator": common, "numerators": [p * (common // q) for p, q in pairs]}

    f = mlp(([[1]], [0]), ([[1]], [0]))
    f["nodes"][0]["shape"] = [d]
    for k, rows, columns in ((1, n, d), (3, m, n)):
        f["nodes"][k]["weight"], bias = weights(rows, columns), weights(1, rows)
        f["nodes"][k]["bias"] = {**bias, "shape": [rows]}
    return f


@pytest.mark.slow
def test_a_large_network_in_little_time():
    f = floats(1000, 784, 10)
    columns = [[j, k] for j in range(2) for k in range(784)][:1000]
    document = orbits(f, [[]], {"method": "free", "prime": PRIME, "columns": columns, "free": []})
    start = time.monotonic()
    assert check(document)
    assert time.monotonic() - start < 20


def test_a_pair_among_many():
    """Neurons 0 and 1 are opposite, and neuron 1 is free."""
    f = floats(200, 50, 10)
    first, second = f["nodes"][1]["weight"]["numerators"], f["nodes"][3]["weight"]["numerators"]
    first[50:100] = [-2 * v for v in first[:50]]
    for j in range(10):
        second[200 * j] *= 2
        second[200 * j + 1] = second[200 * j] // 2
    columns = [[j, k] for j in range(10) for k in range(50)][:199]
    evidence = {"method": "free", "prime": PRIME, "columns": columns, "free": [1]}
    assert check(orbits(f, [[], [0, 1]], evidence))
    assert "neurons [0, 1] keeps the function, too" in rejection(orbits(f, [[]], evidence)).reason
    f["nodes"][3]["weight"]["numerators"][1] += 1
    assert check(orbits(f, [[]], evidence))
    assert "not a symmetry" in rejection(orbits(f, [[], [0, 1]], evidence)).reason


# --- words -----------------------------------------------------------------------------------------------------------------


def test_sentences(tmp_path, capsys):
    def said(document, *options):
        path = tmp_path / "certificate.json"
        path.write_text(json.dumps(document))
        assert main([str(path), *options]) == 0
        return capsys.readouterr().out

    start = "accepted: proved: the networks of this width with the function f are, up to permutations"
    assert said(CASES["single, free"]).startswith(f"{start} and positive scalings of neurons, f itself (real arithmetic)\n")
    assert said(CASES["T3, halves"]).startswith(
        f"{start} and positive scalings of neurons, f with one of 2 sets of neurons flipped: {{}}, {{0, 1, 2}} ("
    )
    assert said(CASES["tanh"]).startswith(f"{start} and sign flips of neurons, f itself (")
    assert said(CASES["silu, enumeration"]).startswith(f"{start} of neurons, f itself (")
    f = shallow([(1, 1, k) for k in range(8)], activation=ABS)
    document = orbits(f, Second(f).flips(), {"method": "halves", "columns": []})
    assert "one of 256 sets of neurons flipped; the claim has the sha256 " in said(document)
    found = json.loads(said(document, "--json"))
    assert found["question"] == "orbits"
    assert found["domain_has_points"] is True
    assert found["claim"] == document["claim"]


def test_what_the_engines_write():
    f = exact_mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
    claim = OrbitsClaim(f, ((), (0, 1, 2)))
    written = Certificate(claim, "proved", {"method": "halves", "columns": [[0, 0], [0, 1]]})
    assert written.kind == "halves"
    assert written.document["claim"] == {"question": "orbits", "answer": "proved", "domain": None, "flips": [[], [0, 1, 2]]}
    assert claim.describe() == "the networks of this width with the function f have 2 orbits"
    assert check_again(written)
