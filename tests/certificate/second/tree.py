"""The rules point and tree, and hulls."""

from fractions import Fraction

from tests.certificate.second.networks import driven, sizes, walk
from tests.certificate.second.values import count, need, one_of, rational, record, several
from tests.certificate.second.vectors import ONE, add, applied, const, is_constant, nonnegative, primitive


def evaluated(net, point):
    def answer(node, zs):
        values = [z.get(ONE, Fraction(0)) for z in zs]
        need(node["op"] != "smooth", "a smooth node has no rational values")
        if node["op"] != "rational":
            return [const(max(z, 0)) for z in values]
        above, below = ([sum(c * z**k for k, c in enumerate(node["fields"][key])) for z in values] for key in ("numerator", "denominator"))
        need(all(below), "a pole")
        return [const(p / q) for p, q in zip(above, below, strict=True)]

    return [v.get(ONE, Fraction(0)) for v in driven(walk(net, [const(x) for x in point]), answer)]


def rule_point(evidence, nets, tolerance, domain, outputs):
    _, point, f, g = record(evidence, "method", "point", "f", "g")
    point = several(rational, sum(sizes(nets[0], nets[0]["inputs"])))(point)
    f, g = several(rational, outputs)(f), several(rational, outputs)(g)
    need(all(applied(v, [const(x) for x in point]).get(ONE, 0) >= 0 for v in domain or []), "the point is outside")
    need(evaluated(nets[0], point) == f, "f has other values")
    need((evaluated(nets[1], point) if nets[1:] else [Fraction(0)] * outputs) == g, "g has other values")
    need(any(abs(p - q) > tolerance for p, q in zip(f, g, strict=True)), "no output differs")


def frame(hull, domain, inputs):
    """Vectors over the coordinates: of the flat inputs, and of the slacks of the domain."""
    x = [{(1, j): Fraction(1)} for j in range(inputs)]
    if hull is None:
        return x, domain or []
    origin, directions, coordinates, equalities = record(hull, "origin", "directions", "coordinates", "equalities")
    need(domain is not None, "a hull without a domain")
    origin, vectors = several(rational, inputs)(origin), several(several(rational, inputs))
    directions, coordinates = vectors(directions), vectors(coordinates)
    need(len(directions) == len(coordinates), "as many coordinates as directions")
    identity = [[sum(d[i] * c[j] for d, c in zip(directions, coordinates, strict=True)) for j in range(inputs)] for i in range(inputs)]
    for equality in several(lambda e: e)(equalities):
        row, coefficients, proof = record(equality, "row", "coefficients", "farkas")
        need(count(row) < len(domain), "a row that is not there")
        level, coefficients = add((-1, domain[row])), several(rational, inputs)(coefficients)
        nonnegative(level, [primitive(v) for v in domain], proof)
        need(not applied(level, [const(o) for o in origin]), "the origin is not on this row")
        identity = [[v + coefficients[i] * level.get((1, j), 0) for j, v in enumerate(line)] for i, line in enumerate(identity)]
    need(identity == [[int(i == j) for j in range(inputs)] for i in range(inputs)], "the identity is not composed")
    x = [add((1, const(o)), *((d[j], {(1, k): 1}) for k, d in enumerate(directions))) for j, o in enumerate(origin)]
    return x, [applied(v, x) for v in domain]


def differences(nets, start):
    f = yield from walk(nets[0], start)
    g = (yield from walk(nets[1], start)) if nets[1:] else [{}] * len(f)
    return [add((1, p), (-1, q)) for p, q in zip(f, g, strict=True)]


