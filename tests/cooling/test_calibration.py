"""Calibration errors: the cases of the theory, a plain reference in Fractions, laws, and bad input."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import expected_calibration_error as ece
from exactnn.cooling import maximum_calibration_error as mce
from exactnn.cooling import reliability_diagram
from exactnn.errors import ArgumentError, ExactnnError, NotFiniteError, ShapeError
from tests.strategies import law

F = Fraction


# --- a reference, one sample at a time ---------------------------------------------------------------------------------------


def gaps(confidences: list[Fraction], hits: list[Fraction], bins: int, closed: str, binning: str) -> list[tuple[int, Fraction]]:
    """(size, gap) of each bin that is not empty."""
    n = len(confidences)
    found: dict[int, list[int]] = {}
    for i, p in enumerate(confidences):
        if binning == "mass":
            p = F(sum(q <= p if closed == "right" else q < p for q in confidences), n)
        inside = [
            j for j in range(1, bins + 1) if (F(j - 1, bins) < p <= F(j, bins) if closed == "right" else F(j - 1, bins) <= p < F(j, bins))
        ]
        (place,) = inside or [1 if p == 0 else bins]
        found.setdefault(place, []).append(i)
    return [(len(m), abs(sum(hits[i] for i in m) - sum(confidences[i] for i in m)) / len(m)) for m in found.values()]


def top(rows: list[list[Fraction]], labels: list[int], ties: str) -> tuple[list[Fraction], list[Fraction]]:
    hits = []
    for row, y in zip(rows, labels, strict=True):
        best = [k for k, p in enumerate(row) if p == max(row)]
        hits.append(F(y in best, len(best)) if ties == "share" else F(y == best[0 if ties == "first" else -1]))
    return [max(row) for row in rows], hits


def errors(sizes: list[tuple[int, Fraction]]) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """l1, squared l2, max, weighted max."""
    n = sum(size for size, _ in sizes)
    return (
        sum((size * g for size, g in sizes), F(0)) / n,
        sum((size * g * g for size, g in sizes), F(0)) / n,
        max(g for _, g in sizes),
        max(size * g for size, g in sizes) / n,
    )


# --- the cases of the theory -------------------------------------------------------------------------------------------------

C1 = (["0.25", "0.25", "0.55", "0.75", "0.75"], [0, 0, 1, 1, 1])
C2 = ([["0.25", "0.20", "0.55"], ["0.55", "0.05", "0.40"], ["0.10", "0.30", "0.60"], ["0.90", "0.05", "0.05"]], [0, 1, 2, 0])


@pytest.mark.parametrize(
    ("case", "bins", "l1", "square", "largest"),
    [(C1, 2, F(29, 100), F(511, 6000), F(19, 60)), (C2, 3, F(1, 5), F(13, 300), F(7, 30))],
)
def test_closed_cases(case: Any, bins: int, l1: Fraction, square: Fraction, largest: Fraction) -> None:
    diagram = reliability_diagram(*case, bins=bins)
    assert ece(*case, bins=bins) == diagram.expected_error == l1
    assert diagram.squared_error == square
    assert mce(*case, bins=bins) == ece(*case, bins=bins, norm="max") == diagram.maximum_error == largest
    assert mce(*case, bins=bins, weighted=True) == diagram.weighted_maximum_error
    root = ece(*case, bins=bins, norm="l2")
    assert isinstance(root, float)
    assert abs(root - math.sqrt(square)) <= math.ulp(root)
    floats = np.array([[float(v) for v in row] if isinstance(row, list) else float(row) for row in case[0]])
    assert abs(ece(floats, case[1], bins=bins) - l1) < F(1, 2**50)


def test_an_edge_belongs_to_one_bin() -> None:  # C5
    assert [b.count for b in reliability_diagram(["1/2"], [0], bins=2).bins] == [1, 0]
    assert [b.count for b in reliability_diagram(["1/2"], [0], bins=2, closed="left").bins] == [0, 1]
    assert [b.count for b in reliability_diagram([0.5], [0], bins=2).bins] == [1, 0]
    assert [b.count for b in reliability_diagram([0.5], [0], bins=2, closed="left").bins] == [0, 1]


@pytest.mark.parametrize("closed", ["right", "left"])
def test_the_ends_are_counted(closed: str) -> None:  # C7, and confidence 1
    for kind in ([0, 1, "1/2"], [0.0, 1.0, 0.5]):
        counts = [b.count for b in reliability_diagram(kind, [0, 1, 1], bins=5, closed=closed).bins]
        assert counts == [1, 0, 1, 0, 1]
    assert ece([0, 0], [0, 1], bins=10, closed=closed) == F(1, 2)
    rows = [[1, 0], [1, 0], ["9/10", "1/10"]]
    assert ece(rows, [0, 0, 0], bins=10, closed=closed) == F(1, 30)  # a hidden bin for confidence 1 would not change this one;
    assert ece([[1, 0]] * 20 + [["19/20", "1/20"]] * 20, [1] * 20 + [0] * 20, bins=10, closed=closed) == F(475, 1000)  # but this: to .525


def test_three_tenths_of_ten_bins() -> None:  # C8
    def place(p: Any, closed: str) -> int:
        return next(j for j, b in enumerate(reliability_diagram([p], [0], bins=10, closed=closed).bins) if b.count)

    for k in range(11):
        assert place(F(k, 10), "right") == max(k - 1, 0)
        assert place(F(k, 10), "left") == min(k, 9)
        low, exact = k / 10, F(k / 10)  # the float is the dyadic number beside k/10 that it is
        assert place(low, "right") == max(k - 1, 0) + (exact > F(k, 10))
        assert place(low, "left") == min(k, 9) - (exact < F(k, 10))
    assert np.linspace(0, 1, 11)[3] > 0.3  # why float edges misplace it


def test_one_bin_is_the_difference_of_means() -> None:  # C10
    assert ece(*C1, bins=1) == abs(F(3, 5) - F(255, 500))
    assert ece(*C2, bins=1) == abs(F(1, 2) - F(260, 400))


def test_what_torchmetrics_has_wrong() -> None:
    p = [F(3, 10)] * 3 + [F(35, 100)] * 2
    assert ece(p, [1, 0, 0, 1, 1], bins=10) == (3 * F(1, 30) + 2 * F(65, 100)) / 5


# --- beside the reference ----------------------------------------------------------------------------------------------------


@st.composite
def rational_rows(draw: st.DrawFn) -> tuple[list[list[Fraction]], list[int]]:
    """Rows with many ties and many confidences on edges."""
    classes, n, d = draw(st.integers(2, 4)), draw(st.integers(1, 9)), draw(st.sampled_from([2, 4, 6, 10, 16]))
    rows = []
    for _ in range(n):
        cuts = sorted(draw(st.lists(st.integers(0, d), min_size=classes - 1, max_size=classes - 1)))
        rows.append([F(b - a, d) for a, b in zip([0, *cuts], [*cuts, d], strict=True)])
    return rows, draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))


OPTIONS = {
    "bins": st.sampled_from([1, 2, 3, 5, 10]),
    "closed": st.sampled_from(["right", "left"]),
    "binning": st.sampled_from(["width", "mass"]),
}


@given(rational_rows(), st.fixed_dictionaries(OPTIONS), st.sampled_from(["first", "last", "share"]))
@law(120)
def test_rows_beside_the_reference(case: Any, options: Any, ties: str) -> None:
    rows, labels = case
    expected = errors(gaps(*top(rows, labels, ties), **options))
    diagram = reliability_diagram(rows, labels, ties=ties, **options)
    assert expected == (diagram.expected_error, diagram.squared_error, diagram.maximum_error, diagram.weighted_maximum_error)
    found = {norm: ece(rows, labels, ties=ties, norm=norm, **options) for norm in ("l1", "max")}
    assert found == {"l1": expected[0], "max": expected[2]}
    assert mce(rows, labels, ties=ties, weighted=True, **options) == expected[3]
    one_by_one = [errors(gaps([r[k] for r in rows], [F(y == k) for y in labels], **options)) for k in range(len(rows[0]))]
    assert ece(rows, labels, mode="classwise", **options) == sum(e[0] for e in one_by_one) / len(rows[0])
    assert mce(rows, labels, mode="classwise", **options) == max(e[2] for e in one_by_one)
    square = sum(e[1] for e in one_by_one) / len(rows[0])
    assert abs(ece(rows, labels, mode="classwise", norm="l2", **options) - math.sqrt(square)) <= 2 * math.ulp(math.sqrt(square))


@given(
    st.lists(st.tuples(st.floats(0, 1) | st.integers(0, 20).map(lambda k: k / 20), st.integers(0, 1)), min_size=1, max_size=12),
    st.fixed_dictionaries(OPTIONS),
)
@law(120)
def test_floats_are_the_rationals_they_are(pairs: Any, options: Any) -> None:
    values, labels = [p for p, _ in pairs], [y for _, y in pairs]
    exact = [F(p) for p in values]
    expected = errors(gaps(exact, [F(y) for y in labels], **options))
    for given_values in (np.array(values), torch.tensor(values, dtype=torch.float64), values, exact):
        assert ece(given_values, labels, **options) == expected[0]
        assert mce(given_values, labels, **options) == expected[2]
    assert mce(np.array(values), np.array(labels), weighted=True, **options) == expected[3]
    binary = [[1 - p, p] for p in exact]
    assert ece(np.array(values), labels, mode="top-label", **options) == errors(gaps(*top(binary, labels, "first"), **options))[0]


def test_bulk_is_exact() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(400, 7)).astype(np.float32)
    p = torch.softmax(torch.tensor(z), dim=1)
    labels = rng.integers(0, 7, 400)
    rows = [[F(v) for v in row] for row in p.double().tolist()]
    expected = errors(gaps(*top(rows, labels.tolist(), "first"), 15, "right", "width"))
    assert ece(p, torch.tensor(labels)) == ece(p.numpy(), labels) == expected[0]
    assert mce(p, labels) == expected[2]
    assert ece(p.to(torch.bfloat16), labels) == ece(p.to(torch.bfloat16).double().numpy().astype(np.float16), labels)


# --- laws --------------------------------------------------------------------------------------------------------------------


@given(rational_rows(), st.fixed_dictionaries(OPTIONS), st.integers(2, 3), st.randoms(use_true_random=False))
@law(80)
def test_laws(case: Any, options: Any, factor: int, random: Any) -> None:
    rows, labels = case
    diagram = reliability_diagram(rows, labels, **options)
    merged = options | {"bins": options["bins"] * factor}
    assert diagram.expected_error <= ece(rows, labels, **merged)  # merging bins never raises it
    assert abs(diagram.accuracy - diagram.confidence) == ece(rows, labels, **(options | {"bins": 1})) <= diagram.expected_error
    assert diagram.squared_error >= diagram.expected_error**2  # RMSCE >= ECE
    assert diagram.maximum_error >= diagram.expected_error >= diagram.weighted_maximum_error
    order = list(range(len(rows)))
    random.shuffle(order)
    assert reliability_diagram([rows[i] for i in order], [labels[i] for i in order], **options) == diagram
    assert ece(rows * 2, labels * 2, **options) == diagram.expected_error
    turned = [row[::-1] for row in rows], [len(rows[0]) - 1 - y for y in labels]
    assert ece(*turned, ties="last", **options) == diagram.expected_error
    assert ece(*turned, ties="share", **options) == ece(rows, labels, ties="share", **options)


@given(rational_rows())
@law(20)
def test_pixels_are_samples(case: Any) -> None:
    rows, labels = case
    assume(len(rows) % 2 == 0)
    p = np.array(rows, dtype=object).reshape(2, -1, len(rows[0]))
    y = np.array(labels).reshape(2, -1)
    assert ece(p.tolist(), y) == ece(rows, labels)
    assert ece(np.moveaxis(p, -1, 1).tolist(), y, class_axis=1) == ece(rows, labels)
    keep = [i for i, label in enumerate(labels) if label != 0]
    marked = np.where(y == 0, 255, y)
    if keep:
        assert ece(p.tolist(), marked, ignore_label=255) == ece([rows[i] for i in keep], [labels[i] for i in keep])
    else:
        with pytest.raises(ArgumentError, match="every label is 255"):
            ece(p.tolist(), marked, ignore_label=255)


# --- diagrams and bad input --------------------------------------------------------------------------------------------------


def test_a_diagram_has_its_bins() -> None:
    diagram = reliability_diagram(*C1, bins=4)
    assert [b.count for b in diagram.bins] == [2, 0, 3, 0]
    assert (diagram.bins[1].confidence, diagram.bins[1].gap, diagram.bins[1].lower) == (None, 0, F(1, 4))
    assert (diagram.count, diagram.accuracy, diagram.confidence, diagram.mode) == (5, F(3, 5), F(51, 100), "binary")
    mass = reliability_diagram(*C1, bins=4, binning="mass")  # ties stay together: F = 2/5, 3/5, 1
    assert [(b.count, b.lower, b.upper) for b in mass.bins] == [
        (0, None, None),
        (2, F(1, 4), F(1, 4)),
        (1, F(11, 20), F(11, 20)),
        (2, F(3, 4), F(3, 4)),
    ]


@pytest.mark.parametrize("binning", ["width", "mass"])
def test_it_is_drawn(binning: str) -> None:
    pytest.importorskip("matplotlib")
    diagram = xn.cooling.reliability_diagram(*C2, bins=3, binning=binning)
    axes = diagram.plot()
    heights = [patch.get_height() for patch in axes.patches]
    filled = [b for b in diagram.bins if b.accuracy is not None]
    assert heights[: len(filled)] == [float(b.accuracy or 0) for b in filled]
    assert "ECE 0.2000" in axes.get_title() or binning == "mass"
    legend = axes.get_legend()
    assert legend is not None
    assert sorted(text.get_text() for text in legend.get_texts()) == ["accuracy", "gap to mean confidence", "no gap", "share of samples"]


@pytest.mark.parametrize(
    ("probabilities", "labels", "options", "error", "words"),
    [
        ([], [], {}, ArgumentError, "at least one sample"),  # C9
        (np.zeros((0, 3)), np.zeros(0, dtype=int), {}, ArgumentError, "at least one sample"),
        ([[0.5, 0.4]], [0], {}, ArgumentError, "sum of about 0.9 in row 0, off by about -0.1"),
        ([["1/2", "1/3"]], [0], {}, ArgumentError, "sum of 5/6 in row 0, off by -1/6"),
        ([["1/3", "1/3", "33333/100000"]], [0], {}, ArgumentError, "off by -1/300000"),
        ([[1.5, -0.5]], [0], {}, ArgumentError, r"0 to 1 are needed, got 1.5 at index \(0, 0\)"),
        ([[0.5, 0.5]], [2], {}, ArgumentError, r"0 to 1 are needed, got 2 at index \(0,\)"),
        ([[0.5, 0.5]], [-100], {}, ArgumentError, "ignore_label"),
        ([[0.5, 0.5]], [0.5], {}, ArgumentError, "integers from 0 to 1"),
        ([[0.5, 0.5]], ["a"], {}, ArgumentError, "integers from 0 to 1"),
        ([[0.5, 0.5]], [math.nan], {}, NotFiniteError, "labels"),
        ([[0.5, 0.5]], [0, 1], {}, ShapeError, "one for each sample"),
        ([[0.5, 0.5], [1.0]], [0, 1], {}, ShapeError, "ragged"),
        ([[0.5, 0.5]], [[0], [1, 1]], {}, ShapeError, "ragged"),
        ([[1.0], [1.0]], [0, 0], {}, ArgumentError, "at least two classes"),
        ([[math.nan, 0.5]], [0], {}, NotFiniteError, "probabilities"),
        (np.array([[math.inf, 0.5]]), [0], {}, NotFiniteError, r"\(0, 0\)"),
        ([[0.5, 0.5]], [0], {"bins": 0}, ArgumentError, "bins: an integer from 1"),
        ([[0.5, 0.5]], [0], {"bins": -3}, ArgumentError, "bins: an integer from 1"),
        ([[0.5, 0.5]], [0], {"bins": 2.5}, ArgumentError, "bins: an integer from 1"),
        ([[0.5, 0.5]], [0], {"bins": True}, ArgumentError, "bins: an integer from 1"),
        ([[0.5, 0.5]], [0], {"norm": "l3"}, ArgumentError, "norm: one of l1, l2, max"),
        ([[0.5, 0.5]], [0], {"binning": "quantile"}, ArgumentError, "binning: one of"),
        ([[0.5, 0.5]], [0], {"closed": "both"}, ArgumentError, "closed: one of"),
        ([[0.5, 0.5]], [0], {"ties": "random"}, ArgumentError, "ties: one of"),
        ([[0.5, 0.5]], [0], {"mode": "top"}, ArgumentError, "mode: one of"),
        ([[0.5, 0.25, 0.25]], [0], {"mode": "binary"}, ArgumentError, "two classes, got 3"),
        ([[0.5, 0.5]], [0], {"class_axis": 2}, ArgumentError, "class_axis"),
        (0.5, [0], {}, ShapeError, "one number"),
    ],
)
def test_bad_input(probabilities: Any, labels: Any, options: Any, error: type[ExactnnError], words: str) -> None:
    with pytest.raises(error, match=words):
        ece(probabilities, labels, **options)


@pytest.mark.parametrize(
    ("probabilities", "axis"),
    [
        ([["1/3", "2/3"], ["1/2", "1/2"]], -1),
        (np.array([[0.2, 0.8], [0.6, 0.4]], dtype=np.float16), -1),
        (np.array([[0.2, 0.5], [0.8, 0.5]]), 0),
    ],
)
def test_one_hot_rows_are_no_samples_of_their_own(probabilities: Any, axis: int) -> None:
    """Beside rows of class probabilities they would be read as labels of numbers P(class 1), with another error."""
    labels = np.array([[0, 1], [1, 0]])
    with pytest.raises(ArgumentError, match="argmax"):
        ece(probabilities, labels, class_axis=axis)
    no_rows = np.array([[1, 1], [1, 0]])
    flat = [value for row in np.asarray(probabilities).tolist() for value in row]
    assert ece(probabilities, no_rows, class_axis=axis) == ece(flat, [1, 1, 1, 0])


def test_rounded_rows_may_miss_1_by_little() -> None:
    p = np.full((2, 3), 1 / 3, dtype=np.float32)
    assert ece(p, [0, 1]) == abs(F(1, 2) - F(float(np.float32(1 / 3))))
    half = np.array([[0.333, 0.333, 0.333]], dtype=np.float16)
    assert ece(half, [0]) == 1 - F(float(half[0, 0]))
    with pytest.raises(ArgumentError, match="may be off by 1/10000"):
        ece(half.astype(np.float64), [0])


def test_a_classwise_diagram_is_refused_by_its_reason() -> None:
    with pytest.raises(ArgumentError, match="labels == k"):
        reliability_diagram(*C2, mode="classwise")
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert reliability_diagram(p[:, 1], np.array([1, 0]) == 1, bins=2).count == 2
