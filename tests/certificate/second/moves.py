"""Transformations of the hidden layers of a network, and those of them that keep every function: docs/certificate/transformations.md."""

from fractions import Fraction
from math import prod

import numpy as np

from tests.certificate.second.bounds import rows
from tests.certificate.second.core import array, count, made, need, not_covered, rational, read, record, value

ACTIVATIONS = ("piecewise_linear", "prelu", "smooth", "rational")
POOLING = ("max_pool", "average_pool")
BACK = (*ACTIVATIONS, "batch_norm", *POOLING, "reshape", "scale", "transpose")
BY_CHANNEL = ("prelu", "batch_norm", *POOLING)
STEPS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}


class Layer:
    """A hidden layer of n neurons: its source, what carries them before and behind the activation, and what reads them."""

    def __init__(self, net, name):
        self.nodes = net["nodes"]
        self.outputs = net["outputs"]
        need(isinstance(name, str) and name in self.nodes and self.nodes[name]["op"] in ACTIVATIONS, "no such layer")
        self.layer = self.nodes[name]
        way = [self.before(self.layer)]
        while way[-1]["op"] in BACK:
            way.append(self.before(way[-1]))
        if way[-1]["op"] not in ("affine", "conv"):
            norms = [k for k, item in enumerate(way) if item["op"] == "batch_norm"]
            need(norms, "a layer without a source")
            way = way[: norms[-1] + 1]
        *between, self.source = way
        self.between = between[::-1]
        need(all(item["op"] not in ("scale", "transpose") for item in self.between), "a scale or a transpose before the layer")
        need(all(len(self.read_by(item)) == 1 for item in way), "another reader before the layer")
        self.several = self.source["op"] == "affine" and prod(self.source["shape"]) != self.source["shape"][-1]
        self.n = self.neurons()
        self.behind, self.readers, left = [], [], self.read_by(self.layer)
        while left:
            item = left.pop(0)
            if item["op"] in ("affine", "conv"):
                self.readers.append(item)
            else:
                need(item["op"] in (*ACTIVATIONS, "batch_norm", *POOLING, "reshape"), "a reader that does not carry neurons")
                self.behind.append(item)
                left += self.read_by(item)
        self.carrying = [self.source, *self.between, self.layer, *self.behind]
        for item in self.carrying:
            need(item["name"] not in self.outputs, "neurons that are an output")
            self.fits(item)
        for item in self.readers:
            size = item["shapes"][0]
            need(size[0] % self.n == 0 and not self.several if item["op"] == "conv" else size[-1] % self.period(size) == 0, "a reader")

    def before(self, item):
        need(len(item["operands"]) == 1, "a layer without a source")
        return self.nodes[item["operands"][0]]

    def read_by(self, item):
        """The nodes that read an item."""
        return [other for other in self.nodes.values() for o in other["operands"] if o == item["name"]]

    def neurons(self):
        if self.source["op"] != "affine":
            return self.source["shape"][0]
        size = self.layer["shape"]
        return size[0] if len(size) > 1 and size[0] > 1 and not self.several else self.source["shape"][-1]

    def period(self, size):
        """The number of entries after which the pattern of the neurons starts again."""
        return self.n if self.several else prod(size)

    def fits(self, item):
        """Each neuron is a run of entries, of whole channels where the node treats channels one by one."""
        size = item["shape"]
        need(prod(size) % self.n == 0, "entries that are not those of the neurons")
        if item is not self.source and item["op"] in BY_CHANNEL:
            need(not self.several and size and size[0] % self.n == 0, "neurons that are not whole channels")

    def of(self, places):
        """The neuron of each place, of so many rows, columns or channels."""
        if self.several:
            return [p % self.n for p in range(places)]
        return [p // (places // self.n) for p in range(places)]

    def changed(self, changes):
        return {
            name: made(name, n["op"], n["operands"], {**n["fields"], **changes[name]}, n["shapes"]) if name in changes else n
            for name, n in self.nodes.items()
        }


def rows_of(item):
    """The fields of an item that have a number, or several, for each channel or row."""
    if item["op"] in ("affine", "conv"):
        return ("weight", "bias")
    return {"batch_norm": ("mean", "variance", "weight", "bias"), "prelu": ("slopes",)}.get(item["op"], ())


def permuted(layer, order):
    need(sorted(read([count], order)) == list(range(layer.n)), "no order of the neurons")
    need(layer.source["op"] in ("affine", "conv"), "no rows before the layer")
    need(all(i["fields"].get("groups", 1) == 1 for i in (layer.source, *layer.readers)), "groups")

    def moved(places):
        """For each place the one whose content it gets."""
        of = np.array(layer.of(places))
        found = np.empty(places, int)
        for new, old in enumerate(order):
            found[of == new] = np.flatnonzero(of == old)
        return found

    changes = {}
    for item in layer.carrying:
        changes[item["name"]] = {key: item["fields"][key][moved(len(item["fields"][key]))] for key in rows_of(item)}
    for item in layer.readers:
        weight = item["fields"]["weight"]
        changes.setdefault(item["name"], {})["weight"] = weight[:, moved(weight.shape[1])]
    return layer.changed(changes)


def times(layer, item, keys, factors):
    """These fields, each row multiplied by its factor."""
    each = array([factors[i] for i in layer.of(len(item["fields"]["weight"]))])
    return {key: (item["fields"][key].T * each).T for key in keys}


def scaled(layer, factors, *, rounded_anew):
    """Each neuron times its factor behind the activation too."""
    changes = before(layer, factors, rounded_anew=rounded_anew)
    for item in layer.behind:
        if item["op"] == "batch_norm":
            changes[item["name"]] = times(layer, item, ("mean", "bias"), factors)
    for item in layer.readers:
        weight, groups = item["fields"]["weight"], item["fields"].get("groups", 1)
        inverse = array([1 / factors[i] for i in layer.of(weight.shape[1] * groups)])
        by_group = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1) * inverse.reshape(groups, 1, -1, 1)
        changes.setdefault(item["name"], {})["weight"] = by_group.reshape(weight.shape)
    return layer.changed(changes)