class Cell:
    """A part of the domain: its forms, what the units are on it, and the answers given to the generator so far."""

    def __init__(self, nets, start, given, answers=(), known=(), reached=(), functions=(), first=0):
        self.nets, self.start, self.given, self.answers = nets, start, list(given), list(answers)
        self.known, self.reached, self.functions = dict(known), dict(reached), list(functions)
        self.first, self.end = first, None
        self.run = differences(nets, start)
        self.go(None)
        for answer in answers:
            self.go(answer)

    def fork(self):
        return Cell(self.nets, self.start, self.given, self.answers, self.known, self.reached, self.functions, self.first)

    def go(self, answer):
        """To the next stage, or the end."""
        try:
            node, self.stage = self.run.send(answer)
            need("units" in node or "windows" in node, "a function that is not piecewise linear")
        except StopIteration as end:
            self.stage, self.end = [], end.value

    def leave(self):
        """The units of this stage get their values: z, 0, or a function of which only the sign is open."""
        need(self.end is None, "no such unit")
        found = []
        for u, z in enumerate(self.stage, self.first):
            c, h = scaled(z)
            self.reached[u] = z
            if is_constant(z):
                sign = 1 if z.get(ONE, 0) > 0 else -1
            elif h in self.known:
                sign = self.known[h] if c > 0 else -self.known[h]
            else:
                if h not in self.functions:
                    self.functions.append(h)
                top = {(2, self.functions.index(h)): Fraction(1)}
                found.append(add((abs(c), top), (int(c < 0), z)))
                continue
            found.append(z if sign > 0 else {})
        self.first += len(self.stage)
        self.answers.append(found)
        self.go(found)

    def name(self, u):
        """z of a unit that may be named."""
        while count(u) >= self.first + len(self.stage):
            self.leave()
        z = self.reached[u] if u < self.first else self.stage[u - self.first]
        need(not is_constant(z) and all(key[0] < 2 for key in z), "a unit that may not be named")
        return z

    def fix(self, u, sign):
        z = self.name(u)
        c, h = scaled(z)
        self.known[h] = sign if c > 0 else -sign

    def outputs(self):
        """The differences of the outputs, functions whose sign is known replaced."""
        while self.end is None:
            self.leave()
        return [self.settled(v) for v in self.end]

    def settled(self, v):
        for i, h in enumerate(self.functions):
            if (2, i) in v and h in self.known:
                w = v[2, i]
                return self.settled(add((1, v), (-w, {(2, i): 1}), (w if self.known[h] > 0 else 0, dict(h))))
        return v


def scaled(z):
    """(c, h) with z = c h and h, the same for all multiples of z."""
    if is_constant(z):
        return Fraction(0), None
    c = z[min(key for key in z if key != ONE)]
    return c, frozenset((key, w / c) for key, w in z.items())


def rule_tree(evidence, nets, tolerance, domain, outputs):
    _, hull, nodes = record(evidence, "method", "hull", "tree")
    start, slacks = frame(hull, domain, sum(sizes(nets[0], nets[0]["inputs"])))
    left = iter(several(several(lambda v: v, 3))(nodes))
    grow(left, Cell(nets, start, [primitive(v) for v in slacks]), tolerance, outputs)
    need(next(left, None) is None, "nodes are left over")


def grow(left, cell, tolerance, outputs):
    node = next(left, None)
    need(node is not None, "a node is missing")
    kind, facts, last = node
    for u, sign, proof in several(several(lambda v: v, 3))(facts):
        one_of(1, -1)(sign)
        nonnegative(add((sign, cell.name(u))), cell.given, proof)
        cell.fix(u, sign)
    if one_of("split", "leaf")(kind) == "split":
        form = primitive(cell.name(last))
        for sign in (1, -1):
            part = cell.fork()
            part.given.append(add((sign, form)))
            part.fix(last, sign)
            grow(left, part, tolerance, outputs)
        return
    found = cell.outputs()
    if last is None:
        need(not any(found), "an output is not 0")
        return
    need(tolerance > 0, "bounds without a tolerance")
    for v, (low, high) in zip(found, several(several(lambda p: p, 2), outputs)(last), strict=True):
        need(all(key[0] < 2 for key in v), "a unit is open")
        nonnegative(add((1, const(tolerance)), (-1, v)), cell.given, low)
        nonnegative(add((1, const(tolerance)), (1, v)), cell.given, high)
