"""Random networks with every operation, and the simplest lines for them: each function is an atom of its own."""

from fractions import Fraction
from math import prod

from tests.certificate._build import ABS, HARDTANH, LEAKY, RELU, network, node, number, tensor
from tests.certificate._oracle import KEEPING, values


def some(generator, *shape):
    """A tensor of small random numbers."""
    entries = [Fraction(generator.randint(-4, 4), generator.choice((1, 1, 2, 3))) for _ in range(prod(shape))]
    return tensor(entries, shape)


class Builder:
    """Grows a network operation by operation."""

    def __init__(self, generator, shape):
        self.generator = generator
        self.nodes = [node("n0", "input", shape=list(shape))]
        self.shapes = [tuple(shape)]

    def put(self, op, size, *operands, **fields):
        operands = operands or (self.nodes[-1]["name"],)
        self.nodes.append(node(f"n{len(self.nodes)}", op, *operands, **fields))
        self.shapes.append(tuple(size))

    def window(self, grid, pool=False):
        g = self.generator
        while True:
            kernel = [g.randint(1, 2) for _ in grid]
            stride = [g.randint(1, 2) for _ in grid]
            padding = [[g.randint(0, k - 1), g.randint(0, k - 1)] for k in kernel]
            dilation = [g.randint(1, 2) for _ in grid]
            if pool:
                dilation = [1] * len(kernel)
            sizes = zip(grid, padding, dilation, kernel, stride, strict=True)
            out = [(n + sum(p) - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in sizes]
            if min(out) > 0:
                return kernel, {"stride": stride, "padding": padding, "dilation": dilation}, out

    def grow(self, op):
        g, shape = self.generator, self.shapes[-1]
        if op == "affine":
            m = g.randint(1, 3)
            self.put(op, (*shape[:-1], m), weight=some(g, m, shape[-1]), bias=some(g, m))
        elif op == "conv" and len(shape) > 1:
            groups = g.choice([k for k in (1, 2) if shape[0] % k == 0])
            kernel, fields, out = self.window(shape[1:])
            channels = groups * g.randint(1, 2)
            weight = some(g, channels, shape[0] // groups, *kernel)
            self.put(op, (channels, *out), weight=weight, bias=some(g, channels), groups=groups, **fields)
        elif op in ("max_pool", "average_pool") and len(shape) > 1:
            kernel, fields, out = self.window(shape[1:], True)
            if op == "average_pool":
                del fields["dilation"]
                fields["count_padding"] = g.random() < 0.5
            self.put(op, (shape[0], *out), kernel=kernel, **fields)
        elif op == "piecewise_linear":
            self.put(op, shape, **g.choice((RELU, ABS, LEAKY, HARDTANH)))
        elif op == "prelu":
            self.put(op, shape, slopes=tensor([number(g.choice((0, Fraction(1, 3), -2))) for _ in range(shape[0])]))
        elif op == "rational":
            self.put(op, shape, numerator=[1, number(Fraction(1, 2)), 3], denominator=[2, 0, 1])
        elif op == "scale":
            factor = g.choice((shape, shape[-1:], (), (shape[0], *[1] * (len(shape) - 1))))
            self.put(op, shape, factor=some(g, *factor))
        elif op in ("add", "subtract"):
            last = self.nodes[-1]["name"]
            same = [k for k, s in enumerate(self.shapes) if s == shape]
            if g.random() < 0.5:
                other = self.nodes[g.choice(same)]["name"]
            else:
                size = g.choice((shape, shape[-1:], (1,), (shape[0], *[1] * (len(shape) - 1))))
                self.put("constant", size, value=some(g, *size))
                self.nodes[-1]["operands"] = []
                other = self.nodes[-1]["name"]
            self.put(op, shape, *g.sample((last, other), 2))
        elif op == "concat":
            axis = g.randrange(len(shape))
            found = [k for k, s in enumerate(self.shapes) if s == shape]
            other = self.nodes[g.choice(found)]["name"]
            size = (*shape[:axis], 2 * shape[axis], *shape[axis + 1 :])
            self.put(op, size, self.nodes[-1]["name"], other, axis=axis)
        elif op == "slice":
            axis = g.randrange(len(shape))
            starts, stops, steps = [0] * len(shape), list(shape), [1] * len(shape)
            starts[axis] = g.randrange(shape[axis])
            steps[axis] = g.randint(1, 2)
            out = [len(range(*t)) for t in zip(starts, stops, steps, strict=True)]
            self.put(op, out, starts=starts, stops=stops, steps=steps)
        elif op == "transpose":
            axes = g.sample(range(len(shape)), len(shape))
            self.put(op, [shape[k] for k in axes], axes=axes)
        elif op == "gather":
            size = g.choice((shape, (2,), (2, *shape[1:])))
            places = [g.randrange(prod(shape)) for _ in range(prod(size))]
            self.put(op, size, index={"shape": list(size), "denominator": 1, "numerators": places})
        elif op == "reshape":
            size = g.choice(((prod(shape),), (1, prod(shape)), shape[::-1]))
            self.put(op, size, shape=list(size))


OPERATIONS = (
    *("affine", "conv", "conv", "conv", "max_pool", "average_pool", "piecewise_linear", "piecewise_linear", "prelu"),
    *("rational", "scale", "add", "subtract", "concat", "slice", "gather", "transpose", "reshape"),
)


def grown(generator, length=8, operations=OPERATIONS, shape=None, largest=40):
    """A random network."""
    builder = Builder(generator, shape or generator.choice(((3,), (2, 5), (2, 3, 3), (1, 4, 3))))
    while len(builder.nodes) < length:
        builder.grow(generator.choice(operations))
        if prod(builder.shapes[-1]) > largest:
            builder.nodes.pop()
            builder.shapes.pop()
    used = {o for n in builder.nodes for o in n["operands"]}
    open_ends = [n["name"] for n in builder.nodes if n["name"] not in used and n["op"] != "constant"]
    return network(builder.nodes, open_ends)


def alike(stored):
    """Whether a constant has one value for each channel."""
    rows = stored["shape"][0] if stored["shape"] else 1
    size = len(stored["numerators"]) // rows
    return all(len(set(stored["numerators"][r * size : (r + 1) * size])) == 1 for r in range(rows))


def lines(document, elements=False):
    """For each node one new atom for each of its lines, by the layout rules of docs/certificate-format.md."""
    size = sum(prod(n["shape"]) for n in document["nodes"] if n["op"] == "input")
    at = values(document, [Fraction(0)] * size)
    shapes = {name: tuple(array.shape) for name, array in at.items()}
    grids, constants, found, atoms = {}, set(), {}, 0
    for n in document["nodes"]:
        name, op, shape = n["name"], n["op"], shapes[n["name"]]
        operands = n["operands"]
        if set(operands) and set(operands) <= constants:
            constants.add(name)
        if op == "constant":
            constants.add(name)
            grids[name] = len(shape) > 1 and alike(n["value"])
        elif op == "input":
            grids[name] = len(shape) > 1 and not elements
        elif op in KEEPING:
            grids[name] = grids[operands[0]]
        elif op in ("add", "subtract"):
            grids[name] = len(shape) > 1 and all(
                (shapes[o] == shape and grids[o])
                or (prod(shapes[o][-len(shape) :][1:]) == 1 and short(shapes[o], shape) and o in constants)
                for o in operands
            )
        elif op == "scale":
            factor = n["factor"]["shape"]
            wide = [1] * (len(shape) - len(factor)) + factor
            grids[name] = grids[operands[0]] and prod(wide[1:]) == 1
        elif op == "concat":
            grids[name] = n["axis"] == 0 and all(grids[o] for o in operands)
        elif op == "slice":
            whole = shape[1:] == shapes[operands[0]][1:]
            grids[name] = grids[operands[0]] and whole
        else:
            grids[name] = False
        layout = grids[name]
        units = shape[0] if layout else prod(shape)
        if op == "piecewise_linear":
            fresh = [["atom", atoms + k, 1, 1] for k in range(units * len(n["kinks"]))]
        elif op == "prelu":
            fresh = [["atom", atoms + k, 1, 1] for k in range(units)]
        elif op == "rational" or (op in ("conv", "max_pool") and layout):
            fresh = [["atom", atoms + k, 1] for k in range(units)]
        elif op == "max_pool":
            count = comparisons(n, shapes[operands[0]], shape)
            fresh = [["atom", atoms + k, 1, 1] for k in range(count)]
        else:
            fresh = []
        atoms += len(fresh)
        if fresh:
            found[name] = fresh
    return found


def short(size, shape):
    return len(size) == len(shape) or prod(size) == 1


def comparisons(n, grid, shape):
    """In element layout: the entries in all windows, less one for each window."""
    counts = [1]
    for axis, out in enumerate(shape[1:]):
        size, k, s, (begin, _) = grid[axis + 1], n["kernel"][axis], n["stride"][axis], n["padding"][axis]
        d = n["dilation"][axis]
        rows = [sum(0 <= i * s - begin + t * d < size for t in range(k)) for i in range(out)]
        counts = [c * r for c in counts for r in rows]
    return shape[0] * sum(c - 1 for c in counts)