def before(layer, factors, *, rounded_anew):
    """What changes before the activation, so that each neuron is multiplied by its factor."""
    last = [item for item in (layer.source, *layer.between) if item["op"] in ("affine", "conv", "batch_norm")]
    if rounded_anew:
        return {last[-1]["name"]: times(layer, last[-1], ("weight", "bias"), factors)}
    need(layer.source["op"] in ("affine", "conv"), "no rows before the layer")
    changes = {item["name"]: times(layer, item, ("mean", "bias"), factors) for item in last[1:]}
    return {layer.source["name"]: times(layer, layer.source, ("weight", "bias"), factors), **changes}


def ratio(item, channel):
    """r with phi(t) - phi(-t) = r t."""
    fields = item["fields"]
    if item["op"] == "prelu":
        return 1 + fields["slopes"][channel]
    if item["op"] == "piecewise_linear":
        jumps = dict(fields["kinks"])
        need(all(jumps.get(-t) == p for t, p in jumps.items()), "a function without such a ratio")
        return 2 * fields["slope"] + sum(jumps.values())
    need(item["op"] == "smooth" and fields["function"] not in ("tanh", "sigmoid"), "a function without such a ratio")
    return Fraction(1)


def flipped(layer, neurons, *, keeps):
    need(layer.source["op"] in ("affine", "conv"), "no affine node before the layer")
    need(not any(i["op"] in ACTIVATIONS for i in layer.between), "an activation before the layer")
    if any(i["op"] == "max_pool" for i in layer.between) or any(i["op"] not in ("reshape", "average_pool") for i in layer.behind):
        not_covered("flips through what is not linear")
    of = layer.of(prod(layer.layer["shape"]))
    channels = layer.layer["shape"][0] if layer.layer["shape"] else 1
    ratios = [ratio(layer.layer, e * channels // len(of)) for e in range(len(of))]
    if keeps:
        need(not any(r for r, i in zip(ratios, of, strict=True) if i in neurons), "a flip that changes the function")
        need(not any(i["op"] == "batch_norm" for i in layer.between), "a batch norm before the layer")
    factors = [Fraction(-1 if i in neurons else 1) for i in range(layer.n)]
    changes = before(layer, factors, rounded_anew=True)
    if any(i["op"] not in ("reshape", "batch_norm") for i in layer.between):
        not_covered("flips behind pooling")
    at_zero = offsets(layer)
    added = {layer.layer["name"]: [r * b if i in neurons else Fraction(0) for r, b, i in zip(ratios, at_zero, of, strict=True)]}
    for item in (*layer.behind, *layer.readers):
        added[item["name"]] = [(v - v.constant()).at(added[item["operands"][0]]) for v in rows(item)]
    for item in layer.readers:
        rows_first = np.moveaxis(array(added[item["name"]], item["shape"]), -1 if item["op"] == "affine" else 0, 0)
        each = rows_first.reshape(len(rows_first), -1)
        need((each == each[:, :1]).all(), "a sum that is not the same everywhere")
        new = changes.setdefault(item["name"], {})
        need("bias" not in new, "a reader that is the source")
        new["bias"] = item["fields"]["bias"] + each[:, 0]
    return layer.changed(changes)


def offsets(layer):
    """What the activation gets, entry by entry, where the source gets 0."""
    now = np.zeros(layer.source["shapes"][0], int)
    for item in (layer.source, *layer.between):
        now = value(item, [now])
    return list(now.flat)


def keeps_function(layer, kind):
    """Whether the step is one of those that keep the function of every network."""
    acts = [item for item in (*layer.between, layer.layer, *layer.behind) if item["op"] in ACTIVATIONS]
    for item in acts:
        fields = item["fields"]
        pieces = item["op"] == "piecewise_linear"
        if kind == "scaling":
            need(
                item["op"] == "prelu" or (pieces and fields["constant"] == 0 and all(t == 0 for t, _ in fields["kinks"])),
                "an activation that is not positively homogeneous",
            )
        if kind == "sign_flip":
            need(pieces or (item["op"] == "smooth" and fields["function"] == "tanh"), "an activation that is not odd")
            if pieces:
                jumps = dict(fields["kinks"])
                at_zero = fields["constant"] + sum(p * -t for t, p in jumps.items() if t < 0)
                need(at_zero == 0 and all(jumps.get(-t) == -p for t, p in jumps.items()), "an activation that is not odd")


def moved_by(net, steps, *, keeps=False):
    """The network that the steps make of it; with `keeps` all of them must keep the function of every network."""
    for step in read([None], steps):
        need(isinstance(step, dict), "a step is an object")
        kind = read(set(STEPS), step.get("kind"))
        _, name, about = record(step, **dict.fromkeys(("kind", "layer", STEPS[kind])))
        layer = Layer(net, name)
        if keeps:
            keeps_function(layer, kind)
        if kind == "permutation":
            nodes = permuted(layer, about)
        elif kind == "scaling":
            factors = read((rational,) * layer.n, about)
            need(all(c > 0 for c in factors), "a factor that is not positive")
            nodes = scaled(layer, factors, rounded_anew=not keeps)
        else:
            neurons = read([count], about)
            need(len(set(neurons)) == len(neurons) and all(i < layer.n for i in neurons), "no such neurons")
            if kind == "flip":
                nodes = flipped(layer, neurons, keeps=keeps)
            else:
                need(all(item["op"] != "max_pool" for item in layer.carrying), "a maximum of neurons that change their sign")
                nodes = scaled(layer, [Fraction(-1 if i in neurons else 1) for i in range(layer.n)], rounded_anew=not keeps)
        net = {**net, "nodes": nodes}
    return net
