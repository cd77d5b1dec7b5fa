"""One network: trained, its terms extracted at all training points, and what is measured of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tropex import geometry, terms
from tropex.design import Run
from tropex.geometry import Around
from tropex.models import build, stacked
from tropex.tasks import CLASSES, Data, load

import exactnn as xn
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import Network
from exactnn.tropical import PointwiseMap, extract_at

RETRAINED = 1000  # is added to the seed
SHOWN = 3  # points whose coefficients are kept as images
#: in each pixel; those of the data are in [0, 1], and would be on the border of that box
BOX = (Fraction(-1, 2), Fraction(3, 2))
Line = dict[str, Any]


def train(run: Run, mnist: Path | None = None) -> Line:
    """The line of a run: its settings, and what was found. Shares are in per cent, angles in degrees."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    data = load(run.task, run.train, run.test, mnist)
    model = fit(run, data, run.seed)
    again = fit(run, data, run.seed + RETRAINED)
    x, new = RationalArray.of(data.train.rows), RationalArray.of(data.test.rows)
    net, other = network(model, data.side), network(again, data.side)
    found = extract_at(net, x)
    assert_equal(found, x)
    own, around = terms.Terms(found), Around(net, concatenate([x, new]))
    decided, answers = largest(net, x), largest(net, new)
    line = {
        "accuracy": terms.accuracy(answers, data.test.labels),
        "train_accuracy": terms.accuracy(decided, data.train.labels),
        "parameters": sum(p.numel() for p in model.parameters()),
        **certified(found, x, run.certified),
        **extracted(own, new, decided, answers, data),
        **regions_met(around, run.train),
        **coefficients(around.gradient_of(decided), around.patterns[: run.train], data),
        **retrained(around.gradient_of(decided), Around(other, x).gradient_of(decided), largest(other, new), answers),
        **shifted(net, network(stacked(model, 3), data.side), x[: run.shifted], new),
        **slices(net, x, run),
        **sizes(net, x, run),
        **robustness(net, own, new[: run.perturbed], data.test.labels[: run.perturbed], run),
        **pruned(own, x, new, decided, data),
        **pictures(around.gradient_of([*decided, *answers]), data),
    }
    seconds = round(time.perf_counter() - start, 3)
    return {"key": run.key, "hash": run.digest, "settings": asdict(run), **line, "seconds": seconds}


def fit(run: Run, data: Data, seed: int) -> nn.Sequential:
    """Adam on the cross-entropy, in eval mode at the end."""
    model = build(run.network, data.side, CLASSES, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=run.learning_rate)
    order = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(run.epochs):
        for batch in torch.randperm(len(data.train.x), generator=order).split(run.batch):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.x[batch]), data.train.y[batch]).backward()
            optimizer.step()
    return model.eval()


def network(model: nn.Module, side: int) -> Network:
    """The exact network of the weights."""
    return xn.from_torch(model, (1, side, side))


def largest(net: Network, points: RationalArray) -> terms.Indices:
    """The class (n,) of the largest output."""
    return net.evaluate(points).numerators.argmax(axis=1)


def assert_equal(found: PointwiseMap, points: RationalArray) -> None:
    """The extracted function is the network's at all its points, in every output, exactly."""
    assert found.values(points) == found.net.evaluate(points), "the extracted function is not equal to the network; please report this"


def certified(found: PointwiseMap, points: RationalArray, count: int) -> Line:
    """The same for the first so many points, with a certificate that the checker, which shares no code, accepts."""
    part = extract_at(found.net, points[:count])
    assert xn.check(part.certificate)
    return {"certified": part.count}


