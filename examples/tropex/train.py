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
from study.settings import Refused
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
LARGER = 3  # how many times as large as usual the other hidden shifts are
Line = dict[str, Any]


class NotExact(Exception):
    """What a theorem says did not come out: a fault of the toolkit."""


def ensure(right: bool, what: str) -> None:
    """Raises NotExact; it is there with `python -O`, too."""
    if not right:
        raise NotExact(f"{what}; please report this")


def train(run: Run, mnist: Path | None = None) -> Line:
    """The line of a run: its settings, and what was found. Shares are in per cent, angles in degrees."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    data = load(run.task, run.train, run.test, mnist, run.files)
    model = fit(run, data, run.seed)
    again = fit(run, data, run.seed + RETRAINED)
    x, new = RationalArray.of(data.train.rows), RationalArray.of(data.test.rows)
    net, other = network(model, data.side), network(again, data.side)
    found = extract_at(net, x)
    ensure_equal(found, x)
    every, around = terms.Terms(found), Around(net, concatenate([x, new]))
    decided, answers = largest(net, x), largest(net, new)
    others = Around(other, x).gradient_of(decided)
    if (around.gradient_of(decided).any(axis=1) & others.any(axis=1)).sum() < 2:
        raise Refused(f"{run.key}: a network that is constant around nearly all points has learnt nothing; another learning rate is needed")
    line = {
        "accuracy": terms.accuracy(answers, data.test.labels),
        "train_accuracy": terms.accuracy(decided, data.train.labels),
        "parameters": sum(p.numel() for p in model.parameters()),
        **certified(found, x, run.certified),
        **extracted(every, new, decided, answers, data),
        **regions_met(around, run.train),
        **coefficients(around.gradient_of(decided), around.patterns[: run.train], data),
        **retrained(around.gradient_of(decided), others, largest(other, new), answers),
        **shifted(net, x[: run.shifted], new),
        **slices(net, x, run),
        **sizes(net, x, run),
        **robustness(net, every, decided, new[: run.perturbed], data.test.labels[: run.perturbed], run),
        **pruned(every, x, new, decided, data),
        **pictures(around.gradient_of([*decided, *answers]), others[:SHOWN], data),
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
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        raise Refused(f"{run.key}: training left weights that are no numbers; a learning rate below {run.learning_rate:g} is needed")
    return model.eval()


def network(model: nn.Module, side: int) -> Network:
    """The exact network of the weights."""
    return xn.from_torch(model, (1, side, side))


def largest(net: Network, points: RationalArray) -> terms.Indices:
    """The class (n,) of the largest output."""
    return net.evaluate(points).numerators.argmax(axis=1)


def ensure_equal(found: PointwiseMap, points: RationalArray) -> None:
    """The extracted map is the network at all its points, in every output, exactly."""
    ensure(found.values(points) == found.net.evaluate(points), "the extracted map is not equal to the network")


def certified(found: PointwiseMap, points: RationalArray, count: int) -> Line:
    """The same for the first so many points, with a certificate that the checker, which shares no code, accepts."""
    part = extract_at(found.net, points[:count])
    ensure(xn.check(part.certificate) is True, "a certificate was neither accepted nor rejected")
    return {"certified": part.count}


def extracted(every: terms.Terms, new: RationalArray, decided: terms.Indices, answers: terms.Indices, data: Data) -> Line:
    """What the extracted function answers on test data, and where its numerators and denominators come from; "all" for comparison."""
    values, labels, count = every.values(new), data.test.labels, len(decided)
    own = terms.of_own_class(values, decided)
    guesses = terms.decisions(own)
    steps = [max(1, count * part // 8) for part in (1, 2, 4, 8)]
    return {
        "extracted": terms.accuracy(guesses, labels),
        "all": terms.accuracy(terms.decisions(values), labels),
        "agrees": terms.accuracy(guesses, answers),
        "steps": steps,
        "evolution": terms.evolution(values, decided, labels, steps),
        "cross": 100 * float(terms.cross_terms(own, guesses).mean()),
        "arising": 100 * terms.arising(every, own, guesses) / len(labels),
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


def shifted(net: Network, points: RationalArray, new: RationalArray) -> Line:
    """The terms at some points with other shifts: without K at the inputs, and with all of them so many times as large.

    The map is the same where it has to be, exactly: everywhere without K; at the data points with larger shifts, where each term gets more
    of the denominator's and the affine map of each point stays. `shift_changes` is the share of test points that are decided otherwise.
    """
    usual, plain = extract_at(net, points), extract_at(net, points, nonnegative=False)
    ensure(plain.values(new) == usual.values(new), "K changed the extracted map")
    other = extract_at(stacked(net, LARGER), points)
    ensure(other.values(points)[:, : net.output_dim] == net.evaluate(points), "a shift changed the map at a data point")
    first, second = terms.Terms(usual), terms.Terms(other)
    ensure_shifted(first, second, LARGER)
    decided, values = largest(net, points), second.values(new)
    both = (first.values(new), np.concatenate([values[: net.output_dim], values[-1:]]))
    guesses, moved = (terms.decisions(terms.of_own_class(v, decided)) for v in both)
    return {"shift_changes": 100 * float((guesses != moved).mean())}


def ensure_shifted(first: terms.Terms, second: terms.Terms, factor: int) -> None:
    """Q' = c Q and P'_j = P_j + (c - 1) Q in every term, for the first outputs: so P'_j - Q' = P_j - Q (`models.stacked`)."""
    count = first.rows.shape[1]
    below, larger = first.joined[-count:], second.joined[-count:]
    ensure(larger == below * factor, f"the denominator is not {factor} times as large")
    for j in range(first.classes):
        part = slice(j * count, (j + 1) * count)
        ensure(second.joined[part] == first.joined[part] + below * (factor - 1), "a shift changed an affine map")


def slices(net: Network, points: RationalArray, run: Run) -> Line:
    """The exact regions of the plane through three different training points."""
    different = list({row: i for i, row in reversed(list(enumerate(map(tuple, points.numerators.tolist()))))}.values())
    chosen = np.random.default_rng(run.seed).choice(sorted(different), 3, replace=False)
    found = geometry.cut(net, points[chosen], run.samples, run.seed)
    return {
        "slice_regions": found.regions,
        "slice_number": found.number,
        "slice_areas": found.own,
        "slice_estimates": found.estimated,
    }


def sizes(net: Network, points: RationalArray, run: Run) -> Line:
    """log10 of the volume of the region around a training point within the box, as means over points; the error is that of one point."""
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
    if not below:
        return {"sized": 0}
    return {
        "sized": len(below),
        "log_volume": float(np.mean(above)),
        "log_volume_below": float(np.mean(below)),
        "log_volume_error": float(np.sqrt(np.mean(np.square(errors)))),
    }


def robustness(net: Network, every: terms.Terms, decided: terms.Indices, points: RationalArray, labels: terms.Indices, run: Run) -> Line:
    """Accuracy at test points, and after steps of one size in each pixel: random ones, and against either function.

    A step against a function follows the signs of the gradient of the largest output but the right one minus the right one. (The
    denominator is common to both.)
    """

    def own(at: RationalArray) -> terms.Integers:
        return terms.of_own_class(every.values(at), decided)

    around, values = Around(net, points), own(points)
    mine, theirs = net.evaluate(points).numerators, values.max(axis=1)[:-1].T
    place = np.arange(len(points))
    rivals = [_rival(row, label) for row, label in zip(mine, labels, strict=True)]
    against = (around.gradients[place, rivals] - around.gradients[place, labels]).sign()
    others = np.array([_rival(row, label) for row, label in zip(theirs, labels, strict=True)])
    rows = terms.winning(every, values, decided, others) - terms.winning(every, values, decided, labels)
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
        line[f"extracted_{name}"] = terms.accuracy(terms.decisions(own(moved)), labels)
    return line


def _rival(values: Sequence[int], label: int) -> int:
    """The class of the largest value but that of the label."""
    return max((j for j in range(len(values)) if j != label), key=values.__getitem__)


def pruned(every: terms.Terms, points: RationalArray, new: RationalArray, decided: terms.Indices, data: Data) -> Line:
    """The network of few terms that decides all training points as the trained one does, exactly; its size and its test accuracy."""
    values = terms.of_own_class(every.values(points), decided)
    ensure(bool((terms.decisions(values) == decided).all()), "the extracted function decides a training point otherwise than the network")
    kept = terms.enough(values, decided)
    small = terms.classifier(every, kept, decided).to_network()
    classes = np.unique(decided)
    ensure(bool((classes[largest(small, points)] == decided).all()), "the pruned network decides otherwise")
    return {
        "kept": 100 * len(kept) / len(points),
        "kept_numbers": len(kept) * every.rows.shape[2],
        "kept_accuracy": terms.accuracy(classes[largest(small, new)], data.test.labels),
    }


def pictures(vectors: geometry.Floats, others: geometry.Floats, data: Data) -> Line:
    """For the pictures: gradients of the predicted class as images, those of the retrained network (of the same class, at the first
    points), and those of all points in the plane where they vary most.
    """
    middle = vectors - vectors.mean(axis=0)
    plane = middle @ np.linalg.svd(middle, full_matrices=False)[2][:2].T
    return {
        "images": _short(vectors[:SHOWN]),
        "retrained_images": _short(others),
        "shown_labels": data.train.labels[:SHOWN].tolist(),
        "plane": _short(plane),
        "plane_labels": [*data.train.labels.tolist(), *data.test.labels.tolist()],
    }


def _short(rows: geometry.Floats) -> list[list[float]]:
    return [[float(f"{v:.3g}") for v in row] for row in rows]