def extracted(own: terms.Terms, new: RationalArray, decided: terms.Indices, answers: terms.Indices, data: Data) -> Line:
    """What the extracted functions answer on test data, and where their numerators and denominators come from."""
    values, labels, count = own.values(new), data.test.labels, len(decided)
    guesses = terms.decisions(values)
    papers = terms.decisions(terms.of_own_class(values, decided))
    steps = [max(1, count * part // 8) for part in (1, 2, 4, 8)]
    return {
        "extracted": terms.accuracy(guesses, labels),
        "own_class": terms.accuracy(papers, labels),
        "agrees": terms.accuracy(papers, answers),
        "steps": steps,
        "evolution": terms.evolution(values, labels, steps),
        "cross": 100 * float(terms.cross_terms(values, guesses).mean()),
        "arising": 100 * terms.arising(own, values, guesses) / len(labels),
    }


def regions_met(around: Around, count: int) -> Line:
    """Whether points share regions, the first so many being those to train on; different affine maps are of different linear regions."""
    patterns, maps = around.pattern_keys, around.map_keys()
    return {
        "patterns": geometry.share_of_distinct(patterns),
        "pattern_met": geometry.share_met(patterns[count:], patterns[:count]),
        "maps": geometry.share_of_distinct(maps),
        "map_met": geometry.share_met(maps[count:], maps[:count]),
        "rounded_maps": geometry.share_of_distinct(around.map_keys(3)),
    }


def coefficients(vectors: geometry.Floats, patterns: geometry.Integers, data: Data) -> Line:
    """Norms of and angles between the gradients of the predicted class at training points; how alike their patterns are."""
    norms, angles = np.linalg.norm(vectors, axis=1), geometry.angles(vectors)
    same, other = geometry.similarity(patterns, data.train.labels)
    return {
        "norm": float(norms.mean()),
        "least_norm": 100 * float(norms.min() / norms.mean()),
        "angle": float(angles.mean()),
        "small_angle": float(np.quantile(angles, 0.05)),
        "alike_same": same,
        "alike_other": other,
        "settled": geometry.settled(patterns),
    }


def retrained(vectors: geometry.Floats, others: geometry.Floats, answers: terms.Indices, before: terms.Indices) -> Line:
    """Angles between the gradients of one class at one point, of two networks; and how often they answer alike on test data."""
    return {"retrained_angle": float(geometry.angles(vectors, others).mean()), "retrained_agrees": terms.accuracy(answers, before)}


def shifted(net: Network, other: Network, points: RationalArray, new: RationalArray) -> Line:
    """The terms at some points with other shifts: without K at the inputs, and with larger ones in all layers (`other` has more outputs).

    The map is the same where it has to be, exactly: everywhere without K, at the data points with other hidden shifts; and the maps of
    all points are the same. `shift_changes` is the share of test points that are decided otherwise with other hidden shifts.
    """
    usual, plain, larger = extract_at(net, points), extract_at(net, points, nonnegative=False), extract_at(other, points)
    assert plain.values(new) == usual.values(new), "K changed the extracted map; please report this"
    first, second = terms.Terms(usual), terms.Terms(larger)
    place, classes = np.arange(len(points)), net.output_dim
    for j in range(classes):
        rows = (part.joined[j * len(points) + place] - part.joined[part.classes * len(points) + place] for part in (first, second))
        assert next(rows) == next(rows), "a shift changed an affine map; please report this"
    assert larger.values(points)[:, :classes] == net.evaluate(points), "a shift changed the map at a data point; please report this"
    guesses = terms.decisions(first.values(new))
    values = second.values(new)
    moved = values[:classes].max(axis=1).argmax(axis=0)
    return {"shift_changes": 100 * float((guesses != moved).mean())}


def slices(net: Network, points: RationalArray, run: Run) -> Line:
    """The exact regions of the plane through three training points."""
    source = np.random.default_rng(run.seed)
    found = geometry.cut(net, points[source.choice(len(points), 3, replace=False)], run.samples, run.seed)
    return {
        "slice_regions": found.regions,
        "slice_number": found.number,
        "slice_areas": found.own,
        "slice_estimates": found.estimated,
    }


def sizes(net: Network, points: RationalArray, run: Run) -> Line:
    """The volume of the region around training points within the box, in log10, as means over the points; the error is that of one point.

    `log_number` is log10 of how many regions as large as the mean of `log_volume_below` fill the box.
    """
    dimension, log10 = net.input_dim, math.log(10)
    above, below, errors = [], [], []
    for i in range(min(run.sized, len(points))):
        repeated = points[np.full(run.directions, i)]
        directions = geometry.unit_directions(dimension, run.directions, 1000 * run.seed + i)
        lengths = [float(r) for r in geometry.radii(net, repeated, directions, *BOX)]
        if min(lengths) == 0:  # a point on a kink, which is not inside its region
            continue
        found, bound = geometry.volume(lengths, dimension), geometry.volume_from_below(lengths, dimension)
        above.append(found.value / log10)
        below.append(bound.value / log10)
        errors.append(bound.error / log10)
    whole = dimension * math.log10(BOX[1] - BOX[0])
    if not below:
        return {"sized": 0}
    return {
        "sized": len(below),
        "log_volume": float(np.mean(above)),
        "log_volume_below": float(np.mean(below)),
        "log_volume_error": float(np.sqrt(np.mean(np.square(errors)))),
        "log_number": whole - float(np.mean(below)),
    }


def robustness(net: Network, own: terms.Terms, points: RationalArray, labels: terms.Indices, run: Run) -> Line:
    """Accuracy at test points, and after steps of one size in each pixel: random ones, against the network, and against the extracted map.

    A step against a function follows the signs of the gradient of the largest output but the right one minus the right one.
    """
    around, values = Around(net, points), own.values(points)
    outputs = around.gradients
    mine = net.evaluate(points)
    rivals = [_rival(mine.numerators[i], labels[i]) for i in range(len(points))]
    place = np.arange(len(points))
    against = (outputs[place, rivals] - outputs[place, labels]).sign()
    tops = values.max(axis=1)
    theirs = [_rival(tops[:-1, i], labels[i]) for i in range(len(points))]
    winners = values.argmax(axis=1)
    rows = own.rows[theirs, winners[theirs, place], 1:] - own.rows[labels, winners[labels, place], 1:]
    steps = {
        "still": np.zeros(against.shape, dtype=np.int64),
        "random": np.random.default_rng(run.seed).choice([-1, 1], against.shape),
        "against_network": against.astype(np.int64),
        "against_extracted": np.sign(rows).astype(np.int64),
    }
    line: Line = {}
    for name, step in steps.items():
        moved = points + RationalArray(step) * run.step
        line[f"network_{name}"] = terms.accuracy(largest(net, moved), labels)
        line[f"extracted_{name}"] = terms.accuracy(terms.decisions(own.values(moved)), labels)
    return line


def _rival(values: Sequence[int], label: int) -> int:
    """The class of the largest value but that of the label."""
    return max((j for j in range(len(values)) if j != label), key=values.__getitem__)


def pruned(own: terms.Terms, points: RationalArray, new: RationalArray, decided: terms.Indices, data: Data) -> Line:
    """The network of few terms that decides all training points as the trained one does, exactly; its size and its test accuracy."""
    kept = terms.enough(terms.of_own_class(own.values(points), decided), decided)
    small = terms.classifier(own, kept, decided).to_network()
    classes = np.unique(decided)
    assert (classes[largest(small, points)] == decided).all(), "the pruned network decides otherwise; please report this"
    return {
        "kept": 100 * len(kept) / len(points),
        "kept_numbers": len(kept) * own.rows.shape[2],
        "kept_accuracy": terms.accuracy(classes[largest(small, new)], data.test.labels),
    }


def pictures(vectors: geometry.Floats, data: Data) -> Line:
    """For the pictures: gradients of the predicted class as images, and those of all points in the plane where they vary most."""
    middle = vectors - vectors.mean(axis=0)
    plane = middle @ np.linalg.svd(middle, full_matrices=False)[2][:2].T
    return {
        "images": [[float(f"{v:.3g}") for v in row] for row in vectors[:SHOWN]],
        "shown_labels": data.train.labels[:SHOWN].tolist(),
        "plane": [[float(f"{v:.3g}") for v in row] for row in plane],
        "plane_labels": [*data.train.labels.tolist(), *data.test.labels.tolist()],
    }
